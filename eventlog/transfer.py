"""Bring foreign conversations into a store, each record once, and tell our own to other programs.

Each thing said becomes an event at its own time; its record's id goes with it, so that a source that
is imported again adds only what it has more. Branches become branches. A session that was imported
says so in its first event. How a format is read and written is the formats' business.
"""

import re
from dataclasses import dataclass
from typing import Any

from eventlog import codec
from eventlog.backend import Durability
from eventlog.drafts import draft_of
from eventlog.errors import InvalidEventError, SessionExistsError, SessionNotFoundError
from eventlog.events import KINDS, Event, make_event, parse_event
from eventlog.foreign import SOURCE_ID, ForeignSession, Said, Telling
from eventlog.projection import fold
from eventlog.projections.messages import MESSAGES, Message, last_messages
from eventlog.projections.metadata import METADATA
from eventlog.projections.summary import SUMMARY
from eventlog.projections.tree import nodes
from eventlog.record import RecordedEvent
from eventlog.session import Session
from eventlog.store import SESSION_ID, Store, utc_now
from eventlog.told import TOLD, Told, whole_of

_BATCH = 200  # events that are written at once, at most
_MOST_BYTES = 8 << 20  # that wait to be written, and one event more
_RECORDS = ("message.added", "x.")  # events that a record's own id goes with
_RESOLVED = {"head.moved": "to", "context.summarized": "through"}  # members that name a record


@dataclass(slots=True)
class Imported:
    """What became of one foreign session: the session's id here, and how many events were added.

    `known` counts what was there already, `refused` what cannot be an event: its record's id, and
    why. `missing` is the id here of the session it was forked off, where its file begins only
    behind the fork and that session was not in the store: its beginning is not there either.
    `stays` says that the source is at another message now, and the session where it was put here.
    """

    session_id: str
    is_new: bool
    added: int
    known: int
    refused: list[tuple[str, str]]
    missing: str | None = None
    stays: bool = False


def import_session(store: Store, foreign: ForeignSession, source: str) -> Imported:
    """Write a foreign session into a store, or what it has more than when it was imported last.

    It is durable when this returns; killed meanwhile, the next import goes on. A message that was
    said here since stays, and the head with it. A source that names its head is followed when it
    names another one, unless the head was moved here, or the source is older than one that came
    before. A fork begins with its past if its origin is in the
    store, so import that first. Raises SessionExistsError where a session that came
    from elsewhere has the id, and what the reading of the source raises: what came before is kept.
    """
    session_id = id_of(foreign)
    times = _Clock(foreign.created)
    session = Store(store.backend, clock=times).get_or_create(session_id)
    writing = _Writing(session, times)
    writing.recall()
    if writing.origin is None and session.version > 1:
        raise SessionExistsError(session_id)
    is_new = writing.origin is None
    if is_new:
        writing.begin(foreign, source)
        writing.inherit(foreign, _origin(store, foreign))
    for said in foreign.said:
        writing.say(said)
    writing.finish(foreign, source)
    missing = None if writing.has_past else origin_id(foreign)
    counts = writing.added, writing.known, writing.refused
    return Imported(session_id, is_new, *counts, missing, writing.stays)


def plan_import(store: Store, foreign: ForeignSession) -> Imported:
    """Say what `import_session` would add; nothing is written."""
    session_id = id_of(foreign)
    known: set[str] = set()
    try:
        events = list(store.open(session_id).recorded())
    except SessionNotFoundError:
        events = []
    for event in events:
        known.add(_source_id(event) or "")
    records = (said for said in foreign.said if said.type.startswith(_RECORDS))
    ids = [said.id for said in records]
    there = sum(each in known for each in ids)
    return Imported(session_id, not events, len(ids) - there, there, [])


def id_of(foreign: ForeignSession) -> str:
    """Return the id that a foreign session has here: its format, and its own id where that fits."""
    return _own_id(foreign.format, foreign.id)


def origin_id(foreign: ForeignSession) -> str | None:
    """Return the id here of the session that holds a fork's past; None if it holds that itself."""
    if foreign.origin is None or foreign.inherits is None:
        return None
    return _own_id(foreign.format, foreign.origin)


def _own_id(format_: str, foreign_id: str) -> str:
    plain = f"{format_.replace('_', '-')}-{foreign_id}"
    if SESSION_ID.fullmatch(plain):
        return plain
    readable = re.sub(r"[^A-Za-z0-9]+", "-", foreign_id)[:40].strip("-")
    return f"{format_.replace('_', '-')}-{readable}-{codec.digest(foreign_id)}"


def _origin(store: Store, foreign: ForeignSession) -> Session | None:
    """Return the session that a fork begins with; None if there is none, or it is not here."""
    session_id = origin_id(foreign)
    try:
        return store.open(session_id) if session_id is not None else None
    except SessionNotFoundError:
        return None


class _Clock:
    """Gives the time of what was said last, for what has no time of its own."""

    def __init__(self, created: str | None) -> None:
        self.last = created

    def __call__(self) -> str:
        return self.last or utc_now()


