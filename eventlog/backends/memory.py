"""Logs in this process's memory: for tests and for trying things out; gone when it ends.

It is also the backend contract at its shortest, to be read as a specification. It knows nothing of
files, locks between processes or torn writes.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from eventlog.backend import (
    START,
    Archive,
    Binned,
    Block,
    Copy,
    Durability,
    Keep,
    Mark,
    Stamp,
    Stat,
    nothing,
)  # fmt: skip
from eventlog.errors import BackendConflictError, SessionExistsError, SessionNotFoundError

_TAIL = 32


class _Deletion(NamedTuple):
    session_id: str
    when: int
    lines: list[bytes]
    kept: dict[str, list[bytes]]
    changed: float


class MemoryBackend:
    """Every log is a list of lines."""

    durable = False
    shared = False

    def __init__(self) -> None:
        self.logs: dict[str, list[bytes]] = {}
        self.changed: dict[str, float] = {}
        self.kept: dict[str, dict[str, list[bytes]]] = {}  # archives and quarantines
        self.caches: dict[str, bytes] = {}
        self.blob_bytes: dict[str, bytes] = {}
        self._bin: dict[str, _Deletion] = {}  # in the order of the deletions
        self._lock = threading.RLock()

    def ids(self) -> list[str]:
        """Return the ids of all sessions, sorted."""
        return sorted(self.logs)

    def stat(self, session_id: str) -> Stat:
        """Look at one log without reading it."""
        lines = self._find(session_id)
        return Stat(_size(lines), self.changed[session_id])

    def stamps(self) -> dict[str, Stamp]:
        """Look at all logs without reading them."""
        return {name: self._stamp(name, lines) for name, lines in list(self.logs.items())}

    def _stamp(self, session_id: str, lines: list[bytes]) -> Stamp:
        changed = int(self.changed[session_id] * 1e9)
        return Stamp(_size(lines), changed, changed, str(id(lines)))

    def shelf(self) -> None:
        """There is none: what is kept in memory needs no cache on a disk."""

    def read(self, session_id: str, after: Mark = START) -> Iterator[Block]:
        """Read the lines after a mark: one block."""
        yield _block(self._find(session_id), after)

    @contextmanager
    def writing(self, session_id: str, *, create: bool) -> Iterator["_MemoryWriter"]:
        """Hold the right to append; all sessions share one lock."""
        with self._lock:
            lines = [] if create and session_id not in self.logs else self._find(session_id)
            try:
                yield _MemoryWriter(lines)
            finally:
                if lines:
                    self.logs[session_id] = lines
                    self.changed[session_id] = time.time()

    def archives(self, session_id: str) -> list[Archive]:
        """Return a session's archives, the newest first."""
        kept = self.kept.get(session_id, {})
        names = [name for name in reversed(kept) if name.startswith("archive.")]
        return [
            Archive(f"{session_id}/{name}", int(name.split(".")[1][1:]), sum(map(len, kept[name])))
            for name in names
        ]

    def read_archive(self, name: str) -> Iterator[bytes]:
        """Give the lines of one archive."""
        session_id, _, kept = name.partition("/")
        return iter(self.kept[session_id][kept])

    def cached(self, session_id: str) -> bytes | None:
        """Return what was kept."""
        return self.caches.get(session_id)

    def cache(self, session_id: str, data: bytes) -> None:
        """Keep something that can be made again."""
        self.caches[session_id] = data

    def copy_names(self, session_id: str) -> list[str]:
        """Return the names of what was kept of a session, the newest first."""
        return [f"{session_id}/{name}" for name in reversed(self.kept.get(session_id, {}))]

    def copies(self, session_id: str) -> Iterator[Iterator[bytes]]:
        """Give the lines that were kept of a session."""
        return (iter(lines) for lines in reversed(self.kept.get(session_id, {}).values()))

    def every_copy(self) -> list[Copy]:
        """Return all archives and quarantines, those in the bin too."""
        return [
            Copy(holder, f"{holder}/{name}") for holder, kept in self._holders() for name in kept
        ]

    def read_copy(self, name: str) -> Iterator[bytes]:
        """Give the lines of one of these."""
        holder, _, kept = name.partition("/")
        try:
            return iter(dict(self._holders())[holder][kept])
        except KeyError:
            raise SessionNotFoundError(holder) from None

    def _holders(self) -> list[tuple[str, dict[str, list[bytes]]]]:
        with self._lock:
            binned = [(name, deletion.kept) for name, deletion in self._bin.items()]
            return [*self.kept.items(), *binned]

    def blob(self, name: str) -> bytes | None:
        """Return a blob."""
        return self.blob_bytes.get(name)

    def blobs(self) -> dict[str, int]:
        """Return the size of each blob."""
        return {name: len(blob) for name, blob in list(self.blob_bytes.items())}

    @contextmanager
    def keeping(self, blobs: Mapping[str, bytes]) -> Iterator[Keep]:
        """Keep blobs; nobody else does anything meanwhile."""
        with self._lock:
            self.blob_bytes.update(blobs)
            yield self.blob_bytes.update

    @contextmanager
    def dropping(self) -> Iterator[Callable[[str], None]]:
        """Hold the right to drop blobs."""
        with self._lock:
            yield lambda name: (self.blob_bytes.pop(name, None), None)[1]

    @contextmanager
    def rewriting(self, session_id: str) -> Iterator["_MemoryRewriter"]:
        """Hold the right to replace a log."""
        with self._lock:
            self._find(session_id)
            yield _MemoryRewriter(self, session_id)

    def delete(self, session_id: str, at: Mark | None = None) -> None:
        """Move a session to the bin."""
        with self._lock:
            lines = self._find(session_id)
            if at is not None and (_block(lines, at).start != at.position or lines[at.position :]):
                raise BackendConflictError
            when = max([time.time_ns(), *(deletion.when + 1 for deletion in self._bin.values())])
            kept = self.kept.pop(session_id, {})
            deletion = _Deletion(session_id, when, lines, kept, self.changed.pop(session_id))
            self._bin[f"{session_id}.{when}"] = deletion
            del self.logs[session_id]
            self.caches.pop(session_id, None)

    def binned(self) -> list[Binned]:
        """Return what is in the bin, the last deleted first."""
        return [
            Binned(name, d.session_id, d.when / 1e9, sum(map(_size, (d.lines, *d.kept.values()))))
            for name, d in reversed(self._bin.items())
        ]

    def read_binned(self, name: str) -> Iterator[Block]:
        """Read a log in the bin: one block."""
        yield _block(self._deletion(name).lines, START)

    def restore(self, name: str) -> None:
        """Bring a session back from the bin."""
        with self._lock:
            found = self._deletion(name)
            if found.session_id in self.logs:
                raise SessionExistsError(found.session_id)
            self.logs[found.session_id] = found.lines
            self.kept[found.session_id] = found.kept
            self.changed[found.session_id] = found.changed
            del self._bin[name]

    def purge_binned(self, name: str, first: Callable[[], None] = nothing) -> None:
        """Remove one deletion from the bin."""
        with self._lock:
            self._deletion(name)
            first()
            del self._bin[name]

    def purge(self, session_id: str, first: Callable[[], None] = nothing) -> None:
        """Remove all that there is of a session."""
        with self._lock:
            binned = [name for name, d in self._bin.items() if d.session_id == session_id]
            if session_id not in self.logs and not binned:
                raise SessionNotFoundError(session_id)
            first()
            for name in binned:
                del self._bin[name]
            held: tuple[dict[str, Any], ...] = (self.logs, self.changed, self.kept, self.caches)
            for each in held:
                each.pop(session_id, None)

    def _deletion(self, name: str) -> "_Deletion":
        try:
            return self._bin[name]
        except KeyError:
            raise SessionNotFoundError(name.partition(".")[0]) from None

    def close(self) -> None:
        """Hold nothing, so let go of nothing."""

    def _find(self, session_id: str) -> list[bytes]:
        try:
            return self.logs[session_id]
        except KeyError:
            raise SessionNotFoundError(session_id) from None


