"""A batch counts as a whole: cut off, it was never written; hit later, its other lines are read."""

from pathlib import Path

import pytest

from tests.log.helpers import (
    begin,
    change_line,
    cut_off,
    flip,
    kinds,
    lines_of,
    message,
    open_session,
    said,
    say,
    walk,
    write_lines,
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two events, then a batch of three: lines 3 to 5."""
    log = begin(tmp_path, "one")
    open_session(tmp_path).append_many(map(message, "abc"), key="k")
    return log


def test_a_batch_cut_off_at_any_byte_counts_as_not_written(log: Path) -> None:
    whole, batch = log.read_bytes(), sum(len(line) + 1 for line in lines_of(log)[2:])
    for length in range(2, batch):
        log.write_bytes(whole[:-length])
        session = open_session(log.parent)
        assert said(session) == ["one"]
        assert (session.health.ok, session.version) == (True, 2)


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("more", [b"", b'{"seq":5,"at"'])
def test_a_batch_cut_off_and_then_appended_to_stays_not_written(
    log: Path, lines: int, more: bytes
) -> None:
    write_lines(log, lines_of(log)[: 2 + lines])
    log.write_bytes(log.read_bytes() + more)
    recorded = say(open_session(log.parent), "next")
    session = open_session(log.parent)
    assert (said(session), recorded["seq"]) == (["one", "next"], 3)
    assert (session.health.ok, set(kinds(session.health))) == (True, {"torn"})


def test_a_batch_that_lacks_only_its_newline_is_completed_by_the_next_append(log: Path) -> None:
    cut_off(log, 1)
    assert said(open_session(log.parent)) == ["one"]
    say(open_session(log.parent), "next")
    assert said(open_session(log.parent)) == ["one", "a", "b", "c", "next"]
    assert len(walk(log)) == 6


def test_a_retry_of_a_batch_that_was_cut_off_writes_it(log: Path) -> None:
    cut_off(log, 20)
    events = open_session(log.parent).append_many(map(message, "abc"), key="k")
    assert [event["seq"] for event in events] == [3, 4, 5]
    session = open_session(log.parent)
    assert (said(session), session.health.ok) == (["one", "a", "b", "c"], True)


def test_a_retry_of_a_batch_that_was_written_gives_the_stored_one(log: Path) -> None:
    before = log.read_bytes()
    events = open_session(log.parent).append_many(map(message, "abc"), key="k")
    assert [event["seq"] for event in events] == [3, 4, 5]
    assert log.read_bytes() == before


@pytest.mark.parametrize(("number", "left"), [(3, "bc"), (4, "ac"), (5, "ab")])
@pytest.mark.parametrize("destroy", ["lost", "unreadable"])
def test_a_batch_with_one_line_destroyed_later_shows_the_others(
    log: Path, number: int, left: str, destroy: str
) -> None:
    say(open_session(log.parent), "next")
    broken = [flip(lines_of(log)[number - 1], 70)] if destroy == "unreadable" else []
    change_line(log, number, *broken)
    session = open_session(log.parent)
    assert said(session) == ["one", *left, "next"]
    assert (session.health.ok, session.health.gaps) == (False, 1)


@pytest.mark.parametrize(("number", "left"), [(3, "bc"), (4, "ac")])
def test_a_last_batch_with_one_line_destroyed_shows_the_others(
    log: Path, number: int, left: str
) -> None:
    change_line(log, number, flip(lines_of(log)[number - 1], 70))
    session = open_session(log.parent)
    assert (said(session), session.health.ok) == (["one", *left], False)


def test_a_last_batch_whose_last_line_is_destroyed_is_in_doubt_until_the_next_append(
    log: Path,
) -> None:
    change_line(log, 5, flip(lines_of(log)[4], 70))
    assert not open_session(log.parent).health.ok
    say(open_session(log.parent), "next")
    session = open_session(log.parent)
    assert said(session) == ["one", "a", "b", "next"]
    assert (session.health.ok, session.health.gaps) == (False, 1)


def test_two_batches_in_a_row_do_not_mix(log: Path) -> None:
    open_session(log.parent).append_many(map(message, "xy"))
    change_line(log, 5)
    assert said(open_session(log.parent)) == ["one", "a", "b", "x", "y"]


def test_a_thousand_events_at_once_are_one_chain(tmp_path: Path) -> None:
    log = begin(tmp_path)
    open_session(tmp_path).append_many(message(f"{i}") for i in range(1000))
    assert [event["batch"] for event in walk(log)[1:]] == [[i, 1000] for i in range(1, 1001)]
    assert said(open_session(tmp_path)) == [f"{i}" for i in range(1000)]
