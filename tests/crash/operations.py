"""The operations that this suite cuts short, and what must hold for each however it was.

An operation says what the session may say before it, between its steps and after it: `stages`, of
which the last is what was asked for, and None stands for no session. `check` holds whatever a
crash left against that, then carries the operation out again, as its caller would.
"""

import json
import re
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import eventlog.repair
from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.jsonl.files import Folder
from eventlog.errors import EventLogError, SessionExistsError, SessionNotFoundError
from eventlog.repair import plan_repair, repair
from eventlog.session import Session
from eventlog.store import Store
from tests.crash.faults import Quick
from tests.log.helpers import hash_of, message

KEY = "again"
NOW, AGAIN, AFTERWARDS = (f"2026-01-01T0{hour}:00:00.000000Z" for hour in range(3))
LATER = "later"

_HASH_AT_END = re.compile(rb',"hash":"[\w-]{22}"\}$')

_ARCHIVED = re.compile(r"\.archive/s\.[^/]*\.jsonl")

Words = tuple[str, ...] | None
Snapshot = dict[str, bytes]
Judge = Callable[["Operation", Snapshot, Snapshot, bool], None]


@dataclass(frozen=True)
class Operation:
    """One thing a caller asks for. `judge` looks at the files themselves."""

    name: str
    stages: tuple[Words, ...]
    prepare: Callable[[Path], object]
    run: Callable[[Store, Session], object]
    judge: Judge

    @property
    def before(self) -> Words:
        """What the session says before."""
        return self.stages[0]

    @property
    def after(self) -> Words:
        """What the session says when all is done."""
        return self.stages[-1]


def open_on(folder: Folder, now: str = NOW) -> Store:
    """Open a store on a folder, with a clock that stands still, and impatient with locks."""
    return Store(JsonlBackend(folder, lock_timeout=0), clock=lambda: now)


def open_quick(place: Path) -> Store:
    """Open a store for checking: it does not sync."""
    return open_on(Quick(place), AFTERWARDS)


def handle(store: Store) -> Session:
    """Make a handle on the session `s`, which need not be there."""
    return store._session("s")


def words_of(session: Session) -> tuple[str, ...]:
    """Return what a session's messages say."""
    return tuple(m["content"] for m in session.messages())


def words_in(store: Store) -> Words:
    """Return what the session `s` says to a handle that knows nothing yet; None without it."""
    try:
        return words_of(store.open("s"))
    except SessionNotFoundError:
        return None


def stand_still() -> None:
    """Make what this process writes the same each time: no clock, no random salt."""
    secrets.token_urlsafe = lambda nbytes=None: "salt"  # noqa: ARG005
    vars(eventlog.repair)["utc_now"] = lambda: NOW
    time.time_ns = lambda: 1


# What is on the disk.


def snapshot(place: Path) -> Snapshot:
    """Return every file below a folder by its name there, but for locks; `x/` is a folder."""
    return {
        str(path.relative_to(place)) + "/" * path.is_dir(): b""
        if path.is_dir()
        else path.read_bytes()
        for path in sorted(place.rglob("*"))
        if ".locks" not in path.parts
    }


def lay_out(place: Path, files: Snapshot) -> Path:
    """Make a folder that holds these files, and nothing else but a folder for locks."""
    shutil.rmtree(place, ignore_errors=True)
    (place / ".locks").mkdir(parents=True)
    for name, data in files.items():
        path = place / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    return place


def chain_of(data: bytes) -> list[dict[str, Any]]:
    """Return the events of a log, found with json and hashlib alone; they are one chain.

    Half a batch counts as not written, and what comes next follows the event before it.
    """
    events: list[dict[str, Any]] = []
    for line in data.split(b"\n")[:-1]:
        if not _HASH_AT_END.search(line) or hash_of(line).encode() != line[-24:-2]:
            continue
        event = json.loads(line)
        if not _follows(event, events):
            events = _without_half_batch(events)
        assert _follows(event, events)
        events.append(event)
    return _without_half_batch(events)


def _follows(event: dict[str, Any], events: list[dict[str, Any]]) -> bool:
    seq, prev = (events[-1]["seq"], events[-1]["hash"]) if events else (0, "A" * 22)
    return bool(event["seq"] > seq and event["prev"] == prev)


