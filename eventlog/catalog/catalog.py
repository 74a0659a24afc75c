"""Keep the catalogue true to the logs: before each use, what changed since is read.

A log is taken to be what it was as long as its stamp (size, times, file) is. If it only grew, and
still has the hash that it had where the reading was left, that goes on from there; any other change
has it read anew. The hash proves that place, not the bytes before it: if those are changed and the
log has grown as well, only reading all of it tells, as `verify` does, which then asks for `reread`.
Where the file cannot be used (a read-only disk, another process that will not let go), the same is
done in memory for this one time: slower, and as true.
"""

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from eventlog import codec
from eventlog.backend import Backend, Mark, Stamp
from eventlog.blobs import Ref
from eventlog.errors import (
    BackendError,
    BackendUnavailableError,
    EventLogError,
    InvalidQueryError,
)
from eventlog.opening import Opener
from eventlog.reading import read_events
from eventlog.record import RecordedEvent

from . import database, outputs, rows, spending, texts
from .check import disagreement
from .intake import (  # fmt: skip
    CatchUp,
    Part,
    Watch,
    changes_by_others,
    distrust,
    forget,
    forget_part,
    snapshot,
    transaction,
    unwatched,
)
from .rows import Listing, RowIntake, Sort, Wanted
from .spending import Activity
from .texts import Hit, TextIntake
from .words import Query, parse_query

T = TypeVar("T")
Question = Callable[[sqlite3.Connection], T]

_OUT_OF_REACH = frozenset((
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM,
))  # fmt: skip
_STRANGE = (ValueError, TypeError, LookupError, ArithmeticError)  # of values that we never kept

_TRIES = 5  # at an answer that nobody else's change comes in between of
_FEW = 100  # texts that are read one by one, not with the whole log

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?", re.ASCII)

_ROWS = Part("rows", RowIntake)


