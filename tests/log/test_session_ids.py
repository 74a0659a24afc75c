"""Session ids: what is one, and that what is none never reaches the file system."""

import os
import re
import time
from pathlib import Path

import pytest

from eventlog.errors import (
    AmbiguousSessionIdError,
    InvalidSessionIdError,
    SessionNotFoundError,
)
from eventlog.store import new_session_id, open_store
from tests.log.helpers import begin

BAD = [
    "", ".", "..", "../x", "a/b", "/abs/x", "a\\b", "a.b", ".hidden", "-x", "_x", "x" * 129,
    "x\n", "\nx", "x\0", "\0", "a b", "é", "a\u0661", "\uff11", "~", "a:b", "*", "CON.", "x\ud800",
]  # fmt: skip
GOOD = ["a", "0", "A-", "a_b-C", "x" * 128, "2026-11-22", "0190163d-8694-739b-aea5-966c26f8ad91"]


@pytest.mark.parametrize("session_id", BAD, ids=ascii)
def test_what_is_no_session_id_is_refused_by_every_verb_and_makes_no_file(
    tmp_path: Path, session_id: str
) -> None:
    store = open_store(tmp_path / "sessions")
    for verb in (store.create, store.open, store.get_or_create, store.delete):
        with pytest.raises(InvalidSessionIdError) as caught:
            verb(session_id)
        assert caught.value.session_id == session_id
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("session_id", GOOD)
def test_a_session_id_names_its_file(tmp_path: Path, session_id: str) -> None:
    store = open_store(tmp_path)
    assert store.create(session_id).id == session_id
    assert (tmp_path / f"{session_id}.jsonl").is_file()
    assert store.ids() == [session_id]


def test_a_session_id_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSessionIdError):
        open_store(tmp_path).create(7)  # type: ignore[arg-type]


def test_files_that_are_no_sessions_are_not_listed(tmp_path: Path) -> None:
    begin(tmp_path, session_id="real")
    for name in ("a b.jsonl", ".jsonl", ".x.jsonl", "x.json", "x.jsonl.bak", "x"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "folder.jsonl").mkdir()
    assert open_store(tmp_path).ids() == ["real"]
    assert [row.id for row in open_store(tmp_path).list()] == ["real"]


def test_what_lies_in_the_place_of_a_log_is_listed_as_unreadable(tmp_path: Path) -> None:
    begin(tmp_path, session_id="real")
    (tmp_path / "link.jsonl").symlink_to("real.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    problems = {row.id: row.problem for row in open_store(tmp_path).list()}
    assert problems.pop("real") is None
    assert set(problems) == {"link", "pipe"}
    assert all(problems.values())


def test_a_new_id_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    before = time.time_ns() // 1_000_000
    new = new_session_id()
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", new)
    assert before <= int(new[:8] + new[9:13], 16) <= time.time_ns() // 1_000_000


def test_new_ids_sort_by_the_time_they_were_made() -> None:
    made = []
    for _ in range(50):
        made.append(new_session_id())
        time.sleep(0.00001)
    assert made == sorted(set(made))


def test_a_prefix_finds_the_one_session_that_begins_so(tmp_path: Path) -> None:
    for session_id in ("abc", "abd", "abcde", "x"):
        begin(tmp_path, session_id=session_id)
    store = open_store(tmp_path)
    assert [store.find(prefix) for prefix in ("abc", "abcd", "abd", "x")] == [
        "abc", "abcde", "abd", "x",
    ]  # fmt: skip
    with pytest.raises(AmbiguousSessionIdError) as caught:
        store.find("ab")
    assert caught.value.matches == ("abc", "abcde", "abd")


@pytest.mark.parametrize("prefix", ["", "z", "../x", ".", "a*"])
def test_a_prefix_that_fits_no_session_is_not_found(tmp_path: Path, prefix: str) -> None:
    begin(tmp_path, session_id="abc")
    with pytest.raises(SessionNotFoundError):
        open_store(tmp_path).find(prefix)
