"""Bring one part of the catalogue up to what the logs say now, reading only what changed.

It knows when a log must be read, and from where; what is taken from it is the part's own. Work is
done in short transactions, so that several processes may share it.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from eventlog.backend import START, Backend, Block, Mark, Stamp
from eventlog.chain import Chain
from eventlog.errors import EventLogError, SessionNotFoundError
from eventlog.health import Health
from eventlog.reading import feed, size_of
from eventlog.record import RecordedEvent

Progress = Callable[[int], None]
"""Called with the number of bytes read since the last call."""

Watch = Callable[[str, int], AbstractContextManager[Progress]]
"""Called before long work with what it is and how many bytes; gives whom to tell of them."""


def unwatched(what: str, total: int) -> AbstractContextManager[Progress]:
    """Tell nobody."""
    del what, total
    return nullcontext(lambda _: None)


TABLES = """
CREATE TABLE marks (
  part TEXT, session TEXT, size INTEGER, modified INTEGER, changed INTEGER, identity TEXT,
  young INTEGER, position INTEGER, tail BLOB, seq INTEGER, hash TEXT, resumable INTEGER,
  PRIMARY KEY (part, session)
) WITHOUT ROWID;
"""

_COARSE = 2.0  # seconds: a log this new may change once more and keep its times
_FINE = 0.1  # the same, where the file system keeps times to the microsecond
_SLICE = 1.0  # seconds of work in one transaction, after which another process has its turn
_TURN = 0.02  # seconds that it is given for that


_STRANGE = (  # what a payload raises that no check foresaw: its session alone must not be listed well
    ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError,
    sqlite3.InterfaceError, sqlite3.ProgrammingError,
)  # fmt: skip


class Intake(Protocol):
    """Takes the events of one session into a part of the catalogue."""

    def take(self, events: Sequence[RecordedEvent], block: Block | None) -> None:
        """Take events that a block completes; those that were in doubt come last, without one."""
        ...

    def end(self, health: Health, stamp: Stamp) -> None:
        """Keep what was taken: these were all."""
        ...

    def fail(self, problem: str, stamp: Stamp) -> None:
        """Keep that the session cannot be read, and why."""
        ...


class Begin(Protocol):
    """Begins to take a session into a part, or goes on where that was left."""

    def __call__(
        self, database: sqlite3.Connection, session_id: str, /, *, resumed: bool
    ) -> Intake:
        """Begin; `resumed`: what was taken before stays, and more is to come."""
        ...


class Part(NamedTuple):
    """A part of the catalogue: its name, and how a session is taken into it."""

    name: str
    begin: Begin


class _Known(NamedTuple):
    """How a log was when it was read last, and where that reading ended."""

    stamp: Stamp
    young: bool
    mark: Mark
    after: tuple[int, str]
    resumable: bool


@contextmanager
def snapshot(database: sqlite3.Connection) -> Iterator[None]:
    """Read the catalogue as it is at one moment, while other processes may change it."""
    database.execute("BEGIN")
    try:
        yield
    finally:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")


def changes_by_others(database: sqlite3.Connection) -> int:
    """Return a number that is another one after another process has changed the catalogue."""
    return int(database.execute("PRAGMA data_version").fetchone()[0])


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Change the catalogue at once or not at all, while no other process does."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # a full disk has rolled it back already
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def forget(database: sqlite3.Connection, session_id: str) -> None:
    """Forget where the readings of a session ended."""
    database.execute("DELETE FROM marks WHERE session = ?", (session_id,))


def distrust(database: sqlite3.Connection, session_id: str) -> None:
    """Have a session read anew, whatever its log's stamp says; what is kept of it stays until then."""
    database.execute("UPDATE marks SET young = 1, resumable = 0 WHERE session = ?", (session_id,))


def forget_part(database: sqlite3.Connection, name: str) -> None:
    """Forget where the readings of one part ended, so that all is read anew."""
    database.execute("DELETE FROM marks WHERE part = ?", (name,))


