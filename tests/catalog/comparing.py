"""What a catalogue must say, worked out anew from the logs, and a search that is written to be read."""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eventlog.backend import START
from eventlog.catalog import Catalog, SessionRow, Wanted, read_row, text_of
from eventlog.codec import MAX_SEQ
from eventlog.health import Health
from eventlog.opening import Opener
from eventlog.reading import read_events
from eventlog.record import RecordedEvent
from eventlog.store import SESSION_ID, Store, open_store

Text = tuple[str, int, str]
"""Something that was said: session, seq, role."""

ALL = Wanted()
MOST = 10**6
_COUNTS = ("torn", "suspect", "damaged", "gaps", "bytes")


def catalog_of(place: Path, **how: Any) -> Catalog:
    """Open the catalogue as another process would."""
    return Catalog(open_store(place).backend, is_id=SESSION_ID.fullmatch, **how)


def rows_of(catalog: Catalog) -> dict[str, SessionRow]:
    """Return what is listed."""
    return {row.id: row for row in catalog.sessions(ALL).rows}


def read_rows(store: Store) -> dict[str, SessionRow]:
    """Make every row from its log alone; where the damage is, a catalogue does not keep."""
    return {name: _row(store, name) for name in store.ids()}


def _row(store: Store, session_id: str) -> SessionRow:
    row = read_row(session_id, store.backend.read(session_id, START))
    health = Health(**{name: getattr(row.health, name) for name in _COUNTS})
    size = store.backend.stamps()[session_id].size
    about = (row.metadata, row.models, row.origin, size, row.tokens)
    return SessionRow(row.id, row.summary, health, row.problem, *about)


def texts_of(catalog: Catalog, query: str = "") -> set[Text]:
    """Return what is found; by an empty query, all there is."""
    found = catalog.search(query, ALL, limit=MOST)
    texts = {(hit.session_id, hit.seq, hit.role) for hit in found}
    assert len(texts) == len(found)
    return texts


def read_texts(store: Store) -> dict[Text, str]:
    """Work out all that can be found, and what it says, from the logs alone."""
    texts: dict[Text, str] = {}
    for name in store.ids():
        for seq, (role, text) in _said(store, name).items():
            texts[name, seq, role] = text
    return texts


def _said(store: Store, name: str) -> dict[int, tuple[str, str]]:
    """Return what a session says, by event: without what was erased, replaced or finished since."""
    said: dict[int, tuple[str, str]] = {}
    passing: dict[int, int] = {}  # seq of a checkpoint -> its call; of a title -> 0
    for event in read_events(store.backend, name):
        if event["type"] == "content.erased":
            for seq in event["data"]["seqs"]:
                said.pop(seq, None)
        for seq in [seq for seq, call in passing.items() if call == _finished_by(event)]:
            del passing[seq]
            said.pop(seq, None)
        if text := text_of(Opener(store.backend).words(event)):
            said[event["seq"]] = _role(event), text
            call = event["data"].get("call", 0)
            if event["type"] == "title.set":
                passing[event["seq"]] = 0
            elif event["type"] == "reply.streamed" and 0 < call <= MAX_SEQ:
                passing[event["seq"]] = call
    return said


def _finished_by(event: RecordedEvent) -> int | None:
    """Return the call whose checkpoints an event replaces, 0 for the title."""
    if event["type"] == "title.set":
        return 0
    return (event["data"].get("call") or None) if event["type"] == "message.added" else None


def _role(event: RecordedEvent) -> str:
    if event["type"] == "message.added":
        return str(event["data"]["role"])
    return {"title.set": "title", "context.summarized": "summary"}.get(event["type"], "assistant")


def assert_true(catalog: Catalog, store: Store) -> None:
    """Check that a catalogue lists and finds what the logs hold, and nothing else."""
    assert rows_of(catalog) == read_rows(store)
    assert texts_of(catalog) == set(read_texts(store))


# A search by going through everything.


def found(store: Store, matches: Callable[[str], bool]) -> set[Text]:
    """Return where a text is for which `matches` holds."""
    return {place for place, text in read_texts(store).items() if matches(text)}


def words(text: str) -> list[str]:
    """Cut a text into words without case and accents; where scripts use no spaces, into characters."""
    found = [""]
    for character in _folded(text):
        if unicodedata.name(character, "").startswith(_UNSPACED):
            found += [character, ""]
        elif character.isalnum():
            found[-1] += character
        else:
            found.append("")
    return list(filter(None, found))


def holds(text: str, phrase: str) -> bool:
    """Whether a text holds the words of a phrase, one right behind the other."""
    have, want = words(text), words(phrase)
    return any(have[i : i + len(want)] == want for i in range(len(have) - len(want) + 1))


_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "THAI")


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(c for c in apart if not "\u0300" <= c <= "\u036f" and c not in "\u200b\ufe0f")
    return unicodedata.normalize("NFC", bare)
