"""Rewrite a log without the events that later ones superseded; every view stays as it is.

What goes is stated in projections/superseded.py, and nothing goes before every projection of the new
log, read back from the disk, is equal to that of the old one, and every list that a model was sent
can still be rebuilt if it could before. The old log goes to the archive, from where it can be
brought back with all that was appended since.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eventlog.backend import START, Archive, Backend, Block, Rewriter
from eventlog.chain import Chain
from eventlog.errors import BackendError, EventLogError, SessionNotFoundError
from eventlog.generation import Proof, chosen, next_header, rechain, taken_lines
from eventlog.mending import Taken
from eventlog.projection import Projection, fold
from eventlog.projections.keys import KEYS
from eventlog.projections.messages import MESSAGES, Conversation
from eventlog.projections.metadata import METADATA
from eventlog.projections.summary import SUMMARY
from eventlog.projections.superseded import SUPERSEDED
from eventlog.projections.tree import nodes
from eventlog.projections.usage import USAGE
from eventlog.reading import feed, size_of
from eventlog.record import RecordedEvent
from eventlog.store import Progress, Store

COMPARED: tuple[Projection[Any], ...] = (MESSAGES, SUMMARY, USAGE, KEYS, METADATA)
"""The projections that must be equal before and after."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction would do, or has done.

    `dropped` counts the superseded events by type, `saved` is their size in bytes, of `events` and
    `size` bytes in all; `generation` is the log's now. `archive` names the log as it was, once it
    is done. Of an undo, `events` counts those that came back.
    """

    session_id: str
    generation: int
    events: int
    size: int
    dropped: dict[str, int]
    saved: int
    archive: str | None = None

    @property
    def needed(self) -> bool:
        """Whether there is anything to drop."""
        return bool(self.dropped)


@dataclass
class _Reading:
    """What one reading of a healthy log gives."""

    states: dict[str, Any]
    header: RecordedEvent | None
    generation: int
    events: int
    version: int
    hash: str
    size: int
    taken: Taken


def plan_compaction(
    store: Store, session_id: str, progress: Progress = lambda _: None
) -> Compaction:
    """Say what a compaction would drop; nothing is changed.

    Raises SessionNotFoundError, and EventLogError for a damaged log: repair it first.
    """
    reading = _read(store.backend, session_id, progress)
    drop = reading.states[SUPERSEDED.name].droppable()
    lines = taken_lines(store.backend, session_id, reading.taken) if drop else ()
    return _told(
        session_id, reading, drop, sum(len(line) + 1 for line, seq in lines if seq in drop)
    )


def compact(store: Store, session_id: str, progress: Progress = lambda _: None) -> Compaction:
    """Rewrite a log without its superseded events; a log that has none is not touched.

    Safe beside writers, readers and followers, which carry on. Killed at any instant, the log is
    the old one or the new one. Raises as `plan_compaction` does, and BackendError if the new log,
    read back, does not add up to the same: the old one then stays.
    """
    with store.backend.rewriting(session_id) as rewriter:
        reading = _read(store.backend, session_id, progress)
        drop = reading.states[SUPERSEDED.name].droppable()
        if not drop:
            return _told(session_id, reading, drop, saved=0)
        saved = 0

        def kept() -> Iterator[tuple[bytes, int]]:
            nonlocal saved
            for line, seq in taken_lines(store.backend, session_id, reading.taken):
                if seq in drop:
                    saved += len(line) + 1
                else:
                    yield line, seq

        _rewrite(rewriter, session_id, reading, kept(), by="compaction")
        archive = _pack(rewriter, store.backend, session_id)
    done = _told(session_id, reading, drop, saved)
    return replace(done, generation=reading.generation + 1, archive=archive)


def undo(store: Store, session_id: str, progress: Progress = lambda _: None) -> Compaction:
    """Bring back what the last compaction dropped; what was appended since stays.

    Raises EventLogError where the last rewrite was no compaction, or its archive is gone or not
    what it was.
    """
    with store.backend.rewriting(session_id) as rewriter:
        reading = _read(store.backend, session_id, progress)
        origin = (reading.header or {"data": {}})["data"].get("from", {})
        name, taken = _archive_of(store.backend, session_id, origin)
        past = chosen(session_id, store.backend.read_archive(name), taken)
        present = (
            (line, seq)
            for line, seq in taken_lines(store.backend, session_id, reading.taken)
            if seq > origin["version"]
        )
        lines = itertools.chain(past, present)
        events = _rewrite(rewriter, session_id, reading, lines, by="undo")
        archive = _pack(rewriter, store.backend, session_id)
    back, generation = events - reading.events, reading.generation + 1
    return Compaction(session_id, generation, back, reading.size, {}, 0, archive)


def purge_archives(store: Store, session_id: str, keep: int = 0) -> list[Archive]:
    """Remove a session's archives for good, but the newest `keep`; return those removed."""
    with store.backend.rewriting(session_id) as rewriter:
        gone = store.backend.archives(session_id)[keep:]
        for archive in gone:
            rewriter.drop_archive(archive.name)
    return gone


