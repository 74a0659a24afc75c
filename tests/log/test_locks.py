"""The lock: held by one, waited for so long and no longer, and let go of in every way to end."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from eventlog.backends.jsonl import JsonlBackend
from eventlog.errors import BackendLockedError
from eventlog.store import Store
from tests.log.helpers import begin, finish, open_session, run_python, said, say

HOLD = """
    import sys, eventlog
    from eventlog.backends import open_backend
    with open_backend(sys.argv[1]).writing("s", create=False):
        print("held", flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Popen[str]]:
    """Another process that holds the lock of session "s"."""
    begin(tmp_path, "one")
    process = run_python(HOLD, tmp_path)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def impatient(folder: Path, timeout: float = 0.15) -> Store:
    return Store(JsonlBackend.at(folder, lock_timeout=timeout))


def is_locked(folder: Path) -> bool:
    """Try the lock as another process would: with an open file of its own."""
    with (folder / ".locks" / "s.lock").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_a_lock_held_elsewhere_is_waited_for_so_long_and_its_holder_named(
    tmp_path: Path, holder: Popen[str]
) -> None:
    session = impatient(tmp_path).open("s")
    started = time.monotonic()
    with pytest.raises(BackendLockedError) as caught:
        say(session, "lost")
    assert 0.15 <= time.monotonic() - started < 5
    assert 0.15 <= caught.value.waited < 5
    assert caught.value.session_id == "s"
    if Path("/proc/locks").exists():
        assert caught.value.holder is not None
        assert f"process {holder.pid}" in caught.value.holder
        assert f"process {holder.pid}" in str(caught.value)
    assert said(session) == ["one"]


def test_a_lock_does_not_keep_readers_or_other_sessions_waiting(
    tmp_path: Path, holder: Popen[str]
) -> None:
    store = impatient(tmp_path)
    assert said(store.open("s")) == ["one"]
    say(store.create("other"), "two")
    assert len(store.list()) == 2


def test_a_writer_goes_on_as_soon_as_the_lock_is_free(tmp_path: Path, holder: Popen[str]) -> None:
    session = impatient(tmp_path, timeout=30).open("s")
    worker = threading.Thread(target=say, args=(session, "two"))
    worker.start()
    time.sleep(0.1)
    assert said(open_session(tmp_path)) == ["one"]
    assert holder.stdin
    holder.stdin.write("\n")
    holder.stdin.flush()
    worker.join(20)
    assert said(open_session(tmp_path)) == ["one", "two"]


def test_a_lock_ends_with_the_process_that_held_it(tmp_path: Path, holder: Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    say(impatient(tmp_path).open("s"), "two")
    assert said(open_session(tmp_path)) == ["one", "two"]


def test_the_lock_survives_closing_other_descriptors_of_its_files(tmp_path: Path) -> None:
    begin(tmp_path, "one")
    with JsonlBackend.at(tmp_path).writing("s", create=False):
        for path in (tmp_path / ".locks" / "s.lock", tmp_path / "s.jsonl"):
            os.close(os.open(path, os.O_RDWR))
        assert said(open_session(tmp_path)) == ["one"]
        assert is_locked(tmp_path)
        with pytest.raises(BackendLockedError):
            say(impatient(tmp_path).open("s"), "lost")
    assert not is_locked(tmp_path)


FORK = """
    import os, sys
    from eventlog.backends import open_backend
    with open_backend(sys.argv[1]).writing("s", create=False) as writer:
        child = os.fork()
        if child == 0:
            if sys.argv[2] == "close":
                writer.__exit__(None, None, None)
            os._exit(0)
        os.waitpid(child, 0)
        print("held", flush=True)
        sys.stdin.readline()
"""


@pytest.mark.parametrize("end", ["close", "exit"])
def test_the_lock_survives_a_forked_child_that_ends(tmp_path: Path, end: str) -> None:
    begin(tmp_path, "one")
    process = run_python(FORK, tmp_path, end)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    with pytest.raises(BackendLockedError):
        say(impatient(tmp_path).open("s"), "lost")
    finish(process)
    say(impatient(tmp_path).open("s"), "two")


FORK_AND_STAY = """
    import os, sys, time
    from eventlog.backends import open_backend
    with open_backend(sys.argv[1]).writing("s", create=False):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()
"""


def test_a_forked_child_that_lives_on_does_not_keep_the_lock(tmp_path: Path) -> None:
    begin(tmp_path, "one")
    process = run_python(FORK_AND_STAY, tmp_path)
    assert process.stdout
    child = int(process.stdout.readline())
    try:
        say(impatient(tmp_path, timeout=1).open("s"), "two")
    finally:
        os.kill(child, signal.SIGKILL)
        finish(process)


def test_a_process_started_meanwhile_does_not_inherit_the_lock(tmp_path: Path) -> None:
    begin(tmp_path, "one")
    with JsonlBackend.at(tmp_path).writing("s", create=False):
        process = run_python("import sys; sys.stdin.readline()", close_fds=False)
    say(impatient(tmp_path).open("s"), "two")
    finish(process)


def test_the_lock_is_let_go_of_when_an_append_fails(tmp_path: Path) -> None:
    begin(tmp_path, "one")
    with pytest.raises(ZeroDivisionError), JsonlBackend.at(tmp_path).writing("s", create=False):
        raise ZeroDivisionError
    assert not is_locked(tmp_path)


def test_the_lock_file_stays_the_same_file_whatever_happens_to_the_log(tmp_path: Path) -> None:
    begin(tmp_path, "one")
    lock = tmp_path / ".locks" / "s.lock"
    before = lock.stat().st_ino
    Store(JsonlBackend.at(tmp_path)).delete("s")
    begin(tmp_path, "two")
    assert lock.stat().st_ino == before
