"""What a place to keep logs must do. The docstrings here are the contract.

A backend stores and orders opaque lines, one log for each session id. It never looks into a line:
hashing, judging damage, events and projections all live above it and are the same for every
backend. `eventlog.testing` holds the suite that every backend passes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

Durability = Literal["fsync", "os"]
"""What an acknowledged append has reached.

"fsync": the disk; it survives a power cut. "os": the operating system; it survives the death of
this process, not a power cut.
"""


class Mark(NamedTuple):
    """How far a reader has come.

    `position` is the backend's own measure (bytes in a file, lines in memory), 0 at the start and
    rising; `tail` is the end of what was read last, at most 32 bytes, by which the backend notices
    that the log was replaced since.
    """

    position: int = 0
    tail: bytes = b""


START = Mark()


class Block(NamedTuple):
    """Some complete lines in order, as read.

    They began at position `start` and end at `end`. `rest` is what follows the last newline, in
    the last block only. `skipped` is above 0 for a block that holds no lines but stands for one
    too long to load, so many bytes with its newline.
    """

    start: int
    lines: list[bytes]
    end: Mark
    rest: bytes = b""
    skipped: int = 0


class Stat(NamedTuple):
    """What is known of a log without reading it: its size in bytes, its last change (Unix time)."""

    size: int
    changed: float


class Stamp(NamedTuple):
    """What tells, without reading, that a log is what it was: equal stamps, equal logs.

    `size` in bytes; `modified` and `changed`, when its bytes and when anything about it changed
    (Unix time, nanoseconds); `identity`, which another log in its place has not. A log changed
    twice within the clock's resolution may keep its stamp.
    """

    size: int
    modified: int
    changed: int
    identity: str


class Archive(NamedTuple):
    """A log as it was before it was replaced: its name, generation, and size in bytes as kept."""

    name: str
    generation: int
    size: int


class Binned(NamedTuple):
    """A deleted session in the bin.

    `name` names this deletion, as one id may be deleted several times; `deleted` is when (Unix
    time), as it was written down then; `size` is the bytes of all that is kept of it.
    """

    name: str
    session_id: str
    deleted: float
    size: int


class Copy(NamedTuple):
    """An archive or a quarantine, by name.

    `holder` is whose it is: a session's id, or the name of a deletion in the bin.
    """

    holder: str
    name: str


Keep = Callable[[Mapping[str, bytes]], None]
"""Keeps blobs, by their SHA-256; they are durable when it returns. Raises BackendUnavailableError."""


def nothing() -> None:
    """Do nothing."""


class Writer(Protocol):
    """The right to append to one session's log, while it is held."""

    def read(self, after: Mark) -> Iterator[Block]:
        """Read as Backend.read does, and also a log that is new and still empty."""
        ...

    def put(self, lines: Sequence[bytes], after: Mark, durability: Durability) -> Mark:
        """Store these lines (without newlines) right after `after`, unless something is there.

        All of them or none: returns where they end once they are as durable as was asked.
        An unfinished rest after `after` is closed off by a newline first and stays; with no lines,
        that is all that is done.
        Raises BackendConflictError when complete lines are there already, and AppendError when
        storing failed: outcome "not appended" if the log is as it was, else "unknown".
        """
        ...


class Rewriter(Protocol):
    """The right to replace one session's log, while nobody else may append."""

    def put_aside(self, generation: int, lines: Iterable[bytes]) -> str:
        """Store lines in the session's quarantine; return its name once they are durable."""
        ...

    def add_archive(self, generation: int, lines: Iterable[bytes]) -> str:
        """Store a log of an older generation as an archive; return its name once it is durable."""
        ...

    def replace(
        self, generation: int, lines: Iterable[bytes], check: Callable[[Iterator[Block]], None]
    ) -> str:
        """Put a new log in the place of the old one, at once or not at all; keep the old one.

        The new one is written, made durable and read back to `check`, which raises to refuse it.
        Then the old one, of this generation, goes to the archive, and the new one takes its name.
        Returns the archive's name. Killed at any instant, the log is the old one or the new one.
        """
        ...

    def pack_archives(self) -> None:
        """Compress the session's archives, where the backend can; each stays readable throughout."""
        ...

    def drop_copies(self) -> None:
        """Remove the session's archives, quarantines and what was cached of it, for good."""
        ...

    def drop_archive(self, name: str) -> None:
        """Remove one of the session's archives for good."""
        ...


