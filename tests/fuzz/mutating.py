"""Change a log the way disks, editors, other writers and attackers do: line by line, hashes included.

A blind change only ever gives "this line is damaged". These know what a line is, so that they reach
what lies behind the hash: other numbers, other links, batches, headers from the future.
"""

import random
import re
from collections.abc import Callable

from eventlog import codec

Lines = list[bytes]
Change = Callable[[Lines, random.Random], None]
LONGEST = 64 * 1024  # bytes of a log; more of the same teaches nothing

AT = "2026-11-22T10:00:00.000000Z"
HEADER = {
    "format": 1,
    "compat": [],
    "incompat": [],
    "session": "s",
    "generation": 0,
    "salt": "salt",
}


def seed_log(*sizes: int) -> bytes:
    """Make a healthy log: a header, then a batch of each size (1: a single event)."""
    line, prev = codec.seal(codec.encode("session.created", HEADER), 1, AT, codec.FIRST_PREV)
    lines = [line]
    for size in sizes:
        for i in range(size):
            said = {"role": "user", "content": f"{len(lines) + 1} é \\ {{"}
            draft = codec.encode("message.added", said, key=None if i else f"k{len(lines)}")
            batch = (i + 1, size) if size > 1 else None
            line, prev = codec.seal(draft, len(lines) + 1, AT, prev, batch)
            lines.append(line)
    return b"".join(each + b"\n" for each in lines)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return a log with a few changes; one that is no log at all is begun anew."""
    lines = data.split(b"\n")
    if len(lines) < 2 or len(data) > LONGEST:
        lines = seed_log(*rng.choices((1, 1, 2, 3), k=rng.randint(0, 6))).split(b"\n")
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        rng.choice(CHANGES)(lines, rng)
    return b"\n".join(lines)


def _some(lines: Lines, rng: random.Random) -> int:
    return rng.randrange(len(lines))


# What a disk or an editor does.


def _flip_a_bit(lines: Lines, rng: random.Random) -> None:
    at = _some(lines, rng)
    if lines[at]:
        line = bytearray(lines[at])
        line[rng.randrange(len(line))] ^= 1 << rng.randrange(8)
        lines[at] = bytes(line)


def _overwrite(lines: Lines, rng: random.Random) -> None:
    at = _some(lines, rng)
    start = rng.randrange(len(lines[at]) + 1)
    junk = rng.choice(
        (b"\0" * 9, b"\xff\xfe", b'"}', b',"hash":"', b'{"seq":', b"\r", b"\n", b"{}")
    )
    lines[at] = lines[at][:start] + junk + lines[at][start + rng.choice((0, len(junk))) :]


def _cut(lines: Lines, rng: random.Random) -> None:
    at = _some(lines, rng)
    start = rng.randrange(len(lines[at]) + 1)
    lines[at] = rng.choice((lines[at][:start], lines[at][start:]))


def _delete(lines: Lines, rng: random.Random) -> None:
    if len(lines) > 1:
        del lines[_some(lines, rng)]


def _repeat(lines: Lines, rng: random.Random) -> None:
    lines.insert(_some(lines, rng), lines[_some(lines, rng)])


def _swap(lines: Lines, rng: random.Random) -> None:
    a, b = _some(lines, rng), _some(lines, rng)
    lines[a], lines[b] = lines[b], lines[a]


def _fuse(lines: Lines, rng: random.Random) -> None:
    at = _some(lines, rng)
    if at + 1 < len(lines):
        lines[at : at + 2] = [lines[at] + rng.choice((b"", b"\0\0", b"x")) + lines[at + 1]]


def _tear(lines: Lines, rng: random.Random) -> None:
    at = _some(lines, rng)
    start = rng.randrange(len(lines[at]) + 1)
    lines[at : at + 1] = [lines[at][:start], lines[at][start:]]


def _add(lines: Lines, rng: random.Random) -> None:
    strange = (
        b"",
        b"\r",
        b"\0" * 40,
        b"{}",
        b"null",
        b"[1]",
        b'{"type":"x","data":{}}',
        b"\xef\xbb\xbf",
    )
    lines.insert(_some(lines, rng), rng.choice(strange))


def _mark(lines: Lines, rng: random.Random) -> None:
    lines[0] = b"\xef\xbb\xbf" + lines[0]
    if rng.random() < 0.5:
        lines[:-1] = [line + b"\r" for line in lines[:-1]]


# What only somebody does who can compute a hash.


def _rehash(lines: Lines, at: int, line: bytes) -> None:
    lines[at] = codec.with_hash(line[: -codec.ENDING])


def _renumber(lines: Lines, rng: random.Random) -> None:
    at = _some(lines, rng)
    number = rng.choice((0, 1, 2, 3, 5, 99, 2**63, -1))
    _rehash(lines, at, re.sub(rb'^\{"seq":-?\d+', b'{"seq":%d' % number, lines[at]))


def _relink(lines: Lines, rng: random.Random) -> None:
    at, other = _some(lines, rng), _some(lines, rng)
    prev = codec.claimed_hash(lines[other]) or rng.choice((codec.FIRST_PREV, codec.UNKNOWN_PREV))
    if len(lines[at]) > codec.SHORTEST:
        lines[at], _ = codec.reseal(lines[at], prev)


def _relink_all(lines: Lines, rng: random.Random) -> None:
    prev = codec.FIRST_PREV
    for at in range(rng.randrange(len(lines)), len(lines)):
        if len(lines[at]) > codec.SHORTEST:
            lines[at], prev = codec.reseal(lines[at], prev)


def _rebatch(lines: Lines, rng: random.Random) -> None:
    at = _some(lines, rng)
    batch = rng.choice(
        (b"[1,2]", b"[2,2]", b"[3,2]", b"[0,0]", b"[1,1]", b"[1]", b'"x"', b"null", b"{}")
    )
    bare = re.sub(rb',"batch":\[\d+,\d+\]', b"", lines[at])
    _rehash(lines, at, bare.replace(b',"data":', b',"batch":' + batch + b',"data":', 1))


def _reword(lines: Lines, rng: random.Random) -> None:
    at = _some(lines, rng)
    old, new = rng.choice(_WORDS)
    _rehash(lines, at, lines[at].replace(old, new, 1))


_WORDS = (
    (b'"format":1', b'"format":2'), (b'"format":1', b'"format":"1"'),
    (b'"incompat":[]', b'"incompat":["zip"]'), (b'"incompat":[]', b'"incompat":null'),
    (b'"incompat":[]', b'"incompat":7'), (b'"generation":0', b'"generation":"x"'),
    (b'"type":"message.added"', b'"type":"session.created"'), (b'"type":"', b'"type":7,"t":"'),
    (b'"data":{', b'"data":{"a":{},'), (b'"data":', b'"data":7,"d":'), (b'"at":"', b'"at":null,"a":"'),
    (b'"role":"user"', b'"role":null'), (b'"key":"', b'"key":7,"k":"'), (b'"at":', b'"v":"2","at":'),
)  # fmt: skip

CHANGES: tuple[Change, ...] = (
    _flip_a_bit, _overwrite, _cut, _delete, _repeat, _swap, _fuse, _tear, _add, _mark,
    _renumber, _relink, _relink_all, _rebatch, _reword,
)  # fmt: skip