class Catalog:
    """The sessions of one backend, listed and searched. Safe for several threads and processes.

    `now` gives the time in Unix seconds, to tell how new a log is; `patience` is how long another
    process is waited for, in seconds; `watch` is told of long work. What lies among the logs under
    a name for which `is_id` gives nothing is no session.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        now: Callable[[], float] = time.time,
        patience: float = database.PATIENCE,
        watch: Watch = unwatched,
        is_id: Callable[[str], object] = bool,
    ) -> None:
        self._backend = backend
        self._now = now
        self._patience = patience
        self._watch = watch
        self._is_id = is_id
        self._opener = Opener(backend)
        intake = partial(TextIntake, texts_of=self._texts_of, opener=self._opener)
        self._texts = Part("texts", intake)

    def sessions(
        self, wanted: Wanted, *, sort: Sort = "updated", limit: int | None = None
    ) -> Listing:
        """Return the sessions that are wanted, in order, true as of this call."""
        return self._ask(
            [_ROWS],
            lambda data: Listing(
                rows.select(data, wanted, sort, limit), rows.count(data, wanted), rows.ill(data)
            ),
        )

    def activity(self, wanted: Wanted) -> list[Activity]:
        """Return when the sessions that are wanted were used, and what they used then."""
        return self._ask([_ROWS], lambda data: list(spending.select(data, wanted.where())))

    def search(
        self,
        query: str | Query,
        wanted: Wanted,
        *,
        newest: bool = False,
        limit: int = 20,
    ) -> list[Hit]:
        """Return where a query is found, best first or newest first, true as of this call.

        parse_query has the grammar. `wanted` narrows as the filters in the query do; its times are
        those of the hits. Raises InvalidQueryError.
        """
        parsed = parse_query(query) if isinstance(query, str) else query
        where = _where(parsed, wanted)
        return self._ask(
            [_ROWS, self._texts],
            lambda data: texts.find(data, parsed, where, newest=newest, limit=limit),
        )

    def refresh(self) -> None:
        """Bring all up to date, so that the next use need not."""
        self._ask([_ROWS, self._texts], lambda _: None)

    @property
    def lost(self) -> Sequence[Ref]:
        """What was asked for so far and is kept in blobs that are not at hand, or not whole."""
        return tuple(self._opener.lost.values())

    def event_of(self, hit: Hit) -> RecordedEvent | None:
        """Read a hit's event from its log, with what it says; None if it is not there any more.

        A tool's output is there also if it is kept in a blob, or else a note that it is not at hand.
        """
        try:
            event = self._event_at(hit.session_id, hit.seq, hit.offset) or next(
                (e for e in read_events(self._backend, hit.session_id) if e["seq"] == hit.seq), None
            )
        except EventLogError:
            return None
        if event is None or event["type"] != "message.added":
            return event
        return {**event, "data": self._opener.said(event["data"])}

    def disagreement(self, session_id: str) -> str | None:
        """Say what is kept of a session that its log does not say; None where there is nothing.

        Only what claims to be up to date is held against the log, which is read for that.
        """
        folder, stamp = self._backend.shelf(), self._stamps().get(session_id)
        if folder is None or stamp is None or not (folder / database.NAME).exists():
            return None
        try:
            with database.opened(folder, patience=self._patience) as kept:
                catch_up = CatchUp(kept, self._backend, self._now, unwatched)
                return disagreement(catch_up, (_ROWS, self._texts), session_id, stamp)
        except (sqlite3.Error, OSError, *_STRANGE) as error:
            return f"the catalogue is damaged: {error}" if _is_damage(error) else None

    def forget(self, session_id: str) -> None:
        """Take a session and its words out, while its log can still be read.

        To be called before content is taken out of a store; what is left there comes back with the
        next use. It is then found no more; `wipe` lets nothing of it remain in the file either.
        """

        def drop(data: sqlite3.Connection) -> None:
            with transaction(data):
                self._drop(data, session_id)

        self._change(drop)

    def reread(self, session_id: str) -> None:
        """Have a session read anew, from its first byte, by the next use. Raises BackendError."""

        def doubt(data: sqlite3.Connection) -> None:
            with transaction(data):
                distrust(data, session_id)

        self._change(doubt)

    def wipe(self, session_id: str | None = None) -> None:
        """Let nothing remain, in the catalogue's file, of what was taken out of it.

        Nor of sessions that are gone, and of this one as it was, should a search in between have
        taken it in again. Where words cannot be taken out, as their log was gone first, the index is
        emptied, and made anew by the next search.
        """

        def change(data: sqlite3.Connection) -> None:
            gone = CatchUp(data, self._backend, self._now, self._watch).gone(self._stamps())
            with transaction(data):
                for each in (*gone, *([session_id] if session_id else [])):
                    self._drop(data, each)
                if texts.has_leftovers(data):
                    texts.clear(data)
                    forget_part(data, self._texts.name)
            texts.wipe(data)

        self._change(change)

    # How it stays true.

    def _ask(self, parts: Sequence[Part], question: Question[T]) -> T:
        """Answer a question from the file, replaced where it is damaged, or else from memory."""
        folder = self._backend.shelf()
        for place in (folder, folder) if folder else ():
            try:
                with database.opened(place, patience=self._patience) as data:
                    return self._answer(data, parts, question)
            except (sqlite3.Error, OSError, *_STRANGE) as error:
                if not (_is_damage(error) and database.discard(place)):
                    break
        try:
            with database.opened(None) as data:
                return self._answer(data, parts, question)
        except (sqlite3.Error, OSError) as error:
            raise BackendError(f"the catalogue failed, also in memory: {error}") from error

    def _answer(self, data: sqlite3.Connection, parts: Sequence[Part], question: Question[T]) -> T:
        """Answer from one moment of the catalogue, in which it was held against the logs."""
        stamps = self._stamps()
        for last in (*[False] * (_TRIES - 1), True):
            changes = changes_by_others(data)
            self._bring_up_to_date(data, parts, stamps)
            with snapshot(data):
                if last or changes_by_others(data) == changes:
                    _expect_whole(data)
                    return question(data)
        raise AssertionError  # the last try has answered

    def _stamps(self) -> dict[str, Stamp]:
        found = self._backend.stamps()
        return {name: stamp for name, stamp in found.items() if self._is_id(name)}

    def _bring_up_to_date(
        self, data: sqlite3.Connection, parts: Sequence[Part], stamps: Mapping[str, Stamp]
    ) -> None:
        catch_up = CatchUp(data, self._backend, self._now, self._watch)
        gone = catch_up.gone(stamps)
        if gone:
            with transaction(data):
                for session_id in gone:
                    self._drop(data, session_id)
        if self._texts in parts and texts.is_due(data):
            with transaction(data):
                texts.clear(data)
                forget_part(data, self._texts.name)
        if self._texts in parts and (found := outputs.come_back(data, self._opener.get)):
            with transaction(data):
                for session_id in found:
                    distrust(data, session_id)
        for part in parts:
            catch_up.run(part, stamps)

    def _drop(self, data: sqlite3.Connection, session_id: str) -> None:
        texts.remove(data, session_id, self._texts_of)
        rows.forget(data, session_id)
        forget(data, session_id)

    def _change(self, change: Callable[[sqlite3.Connection], None]) -> None:
        """Change the file, if there is one; where that cannot be done, remove it.

        Raises BackendError if even that fails: it may then hold what should have left it.
        """
        folder = self._backend.shelf()
        if folder is None:
            return
        try:
            if (folder / database.NAME).exists():
                with database.opened(folder, patience=self._patience) as data:
                    change(data)
        except (sqlite3.Error, OSError) as error:
            if not database.discard(folder):
                if not os.access(folder, os.W_OK):
                    raise BackendUnavailableError(
                        f"the folder {folder} is read-only ({error}): nothing can be taken out of it"
                    ) from error
                raise BackendError(
                    f"{folder / database.NAME} may still hold what was to leave it ({error}): "
                    "delete that file, it is only a cache"
                ) from error

    # What was said, from the logs.

    def _texts_of(
        self, session_id: str, places: Mapping[int, int | None]
    ) -> Iterator[tuple[int, str]]:
        """Give what a session's log says at these seqs, for as many as it still does."""
        try:
            if len(places) > _FEW:
                for event in read_events(self._backend, session_id):
                    if event["seq"] in places:
                        yield event["seq"], self._text_of(event)
                return
            for seq, offset in places.items():
                if found := self._event_at(session_id, seq, offset):
                    yield seq, self._text_of(found)
        except EventLogError:
            return

    def _text_of(self, event: RecordedEvent) -> str:
        return texts.text_of(self._opener.words(event))

    def _event_at(self, session_id: str, seq: int, offset: int | None) -> RecordedEvent | None:
        """Read the event whose line begins at a place, if it does. Raises SessionNotFoundError."""
        if offset is None:
            return None
        lines = next(self._backend.read(session_id, Mark(offset))).lines
        found = codec.decode(lines[0]) if lines else None
        return found if found and found["seq"] == seq else None


