"""Verify tells what a log holds, and a head that was kept proves that it is all still there."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from eventlog.codec import dump_json
from eventlog.errors import EventLogError, SessionNotFoundError
from eventlog.store import open_store
from eventlog.verify import Head, compare, parse_head, verify
from tests.log.helpers import (
    begin,
    change_line,
    cut_off,
    flip,
    lines_of,
    open_session,
    rehash,
    say,
    write_lines,
)
from tests.repair.damaging import WORDS, begin_words, copy_of, mend


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return begin_words(tmp_path)


@pytest.fixture
def head(log: Path) -> Head:
    """The head as somebody kept it while all was well."""
    return verify(open_store(log.parent), "s").head


def wrong(log: Path, head: Head) -> str | None:
    """Say what is wrong with a log, held against a head."""
    return compare(open_store(log.parent), head)


def test_a_report_says_where_a_healthy_log_stands(log: Path) -> None:
    report = verify(open_store(log.parent), "s")
    last = list(open_session(log.parent).events())[-1]
    assert (report.events, report.health.ok, report.health.where) == (10, True, ())
    assert report.head.session == "s"
    assert (report.head.version, report.head.hash) == (10, last["hash"])
    assert (report.head.generation, report.head.bytes) == (0, log.stat().st_size)


def test_every_byte_is_reported_as_progress(log: Path) -> None:
    log.write_bytes(log.read_bytes() + b"torn")
    done: list[int] = []
    verify(open_store(log.parent), "s", done.append)
    assert sum(done) == log.stat().st_size


def test_verify_changes_nothing_and_makes_no_file(log: Path) -> None:
    change_line(log, 5, b"garbage")
    before = {path: path.read_bytes() for path in log.parent.rglob("*") if path.is_file()}
    verify(open_store(log.parent), "s")
    assert {path: path.read_bytes() for path in log.parent.rglob("*") if path.is_file()} == before


def test_a_session_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SessionNotFoundError):
        verify(open_store(tmp_path), "none")


def test_a_log_that_went_on_still_holds_what_it_did(log: Path, head: Head) -> None:
    assert wrong(log, head) is None
    say(open_session(log.parent), "more", "and more")
    assert wrong(log, head) is None


@pytest.mark.parametrize("lines", [1, 2, 9])
def test_an_end_cut_off_at_a_line_is_told(log: Path, head: Head, lines: int) -> None:
    write_lines(log, lines_of(log)[:-lines])
    assert open_session(log.parent).health.where == ()  # the log alone cannot know
    told = f"it ended at event 10 then, and ends at event {10 - lines} now"
    assert wrong(log, head) == told


def test_an_end_cut_off_and_replaced_is_told(log: Path, head: Head) -> None:
    write_lines(log, lines_of(log)[:-2])
    say(open_session(log.parent), "another", "way", "on")
    assert wrong(log, head) == "event 10 is not what it was"


def test_a_forged_event_is_told_though_its_own_hash_is_right(log: Path, head: Head) -> None:
    forged = rehash(lines_of(log)[-1].replace(b"word 10", b"FORGED!"))
    change_line(log, -1, forged)
    assert open_session(log.parent).health.ok
    assert wrong(log, head) == "event 10 is not what it was"


def test_a_forged_event_in_the_middle_is_told(log: Path, head: Head) -> None:
    change_line(log, 5, rehash(lines_of(log)[4].replace(b"word 5", b"FORGED")))
    assert wrong(log, head) == "events before it are damaged: eventlog verify tells which"


def test_a_damaged_event_is_told(log: Path, head: Head) -> None:
    change_line(log, 5, flip(lines_of(log)[4], 90))
    assert wrong(log, head) == "events before it are damaged: eventlog verify tells which"


def test_the_last_event_destroyed_behind_a_later_one_is_told(log: Path, head: Head) -> None:
    say(open_session(log.parent), "later")
    change_line(log, 10, b"gone")
    assert wrong(log, head) == "event 10 is not what it was"


def test_the_very_last_event_destroyed_is_told(log: Path, head: Head) -> None:
    change_line(log, 10, flip(lines_of(log)[9], 90))
    say(open_session(log.parent), "later")
    assert wrong(log, head) is not None


def test_damage_behind_the_head_does_not_concern_it(log: Path, head: Head) -> None:
    say(open_session(log.parent), "later", "and later")
    change_line(log, 11, flip(lines_of(log)[10], 90))
    assert not open_session(log.parent).health.ok
    assert wrong(log, head) is None


def test_a_torn_end_behind_the_head_does_not_concern_it(log: Path, head: Head) -> None:
    say(open_session(log.parent), "later")
    cut_off(log, 20)
    assert wrong(log, head) is None


def test_another_log_under_the_same_name_is_told(log: Path, head: Head) -> None:
    log.unlink()
    begin(log.parent, *WORDS)
    assert wrong(log, head) == "this is another log under the same name"


def test_a_log_whose_header_is_lost_is_told_as_damaged(log: Path, head: Head) -> None:
    change_line(log, 1)
    assert wrong(log, head) == "events before it are damaged: eventlog verify tells which"


def test_a_log_repaired_since_is_held_against_its_archive(log: Path, head: Head) -> None:
    log.write_bytes(log.read_bytes() + b"torn")
    plan = mend(log)
    assert wrong(log, head) is None
    assert plan.archive
    (log.parent / plan.archive).unlink()
    assert wrong(log, head) == (
        "it was rewritten since (generation 0 then), and no archive holds all that it was"
    )


def test_an_archive_that_is_damaged_itself_is_no_proof(log: Path, head: Head) -> None:
    """The log was damaged before it was repaired: what it held then is nowhere any more."""
    change_line(log, 5, b"gone")
    mend(log)
    assert wrong(log, head) is not None


def test_a_log_repaired_twice_is_held_against_the_archive_of_then(log: Path, head: Head) -> None:
    for _ in range(2):
        log.write_bytes(log.read_bytes() + b"torn")
        mend(log)
    assert wrong(log, head) is None


def test_a_log_put_back_to_before_a_repair_is_told(log: Path) -> None:
    before = log.read_bytes()
    log.write_bytes(before + b"torn")
    mend(log)
    later = verify(open_store(log.parent), "s").head
    log.write_bytes(before)
    assert wrong(log, later) == "it ended at event 11 then, and ends at event 10 now"


def test_a_restored_end_is_not_what_it_was_byte_for_byte_but_the_copy_is(
    log: Path, head: Head
) -> None:
    copy = lines_of(log)
    write_lines(log, copy[:5])
    mend(log, copy_of(copy))
    assert wrong(log, head) is not None
    write_lines(log, copy)
    assert wrong(log, head) is None


@pytest.mark.parametrize("version", [0, -1])
def test_the_head_of_a_log_without_events_is_fulfilled_by_it(tmp_path: Path, version: int) -> None:
    (tmp_path / "s.jsonl").write_bytes(b"")
    head = verify(open_store(tmp_path), "s").head
    assert head.version == 0
    assert wrong(tmp_path / "s.jsonl", replace(head, version=version)) is None


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "7", "null", '{"session":"s"}', "no JSON", '{"session":1,"salt":2,"generation":"x","version":"y","hash":3,"bytes":4}'],
)  # fmt: skip
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(EventLogError):
        parse_head(text)


def test_a_head_is_read_back_as_it_was_printed(head: Head) -> None:
    assert parse_head(dump_json(asdict(head))) == head
