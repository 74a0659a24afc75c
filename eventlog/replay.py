"""Rebuild from the log what a model was sent at any call, and prove it by the digest recorded then.

Each `model.called` names the version of the session that its list was made from, the rules of the
view, and a digest of the exact list. Folding the events up to that version and viewing them by those
rules must give the same digest; if it does not, something changed. Nothing is written here.

A log is read as a stream, and what stays in memory is its conversation. How anything that is kept
beside a log is made, or looks, is not known here: it says itself whether it agrees (Kept).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, takewhile
from typing import Any, Literal, Protocol

from eventlog import codec
from eventlog.backend import START
from eventlog.blobs import content_of, noted, refs_of
from eventlog.chain import Chain, Health
from eventlog.opening import Opener
from eventlog.projection import Projection, fold
from eventlog.projections.messages import ERASED, MESSAGES, RULES, Conversation, Message, view
from eventlog.projections.summary import SUMMARY, Summary
from eventlog.projections.tree import nodes
from eventlog.projections.usage import USAGE, Usage
from eventlog.reading import feed
from eventlog.record import RecordedEvent
from eventlog.session import Session
from eventlog.store import Store
from eventlog.upcast import readable

Verdict = Literal["proven", "differs", "unprovable"]
States = Mapping[Projection[Any], Any]

COMPARED: tuple[Projection[Any], ...] = (MESSAGES, USAGE, SUMMARY)
"""The projections that every way to fold a session must agree on."""

_AT_ONCE = 100  # events that are folded at once, where others are folded one by one
_NOTES_TRIED = 16  # each try reads and hashes the whole list


@dataclass(frozen=True, slots=True)
class Call:
    """A model call, with the request that the log rebuilds for it.

    `verdict` is "proven" if the rebuilt list has the recorded digest, "differs" if it has another,
    and "unprovable", with the `reason`, where this version or this log cannot tell.
    """

    number: int
    seq: int
    at: str
    model: str
    parameters: dict[str, Any]
    messages: list[Message]
    verdict: Verdict
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What replaying a whole session showed: calls by verdict, and the first thing that is wrong."""

    calls: int
    proven: int
    unprovable: int
    difference: str | None

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return self.difference is None


class Kept(Protocol):
    """Something that is kept beside a log and must agree with it."""

    def see(self, event: RecordedEvent) -> None:
        """Take the next event of the log, from the first one on."""
        ...

    def difference(self, cold: States) -> str | None:
        """Say what is not as the log has it, if anything; `cold` is what all those events gave."""
        ...


class Reading:
    """The events of a session, read once and kept by nobody; `health` is about what was read."""

    def __init__(self, store: Store, session_id: str) -> None:
        self.opener = Opener(store.backend)
        self._blocks = store.backend.read(session_id, START)
        self._chain = Chain(session_id)
        self._rest = b""

    def __iter__(self) -> Iterator[RecordedEvent]:
        """Give the events in order. Raises SessionNotFoundError, UnsupportedFormatError."""
        for block in self._blocks:
            self._rest = block.rest
            yield from map(self.opener.event, feed(self._chain, block))
        yield from map(self.opener.event, self._chain.settle())

    @property
    def health(self) -> Health:
        """What was found beside the events, as far as they were read."""
        return self._chain.health(self._rest)


def calls(session: Session) -> Iterator[Call]:
    """Give every model call of a session, in order, with the request rebuilt from the log.

    It reads the log twice and holds one conversation in memory.
    """
    asked = _Asked(_calls_of(session), session.opener)
    state = MESSAGES.initial()
    for event in session.recorded():
        yield from asked.before(event["seq"], state)
        state = fold(MESSAGES, [event], state)


def find_call(session: Session, number: int) -> Call | None:
    """Rebuild the request of one model call, counted from 1; None if there were not so many.

    It reads the log up to that call, and folds no further than the call saw.
    """
    event = next(islice(_calls_of(session), number - 1, None), None)
    if event is None:
        return None
    seen = _seen(event)
    events = takewhile(lambda each: each["seq"] <= seen, session.recorded())
    return _rebuild(number, event, fold(MESSAGES, events), session.opener)


