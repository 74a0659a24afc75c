"""What another program's file tells, before it is events: plain values that every format gives.

A format reads its records into these, in the order in which they were said; transfer.py writes them
into a session. Nothing here knows a file or a store.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from eventlog.record import RecordedEvent

SOURCE_ID = "source_id"
"""The member of a message's `extra`, or of an `x.` event's data, that holds its record's own id."""

_MILLISECONDS = 1e11  # as seconds: the year 5138; as milliseconds: 1973


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a foreign record tells: the payload of an event, `message.added` by default.

    `id` is the record's own, or made of its place: the same at each reading, so that nothing is
    imported twice. `at` is its time (UTC, as lines have it), where it has one. `parent` is the
    `id` of what it follows: "" for the beginning, None for what was said before it; an id that is
    not a message's, or unknown, counts as None. `record` is the `id` of the record that was kept as
    it was just before, and that tells this too: both are new, or neither. What we have no name for stands in the message's
    `extra`, under the format's name.
    """

    id: str
    data: dict[str, Any]
    type: str = "message.added"
    at: str | None = None
    parent: str | None = None
    record: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignSession:
    """One conversation in a foreign file, its records read as they are asked for.

    `id` is its own in its format; `origin` that of the one it was forked off; `head` the `id` of
    the message that comes last in it, where that is not the last one said; `names_head` that the
    file itself names it, so that it may be another one though nothing new was said, and `updated`
    when such a file was changed last. `metadata` is what else
    the file tells of it, by name. `inherits` is there where the file begins only behind what it
    shares with its origin: it tells of an event of that one's session whether it is shared, and
    those before the first that is not are the past of this one.
    """

    format: str
    id: str
    said: Iterator[Said]
    title: str | None = None
    created: str | None = None
    origin: str | None = None
    head: Callable[[], str | None] = lambda: None
    metadata: dict[str, Any] = field(default_factory=dict)
    inherits: Callable[[RecordedEvent], bool] | None = None
    names_head: bool = False
    updated: str | None = None


@dataclass(slots=True)
class Losses:
    """What became of a source's records: counted as it is read.

    `mapped` became messages or what we have a name for, `raw` is kept as it was in events of its
    own, `left` is said elsewhere in the source (a copy, a progress note that a result repeats).
    `unreadable` lists the place and length in bytes of what is no record.
    """

    read: int = 0
    mapped: int = 0
    raw: int = 0
    left: int = 0
    unreadable: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Telling:
    """What a session of ours has to tell: one branch of it, to be written in another format.

    `events` are the recorded events in order, of messages only those on the branch, each with its
    time; what was kept raw from another format is among them, under `x.`. `whole` are those of all
    branches, for a format that has such; empty where one branch was asked for. What a format cannot
    hold, its writer says in `notes`, as it goes: sentences for a person.
    """

    id: str
    title: str
    created: str
    events: list[RecordedEvent]
    metadata: dict[str, Any]
    whole: list[RecordedEvent] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def messages(self) -> Iterator[RecordedEvent]:
        """The messages, in order."""
        return (event for event in self.events if event["type"] == "message.added")

    @property
    def origin(self) -> dict[str, Any] | None:
        """What `session.imported` tells of where it came from; None if it was said here."""
        found = (e["data"] for e in self.events if e["type"] == "session.imported")
        return next(found, None)


def walk_tree(parents: Mapping[str, str | None]) -> Iterator[tuple[str, str | None]]:
    """Give each node of a tree once with its parent, branch by branch, each after what it follows.

    `parents` has the nodes in their order, each with its parent, None (or one that is no node) for
    the beginning. Where they form a ring, it is cut somewhere.
    """
    children: dict[str, list[str]] = {}
    for node, parent in parents.items():
        if parent in parents and parent is not None:
            children.setdefault(parent, []).append(node)
    roots = [node for node, parent in parents.items() if parent is None or parent not in parents]
    seen: set[str] = set()
    for start in (*roots, *parents):
        waiting: list[tuple[str, str | None]] = [(start, None)]
        while waiting:
            node, above = waiting.pop()
            if node not in seen:
                seen.add(node)
                yield node, above
                waiting.extend((child, node) for child in reversed(children.get(node, ())))


def as_recorded(moment: object) -> str | None:
    """Return a moment as lines have it: "2026-11-22T10:00:00.123456Z"; None where it is none.

    It may be ISO 8601 text, without an offset in UTC, or seconds or milliseconds since 1970, as a
    number or as text.
    """
    try:
        if isinstance(moment, str):
            return _from_text(moment.strip())
        if isinstance(moment, int | float) and not isinstance(moment, bool):
            return _from_number(moment)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _from_text(text: str) -> str:
    if text.replace(".", "", 1).isdecimal():
        return _from_number(float(text))
    moment = datetime.fromisoformat(text)
    return _written(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _from_number(number: float) -> str:
    seconds = number / 1000 if abs(number) >= _MILLISECONDS else number
    return _written(datetime.fromtimestamp(seconds, UTC))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def as_text(value: object) -> str | None:
    """Return a text that says something; None for anything else, as for a member that is missing."""
    return value if isinstance(value, str) and value.strip() else None


def as_dict(value: object) -> dict[str, Any]:
    """Return an object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """Return an array; an empty one for anything else."""
    return value if isinstance(value, list) else []
