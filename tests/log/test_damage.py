"""Damage: what can be read is given back, in order, and the rest is told as it is."""

from pathlib import Path

import pytest

from eventlog import codec
from eventlog.errors import CorruptLogError
from tests.log.helpers import (
    begin,
    change_line,
    flip,
    kinds,
    lines_of,
    open_session,
    said,
    say,
    write_lines,
)

WORDS = ["two", "three", "four", "five", "six"]  # named by their `seq`


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return begin(tmp_path, *WORDS)


def own_words(log: Path) -> list[str]:
    """Return this session's own words that are still to be read, in order."""
    return [word for word in said(open_session(log.parent)) if not word.startswith("foreign")]


def test_a_committed_line_lost_is_a_gap(log: Path) -> None:
    hashes = [line[-24:-2].decode() for line in lines_of(log)]
    change_line(log, 4)
    health = open_session(log.parent).health
    (gap,) = health.where
    assert said(open_session(log.parent)) == ["two", "three", "five", "six"]
    assert (health.ok, health.gaps, gap.kind) == (False, 1, "gap")
    assert (gap.first_seq, gap.last_seq, gap.last_hash) == (4, 4, hashes[3])


def test_a_gap_counts_its_events_and_tells_where_they_were(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, lines[:2] + lines[5:])
    health = open_session(log.parent).health
    (gap,) = health.where
    assert (health.gaps, gap.first_seq, gap.last_seq) == (3, 3, 5)
    assert (gap.line, gap.offset) == (3, len(lines[0]) + len(lines[1]) + 2)


@pytest.mark.parametrize("number", [1, 2, 4, 6])
def test_any_one_bit_flipped_hides_at_most_its_own_line(log: Path, number: int) -> None:
    line = lines_of(log)[number - 1]
    whole = lines_of(log)
    left = [word for seq, word in enumerate(WORDS, start=2) if seq != number]
    for at in range(len(line)):
        for mask in (0x01, 0x08, 0x80):
            broken = flip(line, at, mask)
            write_lines(log, [*whole[: number - 1], broken, *whole[number:]])
            session = open_session(log.parent)
            assert said(session) == left
            assert not session.health.ok


@pytest.mark.parametrize("number", [2, 4])
def test_a_newline_flipped_hides_nothing_and_is_reported(log: Path, number: int) -> None:
    lines = lines_of(log)
    for mask in (0x01, 0x04, 0x80):
        glued = lines[number - 1] + bytes([0x0A ^ mask]) + lines[number]
        write_lines(log, [*lines[: number - 1], glued, *lines[number + 1 :]])
        session = open_session(log.parent)
        assert said(session) == WORDS
        assert kinds(session.health) == ["damaged"]


def test_the_final_newline_flipped_is_reported_and_the_next_append_brings_it_back(
    log: Path,
) -> None:
    log.write_bytes(flip(log.read_bytes(), -1))
    assert not open_session(log.parent).health.ok
    say(open_session(log.parent), "seven")
    session = open_session(log.parent)
    assert said(session) == [*WORDS, "seven"]
    assert not session.health.ok


def test_a_record_torn_after_a_flipped_newline_hides_nothing_for_good(log: Path) -> None:
    data = log.read_bytes()
    log.write_bytes(flip(data, -1) + b'{"seq":7,"at":"20')
    assert not open_session(log.parent).health.ok
    say(open_session(log.parent), "seven")
    assert said(open_session(log.parent)) == [*WORDS, "seven"]


@pytest.mark.parametrize("at", [0, 9, 70, 100, -80, -60, -45, -30, -10, -2, -1])
def test_a_damaged_last_line_is_still_damage_after_an_append(log: Path, at: int) -> None:
    change_line(log, -1, flip(lines_of(log)[-1], at))
    assert not open_session(log.parent).health.ok
    recorded = say(open_session(log.parent), "seven")
    session = open_session(log.parent)
    assert said(session) == [*WORDS[:-1], "seven"]
    assert recorded["seq"] == 7
    assert (session.health.ok, session.health.gaps, session.health.damaged) == (False, 1, 1)


