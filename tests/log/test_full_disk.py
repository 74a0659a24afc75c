"""Disks that are full, small or read-only, for real: small file systems and limits of the system."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.errors import AppendError, BackendUnavailableError
from eventlog.store import open_store
from tests.log.helpers import begin, finish, message, open_session, run_python, said, say, walk

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or sys.platform != "linux",
    reason="only root mounts a small file system",
)


def mount(*arguments: str) -> None:
    command = shutil.which("mount") or "mount"
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")


def unmount(place: Path) -> None:
    subprocess.run([shutil.which("umount") or "umount", "-l", str(place)], check=True)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place))
    yield place
    unmount(place)


def consume(steps: Iterator[object]) -> None:
    for _ in steps:
        pass


def fill(place: Path) -> Path:
    """Use up a file system to its last byte."""
    ballast = place / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (4096, 1):
            with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                consume(file.write(b"x" * size) for _ in range(100_000))
    return ballast


@needs_root
@pytest.mark.root
def test_a_full_disk_leaves_the_log_as_before_and_the_next_append_works_with_room(
    small: Path,
) -> None:
    log = begin(small, "one")
    session = open_session(small)
    ballast = fill(small)
    before = log.read_bytes()
    for _ in range(3):
        with pytest.raises(AppendError) as caught:
            session.append_many([message("x" * 9000), message("y" * 9000)])
        assert caught.value.outcome == "not appended"
        assert log.read_bytes() == before
        assert said(session) == ["one"]
    ballast.unlink()
    say(session, "two")
    assert said(session) == said(open_session(small)) == ["one", "two"]
    assert len(walk(log)) == 3


@needs_root
@pytest.mark.root
def test_messages_until_the_disk_is_full_are_all_there_and_no_other(small: Path) -> None:
    begin(small)
    session, said_so_far = open_session(small), []

    def say_on() -> None:
        for i in range(100):
            say(session, f"{i}" + "x" * 3000)
            said_so_far.append(f"{i}" + "x" * 3000)

    with pytest.raises(AppendError, match="No space left"):
        say_on()
    assert 5 < len(said_so_far) < 25
    assert said(open_session(small)) == said(session) == said_so_far
    assert open_session(small).health.where == ()


@needs_root
@pytest.mark.root
def test_a_session_that_finds_no_room_to_begin_is_not_there(small: Path) -> None:
    begin(small, session_id="other")
    ballast = fill(small)
    store = open_store(small)
    with pytest.raises((AppendError, BackendUnavailableError)):
        store.create("s")
    assert store.ids() == ["other"]
    ballast.unlink()
    assert store.create("s").version == 1


@needs_root
@pytest.mark.root
def test_a_read_only_folder_is_read_and_not_written(tmp_path: Path) -> None:
    log = begin(tmp_path / "store", "one")
    place = str(tmp_path / "store")
    mount("--bind", place, place)
    try:
        mount("-o", "remount,bind,ro", place)
        before, session = log.read_bytes(), open_session(tmp_path / "store")
        assert (said(session), session.health.ok) == (["one"], True)
        assert [row.id for row in open_store(place).list()] == ["s"]
        for use in (
            lambda: say(session, "lost"),
            lambda: open_store(place).create("new"),
            lambda: open_store(place).delete("s"),
        ):
            with pytest.raises(BackendUnavailableError):
                use()
        assert said(session) == ["one"]
        assert log.read_bytes() == before
    finally:
        unmount(Path(place))
    say(open_session(tmp_path / "store"), "two")
    assert said(open_session(tmp_path / "store")) == ["one", "two"]


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_to_write_is_read_and_not_written(tmp_path: Path) -> None:
    begin(tmp_path / "store", "one")
    (tmp_path / "store").chmod(0o500)
    with pytest.raises(BackendUnavailableError):
        open_store(tmp_path / "store").create("new")
    assert said(open_session(tmp_path / "store")) == ["one"]
    (tmp_path / "store").chmod(0o700)


LIMITED = """
    import resource, signal, sys, eventlog
    from eventlog.errors import AppendError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    session = eventlog.open_store(sys.argv[1]).open("s")
    before = open(sys.argv[1] + "/s.jsonl", "rb").read()
    room = len(before) + int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        session.append_many([{"role": "user", "content": c * 300} for c in "ab"])
    except AppendError as error:
        print(error.outcome, len(session.messages()))
    assert open(sys.argv[1] + "/s.jsonl", "rb").read() == before
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    session.append({"role": "user", "content": "two"})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits")
@pytest.mark.parametrize("room", [0, 1, 100, 700])
def test_a_file_size_limit_cuts_a_write_short_and_it_is_rolled_back(
    tmp_path: Path, room: int
) -> None:
    log = begin(tmp_path, "one")
    assert finish(run_python(LIMITED, tmp_path, room)).split() == ["not", "appended", "1"]
    assert said(open_session(tmp_path)) == ["one", "two"]
    assert len(walk(log)) == 3


@needs_root
@pytest.mark.root
def test_a_torn_tail_on_a_full_disk_stays_until_there_is_room(small: Path) -> None:
    log = begin(small, "one")
    with log.open("ab") as file:
        file.write(b'{"seq":3,"at":"2026')
    ballast = fill(small)
    before = log.read_bytes()
    with pytest.raises(AppendError):
        say(open_session(small), "x" * 9000)
    assert log.read_bytes() == before
    ballast.unlink()
    say(open_session(small), "two")
    assert said(open_session(small)) == ["one", "two"]
