"""When a session was used, and what its model calls took then: what statistics are made of.

Counted in quarters of an hour, so that whoever asks may add them up to days of any time zone. What
counts as used is projections/usage.py's to say; what was spent before a fork is its origin's.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from eventlog import codec
from eventlog.projection import fold
from eventlog.projections.usage import USAGE, Tokens, Usage
from eventlog.record import RecordedEvent

_COUNTS = tuple(each.name for each in fields(Tokens))  # numbers; `cost`, the last, is kept as JSON

TABLES = f"""
CREATE TABLE spent (
  session INTEGER, quarter TEXT, model TEXT, {", ".join(_COUNTS)},
  PRIMARY KEY (session, quarter, model)
) WITHOUT ROWID;
CREATE TABLE active (
  session INTEGER, quarter TEXT, messages INTEGER, PRIMARY KEY (session, quarter)
) WITHOUT ROWID;
CREATE TABLE called (
  session INTEGER, seq INTEGER, model TEXT, waiting TEXT, PRIMARY KEY (session, seq)
) WITHOUT ROWID;
"""
_NAMES = ("spent", "active", "called")

_USING = frozenset((
    "message.added", "model.called", "model.failed", "context.summarized", "title.set",
    "session.forked",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Activity:
    """What one session did in one quarter of an hour (UTC, as its beginning: 2026-11-22T10:15).

    `tokens` is what calls of `model` took; `messages` how many were said, where `model` is empty.
    """

    session_id: str
    quarter: str
    model: str
    tokens: Tokens
    messages: int = 0


class Spending:
    """Counts one session's events, from its beginning or on from what was counted."""

    def __init__(self) -> None:
        self._usage = Usage()
        self._begun: dict[int, str] = {}  # calls that have not told their tokens -> when
        self._spent: dict[tuple[str, str], Tokens] = {}
        self._messages: dict[str, int] = {}

    @property
    def total(self) -> Tokens:
        """What all calls took."""
        total = Tokens()
        for tokens in self._spent.values():
            total.add(tokens)
        return total

    def load(self, database: sqlite3.Connection, key: int) -> None:
        """Go on from what is kept of a session."""
        for seq, model, waiting in database.execute(
            "SELECT seq, model, waiting FROM called WHERE session = ?", (key,)
        ):
            self._usage.calls[seq] = model
            if waiting is not None:
                self._usage.waiting.add(seq)
                self._begun[seq] = waiting
        for quarter, model, *counts in database.execute(
            f"SELECT quarter, model, {', '.join(_COUNTS)} FROM spent WHERE session = ?",
            (key,),
        ):
            self._spent[quarter, model] = _tokens(counts)
        self._messages = dict(
            database.execute(
                "SELECT quarter, messages FROM active WHERE session = ?", (key,)
            ).fetchall()
        )

    def take(self, events: Iterable[RecordedEvent]) -> None:
        """Count events."""
        for event in events:
            if event["type"] in _USING:
                self._take(event)

    def _take(self, event: RecordedEvent) -> None:
        quarter = _quarter(event["at"])
        if event["type"] == "session.forked":  # all before is the origin's
            self._spent, self._messages, self._begun = {}, {}, {}
            self._usage.waiting = set()
            return
        if event["type"] == "message.added":
            self._messages[quarter] = self._messages.get(quarter, 0) + 1
        self._usage.models = {}
        self._usage = fold(USAGE, [event], self._usage)
        if event["seq"] in self._usage.waiting:
            self._begun[event["seq"]] = quarter
        for model, tokens in self._usage.models.items():
            if tokens.untold < 0:  # told now, of a call that counts when it began
                began = self._begun.pop(event["data"]["call"])
                self._spent[began, model].untold += tokens.untold
                tokens.untold = 0
            self._spent.setdefault((quarter, model), Tokens()).add(tokens)

    def keep(self, database: sqlite3.Connection, key: int) -> None:
        """Keep what was counted."""
        forget(database, key)
        database.executemany(
            f"INSERT INTO spent VALUES (?, ?, ?{', ?' * len(_COUNTS)})",
            ((key, *where, *_counts(tokens)) for where, tokens in self._spent.items()),
        )
        database.executemany(
            "INSERT INTO active VALUES (?, ?, ?)",
            ((key, quarter, count) for quarter, count in self._messages.items()),
        )
        database.executemany(
            "INSERT INTO called VALUES (?, ?, ?, ?)",
            ((key, seq, model, self._begun.get(seq)) for seq, model in self._usage.calls.items()),
        )


def forget(database: sqlite3.Connection, key: int | None) -> None:
    """Forget what was counted of a session."""
    for name in _NAMES:
        database.execute(f"DELETE FROM {name} WHERE session = ?", (key,))


def total(database: sqlite3.Connection, key: int) -> Tokens:
    """Return what all calls of a session took."""
    sum_ = Tokens()
    for counts in database.execute(
        f"SELECT {', '.join(_COUNTS)} FROM spent WHERE session = ?",
        (key,),
    ):
        sum_.add(_tokens(counts))
    return sum_


def select(database: sqlite3.Connection, where: tuple[str, Sequence[Any]]) -> Iterator[Activity]:
    """Give the activity of the sessions that a condition selects, in no order."""
    condition, values = where
    sessions = f"JOIN sessions ON sessions.key = session WHERE {condition}"
    for id_, quarter, model, *counts in database.execute(
        f"SELECT id, quarter, spent.model, {', '.join(f'spent.{n}' for n in _COUNTS)} "
        f"FROM spent {sessions}",
        values,
    ):
        yield Activity(id_, quarter, model, _tokens(counts))
    for id_, quarter, messages in database.execute(
        f"SELECT id, quarter, active.messages FROM active {sessions}",
        values,
    ):
        yield Activity(id_, quarter, "", Tokens(), messages)


def _quarter(at: str) -> str:
    minute = at[14:16]
    return f"{at[:14]}{int(minute) // 15 * 15:02d}" if minute.isdecimal() else at[:16]


def _counts(tokens: Tokens) -> list[Any]:
    *counts, cost = (getattr(tokens, name) for name in _COUNTS)
    return [*map(str, counts), codec.dump_json(cost)]  # as text, as a sum may pass 64 bits


def _tokens(counts: Sequence[Any]) -> Tokens:
    *numbers, cost = counts
    tokens = Tokens(cost=codec.load_json(cost))
    for name, number in zip(_COUNTS, numbers, strict=False):
        setattr(tokens, name, int(number))
    return tokens
