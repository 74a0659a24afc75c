"""What was said, to be searched: every message, title and summary of every session.

The index holds words and where each was said, not the text: a hit is read from its log when it is
shown. A text leaves the index by being cut into the same words once more, so it is taken out while
the log still has it; where that comes too late its words stay behind, found by nobody, and are
counted, until they are worth making the index anew.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

from eventlog import codec
from eventlog.backend import Block, Stamp
from eventlog.errors import InvalidQueryError, SessionNotFoundError
from eventlog.health import Health
from eventlog.opening import Opener
from eventlog.projections.messages import ERASED
from eventlog.record import RecordedEvent

from . import outputs
from .rows import key_of
from .words import TOKENIZER, Query, searchable

TABLES = f"""
CREATE TABLE said (
  doc INTEGER PRIMARY KEY AUTOINCREMENT, session INTEGER, seq INTEGER, offset INTEGER, role INTEGER, at TEXT,
  fingerprint INTEGER, passing INTEGER
);
CREATE INDEX said_in ON said (session, seq);
CREATE INDEX said_in_passing ON said (session) WHERE passing IS NOT NULL;
CREATE TABLE leftovers (doc INTEGER PRIMARY KEY, secret INTEGER);
CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize="{TOKENIZER}");
INSERT INTO words (words, rank) VALUES ('hashsize', 33554432);
"""

ROLES = ("system", "developer", "user", "assistant", "tool", "title", "summary")
"""Whose words: a message's role, or those of a title or of a model's summary."""

_TITLE = 0  # in `passing`: this is the title, until the next one; other numbers are model calls

TextsOf = Callable[[str, Mapping[int, int | None]], Iterable[tuple[int, str]]]
"""Reads texts of a session from its log: seqs, each with where its line begins; gives what is there."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a query was found: event `seq` of a session, who said it (ROLES) and when.

    `offset` is where its line begins, if that is known.
    """

    session_id: str
    title: str
    seq: int
    role: str
    at: str
    offset: int | None


class _Said(NamedTuple):
    """What one event says, as a row of the table `said`, and its words as the index has them."""

    offset: int | None
    role: int
    at: str
    fingerprint: int
    passing: int | None
    words: str


class TextIntake:
    """Takes one session's events into the index; what is there already, and the same, stays.

    Raises SessionNotFoundError for one that has no row.
    """

    def __init__(
        self,
        database: sqlite3.Connection,
        session_id: str,
        *,
        resumed: bool,
        texts_of: TextsOf,
        opener: Opener,
    ) -> None:
        self._database = database
        self._id = session_id
        self._texts_of = texts_of
        self._opener = opener
        self._key = key_of(database, session_id)
        if self._key is None:
            raise SessionNotFoundError(session_id)
        self._offsets: dict[tuple[int, str], int] = {}
        self._known: dict[int, tuple[int, tuple[Any, ...]]] = {}  # seq -> doc, all but its words
        self._passing: dict[int, list[int]] = {}  # call, or _TITLE -> seqs in the index
        self._waiting: dict[int, dict[int, _Said]] = {}  # the same -> what is not there yet
        self._erased: set[int] = set()
        self._load(resumed=resumed)

    def take(self, events: Sequence[RecordedEvent], block: Block | None) -> None:
        """Index what the events say; take out what they replace."""
        if block:
            self._offsets = (
                {**self._offsets, **_offsets(block)} if self._offsets else _offsets(block)
            )
        for event in events:
            self._take(event)
        if events:
            last = events[-1]["seq"]
            self._offsets = {key: at for key, at in self._offsets.items() if key[0] > last}

    def end(self, health: Health, stamp: Stamp) -> None:
        """Take in what nothing replaced; take out what the log does not say any more."""
        del health, stamp
        for waiting in self._waiting.values():
            for seq, said in waiting.items():
                self._put(seq, said)
        gone = self._known.keys()
        for seqs, secret in ((gone - self._erased, False), (gone & self._erased, True)):
            self._remove(sorted(seqs), secret=secret)

    def fail(self, problem: str, stamp: Stamp) -> None:
        """Take out all: the log cannot be read."""
        del problem, stamp
        remove(self._database, self._id, self._texts_of)

    def _load(self, *, resumed: bool) -> None:
        columns = "seq, doc, offset, role, at, fingerprint, passing FROM said WHERE session = ?"
        if not resumed:
            outputs.forget(self._database, self._key)
            found = self._database.execute(f"SELECT {columns}", (self._key,))
            self._known = {seq: (doc, tuple(told)) for seq, doc, *told in found}
            return
        found = self._database.execute(
            f"SELECT {columns} AND passing IS NOT NULL",
            (self._key,),
        )
        for seq, *_, passing in found:
            self._passing.setdefault(passing, []).append(seq)

    def _take(self, event: RecordedEvent) -> None:
        kind, data, seq = event["type"], event["data"], event["seq"]
        if kind == "content.erased":
            self._erase(_numbers(data.get("seqs")))
        elif kind == "message.added":
            self._drop_passing(_call_of(data))
        elif kind == "title.set":
            self._drop_passing(_TITLE)
        text = self._text_of(event)
        if not text:
            return
        words, passing = searchable(text), _passing(event)
        offset, role = self._offsets.get((seq, event["hash"])), ROLES.index(_role(event))
        said = _Said(offset, role, event["at"], _fingerprint(words), passing, words)
        if passing is None:
            self._put(seq, said)
        else:
            self._waiting.setdefault(passing, {})[seq] = said

    def _text_of(self, event: RecordedEvent) -> str:
        """Return what an event says, and note what of it is not at hand."""
        opener = self._opener.anew()
        text = text_of(opener.words(event))
        if opener.lost:
            self._opener.lost.update(opener.lost)
            outputs.note(self._database, self._key, event["seq"], opener.lost.values())
        return text

    def _erase(self, seqs: Sequence[int]) -> None:
        self._erased.update(seqs)
        for waiting in self._waiting.values():
            for seq in seqs:
                waiting.pop(seq, None)
        there = [seq for seq in seqs if seq not in self._known]  # those are not known to be said
        self._remove(there, secret=True)

    def _drop_passing(self, passing: int | None) -> None:
        if passing is not None:
            self._waiting.pop(passing, None)
            self._remove(self._passing.pop(passing, ()), secret=False)

    def _put(self, seq: int, said: _Said) -> None:
        doc, known = self._known.pop(seq, (None, ()))
        *told, words = said
        if doc is not None and known[_PRINT] == said.fingerprint:
            if known != tuple(told):
                self._database.execute(
                    "UPDATE said SET offset = ?, role = ?, at = ?, fingerprint = ?, passing = ? "
                    "WHERE doc = ?",
                    (*told, doc),
                )
            return
        if doc is not None:
            self._remove([seq], secret=False)
        cursor = self._database.execute(
            "INSERT INTO said (session, seq, offset, role, at, fingerprint, passing) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._key, seq, *told),
        )
        self._database.execute(
            "INSERT INTO words (rowid, text) VALUES (?, ?)", (cursor.lastrowid, words)
        )

    def _remove(self, seqs: Sequence[int], *, secret: bool) -> None:
        if seqs:
            remove(self._database, self._id, self._texts_of, seqs, secret=secret)


_PRINT = _Said._fields.index("fingerprint")


def text_of(event: RecordedEvent) -> str:
    """Return what an event says that can be searched; empty if it says nothing."""
    kind, data = event["type"], event["data"]
    if kind == "message.added":
        calls = data.get("tool_calls")
        functions = [call.get("function") for call in calls or () if isinstance(call, dict)]
        named = [
            part
            for f in functions
            if isinstance(f, dict)
            for part in (f.get("name"), f.get("arguments"))
        ]
        return _joined([*_texts(data.get("content")), data.get("reasoning"), *named])
    if kind in ("reply.streamed", "context.summarized"):
        return _joined([data.get("text"), data.get("reasoning")])
    return _joined([data.get("title")]) if kind == "title.set" else ""


def _texts(content: Any) -> list[Any]:
    if isinstance(content, list):
        return [part.get("text") for part in content if isinstance(part, dict)]
    return [content]


def _joined(parts: Iterable[Any]) -> str:
    return "\n".join(part for part in parts if isinstance(part, str) and part not in ("", ERASED))


def _role(event: RecordedEvent) -> str:
    kind = event["type"]
    if kind == "message.added":
        role = event["data"].get("role")
        return role if role in ROLES else "user"
    return {"title.set": "title", "context.summarized": "summary"}.get(kind, "assistant")


def _passing(event: RecordedEvent) -> int | None:
    if event["type"] == "title.set":
        return _TITLE
    return _call_of(event["data"]) if event["type"] == "reply.streamed" else None


def _call_of(data: dict[str, Any]) -> int | None:
    """Return the model call that an event names, if it can be one's number."""
    call = data.get("call")
    return call if isinstance(call, int) and _TITLE < call <= codec.MAX_SEQ else None


