"""A store: the sessions in one place, by id. What an application opens first.

It knows how sessions are named, begun, listed and found; what is inside one is session.py's.
"""

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from eventlog import codec
from eventlog.backend import START, Backend
from eventlog.backends import open_backend
from eventlog.chain import Chain, Health
from eventlog.errors import (
    AmbiguousSessionIdError,
    EventLogError,
    InvalidSessionIdError,
    SessionExistsError,
    SessionNotFoundError,
    WrongExpectedVersionError,
)
from eventlog.projection import fold
from eventlog.projections.summary import SUMMARY, Summary
from eventlog.reading import feed
from eventlog.record import FORMAT
from eventlog.session import Session
from eventlog.version import __version__

DEFAULT_PLACE = "./data/sessions"
Progress = Callable[[int], None]
"""Called with the number of bytes read or written since the last call."""

SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session in a list. `problem` says why it could not be read; its title is then "?"."""

    id: str
    summary: Summary
    health: Health
    problem: str | None = None


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

    def list(self) -> list[SessionRow]:
        """Return a row for each session, the last used first. Damage hides none."""
        return sorted(self.rows(), key=lambda row: (row.summary.updated, row.id), reverse=True)

    def rows(self) -> Iterator[SessionRow]:
        """Give a row for each session as it is read, in the order of their ids."""
        for session_id in self.ids():
            try:
                yield self._row(session_id)
            except SessionNotFoundError:
                continue  # deleted since the folder was read
            except EventLogError as error:
                yield SessionRow(session_id, Summary(title="?"), Health(), str(error))

    def find(self, prefix: str) -> str:
        """Return the one session id that is this text or begins with it.

        Raises SessionNotFoundError, AmbiguousSessionIdError.
        """
        if SESSION_ID.fullmatch(prefix):
            ids = self.ids()
            if prefix in ids:
                return prefix
            matches = [name for name in ids if name.startswith(prefix)]
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise AmbiguousSessionIdError(prefix, matches)
        raise SessionNotFoundError(prefix)

    def delete(self, session_id: str) -> None:
        """Move a session to the store's bin.

        Raises SessionNotFoundError, InvalidSessionIdError, BackendLockedError.
        """
        self._check_id(session_id)
        self.backend.delete(session_id)

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

    def _row(self, session_id: str) -> SessionRow:
        chain, summary, rest = Chain(session_id), Summary(), b""
        for block in self.backend.read(session_id, START):
            summary = fold(SUMMARY, feed(chain, block), summary)
            rest = block.rest
        summary = fold(SUMMARY, chain.settle(), summary)
        return SessionRow(session_id, summary, chain.health(rest))

    @staticmethod
    def _check_id(session_id: str) -> None:
        if not isinstance(session_id, str) or not SESSION_ID.fullmatch(session_id):
            raise InvalidSessionIdError(session_id)


def open_store(
    where: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] = os.environ
) -> Store:
    """Open the store at a path or URL; nothing is made before the first session is.

    A path or `file://` URL names a folder of JSONL files; `memory://` keeps the logs in this
    process. Without one: EVENTLOG_STORE, else SESSION_DIR, else ./data/sessions. Raises
    BackendUnavailableError for another scheme.
    """
    return Store(open_backend(where if where is not None else default_place(environ)))


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
