"""Each call of the file system fails once: the outcome is told truthfully, and nothing is made worse."""

import errno
import os
from pathlib import Path

import pytest

from eventlog.backends.jsonl import JsonlBackend
from eventlog.errors import (
    AppendError,
    BackendUnavailableError,
    EventLogError,
    LogPoisonedError,
    SessionNotFoundError,
)
from eventlog.store import Store, open_store
from tests.log.helpers import (
    FaultyFolder,
    begin,
    message,
    open_faulty,
    open_session,
    said,
    say,
    walk,
)

CODES = [errno.EIO, errno.ENOSPC, errno.EINTR, errno.EDQUOT]


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("taken", [None, 1, 50])
def test_a_failed_write_is_rolled_back_byte_for_byte(
    tmp_path: Path, code: int, taken: int | None
) -> None:
    folder, session = open_faulty(tmp_path)
    say(session, "one")
    before = (tmp_path / "s.jsonl").read_bytes()
    folder.mend()
    folder.break_call("write", code)
    folder.shorten = taken
    with pytest.raises(AppendError) as caught:
        session.append_many([message("lost"), message("lost too")])
    assert (caught.value.outcome, caught.value.events) == ("not appended", 2)
    assert (tmp_path / "s.jsonl").read_bytes() == before
    assert said(session) == ["one"]  # memory is what the disk is
    folder.mend()
    say(session, "two")
    assert said(session) == said(open_session(tmp_path)) == ["one", "two"]


def test_a_failed_write_after_a_torn_tail_leaves_the_tail_as_it_was(tmp_path: Path) -> None:
    folder, session = open_faulty(tmp_path)
    with (tmp_path / "s.jsonl").open("ab") as file:
        file.write(b'{"seq":2,"at')
    before = (tmp_path / "s.jsonl").read_bytes()
    folder.break_call("write", errno.ENOSPC)
    folder.shorten = 40
    with pytest.raises(AppendError, match="not appended"):
        say(session, "lost")
    assert (tmp_path / "s.jsonl").read_bytes() == before


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_short_writes_are_continued(tmp_path: Path, most: int) -> None:
    folder, session = open_faulty(tmp_path)
    folder.shorten = most
    session.append_many([message("one"), message("two" * 500)])
    assert folder.count("write") > 1
    assert said(open_session(tmp_path)) == ["one", "two" * 500]
    walk(tmp_path / "s.jsonl")


def test_a_failed_sync_is_unknown_and_never_tried_again(tmp_path: Path) -> None:
    folder, session = open_faulty(tmp_path)
    folder.break_call("sync", errno.EIO)
    with pytest.raises(AppendError) as caught:
        say(session, "unsure")
    assert caught.value.outcome == "unknown"
    assert folder.count("sync") == 1
    for _ in range(2):
        with pytest.raises(LogPoisonedError):
            say(session, "lost")
    assert (folder.count("sync"), folder.count("write")) == (1, 1)


def test_a_poisoned_handle_can_be_replaced_by_a_new_one(tmp_path: Path) -> None:
    folder, session = open_faulty(tmp_path)
    folder.break_call("sync", errno.EIO)
    with pytest.raises(AppendError):
        say(session, "unsure")
    folder.mend()
    anew = Store(JsonlBackend(folder)).open("s")
    assert said(anew) in ([], ["unsure"])
    say(anew, "sure")
    assert said(open_session(tmp_path))[-1] == "sure"
    with pytest.raises(LogPoisonedError):
        say(session, "lost")


@pytest.mark.parametrize("call", ["truncate", "sync"])
def test_a_rollback_that_fails_is_unknown_and_poisons(tmp_path: Path, call: str) -> None:
    folder, session = open_faulty(tmp_path)
    folder.break_call("write", errno.ENOSPC)
    folder.break_call(call, errno.EIO)
    folder.shorten = 20
    with pytest.raises(AppendError) as caught:
        say(session, "unsure")
    assert caught.value.outcome == "unknown"
    assert "No space" in caught.value.reason
    folder.mend()
    with pytest.raises(LogPoisonedError):
        say(session, "lost")
    say(open_session(tmp_path), "next")
    assert said(open_session(tmp_path)) == ["next"]
    assert open_session(tmp_path).health.ok


@pytest.mark.parametrize("count", [1, 2, 100])
def test_an_append_is_one_write_and_one_sync_however_many_events(
    tmp_path: Path, count: int
) -> None:
    folder, session = open_faulty(tmp_path)
    session.append_many(message(f"{i}") for i in range(count))
    calls = (folder.count("write"), folder.count("sync"), folder.count("sync_folder"))
    assert calls == (1, 1, 0)


def test_the_first_append_syncs_the_folder_before_it_writes(tmp_path: Path) -> None:
    folder = FaultyFolder(tmp_path)
    begin(tmp_path, session_id="other")  # so that the folder and its locks are there
    Store(JsonlBackend(folder)).create("s")
    assert [call for call in folder.calls if call in ("write", "sync", "sync_folder")] == [
        "sync_folder", "write", "sync",
    ]  # fmt: skip


def test_an_empty_log_that_a_crash_left_gets_its_name_synced(tmp_path: Path) -> None:
    folder, session = open_faulty(tmp_path)
    (tmp_path / "s.jsonl").write_bytes(b"")
    say(session, "one")
    assert (folder.count("sync"), folder.count("sync_folder")) == (1, 1)


def test_durability_os_does_not_sync(tmp_path: Path) -> None:
    folder, session = open_faulty(tmp_path)
    session.append(message("one"), durability="os")
    assert (folder.count("write"), folder.count("sync")) == (1, 0)
    assert said(open_session(tmp_path)) == ["one"]