def _numbers(value: Any) -> list[int]:
    if not isinstance(value, list):
        return []
    return [each for each in value if isinstance(each, int) and 0 < each <= codec.MAX_SEQ]


def _offsets(block: Block) -> dict[tuple[int, str], int]:
    """Return where each event's line begins, by the number and the hash that it says it has."""
    offsets, position = {}, block.start + block.skipped
    for line in block.lines:
        seq, hash_ = codec.claimed_seq(line), codec.claimed_hash(line)
        if seq is not None and hash_:
            offsets[seq, hash_] = position
        position += len(line) + 1
    return offsets


def _fingerprint(words: str) -> int:
    """Return a number that tells whether a text is what it was, by its bytes and their count."""
    data = words.encode("utf-8", "replace")
    return crc32(data) << 28 | len(data)


def remove(
    database: sqlite3.Connection,
    session_id: str,
    read: TextsOf,
    seqs: Sequence[int] | None = None,
    *,
    secret: bool = False,
) -> None:
    """Take events' texts out of the index, by default all of a session's.

    `secret`: what they said must leave the file too, so words that have to stay behind make the
    index due to be made anew.
    """
    if seqs is None:
        outputs.forget(database, key_of(database, session_id))
    found = _places(database, session_id, seqs)
    if not found:
        return
    for seq, text in read(session_id, {seq: offset for seq, (_, offset, _) in found.items()}):
        doc, _, fingerprint = found.get(seq, (None, None, None))
        words = searchable(text)
        if doc is not None and _fingerprint(words) == fingerprint:
            del found[seq]
            database.execute(
                "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (doc, words)
            )
            database.execute("DELETE FROM said WHERE doc = ?", (doc,))
    for doc, _, _ in found.values():
        database.execute("INSERT OR REPLACE INTO leftovers VALUES (?, ?)", (doc, secret))
        database.execute("DELETE FROM said WHERE doc = ?", (doc,))


