"""The next generation of a log: the same events, chained anew under a header that says what was.

Repair and compaction both end in this. Kept events keep their seq, time and raw data; only prev and
hash change. What was written is read back and held against what was meant before it counts.
"""

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

from eventlog import codec
from eventlog.backend import START, Backend, Block
from eventlog.chain import Chain
from eventlog.errors import BackendError
from eventlog.mending import BOM, Taken
from eventlog.record import RecordedEvent
from eventlog.store import new_header, utc_now


def next_header(
    session_id: str, header: RecordedEvent | None, origin: dict[str, Any]
) -> tuple[bytes, str]:
    """Make line 1 of the next generation out of the old one, or anew where it is lost.

    `origin` is {generation, version, hash, bytes} of the log as it was. Returns the line and its
    hash.
    """
    more = {"generation": origin["generation"] + 1, "from": origin}
    if header is None:
        draft, at = new_header(session_id, **more), utc_now()
    else:
        draft = codec.encode("session.created", {**header["data"], **more})
        at = header["at"]
    return codec.seal(draft, 1, at, codec.FIRST_PREV)


def rechain(lines: Iterable[bytes], prev: str) -> Iterator[tuple[bytes, str]]:
    """Make intact lines follow each other, from `prev` on; give each with its hash."""
    for line in lines:
        resealed, prev = codec.reseal(line, prev)
        yield resealed, prev


def taken_lines(backend: Backend, session_id: str, taken: Taken) -> Iterator[tuple[bytes, int]]:
    """Give the lines of a healthy log that a reader takes, in order, each with its `seq`.

    Raises BackendError if they are not all there any more.
    """
    blocks = backend.read(session_id, START)
    lines = (line for block in blocks for line in (*block.lines, block.rest))
    return chosen(session_id, lines, taken)


def chosen(session_id: str, lines: Iterable[bytes], taken: Taken) -> Iterator[tuple[bytes, int]]:
    """Give those of the lines that a reader takes, as `taken_lines` does."""
    left = copy(taken)
    for raw in lines:
        line = raw.removeprefix(BOM).removesuffix(b"\r")
        event = codec.decode(line)
        if event and left.expects(event):
            left.pass_(event)
            yield line, event["seq"]
    if left.next:
        raise BackendError(f"session {session_id} was rewritten just now: try again")


class Proof:
    """Remembers the hash of the last line written, which covers all before it, to check what is read."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._last = codec.FIRST_PREV

    def note(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Pass lines on, remembering the last."""
        for line in lines:
            self._last = codec.claimed_hash(line) or ""
            yield line

    def check_all(self, blocks: Iterator[Block]) -> None:
        """Read everything back; raise BackendError unless it is what was written."""
        for _ in self.check(blocks):
            pass

    def check(self, blocks: Iterator[Block]) -> Iterator[list[RecordedEvent]]:
        """Give the events that were read back; raise BackendError unless they are those written."""
        reader, rest = Chain(self._session_id), b""
        for block in blocks:
            yield reader.feed(block.lines)
            rest = block.rest
        if reader.hash != self._last or reader.health(rest).where:
            raise BackendError(
                f"the new log of session {self._session_id}, read back, is not what was written; "
                "the log stays as it was"
            )