class _MemoryWriter:
    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines

    def read(self, after: Mark) -> Iterator[Block]:
        yield _block(self._lines, after)

    def put(self, lines: Sequence[bytes], after: Mark, durability: Durability) -> Mark:
        del durability  # memory has one level only
        if after.position != len(self._lines):
            raise BackendConflictError
        self._lines.extend(lines)
        return _mark(self._lines)


class _MemoryRewriter:
    def __init__(self, backend: MemoryBackend, session_id: str) -> None:
        self._backend = backend
        self._kept = backend.kept.setdefault(session_id, {})
        self._session_id = session_id

    def put_aside(self, generation: int, lines: Iterable[bytes]) -> str:
        return self._keep(f"quarantine.g{generation}", list(lines))

    def add_archive(self, generation: int, lines: Iterable[bytes]) -> str:
        return self._keep(f"archive.g{generation}", list(lines))

    def replace(
        self, generation: int, lines: Iterable[bytes], check: Callable[[Iterator[Block]], None]
    ) -> str:
        new = list(lines)
        check(iter([_block(new, START)]))
        name = self._keep(f"archive.g{generation}", self._backend.logs[self._session_id])
        self._backend.logs[self._session_id] = new
        self._backend.changed[self._session_id] = time.time()
        return name

    def pack_archives(self) -> None:
        pass

    def drop_copies(self) -> None:
        self._kept.clear()
        self._backend.caches.pop(self._session_id, None)

    def drop_archive(self, name: str) -> None:
        del self._kept[name.partition("/")[2]]

    def _keep(self, name: str, lines: list[bytes]) -> str:
        number = max((int(kept.rpartition(".")[2]) for kept in self._kept), default=0) + 1
        name = f"{name}.{number}"
        self._kept[name] = lines
        return f"{self._session_id}/{name}"


def _size(lines: list[bytes]) -> int:
    return sum(len(line) + 1 for line in lines)


def _block(lines: list[bytes], after: Mark) -> Block:
    end = after.position
    known = end <= len(lines) and (not end or lines[end - 1][-_TAIL:] == after.tail)
    start = end if known else 0
    return Block(start, lines[start:], _mark(lines))


def _mark(lines: list[bytes]) -> Mark:
    return Mark(len(lines), lines[-1][-_TAIL:]) if lines else START
