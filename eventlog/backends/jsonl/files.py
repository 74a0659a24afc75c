"""Every file-system call of the log: open, read, write, sync, truncate, rename, lock.

One small class, so that a test can make each call fail, and the only place that knows what differs
between operating systems. It knows nothing of lines, sessions or protocols.
"""

import os
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from io import FileIO
from itertools import tee
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
_COMMON = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# O_NONBLOCK: opening a FIFO that lies in a log's place must fail or return, never wait.
_SAFE = _COMMON | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_BY_DESCRIPTOR = os.open in os.supports_dir_fd

READ = os.O_RDONLY | _SAFE
APPEND = os.O_RDWR | os.O_APPEND | _SAFE
CREATE = APPEND | os.O_CREAT | os.O_EXCL
_OWN_READER, _OWN_WRITER = partial(FileIO, mode="rb"), partial(FileIO, mode="r+b")
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _COMMON
_LOCK = os.O_RDWR | os.O_CREAT | _COMMON | getattr(os, "O_NOFOLLOW", 0)


class Folder:
    """One folder of logs, opened once and then used by descriptor: renaming it does no harm.

    Names are relative to it. Files are made 0600 and folders 0700.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()  # the process may change its folder
        self._fds: list[int] = []  # of the folder itself, once it is open
        self._opener: Callable[[str, int], int] | None = None
        # No Python of ours runs in the finalizer: an interrupt there would be dropped, with the closing.
        weakref.finalize(self, deque[None](maxlen=0).extend, map(os.close, iter(self._fds)))

    def make(self) -> None:
        """Make the folder with its parents, each synced into the one above; fine if it is there."""
        missing = [p for p in (self.path, *self.path.parents) if not p.exists()]
        for path in reversed(missing):
            path.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
            _sync_folder(path.parent)

    def make_inside(self, name: str) -> None:
        """Make a folder inside this one; fine if it is there, perhaps by one killed before its sync."""
        with suppress(FileExistsError):
            os.mkdir(self._at(name), _PRIVATE_FOLDER, dir_fd=self._dir_fd())
        self.sync_folder()

    def open(self, name: str, flags: int) -> FileIO:
        """Open a file, never through a symbolic link.

        The descriptor passes from open(2) to the object that owns it inside one C call, so that
        no interrupt can come between and leak it.
        """
        if self._opener is None:
            self._opener = partial(os.open, mode=_PRIVATE_FILE, dir_fd=self._dir_fd())
        owner = _OWN_READER if flags == READ else _OWN_WRITER
        try:
            return next(map(owner, map(self._opener, (self._at(name),), (flags,))))
        except IsADirectoryError as error:
            if isinstance(error.filename, int):  # FileIO owns no folder, and leaves it open
                os.close(error.filename)
            raise

    def open_lock(self, name: str) -> FileIO:
        """Open a lock file, made if it is not there."""
        return self.open(name, _LOCK)

    def try_lock(self, file: FileIO) -> bool:
        """Take the exclusive lock on a whole file, if nobody has it. It ends with the descriptor.

        flock(2), not lockf: a POSIX lock would be dropped by closing any other descriptor of the
        file. There is no unlock: a forked child's would free its parent's lock.
        """
        try:
            if sys.platform == "win32":
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def try_share(self, file: FileIO) -> bool:
        """Take the lock together with others who share it. Windows has no such lock: it is taken."""
        if sys.platform == "win32":
            return self.try_lock(file)
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def status(self, file: FileIO) -> os.stat_result:
        """Return what the system says of an open file."""
        return os.fstat(file.fileno())

    def status_of(self, name: str) -> os.stat_result:
        """Return what the system says of a name, links not followed."""
        return os.stat(self._at(name), dir_fd=self._dir_fd(), follow_symlinks=False)

    def statuses(self) -> Iterator[tuple[str, os.stat_result]]:
        """Give each name in this folder with what the system says of it, links not followed.

        By a descriptor of its own: one that is shared has one place in the folder for all threads,
        and each would miss what another was given.
        """
        opened: list[int] = []
        try:
            if _BY_DESCRIPTOR:  # in one C call, as in open()
                opened.extend(map(partial(os.open, dir_fd=self._descriptor()), (".",), (_FOLDER,)))
            with os.scandir(opened[0] if opened else self.path) as entries:
                for entry in entries:
                    try:  # not suppress(), which costs as much as the call, for each log at each list
                        yield entry.name, entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # gone since
        finally:
            _close_all(opened)

    def read_at(self, file: FileIO, size: int, offset: int) -> bytes:
        """Read up to `size` bytes from `offset`."""
        if sys.platform == "win32":
            file.seek(offset)
            return file.read(size) or b""
        return os.pread(file.fileno(), size, offset)

    def write(self, file: FileIO, data: bytes | memoryview) -> int:
        """Write at the end; return how many bytes went in, perhaps not all."""
        return os.write(file.fileno(), data)

    def sync(self, file: FileIO) -> None:
        """Bring a file's data to the disk itself."""
        if sys.platform == "darwin":
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
        elif sys.platform == "win32":
            os.fsync(file.fileno())
        else:
            os.fdatasync(file.fileno())

    def sync_folder(self, name: str = ".") -> None:
        """Bring the names in this folder, or in one inside it, to the disk."""
        if sys.platform == "win32":
            return  # NTFS journals names; there is no call to wait for it
        if name == ".":
            os.fsync(self._descriptor())
            return
        _sync_folder(name, self._dir_fd())

    def truncate(self, file: FileIO, size: int) -> None:
        """Cut an open file off at `size` bytes."""
        os.ftruncate(file.fileno(), size)

    def rename(self, source: str, target: str) -> None:
        """Rename a file inside the folder, over whatever has the target's name."""
        fd = self._dir_fd()
        os.replace(self._at(source), self._at(target), src_dir_fd=fd, dst_dir_fd=fd)

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; where the file system has no links, copy it."""
        fd = self._dir_fd()
        try:
            os.link(self._at(source), self._at(target), src_dir_fd=fd, dst_dir_fd=fd)
        except FileExistsError:
            raise
        except OSError:
            self._copy(source, target)

    def _copy(self, source: str, target: str) -> None:
        """Copy a file under another name first, so that none is ever half a file."""
        part = target + ".part"
        with suppress(FileNotFoundError):
            self.unlink(part)  # left by one that was killed
        with self.open(source, READ) as old, self.open(part, CREATE) as new:
            while chunk := old.read(1 << 20):
                write_all(self, new, chunk)
            self.sync(new)
        self.rename(part, target)

    def unlink(self, name: str) -> None:
        """Remove a name."""
        os.unlink(self._at(name), dir_fd=self._dir_fd())

    def remove_inside(self, name: str) -> None:
        """Remove an empty folder inside this one."""
        os.rmdir(self._at(name), dir_fd=self._dir_fd())

    def names(self, inside: str = ".") -> Iterator[str]:
        """Give every name here, or in a folder inside this one, but those of folders."""
        try:
            with os.scandir(self.path / inside) as entries:
                yield from (e.name for e in entries if not e.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return

    def all_names(self, inside: str) -> list[str]:
        """Return every name in a folder inside this one, those of folders too."""
        try:
            return os.listdir(self.path / inside)  # noqa: PTH208 - ten times as fast
        except FileNotFoundError:
            return []

    def close(self) -> None:
        """Close the folder; a later use opens it again."""
        self._opener = None
        _close_all(self._fds)

    def _descriptor(self) -> int:
        if not self._fds:  # in one C call, as in open()
            self._fds.extend(map(os.open, (self.path,), (_FOLDER,)))
        return self._fds[0]

    def _dir_fd(self) -> int | None:
        return self._descriptor() if _BY_DESCRIPTOR else None

    def _at(self, name: str) -> str:
        return name if _BY_DESCRIPTOR else str(self.path / name)


def write_all(folder: Folder, file: FileIO, data: bytes) -> None:
    """Write all of it, in as many writes as that takes."""
    view = memoryview(data)
    while view:
        view = view[folder.write(file, view) :]


def shut(file: FileIO) -> None:
    """Close a file. It is closed also where close(2) fails: what that tells, a sync has told."""
    with suppress(OSError):
        file.close()


def lock_holder(file: FileIO) -> str | None:
    """Name the process that holds the lock on a file, where the system tells (Linux)."""
    status = os.fstat(file.fileno())
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
        pids = [row.split()[4] for row in locks if "FLOCK" in row and device in row.split()]
        name = Path(f"/proc/{pids[0]}/comm").read_text(encoding="utf-8").strip()
    except (OSError, IndexError, ValueError):
        return None
    return f"process {pids[0]}, {name}"


def _close_all(descriptors: list[int]) -> None:
    while descriptors:
        next(map(os.close, map(descriptors.pop, (0,))))  # in one C call, as in open()


def _sync_folder(path: Path | str, inside: int | None = None) -> None:
    """Open a folder, sync and close it, all in one C call, as in open()."""
    if sys.platform == "win32":
        return
    opened, same = tee(map(partial(os.open, dir_fd=inside), (path,), (_FOLDER,)))
    try:
        next(zip(map(os.fsync, opened), map(os.close, same), strict=False))
    except BaseException:
        for fd in same:
            os.close(fd)
        raise
