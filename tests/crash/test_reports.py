"""Corruption that people reported of other programs, put into our logs: each test names its report.

Promised each time: nobody is locked out of a session, what is intact is read, what is missing is
told, and a repair loses nothing.
"""

import errno
import shutil
import threading
from pathlib import Path

import pytest

from eventlog.errors import AppendError
from eventlog.repair import Options, plan_repair, repair
from eventlog.session import Session
from eventlog.store import open_store
from tests.log.helpers import (
    CONVERSATION,
    begin,
    change_line,
    converse,
    cut_off,
    flip,
    kinds,
    lines_of,
    message,
    open_faulty,
    open_session,
    said,
    say,
    write_lines,
)
from tests.projections.validity import assert_valid

WORDS = [f"word {seq}" for seq in range(2, 42)]  # named by their `seq`


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return begin(tmp_path, *WORDS)


def mended(log: Path) -> Session:
    """Repair a log; return its session, which must be in perfect health."""
    store = open_store(log.parent)
    repair(store, "s")
    session = store.open("s")
    assert (session.health.ok, session.health.where) == (True, ())
    return session


def test_21_splices_3_missing_newlines_and_6_nul_runs(log: Path) -> None:
    """anthropics/claude-code#81843: what 30 bad lines in 10,949 files were."""
    lines: list[bytes] = lines_of(log)
    for number in range(30, 33):
        lines[number - 1 : number + 1] = [lines[number - 1] + lines[number]]
    for number in range(21, 27):
        lines[number] = bytes(300) + lines[number]
    for number in range(20):
        lines[number] = b'{"torn":"splice' + lines[number]
    write_lines(log, lines)
    session = open_session(log.parent)
    assert said(session) == WORDS
    assert session.health.damaged == 29
    assert said(mended(log)) == WORDS


@pytest.mark.parametrize("number", [1, 2, 20, 40])
def test_lines_fused_by_a_lost_newline_are_both_read(log: Path, number: int) -> None:
    """anthropics/claude-code#52387, github/copilot-cli#4098, QwenLM/qwen-code#3681."""
    lines = lines_of(log)
    write_lines(
        log, [*lines[: number - 1], lines[number - 1] + lines[number], *lines[number + 1 :]]
    )
    assert said(open_session(log.parent)) == WORDS
    assert said(mended(log)) == WORDS


def test_an_acknowledged_append_fused_to_a_torn_one_is_kept(log: Path) -> None:
    """stablyai/orca#15159: an append behind a torn one was acknowledged, and lost on reading."""
    torn = lines_of(log)[-1][:70]
    log.write_bytes(log.read_bytes() + torn)
    recorded = say(open_session(log.parent), "acknowledged")
    log.write_bytes(log.read_bytes().replace(torn + b"\n", torn))  # fused, as theirs
    assert list(open_session(log.parent).events())[-1] == recorded
    assert said(mended(log)) == [*WORDS, "acknowledged"]


def test_the_remnant_of_a_full_disk_spoils_nothing_after_it(log: Path) -> None:
    """can1357/oh-my-pi#8596: the half line that a full disk left was never rolled back."""
    cut = lines_of(log)[-1][:100]
    log.write_bytes(log.read_bytes() + cut)
    say(open_session(log.parent), "after")
    assert said(open_session(log.parent)) == [*WORDS, "after"]
    assert open_session(log.parent).health.ok
    assert said(mended(log)) == [*WORDS, "after"]


def test_a_full_disk_is_told_to_the_caller(tmp_path: Path) -> None:
    """anomalyco/opencode#7607, google-gemini/gemini-cli#27277: it was swallowed."""
    folder, session = open_faulty(tmp_path)
    folder.break_call("write", errno.ENOSPC)
    with pytest.raises(AppendError) as caught:
        say(session, "lost?")
    assert caught.value.outcome == "not appended"


@pytest.mark.parametrize("size", [1, 512, 4096, 65536])
@pytest.mark.parametrize("number", [1, 20, 41])
def test_a_run_of_nuls_after_a_power_cut_hides_nothing(log: Path, size: int, number: int) -> None:
    """anthropics/claude-code#49876, #76059, github/copilot-cli#2927."""
    lines = lines_of(log)
    write_lines(log, [*lines[:number], bytes(size) + b"".join(lines[number : number + 1]),
                      *lines[number + 1 :]])  # fmt: skip
    assert said(open_session(log.parent)) == WORDS
    assert said(mended(log)) == WORDS


def test_nuls_over_whole_lines_hide_only_these(log: Path) -> None:
    """anthropics/claude-code#49876: here the blocks of acknowledged lines themselves are gone."""
    data, start = log.read_bytes(), log.read_bytes().index(b"word 20") - 100
    log.write_bytes(data[:start] + bytes(512) + data[start + 512 :])
    left = said(open_session(log.parent))
    assert len(left) >= len(WORDS) - 4
    assert not open_session(log.parent).health.ok
    assert said(mended(log)) == left


@pytest.mark.parametrize("number", [1, 2, 20])
def test_reading_goes_on_after_the_first_bad_line(log: Path, number: int) -> None:
    """anthropics/claude-code#50347, #53821: everything behind it was hidden."""
    change_line(log, number, b'{"type":"user","message":{"ro')
    assert said(open_session(log.parent)) == [w for w in WORDS if w != f"word {number}"]
    assert open_session(log.parent).health.gaps == 1