def test_a_damaged_last_line_with_windows_line_ends_is_still_damage(log: Path) -> None:
    change_line(log, -1, flip(lines_of(log)[-1], 80))
    log.write_bytes(log.read_bytes().replace(b"\n", b"\r\n"))
    assert not open_session(log.parent).health.ok
    say(open_session(log.parent), "seven")
    assert open_session(log.parent).health.gaps == 1


CLOSING_BRACE = pytest.param(
    -1,
    marks=pytest.mark.xfail(
        strict=True, reason="a line without its last byte looks like a write that was cut off there"
    ),
)


@pytest.mark.parametrize("at", [-60, -45, -30, -10, CLOSING_BRACE])
def test_a_last_line_that_lost_a_byte_is_still_damage_after_an_append(log: Path, at: int) -> None:
    last = lines_of(log)[-1]
    change_line(log, -1, last[:at] + last[len(last) + at + 1 :])
    say(open_session(log.parent), "seven")
    assert not open_session(log.parent).health.ok


def test_two_damaged_last_lines_are_both_still_damage_after_an_append(log: Path) -> None:
    for number in (5, 6):
        change_line(log, number, flip(lines_of(log)[number - 1], 80))
    recorded = say(open_session(log.parent), "seven")
    session = open_session(log.parent)
    assert (said(session), recorded["seq"]) == (["two", "three", "four", "seven"], 7)
    assert (session.health.gaps, session.health.damaged) == (2, 2)


def test_a_block_of_nuls_over_two_lines_hides_only_these(log: Path) -> None:
    lines = lines_of(log)
    start = sum(len(line) + 1 for line in lines[:2]) + 100
    data = log.read_bytes()
    log.write_bytes(data[:start] + b"\0" * 200 + data[start + 200 :])
    session = open_session(log.parent)
    assert said(session) == ["two", "five", "six"]
    assert session.health.gaps == 2


def test_three_records_glued_are_all_read(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:2], b"".join(lines[2:5]), lines[5]])
    session = open_session(log.parent)
    assert said(session) == WORDS
    assert kinds(session.health) == ["damaged"]


def test_records_glued_at_the_end_are_both_read_and_followed(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:4], lines[4] + lines[5]])
    assert say(open_session(log.parent), "seven")["seq"] == 7
    assert said(open_session(log.parent)) == [*WORDS, "seven"]


def test_a_message_that_quotes_a_record_is_not_taken_for_one(log: Path) -> None:
    lines = lines_of(log)
    say(open_session(log.parent), lines[3].decode())
    last = lines_of(log)[-1]
    change_line(log, -1, flip(last, 20))
    assert said(open_session(log.parent)) == WORDS
    assert b'{\\"seq\\":4' in last


def test_a_block_written_twice_is_read_once(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:5], *lines[1:4], lines[5]])
    session = open_session(log.parent)
    assert said(session) == WORDS
    assert session.health.damaged == 3


def test_lines_in_the_wrong_order_hide_nothing_that_follows(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:2], lines[3], lines[2], *lines[4:]])
    session = open_session(log.parent)
    assert said(session)[-2:] == ["five", "six"]
    assert "three" in said(session)
    assert not session.health.ok


def test_the_header_lost_hides_nothing_else(log: Path) -> None:
    change_line(log, 1)
    session = open_session(log.parent)
    assert said(session) == WORDS
    assert [(d.kind, d.first_seq, d.last_seq) for d in session.health.where] == [("gap", 1, 1)]


def test_a_log_of_garbage_alone_can_be_begun_in(log: Path) -> None:
    log.write_bytes(b"\x80\xff{}\n[]\nnull\n" * 20)
    session = open_session(log.parent)
    assert (session.messages(), session.health.bytes) == ([], 260)
    say(session, "first")
    assert said(open_session(log.parent)) == ["first"]


