"""A batch counts whole or not at all, whatever a repair finds of it."""

from pathlib import Path

import pytest

from tests.log.helpers import (
    begin,
    change_line,
    cut_off,
    flip,
    lines_of,
    open_session,
    say,
    write_lines,
)
from tests.repair.damaging import (
    append_batch,
    bytes_aside,
    copy_of,
    mend,
    seqs,
    words,
)

BATCH = ["three", "four", "five"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A session of a header, event 2, and a batch of the events 3 to 5."""
    log = begin(tmp_path, "two")
    append_batch(log, *BATCH)
    return log


def hopeless(line: bytes) -> bytes:
    """Return a line of which nothing can be proven any more, though it still looks finished."""
    return flip(flip(line, 90), 95)


@pytest.mark.parametrize("cut", [1, 40, 200, 300, 350])
def test_a_batch_cut_off_at_the_end_is_not_resurrected(log: Path, cut: int) -> None:
    whole = lines_of(log)
    left = cut_off(log, cut)
    plan = mend(log)
    completed = cut == 1
    assert words(log) == (["two", *BATCH] if completed else ["two"])
    assert plan.lost == ()
    aside = sum(map(len, bytes_aside(log, plan)))
    batch = left[sum(map(len, whole[:2])) + 2 :]
    assert aside == (0 if completed else len(batch.replace(b"\n", b"")))


@pytest.mark.parametrize("cut", [40, 200, 300, 350])
def test_an_append_behind_a_cut_off_batch_is_kept_and_the_batch_is_not(log: Path, cut: int) -> None:
    cut_off(log, cut)
    recorded = say(open_session(log.parent), "after")
    plan = mend(log)
    assert (words(log), recorded["seq"], plan.lost) == (["two", "after"], 3, ())


def test_a_cut_off_batch_does_not_take_the_place_of_a_turned_bit(log: Path) -> None:
    """Events 3 follow 2 both: of the two, the one that leads on to the next is the one."""
    cut_off(log, 40)
    say(open_session(log.parent), "after", "and more")
    change_line(log, -2, flip(lines_of(log)[-2], 90))
    plan = mend(log)
    assert (words(log), plan.lost) == (["two", "after", "and more"], ())


@pytest.mark.parametrize("number", [3, 4, 5])
def test_a_line_of_a_batch_destroyed_later_hides_only_itself(log: Path, number: int) -> None:
    say(open_session(log.parent), "after")
    change_line(log, number, hopeless(lines_of(log)[number - 1]))
    plan = mend(log)
    left = [word for seq, word in enumerate(BATCH, start=3) if seq != number]
    assert (words(log), plan.lost) == (["two", *left, "after"], ((number, number),))


@pytest.mark.parametrize("number", [3, 4, 5])
def test_a_turned_bit_in_a_batch_is_turned_back(log: Path, number: int) -> None:
    change_line(log, number, flip(lines_of(log)[number - 1], 90))
    plan = mend(log)
    assert (words(log), plan.lost, plan.quarantine) == (["two", *BATCH], (), None)


def test_a_turned_bit_before_a_destroyed_line_of_a_batch_is_turned_back(log: Path) -> None:
    say(open_session(log.parent), "after")
    lines = lines_of(log)
    write_lines(log, [*lines[:3], flip(lines[3], 90), hopeless(lines[4]), *lines[5:]])
    plan = mend(log)
    assert (words(log), plan.lost) == (["two", "three", "four", "after"], ((5, 5),))


def test_a_batch_restored_from_a_copy_is_restored_whole(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, lines[:3])
    assert words(log) == ["two"]
    plan = mend(log, copy_of(lines[3:]))
    assert (words(log), plan.lost) == (["two", *BATCH], ())


def test_half_a_batch_in_a_copy_restores_nothing_at_the_end(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, lines[:3])
    plan = mend(log, copy_of(lines[3:4]))
    assert (words(log), plan.restored, plan.lost) == (["two"], 0, ())


def test_a_batch_mended_counts_the_same_a_second_time(log: Path) -> None:
    say(open_session(log.parent), "after")
    change_line(log, 5, hopeless(lines_of(log)[4]))
    mend(log)
    assert seqs(log) == [1, 2, 3, 4, 6, 7]
    assert not mend(log).needed
