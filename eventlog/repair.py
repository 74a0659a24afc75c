"""Mend a damaged log: keep what is intact, bring back what can be proven, put the rest aside.

A plan is made by reading only. Carrying it out writes a new log in which the kept and the salvaged
events follow each other again (same seq, time and raw data; new prev and hash), keeps the old one
in the archive, and stores every byte that could not be placed in the quarantine. Each input byte
ends as kept, salvaged, quarantined or separator. It knows lines and their order; where they are
kept is the backend's.

A blob that the log names and that is not whole is stored anew where another place has it whole, by
its hash. The bytes that it is stored over are not put aside: they are worth nothing beside those.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from eventlog import codec
from eventlog.backend import START, Backend, Block, Keep
from eventlog.blobs import is_whole
from eventlog.chain import Chain
from eventlog.checking import Blobs, Lost, Names
from eventlog.generation import Proof, next_header
from eventlog.mending import BOM, Mended, Piece, Taken, Walk, held
from eventlog.reading import size_of
from eventlog.record import RecordedEvent
from eventlog.store import Progress, Store, utc_now
from eventlog.upcast import MALFORMED, NEWER, upcast


@dataclass(frozen=True, slots=True)
class Plan:
    """What a repair would do, or has done.

    `size` is how many bytes were read, `fates` how many of them are "kept", "salvaged",
    "quarantined" and "separator"; `pieces` lists all that is not simply kept, in order. `events`
    counts what the log then has; of these, `salvaged` come out of damaged bytes and `restored` from
    other copies; `lost` lists the [first, last] `seq` of what stays missing. `archive` and
    `quarantine` name the files once it is done. `blobs` lists those that the log names and that are
    not whole; `found` has the names of those that another place has.
    """

    session_id: str
    generation: int
    size: int
    events: int
    fates: dict[str, int]
    pieces: tuple[Piece, ...]
    lost: tuple[tuple[int, int], ...]
    header_rebuilt: bool
    restored: int
    salvaged: int
    archive: str | None = None
    quarantine: str | None = None
    blobs: tuple[Lost, ...] = ()
    found: tuple[str, ...] = ()

    @property
    def rewrites(self) -> bool:
        """Whether the log is written anew."""
        return bool(
            self.pieces or self.lost or self.restored or (self.header_rebuilt and self.events)
        )

    @property
    def needed(self) -> bool:
        """Whether there is anything to mend, or to bring back."""
        return bool(self.rewrites or self.blobs)

    @property
    def complete(self) -> bool:
        """Whether nothing stays missing once it is done."""
        return not self.lost and all(each.blob in self.found for each in self.blobs)


@dataclass(frozen=True, slots=True)
class Options:
    """How far a repair may go.

    `sources` open other copies of the log, each giving its lines; `accept_edits` takes lines that a
    person edited, which no hash proves, where they say what they are, have the payload of their
    kind and stand in their place. `blobs` each give the blob of a SHA-256 as another place has it,
    whole or not, or None.
    """

    sources: tuple[Callable[[], Iterator[bytes]], ...] = ()
    accept_edits: bool = False
    blobs: tuple[Callable[[str], bytes | None], ...] = ()


def plan_repair(
    store: Store,
    session_id: str,
    options: Options | None = None,
    progress: Progress = lambda _: None,
) -> Plan:
    """Say what a repair would do; nothing is changed.

    Raises SessionNotFoundError, UnsupportedFormatError, BackendLockedError.
    """
    options = options or Options()
    walk, names = _walk(store.backend, session_id, options, progress)
    return _with_blobs(_plan(walk, session_id), store.backend, names, options)


def repair(
    store: Store,
    session_id: str,
    options: Options | None = None,
    progress: Progress = lambda _: None,
) -> Plan:
    """Mend a session's log; return what was done. A log that needs nothing is not touched.

    Killed at any instant, the log is the old one or the mended one. Raises as `plan_repair` does,
    and BackendError when the new log, read back, is not what was planned: the old one then stays.
    """
    options = options or Options()
    with store.backend.keeping({}) as keep:  # what a line that comes back names is not dropped
        plan, names = _mend(store.backend, session_id, options, progress)
        plan = _with_blobs(plan, store.backend, names, options)
        found = tuple(name for name in plan.found if _bring_back(keep, name, options))
    return replace(plan, found=found)


def _mend(
    backend: Backend, session_id: str, options: Options, progress: Progress
) -> tuple[Plan, Names]:
    """Mend the log alone; return what was done, and the blobs that it names then."""
    with backend.rewriting(session_id) as rewriter:
        walk, names = _walk(backend, session_id, options, progress)
        plan = _plan(walk, session_id)
        if not plan.rewrites:
            return plan, names
        aside = [piece.as_line() for piece in walk.aside]
        quarantine = rewriter.put_aside(plan.generation, aside) if aside else None
        proof = Proof(session_id)
        lines = proof.note(_new_lines(backend, walk, plan, quarantine, progress))
        archive = rewriter.replace(plan.generation, lines, proof.check_all)
    return replace(plan, archive=archive, quarantine=quarantine), names


def _with_blobs(plan: Plan, backend: Backend, names: Names, options: Options) -> Plan:
    """Say which blobs of the log are not whole, and which of those are whole elsewhere."""
    lost = Blobs(backend).lost(names)
    wanted = dict.fromkeys(each.blob for each in lost)
    found = tuple(name for name in wanted if _elsewhere(name, options) is not None)
    return replace(plan, blobs=lost, found=found)


def _bring_back(keep: Keep, name: str, options: Options) -> bool:
    """Store a blob as another place has it, durably; the log names it already."""
    if (blob := _elsewhere(name, options)) is None:
        return False
    keep({name: blob})
    return True


def _elsewhere(name: str, options: Options) -> bytes | None:
    """Return a blob that another place has whole; None where none has."""
    offered = (blob for get in options.blobs if (blob := get(name)) is not None)
    return next((blob for blob in offered if is_whole(name, blob)), None)


def _walk(
    backend: Backend, session_id: str, options: Options, progress: Progress
) -> tuple[Walk, Names]:
    """Read the log twice: for what a reader takes, then for what every byte is.

    Also return the blobs that it names once it is mended.
    """
    names = Names()
    taken, size = _taken(backend, session_id, names, progress)
    walk = Walk(
        taken,
        own_copies=lambda: _own_copies(backend, session_id),
        sources=lambda: chain.from_iterable(source() for source in options.sources),
        why_not=_why_not if options.accept_edits else None,
    )
    for block in backend.read(session_id, START):
        if walk.size >= size:
            break
        if block.skipped:
            walk.oversize(block.skipped)
        lines, rest = _up_to(block, size - walk.size)
        walk.feed(lines)
        if rest:
            walk.feed([rest], newline=0)
        progress(size_of(block))
    walk.finish()
    names.see(codec.parse(each.line) for each in walk.entries if isinstance(each, Mended))
    return walk, names


def _up_to(block: Block, room: int) -> tuple[list[bytes], bytes]:
    """Leave out what was appended since: a dry run takes no lock. Return lines and what is behind."""
    if size_of(block) <= room:
        return block.lines, block.rest
    for number, line in enumerate(block.lines):
        if room <= len(line):
            return block.lines[:number], line[:room]
        room -= len(line) + 1
    return block.lines, block.rest[:room]


def _taken(
    backend: Backend, session_id: str, names: Names, progress: Progress
) -> tuple[Taken, int]:
    """Return which events a reader takes, and the size of the log that it saw; note their blobs."""
    reader, taken, size = Chain(session_id), Taken(), 0
    for block in backend.read(session_id, START):
        if block.skipped:
            reader.skip(block.skipped)
        events = reader.feed(block.lines)
        if block.rest:  # as the next append would find it
            events += reader.feed([block.rest])
        taken.add(events)
        names.see(events)
        size += size_of(block)
        progress(size_of(block))
    settled = reader.settle()
    taken.add(settled)
    names.see(settled)
    return taken, size


def _why_not(event: RecordedEvent) -> str | None:
    """Say why an edited event cannot be accepted: no writer of ours would have taken it."""
    from eventlog.events import why_not  # noqa: PLC0415 - edits are rare, pydantic is heavy

    lifted = upcast(event)
    if lifted["type"].startswith(MALFORMED):
        return "its payload is not of the version that it names"
    return None if lifted["type"].startswith(NEWER) else why_not(lifted["type"], lifted["data"])


def _own_copies(backend: Backend, session_id: str) -> Iterator[bytes]:
    """Give every line that the archives hold, and what the quarantines do."""
    for line in chain.from_iterable(backend.copies(session_id)):
        yield line
        if (data := held(line)) is not None:
            yield data


def _new_lines(
    backend: Backend, walk: Walk, plan: Plan, quarantine: str | None, progress: Progress
) -> Iterator[bytes]:
    """Give the new log's lines: a header, what was kept and mended, and a note of the repair."""
    line, prev = _header(walk, plan)
    yield line
    for old in _content(backend, plan.session_id, walk, progress):
        event = codec.parse(old)
        if event["seq"] > 1:
            line, prev = codec.reseal(old, prev)
            yield line
    seq = max([1, walk.tip.seq, *(last for _, last in plan.lost)]) + 1
    yield codec.seal(_note(plan, quarantine), seq, utc_now(), prev)[0]


