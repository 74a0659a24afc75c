"""Take our own logs from elsewhere: as they are, byte for byte, under the id that they have.

A log is read whole and checked before anything is written. What the store has under its id must be
the beginning of it, or hold it: nothing is merged, and nothing of the store is replaced. The blobs
that it names come with it, as far as they are there: those that are missing are told, and brought
when it comes again with them. Where a log lies, and how it was packed, is sources' and bundle's
business.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, Any, Literal

from eventlog import codec
from eventlog.backend import START, Block, Durability, Mark, Writer
from eventlog.blobs import Ref
from eventlog.bringing import Brought, Giver, Wanted, bringing, nowhere, plan_bringing
from eventlog.chain import Chain, Health
from eventlog.errors import (
    BackendError,
    InvalidSessionIdError,
    SessionExistsError,
    SessionNotFoundError,
    TransferError,
)
from eventlog.sources import Sample, Source
from eventlog.store import SESSION_ID, Store

State = Literal["new", "grown", "unchanged"]
_MEMBERS = frozenset(("seq", "at", "type", "data", "prev", "hash"))
_BATCH = 8 << 20  # bytes that are written at once
_TOO_LONG = 128 << 20  # bytes: no backend reads so long a line
Lines = Callable[[], Iterator[bytes]]
"""Begins to give the lines of a log, without their newlines; each call from the first."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a log: the session's id, and how many of its lines were added.

    `blobs` counts those that came with it and were not here; `missing` names those that it refers
    to and that are neither here nor where it came from, or not whole.
    """

    session_id: str
    state: State
    added: int
    blobs: int = 0
    missing: tuple[Ref, ...] = ()

    def with_blobs(self, brought: Brought) -> "Carried":
        """Return it with what became of the blobs."""
        return replace(self, blobs=brought.added, missing=brought.missing)


@dataclass(frozen=True, slots=True)
class Checked:
    """A log that is well: its session's id, its lines, how to read them, and the blobs they name."""

    session_id: str
    count: int
    lines: Lines
    wanted: Wanted


def is_log(sample: Sample) -> bool:
    """Whether a source is a log of ours: by its lines, whatever it is called."""
    return sample.kind in ("lines", "object") and any(map(_is_line, sample.records))


def _is_line(record: Any) -> bool:
    return (
        isinstance(record, dict) and record.keys() >= _MEMBERS and isinstance(record["hash"], str)
    )


def lines_of(source: Source) -> Lines:
    """Return what gives the lines of a source; what follows the last newline is one, too."""

    def lines() -> Iterator[bytes]:
        with source.start() as stream:
            yield from split(stream)

    return lines


def split(stream: IO[bytes]) -> Iterator[bytes]:
    """Give the lines of a stream without their newlines; one beyond all bounds in pieces."""
    while line := stream.readline(_TOO_LONG):
        yield line.removesuffix(b"\n")


def check_log(lines: Lines, name: str) -> Checked:
    """Read a log whole. Raises TransferError where it is not well, UnsupportedFormatError."""
    header = codec.decode(next(lines(), b""))
    session_id = header["data"].get("session") if header else None
    if header is None or not isinstance(session_id, str) or not SESSION_ID.fullmatch(session_id):
        raise TransferError(name, 1, f"a log whose first line is damaged: {_MEND}")
    chain, count, wanted = Chain(session_id), 0, Wanted()
    for line in lines():
        chain.feed([wanted.see(line)])
        count += 1
    chain.settle()
    if (health := chain.health()).where:
        raise TransferError(name, health.where[0].line, f"{_what(health)}: {_MEND}")
    return Checked(session_id, count, lines, wanted)


_MEND = "not taken as it is; mend it in its own store first, with eventlog repair"


def _what(health: Health) -> str:
    more = f", and {len(health.where) - 1} places more" if len(health.where) > 1 else ""
    return f"a log that is damaged ({health.where[0].reason}{more})"


def plan_log(store: Store, log: Checked, giver: Giver = nowhere) -> Carried:
    """Say what `take_log` would do; nothing is written. Raises what it does."""
    planned = plan_lines(store, log)
    return planned.with_blobs(plan_bringing(store.backend, log.wanted, giver))


