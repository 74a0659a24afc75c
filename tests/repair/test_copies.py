"""Lines that are gone are restored from older logs, from what was put aside, and from named copies."""

from pathlib import Path

import pytest

from eventlog.repair import Options
from tests.log.helpers import begin, change_line, lines_of, open_session, say, write_lines
from tests.repair.damaging import (
    WORDS,
    begin_words,
    copy_of,
    mend,
    quarantine_of,
    seqs,
    source,
    words,
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return begin_words(tmp_path)


def spoil(log: Path, number: int) -> None:
    """Destroy a line for good."""
    change_line(log, number, b"gone")


@pytest.mark.parametrize("number", [2, 5, 9, 10])
def test_a_lost_line_is_restored_from_a_copy(log: Path, number: int) -> None:
    copy = lines_of(log)
    spoil(log, number)
    plan = mend(log, copy_of(copy))
    assert (words(log), plan.restored, plan.lost) == (WORDS, 1, ())


def test_many_lost_lines_are_restored_from_copies_that_have_some_each(log: Path) -> None:
    copy = lines_of(log)
    write_lines(log, [*copy[:2], *copy[8:]])
    plan = mend(log, Options((source(copy[2:5]), source(copy[5:8]))))
    assert (words(log), plan.restored) == (WORDS, 6)


def test_a_cut_off_end_is_restored_from_a_copy(log: Path) -> None:
    copy = lines_of(log)
    write_lines(log, copy[:4])
    plan = mend(log, copy_of(copy))
    assert (words(log), plan.restored) == (WORDS, 6)


def test_an_empty_log_is_restored_from_a_copy(log: Path) -> None:
    copy = lines_of(log)
    log.write_bytes(b"")
    plan = mend(log, copy_of(copy))
    assert (words(log), plan.restored, plan.header_rebuilt) == (WORDS, 10, False)


def test_a_damaged_copy_gives_the_lines_that_are_intact(log: Path) -> None:
    copy = lines_of(log)
    write_lines(log, [*copy[:3], *copy[7:]])
    damaged = [b"\0\xff", copy[3], copy[4][:50], copy[5], copy[6], b""]
    plan = mend(log, copy_of(damaged))
    assert (plan.restored, plan.lost) == (3, ((5, 5),))


def test_a_copy_of_another_session_restores_nothing(log: Path, tmp_path: Path) -> None:
    other = lines_of(begin(tmp_path / "other", *WORDS))
    spoil(log, 5)
    plan = mend(log, copy_of(other))
    assert (plan.restored, plan.lost) == (0, ((5, 5),))


def test_a_line_of_the_archive_is_found_without_being_asked_for(log: Path) -> None:
    """The archive holds the line as it was: of another generation, so it fits by content no more."""
    before = lines_of(log)
    change_line(log, 3, b"x", before[2])
    plan = mend(log)
    assert plan.archive
    write_lines(log, before)  # the old generation again, and damaged: its archive has all of it
    spoil(log, 5)
    assert (mend(log).restored, words(log)) == (1, WORDS)


def test_a_line_that_was_put_aside_is_found_again(log: Path) -> None:
    """Quarantines hold bytes as base64: a record among them fills its gap."""
    copy = lines_of(log)
    write_lines(log, [*copy[:6], copy[4], *copy[6:]])
    plan = mend(log)
    assert plan.quarantine
    assert plan.archive
    (log.parent / plan.archive).unlink()
    write_lines(log, [*copy[:4], *copy[5:]])
    assert (mend(log).restored, words(log)) == (1, WORDS)


@pytest.mark.parametrize("line", [b'{"offset":0}', b'{"offset":0,"base64":7}',
                                  b'{"offset":0,"base64":"*"}', b'{"offset":0,"ba', b"[]"])  # fmt: skip
def test_a_damaged_quarantine_stops_no_repair(log: Path, line: bytes) -> None:
    (log.parent / ".quarantine").mkdir()
    write_lines(log.parent / ".quarantine" / "s.g0.jsonl", [line])
    spoil(log, 5)
    assert mend(log).lost == ((5, 5),)


def test_what_is_appended_after_a_restored_log_goes_on_behind_it(log: Path) -> None:
    copy = lines_of(log)
    write_lines(log, copy[:4])
    mend(log, copy_of(copy))
    assert say(open_session(log.parent), "after")["seq"] == 12  # 11 is the note of the repair
    assert seqs(log) == list(range(1, 13))


def test_two_histories_are_not_mixed(log: Path) -> None:
    """The end was cut off and the session went on: the old end fits nowhere any more."""
    copy = lines_of(log)
    write_lines(log, copy[:4])
    say(open_session(log.parent), "another way")
    plan = mend(log, copy_of(copy))
    assert (plan.needed, words(log)) == (False, [*WORDS[:3], "another way"])


def test_a_restored_line_that_stands_elsewhere_is_not_put_aside_too(log: Path) -> None:
    copy = lines_of(log)
    write_lines(log, [*copy[:4], *copy[5:9], copy[4], copy[9]])
    plan = mend(log, copy_of(copy))
    assert (words(log), plan.lost, quarantine_of(log, plan)) == (WORDS, (), [])