class _Writing:
    """One session while it is written: what it has already, and what waits to be appended."""

    def __init__(self, session: Session, times: _Clock) -> None:
        self._session = session
        self._times = times
        self.origin: dict[str, Any] | None = None
        self.has_past = self.stays = False
        self.added = self.known = 0
        self.refused: list[tuple[str, str]] = []
        self._seqs: dict[str, int] = {}  # source id -> seq, of messages
        self._others: set[str] = set()  # source ids of other records; digests of what has no id
        self._erased: set[tuple[str, Any]] = set()  # facts that are not to come back
        self._waiting: list[tuple[codec.Draft, str | None]] = []
        self._bytes = 0  # that wait
        self._version = 0
        self._head = 0
        self._before = 0  # the message that was said before, in the source's order
        self._own_head: int | None = None  # where the session is since it went on here
        self._left_at = 0  # where it was left else
        self._told = Told()
        self._kept = ""  # the record that was kept as it was last, in this import

    def recall(self) -> None:
        """Read what the session has."""
        for event in self._session.recorded():
            self._version = event["seq"]
            self.has_past = self.has_past or event["type"] == "session.forked"
            if event["type"] == "message.added":
                self._times.last = max(self._times.last or "", event["at"])
            source_id = _source_id(event)
            if event["type"] == "session.imported" and self.origin is None:
                self.origin = event["data"]
            elif event["type"] == TOLD:
                self._told.take(event)
            elif source_id is not None and event["type"] == "message.added":
                self._seqs[source_id] = event["seq"]
            elif source_id is not None:
                self._others.add(source_id)
            elif event["data"].get("erased"):
                self._erased.add((event["type"], event["data"].get("through")))
            else:
                self._others.add(codec.digest([event["type"], event["data"]]))
        if self._version > 1:
            self._head = self._session.head
            left = self._told.left_at(self._head, self._seqs)
            self._own_head, self._left_at = (self._head if left is None else None), left or 0

    def say(self, said: Said) -> None:
        """Take one thing said, unless it is there."""
        if said.type != "message.added":
            self._note(said)
            return
        target = self._before if said.parent is None else self._target(said.parent)
        if said.id in self._seqs:
            self.known += 1
            self._before = self._seqs[said.id]
            return
        extra = {**(said.data.get("extra") or {}), SOURCE_ID: said.id}
        draft = self._drafted(said.id, "message.added", {**said.data, "extra": extra})
        if draft is None:
            return
        if target != self._head:
            self._add(codec.encode("head.moved", {"to": target}), said.at)
        self._add(draft, said.at)
        self._seqs[said.id] = self._head = self._before = self._version

    def begin(self, foreign: ForeignSession, source: str) -> None:
        """Say where a session that is new comes from."""
        told = {"format": foreign.format, "session": foreign.id, "source": source}
        if foreign.origin is not None:
            told["origin"] = foreign.origin
        self._once("session.imported", told)

    def inherit(self, foreign: ForeignSession, origin: Session | None) -> None:
        """Begin with what a fork shares with the session it was forked off, if that is here."""
        if origin is None or foreign.inherits is None:
            return
        seqs, shared = {0: 0}, 0  # seq there -> seq here, of messages
        for event in origin.events():
            kind, data = event["type"], event["data"]
            if not foreign.inherits(event):
                break
            shared = event["seq"]
            if kind in _RESOLVED and data[_RESOLVED[kind]] in seqs:
                data = {**data, _RESOLVED[kind]: seqs[data[_RESOLVED[kind]]]}
            elif kind != "message.added" and not kind.startswith("x."):
                continue
            self._add(draft_of(kind, data), event["at"])
            seqs[shared] = self._version
            if kind in ("message.added", "head.moved"):
                self._head = self._before = data.get("to", self._version)
        if shared:
            told = {"session": origin.id, "version": shared}
            self._add(codec.encode("session.forked", told), None)
            self.has_past = True

    def _add(self, draft: codec.Draft, at: str | None) -> None:
        """Let an event wait to be written, so that at the end there is one to be synced."""
        if len(self._waiting) >= _BATCH or self._bytes > _MOST_BYTES:
            self._write("os")
        self._join(draft, at)

    def _join(self, draft: codec.Draft, at: str | None) -> None:
        """Let an event wait in one batch with the one before: both are written, or neither."""
        self._waiting.append((draft, at))
        self._bytes += len(draft.data) + sum(map(len, (draft.blobs or {}).values()))
        self._version += 1
        self.added += 1

    def finish(self, foreign: ForeignSession, source: str) -> None:
        """Write the rest: what the file tells of the whole, and where the session is."""
        told = whole_of(foreign, source)
        news = self._told.news(told)
        if foreign.title and (told is None or self._told.is_empty):
            self._once("title.set", {"title": foreign.title[:500]})
        elif foreign.title and "title" in news:
            self._add(codec.encode("title.set", {"title": foreign.title[:500]}), None)
        if foreign.metadata and not self._told.is_older(told):
            self._once("metadata.set", {"metadata": foreign.metadata})
        head = self._seqs.get(foreign.head() or "")
        if told is not None:
            self._settle(head if "head" in news else self._left_at or None)
            self.stays = "head" in news and head not in (None, self._head)
        elif self.added:  # else two files of one session would move it to and fro, each time anew
            self._settle(head)
        if told is not None and news:
            self._add(codec.encode(TOLD, told), None)
        self._write("fsync")

    def _settle(self, head: int | None) -> None:
        """Move the head there, or to where somebody has put it here."""
        to = head if self._own_head is None else self._own_head
        if to is not None and to != self._head:
            self._add(codec.encode("head.moved", {"to": to}), None)
            self._head = to

    def _note(self, said: Said) -> None:
        """Take what is no message: a record kept as it was, or a fact that needs no id."""
        data = dict(said.data)
        if said.type in _RESOLVED:
            seq = self._seqs.get(data[_RESOLVED[said.type]])
            if seq is None:
                return
            data[_RESOLVED[said.type]] = seq
        if said.record is not None and said.record in self._others:
            if said.record == self._kept and (draft := self._drafted(said.id, said.type, data)):
                self._join(draft, said.at)
        elif not said.type.startswith("x."):
            self._once(said.type, data, said.at)
        elif said.id in self._others:
            self.known += 1
        elif draft := self._drafted(said.id, said.type, {**data, SOURCE_ID: said.id}):
            self._others.add(said.id)
            self._kept = said.id
            self._add(draft, said.at)

    def _once(self, kind: str, data: dict[str, Any], at: str | None = None) -> None:
        if not (draft := self._drafted(kind, kind, data)):
            return  # first: what cannot be an event may be nested too deep to be hashed
        told = codec.digest([kind, data])
        if told in self._others or (kind, data.get("through")) in self._erased:
            return
        self._others.add(told)
        self._add(draft, at)
        if kind == "head.moved":
            self._head = data["to"]

    def _target(self, parent: str) -> int:
        """Return the message that a record follows: that of its parent, or the one said before."""
        return self._seqs.get(parent, self._before) if parent else 0

    def _drafted(self, source_id: str, kind: str, data: dict[str, Any]) -> codec.Draft | None:
        """Encode what is to be an event; None, and told, where it cannot be one."""
        try:
            if not kind.startswith("x."):
                kind, data = parse_event(_event(kind, data))
            return draft_of(kind, data)
        except InvalidEventError as error:
            self.refused.append((source_id, error.reason))
            return None

    def _write(self, durability: Durability) -> None:
        """Append what waits, if nobody else has appended meanwhile."""
        waiting, self._waiting, self._bytes = self._waiting, [], 0
        if not waiting:
            return
        timed = []
        for draft, at in waiting:
            self._times.last = at or self._times.last
            timed.append(draft._replace(at=self._times.last))
        self._session.append_drafts(
            timed,
            expected_version=self._version - len(waiting),
            durability=durability,
        )


