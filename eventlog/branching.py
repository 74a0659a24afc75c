"""Fork a session: begin a new one with the same past. The original is not touched."""

from collections.abc import Iterator
from typing import Any

from eventlog import codec
from eventlog.errors import InvalidEventError
from eventlog.generation import Move, Source
from eventlog.record import RecordedEvent
from eventlog.session import Session
from eventlog.store import Store, new_header, utc_now
from eventlog.upcast import readable

_MOVES_THE_HEAD = frozenset(("message.added", "reply.streamed", "head.moved"))


def fork(
    store: Store, session_id: str, *, at: int | None = None, new_id: str | None = None
) -> Session:
    """Begin a new session with the events of another up to event `at`, by default all; return it.

    The copies keep their seq, time and raw data; a `session.forked` event after them names the
    origin, and usage counts from there. If `at` is a message, it is the head: it was the newest.
    If it is an answer that broke off, known by its first checkpoint, the fork has its whole text:
    it ends with the last checkpoint before something else was the head.
    Killed meanwhile, there is a new session with no messages, or the whole fork.
    Raises SessionNotFoundError, SessionExistsError, InvalidEventError for a number that is not
    there, and EventLogError for a damaged log: repair it first.
    """
    with store.backend.keeping({}):  # what the origin refers to stays until the fork does, too
        return _fork(store, session_id, at, new_id)


def _fork(store: Store, session_id: str, at: int | None, new_id: str | None) -> Session:
    origin = store.open(session_id)
    wanted = origin.version if at is None else at
    source = Source.of(store.backend, session_id)
    end = _End(wanted)
    for events in source.read():
        for event in events:
            end.see(event)
    if not end.version:
        raise InvalidEventError(f"session {session_id} has no event {wanted}")
    version = wanted if at is None else end.version
    session = store.create(new_id)
    move = Move(session.id)
    with store.backend.rewriting(session.id) as rewriter:
        lines = move.chained(_lines(session.id, source, version))
        begun = rewriter.replace(0, lines, move.check)
        rewriter.drop_archive(begun)
    return session


class _End:
    """Where a fork ends that is wanted at an event: there, or at the last checkpoint of an answer.

    `version` is known once every event was seen; 0: the event is not there.
    """

    def __init__(self, at: int) -> None:
        self.version = 0
        self._at = at
        self._streamed: set[int] = set()  # calls that have a checkpoint before `at`
        self._call = 0  # whose answer begins at `at`
        self._open = False  # nothing else was the head since

    def see(self, event: RecordedEvent) -> None:
        """Take the next event of the log."""
        if event["seq"] > self._at and not self._call:
            return
        event = readable(event)
        streams = event["data"]["call"] if event["type"] == "reply.streamed" else 0
        if event["seq"] < self._at:
            self._streamed.add(streams)
        elif event["seq"] == self._at:
            self.version = self._at
            self._call = 0 if streams in self._streamed else streams
            self._open = True
        elif event["type"] == "message.added" and event["data"].get("call") == self._call:
            self.version, self._call = self._at, 0  # it was whole in the end: no answer of its own
        elif streams == self._call and self._open:
            self.version = event["seq"]
        elif event["type"] in _MOVES_THE_HEAD:
            self._open = False


def _lines(session_id: str, source: Source, version: int) -> Iterator[bytes]:
    """Give the fork's lines, at any place: a header, the past, and where it comes from."""
    told: dict[str, Any] = {"session": source.session_id, "version": version}
    header = new_header(session_id, origin=told)
    yield codec.seal(header, 1, utc_now(), codec.FIRST_PREV)[0]
    yield from (line for line, seq in source.lines() if 1 < seq <= version)
    forked = codec.encode("session.forked", told)
    yield codec.seal(forked, version + 1, utc_now(), codec.FIRST_PREV)[0]
