"""Verbs for tests of rewritten logs: fill a session with any facts, and see all that it shows."""

from collections.abc import Sequence
from typing import Any

from eventlog import codec
from eventlog.backend import START
from eventlog.events import ModelCalled
from eventlog.projections.keys import KEYS
from eventlog.projections.messages import MESSAGES, view
from eventlog.projections.metadata import METADATA
from eventlog.projections.summary import SUMMARY
from eventlog.projections.tree import branches, nodes
from eventlog.projections.usage import USAGE
from eventlog.record import RecordedEvent
from eventlog.replay import calls
from eventlog.request import Request
from eventlog.session import Session
from eventlog.store import Store
from tests.projections.building import Fact, assistant, streamed, user


def titled(title: str) -> Fact:
    return "title.set", {"title": title}


def noted(**metadata: Any) -> Fact:
    return "metadata.set", {"metadata": metadata}


def put(session: Session, *facts: Fact, key: str | None = None) -> list[RecordedEvent]:
    """Append facts one by one, or as one batch under a key; nothing checks what they say."""
    drafts = [codec.encode(kind, data) for kind, data in facts]
    if key is None:
        return [session._append([draft], None, None, "os")[0] for draft in drafts]
    drafts[0] = codec.encode(*facts[0], key=key)
    return session._append(drafts, None, key, "os")


def put_batch(session: Session, *facts: Fact) -> list[RecordedEvent]:
    """Append facts as one batch."""
    return session._append([codec.encode(*fact) for fact in facts], None, None, "os")


def call_model(session: Session, request: Request | None = None) -> int:
    """Record a call with the list as it is, or was; return its `seq`."""
    sent = request or session.request()
    event = ModelCalled(
        model="m",
        provider="compatible",
        version=sent.version,
        head=sent.head,
        limit=sent.limit,
        rules=sent.rules,
        messages=len(sent.messages),
        digest=sent.digest,
    )
    return session.append(event, durability="os")["seq"]


def take_turns(session: Session, count: int = 3) -> None:
    """Talk as the chat does: a question, the call, two checkpoints, the reply and a new title."""
    for number in range(count):
        put(session, user(f"question {number}"))
        call = call_model(session)
        put(session, streamed(call, "ans"), streamed(call, "wer"))
        put(session, assistant("answer", call=call, usage={"prompt_tokens": 5}))
        put(session, titled(f"title {number}"))


def lines_in(store: Store, session_id: str = "s") -> list[bytes]:
    """Return the lines of a log as they are stored."""
    return [line for block in store.backend.read(session_id, START) for line in block.lines]


def events_in(store: Store, session_id: str = "s") -> list[RecordedEvent]:
    return list(store.open(session_id).events(strict=True))


def contents_in(store: Store, session_id: str = "s") -> dict[int, bytes]:
    """Return what each line holds but its place in the chain: `seq` -> bytes."""
    return {
        codec.parse(line)["seq"]: codec.content_of(line) for line in lines_in(store, session_id)
    }


def shown(store: Store, session_id: str = "s") -> dict[str, Any]:
    """Return all that a new handle shows of a session."""
    session = store.open(session_id)
    state = session.project(MESSAGES)
    others: list[Any] = [SUMMARY, USAGE, KEYS, METADATA]
    return {
        "views": [view(state), *(view(state, limit) for limit in range(1, 6))],
        "tree": (nodes(state), branches(state), session.head, session.last_messages(99)),
        "summaries": list(state.summaries),
        **{projection.name: session.project(projection) for projection in others},
        "health": session.health.ok,
    }


def requests(store: Store, session_id: str = "s") -> list[Any]:
    """Return every request as the log rebuilds it."""
    return [
        (call.number, call.seq, call.messages, call.verdict, call.reason)
        for call in calls(store.open(session_id))
    ]


def types_of(events: Sequence[RecordedEvent]) -> list[str]:
    return [event["type"] for event in events]