def test_reading_writes_and_syncs_nothing(tmp_path: Path) -> None:
    folder, session = open_faulty(tmp_path)
    say(session, "one")
    folder.mend()
    assert (said(session), session.health.ok) == (["one"], True)
    assert {"write", "sync", "truncate", "sync_folder"}.isdisjoint(folder.calls)


def test_a_retry_by_key_writes_nothing_but_syncs_what_another_may_not_have_synced(
    tmp_path: Path,
) -> None:
    folder, session = open_faulty(tmp_path)
    session.append(message("one"), key="k")
    folder.mend()
    session.append(message("one"), key="k")
    assert (folder.count("write"), folder.count("sync"), said(session)) == (0, 1, ["one"])


def test_what_a_failed_sync_may_not_have_stored_is_not_taken_for_stored(tmp_path: Path) -> None:
    folder, session = open_faulty(tmp_path)
    folder.break_call("sync", errno.EIO)
    with pytest.raises(AppendError, match="unknown"):
        session.append(message("one"), key="k")
    folder.mend()
    assert said(session) == said(open_session(tmp_path)) == []
    Store(JsonlBackend(folder)).open("s").append(message("one"), key="k")
    assert (folder.count("write"), folder.count("sync")) == (1, 1)


def test_a_new_session_whose_header_cannot_be_written_is_not_there(tmp_path: Path) -> None:
    folder = FaultyFolder(tmp_path)
    store = Store(JsonlBackend(folder))
    folder.break_call("write", errno.ENOSPC)
    with pytest.raises(AppendError, match="not appended"):
        store.create("s")
    assert store.ids() == []
    with pytest.raises(SessionNotFoundError):
        store.open("s")
    folder.mend()
    assert store.create("s").version == 1


def test_the_first_of_two_failures_is_the_one_told(tmp_path: Path) -> None:
    begin(tmp_path, session_id="other")
    folder = FaultyFolder(tmp_path)
    folder.break_call("write", errno.ENOSPC)
    folder.break_call("unlink", errno.EIO)
    with pytest.raises(AppendError, match="No space left") as caught:
        Store(JsonlBackend(folder)).create("s")
    assert caught.value.outcome == "not appended"
    folder.mend()
    assert Store(JsonlBackend(folder)).get_or_create("s").messages() == []


def test_a_new_session_whose_folder_cannot_be_synced_is_not_there(tmp_path: Path) -> None:
    begin(tmp_path, session_id="other")
    folder = FaultyFolder(tmp_path)
    folder.break_call("sync_folder", errno.EIO)
    with pytest.raises(AppendError) as caught:
        Store(JsonlBackend(folder)).create("s")
    assert caught.value.outcome == "not appended"
    assert open_store(tmp_path).ids() == ["other"]


@pytest.mark.parametrize("call", ["open_lock", "open", "status", "read_at", "make"])
@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.EMFILE], ids=errno.errorcode.get)
def test_a_call_that_fails_before_the_write_leaves_all_as_it_was(
    tmp_path: Path, call: str, code: int
) -> None:
    folder, session = open_faulty(tmp_path)
    say(session, "one")
    say(open_session(tmp_path), "two")
    before = (tmp_path / "s.jsonl").read_bytes()
    folder.break_call(call, code)
    if call == "make":
        session = Store(JsonlBackend(folder)).get_or_create("s")
        folder.path = tmp_path / "not" / "there"
        folder.close()
        folder.fail["open_lock"] = FileNotFoundError()
    with pytest.raises(EventLogError):
        say(session, "lost")
    folder.path = tmp_path
    folder.mend()
    assert (tmp_path / "s.jsonl").read_bytes() == before
    assert said(session) == ["one", "two"]
    say(session, "three")
    assert said(open_session(tmp_path)) == ["one", "two", "three"]


@pytest.mark.parametrize("call", ["open", "status", "read_at"])
def test_a_read_that_fails_says_so_and_the_next_one_is_right(tmp_path: Path, call: str) -> None:
    folder, session = open_faulty(tmp_path)
    say(session, "one")
    say(open_session(tmp_path), "two")
    folder.break_call(call, errno.EIO)
    with pytest.raises(BackendUnavailableError):
        session.messages()
    folder.mend()
    assert said(session) == ["one", "two"]


@pytest.mark.parametrize("call", ["write", "sync", "read_at", "open", "truncate"])
def test_an_interrupt_at_any_call_leaves_one_chain_and_a_usable_handle(
    tmp_path: Path, call: str
) -> None:
    folder, session = open_faulty(tmp_path)
    say(session, "one")
    say(open_session(tmp_path), "two")
    folder.fail[call] = KeyboardInterrupt()
    if call == "truncate":
        folder.break_call("write", errno.EIO)
    with pytest.raises(KeyboardInterrupt):
        say(session, "perhaps")
    folder.mend()
    assert said(session) in (["one", "two"], ["one", "two", "perhaps"])
    say(session, "three")
    assert said(open_session(tmp_path)) == said(session)
    walk(tmp_path / "s.jsonl")


@pytest.mark.parametrize("call", ["rename", "make_inside"])
def test_a_delete_that_fails_leaves_the_session(tmp_path: Path, call: str) -> None:
    folder, session = open_faulty(tmp_path)
    folder.break_call(call, errno.EIO)
    with pytest.raises(BackendUnavailableError):
        Store(JsonlBackend(folder)).delete("s")
    folder.mend()
    assert session.version == 1


def test_an_error_names_no_secret_place_twice(tmp_path: Path) -> None:
    folder, session = open_faulty(tmp_path)
    folder.break_call("write", errno.ENOSPC)
    with pytest.raises(AppendError) as caught:
        say(session, "lost")
    assert os.strerror(errno.ENOSPC) in str(caught.value)
