"""One JSONL file a session, in one folder.

    <folder>/<id>.jsonl          the log
    <folder>/.locks/<id>.lock    its lock
    <folder>/.archive/           logs that were replaced, as they were
    <folder>/.quarantine/        what repair put aside
    <folder>/.cache/             what can be made again
    <folder>/.bin/               what was deleted

docs/format.md has the lines; writer.py has the way to append them.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from eventlog.backend import START, Archive, Block, Mark, Stat
from eventlog.errors import BackendUnavailableError, SessionNotFoundError

from . import archives, caching
from .files import READ, Folder
from .lock import acquire
from .log_file import SUFFIX, open_log
from .reader import read_blocks
from .rewriter import JsonlRewriter, copy_names
from .writer import JsonlWriter

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
        try:
            names = [n for n in self.folder.names() if n.endswith(SUFFIX) and n[0] != "."]
        except OSError as error:
            raise BackendUnavailableError(
                f"cannot look into {self.folder.path}: {error}"
            ) from error
        return sorted(name.removesuffix(SUFFIX) for name in names)

    def stat(self, session_id: str) -> Stat:
        """Look at one log without reading it."""
        try:
            status = self.folder.status_of(session_id + SUFFIX)
        except FileNotFoundError:
            raise SessionNotFoundError(session_id) from None
        except OSError as error:
            raise BackendUnavailableError(f"cannot look at {session_id}: {error}") from error
        return Stat(status.st_size, status.st_mtime)

    def read(self, session_id: str, after: Mark = START) -> Iterator[Block]:
        """Read the lines after a mark, in order, with no lock."""
        try:
            file, size = open_log(self.folder, session_id, READ)
            with file:
                yield from read_blocks(self.folder, file, size, after)
        except OSError as error:
            raise BackendUnavailableError(f"cannot read session {session_id}: {error}") from error

    def writing(self, session_id: str, *, create: bool) -> JsonlWriter:
        """Hold the session's lock and its open log."""
        return JsonlWriter(self.folder, session_id, self.lock_timeout, create=create)

    def archives(self, session_id: str) -> list[Archive]:
        """Return a session's archives, the newest first."""
        return archives.find(self.folder, session_id)

    def read_archive(self, name: str) -> Iterator[bytes]:
        """Give the lines of one archive."""
        return archives.read(self.folder, name)

    def cached(self, session_id: str) -> bytes | None:
        """Return what `cache` kept."""
        return caching.read(self.folder, session_id)

    def cache(self, session_id: str, data: bytes) -> None:
        """Keep something that can be made again."""
        caching.write(self.folder, session_id, data)

    def copy_names(self, session_id: str) -> list[str]:
        """Return the names of a session's archives and quarantines."""
        return copy_names(self.folder, session_id)

    def copies(self, session_id: str) -> Iterator[Iterator[bytes]]:
        """Give the lines of each archive and each quarantine, the newest first."""
        return (archives.read(self.folder, name) for name in self.copy_names(session_id))

    def rewriting(self, session_id: str) -> JsonlRewriter:
        """Hold the session's lock, to replace its log."""
        self.stat(session_id)
        return JsonlRewriter(self.folder, session_id, self.lock_timeout)

    def delete(self, session_id: str) -> None:
        """Move a log to the bin, under its lock."""
        name = session_id + SUFFIX
        self.stat(session_id)  # before a lock is made for a session that is not there
        try:
            with acquire(self.folder, session_id, self.lock_timeout):
                self.stat(session_id)
                self.folder.make_inside(BIN)
                self.folder.rename(name, f"{BIN}/{session_id}.{time.time_ns()}{SUFFIX}")
                self.folder.sync_folder(BIN)
                self.folder.sync_folder()
        except OSError as error:
            raise BackendUnavailableError(
                f"deleting session {session_id} was not finished: {error}; "
                "its log is in its place or in the bin, whole"
            ) from error

    def close(self) -> None:
        """Close the folder."""
        self.folder.close()