def _event(kind: str, data: dict[str, Any]) -> Event | Message:
    return data if kind == "message.added" else make_event(_KINDS[kind], **data)


_KINDS = {each.type: each for each in KINDS}


def _source_id(event: RecordedEvent) -> str | None:
    data = event["data"]
    if event["type"] == "message.added":
        extra = data.get("extra")
        return extra.get(SOURCE_ID) if isinstance(extra, dict) else None
    return data.get(SOURCE_ID) if event["type"].startswith("x.") else None


def tell(session: Session, *, until: int | None = None, branch: int | None = None) -> Telling:
    """Return what a session has to tell another program: one branch, by default the head's.

    `until` is the last event that counts, `branch` the message that the branch ends at. Messages
    are as they were appended; one that was erased says so, and a note stands for what a blob holds
    that is not at hand. Raises InvalidEventError where `branch`
    is no message.
    """
    state = MESSAGES.initial()
    events: list[RecordedEvent] = []
    for event in map(session.opener.told, session.recorded()):
        if until is None or event["seq"] <= until:
            state = fold(MESSAGES, [event], state)
            events.append(event)
    if branch is not None:
        node = state.find(branch)
        if node is None:
            raise InvalidEventError(f"event {branch} of session {session.id} is no message")
        state.head = node
    said = dict(last_messages(state, len(state.nodes)))
    every = {} if branch is not None else {node.seq: node.message for node in nodes(state)}
    metadata, summary = fold(METADATA, events), fold(SUMMARY, events)
    return Telling(
        session.id,
        summary.title,
        summary.created,
        _told(events, said),
        metadata,
        _told(events, every) if every else [],
    )


def _told(events: list[RecordedEvent], said: dict[int, Message]) -> list[RecordedEvent]:
    return [_as_told(event, said) for event in events if _is_told(event, said)]


def _is_told(event: RecordedEvent, said: dict[int, Message]) -> bool:
    return event["seq"] in said or event["type"] not in ("message.added", "reply.streamed")


def _as_told(event: RecordedEvent, said: dict[int, Message]) -> RecordedEvent:
    if event["seq"] not in said:
        return event
    told = event.copy()
    told["type"], told["data"] = "message.added", said[event["seq"]]
    return told
