"""Read a session's events out of a backend, once or as they land. No lock, no memory, no view."""

import time
from collections.abc import Iterator

from eventlog.backend import START, Backend, Block
from eventlog.chain import Chain, Health
from eventlog.errors import CorruptLogError
from eventlog.record import RecordedEvent


def feed(chain: Chain, block: Block) -> list[RecordedEvent]:
    """Feed a block to a chain; return the events that it completes."""
    if block.skipped:
        chain.skip(block.skipped)
    return chain.feed(block.lines) if block.lines else []


def size_of(block: Block) -> int:
    """Return how many bytes of a file a block stands for."""
    return block.skipped + sum(map(len, block.lines)) + len(block.lines) + len(block.rest)


def read_events(
    backend: Backend, session_id: str, after: int = 0, *, strict: bool = False
) -> Iterator[RecordedEvent]:
    """Give the events with a `seq` above `after`, in order; see Session.events."""
    chain, rest = Chain(session_id), b""
    for block in backend.read(session_id, START):
        yield from (event for event in feed(chain, block) if event["seq"] > after)
        rest = block.rest
        if strict:
            _check(chain.health(rest), session_id)
    yield from (event for event in chain.settle() if event["seq"] > after)
    if strict:
        _check(chain.health(rest), session_id)


def follow_events(
    backend: Backend, session_id: str, after: int, *, poll: float, timeout: float | None
) -> Iterator[RecordedEvent]:
    """Give the events after `after`, and then each as it lands; see Session.follow."""
    chain, mark = Chain(session_id), START
    news = time.monotonic()
    while True:
        for block in backend.read(session_id, mark):
            if block.start != mark.position:
                chain = Chain(session_id)
            mark = block.end
            for event in [*feed(chain, block), *chain.settle()]:
                if event["seq"] > after:
                    after = event["seq"]
                    news = time.monotonic()
                    yield event
        if timeout is not None and time.monotonic() - news >= timeout:
            return
        time.sleep(poll)


def _check(health: Health, session_id: str) -> None:
    if not health.ok:
        worst = next((d for d in health.where if d.kind != "torn"), None)
        if worst is None:
            last = health.where[-1]
            raise CorruptLogError(session_id, last.line, last.offset, "damage lies beyond here")
        raise CorruptLogError(session_id, worst.line, worst.offset, worst.reason)
