"""A write that was cut off: nobody was told that it succeeded, and it must do no harm."""

from pathlib import Path

import pytest

from eventlog.errors import WrongExpectedVersionError
from tests.log.helpers import (
    begin,
    cut_off,
    kinds,
    lines_of,
    message,
    open_session,
    said,
    say,
    walk,
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return begin(tmp_path, "one", "two", "cut")


def test_torn_tail_is_ignored_by_read(log: Path) -> None:
    whole = log.read_bytes()
    for length in range(1, len(lines_of(log)[-1])):
        log.write_bytes(whole[: len(whole) - 1 - length])
        session = open_session(log.parent)
        assert said(session) == ["one", "two"]
        assert (session.health.ok, session.health.torn) == (True, 1)


def test_torn_tail_before_an_append_glues_nothing_and_loses_nothing(log: Path) -> None:
    whole = log.read_bytes()
    last = len(lines_of(log)[-1])
    for length in range(1, last, 3):
        log.write_bytes(whole[: len(whole) - 1 - length])
        torn = log.read_bytes()
        recorded = say(open_session(log.parent), "three")
        assert log.read_bytes().startswith(torn + b"\n")
        session = open_session(log.parent)
        assert said(session) == ["one", "two", "three"]
        assert recorded["seq"] == 4
        assert (session.health.ok, kinds(session.health)) == (True, ["torn"])


def test_a_whole_record_without_its_newline_is_completed_by_the_next_append(log: Path) -> None:
    cut_off(log, 1)
    recorded = say(open_session(log.parent), "next")
    assert recorded["seq"] == 5
    assert said(open_session(log.parent)) == ["one", "two", "cut", "next"]
    assert len(walk(log)) == 5
    assert open_session(log.parent).health.where == ()


def test_a_retry_finds_its_key_in_a_record_without_its_newline(tmp_path: Path) -> None:
    log = begin(tmp_path, "one")
    open_session(tmp_path).append(message("once"), key="k")
    cut_off(log, 1)
    retried = open_session(tmp_path).append(message("once"), key="k")
    assert retried["seq"] == 3
    assert said(open_session(tmp_path)) == ["one", "once"]
    assert len(walk(log)) == 3


def test_the_expected_version_counts_a_record_without_its_newline(log: Path) -> None:
    cut_off(log, 1)
    with pytest.raises(WrongExpectedVersionError) as caught:
        open_session(log.parent).append(message("lost"), expected_version=3)
    assert caught.value.actual == 4
    assert open_session(log.parent).append(message("next"), expected_version=4)["seq"] == 5


def test_torn_tails_again_and_again_lose_nothing(log: Path) -> None:
    for i in range(5):
        with log.open("ab") as file:
            file.write(b'{"seq":%d,"at":"2026' % (i + 5))
        say(open_session(log.parent), f"after {i}")
    session = open_session(log.parent)
    assert said(session) == ["one", "two", "cut", *(f"after {i}" for i in range(5))]
    assert (session.health.ok, session.health.torn) == (True, 5)


def test_torn_tail_of_zeros_is_torn(log: Path) -> None:
    log.write_bytes(log.read_bytes() + b"\0" * 70_000)
    assert open_session(log.parent).health.torn == 1
    say(open_session(log.parent), "next")
    assert said(open_session(log.parent)) == ["one", "two", "cut", "next"]
    assert open_session(log.parent).health.ok


def test_a_torn_header_is_begun_anew(tmp_path: Path) -> None:
    log = begin(tmp_path)
    cut_off(log, 30)
    session = open_session(tmp_path)
    assert (session.version, session.messages(), session.health.ok) == (0, [], True)
    say(session, "first")
    assert said(open_session(tmp_path)) == ["first"]
    assert [event["seq"] for event in open_session(tmp_path).events()] == [1, 2]


def test_a_warm_handle_goes_on_where_another_one_was_cut_off(log: Path) -> None:
    warm = open_session(log.parent)
    assert said(warm) == ["one", "two", "cut"]
    with log.open("ab") as file:
        file.write(b'{"seq":5,"at":"20')
    assert said(warm) == ["one", "two", "cut"]
    say(open_session(log.parent), "by another")
    assert said(warm) == ["one", "two", "cut", "by another"]
    say(warm, "by me")
    assert said(open_session(log.parent)) == said(warm)


def test_a_write_in_flight_is_seen_once_it_is_whole(log: Path) -> None:
    whole = log.read_bytes()
    warm = open_session(log.parent)
    for end in range(len(whole) - len(lines_of(log)[-1]) - 1, len(whole)):
        log.write_bytes(whole[:end])
        assert said(warm) == ["one", "two"]
    log.write_bytes(whole)
    assert said(warm) == ["one", "two", "cut"]
