"""One JSONL file a session in one folder: the append protocol, step by step.

    <folder>/<id>.jsonl          the log
    <folder>/.locks/<id>.lock    its lock
    <folder>/.bin/               what was deleted

docs/format.md has the lines; this module knows only where they go and how they get there safely.
"""

import os
import time
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from types import TracebackType

from eventlog.backend import START, Block, Durability, Mark, Stat
from eventlog.errors import (
    AppendError,
    BackendConflictError,
    BackendUnavailableError,
    SessionNotFoundError,
)

from . import files
from .files import Folder
from .lock import acquire
from .reader import read_blocks

SUFFIX = ".jsonl"
BIN = ".bin"
LOCK_TIMEOUT = 10.0
"""How long an append waits for another writer, in seconds."""


class JsonlBackend:
    """Logs as files, durable and safe for several processes on one host."""

    durable = True
    shared = True

    def __init__(self, folder: Folder, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self.folder = folder
        self.lock_timeout = lock_timeout

    @classmethod
    def at(cls, path: Path, *, lock_timeout: float = LOCK_TIMEOUT) -> "JsonlBackend":
        """Keep logs in the folder at `path`, which is made with the first log."""
        return cls(Folder(path), lock_timeout=lock_timeout)

    def ids(self) -> list[str]:
        """Return the ids of all sessions, sorted: the names of the files."""
        names = self.folder.names()
        return sorted(n.removesuffix(SUFFIX) for n in names if n.endswith(SUFFIX) and n[0] != ".")

    def stat(self, session_id: str) -> Stat:
        """Look at one log without reading it."""
        try:
            status = self.folder.status_of(session_id + SUFFIX)
        except FileNotFoundError:
            raise SessionNotFoundError(session_id) from None
        return Stat(status.st_size, status.st_mtime)

    def read(self, session_id: str, after: Mark = START) -> Iterator[Block]:
        """Read the lines after a mark, in order, with no lock."""
        with self.open_log(session_id, files.READ) as file:
            yield from read_blocks(self.folder, file, after)

    def writing(self, session_id: str, *, create: bool) -> "_Hold":
        """Hold the session's lock and its open log."""
        return _Hold(self, session_id, create=create)

    def delete(self, session_id: str) -> None:
        """Move a log to the bin, under its lock."""
        name = session_id + SUFFIX
        self.stat(session_id)  # before a lock is made for a session that is not there
        with acquire(self.folder, session_id, self.lock_timeout):
            self.stat(session_id)
            self.folder.make_inside(BIN)
            self.folder.rename(name, f"{BIN}/{session_id}.{time.time_ns()}{SUFFIX}")
            self.folder.sync_folder(BIN)
            self.folder.sync_folder()

    def close(self) -> None:
        """Close the folder."""
        self.folder.close()

    def open_log(self, session_id: str, flags: int) -> FileIO:
        """Open a log and make sure that it is a plain file, and still the one with this name."""
        name = session_id + SUFFIX
        try:
            file = self.folder.open(name, flags)
        except FileNotFoundError:
            raise SessionNotFoundError(session_id) from None
        except OSError as error:
            raise BackendUnavailableError(f"cannot open {self._name(name)}: {error}") from error
        try:
            opened = self.folder.status(file)
            if not files.is_regular(opened):
                raise BackendUnavailableError(f"{self._name(name)} is not a regular file")
            if flags != files.READ and not os.path.samestat(opened, self.folder.status_of(name)):
                raise BackendUnavailableError(
                    f"{self._name(name)} was replaced while it was opened"
                )
        except BaseException:
            file.close()
            raise
        return file

    def _name(self, name: str) -> str:
        return str(self.folder.path / name)


class _Hold:
    """The context of one append: the lock first, then the log, opened under it."""

    def __init__(self, backend: JsonlBackend, session_id: str, *, create: bool) -> None:
        self._backend = backend
        self._session_id = session_id
        self._create = create
        self._lock: FileIO | None = None
        self._log: FileIO | None = None

    def __enter__(self) -> "_JsonlWriter":
        backend, session_id = self._backend, self._session_id
        try:
            self._lock = acquire(backend.folder, session_id, backend.lock_timeout)
            created = False
            try:
                self._log = backend.open_log(session_id, files.APPEND)
            except SessionNotFoundError:
                if not self._create:
                    raise
                self._log = backend.open_log(session_id, files.CREATE)
                created = True
            return _JsonlWriter(backend.folder, self._log, session_id, created=created)
        except OSError as error:
            self._close()
            raise BackendUnavailableError(
                f"cannot append in {backend.folder.path}: {error}"
            ) from error
        except BaseException:
            self._close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        """Close the log, then the lock: whoever comes next finds the log at rest."""
        try:
            if self._log is not None:
                self._log.close()
        finally:
            if self._lock is not None:
                self._lock.close()


class _JsonlWriter:
    """Appends to one open log, whose lock is held."""

    def __init__(self, folder: Folder, log: FileIO, session_id: str, *, created: bool) -> None:
        self._folder = folder
        self._log = log
        self._session_id = session_id
        self._created = created

    def read(self, after: Mark) -> Iterator[Block]:
        return read_blocks(self._folder, self._log, after)

    def put(self, lines: Sequence[bytes], after: Mark, durability: Durability) -> Mark:
        end = self._folder.status(self._log).st_size
        rest = b""
        if end != after.position:
            rest = self._folder.read_at(self._log, max(end - after.position, 0), after.position)
            if end < after.position or b"\n" in rest:
                raise BackendConflictError
        seal = b"\n" if rest else b""
        data = b"%s%s\n" % (seal, b"\n".join(lines))
        try:
            self._store(data, durability, end, len(lines))
        except BaseException:
            self._forget_new_file()
            raise
        return Mark(end + len(data), data[-32:])

    def _store(self, data: bytes, durability: Durability, end: int, events: int) -> None:
        """Write and sync; put the log back as it was if the writing fails."""
        try:
            self._write(data)
        except BaseException as error:
            self._roll_back(end, len(data), events, error)
            if isinstance(error, OSError):
                raise AppendError("not appended", events, str(error)) from error
            raise
        if durability == "fsync":
            try:
                self._folder.sync(self._log)
                if self._created:
                    self._folder.sync_folder()
            except OSError as error:
                # Never again: after one failure the kernel calls the pages clean, and a second
                # fsync succeeds with the data gone.
                raise AppendError("unknown", events, f"sync failed: {error}") from error
        self._created = False

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._folder.write(self._log, view) :]

    def _roll_back(self, end: int, written: int, events: int, cause: BaseException) -> None:
        """Cut off what this append wrote, if that is all there is after the old end."""
        try:
            size = self._folder.status(self._log).st_size
            if size > end + written:
                raise OSError(f"the log grew to {size} bytes meanwhile")
            self._folder.truncate(self._log, end)
            self._folder.sync(self._log)
        except OSError as error:
            reason = f"{cause}; and putting the log back failed: {error}"
            raise AppendError("unknown", events, reason) from cause

    def _forget_new_file(self) -> None:
        """Remove the file that this append made, while it is still empty."""
        if self._created and self._folder.status(self._log).st_size == 0:
            self._folder.unlink(self._session_id + SUFFIX)
