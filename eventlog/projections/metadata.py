"""What was set about a session: the last value of each name. A pure fold."""

from typing import Any

from eventlog.projection import Projection
from eventlog.record import RecordedEvent


def _apply(metadata: dict[str, Any], event: RecordedEvent) -> dict[str, Any]:
    if event["type"] == "metadata.set":
        for name, value in event["data"]["metadata"].items():
            if value is None:
                metadata.pop(name, None)
            else:
                metadata[name] = value
    return metadata


METADATA: Projection[dict[str, Any]] = Projection("metadata", 1, dict, _apply)