@pytest.mark.parametrize("block", [1, 3, 63, 64, 200])
@pytest.mark.parametrize("place", [1, 3, 6])
@pytest.mark.parametrize("ahead", [0, 4, 50])
def test_a_foreign_block_never_hides_this_sessions_own_events(
    tmp_path: Path, log: Path, block: int, place: int, ahead: int
) -> None:
    lines = lines_of(log)
    foreign = begin_foreign(tmp_path, ahead + block)[ahead : ahead + block]
    write_lines(log, [*lines[:place], *foreign, *lines[place:]])
    assert own_words(log) == WORDS
    assert not open_session(tmp_path).health.ok
    say(open_session(tmp_path), "seven")
    assert own_words(log) == [*WORDS, "seven"]


def test_a_long_foreign_block_in_a_long_log_hides_nothing(tmp_path: Path) -> None:
    log = begin(tmp_path, *(f"{i}" for i in range(2, 151)))
    lines = lines_of(log)
    foreign = begin_foreign(tmp_path, 180)[60:]
    write_lines(log, [*lines[:80], *foreign, *lines[80:]])
    assert own_words(log) == [f"{i}" for i in range(2, 151)]


def begin_foreign(folder: Path, count: int) -> list[bytes]:
    """Make lines of another session, faster than a session would."""
    prev, lines = codec.FIRST_PREV, []
    for seq in range(1, count + 1):
        draft = codec.encode("message.added", {"role": "user", "content": f"foreign {seq}"})
        line, prev = codec.seal(draft, seq, "2026-11-22T10:00:00.000000Z", prev)
        lines.append(line)
    return lines


@pytest.mark.parametrize("after", [0, 4])
def test_strict_reading_stops_at_damage(log: Path, after: int) -> None:
    change_line(log, 3, flip(lines_of(log)[2], 80))
    with pytest.raises(CorruptLogError) as caught:
        list(open_session(log.parent).events(after, strict=True))
    error, lines = caught.value, lines_of(log)
    assert (error.line, error.offset) in (
        (3, len(lines[0]) + len(lines[1]) + 2),
        (4, sum(map(len, lines[:3])) + 3),  # where the gap was noticed
    )
    assert "s" in error.path


def test_strict_reading_of_a_healthy_or_torn_log_raises_nothing(log: Path) -> None:
    assert len(list(open_session(log.parent).events(strict=True))) == 6
    with log.open("ab") as file:
        file.write(b'{"seq":7')
    assert len(list(open_session(log.parent).events(strict=True))) == 6


def test_strict_reading_finds_damage_behind_a_thousand_torn_writes(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:2], *[b"torn"] * 1100, lines[2], *lines[4:]])
    with pytest.raises(CorruptLogError):
        list(open_session(log.parent).events(strict=True))


def test_health_counts_on_beyond_the_places_it_lists(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:2], *[lines[1]] * 1500, *lines[2:]])
    health = open_session(log.parent).health
    assert (health.damaged, len(health.where)) == (1500, 1000)


def test_health_names_line_and_offset_of_each_place(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:3], b"garbage", *lines[3:], b"more"])
    torn, last = open_session(log.parent).health.where
    assert (torn.line, torn.offset, torn.length) == (4, sum(map(len, lines[:3])) + 3, 7)
    assert (last.line, last.offset, last.length) == (8, sum(map(len, lines)) + 14, 4)


def test_a_warm_handle_reports_damage_as_a_new_one_does(log: Path) -> None:
    warm = open_session(log.parent)
    assert warm.messages()
    with log.open("ab") as file:
        file.write(b"garbage\n" + lines_of(log)[1] + b"\n")
    say(warm, "seven")
    cold = open_session(log.parent)
    assert said(warm) == said(cold) == [*WORDS, "seven"]
    assert warm.health == cold.health


def test_a_line_longer_than_64_mib_is_passed_over_and_reported(log: Path) -> None:
    lines = lines_of(log)
    with log.open("wb") as file:
        file.write(b"".join(line + b"\n" for line in lines[:3]))
        file.write(b"x" * (65 << 20) + b"\n")
        file.write(b"".join(line + b"\n" for line in lines[3:]))
    session = open_session(log.parent)
    assert said(session) == WORDS
    (damage,) = session.health.where
    assert (damage.kind, damage.line, damage.length) == ("damaged", 4, 65 << 20)
    say(session, "seven")
    assert said(open_session(log.parent)) == [*WORDS, "seven"]
