"""Random damages, several on top of each other, on random sessions: oracle.py holds for each step.

Several damages may together look like a write that was cut off, or bring a lost line back; so what
is asked for here is what must hold for any bytes at all, and nothing that was intact is lost.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from tests.crash.conftest import Tally
from tests.crash.oracle import (
    check_append,
    check_every_door,
    check_repair,
    open_folder,
    put,
    read_all,
)
from tests.log.helpers import message

Damage = Callable[[bytes], bytes]

texts = st.lists(st.text(max_size=30), min_size=1, max_size=4)
sessions = st.lists(texts, max_size=8)  # each list of texts is appended together
spots = st.floats(0, 1, exclude_max=True)
short = st.binary(max_size=6)


def flip_bit(at: float, bit: int) -> Damage:
    def damage(data: bytes) -> bytes:
        place = int(at * len(data))
        return (
            data[:place] + bytes(b ^ 1 << bit for b in data[place : place + 1]) + data[place + 1 :]
        )

    return damage


def overwrite(at: float, new: bytes) -> Damage:
    def damage(data: bytes) -> bytes:
        place = int(at * len(data))
        return data[:place] + new[: len(data) - place] + data[place + len(new) :]

    return damage


def insert(at: float, new: bytes) -> Damage:
    def damage(data: bytes) -> bytes:
        place = int(at * len(data))
        return data[:place] + new + data[place:]

    return damage


def cut_out(at: float, size: int) -> Damage:
    def damage(data: bytes) -> bytes:
        place = int(at * len(data))
        return data[:place] + data[place + size :]

    return damage


def cut_off(at: float) -> Damage:
    return lambda data: data[: int(at * len(data))]


def move_line(one: float, other: float, *, twice: bool) -> Damage:
    def damage(data: bytes) -> bytes:
        lines = data.split(b"\n")
        line = lines[int(one * len(lines))] if twice else lines.pop(int(one * len(lines)))
        lines.insert(int(other * len(lines)), line)
        return b"\n".join(lines)

    return damage


damages = st.lists(
    st.one_of(
        st.builds(flip_bit, spots, st.integers(0, 7)),
        st.builds(overwrite, spots, short | st.integers(1, 600).map(bytes)),
        st.builds(insert, spots, short | st.sampled_from([b"\n", b"\r\n", bytes(512), b"{}\n"])),
        st.builds(cut_out, spots, st.integers(1, 600)),
        st.builds(cut_off, spots),
        st.builds(move_line, spots, spots, twice=st.booleans()),
    ),
    min_size=1,
    max_size=5,
)


def begin(folder: Path, session: list[list[str]]) -> bytes:
    """Make a session; return its bytes."""
    store = open_folder(folder)
    handle = store.create("s")
    for batch in session:
        handle.append_many([message(text) for text in batch])
    store.close()
    return (folder / "s.jsonl").read_bytes()


@given(session=sessions, steps=damages)
@example(session=[["a", "b", "c"]], steps=[cut_off(0.9)])
@example(session=[["a"], ["b"]], steps=[move_line(0.4, 0.9, twice=False)])
def test_any_damages_in_a_row_lose_nothing_that_was_intact(
    states: Tally, session: list[list[str]], steps: list[Damage]
) -> None:
    memory = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    folder = Path(tempfile.mkdtemp(prefix="eventlog-", dir=memory if memory.is_dir() else None))
    try:
        data = begin(folder, session)
        for step in steps:
            data = step(data)
            put(folder, data)
            before = read_all(folder)
            check_every_door(folder, *before)
            check_repair(folder, check_append(folder, before))
            states.tried += 1
    finally:
        shutil.rmtree(folder)
