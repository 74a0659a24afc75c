"""Every error this package raises, one tree with one root.

An error carries fields, not only prose, so that a program can act on it and a command can say
what to do next. This module imports nothing of ours and knows no file, no backend and no client.
"""

from collections.abc import Sequence
from typing import Any, Literal

Outcome = Literal["not appended", "unknown"]


class EventLogError(Exception):
    """The root of all that eventlog raises; an event's class checks its members with pydantic's own."""


class SessionNotFoundError(EventLogError):
    """No session has this id (or this prefix), `where` it was looked for."""

    def __init__(self, session_id: str, where: str = "in this store") -> None:
        super().__init__(f"no session {session_id!r} {where}")
        self.session_id = session_id


class SessionExistsError(EventLogError):
    """A session with this id is already there, and a new one was asked for."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"session {session_id!r} already exists")
        self.session_id = session_id


class InvalidSessionIdError(EventLogError):
    """The text cannot be a session id: it would not be safe as a file name."""

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"{session_id!r} is not a session id: use 1 to 128 letters, digits, '-' and '_', "
            "beginning with a letter or a digit"
        )
        self.session_id = session_id


class AmbiguousSessionIdError(EventLogError):
    """A prefix fits more than one session."""

    def __init__(self, prefix: str, matches: Sequence[str]) -> None:
        shown = ", ".join(matches[:4]) + (", …" if len(matches) > 4 else "")  # noqa: PLR2004
        super().__init__(f"{prefix!r} fits {len(matches)} sessions ({shown}): give more of the id")
        self.prefix = prefix
        self.matches = tuple(matches)


class WrongExpectedVersionError(EventLogError):
    """The session moved on since the writer looked; nothing was appended."""

    def __init__(self, session_id: str, expected: int, actual: int) -> None:
        super().__init__(
            f"session {session_id!r} is at version {actual}, not at {expected}: "
            "read what was added, then append again"
        )
        self.session_id = session_id
        self.expected = expected
        self.actual = actual


class IdempotencyConflictError(EventLogError):
    """The key was used before, for something else; nothing was appended."""

    def __init__(self, session_id: str, key: str, seq: int) -> None:
        super().__init__(
            f"key {key!r} already names event {seq} of session {session_id!r}, "
            "which holds something else"
        )
        self.session_id = session_id
        self.key = key
        self.seq = seq


class InvalidEventError(EventLogError):
    """What was asked for cannot be an event, or not of this session; no byte was written."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not possible: {reason}")
        self.reason = reason


class InvalidQueryError(EventLogError):
    """A search cannot be understood as it was written."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot search: {reason}")
        self.reason = reason


class InvalidPricesError(EventLogError):
    """A table of prices is wrong; `line` is None where it is wrong as a whole."""

    def __init__(self, source: str, line: int | None, reason: str) -> None:
        super().__init__(f"{source}{'' if line is None else f', line {line}'}: {reason}")
        self.source = source
        self.line = line
        self.reason = reason


class UnsupportedFormatError(EventLogError):
    """The log was written by a newer eventlog, with a format or a flag that this one lacks."""

    def __init__(self, session_id: str, found: object, supported: object) -> None:
        super().__init__(
            f"session {session_id!r} was written by a newer eventlog "
            f"(it needs {found}, this one reads {supported}): upgrade eventlog"
        )
        self.session_id = session_id
        self.found = found
        self.supported = supported


class CorruptLogError(EventLogError):
    """A damaged line, where the caller asked for strict reading; `path` names the log."""

    def __init__(self, path: str, line: int, offset: int, reason: str) -> None:
        super().__init__(f"{path}, line {line} (byte {offset}): {reason}")
        self.path = path
        self.line = line
        self.offset = offset
        self.reason = reason


class AppendError(EventLogError):
    """An append failed at the disk.

    `outcome` is "not appended" when the log was put back as it was, byte for byte, and "unknown"
    when even that failed: the events may or may not be there, and the handle is poisoned.
    `events` is how many the batch held.
    """

    def __init__(self, outcome: Outcome, events: int, reason: str) -> None:
        super().__init__(f"append of {events} event(s) failed ({outcome}): {reason}")
        self.outcome: Outcome = outcome
        self.events = events
        self.reason = reason


class LogPoisonedError(EventLogError):
    """An earlier append of this handle ended with an unknown outcome: open the session anew."""

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"an earlier append to session {session_id!r} ended with an unknown outcome: "
            "open the session anew and look at its last events before appending"
        )
        self.session_id = session_id


class TransferError(EventLogError):
    """Something could not be imported or exported."""

    def __init__(self, source: str, line: int | None, reason: str) -> None:
        super().__init__(f"{source}{'' if line is None else f', line {line}'}: {reason}")
        self.source = source
        self.line = line
        self.reason = reason


class ModelError(EventLogError):
    """A model call failed. No text, repr or traceback of it holds the API key.

    `retryable` says whether the same call may well succeed later; `status` is the HTTP status,
    None when there was no answer; `too_long` whether the conversation did not fit the context.
    """

    def __init__(
        self, reason: str, *, retryable: bool, status: int | None = None, too_long: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable
        self.status = status
        self.too_long = too_long


class BackendError(EventLogError):
    """The place where the logs are kept refused."""


class BackendUnavailableError(BackendError):
    """The place where the logs are kept cannot be reached or used at all."""


class BackendConflictError(BackendError):
    """Something was stored meanwhile where lines were to go: read it, then put again."""

    def __init__(self) -> None:
        super().__init__("other lines were stored at this place meanwhile")


class BackendLockedError(BackendError):
    """Another writer held the session for longer than this one was ready to wait.

    `session_id` is empty where it was not a session that was waited for but the store's blobs.
    """

    def __init__(self, session_id: str, waited: float, holder: str | None = None) -> None:
        who = f" ({holder})" if holder else ""
        what = f"append to session {session_id!r}, which another writer holds"
        if not session_id:
            what = "keep or drop blobs, which another process does"
        super().__init__(f"waited {waited:.1f} s to {what}{who}: try again when it is done")
        self.session_id = session_id
        self.waited = waited
        self.holder = holder

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.session_id, self.waited, self.holder))
