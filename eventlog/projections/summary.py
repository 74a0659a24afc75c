"""One row about a session: its title, its size, when it was begun and last used. A pure fold."""

from dataclasses import dataclass
from typing import Any

from eventlog.projection import Projection
from eventlog.record import RecordedEvent

NEW_SESSION = "New Session"
TITLE_LENGTH = 60
_LOOKED_AT = 4096

_NO_USE = frozenset(("title.set", "metadata.set", "head.moved", "content.erased"))


@dataclass(slots=True)
class Summary:
    """What the session list shows.

    `created` is the time of the first event, `updated` that of the last use (`is_use`), as recorded;
    `messages` counts every message of the log, on all branches; `version` is the last `seq`.
    The title was set by an event (`titled`), or a user's message gave it (`named`), or it is neither's.
    """

    title: str = NEW_SESSION
    created: str = ""
    updated: str = ""
    messages: int = 0
    version: int = 0
    model: str | None = None
    titled: bool = False
    named: bool = False


def _apply(row: Summary, event: RecordedEvent) -> Summary:
    row.version = event["seq"]
    if is_use(event) or not row.updated:
        row.updated = event["at"]
    kind, data = event["type"], event["data"]
    if kind == "message.added":
        row.messages += 1
        if not (row.titled or row.named) and data["role"] == "user":
            line = first_line(data.get("content"))
            row.title, row.named = line or NEW_SESSION, bool(line)
    elif kind == "model.called":
        row.model = data["model"]
    elif kind == "title.set":
        row.title, row.titled, row.named = data["title"], True, False
    if not row.created:
        row.created = event["at"]
    return row


def is_use(event: RecordedEvent) -> bool:
    """Whether an event is a use of its session: it was begun, something was said, a model called.

    A title, tags, a pin, a move of the head and an erasure are none. What an application records
    under a name of its own is.
    """
    return event["type"] not in _NO_USE


def first_line(content: Any) -> str:
    """Make a title of a message's content: its text on one line, 60 characters and "..."."""
    if isinstance(content, list):
        content = " ".join(p["text"] for p in content if isinstance(p.get("text"), str))
    line = " ".join((content or "")[:_LOOKED_AT].split())
    return line if len(line) <= TITLE_LENGTH else line[:TITLE_LENGTH] + "..."


SUMMARY: Projection[Summary] = Projection("summary", 2, Summary, _apply)
