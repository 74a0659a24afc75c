"""Verbs for the tests of repair: make a log, hurt it, mend it, look at what came of it."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from eventlog.record import RecordedEvent
from eventlog.repair import Options, Plan, repair
from eventlog.store import open_store
from tests.log.helpers import begin, lines_of, message, open_session

WORDS = [f"word {seq}" for seq in range(2, 11)]  # named by their `seq`


def begin_words(folder: Path) -> Path:
    """Make a session of nine user messages, `seq` 2 to 10; return its file."""
    return begin(folder, *WORDS)


def copy_of(lines: Sequence[bytes]) -> Options:
    """Name lines as another copy of the log."""
    return Options((lambda: iter(lines),))


def mend(log: Path, options: Options | None = None) -> Plan:
    """Repair a log, which must be in perfect health then; return what was done."""
    plan = repair(open_store(log.parent), log.stem, options)
    health = open_session(log.parent, log.stem).health
    assert (health.ok, health.where) == (True, ())
    assert sum(plan.fates.values()) == plan.size
    return plan


def words(log: Path) -> list[Any]:
    """Return what the messages of a log say."""
    return [each["content"] for each in open_session(log.parent, log.stem).messages()]


def seqs(log: Path) -> list[int]:
    """Return the numbers of a log's events."""
    return [event["seq"] for event in events(log)]


def events(log: Path) -> list[RecordedEvent]:
    """Return a log's events."""
    return list(open_session(log.parent, log.stem).events())


def whats(plan: Plan, fate: str) -> list[str]:
    """Say what the pieces of one fate are."""
    return [piece.what for piece in plan.pieces if piece.fate == fate]


def quarantine_of(log: Path, plan: Plan) -> list[dict[str, Any]]:
    """Read what a repair put aside."""
    if plan.quarantine is None:
        return []
    return [json.loads(line) for line in lines_of(log.parent / plan.quarantine)]


def bytes_aside(log: Path, plan: Plan) -> list[bytes]:
    """Return the bytes that a repair put aside, piece by piece."""
    return [b64decode(aside["base64"]) for aside in quarantine_of(log, plan)]


def append_batch(log: Path, *texts: str) -> list[RecordedEvent]:
    """Append messages that count only together."""
    return open_session(log.parent, log.stem).append_many([message(text) for text in texts])


def source(lines: Sequence[bytes]) -> Callable[[], Iterator[bytes]]:
    """Name lines as one source of a repair."""
    return lambda: iter(lines)
