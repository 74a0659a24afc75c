"""A store: the sessions in one place, by id. What an application opens first.

It knows how sessions are named, begun, listed and found; what is inside one is session.py's.
"""

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from eventlog import codec
from eventlog.backend import START, Backend, Binned, Mark
from eventlog.backends import open_backend
from eventlog.catalog import Catalog, Hit, SessionRow, Wanted, Watch, read_row, unwatched
from eventlog.collecting import Collected, release
from eventlog.errors import (
    AmbiguousSessionIdError,
    InvalidSessionIdError,
    SessionExistsError,
    SessionNotFoundError,
    WrongExpectedVersionError,
)
from eventlog.record import FORMAT
from eventlog.session import Session
from eventlog.version import __version__

DEFAULT_PLACE = "./data/sessions"
Progress = Callable[[int], None]
"""Called with the number of bytes read or written since the last call."""

SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)


ALL = Wanted()


class Store:
    """All sessions of one backend. A context manager; closing it is not needed for durability.

    `clock` gives the time as lines have it, `new_id` an id for a session that is given none.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Callable[[], str] | None = None,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        self.backend = backend
        self._clock = clock or utc_now
        self._new_id = new_id or new_session_id

    def create(self, session_id: str | None = None) -> Session:
        """Begin a new session, on disk when this returns; without an id, under a new one.

        Raises SessionExistsError, InvalidSessionIdError, AppendError, BackendUnavailableError.
        """
        session = self._session(self._new_id() if session_id is None else session_id)
        try:
            session.begin()
        except WrongExpectedVersionError:
            raise SessionExistsError(session.id) from None
        return session

    def open(self, session_id: str) -> Session:
        """Open a session that is there. Raises SessionNotFoundError, InvalidSessionIdError."""
        session = self._session(session_id)
        self.backend.stat(session_id)
        return session

    def get_or_create(self, session_id: str | None = None) -> Session:
        """Open the session with this id, or begin it; without an id, begin a new one.

        Raises what `open` and `create` do.
        """
        if session_id is None:
            return self.create()
        try:
            return self.open(session_id)
        except SessionNotFoundError:
            try:
                return self.create(session_id)
            except SessionExistsError:  # another process was faster
                return self.open(session_id)

    def ids(self) -> list[str]:
        """Return the ids of all sessions, sorted; new ones sort by the time they were made."""
        return [name for name in self.backend.ids() if SESSION_ID.fullmatch(name)]

    def catalog(self, watch: Watch = unwatched) -> Catalog:
        """Return what lists and searches the sessions, and counts what they used.

        `watch` is told of long work.
        """
        return Catalog(self.backend, watch=watch, is_id=SESSION_ID.fullmatch)

    def list(self, wanted: Wanted = ALL, *, limit: int | None = None) -> list[SessionRow]:
        """Return a row for each session that is wanted, the last used first.

        Damage hides none. True as of this call; only what changed since the last one is read.
        """
        return self.catalog().sessions(wanted, limit=limit).rows

    def search(self, query: str, wanted: Wanted = ALL, *, limit: int = 20) -> Sequence[Hit]:
        """Return where a query is found in what was said, the best first, true as of this call.

        words, "phrases", prefix*, AND, OR, NOT, role:…, session:…, model:…, tag:…. Raises
        InvalidQueryError.
        """
        return self.catalog().search(query, wanted, limit=limit)

    def rows(self) -> Iterator[SessionRow]:
        """Give a row for each session as it is read, in the order of their ids."""
        for session_id in self.ids():
            with suppress(SessionNotFoundError):  # deleted since the folder was read
                yield self.row(session_id)

    def row(self, session_id: str) -> SessionRow:
        """Return the row of one session. Raises SessionNotFoundError; damage hides none."""
        return read_row(session_id, self.backend.read(session_id, START))

    def find(self, prefix: str) -> str:
        """Return the one session id that is this text or begins with it.

        Raises SessionNotFoundError, AmbiguousSessionIdError.
        """
        return match_id(prefix, self.ids())

    def delete(self, session_id: str, at: Mark | None = None) -> None:
        """Move a session to the store's bin, with all that is kept of it.

        With `at`, only if nothing was appended after that mark: else BackendConflictError. A handle
        that is still open appends no more: SessionNotFoundError. Raises SessionNotFoundError,
        InvalidSessionIdError, BackendLockedError, BackendUnavailableError.
        """
        self._check_id(session_id)
        self.catalog().forget(session_id)
        self.backend.delete(session_id, at)

    # The bin.

    def binned(self) -> Sequence[Binned]:
        """Return what is in the bin, the last deleted first; one id may be there several times."""
        return [each for each in self.backend.binned() if SESSION_ID.fullmatch(each.session_id)]

    def binned_row(self, binned: Binned) -> SessionRow:
        """Return the row of a session in the bin. Damage hides none."""
        return read_row(binned.session_id, self.backend.read_binned(binned.name))

    def find_binned(self, text: str) -> Binned:
        """Return the last deletion of the one session that has this id or beginning, or this name.

        Raises SessionNotFoundError, AmbiguousSessionIdError.
        """
        binned = self.binned()
        named = [each for each in binned if each.name == text]
        if named:
            return named[0]
        session_id = match_id(text, sorted({each.session_id for each in binned}))
        return next(each for each in binned if each.session_id == session_id)

    def restore(self, session_id: str) -> Binned:
        """Bring back a session that was deleted; of several with this id, the last deleted.

        A deletion's name, as `binned` gives it, brings back that one. Raises SessionExistsError
        where a session has the id now, SessionNotFoundError, BackendLockedError.
        """
        for each in self.binned():
            if session_id in (each.session_id, each.name):
                self.backend.restore(each.name)
                return each
        raise SessionNotFoundError(session_id)

    def purge_binned(self, name: str) -> Collected:
        """Remove one deletion from the bin for good, with the blobs that nothing else refers to.

        Returns as `purge` does. Raises SessionNotFoundError, BackendLockedError,
        BackendUnavailableError.
        """
        released = release(
            self.backend, [name], lambda first: self.backend.purge_binned(name, first)
        )
        self.catalog().wipe()
        return released

    def purge(self, session_id: str) -> Collected:
        """Remove all that there is of a session for good, in its place and in the bin.

        The blobs that nothing else refers to go first; what is returned says which, and what could
        not be read, so that none did. Raises SessionNotFoundError, InvalidSessionIdError, BackendLockedError.
        """
        self._check_id(session_id)
        self.catalog().forget(session_id)
        deletions = [each.name for each in self.backend.binned() if each.session_id == session_id]
        holders = [session_id, *deletions]
        released = release(
            self.backend, holders, lambda first: self.backend.purge(session_id, first)
        )
        self.catalog().wipe()
        return released

    def close(self) -> None:
        """Let go of what the backend holds open."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _session(self, session_id: str) -> Session:
        self._check_id(session_id)
        return Session(
            self.backend, session_id, header=lambda: new_header(session_id), clock=self._clock
        )

    @staticmethod
    def _check_id(session_id: str) -> None:
        if not isinstance(session_id, str) or not SESSION_ID.fullmatch(session_id):
            raise InvalidSessionIdError(session_id)