def _without_half_batch(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    number, count = events[-1].get("batch", (1, 1)) if events else (1, 1)
    return events if number == count else events[: len(events) - number]


def _logged(data: bytes) -> tuple[str, ...]:
    """Return what a log's messages say."""
    return tuple(e["data"]["content"] for e in chain_of(data) if e["type"] == "message.added")


def judge_append(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """Nothing that was there changed, and what came is one chain."""
    assert after.get("s.jsonl", b"").startswith(before.get("s.jsonl", b""))
    assert {**after, "s.jsonl": b""} == {**before, "s.jsonl": b""} or "s.jsonl" not in after
    if "s.jsonl" in after:
        assert _logged(after["s.jsonl"]) in op.stages
    if done:
        assert _logged(after["s.jsonl"]) == op.after
        assert after["s.jsonl"].endswith(b"\n")
        assert chain_of(after["s.jsonl"])


def judge_delete(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """The log is whole wherever it is: under its name, or in the bin, after a power cut in both."""
    binned = [data for name, data in after.items() if name.startswith(".bin/s.")]
    named = [after["s.jsonl"]] if "s.jsonl" in after else []
    assert set(binned + named) == {before["s.jsonl"]}
    assert not done or (binned and not named)


def judge_repair(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """The log is the old one or the mended one, whole; then the old one is in the archive."""
    old, log = before["s.jsonl"], after["s.jsonl"]
    archives = [data for name, data in after.items() if _ARCHIVED.fullmatch(name)]
    if log == old:
        assert not done
        return
    assert tuple(_logged(log)) == op.after
    assert chain_of(log)[0]["data"]["generation"] == 1
    assert set(archives) == {old}
    aside = [data for name, data in after.items() if name.startswith(".quarantine/s.")]
    assert any(b'"base64"' in data for data in aside)


# The operations.


def _begin(place: Path, *texts: str, more: bytes = b"") -> Path:
    session = open_quick(place).create("s")
    for text in texts:
        session.append(message(text))
    log = place / "s.jsonl"
    with log.open("ab") as file:
        file.write(more)
    return log


def _unfinished(place: Path) -> None:
    """Make a log whose last event lacks nothing but its newline."""
    log = _begin(place, "one", "two")
    log.write_bytes(log.read_bytes()[:-1])


def _damaged(place: Path) -> None:
    """Make a log with an event that nobody can bring back, and another inside a fused line."""
    log = _begin(place, "one", "gone", "two", "three")
    lines = log.read_bytes().split(b"\n")
    lines[2] = lines[2][:40] + b"\x00" * 8 + lines[2][60:]
    lines[3:5] = [lines[3][:30] + lines[3] + lines[4]]
    log.write_bytes(b"\n".join(lines))


def _begin_other(place: Path) -> None:
    open_quick(place).create("other")


def _create(store: Store, session: Session) -> None:
    store.create("s")


def _say(text: str) -> Callable[[Store, Session], object]:
    return lambda _, session: session.append(message(text), key=KEY)


def _say_three(store: Store, session: Session) -> None:
    session.append_many([message(text) for text in ("two", "three", "four")], key=KEY)


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("first-create", (None, ()), lambda _: None, _create, judge_append),
        Operation("create", (None, ()), _begin_other, _create, judge_append),
        Operation("greet", ((), ("hello",)), _begin, _say("hello"), judge_append),
        Operation(
            "append",
            (("one",), ("one", "two")),
            lambda p: _begin(p, "one"),
            _say("two"),
            judge_append,
        ),
        Operation(
            "batch",
            (("one",), ("one", "two", "three", "four")),
            lambda p: _begin(p, "one"),
            _say_three,
            judge_append,
        ),
        Operation(
            "heal",
            (("one",), ("one", "two")),
            lambda p: _begin(p, "one", more=b'{"seq":3,"at":"2026-01-01T00'),
            _say("two"),
            judge_append,
        ),
        Operation(
            "complete",
            (("one",), ("one", "two"), ("one", "two", "three")),
            _unfinished,
            _say("three"),
            judge_append,
        ),
        Operation(
            "delete",
            (("one",), None),
            lambda p: _begin(p, "one"),
            lambda store, _: store.delete("s"),
            judge_delete,
        ),
        Operation(
            "repair",
            (("one", "two", "three"),) * 2,
            _damaged,
            lambda store, _: repair(store, "s"),
            judge_repair,
        ),
    )
}


def prepare(operation: Operation, place: Path) -> Snapshot:
    """Make the folder as it is before an operation; return what is in it."""
    shutil.rmtree(place, ignore_errors=True)
    operation.prepare(place)
    return snapshot(place) if place.exists() else {}


# What must hold.


def check(operation: Operation, before: Snapshot, place: Path, *, done: bool) -> None:
    """Check what a crash left, and that all goes on from there; `done`: it was acknowledged."""
    left = snapshot(place) if place.exists() else {}
    operation.judge(operation, before, left, done)
    store = open_quick(place)
    found = words_in(store)
    assert found in operation.stages
    assert found == operation.after or not done
    assert snapshot(place) == left if place.exists() else not left  # reading writes nothing
    do_again(operation, store)
    assert words_in(store) == operation.after
    operation.judge(operation, before, snapshot(place), True)  # noqa: FBT003
    go_on(operation, store)


def do_again(operation: Operation, store: Store) -> None:
    """Carry an operation out as a caller who does not know whether it was."""
    with suppress(SessionExistsError if operation.after == () else SessionNotFoundError):
        operation.run(store, handle(store))


def go_on(operation: Operation, store: Store) -> None:
    """Append once more: it works, and the log is in good health."""
    session = store.get_or_create("s")
    session.append(message(LATER))
    assert words_of(session) == words_in(store) == (*(operation.after or ()), LATER)
    health = store.open("s").health
    assert (health.ok, health.gaps) == (operation.name != "repair" or health.ok, health.gaps)
    assert not plan_repair(store, "s").lost


def told(run: Callable[[], object]) -> str:
    """Carry something out; return what its caller was told, in one word or two."""
    try:
        run()
    except EventLogError as error:
        return f"{type(error).__name__} {getattr(error, 'outcome', '')}".strip()
    except OSError:
        return "raw OSError"
    return "done"