class Backend(Protocol):
    """Where logs are kept. Safe for several threads, and for several processes where `shared`."""

    durable: bool
    """Whether an append with durability "fsync" survives a power cut."""

    shared: bool
    """Whether other processes see the same logs."""

    def ids(self) -> list[str]:
        """Return the ids of all sessions, sorted."""
        ...

    def stat(self, session_id: str) -> Stat:
        """Look at one log without reading it. Raises SessionNotFoundError."""
        ...

    def stamps(self) -> dict[str, Stamp]:
        """Look at all logs without reading them: their stamps, by session id."""
        ...

    def shelf(self) -> Path | None:
        """Return where a folder of the store's own may be made for what can be made again.

        None where there is no such place. Nothing is made by asking.
        """
        ...

    def read(self, session_id: str, after: Mark = START) -> Iterator[Block]:
        """Read the lines after a mark, in order, in blocks of bounded size; at least one block.

        Takes no lock and changes nothing. When the log was replaced since the mark was made, the
        reading begins anew: the first block then starts at 0. Raises SessionNotFoundError.
        """
        ...

    def writing(self, session_id: str, *, create: bool) -> AbstractContextManager[Writer]:
        """Hold the right to append to one session's log.

        Where the backend can, other writers wait meanwhile; where it cannot, put() tells them
        apart. With `create`, a log that is not there is begun. Raises SessionNotFoundError,
        BackendLockedError after a bounded wait, BackendUnavailableError.
        """
        ...

    def archives(self, session_id: str) -> list[Archive]:
        """Return a session's archives, the newest first."""
        ...

    def read_archive(self, name: str) -> Iterator[bytes]:
        """Give the lines of one archive."""
        ...

    def cached(self, session_id: str) -> bytes | None:
        """Return what `cache` kept for a session; None if there is nothing."""
        ...

    def cache(self, session_id: str, data: bytes) -> None:
        """Keep something that can be made again. Not durable; a failure is passed over."""
        ...

    def copy_names(self, session_id: str) -> list[str]:
        """Return the names of a session's archives and quarantines."""
        ...

    def copies(self, session_id: str) -> Iterator[Iterator[bytes]]:
        """Give the lines of each older log and each quarantine of a session, the newest first."""
        ...

    def every_copy(self) -> list[Copy]:
        """Return all archives and quarantines, also those of what is in the bin."""
        ...

    def read_copy(self, name: str) -> Iterator[bytes]:
        """Give the lines of one of these, every one, or raise BackendUnavailableError.

        Raises SessionNotFoundError where it is gone.
        """
        ...

    def blob(self, name: str) -> bytes | None:
        """Return the blob of this SHA-256, in hexadecimal, as it is kept.

        None where it is not there or cannot be read. Whether it is what its name says is for the
        caller to look.
        """
        ...

    def blobs(self) -> dict[str, int]:
        """Return the size in bytes of each blob, by its SHA-256."""
        ...

    def keeping(self, blobs: Mapping[str, bytes]) -> AbstractContextManager[Keep]:
        """Keep blobs, by their SHA-256, and let nobody drop any while this is held.

        It gives what keeps more of them meanwhile. They are durable when it is entered; one that is there already is kept once, and is
        written anew where it is not what it was. To be held until the lines that name them are
        stored; many may hold it. Raises BackendUnavailableError where they cannot be kept,
        BackendLockedError after a bounded wait.
        """
        ...

    def dropping(self) -> AbstractContextManager[Callable[[str], None]]:
        """Hold the right to drop blobs, each by its SHA-256, while nobody is `keeping` any.

        What one who was killed has left half written goes, too. All is durable when it ends.
        Raises BackendLockedError after a bounded wait, BackendUnavailableError.
        """
        ...

    def rewriting(self, session_id: str) -> AbstractContextManager[Rewriter]:
        """Hold the right to replace one session's log. Raises as `writing` does."""
        ...

    def delete(self, session_id: str, at: Mark | None = None) -> None:
        """Take a session out of the store and keep it whole in the store's bin.

        The log goes with its archives and quarantines: nothing of it is found under its id any
        more, also not by a new session of that id. With `at`, only if no line was added after that
        mark and the log was not replaced since: else BackendConflictError. Killed at any instant,
        the session is in its place or in the bin. Raises SessionNotFoundError.
        """
        ...

    def binned(self) -> list[Binned]:
        """Return what is in the bin, the last deleted first."""
        ...

    def read_binned(self, name: str) -> Iterator[Block]:
        """Read a log in the bin from its start, as `read` does. Raises SessionNotFoundError."""
        ...

    def restore(self, name: str) -> None:
        """Bring a session back from the bin as it was, archives and quarantines included.

        Killed at any instant, it is in the bin or in its place. Raises SessionExistsError where a
        session has its id now, which is not touched; SessionNotFoundError.
        """
        ...

    def purge_binned(self, name: str, first: Callable[[], None] = nothing) -> None:
        """Remove one deletion from the bin for good. `first` is as in purge().

        Raises SessionNotFoundError.
        """
        ...

    def purge(self, session_id: str, first: Callable[[], None] = nothing) -> None:
        """Remove all that there is of a session for good: also what is in the bin under its id.

        `first` is called once nothing can refuse that any more, and before anything is removed.

        The log goes last: killed before that, the session is still there, and purging it again
        goes on. Raises SessionNotFoundError if there is nothing.
        """
        ...

    def close(self) -> None:
        """Let go of everything that is held open."""
        ...