def match_id(prefix: str, ids: Sequence[str]) -> str:
    """Return the one id that is this text or begins with it.

    Raises SessionNotFoundError, AmbiguousSessionIdError.
    """
    if prefix in ids:
        return prefix
    matches = [name for name in ids if name.startswith(prefix)] if prefix else []
    if not matches:
        raise SessionNotFoundError(prefix)
    if len(matches) > 1:
        raise AmbiguousSessionIdError(prefix, matches)
    return matches[0]


def open_store(
    where: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None
) -> Store:
    """Open the store at a path or URL; nothing is made before the first session is.

    A path or `file://` URL names a folder of JSONL files; `memory://` keeps the logs in this
    process. Without one: EVENTLOG_STORE, else SESSION_DIR, else ./data/sessions, of `environ` or
    else of the environment. Raises BackendUnavailableError for another scheme.
    """
    # os.environ is no default above: help() and signature() would print it, keys and all.
    place = default_place(os.environ if environ is None else environ) if where is None else where
    return Store(open_backend(place))


def default_place(environ: Mapping[str, str]) -> str:
    """Return where the store is when nobody says."""
    return environ.get("EVENTLOG_STORE") or environ.get("SESSION_DIR") or DEFAULT_PLACE


def utc_now() -> str:
    """Return the time as a line has it: UTC, RFC 3339, microseconds."""
    second, microsecond = divmod(time.time_ns() // 1000, 1_000_000)
    return f"{_to_the_second(second)}.{microsecond:06d}Z"


@lru_cache(maxsize=2)
def _to_the_second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def new_session_id() -> str:
    """Return a UUID version 7 (RFC 9562, 5.7 with 12 bits of sub-millisecond time)."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    high = milliseconds << 16 | 0x7 << 12 | fraction
    low = 0b10 << 62 | secrets.randbits(62)
    digits = f"{high:016x}{low:016x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def new_header(session_id: str, **more: Any) -> codec.Draft:
    """Return line 1 of a new log; `more` goes into its data."""
    return codec.encode(
        "session.created",
        {
            "format": FORMAT,
            "compat": [],
            "incompat": [],
            "session": session_id,
            "generation": 0,
            "salt": secrets.token_urlsafe(16),
            "writer": f"eventlog {__version__}",
            **more,
        },
    )
