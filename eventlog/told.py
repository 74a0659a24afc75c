"""What sources told of a session as a whole, by which it is known whether one tells something new.

A source that names where its session is (the branch that a person was on) may name another place and
have no new message. So what it told is noted in the session, and it is followed when it tells another
thing than it did; but not where the session's head was moved here since, and not by a source that is
older than one that came before. How sessions are written is transfer's business.
"""

from typing import Any

from eventlog import codec
from eventlog.foreign import ForeignSession
from eventlog.record import RecordedEvent

TOLD = "x.import.told"
"""The event that notes what a source told: its name, its head, its title's hash, when it was changed last."""

Json = dict[str, Any]


def whole_of(foreign: ForeignSession, source: str) -> Json | None:
    """Return what a source tells of the whole; None if it does not name its head. Read it first."""
    if not foreign.names_head:
        return None
    told = {
        "source": source,
        "head": foreign.head(),
        "title": foreign.title and codec.digest(foreign.title),  # no words, which may be erased
        "updated": foreign.updated,
    }
    return {name: value for name, value in told.items() if value}


class Told:
    """What was told of one session, in the order of its log."""

    def __init__(self) -> None:
        self._by_source: dict[str, Json] = {}
        self._latest: Json | None = None
        self._seq = 0  # of the latest
        self._updated = ""  # the time of the source that was changed last

    def take(self, event: RecordedEvent) -> None:
        """Remember what an event notes; one that somebody else wrote may be anything."""
        data = event["data"]
        if all(isinstance(data.get(name, ""), str) for name in ("source", "head", "updated")):
            self._by_source[data.get("source", "")] = self._latest = data
            self._seq = event["seq"]
            self._updated = max(self._updated, data.get("updated", ""))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was told yet."""
        return self._latest is None

    def is_older(self, told: Json | None) -> bool:
        """Whether a source was changed last before one that was imported."""
        return told is not None and "" < told.get("updated", "") < self._updated

    def news(self, told: Json | None) -> frozenset[str]:
        """Return which of "head" and "title" a source tells otherwise than it did when it came last.

        One that never came is held against what was told last; one that is older tells nothing new.
        """
        if told is None or self.is_older(told):
            return frozenset()
        before = self._by_source.get(told["source"], self._latest)
        names = ("head", "title")
        return frozenset(n for n in names if before is None or told.get(n) != before.get(n))

    def left_at(self, head: int, seqs: dict[str, int]) -> int | None:
        """Return where imports left a session whose head is this; None where it was moved here.

        `seqs` are those of the messages that were imported, by their records' ids.
        """
        if head and head not in seqs.values():
            return None
        left = seqs.get(self._latest.get("head", "")) if self._latest else None
        if left is None or head == left or head > self._seq:
            return head if left is None else left  # beyond it, an import was killed
        return None
