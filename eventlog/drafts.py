"""Events on their way into a log: encoded while they can still be refused, sealed once they have a place.

What is in a line is codec.py's, and what may be an event events.py's; who appends is not known here.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from eventlog import codec
from eventlog.blobs import filled, set_aside
from eventlog.chain import Place
from eventlog.record import RecordedEvent

if TYPE_CHECKING:
    from eventlog.events import Event


def drafts_of(
    events: "Iterable[Event | dict[str, Any]]", key: str | None = None
) -> list[codec.Draft]:
    """Encode events and plain OpenAI messages; the key is the first one's.

    Raises InvalidEventError for the first that cannot be an event.
    """
    from eventlog.events import parse_event  # noqa: PLC0415

    drafts: list[codec.Draft] = []
    for event in events:
        kind, data = parse_event(event)
        drafts.append(draft_of(kind, data, None if drafts else key))
    return drafts


def draft_of(kind: str, data: dict[str, Any], key: str | None = None) -> codec.Draft:
    """Encode one payload; what is too large for a line goes into the draft's blobs.

    Raises InvalidEventError.
    """
    lean, kept = set_aside(data) if kind == "message.added" else (data, None)
    draft = codec.encode(kind, lean, key=key)
    return draft._replace(blobs=kept) if kept else draft


def blobs_of(drafts: Iterable[codec.Draft]) -> dict[str, bytes]:
    """Return all blobs of these drafts, by their SHA-256."""
    return {name: blob for draft in drafts for name, blob in (draft.blobs or {}).items()}


def whole(events: list[RecordedEvent], drafts: Iterable[codec.Draft]) -> list[RecordedEvent]:
    """Return the events recorded of drafts with what they keep in blobs in its place."""
    kept = blobs_of(drafts)
    if not kept:
        return events
    return [{**e, "data": filled(e["data"], lambda ref: kept.get(ref.sha256))} for e in events]


def seal_all(
    drafts: Sequence[codec.Draft],
    place: Place,
    header: Callable[[], codec.Draft],
    clock: Callable[[], str],
) -> list[bytes]:
    """Make the lines of one batch for a place; where that is the first, after a header's line."""
    seq, prev = place
    now, count, lines = clock(), len(drafts), []
    if seq == 1:
        line, prev = codec.seal(header(), seq, now, prev)
        lines.append(line)
        seq += 1
    for i, draft in enumerate(drafts):
        batch = (i + 1, count) if count > 1 else None
        line, prev = codec.seal(draft, seq + i, draft.at or now, prev, batch)
        lines.append(line)
    return lines


def are_of(events: Sequence[RecordedEvent], drafts: Sequence[codec.Draft]) -> bool:
    """Whether these events are what one batch of these drafts recorded."""
    count = len(drafts)
    return (
        len(events) == count
        and events[0].get("batch", [1, 1]) == [1, count]
        and all(map(codec.is_payload_of, drafts, events))
    )