@dataclass(frozen=True)
class CatchUp:
    """Reads into the catalogue what changed in a backend. `now` is the time in Unix seconds."""

    database: sqlite3.Connection
    backend: Backend
    now: Callable[[], float]
    watch: Watch

    def run(self, part: Part, stamps: Mapping[str, Stamp]) -> None:
        """Bring a part up to the logs whose stamps these are."""
        todo = self._changed(part, stamps)
        if not todo:
            return
        known = {id_: _load(self.database, part.name, id_) for id_ in todo}
        left = sum(stamps[id_].size - _had(known[id_], stamps[id_]) for id_ in todo)
        with self.watch(f"reading {part.name}", left) as progress:
            work = _Work(self.database, self.backend, self.now, part, progress)
            while todo:
                end = time.monotonic() + _SLICE
                with transaction(self.database):
                    while todo and time.monotonic() < end:
                        session_id = todo.pop()
                        work.renew(session_id, stamps[session_id])
                if todo:
                    time.sleep(_TURN)

    def _changed(self, part: Part, stamps: Mapping[str, Stamp]) -> list[str]:
        """Return the sessions that are not known as they are now.

        This looks at every session at each use, so it makes no object of ours for any.
        """
        known = set(self.database.execute(
            "SELECT session, size, modified, changed, identity FROM marks "
            "WHERE part = ? AND NOT young",
            (part.name,),
        ))  # fmt: skip
        return [id_ for id_, stamp in stamps.items() if (id_, *stamp) not in known]

    def knows(self, part: Part, session_id: str, stamp: Stamp) -> bool:
        """Whether a part claims to be what a session's log says now."""
        return _fits(_load(self.database, part.name, session_id), stamp)

    def gone(self, stamps: Mapping[str, Stamp]) -> list[str]:
        """Return the sessions that the catalogue has and the backend has not, not even since."""
        found = self.database.execute("SELECT session FROM marks")
        missing = {session_id for (session_id,) in found} - stamps.keys()
        return [session_id for session_id in sorted(missing) if not self._is_there(session_id)]

    def _is_there(self, session_id: str) -> bool:
        try:
            self.backend.stat(session_id)
        except SessionNotFoundError:
            return False
        return True


@dataclass(frozen=True)
class _Work:
    """Takes one session after the other into a part."""

    database: sqlite3.Connection
    backend: Backend
    now: Callable[[], float]
    part: Part
    progress: Progress

    def renew(self, session_id: str, stamp: Stamp) -> None:
        """Read what is not known of a session, or all of it."""
        known = _load(self.database, self.part.name, session_id)
        if _fits(known, stamp):
            return  # another process was faster
        try:
            if not (_goes_on(known, stamp) and self._read(session_id, stamp, known)):
                self._read(session_id, stamp, None)
        except SessionNotFoundError:
            return  # deleted since; the next use takes it out
        except EventLogError as error:
            self._fail(session_id, stamp, str(error))
        except _STRANGE as error:
            self._fail(session_id, stamp, f"what it holds cannot be kept in a list: {error!r}")

    def _fail(self, session_id: str, stamp: Stamp, problem: str) -> None:
        """Note that a session cannot be read for now; each use tries again."""
        with suppress(SessionNotFoundError):
            self.part.begin(self.database, session_id, resumed=False).fail(problem, stamp)
            again = _Known(stamp, young=True, mark=START, after=(0, ""), resumable=False)
            self._note(session_id, again)

    def _read(self, session_id: str, stamp: Stamp, known: _Known | None) -> bool:
        """Read a log, from where it was left if it is known; say whether that could be done."""
        mark, rest = known.mark if known else START, b""
        chain = Chain(session_id, known.after) if known else Chain(session_id)
        intake = self.part.begin(self.database, session_id, resumed=known is not None)
        for block in self.backend.read(session_id, mark):
            if block.start != mark.position:
                return False  # it is another log now
            mark, rest = block.end, block.rest
            intake.take(feed(chain, block), block)
            self.progress(size_of(block))
        intake.take(chain.settle(), None)
        health = chain.health(rest)
        if known and health.where:
            return False  # only the whole tells what is wrong
        intake.end(replace(health, bytes=mark.position + len(rest)), stamp)
        fine = stamp.changed % 1_000_000
        young = abs(self.now() - stamp.changed / 1e9) < (_FINE if fine else _COARSE)
        resumable = chain.at_rest and not health.where
        self._note(session_id, _Known(stamp, young, mark, (chain.seq, chain.hash), resumable))
        return True

    def _note(self, session_id: str, known: _Known) -> None:
        stamp, young, mark, after, resumable = known
        values = (self.part.name, session_id, *stamp, young, *mark, *after, resumable)
        marks = ", ".join("?" * len(values))
        self.database.execute(f"INSERT OR REPLACE INTO marks VALUES ({marks})", values)


def _load(database: sqlite3.Connection, part: str, session_id: str) -> _Known | None:
    found = database.execute(
        "SELECT size, modified, changed, identity, young, position, tail, seq, hash, resumable "
        "FROM marks WHERE part = ? AND session = ?",
        (part, session_id),
    ).fetchone()
    if found is None:
        return None
    *stamp, young, position, tail, seq, hash_, resumable = found
    return _Known(Stamp(*stamp), young, Mark(position, tail), (seq, hash_), resumable)


def _fits(known: _Known | None, stamp: Stamp) -> bool:
    return known is not None and known.stamp == stamp and not known.young


def _goes_on(known: _Known | None, stamp: Stamp) -> bool:
    """Whether a log can be what it was, and more."""
    if known is None or not known.resumable or known.stamp.identity != stamp.identity:
        return False
    return stamp.size > known.stamp.size


def _had(known: _Known | None, stamp: Stamp) -> int:
    """Return how many bytes of a log need not be read."""
    return known.mark.position if known and _goes_on(known, stamp) else 0
