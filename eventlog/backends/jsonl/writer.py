"""The append protocol: the lock, then the log, then one write and one sync, or all as it was.

It knows bytes and their place. Whether the lines make sense is known above, whether the calls can
fail is files.py's.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import FileIO
from types import TracebackType
from typing import Self

from eventlog.backend import Block, Durability, Mark
from eventlog.errors import (
    AppendError,
    BackendConflictError,
    BackendUnavailableError,
    SessionNotFoundError,
)

from .files import APPEND, CREATE, Folder, shut
from .lock import acquire
from .log_file import SUFFIX, open_log
from .reader import TAIL, read_blocks


class JsonlWriter:
    """Holds a session's lock and its open log, from `with` to its end; see backend.Writer."""

    def __init__(self, folder: Folder, session_id: str, timeout: float, *, create: bool) -> None:
        self._folder = folder
        self._session_id = session_id
        self._timeout = timeout
        self._create = create
        self._created = False
        self._lock: FileIO | None = None
        self._log: FileIO
        self._size = 0

    def __enter__(self) -> Self:
        try:
            self._lock = acquire(self._folder, self._session_id, self._timeout)
            self._log, self._size = self._open()
        except OSError as error:
            self._let_go()
            raise self._unavailable(error) from error
        except BaseException:
            self._let_go()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the log, then the lock: whoever comes next finds the log at rest."""
        try:
            shut(self._log)
        finally:
            self._let_go()

    def read(self, after: Mark) -> Iterator[Block]:
        """Read the lines after a mark."""
        try:
            yield from read_blocks(self._folder, self._log, self._size, after)
        except OSError as error:
            raise self._unavailable(error) from error

    def put(self, lines: Sequence[bytes], after: Mark, durability: Durability) -> Mark:
        """Append lines in one write, synced once if so asked; or leave the log as it was."""
        end = self._size
        data = b"\n".join((*lines, b""))
        if end != after.position:
            data = self._close_off(end, after.position) + data
        try:
            if end == 0:
                self._sync_name(len(lines))
            self._store(data, len(lines))
            if durability == "fsync":
                self._sync(data, len(lines))
        except BaseException:
            self._remove_if_empty()
            raise
        self._created = False
        self._size += len(data)
        return Mark(self._size, data[-TAIL:])

    def _open(self) -> tuple[FileIO, int]:
        try:
            return open_log(self._folder, self._session_id, APPEND)
        except SessionNotFoundError:
            if not self._create:
                raise
            self._created = True
            return open_log(self._folder, self._session_id, CREATE)

    def _unavailable(self, error: OSError) -> BackendUnavailableError:
        return BackendUnavailableError(f"cannot append in {self._folder.path}: {error}")

    def _let_go(self) -> None:
        if self._lock is not None:
            shut(self._lock)

    def _close_off(self, end: int, position: int) -> bytes:
        """Return the newline that ends what somebody left unfinished; never cut that off."""
        try:
            rest = self._folder.read_at(self._log, max(end - position, 0), position)
        except OSError as error:
            raise self._unavailable(error) from error
        if not rest or b"\n" in rest:
            raise BackendConflictError
        return b"\n"

    def _store(self, data: bytes, events: int) -> None:
        """Write it all; if that fails, put the log back."""
        written, write = 0, self._folder.write
        try:
            while written < len(data):
                written += write(self._log, memoryview(data)[written:] if written else data)
        except BaseException as error:
            self._roll_back(data, events, error)
            if isinstance(error, OSError):
                raise AppendError("not appended", events, _reason(error)) from error
            raise

    def _sync_name(self, events: int) -> None:
        """Bring an empty log's name to the disk first: a log with bytes in it has a durable name."""
        try:
            self._folder.sync_folder()
        except OSError as error:
            raise AppendError("not appended", events, f"sync failed: {_reason(error)}") from error

    def _sync(self, data: bytes, events: int) -> None:
        """Bring it to the disk.

        A failed sync is not tried again: the kernel then calls the pages clean, and a second one
        would succeed with the data gone. For the same reason what was written is cut off: whoever
        read it there, from memory, would take it for stored.
        """
        try:
            self._folder.sync(self._log)
        except OSError as error:
            with suppress(OSError):
                self._cut_off(data)
            raise AppendError("unknown", events, f"sync failed: {_reason(error)}") from error

    def _roll_back(self, data: bytes, events: int, cause: BaseException) -> None:
        """Put the log back as it was."""
        try:
            self._cut_off(data)
            self._folder.sync(self._log)
        except OSError as error:
            reason = f"{_reason(cause)}; and putting the log back failed: {_reason(error)}"
            raise AppendError("unknown", events, reason) from cause

    def _cut_off(self, data: bytes) -> None:
        """Cut off what this append wrote, if that and nothing else follows the old end."""
        there = self._folder.read_at(self._log, len(data) + 1, self._size)
        if not data.startswith(there):
            raise OSError("somebody else wrote to the log meanwhile")
        self._folder.truncate(self._log, self._size)

    def _remove_if_empty(self) -> None:
        """Remove the file that this append made, while nothing is in it."""
        with suppress(OSError):  # what made the append fail is what counts
            if self._created and self._folder.status(self._log).st_size == 0:
                self._folder.unlink(self._session_id + SUFFIX)


def _reason(error: BaseException) -> str:
    """Say what failed without the file's number or name: the log is known."""
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