def _places(
    database: sqlite3.Connection, session_id: str, seqs: Sequence[int] | None
) -> dict[int, tuple[int, int | None, int]]:
    """Return what is in the index of a session: seq -> doc, offset, fingerprint."""
    key = key_of(database, session_id)
    columns = "SELECT seq, doc, offset, fingerprint FROM said WHERE session = ?"
    found: Iterable[Any] = database.execute(columns, (key,))
    if seqs is not None:
        found = (row for s in seqs for row in database.execute(f"{columns} AND seq = ?", (key, s)))
    return {seq: (doc, offset, fingerprint) for seq, doc, offset, fingerprint in found}


def is_due(database: sqlite3.Connection) -> bool:
    """Whether so much, or something so secret, has stayed behind that the index must be made anew."""
    secret, left = database.execute("SELECT total(secret), count(*) FROM leftovers").fetchone()
    if secret or left <= _FEW:
        return bool(secret)
    (there,) = database.execute("SELECT count(*) FROM said").fetchone()
    return bool(left > there // 4)


_FEW = 1000


def has_leftovers(database: sqlite3.Connection) -> bool:
    """Whether words have stayed behind of texts that are gone."""
    return database.execute("SELECT 1 FROM leftovers LIMIT 1").fetchone() is not None


def clear(database: sqlite3.Connection) -> None:
    """Empty the index; what was in it is overwritten."""
    database.execute("INSERT INTO words (words) VALUES ('delete-all')")
    for table in ("said", "leftovers", "lacking"):
        database.execute(f"DELETE FROM {table}")


def wipe(database: sqlite3.Connection) -> None:
    """Let nothing remain in the file of what was taken out of the index.

    Raises TimeoutError if somebody keeps it open, so that it cannot be overwritten.
    """
    database.execute("INSERT INTO words (words) VALUES ('optimize')")
    busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise TimeoutError("another process keeps reading it")


def find(
    database: sqlite3.Connection,
    query: Query,
    where: tuple[str, list[Any]],
    *,
    newest: bool,
    limit: int,
) -> list[Hit]:
    """Return the hits of a query among the sessions that `where` selects, in order.

    Raises InvalidQueryError for one that the index finds too long.
    """
    condition, values = where
    source, match, order = "said", "1", "said.at DESC, said.doc DESC"
    if query.expression:
        source, match = "words JOIN said ON said.doc = words.rowid", "words MATCH ?"
        order = order if newest else f"bm25(words), {order}"
        values = [query.expression, *values]
    try:
        found = database.execute(
            f"SELECT sessions.id, title, seq, role, said.at, offset FROM {source} "
            f"JOIN sessions ON sessions.key = said.session WHERE {match} AND {condition} "
            f"ORDER BY {order} LIMIT ?",
            (*values, limit),
        ).fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR and "fts5" in str(error):
            raise InvalidQueryError(f"too much is asked at once ({error})") from None
        raise
    return [
        Hit(id_, title, seq, ROLES[role], at, offset) for id_, title, seq, role, at, offset in found
    ]