def test_two_writers_at_once_lose_nothing_and_fuse_nothing(tmp_path: Path) -> None:
    """anthropics/claude-code#20992, google/adk-python#4751, agno-agi/agno#7791."""
    begin(tmp_path)

    def write(name: str) -> None:
        session = open_session(tmp_path)
        for number in range(50):
            say(session, f"{name} {number}")

    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    session = open_session(tmp_path)
    words = said(session)
    assert (len(words), session.health.where) == (100, ())
    for name in "ab":
        assert [w for w in words if w[0] == name] == [f"{name} {n}" for n in range(50)]


@pytest.mark.parametrize("number", range(2, 8))
def test_a_lost_call_or_result_still_makes_a_valid_request(tmp_path: Path, number: int) -> None:
    """anthropics/claude-code#473, anomalyco/opencode#10616, posit-dev/positron#15719.

    311 orphans in 44 sessions, each an HTTP 400 for ever; one repair saw one direction only.
    """
    log = converse(tmp_path)
    change_line(log, number)
    for _ in range(2):
        session = open_session(tmp_path)
        for limit in (None, 1, 2, 3):
            assert_valid(session.messages(limit))
        repair(open_store(tmp_path), "s")


def test_a_lone_surrogate_is_stored_and_read_back(tmp_path: Path) -> None:
    """anthropics/claude-code#3277, anomalyco/opencode#17758: no request could be made again."""
    begin(tmp_path, "half \ud83d a smile")
    session = open_session(tmp_path)
    assert said(session) == ["half \ufffd a smile"]
    assert session.health.where == ()
    assert_valid(session.messages())


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_no_odd_line_end_cuts_a_line(tmp_path: Path, odd: str) -> None:
    """github/copilot-cli#2012, huggingface/tau#354: `splitlines` cut lines in two."""
    log = begin(tmp_path, f"one{odd}two")
    raw = lines_of(log)[-1].decode()
    change_line(log, -1, flip(raw.replace("\\u2028", odd).encode(), 80), raw.encode())
    assert said(open_session(tmp_path)) == [f"one{odd}two"]
    assert said(mended(log)) == [f"one{odd}two"]


def test_a_lost_line_takes_nothing_before_it_away(log: Path) -> None:
    """anthropics/claude-code#22107, #24304: a broken parent chain hid all that came earlier."""
    change_line(log, 20)
    assert said(open_session(log.parent)) == [w for w in WORDS if w != "word 20"]
    assert kinds(open_session(log.parent).health) == ["gap"]


def test_a_damaged_session_is_listed_like_all_others(log: Path) -> None:
    """anthropics/claude-code#22114: 6 of 38 sessions were visible, all of them intact on disk."""
    for number in range(5):
        shutil.copy(log, log.parent / f"copy{number}.jsonl")
        change_line(log.parent / f"copy{number}.jsonl", 1 + number * 5, b"\0\xff{")
    (log.parent / "empty.jsonl").write_bytes(b"")
    rows = open_store(log.parent).list()
    assert {row.id for row in rows} == {"s", "empty", *(f"copy{n}" for n in range(5))}
    assert all(row.summary.title for row in rows)


@pytest.mark.parametrize("hurt", [b"", b"\xef\xbb\xbf", b"not a header\n", b"\0" * 100])
def test_resuming_destroys_nothing(log: Path, hurt: bytes) -> None:
    """google-gemini/gemini-cli#27368: a file whose first line was odd was deleted on resume."""
    data = hurt + log.read_bytes().partition(b"\n")[2]
    log.write_bytes(data)
    assert open_session(log.parent).messages()
    assert log.read_bytes() == data
    say(open_session(log.parent), "more")
    assert log.read_bytes().startswith(data)
    assert said(mended(log)) == [*WORDS, "more"]


def test_a_copy_made_by_a_sync_folder_is_no_session_and_restores_what_is_lost(log: Path) -> None:
    """anthropics/claude-code#63904: the copy of one side had what the other side had lost."""
    copy = log.with_name("s (conflicted copy).jsonl")
    shutil.copy(log, copy)
    change_line(log, 20)
    store = open_store(log.parent)
    assert store.ids() == ["s"]
    source = Options((lambda: iter(lines_of(copy)),))
    assert plan_repair(store, "s", source).restored == 1
    repair(store, "s", source)
    assert said(open_session(log.parent)) == WORDS


def test_a_message_of_fifteen_megabytes_survives_a_damage_beside_it(log: Path) -> None:
    """anthropics/claude-code#23373: files of 102 MB for 14 messages; the seed stops at 64 KiB."""
    big = "x" * (15 << 20)
    open_session(log.parent).append(message(big))
    say(open_session(log.parent), "after")
    change_line(log, 3, flip(lines_of(log)[2], 90))
    assert said(open_session(log.parent))[-2:] == [big, "after"]
    assert said(mended(log)) == [*WORDS, big, "after"]


def test_a_cut_off_end_is_completed_by_nobody_but_reported(log: Path) -> None:
    """The tail of a file that was copied while it was written, or restored from a backup."""
    cut_off(log, 30)
    session = open_session(log.parent)
    assert (said(session), kinds(session.health)) == (WORDS[:-1], ["torn"])


def test_the_conversation_of_the_seed_is_whole_after_any_one_line_is_spoiled(
    tmp_path: Path,
) -> None:
    """cloudwego/eino-examples: its loader skips bad lines without a word, or loses the session."""
    for number in range(1, len(CONVERSATION) + 2):
        log = converse(tmp_path, f"s{number}")
        change_line(log, number, flip(lines_of(log)[number - 1], 60))
        store = open_store(tmp_path)
        assert not store.open(f"s{number}").health.ok
        repair(store, f"s{number}")
        assert store.open(f"s{number}").messages() == CONVERSATION