def prove(session: Session, kept: Sequence[Kept] = ()) -> Proof:
    """Rebuild every request and compare it; check that every way to fold the session agrees.

    The events are folded in runs and one by one, and both are compared with what the handle
    remembers; last, each of `kept` is asked. It reads the log twice, and holds its conversation in
    memory once: what is read is not kept where it equals what is remembered.
    """
    walk = _Walk(*_remembered(session), session.opener)
    version = walk.warm[SUMMARY].version  # others may append meanwhile
    events = takewhile(lambda event: event["seq"] <= version, session.recorded())
    while run := list(islice(events, _AT_ONCE)):
        walk.take(run)
        for each in kept:
            for event in run:
                each.see(event)
    difference = walk.difference()
    if difference is None and not session.health.ok:
        difference = f"the log is damaged: eventlog verify {session.id}"
    if difference is None:
        difference = next(filter(None, (each.difference(walk.cold) for each in kept)), None)
    counts = walk.verdicts
    return Proof(sum(counts.values()), counts["proven"], counts["unprovable"], difference)


class _Walk:
    """Folds of the same events: in runs (`cold`), one by one, and as a handle remembers them."""

    def __init__(self, warm: States, called: Iterable[RecordedEvent], opener: Opener) -> None:
        self.warm = warm
        self.cold = {projection: projection.initial() for projection in COMPARED}
        self.verdicts: defaultdict[str, int] = defaultdict(int)
        self._stepped = {projection: projection.initial() for projection in COMPARED}
        self._asked = _Asked(called, opener)
        self._differs: str | None = None

    def take(self, run: list[RecordedEvent]) -> None:
        for event in run:
            _share(event, self.warm[MESSAGES])
            for call in self._asked.before(event["seq"], self._stepped[MESSAGES]):
                self._judge(call)
            _fold_all(self._stepped, [event])
        _fold_all(self.cold, run)

    def difference(self) -> str | None:
        """Say where two folds disagree, or else which request is the first that differs."""
        for projection in COMPARED:
            for other, how in ((self._stepped, "event by event"), (self.warm, "warm")):
                if not _equal(self.cold[projection], other[projection]):
                    return f"{projection.name} folded at once and {how} disagree"
        return self._differs

    def _judge(self, call: Call) -> None:
        self.verdicts[call.verdict] += 1
        if call.verdict == "differs" and self._differs is None:
            self._differs = f"call {call.number} (event {call.seq}): {call.reason}"


class _Asked:
    """The calls of a session in the order of what they saw: each is rebuilt when a fold is there."""

    def __init__(self, called: Iterable[RecordedEvent], opener: Opener) -> None:
        self._opener = opener
        numbered = enumerate(called, start=1)
        self._waiting = sorted(
            ((_seen(event), number, event) for number, event in numbered), reverse=True
        )

    def before(self, seq: int, state: Conversation) -> Iterator[Call]:
        """Rebuild those that saw all events before `seq`, which add up to `state`, and no more."""
        while self._waiting and self._waiting[-1][0] < seq:
            _, number, event = self._waiting.pop()
            yield _rebuild(number, event, state, self._opener)


@dataclass(slots=True)
class _Beside:
    """What a proof compares beside the messages, and the calls: folded together, in one reading."""

    usage: Usage = field(default_factory=USAGE.initial)
    summary: Summary = field(default_factory=SUMMARY.initial)
    called: list[RecordedEvent] = field(default_factory=list)


def _apply(state: _Beside, event: RecordedEvent) -> _Beside:
    state.usage = USAGE.apply(state.usage, event)
    state.summary = SUMMARY.apply(state.summary, event)
    if event["type"] == "model.called":
        state.called.append(event)
    return state


_BESIDE: Projection[_Beside] = Projection("beside the messages", 1, _Beside, _apply)


def _remembered(session: Session) -> tuple[States, list[RecordedEvent]]:
    """Return what a handle remembers, brought up to date, and the calls."""
    beside, messages = session.project(_BESIDE), session.project(MESSAGES)
    return {MESSAGES: messages, USAGE: beside.usage, SUMMARY: beside.summary}, beside.called


