"""Bytes of a healthy log are cut off, turned, overwritten, added, taken out; lines are moved about.

Each state is put before the real code, and oracle.py says what must hold. `make test-long` tries
every place; otherwise it is a seeded sample, and every bit of the first two lines and the last.
"""

import random
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.crash.conftest import Tally
from tests.crash.oracle import Healthy, Hurt, check, make_healthy

SIZES = (1, 2, 33, 512, 4096)
SECTORS = (512, 4096)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of logs are written."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    made = Path(tempfile.mkdtemp(prefix="eventlog-", dir=memory if memory.is_dir() else None))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def healthy(folder: Path) -> Healthy:
    return make_healthy(folder)


def sample(places: Iterable[int], count: int, rng: random.Random, *, exhaustive: bool) -> list[int]:
    """Choose so many of some places; all of them if so asked."""
    every = list(places)
    return every if exhaustive else sorted(rng.sample(every, min(count, len(every))))


def test_a_log_cut_off_at_every_byte(
    folder: Path, healthy: Healthy, rng: random.Random, states: Tally, *, exhaustive: bool
) -> None:
    last = healthy.start(len(healthy.lines) - 2)
    cuts = sample(range(last), 300, rng, exhaustive=exhaustive)
    for end in [*cuts, *range(last, len(healthy.data))]:
        check(folder, healthy, Hurt(healthy.data[:end]))
        states.tried += 1


def test_every_bit_turned(
    folder: Path, healthy: Healthy, rng: random.Random, states: Tally, *, exhaustive: bool
) -> None:
    last, size = healthy.start(len(healthy.lines) - 1) * 8, len(healthy.data) * 8
    before = sample(range(last), 900, rng, exhaustive=exhaustive)
    within = sample(range(last, size), 500, rng, exhaustive=exhaustive)
    for place in [*before, *within]:
        hurt = bytearray(healthy.data)
        hurt[place // 8] ^= 1 << place % 8
        check(folder, healthy, Hurt(bytes(hurt)), one_bit=True)
        states.tried += 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", ["overwritten", "zeroed", "inserted", "NULs inserted", "deleted"])
def test_bytes_everywhere(
    folder: Path,
    healthy: Healthy,
    rng: random.Random,
    states: Tally,
    *,
    how: str,
    size: int,
    exhaustive: bool,
) -> None:
    for start in sample(range(len(healthy.data)), 40, rng, exhaustive=exhaustive):
        check(folder, healthy, hit(healthy.data, how, start, size, rng))
        states.tried += 1


@pytest.mark.parametrize("size", SECTORS)
@pytest.mark.parametrize("how", ["overwritten", "zeroed", "deleted"])
def test_whole_sectors_of_a_longer_log(
    how: str, size: int, folder: Path, rng: random.Random, states: Tally
) -> None:
    long = make_healthy(folder / f"{how} {size}", rounds=6)
    for start in range(0, len(long.data), size):
        check(folder, long, hit(long.data, how, start, size, rng))
        states.tried += 1


def hit(data: bytes, how: str, start: int, size: int, rng: random.Random) -> Hurt:
    """Do something to the bytes from `start` on."""
    end = min(start + size, len(data))
    new = {
        "overwritten": rng.randbytes(end - start),
        "zeroed": bytes(end - start),
        "inserted": rng.randbytes(size) + data[start:end],
        "NULs inserted": bytes(size) + data[start:end],
        "deleted": b"",
    }[how]
    return Hurt(data[:start] + new + data[end:])


def test_every_line_deleted(folder: Path, healthy: Healthy, states: Tally) -> None:
    for number in range(len(healthy.lines)):
        left = [*healthy.lines[:number], *healthy.lines[number + 1 :]]
        check(folder, healthy, Hurt(together(left)))
        states.tried += 1


def test_every_line_there_twice(folder: Path, healthy: Healthy, states: Tally) -> None:
    for number, line in enumerate(healthy.lines):
        for place in range(number, len(healthy.lines) + 1):
            twice = [*healthy.lines[:place], line, *healthy.lines[place:]]
            check(folder, healthy, Hurt(together(twice)))
            states.tried += 1


def test_every_two_neighbouring_lines_swapped(
    folder: Path, healthy: Healthy, states: Tally
) -> None:
    for number in range(len(healthy.lines) - 1):
        lines = list(healthy.lines)
        lines[number : number + 2] = lines[number + 1], lines[number]
        check(folder, healthy, Hurt(together(lines)))
        states.tried += 1


def test_every_two_lines_swapped(
    folder: Path, healthy: Healthy, rng: random.Random, states: Tally, *, exhaustive: bool
) -> None:
    count = len(healthy.lines)
    for pair in sample(range(count * count), 40, rng, exhaustive=exhaustive):
        one, other = sorted(divmod(pair, count))
        lines = list(healthy.lines)
        lines[one], lines[other] = lines[other], lines[one]
        moved = frozenset(range(one, other + 1))  # what is between two moved lines lost its place
        check(folder, healthy, Hurt(together(lines), moved))
        states.tried += 1


@pytest.mark.parametrize("glue", [b"", b"\0", b"\r", b"x", b"{}", bytes(4096)], ids=repr)
def test_every_two_neighbouring_lines_fused(
    glue: bytes, folder: Path, healthy: Healthy, states: Tally
) -> None:
    for number in range(len(healthy.lines) - 1):
        fused = healthy.lines[number] + glue + healthy.lines[number + 1]
        lines = [*healthy.lines[:number], fused, *healthy.lines[number + 2 :]]
        check(folder, healthy, Hurt(together(lines)))
        states.tried += 1


def together(lines: Iterable[bytes]) -> bytes:
    """Make a log's bytes of its lines."""
    return b"".join(line + b"\n" for line in lines)
