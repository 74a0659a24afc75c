"""One session: append events, and see what they add up to.

A Session is a handle. What it remembers is only ever a fold of the log, brought up to date by
reading the new bytes before each answer and thrown away when in doubt; several handles, threads
and processes may use the same session at once. It knows the chain and the projections, and a
backend only by its protocol.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any, TypeVar

from eventlog import codec
from eventlog.backend import START, Backend, Block, Durability, Mark, Writer
from eventlog.chain import Chain, Health
from eventlog.drafts import are_of, blobs_of, drafts_of, seal_all, whole
from eventlog.errors import (
    AppendError,
    BackendConflictError,
    BackendUnavailableError,
    IdempotencyConflictError,
    InvalidEventError,
    LogPoisonedError,
    WrongExpectedVersionError,
)
from eventlog.opening import Opener
from eventlog.projection import Projection, fold
from eventlog.projections.keys import KEYS
from eventlog.projections.messages import MESSAGES, RULES, Message, last_messages, view
from eventlog.projections.summary import SUMMARY, Summary
from eventlog.projections.tree import branches
from eventlog.projections.usage import USAGE, Usage
from eventlog.reading import feed, follow_events, read_events
from eventlog.record import RecordedEvent
from eventlog.request import Request
from eventlog.snapshot import make, newest_messages, pays

if TYPE_CHECKING:
    from eventlog.events import Event

S = TypeVar("S")
Read = Callable[[Mark], Iterator[Block]]
Header = Callable[[], codec.Draft]


class Session:
    """A handle on one session. Made by a Store; safe to share between threads."""

    def __init__(
        self, backend: Backend, session_id: str, *, header: Header, clock: Callable[[], str]
    ) -> None:
        self.id = session_id
        self._backend = backend
        self._header = header
        self._clock = clock
        self._mutex = threading.RLock()
        self._poisoned = False
        self._states: dict[Projection[Any], Any] = {}
        self._in_doubt = False
        self._forget()
        self._states[MESSAGES] = MESSAGES.initial()
        self.opener = Opener(backend)
        """Opens what messages keep in blobs; its `lost` has those that were not at hand."""

    # Appending.

    def append(
        self,
        event: "Event | Message",
        *,
        expected_version: int | None = None,
        key: str | None = None,
        durability: Durability = "fsync",
    ) -> RecordedEvent:
        """Append one event or plain OpenAI message, and return it as recorded.

        When this returns, the event is as durable as `durability` says: "fsync", on the disk, or
        "os", safe from the death of this process but not from a power cut. When it raises an error
        of ours, nothing was appended, unless that is an AppendError whose outcome is "unknown"; an
        interrupt may come just before or just after it was, and a retry by key tells.
        `expected_version`: append only if the session is still at this version.
        `key`: an event with this key is appended once; again with the same payload, the stored one
        is returned. Members of a message that we have no name for are kept in its `extra`.
        Raises InvalidEventError, WrongExpectedVersionError, IdempotencyConflictError, AppendError,
        LogPoisonedError, SessionNotFoundError, UnsupportedFormatError, BackendLockedError,
        BackendUnavailableError.
        """
        return self.append_many(
            [event], expected_version=expected_version, key=key, durability=durability
        )[0]

    def append_many(
        self,
        events: Iterable["Event | Message"],
        *,
        expected_version: int | None = None,
        key: str | None = None,
        durability: Durability = "fsync",
    ) -> list[RecordedEvent]:
        """Append events as one batch: all or none, one write, one sync; the key is the batch's."""
        drafts = drafts_of(events, key)
        if not drafts:
            return []
        with self._mutex:
            self._remember(MESSAGES)
            return self._append(drafts, expected_version, key, durability)

    def append_drafts(
        self,
        drafts: Sequence[codec.Draft],
        *,
        expected_version: int | None = None,
        durability: Durability = "fsync",
    ) -> None:
        """Append what is encoded already, as one batch; otherwise as `append_many`.

        For writing much: nothing is folded, and the next look reads the log from its start.
        """
        with self._mutex:
            self._states = {}
            if drafts:
                self._append(drafts, expected_version, None, durability)

    def begin(self) -> None:
        """Write the session's first event, as a store does for a new one.

        Raises WrongExpectedVersionError if it has any.
        """
        self._append([], 0, None, "fsync", create=True)

    def set_title(self, title: str) -> RecordedEvent:
        """Give the session a title of 1 to 500 characters; the last one set counts."""
        from eventlog.events import TitleSet, make_event  # noqa: PLC0415

        return self.append(make_event(TitleSet, title=title))

    def move_head(self, to: int, *, reason: str | None = None) -> RecordedEvent:
        """Let the next message follow message `to`, not the last one; 0 means the beginning.

        An event, so nothing is lost: the messages after `to` stay, on a branch of their own. Raises
        InvalidEventError if event `to` is no message.
        """
        from eventlog.events import HeadMoved  # noqa: PLC0415

        with self._mutex:
            if to and self.project(MESSAGES).find(to) is None:
                raise InvalidEventError(f"event {to} of session {self.id} is no message")
            members = {"to": to} if reason is None else {"to": to, "reason": reason}
            return self.append(HeadMoved(**members))

    # What the events add up to.

    def messages(self, limit: int | None = None) -> list[Message]:
        """Return the message list to send to the model, rebuilt from the log as it is now.

        Always a valid request for an OpenAI-compatible API (projections/messages.py has the
        rules); `limit` is the most messages wanted. The dicts are the caller's own.
        """
        with self._mutex:
            if limit is not None and self._mark == START:
                newest = newest_messages(self._backend, self.id, limit, self.opener.content)
                if newest is not None:
                    return newest
            return view(self.project(MESSAGES), limit, self.opener.content)

    def snapshot(self) -> None:
        """Let whoever opens this session next read only its end, if that pays by now.

        A cache beside the log, proven when it is used; deleting it costs nothing but time.
        """
        if pays(self._backend, self.id):
            make(self._backend, self.id)

    def request(self, limit: int | None = None) -> Request:
        """Return messages(limit) together with what proves it."""
        with self._mutex:
            state = self.project(MESSAGES)
            messages = view(state, limit, self.opener.content)
            version, head = self._chain.seq, state.head_seq
        return Request(messages, version, head, limit, RULES, codec.digest(messages))

    def last_messages(self, count: int) -> list[tuple[int, Message]]:
        """Return the newest messages as they were recorded, oldest first, each with its `seq`."""
        with self._mutex:
            newest = last_messages(self.project(MESSAGES), count)
        return [(seq, self.opener.message(message)) for seq, message in newest]

    def branches(self) -> list[list[int]]:
        """Return each branch as the `seq`s of its messages, from the first to the last."""
        with self._mutex:
            return branches(self.project(MESSAGES))

    def branch(self, seq: int) -> list[Message]:
        """Return the messages of the branch that ends at message `seq`, as they were recorded.

        Raises InvalidEventError if event `seq` is no message.
        """
        with self._mutex:
            state = copy(self.project(MESSAGES))
            node = state.find(seq)
            if node is None:
                raise InvalidEventError(f"event {seq} of session {self.id} is no message")
            state.head = node
            return [self.opener.message(m) for _, m in last_messages(state, node + 1)]

    @property
    def head(self) -> int:
        """The `seq` of the message that the next one follows; 0 at the beginning."""
        with self._mutex:
            return self.project(MESSAGES).head_seq

    def project(self, projection: Projection[S]) -> S:
        """Return a projection's state at the session's end; it is folded on from call to call.

        The state is the session's: look at it, do not change it; another thread's call folds it on.
        What a message keeps in a blob is not opened for it.
        """
        with self._mutex:
            self._remember(projection)
            self._catch_up(self._read)
            state: S = self._states[projection]
            return state

    @property
    def title(self) -> str:
        """The title that was set last, or the first user message's beginning."""
        return self.summary.title

    @property
    def summary(self) -> Summary:
        """The session's row in a list."""
        with self._mutex:
            return copy(self.project(SUMMARY))

    @property
    def usage(self) -> Usage:
        """Model calls and tokens so far."""
        with self._mutex:
            return deepcopy(self.project(USAGE))

    @property
    def version(self) -> int:
        """The `seq` of the last event that this handle has seen; 0 before the first.

        It is what `expected_version` is for: it does not look for news, as messages() does.
        """
        with self._mutex:
            if self._mark == START:
                self._catch_up(self._read)
            return self._chain.seq

    @property
    def health(self) -> Health:
        """What reading the whole log found, as it is now."""
        with self._mutex:
            self._catch_up(self._read)
            return self._chain.health(self._rest)

    # The events themselves.

    def events(self, after: int = 0, *, strict: bool = False) -> Iterator[RecordedEvent]:
        """Give the recorded events with a `seq` above `after`, in order, read from the log anew.

        Damaged lines are passed over and told by `health`; with `strict` the first of them raises
        CorruptLogError. Raises SessionNotFoundError, UnsupportedFormatError.
        """
        return map(self.opener.event, read_events(self._backend, self.id, after, strict=strict))

    def recorded(self, after: int = 0) -> Iterator[RecordedEvent]:
        """Give the same events as their lines have them: what is kept in a blob stays there."""
        return read_events(self._backend, self.id, after)

    def follow(
        self, after: int = 0, *, poll: float = 0.1, timeout: float | None = None
    ) -> Iterator[RecordedEvent]:
        """Give the events after `after` and then each new one as it lands, whoever appends it.

        It looks every `poll` seconds and ends once nothing new came for `timeout` seconds; None:
        never. A log that is replaced meanwhile is taken up where it was left; one that is deleted
        raises SessionNotFoundError.
        """
        events = follow_events(self._backend, self.id, after, poll=poll, timeout=timeout)
        return map(self.opener.event, events)

    # How it stays true.

    def _read(self, after: Mark) -> Iterator[Block]:
        return self._backend.read(self.id, after)

    def _remember(self, projection: Projection[Any]) -> None:
        """Keep a projection folded from now on, which means to read the log from its start."""
        if projection not in self._states:
            self._in_doubt = True  # first: an interrupt must not leave it remembered and not folded
            self._states[projection] = projection.initial()

    def _forget(self) -> None:
        """Throw away all that is remembered; the next look reads the log from its start."""
        self._chain = Chain(self.id)
        self._mark = START
        self._rest = b""
        self._states = {projection: projection.initial() for projection in self._states}

    def _catch_up(self, read: Read) -> None:
        """Fold in what the log holds beyond what was seen.

        Cut short anywhere, memory is in doubt, and the next time begins anew.
        """
        if self._in_doubt:
            self._forget()
        self._in_doubt = True
        for block in read(self._mark):
            if block.start != self._mark.position:
                self._forget()
            self._fold(feed(self._chain, block))
            self._mark, self._rest = block.end, block.rest
        self._fold(self._chain.settle())
        self._in_doubt = False

    def _fold(self, events: Sequence[RecordedEvent]) -> None:
        if events:
            for projection, state in self._states.items():
                self._states[projection] = fold(projection, events, state)

    def _append(
        self,
        drafts: Sequence[codec.Draft],
        expected_version: int | None,
        key: str | None,
        durability: Durability,
        *,
        create: bool = False,
    ) -> list[RecordedEvent]:
        with self._mutex:
            if self._poisoned:
                raise LogPoisonedError(self.id)
            if key is not None:
                self._remember(KEYS)
            blobs = blobs_of(drafts)
            kept = self._backend.keeping(blobs) if blobs else nullcontext()
            with kept, self._backend.writing(self.id, create=create) as writer:
                while True:
                    self._catch_up(writer.read)
                    if self._rest and self._chain.after(self._rest).seq > self._chain.next.seq:
                        with suppress(BackendConflictError):
                            self._store(writer, [], durability)  # complete it, then count it
                        continue
                    stored = self._stored(key, drafts) if key is not None else None
                    if not stored:
                        self._expect(expected_version)
                    try:
                        if stored:  # by somebody who may have been killed before the sync
                            self._store(writer, [], durability)
                            return whole(stored, drafts)
                        return whole(self._put(writer, drafts, durability), drafts)
                    except BackendConflictError:
                        continue  # another writer was faster: read what it wrote, try again

    def _expect(self, expected_version: int | None) -> None:
        actual = self._chain.seq
        if expected_version is not None and expected_version != actual:
            raise WrongExpectedVersionError(self.id, expected_version, actual)

    def _put(
        self, writer: Writer, drafts: Sequence[codec.Draft], durability: Durability
    ) -> list[RecordedEvent]:
        """Seal the drafts for the place where the log ends, and store them there."""
        place = self._chain.after(self._rest) if self._rest else self._chain.next
        lines = seal_all(drafts, place, self._header, self._clock)
        events = [codec.parse(line) for line in (lines if self._states else lines[-1:])]
        asked = len(drafts) if self._states else 0
        appended = [codec.parse(line) for line in lines[len(lines) - asked :]]
        end = self._store(writer, lines, durability)
        if self._rest:
            with suppress(BackendUnavailableError):  # it is stored; the next look reads anew
                self._catch_up(writer.read)
        else:
            self._in_doubt = True
            self._fold(self._chain.extend(lines, events))
            self._mark, self._in_doubt = end, False
        return appended

    def _store(self, writer: Writer, lines: Sequence[bytes], durability: Durability) -> Mark:
        try:
            return writer.put(lines, self._mark, durability)
        except AppendError as error:
            self._poisoned = error.outcome == "unknown"
            raise

    def _stored(self, key: str, drafts: Sequence[codec.Draft]) -> list[RecordedEvent] | None:
        """Return the events stored under a key, if there are any and they are these."""
        first = self._states[KEYS].get(key)
        if first is None:
            return None
        stored = [e for e in self.recorded(first - 1) if e["seq"] < first + len(drafts)]
        if not are_of(stored, drafts):
            raise IdempotencyConflictError(self.id, key, first)
        return stored