def _content(backend: Backend, session_id: str, walk: Walk, progress: Progress) -> Iterator[bytes]:
    """Give the old lines of the new log, reading the log once more alongside."""
    lines = _with_offsets(backend, session_id, progress)
    offset, line = next(lines, (0, b""))
    for entry in walk.entries:
        if isinstance(entry, Mended):
            yield entry.line
            continue
        while offset < entry.offset:
            offset, line = next(lines)
        while offset < entry.offset + entry.length:
            yield line.removeprefix(BOM).removesuffix(b"\r")
            offset, line = next(lines, (sys.maxsize, b""))


def _with_offsets(
    backend: Backend, session_id: str, progress: Progress
) -> Iterator[tuple[int, bytes]]:
    offset = 0
    for block in backend.read(session_id, START):
        for line in [*block.lines, *([block.rest] if block.rest else [])]:
            yield offset, line
            offset += len(line) + 1
        offset += block.skipped
        progress(size_of(block))


def _header(walk: Walk, plan: Plan) -> tuple[bytes, str]:
    """Make line 1 of the next generation, out of the old one if that is there."""
    origin = {
        "generation": plan.generation,
        "version": walk.tip.seq,
        "hash": walk.tip.hash,
        "bytes": plan.size,
    }
    return next_header(plan.session_id, walk.header, origin)


def _note(plan: Plan, quarantine: str | None) -> codec.Draft:
    data = {
        "lost": [list(ends) for ends in plan.lost],
        "salvaged": plan.salvaged,
        "restored": plan.restored,
        "quarantined": plan.fates.get("quarantined", 0),
    }
    return codec.encode("log.repaired", data | ({"quarantine": quarantine} if quarantine else {}))


def _plan(walk: Walk, session_id: str) -> Plan:
    return Plan(
        session_id,
        generation=_generation(walk),
        size=walk.size,
        events=walk.events,
        fates=dict(walk.fates),
        pieces=tuple(walk.pieces),
        lost=tuple(walk.lost),
        header_rebuilt=walk.header is None,
        restored=walk.restored,
        salvaged=sum(len(piece.seqs) for piece in walk.pieces),
    )


def _generation(walk: Walk) -> int:
    told = walk.header["data"].get("generation", 0) if walk.header else 0
    return told if isinstance(told, int) and 0 <= told < codec.MAX_SEQ else 0
