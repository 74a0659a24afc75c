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


def upcast(event: RecordedEvent) -> RecordedEvent | None:
    """Return the event in today's shape; None if its payload is newer than this version knows.

    The event itself is not changed.
    """
    steps = STEPS.get(event["type"], ())
    version = event.get("v", 1)
    if version > len(steps) + 1:
        return None
    if version == len(steps) + 1:
        return event
    data = dict(event["data"])
    for step in steps[version - 1 :]:
        data = step(data)
    lifted = event.copy()
    lifted["data"], lifted["v"] = data, len(steps) + 1
    return lifted