def _share(event: RecordedEvent, remembered: Conversation) -> None:
    """Let an event hold the very message that is remembered, if it is the same to the last word."""
    node = remembered.find(event["seq"])
    message = None if node is None else remembered.nodes[node]
    if message == event["data"]:
        event["data"] = message


def _fold_all(states: dict[Projection[Any], Any], events: list[RecordedEvent]) -> None:
    for projection, state in states.items():
        states[projection] = fold(projection, events, state)


def _calls_of(session: Session) -> Iterator[RecordedEvent]:
    found = (readable(event) for event in session.recorded() if event["type"] == "model.called")
    return (event for event in found if event["type"] == "model.called")


def _seen(call: RecordedEvent) -> int:
    """Return the last event that a call can have seen: the one that it names, but none after it."""
    named: int = call["data"]["version"]
    return min(named, call["seq"] - 1)


def _rebuild(number: int, event: RecordedEvent, state: Conversation, whole: Opener) -> Call:
    """Rebuild a request; what was not at hand for it is remembered by `whole`, too."""
    data = event["data"]
    verdict: Verdict = "proven"
    reason = None
    opener = whole.anew()
    messages = view(state, data.get("limit"), opener.content)
    if data["rules"] != RULES:
        verdict, reason = "unprovable", f"it was made by version {data['rules']} of the rules"
    elif codec.digest(messages) != data["digest"]:
        verdict, reason = "differs", _why(data, messages)
        if _holds_erased(state, messages):
            verdict, reason = "unprovable", "content that was sent has been erased since"
        elif opener.lost:
            place = next(iter(opener.lost.values())).place
            verdict, reason = "unprovable", f"{place} is missing or not whole"
            whole.lost.update(opener.lost)
        elif (sent := _with_notes(data, state, opener)) is not None:
            messages, verdict, reason = sent, "proven", None
    model, parameters = data["model"], data.get("parameters", {})
    return Call(number, event["seq"], event["at"], model, parameters, messages, verdict, reason)


def _with_notes(
    data: Mapping[str, Any], state: Conversation, opener: Opener
) -> list[Message] | None:
    """Return the list with notes for blobs that were not at hand then, if that is what was sent.

    It is tried with notes for all of them, and for each alone of the first few.
    """
    names: dict[str, None] = {}

    def note_all(message: Message) -> Any:
        names.update(dict.fromkeys(ref.sha256 for ref in refs_of(message)))
        return noted(message)

    def note(name: str) -> list[Message]:
        def opened(message: Message) -> Any:
            return content_of(message, lambda ref: None if ref.sha256 == name else opener.get(ref))

        return view(state, data.get("limit"), opened)

    every = view(state, data.get("limit"), note_all)
    tries = chain([every], map(note, islice(names, _NOTES_TRIED)))
    return next((each for each in tries if codec.digest(each) == data["digest"]), None)


def _holds_erased(state: Conversation, messages: list[Message]) -> bool:
    """Whether something in a list that was rebuilt has been erased: a message, or a summary."""
    on_path = (state.nodes[number] for part in state.path() for number in part)
    erased = any(m is not None and m.get("erased") for m in on_path)
    if not (erased or any(text == ERASED for *_, text in state.summaries)):
        return False
    return any(str(message.get("content")).endswith(ERASED) for message in messages)


def _why(data: dict[str, Any], messages: list[Message]) -> str:
    if data["messages"] != len(messages):
        return f"{data['messages']} messages were sent, the log rebuilds {len(messages)}"
    return "the log rebuilds other messages than were sent"


def _equal(one: Any, other: Any) -> bool:
    """Whether two states are equal; conversations, if what they show is.

    A checkpoint that a compaction drops leaves an empty place in the one and none in the other.
    """
    if not isinstance(one, Conversation):
        return bool(one == other)
    alike = all(getattr(one, name) == getattr(other, name) for name in Conversation.__slots__)
    return alike or _shown(one) == _shown(other)


def _shown(state: Conversation) -> Any:
    return view(state), nodes(state), state.head_seq