class CatalogCheck:
    """Says whether what a catalogue keeps of a session agrees with its log, as a proof asks it."""

    def __init__(self, catalog: Catalog, session_id: str) -> None:
        self._catalog = catalog
        self._session_id = session_id

    def see(self, event: RecordedEvent) -> None:
        """Pass over an event: the log is read anew for this."""

    def difference(self, cold: object) -> str | None:
        """Say what is not as the log has it, if anything."""
        del cold
        return self._catalog.disagreement(self._session_id)


def _expect_whole(data: sqlite3.Connection) -> None:
    """Look whether each log that was read has its row, which a file put together from two may lack.

    Raises sqlite3.DatabaseError.
    """
    read = "SELECT count(*) FROM marks WHERE part = ?"
    found = data.execute(f"SELECT count(*) = ({read}) FROM sessions", (_ROWS.name,)).fetchone()
    if not found[0]:
        raise sqlite3.DatabaseError("the catalogue lacks sessions that it knows")


def _where(query: Query, wanted: Wanted) -> tuple[str, list[Any]]:
    """Return the condition on sessions and what was said in them, in SQL, with its values."""
    given: dict[str, list[str]] = {}
    for name, value in query.filters:
        given.setdefault(name, []).append(value)
    roles = [role.lower() for role in given.get("role", [])]
    if unknown := [role for role in roles if role not in texts.ROLES]:
        raise InvalidQueryError(f"no role {unknown[0]!r}: use one of {', '.join(texts.ROLES)}")
    sessions = replace(
        wanted,
        since=None,
        until=None,
        tags=(*wanted.tags, *given.get("tag", [])),
        models=(*wanted.models, *given.get("model", [])),
    )
    condition, values = sessions.where()
    for beginning in given.get("session", ()):
        also, more = Wanted(id=beginning).where()
        condition, values = f"{condition} AND {also}", [*values, *more]
    for moment in (*given.get("since", ()), *given.get("until", ())):
        if not _MOMENT.fullmatch(moment):
            raise InvalidQueryError(f"{moment!r} is no UTC time such as 2026-11-22T10:00")
    since, until = given.get("since", []), given.get("until", [])
    times = [("said.at >= ?", each) for each in [wanted.since or "", *since] if each]
    times += [("said.at < ?", each) for each in [wanted.until or "", *until] if each]
    for comparison, moment in times:  # without its Z, which sorts behind every digit
        condition, values = f"{condition} AND {comparison}", [*values, moment.rstrip("Z")]
    if roles:
        condition += f" AND role IN ({', '.join('?' * len(roles))})"
        values = [*values, *map(texts.ROLES.index, roles)]
    return condition, values


def _is_damage(error: Exception) -> bool:
    """Whether what failed is what the file holds, and not the way to it."""
    if isinstance(error, OSError):
        return False
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF not in _OUT_OF_REACH
