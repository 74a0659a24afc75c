r"""Bring back records from bytes that are not a line any more, and prove each by its hash.

A record that hashes to what it says it hashes to is the record: 128 bits leave no room for chance.
So anything may be tried: cut it out of what surrounds it, take NUL bytes away, put torn halves
together, turn one bit back. Where a record belongs is the caller's to prove. Bytes only: no file,
no session.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import product
from typing import NamedTuple

from eventlog import codec
from eventlog.record import RecordedEvent

LONGEST_FLIP = 32 * 1024
"""A longer line is not searched for a turned bit: the search takes time by its length squared."""

_MOST_JOINED = 4  # so many neighbouring fragments are put together
_BITS = tuple(1 << k for k in range(8))


class Salvaged(NamedTuple):
    """A record brought back, and from where.

    `line` is its line, `how` it was found. It came from `fragments` fragments, from number `first` on;
    where it lay whole inside one, from `start` to `end` of it, else `end` is None.
    """

    line: bytes
    event: RecordedEvent
    how: str
    first: int
    fragments: int = 1
    start: int = 0
    end: int | None = None


def salvage(fragments: Sequence[bytes]) -> Iterator[Salvaged]:
    """Give every record that can be brought back from neighbouring damaged lines, cheapest first.

    `fragments` are lines without their newlines, in order. The same record may come twice.
    """
    for number, fragment in enumerate(fragments):
        for start, end, event in codec.find_records(fragment):
            cut = fragment[start:end]
            yield Salvaged(cut, event, "cut out of a damaged line", number, 1, start, end)
        if b"\0" in fragment:
            yield from _inside(fragment.replace(b"\0", b""), "NUL bytes taken away", number)
    yield from _joined(fragments)
    for number, fragment in enumerate(fragments):
        yield from _unflipped(fragment, number)


def _inside(fragment: bytes, how: str, first: int, fragments: int = 1) -> Iterator[Salvaged]:
    for start, end, event in codec.find_records(fragment):
        yield Salvaged(fragment[start:end], event, how, first, fragments)


def _joined(fragments: Sequence[bytes]) -> Iterator[Salvaged]:
    """Put neighbours together: with nothing between, or a byte of which a newline was made."""
    turned = [b"", *(bytes([0x0A ^ bit]) for bit in _BITS)]
    for first in range(len(fragments)):
        for last in range(first + 2, min(first + _MOST_JOINED, len(fragments)) + 1):
            part = fragments[first:last]
            glues = turned if len(part) == 2 else [b""]  # noqa: PLR2004 - one bit was turned, not two
            for glue in glues:
                yield from _inside(glue.join(part), "torn halves put together", first, len(part))


def _unflipped(line: bytes, number: int) -> Iterator[Salvaged]:
    """Turn each bit of a line back in turn, and give the line whose hash is then right."""
    if codec.SHORTEST <= len(line) <= LONGEST_FLIP:
        fixed = _flip_in_ending(line) or _flip_in_hashed(line)
        if fixed and (event := codec.decode(fixed)):
            yield Salvaged(fixed, event, "one bit turned back", number)


def _flip_in_ending(line: bytes) -> bytes | None:
    """The hash, or what stands around it, is one bit off what the rest of the line hashes to."""
    right = codec.with_hash(line[: -codec.ENDING])
    wrong = sum((a ^ b).bit_count() for a, b in zip(line, right, strict=True))
    return right if wrong == 1 else None


def _flip_in_hashed(line: bytes) -> bytes | None:
    """Try every bit that the hash covers; what comes before it is hashed only once."""
    wanted = codec.claimed_digest(line)
    if wanted is None:
        return None
    hashed, ending = bytearray(line[: -codec.ENDING]), line[-codec.ENDING :]
    before = sha256()
    for place, bit in product(range(len(hashed)), _BITS):
        if bit == 1 and place:
            before.update(hashed[place - 1 : place])
        trial = before.copy()
        hashed[place] ^= bit
        trial.update(memoryview(hashed)[place:])
        found = trial.digest().startswith(wanted)
        if found:
            return bytes(hashed) + ending
        hashed[place] ^= bit
    return None
