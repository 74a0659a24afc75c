"""What lies in a store's folder: who may read it, and what is not a log."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

import pytest

from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.jsonl.files import Folder
from eventlog.errors import (
    BackendError,
    BackendUnavailableError,
    EventLogError,
    SessionNotFoundError,
)
from eventlog.store import Store, open_store
from tests.log.helpers import begin, lines_of, open_session, said, say


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_files_are_0600_and_folders_0700_under_any_umask(tmp_path: Path, umask: None) -> None:
    place = tmp_path / "a" / "b"
    begin(place, "one", session_id="s")
    begin(place, "two", session_id="gone")
    open_store(place).delete("gone")
    found = [tmp_path / "a", *(tmp_path / "a").rglob("*")]
    assert len(found) == 10  # with the lock of the blobs
    assert {mode_of(path) for path in found if path.is_dir()} == {0o700}
    assert {mode_of(path) for path in found if not path.is_dir()} == {0o600}


def make_symlink(path: Path) -> None:
    target = begin(path.parent / "elsewhere", "secret", session_id="s")
    path.symlink_to(target)


def make_dangling_symlink(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere.jsonl")


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def make_device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root makes devices")


IMPOSTORS: list[Callable[[Path], object]] = [
    make_symlink, make_dangling_symlink, os.mkfifo, Path.mkdir, make_device, make_socket,
]  # fmt: skip


@pytest.mark.parametrize("make", IMPOSTORS, ids=lambda make: make.__name__)
@pytest.mark.timeout(10)
def test_what_lies_in_the_place_of_a_log_is_neither_read_nor_written(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "s.jsonl")
    store, elsewhere = open_store(tmp_path), tmp_path / "elsewhere" / "s.jsonl"
    before = elsewhere.read_bytes() if elsewhere.exists() else None
    assert all(row.problem for row in store.rows())  # told, not hidden
    for use in (
        lambda: open_session(tmp_path).messages(),
        lambda: say(open_session(tmp_path), "lost"),
        lambda: store.create("s"),
        lambda: store.get_or_create("s").append({"role": "user", "content": "lost"}),
    ):
        with pytest.raises((BackendUnavailableError, SessionNotFoundError)):
            use()
    assert (elsewhere.read_bytes() if elsewhere.exists() else None) == before


@pytest.mark.parametrize("make", IMPOSTORS, ids=lambda make: make.__name__)
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_no_descriptor_is_left_open_by_what_is_no_log(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "s.jsonl")
    with pytest.raises(EventLogError):
        open_session(tmp_path).messages()
    before = open_descriptors()
    for use in (lambda s: s.messages(), lambda s: say(s, "lost")):
        for _ in range(3):
            with pytest.raises(EventLogError):
                use(open_session(tmp_path))
    assert len(open_descriptors()) <= len(before)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_no_descriptor_is_left_open_by_use(tmp_path: Path) -> None:
    before = open_descriptors()
    with open_store(tmp_path) as store:
        session = store.create("s")
        for _ in range(5):
            say(session, "one")
            session.messages()
            next(session.events())
        assert len(open_descriptors()) <= len(before) + 1  # the folder's
    assert open_descriptors() == before


@pytest.mark.parametrize("what", ["sessions", "sessions/.locks", "sessions/.locks/s.lock"])
def test_a_file_or_folder_in_the_way_is_said_to_be_unusable(tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if what.endswith("lock") else path.write_text("in the way")
    with pytest.raises(BackendUnavailableError):
        open_store(tmp_path / "sessions").create("s")


def test_a_lock_file_that_is_a_symlink_is_not_followed(tmp_path: Path) -> None:
    log = begin(tmp_path, "one")
    (tmp_path / ".locks" / "s.lock").unlink()
    (tmp_path / ".locks" / "s.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(BackendUnavailableError):
        say(open_session(tmp_path), "lost")
    assert not (tmp_path / "victim").exists()
    assert len(lines_of(log)) == 2


def test_a_store_moved_while_it_is_open_is_still_the_same_store(tmp_path: Path) -> None:
    begin(tmp_path / "old", "one")
    session = open_session(tmp_path / "old")
    assert said(session) == ["one"]
    (tmp_path / "old").rename(tmp_path / "new")
    say(session, "two")
    assert said(open_session(tmp_path / "new")) == ["one", "two"]
    assert not (tmp_path / "old").exists()


def test_a_log_replaced_between_two_operations_is_noticed(tmp_path: Path) -> None:
    session = open_session(begin(tmp_path, "old").parent)
    assert said(session) == ["old"]
    other = begin(tmp_path / "other", "new", "newer")
    other.replace(tmp_path / "s.jsonl")
    assert said(session) == ["new", "newer"]
    say(session, "newest")
    assert said(open_session(tmp_path)) == ["new", "newer", "newest"]
    assert open_session(tmp_path).health.ok


def test_a_log_replaced_by_a_copy_with_more_is_read_on(tmp_path: Path) -> None:
    log = begin(tmp_path, "one")
    session = open_session(tmp_path)
    assert said(session) == ["one"]
    copy = tmp_path / "copy"
    copy.write_bytes(log.read_bytes())
    copy.replace(log)
    say(open_session(tmp_path), "two")
    assert said(session) == ["one", "two"]


def test_a_log_cut_back_by_somebody_is_noticed(tmp_path: Path) -> None:
    log = begin(tmp_path, "one", "two", "three")
    session = open_session(tmp_path)
    assert said(session) == ["one", "two", "three"]
    os.truncate(log, sum(len(line) + 1 for line in lines_of(log)[:2]))
    assert said(session) == ["one"]
    assert say(session, "again")["seq"] == 3
    assert said(open_session(tmp_path)) == ["one", "again"]


def test_a_log_replaced_while_it_is_opened_is_not_written_to(tmp_path: Path) -> None:
    class Racing(Folder):
        def open(self, name: str, flags: int) -> FileIO:
            file = super().open(name, flags)
            if name == "s.jsonl" and (tmp_path / "compacted").exists():
                (tmp_path / "compacted").replace(tmp_path / "s.jsonl")
            return file

    log = begin(tmp_path, "one")
    session = Store(JsonlBackend(Racing(tmp_path))).open("s")
    assert said(session) == ["one"]
    (tmp_path / "compacted").write_bytes(log.read_bytes())
    try:
        say(session, "two")
    except BackendError:
        assert said(open_session(tmp_path)) == ["one"]
    else:
        assert said(open_session(tmp_path)) == ["one", "two"]
