"""What a repair makes of one kind of damage: what is kept, brought back, put aside, or missing."""

from pathlib import Path

import pytest

from eventlog.repair import plan_repair
from eventlog.store import open_store
from tests.log.helpers import change_line, cut_off, flip, lines_of, open_session, say, write_lines
from tests.repair.damaging import (
    WORDS,
    begin_words,
    bytes_aside,
    copy_of,
    events,
    mend,
    quarantine_of,
    seqs,
    whats,
    words,
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return begin_words(tmp_path)


def test_a_healthy_log_is_left_alone(log: Path) -> None:
    before = log.read_bytes()
    plan = mend(log)
    assert (plan.needed, plan.events, plan.fates) == (False, 10, {"kept": len(before)})
    assert (log.read_bytes(), plan.archive) == (before, None)
    assert [path.name for path in log.parent.iterdir()] == ["s.jsonl", ".locks"]


def test_a_turned_bit_is_turned_back(log: Path) -> None:
    change_line(log, 5, flip(lines_of(log)[4], 90))
    plan = mend(log)
    assert (words(log), plan.salvaged, plan.lost, plan.quarantine) == (WORDS, 1, (), None)


def test_a_line_that_cannot_be_proven_is_put_aside_and_its_number_stays_free(log: Path) -> None:
    spoiled = flip(flip(lines_of(log)[4], 90), 95)
    change_line(log, 5, spoiled)
    plan = mend(log)
    assert (plan.lost, bytes_aside(log, plan)) == (((5, 5),), [spoiled])
    assert seqs(log) == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]


def test_the_note_of_a_repair_says_what_it_did(log: Path) -> None:
    change_line(log, 5, b"spoiled")
    plan = mend(log)
    note = events(log)[-1]
    assert note["type"] == "log.repaired"
    assert note["data"] == {
        "lost": [[5, 5]],
        "salvaged": 0,
        "restored": 0,
        "quarantined": 7,
        "quarantine": plan.quarantine,
    }


def test_kept_events_keep_all_but_their_links(log: Path) -> None:
    before = [line[:-56] for line in lines_of(log)]
    change_line(log, 5, b"spoiled")
    mend(log)
    after = [line[:-56] for line in lines_of(log)]
    assert after[1:9] == [*before[1:4], *before[5:]]


def test_a_line_missing_at_both_sides_of_a_turned_bit_is_bridged_from_behind(log: Path) -> None:
    """Event 5 is gone: that 6 belongs before 7 is proven by 7 alone."""
    lines = lines_of(log)
    write_lines(log, [*lines[:4], flip(lines[5], 90), *lines[6:]])
    plan = mend(log)
    assert (plan.salvaged, plan.lost) == (1, ((5, 5),))
    assert "word 6" in words(log)


def test_a_turned_bit_before_a_missing_line_is_bridged_from_the_front(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:4], flip(lines[4], 90), *lines[6:]])
    plan = mend(log)
    assert (plan.salvaged, plan.lost) == (1, ((6, 6),))
    assert "word 5" in words(log)


def test_a_gap_is_bridged_from_both_sides(log: Path) -> None:
    lines = lines_of(log)
    hurt = [flip(lines[3], 90), b"gone", flip(lines[5], 90)]
    write_lines(log, [*lines[:3], *hurt, *lines[6:]])
    plan = mend(log)
    assert (plan.salvaged, plan.lost, bytes_aside(log, plan)) == (2, ((5, 5),), [b"gone"])


def test_lines_in_the_wrong_order_are_put_in_order(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:3], lines[4], lines[3], *lines[5:]])
    plan = mend(log)
    assert (words(log), plan.lost, plan.quarantine, plan.restored) == (WORDS, (), None, 0)


def test_a_line_moved_far_is_put_back(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:3], lines[8], *lines[3:8], *lines[9:]])
    plan = mend(log)
    assert (words(log), plan.lost, plan.quarantine) == (WORDS, (), None)


def test_a_line_there_twice_is_kept_once_and_the_copy_put_aside(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:5], lines[4], *lines[5:]])
    plan = mend(log)
    assert (words(log), bytes_aside(log, plan)) == (WORDS, [lines[4]])
    assert whats(plan, "quarantined") == ["event 5 again"]


def test_a_lost_header_is_rebuilt_with_the_id_of_the_file(log: Path) -> None:
    change_line(log, 1)
    plan = mend(log)
    header = events(log)[0]["data"]
    assert (plan.header_rebuilt, plan.lost, words(log)) == (True, (), WORDS)
    assert (header["session"], header["generation"]) == ("s", 1)


