"""Which idempotency keys a session has seen, and the event each was first recorded with."""

from eventlog.projection import Projection
from eventlog.record import RecordedEvent


def _apply(keys: dict[str, int], event: RecordedEvent) -> dict[str, int]:
    if "key" in event:
        keys.setdefault(event["key"], event["seq"])
    return keys


KEYS: Projection[dict[str, int]] = Projection("keys", 1, dict, _apply)
