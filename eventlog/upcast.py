"""Lift payloads of an older shape to today's, when they are read; the stored bytes stay.

A step takes the payload of one event type at version v to version v + 1. Nothing here reads or
writes a line.
"""

from collections.abc import Callable
from typing import Any

from eventlog.record import RecordedEvent

Step = Callable[[dict[str, Any]], dict[str, Any]]

STEPS: dict[str, list[Step]] = {}
"""For each event type the steps from version 1 on; a type that is not here is at version 1."""


NEWER = "newer."
"""Before the type of an event whose payload this version cannot read."""


def upcast(event: RecordedEvent) -> RecordedEvent:
    """Return the event in today's shape; the event itself is not changed.

    One whose payload is newer than this version knows becomes an event of a type that nothing
    knows, so that every projection still counts it and none misreads it.
    """
    steps = STEPS.get(event["type"], ())
    version = event.get("v", 1)
    if version > len(steps) + 1:
        return _with(event, type=NEWER + event["type"])
    if version == len(steps) + 1:
        return event
    data = dict(event["data"])
    for step in steps[version - 1 :]:
        data = step(data)
    return _with(event, data=data, v=len(steps) + 1)


def _with(event: RecordedEvent, **members: Any) -> RecordedEvent:
    changed = event.copy()
    changed.update(members)  # type: ignore[typeddict-item]
    return changed
