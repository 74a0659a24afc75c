"""One JSONL file a session, in one folder.

    <folder>/<id>.jsonl          the log
    <folder>/.locks/<id>.lock    its lock
    <folder>/.archive/           logs that were replaced, as they were
    <folder>/.quarantine/        what repair put aside
    <folder>/.cache/             what can be made again
    <folder>/.bin/               what was deleted; see binning.py
    <folder>/blobs/              what was too large for a line; see blobs.py

docs/format.md has the lines; writer.py has the way to append them.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from eventlog.backend import (
    START,
    Archive,
    Binned,
    Block,
    Copy,
    Keep,
    Mark,
    Stamp,
    Stat,
    nothing,
)  # fmt: skip
from eventlog.errors import BackendConflictError, BackendUnavailableError, SessionNotFoundError

from . import archives, binning, blobs, caching
from .files import READ, Folder
from .lock import acquire
from .log_file import SUFFIX, open_log
from .reader import read_blocks
from .rewriter import JsonlRewriter, copy_names
from .writer import JsonlWriter

LOCK_TIMEOUT = 10.0
"""How long an append waits for another writer, in seconds."""
_WHOLE = "its log is in its place or in the bin, whole"


class JsonlBackend:
    """Logs as files, durable and safe for several processes on one host."""

    durable = True
    shared = True

    def __init__(self, folder: Folder, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self.folder = folder
        self.lock_timeout = lock_timeout
        self._doubted: set[str] = set()  # blobs

    @classmethod
    def at(cls, path: Path, *, lock_timeout: float = LOCK_TIMEOUT) -> "JsonlBackend":
        """Keep logs in the folder at `path`, which is made with the first log."""
        return cls(Folder(path), lock_timeout=lock_timeout)

    def ids(self) -> list[str]:
        """Return the ids of all sessions, sorted: the names of the files."""
        try:
            names = list(filter(_is_log, self.folder.names()))
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

    def stamps(self) -> dict[str, Stamp]:
        """Look at all logs without reading them."""
        try:
            found = [(n, s) for n, s in self.folder.statuses() if _is_log(n) and not _is_folder(s)]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise BackendUnavailableError(
                f"cannot look into {self.folder.path}: {error}"
            ) from error
        return {name.removesuffix(SUFFIX): _stamp(status) for name, status in found}

    def shelf(self) -> Path | None:
        """Return the folder .cache, if there is a store to keep it in."""
        return caching.shelf(self.folder)

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

    def every_copy(self) -> list[Copy]:
        """Return all archives and quarantines, those in the bin too."""
        try:
            return [*archives.find_all(self.folder), *binning.copies(self.folder)]
        except OSError as error:
            raise BackendUnavailableError(
                f"cannot look into {self.folder.path}: {error}"
            ) from error

    def read_copy(self, name: str) -> Iterator[bytes]:
        """Give the lines of one of these, every one."""
        from zstandard import ZstdError  # noqa: PLC0415 - few commands need it

        try:
            yield from archives.read_whole(self.folder, name)
        except FileNotFoundError:
            raise SessionNotFoundError(name) from None
        except (OSError, ZstdError) as error:
            raise BackendUnavailableError(f"cannot read {name}: {error}") from error

    def blob(self, name: str) -> bytes | None:
        """Return a blob."""
        return blobs.read(self.folder, name)

    def blobs(self) -> dict[str, int]:
        """Return the size of each blob."""
        try:
            return blobs.sizes(self.folder)
        except OSError as error:
            raise BackendUnavailableError(f"cannot look at the blobs: {error}") from error

    def keeping(self, given: Mapping[str, bytes]) -> AbstractContextManager[Keep]:
        """Keep blobs, under the lock that those share who do."""
        return blobs.keeping(self.folder, given, self.lock_timeout, self._doubted)

    def dropping(self) -> AbstractContextManager[Callable[[str], None]]:
        """Hold the lock of the blobs alone."""
        return blobs.dropping(self.folder, self.lock_timeout)

    def rewriting(self, session_id: str) -> JsonlRewriter:
        """Hold the session's lock, to replace its log."""
        self.stat(session_id)
        return JsonlRewriter(self.folder, session_id, self.lock_timeout)

    def delete(self, session_id: str, at: Mark | None = None) -> None:
        """Move a session to the bin, under its lock, and while nobody drops blobs.

        Who looks for what names one would else miss a session that came and went meanwhile.
        """
        self._expect(session_id)
        with self.keeping({}), self._binning(session_id, "deleting"):
            if not binning.is_there(self.folder, session_id):
                binning.settle(self.folder, session_id)
                raise SessionNotFoundError(session_id)
            if at is not None and not _ends_at(self.read(session_id, at), at):
                raise BackendConflictError
            binning.put_in(self.folder, session_id)

    def binned(self) -> list[Binned]:
        """Return what is in the bin, the last deleted first."""
        try:
            return binning.find(self.folder)
        except OSError as error:
            raise BackendUnavailableError(f"cannot look into the bin: {error}") from error

    def read_binned(self, name: str) -> Iterator[Block]:
        """Read a log in the bin from its start."""
        try:
            yield from binning.read(self.folder, name)
        except OSError as error:
            raise BackendUnavailableError(f"cannot read {name} in the bin: {error}") from error

    def restore(self, name: str) -> None:
        """Move a session out of the bin, under its lock, and while nobody drops blobs."""
        session_id = self._known(name)
        with self.keeping({}), self._binning(session_id, "restoring"):
            binning.take_out(self.folder, name)

    def purge_binned(self, name: str, first: Callable[[], None] = nothing) -> None:
        """Remove one deletion from the bin for good, under the session's lock."""
        with self._binning(self._known(name), "purging"):
            self._known(name)  # still
            first()
            binning.drop(self.folder, name)

    def purge(self, session_id: str, first: Callable[[], None] = nothing) -> None:
        """Remove all that there is of a session for good, under its lock."""
        self._expect(session_id)
        with self._binning(session_id, "purging"):
            first()
            binning.purge(self.folder, session_id)

    def _expect(self, session_id: str) -> None:
        """Make no lock for a session of which there is nothing."""
        try:
            if binning.knows(self.folder, session_id):
                return
        except OSError as error:
            raise BackendUnavailableError(f"cannot look at {session_id}: {error}") from error
        raise SessionNotFoundError(session_id)

    def _known(self, name: str) -> str:
        """Return the session of a deletion, before a lock is made for one that is not there."""
        session_id = binning.id_of(name)
        try:
            if binning.holds(self.folder, name):
                return session_id
        except OSError as error:
            raise BackendUnavailableError(f"cannot look into the bin: {error}") from error
        raise SessionNotFoundError(session_id)

    @contextmanager
    def _binning(self, session_id: str, doing: str) -> Iterator[None]:
        """Hold the session's lock; say what a failure leaves."""
        try:
            with acquire(self.folder, session_id, self.lock_timeout):
                yield
        except OSError as error:
            left = "the same again goes on" if doing == "purging" else _WHOLE
            raise BackendUnavailableError(
                f"{doing} session {session_id} was not finished: {error}; {left}"
            ) from error

    def close(self) -> None:
        """Close the folder."""
        self.folder.close()


def _ends_at(blocks: Iterator[Block], mark: Mark) -> bool:
    """Whether what was read after a mark is that nothing is there, and the log is the same."""
    return all(
        block.start == mark.position and not block.lines and not block.skipped for block in blocks
    )


def _is_log(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")


def _is_folder(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode)


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, str(status.st_ino))
