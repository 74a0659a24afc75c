"""Take content out of a log for good, on purpose, leaving its place.

What was said in an event is replaced by a mark; its seq, its time and what other events need of it
(a role, the ids of tool calls) stay, so the conversation still hangs together. The old log is not
kept, and the session's archives and quarantines, which hold the content too, are removed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eventlog import codec
from eventlog.backend import START, Backend
from eventlog.chain import Chain
from eventlog.errors import EventLogError, InvalidEventError
from eventlog.events import ContentErased, make_event
from eventlog.generation import Proof, next_header, rechain, taken_lines
from eventlog.mending import Taken
from eventlog.projections.messages import ERASED, blank
from eventlog.reading import feed
from eventlog.record import RecordedEvent
from eventlog.store import Store

CANNOT_REACH = (
    "exports, backups and copies of the log",
    "the model's provider, which was sent it",
    "blocks that the file system has freed but not overwritten, and its snapshots",
    "summaries and later messages that repeat it",
)
"""Where erased content may still be, whatever is done here."""

_TEXTS = ("text", "reasoning", "title", "reason")  # members that hold what was said


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or would be: events, the copies of the log that go, forks that keep it."""

    session_id: str
    seqs: tuple[int, ...]
    copies: tuple[str, ...]
    forks: tuple[str, ...]


def plan_erasure(store: Store, session_id: str, seqs: Iterable[int]) -> Erasure:
    """Say what erasing these events would take; nothing is changed.

    The checkpoints of a reply go with it. Raises SessionNotFoundError, InvalidEventError for a
    number that holds no content.
    """
    wanted, events = set(seqs), list(store.open(session_id).events())
    found = {event["seq"]: event for event in events if event["seq"] in wanted}
    for seq in sorted(wanted):
        if seq not in found or not _holds_content(found[seq]):
            raise InvalidEventError(
                f"event {seq} of session {session_id} holds no content to erase"
            )
    replies = {event["data"].get("call") for event in found.values()} - {None}
    wanted |= {
        e["seq"] for e in events if e["type"] == "reply.streamed" and e["data"]["call"] in replies
    }
    copies = tuple(store.backend.copy_names(session_id))
    return Erasure(session_id, tuple(sorted(wanted)), copies, tuple(_forks(store, session_id)))


def erase(
    store: Store, session_id: str, seqs: Iterable[int], *, reason: str | None = None
) -> Erasure:
    """Erase the content of these events for good; return what was done.

    It begins with a `content.erased` event, after which no view shows the content; killed before
    the end, the same call again completes it. Raises as `plan_erasure` does, and EventLogError for
    a damaged log: repair it first.
    """
    plan = plan_erasure(store, session_id, seqs)
    told: dict[str, Any] = {"seqs": list(plan.seqs)} | ({"reason": reason} if reason else {})
    store.open(session_id).append(make_event(ContentErased, **told))
    with store.backend.rewriting(session_id) as rewriter:
        header, last, taken, size = _read(store.backend, session_id)
        origin = {
            "generation": header["data"].get("generation", 0),
            "version": last["seq"],
            "hash": last["hash"],
            "bytes": size,
            "by": "erasure",
        }
        proof = Proof(session_id)
        kept = _without_content(taken_lines(store.backend, session_id, taken), plan.seqs)
        lines = _with_header(session_id, header, origin, kept)
        rewriter.replace(origin["generation"], proof.note(lines), proof.check_all)
        rewriter.drop_copies()
    return plan


def _holds_content(event: RecordedEvent) -> bool:
    return event["type"].startswith("x.") or event["type"] in (
        "message.added", "reply.streamed", "context.summarized", "title.set", "metadata.set",
    )  # fmt: skip


def _stub(event: RecordedEvent) -> dict[str, Any]:
    """Return what stays of an event's payload."""
    data = event["data"]
    if event["type"] == "message.added":
        rest: dict[str, Any] = {
            name: data[name] for name in ("status", "call", "usage", "model") if name in data
        }
        return {**blank(data), **rest, "erased": True}
    if event["type"] == "metadata.set":
        return {"metadata": dict.fromkeys(data["metadata"], ERASED), "erased": True}
    if event["type"].startswith("x."):
        return {"erased": True}
    gone = {name: ERASED for name in _TEXTS if name in data}
    return {**data, **gone, "erased": True}


def _without_content(lines: Iterable[tuple[bytes, int]], seqs: Sequence[int]) -> Iterator[bytes]:
    erased = frozenset(seqs)
    for line, seq in lines:
        if seq in erased:
            event = codec.parse(line)
            yield codec.with_data(event, _stub(event))
        elif seq > 1:
            yield line


def _with_header(
    session_id: str, header: RecordedEvent, origin: dict[str, Any], lines: Iterable[bytes]
) -> Iterator[bytes]:
    first, prev = next_header(session_id, header, origin)
    yield first
    yield from (line for line, _ in rechain(lines, prev))


def _read(backend: Backend, session_id: str) -> tuple[RecordedEvent, RecordedEvent, Taken, int]:
    """Return the first and the last event of a healthy log, which are taken, and its size."""
    chain, taken, rest = Chain(session_id), Taken(), b""
    first: RecordedEvent | None = None
    last: RecordedEvent | None = None
    for block in backend.read(session_id, START):
        events = feed(chain, block)
        taken.add(events)
        if events:
            first, last = first or events[0], events[-1]
        rest = block.rest
    health = chain.health(rest)
    if first is None or last is None or first["seq"] != 1 or not health.ok:
        raise EventLogError(f"session {session_id} is damaged: eventlog repair {session_id}, first")
    return first, last, taken, health.bytes


def _forks(store: Store, session_id: str) -> Iterator[str]:
    """Give the sessions of this store that were forked off this one: they hold the past, too."""
    for other in store.ids():
        header = next(iter(store.open(other).events()), None)
        origin = header["data"].get("origin") if header else None
        if isinstance(origin, dict) and origin.get("session") == session_id:
            yield other
