"""Logs in this process's memory: for tests and for trying things out; gone when it ends.

It is also the backend contract at its shortest, to be read as a specification. It knows nothing of
files, locks between processes or torn writes.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from eventlog.backend import START, Archive, Block, Durability, Mark, Stat
from eventlog.errors import BackendConflictError, SessionNotFoundError

_TAIL = 32


class MemoryBackend:
    """Every log is a list of lines."""

    durable = False
    shared = False

    def __init__(self) -> None:
        self._logs: dict[str, list[bytes]] = {}
        self._changed: dict[str, float] = {}
        self._kept: dict[str, dict[str, list[bytes]]] = {}  # archives and quarantines
        self._cached: dict[str, bytes] = {}
        self._bin: list[tuple[str, list[bytes]]] = []
        self._lock = threading.RLock()

    def ids(self) -> list[str]:
        """Return the ids of all sessions, sorted."""
        return sorted(self._logs)

    def stat(self, session_id: str) -> Stat:
        """Look at one log without reading it."""
        lines = self._find(session_id)
        return Stat(sum(len(line) + 1 for line in lines), self._changed[session_id])

    def read(self, session_id: str, after: Mark = START) -> Iterator[Block]:
        """Read the lines after a mark: one block."""
        yield _block(self._find(session_id), after)

    @contextmanager
    def writing(self, session_id: str, *, create: bool) -> Iterator["_MemoryWriter"]:
        """Hold the right to append; all sessions share one lock."""
        with self._lock:
            lines = [] if create and session_id not in self._logs else self._find(session_id)
            try:
                yield _MemoryWriter(lines)
            finally:
                if lines:
                    self._logs[session_id] = lines
                    self._changed[session_id] = time.time()

    def archives(self, session_id: str) -> list[Archive]:
        """Return a session's archives, the newest first."""
        kept = self._kept.get(session_id, {})
        names = [name for name in reversed(kept) if name.startswith("archive.")]
        return [
            Archive(f"{session_id}/{name}", int(name.split(".")[1][1:]), sum(map(len, kept[name])))
            for name in names
        ]

    def read_archive(self, name: str) -> Iterator[bytes]:
        """Give the lines of one archive."""
        session_id, _, kept = name.partition("/")
        return iter(self._kept[session_id][kept])

    def cached(self, session_id: str) -> bytes | None:
        """Return what was kept."""
        return self._cached.get(session_id)

    def cache(self, session_id: str, data: bytes) -> None:
        """Keep something that can be made again."""
        self._cached[session_id] = data

    def copy_names(self, session_id: str) -> list[str]:
        """Return the names of what was kept of a session."""
        return list(self._kept.get(session_id, {}))

    def copies(self, session_id: str) -> Iterator[Iterator[bytes]]:
        """Give the lines that were kept of a session."""
        return (iter(lines) for lines in reversed(self._kept.get(session_id, {}).values()))

    @contextmanager
    def rewriting(self, session_id: str) -> Iterator["_MemoryRewriter"]:
        """Hold the right to replace a log."""
        with self._lock:
            self._find(session_id)
            yield _MemoryRewriter(self._logs, self._kept.setdefault(session_id, {}), session_id)

    def delete(self, session_id: str) -> None:
        """Move a log to the bin."""
        with self._lock:
            self._bin.append((session_id, self._find(session_id)))
            del self._logs[session_id]

    def close(self) -> None:
        """Hold nothing, so let go of nothing."""

    def _find(self, session_id: str) -> list[bytes]:
        try:
            return self._logs[session_id]
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
    def __init__(
        self, logs: dict[str, list[bytes]], kept: dict[str, list[bytes]], session_id: str
    ) -> None:
        self._logs = logs
        self._kept = kept
        self._session_id = session_id

    def put_aside(self, generation: int, lines: Iterable[bytes]) -> str:
        return self._keep(f"quarantine.g{generation}", list(lines))

    def replace(
        self, generation: int, lines: Iterable[bytes], check: Callable[[Iterator[Block]], None]
    ) -> str:
        new = list(lines)
        check(iter([_block(new, START)]))
        name = self._keep(f"archive.g{generation}", self._logs[self._session_id])
        self._logs[self._session_id] = new
        return name

    def pack_archives(self) -> None:
        pass

    def drop_copies(self) -> None:
        self._kept.clear()

    def drop_archive(self, name: str) -> None:
        del self._kept[name.partition("/")[2]]

    def _keep(self, name: str, lines: list[bytes]) -> str:
        number = max((int(kept.rpartition(".")[2]) for kept in self._kept), default=0) + 1
        name = f"{name}.{number}"
        self._kept[name] = lines
        return f"{self._session_id}/{name}"


def _block(lines: list[bytes], after: Mark) -> Block:
    end = after.position
    known = end <= len(lines) and (not end or lines[end - 1][-_TAIL:] == after.tail)
    start = end if known else 0
    return Block(start, lines[start:], _mark(lines))


def _mark(lines: list[bytes]) -> Mark:
    return Mark(len(lines), lines[-1][-_TAIL:]) if lines else START