def test_a_lost_header_is_taken_from_a_copy_if_there_is_one(log: Path) -> None:
    lines, before = lines_of(log), events(log)[0]["data"]
    change_line(log, 1)
    plan = mend(log, copy_of(lines[:1]))
    assert (plan.header_rebuilt, plan.restored) == (False, 1)
    assert events(log)[0]["data"]["salt"] == before["salt"]


@pytest.mark.parametrize("number", [1, 5, 10])
def test_a_turned_bit_under_windows_line_ends_is_turned_back(log: Path, number: int) -> None:
    change_line(log, number, flip(lines_of(log)[number - 1], 60))
    log.write_bytes(b"\xef\xbb\xbf" + log.read_bytes().replace(b"\n", b"\r\n"))
    plan = mend(log)
    assert (words(log), plan.lost, plan.quarantine) == (WORDS, (), None)
    assert not plan.header_rebuilt
    assert b"\r" not in log.read_bytes()


def test_windows_line_ends_alone_are_taken_away(log: Path) -> None:
    clean = lines_of(log)
    log.write_bytes(b"\xef\xbb\xbf" + log.read_bytes().replace(b"\n", b"\r\n"))
    plan = mend(log)
    assert [line[:-56] for line in lines_of(log)][1:-1] == [line[:-56] for line in clean][1:]
    assert plan.fates == {"kept": sum(map(len, clean)) + 10, "separator": 13}


@pytest.mark.parametrize("foreign", [b'{"role":"user","content":"hi"}', b"[1]", b'"x"', b"null"])
def test_valid_json_that_is_no_event_is_put_aside(log: Path, foreign: bytes) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:5], foreign, *lines[5:]])
    plan = mend(log)
    assert (words(log), plan.lost, bytes_aside(log, plan)) == (WORDS, (), [foreign])


def test_empty_lines_and_nuls_are_separators(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:5], b"", b"\0" * 512, b"\r", *lines[5:]])
    plan = mend(log)
    assert (words(log), plan.quarantine) == (WORDS, None)
    assert plan.fates["separator"] == 1 + 513 + 2


def test_the_missing_last_newline_is_set(log: Path) -> None:
    cut_off(log, 1)
    plan = mend(log)
    assert (words(log), plan.events, plan.quarantine) == (WORDS, 10, None)


def test_the_number_of_a_suspect_last_line_stays_free(log: Path) -> None:
    change_line(log, -1, flip(flip(lines_of(log)[-1], 90), 95))
    recorded = say(open_session(log.parent), "after")
    plan = mend(log)
    assert (recorded["seq"], plan.lost) == (11, ((10, 10),))
    assert seqs(log) == [*range(1, 10), 11, 12]


def test_a_torn_end_frees_no_number(log: Path) -> None:
    cut_off(log, 40)
    plan = mend(log)
    assert (plan.lost, seqs(log)) == ((), list(range(1, 11)))
    assert whats(plan, "quarantined") == ["unreadable"]


def test_a_line_too_long_to_load_stays_in_the_archive(log: Path) -> None:
    lines = lines_of(log)
    with log.open("wb") as file:
        file.write(b"".join(line + b"\n" for line in lines[:3]))
        file.truncate(file.tell() + (65 << 20))
        file.seek(0, 2)
        file.write(b"\n" + b"".join(line + b"\n" for line in lines[3:]))
    plan = mend(log)
    assert words(log) == WORDS
    (aside,) = quarantine_of(log, plan)
    assert (aside["length"], "base64" in aside) == ((65 << 20) + 1, False)
    assert plan.archive
    assert (log.parent / plan.archive).stat().st_size == plan.size


def test_gaps_of_a_compacted_log_are_no_damage(log: Path) -> None:
    """A repair leaves numbers out, as a compaction does, and then nothing is amiss."""
    change_line(log, 5)
    mend(log)
    say(open_session(log.parent), "after")
    before = log.read_bytes()
    assert not plan_repair(open_store(log.parent), "s").needed
    assert not mend(log).needed
    assert log.read_bytes() == before


def test_a_log_of_a_later_generation_is_mended_into_the_next(log: Path) -> None:
    archives = []
    for generation in range(1, 4):
        change_line(log, 3, lines_of(log)[2], b"garbage")
        plan = mend(log)
        archives.append(plan.archive)
        assert (plan.generation, events(log)[0]["data"]["generation"]) == (
            generation - 1,
            generation,
        )
    assert archives == [f".archive/s.g{n}.jsonl" for n in range(3)]
    assert events(log)[0]["data"]["from"]["generation"] == 2


def test_an_empty_log_and_one_of_garbage_can_be_repaired(log: Path) -> None:
    log.write_bytes(b"")
    assert not mend(log).needed
    log.write_bytes(b"garbage\nmore\n")
    plan = mend(log)
    assert (bytes_aside(log, plan), seqs(log)) == ([b"garbage", b"more"], [1, 2])
