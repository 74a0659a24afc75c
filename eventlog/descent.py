"""Which sessions may hold what another one holds: what came of it, and what it came of itself.

A fork begins with the past of its origin under the same numbers; a rerun says it again, and an
imported fork repeats it, each under numbers of its own. It goes by where each log says that it came
from, in its first two lines, in the store and in the bin. It reads no content, and so says "may".
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from eventlog import codec
from eventlog.backend import Binned, Block
from eventlog.errors import SessionNotFoundError
from eventlog.mending import BOM
from eventlog.record import RecordedEvent
from eventlog.store import Store

_Place = str | tuple[str, str]  # a session's id here, or a program and its own id for it
_ALL = codec.MAX_SEQ  # the version of a past that nobody gave an end
_ANY = 1  # the least number where numbers are others
_FIRST = 2  # so many events at its beginning say where a log came from


@dataclass(frozen=True, slots=True)
class Relatives:
    """The sessions of the store, and the deletions in the bin, that may hold the same content."""

    sessions: tuple[str, ...]
    deletions: tuple[Binned, ...]


@dataclass(frozen=True, slots=True)
class _Link:
    """Where a log came from, up to which event there, and whether that past kept its numbers."""

    origin: _Place
    version: int
    same_numbers: bool


@dataclass(frozen=True, slots=True)
class _Log:
    """A log, in the store or in the bin, with where it came from."""

    session_id: str
    deletion: Binned | None
    links: tuple[_Link, ...]


def relatives_of(store: Store, session_id: str, least: int) -> Relatives:
    """Return who may hold the content of a session's events from number `least` on.

    Its origins and what came of them are among them, through sessions that are deleted, too; a
    past that ended before `least` is not. So is each deletion of the same id: what it held, the one
    of that id now may hold again. Raises BackendUnavailableError for a log that cannot be read.
    """
    logs = list(_logs(store))
    held = _Spread(session_id, least).over(logs)
    return Relatives(
        tuple(log.session_id for log in held if not log.deletion and log.session_id != session_id),
        tuple(log.deletion for log in held if log.deletion),
    )


class _Spread:
    """Goes from log to log, towards origins and away from them, for as long as that finds more."""

    def __init__(self, session_id: str, least: int) -> None:
        self._least: dict[_Place, int] = {}  # the first number of what may be held, by place
        self._whole: set[_Place] = set()  # places of which every log counts
        self._held: set[_Log] = set()
        self._found_more = True
        self._reach(session_id, least)

    def over(self, logs: list[_Log]) -> list[_Log]:
        """Return the logs that it reaches, in their order."""
        while self._found_more:
            self._found_more = False
            for log in logs:
                self._look_at(log)
        return [log for log in logs if log in self._held]

    def _look_at(self, log: _Log) -> None:
        if log.session_id in self._whole:
            self._hold(log, self._least[log.session_id])
        for link in log.links:
            least = self._least.get(link.origin)
            if least is not None and least <= link.version:
                self._hold(log, least if link.same_numbers else _ANY)
        if log in self._held:
            self._look_back(log)

    def _look_back(self, log: _Log) -> None:
        """Reach the origins of a log that is held, but for one that it was reached from."""
        for link in log.links:
            least = self._least[log.session_id] if link.same_numbers else _ANY
            if least <= link.version and link.origin not in self._least:
                self._reach(link.origin, least)

    def _hold(self, log: _Log, least: int) -> None:
        self._found_more |= log not in self._held
        self._held.add(log)
        self._lower(log.session_id, least)

    def _reach(self, place: _Place, least: int) -> None:
        self._found_more |= place not in self._whole
        self._whole.add(place)
        self._lower(place, least)

    def _lower(self, place: _Place, least: int) -> None:
        if least < self._least.get(place, _ALL + 1):
            self._least[place] = least
            self._found_more = True


def _logs(store: Store) -> Iterator[_Log]:
    """Give every log that there is; one that is gone meanwhile is found in the bin, or not at all."""
    backend, ids = store.backend, store.ids()
    known = {*ids, *(each.session_id for each in store.binned())}
    for session_id in ids:
        with suppress(SessionNotFoundError):
            read = partial(backend.read, session_id)
            yield _Log(session_id, None, tuple(_links(read, known)))
    for binned in store.binned():
        with suppress(SessionNotFoundError):
            read = partial(backend.read_binned, binned.name)
            yield _Log(binned.session_id, binned, tuple(_links(read, known)))


def _links(read: Callable[[], Iterator[Block]], known: set[str]) -> list[_Link]:
    """Return where a log came from: as its first lines say, and its origin's are that one's to say.

    Where the origin is gone, or the first line was lost, all is read for what was taken over.
    """
    first = list(islice(_events(read()), _FIRST))
    if not first or first[0]["seq"] != 1:
        return list(_told_by(_events(read())))
    data = first[0]["data"]
    link = _past(data.get("origin"), same_numbers=True)
    if link is None and not _was_repaired(data):
        return list(_told_by(first))
    if link is None or link.origin not in known:
        return list(_told_by(_events(read())))
    return [link]


def _was_repaired(header: dict[str, Any]) -> bool:
    """Whether a repair made this header, perhaps in the place of one that was lost."""
    before = header.get("from")
    return isinstance(before, dict) and "by" not in before


def _told_by(events: Iterable[RecordedEvent]) -> Iterator[_Link]:
    """Give what events say of where their log came from."""
    for event in events:
        data, link = event["data"], None
        if event["type"] == "session.created":
            link = _past(data.get("origin"), same_numbers=True)
        elif event["type"] == "session.forked":  # right behind the past, where numbers were kept
            link = _past(data, same_numbers=data.get("version") == event["seq"] - 1)
        elif event["type"] == "metadata.set" and isinstance(data.get("metadata"), dict):
            link = _past(data["metadata"].get("rerun_of"), same_numbers=False)
        elif event["type"] == "session.imported":
            yield from _imported(data)
        if link is not None:
            yield link


def _past(told: Any, *, same_numbers: bool) -> _Link | None:
    """Return the link to a session that is named with a version of it; None where none is."""
    if not isinstance(told, dict):
        return None
    session_id, version = told.get("session"), told.get("version")
    if not isinstance(session_id, str) or type(version) is not int:
        return None
    return _Link(session_id, version, same_numbers)


def _imported(data: dict[str, Any]) -> Iterator[_Link]:
    """Give the links to what a session was in another program, and to what it was forked off."""
    program = data.get("format")
    for name in ("session", "origin"):
        foreign = data.get(name)
        if isinstance(program, str) and isinstance(foreign, str):
            yield _Link((program, foreign), _ALL, same_numbers=False)


def _events(blocks: Iterable[Block]) -> Iterator[RecordedEvent]:
    """Give what is intact in a log, wherever it stands; of one that a newer eventlog wrote, too."""
    for block in blocks:
        for line in (*block.lines, block.rest):
            event = codec.decode(line.removesuffix(b"\r").removeprefix(BOM))
            if event is not None:
                yield event
