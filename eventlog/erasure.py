"""Take content out of a log for good, on purpose, leaving its place.

What was said in an event is replaced by a mark; its seq, its time and what other events need of it
(a role, the ids of tool calls) stay, so the conversation still hangs together. The old log is not
kept, and the session's archives and quarantines, which hold the content too, are removed, and the blobs that nothing else names.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eventlog import codec
from eventlog.backend import Binned
from eventlog.blobs import refs_of
from eventlog.collecting import collect
from eventlog.descent import relatives_of
from eventlog.errors import BackendError, InvalidEventError
from eventlog.events import ContentErased, make_event
from eventlog.foreign import SOURCE_ID
from eventlog.generation import Move, Source
from eventlog.projections.messages import ERASED, blank
from eventlog.record import RecordedEvent
from eventlog.shapes import fits
from eventlog.store import Store

CANNOT_REACH = (
    "exports, backups and copies of the log",
    "the model's provider, which was sent it",
    "blocks that the file system has freed but not overwritten, and its snapshots",
    "summaries and later messages that repeat it",
    "records of an imported session that were kept raw and repeat it (events named x.…)",
    "the ids of imported records, which stay for the next import; some are a hash of what was said",
)
"""Where erased content may still be, whatever is done here."""

_TEXTS = ("text", "reasoning", "title", "reason")  # members that hold what was said


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or would be: events, the copies of the log that go, and who may keep it.

    `forks` are sessions: forks, theirs, reruns, and what the session was forked off itself, with
    what else came of that; `deletions` are such in the bin, and those of the same id. `blobs` are
    those that the events name, by their SHA-256: they go unless something else names them, too;
    `staying` are those that stayed.
    """

    session_id: str
    seqs: tuple[int, ...]
    copies: tuple[str, ...]
    forks: tuple[str, ...]
    deletions: tuple[Binned, ...]
    blobs: tuple[str, ...]
    staying: tuple[str, ...] = ()


def plan_erasure(store: Store, session_id: str, seqs: Iterable[int]) -> Erasure:
    """Say what erasing these events would take; nothing is changed.

    The checkpoints of a reply go with it. Raises SessionNotFoundError, InvalidEventError for a
    number that holds no content, BackendUnavailableError for any log that cannot be looked into.
    """
    wanted, events = set(seqs), list(store.open(session_id).recorded())
    found = {event["seq"]: event for event in events if event["seq"] in wanted}
    for seq in sorted(wanted):
        if seq not in found or not _holds_content(found[seq]):
            raise InvalidEventError(
                f"event {seq} of session {session_id} holds no content to erase"
            )
    told = [event["data"].get("call") for event in found.values()]
    replies = [call for call in told if call is not None]
    wanted |= {
        event["seq"]
        for event in events
        if event["type"] == "reply.streamed" and event["data"].get("call") in replies
    }
    copies = tuple(store.backend.copy_names(session_id))
    relatives = relatives_of(store, session_id, min(wanted, default=codec.MAX_SEQ))
    found_in = relatives.sessions, relatives.deletions
    refs = (ref.sha256 for event in found.values() for ref in refs_of(event["data"]))
    return Erasure(session_id, tuple(sorted(wanted)), copies, *found_in, tuple(dict.fromkeys(refs)))


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
    store.catalog().forget(session_id)  # its words, while the log can still say them
    with store.backend.rewriting(session_id) as rewriter:
        source = Source.of(store.backend, session_id)
        for _ in source.read():
            pass
        move = Move(session_id)
        lines = move.chained(_without_content(source, plan.seqs))
        rewriter.replace(source.generation, lines, move.check)
        rewriter.drop_copies()
    store.catalog().wipe(session_id)
    collect(store.backend)
    there = store.backend.blobs() if plan.blobs else {}
    return replace(plan, staying=tuple(name for name in plan.blobs if name in there))


def _holds_content(event: RecordedEvent) -> bool:
    return event["type"].startswith("x.") or event["type"] in (
        "message.added", "reply.streamed", "context.summarized", "title.set", "metadata.set",
    )  # fmt: skip


def _stub(event: RecordedEvent) -> dict[str, Any]:
    """Return what stays of an event's payload."""
    data = event["data"]
    if event["type"].startswith("x.") or not fits(event["type"], data):
        return {**_source_id(data), "erased": True}
    if event["type"] == "message.added":
        rest: dict[str, Any] = {
            name: data[name] for name in ("status", "call", "usage", "model") if name in data
        }
        if source_id := _source_id(data.get("extra")):
            rest["extra"] = source_id
        return {**blank(data), **rest, "erased": True}
    if event["type"] == "metadata.set":
        return {"metadata": dict.fromkeys(data["metadata"], ERASED), "erased": True}
    gone = {name: ERASED for name in _TEXTS if name in data}
    return {**data, **gone, "erased": True}


def _source_id(data: Any) -> dict[str, str]:
    """Return by what an import knows a record again: without it, the next one would bring it back."""
    source_id = data.get(SOURCE_ID) if isinstance(data, dict) else None
    return {SOURCE_ID: source_id} if isinstance(source_id, str) else {}


def _without_content(source: Source, seqs: Sequence[int]) -> Iterator[bytes]:
    erased = frozenset(seqs)
    yield source.next_header("erasure")
    for line, seq in source.lines():
        if seq in erased:
            event = codec.decode(line)
            if event is None:
                raise BackendError(f"event {seq} of session {source.session_id} was changed")
            yield codec.with_data(event, _stub(event))
        elif seq > 1:
            yield line