def _told(session_id: str, reading: _Reading, drop: dict[int, str], saved: int) -> Compaction:
    dropped = dict(Counter(drop.values()))
    return Compaction(session_id, reading.generation, reading.events, reading.size, dropped, saved)


def _read(backend: Backend, session_id: str, progress: Progress) -> _Reading:
    """Read a log once, folding all that is compared; refuse one that is damaged."""
    chain, states, taken = Chain(session_id), _initial(), Taken()
    header, count, size = None, 0, 0
    for block in backend.read(session_id, START):
        events = feed(chain, block)
        if block.rest:  # as the next append would find it
            events += chain.feed([block.rest])
        if events and events[0]["seq"] == 1:
            header = events[0]
        count += len(events)
        taken.add(events)
        _fold(states, events)
        size += size_of(block)
        progress(size_of(block))
    if chain.settle() or not chain.health().ok:
        raise EventLogError(f"session {session_id} is damaged: eventlog repair {session_id}, first")
    if not count:
        raise SessionNotFoundError(session_id)
    generation = header["data"].get("generation", 0) if header else 0
    return _Reading(states, header, generation, count, chain.seq, chain.hash, size, taken)


def _initial() -> dict[str, Any]:
    return {projection.name: projection.initial() for projection in (*COMPARED, SUPERSEDED)}


def _fold(states: dict[str, Any], events: Sequence[RecordedEvent]) -> None:
    for projection in (*COMPARED, SUPERSEDED):
        states[projection.name] = fold(projection, events, states[projection.name])


def _rewrite(
    rewriter: Rewriter,
    session_id: str,
    reading: _Reading,
    lines: Iterable[tuple[bytes, int]],
    *,
    by: str,
) -> int:
    """Replace the log by these lines under a new header, if every projection is equal.

    Returns how many events the new log has.
    """
    origin = {
        "generation": reading.generation,
        "version": reading.version,
        "hash": reading.hash,
        "bytes": reading.size,
        "by": by,
    }
    proof = Proof(session_id)
    count = 0

    def check(blocks: Iterator[Block]) -> None:
        nonlocal count
        states = _initial()
        for events in proof.check(blocks):
            count += len(events)
            _fold(states, events)
        for projection in COMPARED:
            old, new = reading.states[projection.name], states[projection.name]
            if _comparable(old) != _comparable(new):
                raise BackendError(
                    f"compacting session {session_id} would change its {projection.name}; "
                    "the log stays as it was"
                )

    new = proof.note(_with_header(session_id, reading.header, origin, lines))
    rewriter.replace(reading.generation, new, check)
    return count


def _pack(rewriter: Rewriter, backend: Backend, session_id: str) -> str:
    """Compress the archives; return the name of the newest."""
    rewriter.pack_archives()
    return backend.archives(session_id)[0].name


def _with_header(
    session_id: str,
    header: RecordedEvent | None,
    origin: dict[str, Any],
    lines: Iterable[tuple[bytes, int]],
) -> Iterator[bytes]:
    first, prev = next_header(session_id, header, origin)
    yield first
    rest = (line for line, seq in lines if seq > 1)
    yield from (line for line, _ in rechain(rest, prev))


def _comparable(state: Any) -> Any:
    if isinstance(state, Conversation):
        return nodes(state), state.head_seq, state.summaries
    return state


def _archive_of(backend: Backend, session_id: str, origin: dict[str, Any]) -> tuple[str, Taken]:
    """Find the log that was compacted: its name, and what a reader takes. Its last hash proves it."""
    if origin.get("by") != "compaction":
        raise EventLogError(f"session {session_id}: the last rewrite was no compaction to undo")
    for archive in backend.archives(session_id):
        if archive.generation == origin["generation"]:
            chain, taken = Chain(session_id), Taken()
            for line in backend.read_archive(archive.name):
                taken.add(chain.feed([line]))
            if chain.hash == origin["hash"]:
                return archive.name, taken
    raise EventLogError(
        f"session {session_id}: the archive of its compaction is gone, or not what it was"
    )