def take_log(store: Store, log: Checked, giver: Giver = nowhere) -> Carried:
    """Write a log into a store, or what it has more than the log that is there, and its blobs first.

    It is durable when this returns; killed meanwhile, the log is a beginning of it, and the next
    time goes on. Raises SessionExistsError where the log there is another one.
    """
    plan_lines(store, log)  # so that no lock, no blob and no log is made for one that is refused
    with bringing(store.backend, log.wanted, giver) as brought:
        return take_lines(store, log).with_blobs(brought)


def plan_lines(store: Store, log: Checked) -> Carried:
    """Say what `take_lines` would do; nothing is written. Raises what it does."""
    if not SESSION_ID.fullmatch(log.session_id):
        raise InvalidSessionIdError(log.session_id)
    try:
        blocks = store.backend.read(log.session_id, START)
        there, _ = _compare(store, log, blocks)
    except SessionNotFoundError:
        return Carried(log.session_id, "new", log.count)
    return _carried(log, there, log.count - there)


def take_lines(store: Store, log: Checked) -> Carried:
    """Do as `take_log`, with the lines alone; `plan_lines` has refused what must not be taken."""
    with store.backend.writing(log.session_id, create=True) as writer:
        there, mark = _compare(store, log, writer.read(START))
        if there < log.count and mark is not None:
            _write(writer, islice(log.lines(), there, log.count), mark)
    if mark is None:
        _write_anew(store, log)
    return _carried(log, there, log.count - there)


def _carried(log: Checked, there: int, added: int) -> Carried:
    state: State = "unchanged" if not added else "grown" if there else "new"
    return Carried(log.session_id, state, added)


def _compare(store: Store, log: Checked, blocks: Iterable[Block]) -> tuple[int, Mark | None]:
    """Return how many lines of a log are there, and where they end; all, where there are more.

    No place, where the beginning of the next line follows them: the write of it was cut off.
    """
    lines, there, mark = islice(log.lines(), log.count), 0, START
    for block in blocks:
        for line in block.lines:
            if (own := next(lines, None)) is None:
                return there, mark
            if own != line:
                return _archived(store, log), mark
            there += 1
        mark = block.end
        if block.rest and (own := next(lines, None)) is not None:
            if own.startswith(block.rest):
                return there, None
            raise SessionExistsError(log.session_id)
        if block.skipped:
            raise SessionExistsError(log.session_id)
    return there, mark


def _archived(store: Store, log: Checked) -> int:
    """Return that all of a log is there, where it is what the log there was before a rewrite."""
    for archive in store.backend.archives(log.session_id):
        if same_lines(log.lines(), islice(store.backend.read_archive(archive.name), log.count)):
            return log.count
    raise SessionExistsError(log.session_id)


def same_lines(one: Iterable[bytes], other: Iterable[bytes]) -> bool:
    """Whether these are the same lines."""
    end = object()
    ones, others = iter(one), iter(other)
    while (line := next(ones, end)) == next(others, end):
        if line is end:
            return True
    return False


def _write_anew(store: Store, log: Checked) -> None:
    """Replace the beginning of a log, cut off within a line, by the log; nothing else is kept of it."""
    with store.backend.rewriting(log.session_id) as rewriter:
        if _compare(store, log, store.backend.read(log.session_id, START))[1] is not None:
            return  # somebody else has gone on with it meanwhile
        lines = islice(log.lines(), log.count)
        rewriter.drop_archive(rewriter.replace(0, lines, lambda blocks: _check_all(log, blocks)))


def _check_all(log: Checked, blocks: Iterable[Block]) -> None:
    """Raise BackendError unless these are just the lines of a log."""
    there = (line for block in blocks for line in block.lines)
    if not same_lines(islice(log.lines(), log.count), there):
        raise BackendError(
            f"the log of session {log.session_id}, read back, is not what was written"
        )


def _write(writer: Writer, lines: Iterable[bytes], mark: Mark) -> None:
    """Append lines, a few megabytes at a time; the last of them are synced, and all with them."""
    waiting: list[bytes] = []
    size = 0

    def put(durability: Durability) -> None:
        nonlocal mark, size
        mark = writer.put(waiting, mark, durability)
        waiting.clear()
        size = 0

    for line in lines:
        if size > _BATCH:
            put("os")
        waiting.append(line)
        size += len(line)
    put("fsync")
