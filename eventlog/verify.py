"""Check a log from its first byte to its last, and hold it against what it was once.

A head is a small fact that can be kept anywhere: which log, how far, and the hash there. As each
line covers the one before it, a log that is intact up to that place and has that hash there still
has everything up to it, unchanged; also a cut-off end, which a log alone cannot know of, is seen so.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from eventlog import codec
from eventlog.backend import START
from eventlog.chain import Chain, Health
from eventlog.checking import Named, Names
from eventlog.errors import EventLogError
from eventlog.reading import feed, size_of
from eventlog.store import Progress, Store


@dataclass(frozen=True, slots=True)
class Head:
    """How a log stands: its session, salt and generation, the last event's `seq` and hash, bytes."""

    session: str
    salt: str
    generation: int
    version: int
    hash: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Report:
    """What verifying one session found; `events` counts those that a reader takes.

    `named` has the blobs that those name, where their content is not erased; `checking.Blobs` looks
    at them.
    """

    session_id: str
    events: int
    health: Health
    head: Head
    named: tuple[Named, ...] = ()


def verify(store: Store, session_id: str, progress: Progress = lambda _: None) -> Report:
    """Read every byte of a session's log and report on it; it is not changed, no lock is taken.

    Where it is damaged, the next list or search reads it anew, too.
    Raises SessionNotFoundError, UnsupportedFormatError.
    """
    chain, names, rest, count = Chain(session_id), Names(), b"", 0
    header: dict[str, Any] = {}
    for block in store.backend.read(session_id, START):
        events = feed(chain, block)
        if events and events[0]["seq"] == 1:
            header = events[0]["data"]
        names.see(events)
        count += len(events)
        rest = block.rest
        progress(size_of(block))
    settled = chain.settle()
    names.see(settled)
    count += len(settled)
    health = chain.health(rest)
    if not health.ok:
        with suppress(EventLogError):  # a catalogue that cannot be changed changes no verdict
            store.catalog().reread(session_id)
    head = Head(
        session_id,
        header.get("salt", ""),
        header.get("generation", 0),
        chain.seq,
        chain.hash,
        health.bytes,
    )
    return Report(session_id, count, health, head, tuple(names))


def parse_head(text: str) -> Head:
    """Read a head as `eventlog verify --head` prints it. Raises EventLogError if it is none."""
    try:
        head = Head(**codec.load_json(text))
    except TypeError:
        head = None
    if head is None or list(map(type, asdict(head).values())) != [str, str, int, int, str, int]:
        raise EventLogError("that is no head: give what `eventlog verify --head` printed")
    return head


def compare(store: Store, head: Head) -> str | None:
    """Say what is wrong with a log when held against an earlier head; None: all is still there.

    A log that was compacted or repaired since is held against the archive of that generation.
    Raises SessionNotFoundError.
    """
    now = verify(store, head.session)
    if head.version < 1:
        return None
    if now.head.salt != head.salt and now.head.salt:  # without one, its first line is lost
        return "this is another log under the same name"
    if now.head.generation > head.generation:
        return _compare_archive(store, head)
    if now.head.version < head.version:
        return f"it ended at event {head.version} then, and ends at event {now.head.version} now"
    event = next(store.open(head.session).events(head.version - 1), None)
    if event is None or event["hash"] != head.hash:
        return f"event {head.version} is not what it was"
    damaged = any(d.kind != "torn" and d.offset < head.bytes for d in now.health.where)
    return "events before it are damaged: eventlog verify tells which" if damaged else None


def _compare_archive(store: Store, head: Head) -> str | None:
    if any(_holds(lines, head) for lines in store.backend.copies(head.session)):
        return None
    return (
        f"it was rewritten since (generation {head.generation} then), "
        "and no archive holds all that it was"
    )


def _holds(lines: Iterator[bytes], head: Head) -> bool:
    """Whether an archive holds what the head proves, with nothing damaged before it."""
    chain = Chain(head.session)
    for line in lines:
        for event in chain.feed([line]):
            if event["seq"] >= head.version:
                return event["hash"] == head.hash and chain.health().ok
    return False
