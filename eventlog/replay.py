"""Rebuild from the log what a model was sent at any call, and prove it by the digest recorded then.

Each `model.called` names the version of the session that its list was made from, the rules of the
view, and a digest of the exact list. Folding the events up to that version and viewing them by those
rules must give the same digest; if it does not, something changed. Nothing is written here.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from eventlog import codec
from eventlog.projection import Projection, fold
from eventlog.projections.messages import MESSAGES, RULES, Conversation, Message, view
from eventlog.projections.summary import SUMMARY
from eventlog.projections.tree import nodes
from eventlog.projections.usage import USAGE
from eventlog.record import RecordedEvent
from eventlog.session import Session

Verdict = Literal["proven", "differs", "unprovable"]

COMPARED: tuple[Projection[Any], ...] = (MESSAGES, USAGE, SUMMARY)
"""The projections that every way to fold a session must agree on."""


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


def calls(session: Session) -> Iterator[Call]:
    """Give every model call of a session, in order, with the request rebuilt from the log.

    It reads the log twice and holds one conversation in memory.
    """
    found: defaultdict[int, list[tuple[int, RecordedEvent]]] = defaultdict(list)
    for number, event in enumerate(_calls_of(session), start=1):
        found[event["data"]["version"]].append((number, event))
    waiting = sorted(found)
    state = MESSAGES.initial()
    for event in session.events():
        while waiting and waiting[0] < event["seq"]:
            for number, call in found[waiting.pop(0)]:
                yield _rebuild(number, call, state)
        state = fold(MESSAGES, [event], state)


def prove(session: Session) -> Proof:
    """Rebuild every request and compare it; check that every way to fold the session agrees."""
    verdicts: defaultdict[str, int] = defaultdict(int)
    difference = _disagreement(session)
    for call in calls(session):
        verdicts[call.verdict] += 1
        if call.verdict == "differs" and difference is None:
            difference = f"call {call.number} (event {call.seq}): {call.reason}"
    if difference is None and not session.health.ok:
        difference = f"the log is damaged: eventlog verify {session.id}"
    total = sum(verdicts.values())
    return Proof(total, verdicts["proven"], verdicts["unprovable"], difference)


def _calls_of(session: Session) -> Iterator[RecordedEvent]:
    return (event for event in session.events() if event["type"] == "model.called")


def _rebuild(number: int, event: RecordedEvent, state: Conversation) -> Call:
    data = event["data"]
    verdict: Verdict = "proven"
    reason = None
    messages = view(state, data.get("limit"))
    if data["rules"] != RULES:
        verdict, reason = "unprovable", f"it was made by version {data['rules']} of the rules"
    elif codec.digest(messages) != data["digest"]:
        verdict, reason = "differs", _why(data, messages)
        if any(node.message.get("erased") for node in nodes(state)):
            verdict, reason = "unprovable", "content that was sent has been erased since"
    model, parameters = data["model"], data.get("parameters", {})
    return Call(number, event["seq"], event["at"], model, parameters, messages, verdict, reason)


def _why(data: dict[str, Any], messages: list[Message]) -> str:
    if data["messages"] != len(messages):
        return f"{data['messages']} messages were sent, the log rebuilds {len(messages)}"
    return "the log rebuilds other messages than were sent"


def _disagreement(session: Session) -> str | None:
    """Compare a cold replay with folding event by event, and with what the handle remembers."""
    for projection in COMPARED:
        session.project(projection)
    warm = {projection: session.project(projection) for projection in COMPARED}
    version = warm[SUMMARY].version  # others may append meanwhile
    events = [event for event in session.events() if event["seq"] <= version]
    for projection in COMPARED:
        cold = fold(projection, events)
        stepped = projection.initial()
        for event in events:
            stepped = fold(projection, [event], stepped)
        for other, how in ((stepped, "event by event"), (warm[projection], "warm")):
            if _comparable(cold) != _comparable(other):
                return f"{projection.name} folded at once and {how} disagree"
    return None


def _comparable(state: Any) -> Any:
    return (view(state), nodes(state), state.head_seq) if isinstance(state, Conversation) else state
