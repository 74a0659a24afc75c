"""What must hold for any bytes at all in the place of a log. No fuzzer is known here."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from eventlog.backends.jsonl import JsonlBackend
from eventlog.chain import Chain, Health
from eventlog.errors import UnsupportedFormatError
from eventlog.record import RecordedEvent
from eventlog.repair import Plan, plan_repair, repair
from eventlog.store import Store
from tests.crash.deeds import scratch

Reading = tuple[list[RecordedEvent], Health]


def check_lines(data: bytes) -> None:
    """Check the line parser: it raises nothing, and how the lines come in makes no difference."""
    *lines, rest = data.split(b"\n")
    try:
        read = _read([lines], rest)
    except UnsupportedFormatError:
        return
    _check_reading(data, read)
    assert _read(([line] for line in lines), rest) == read
    half = len(lines) // 2
    assert _read([lines[:half], lines[half:]], rest) == read


def _read(blocks: Iterable[Sequence[bytes]], rest: bytes) -> Reading:
    chain, events = Chain("s"), []
    for block in blocks:
        events += chain.feed(list(block))
    events += chain.settle()
    health = chain.health(rest)
    chain.after(rest)
    assert chain.health(rest) == health, "to ask where the next event goes changed something"
    return events, health


def _check_reading(data: bytes, read: Reading) -> None:
    events, health = read
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs))
    links = ["A" * 22, *(event["hash"] for event in events)]
    chained = all(e["prev"] == prev for e, prev in zip(events, links, strict=False))
    assert chained or not health.ok, "a gap that nobody is told of"
    assert health.bytes == len(data)
    if not health.where and not rest_of(data):
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        assert len(events) == sum(line not in (b"", b"\r") for line in lines)


def rest_of(data: bytes) -> bytes:
    """Return what follows the last newline."""
    return data.rpartition(b"\n")[2]


def check_repair(data: bytes) -> None:
    """Check the repair: every byte accounted for, nothing that was read is lost, once is enough."""
    with scratch() as folder, suppress(UnsupportedFormatError):
        log = folder / "s.jsonl"
        log.write_bytes(data)
        store = Store(JsonlBackend.at(folder))
        before = _read_as_next_append_finds_it(data)
        plan = plan_repair(store, "s")
        assert log.read_bytes() == data
        done = repair(store, "s")
        _check_plans(plan, done, data)
        _check_nothing_lost(before, list(store.open("s").events()))
        _check_rest(store, log, folder)
        store.close()


def _read_as_next_append_finds_it(data: bytes) -> list[RecordedEvent]:
    """Read a log whose last line gets its newline, if it has none."""
    return _read([data.removesuffix(b"\n").split(b"\n")], b"")[0]


def _check_plans(plan: Plan, done: Plan, data: bytes) -> None:
    assert (plan.fates, plan.lost, plan.pieces) == (done.fates, done.lost, done.pieces)
    assert sum(done.fates.values()) == done.size == len(data)


def _check_nothing_lost(before: list[RecordedEvent], after: list[RecordedEvent]) -> None:
    """Check that each event that was read is still there: seq, time, type, data and all.

    Number 1 is the header's, and no writer gives it to anything else.
    """
    there = {event["seq"]: _content(event) for event in after}
    for event in before:
        if event["seq"] == 1 and event["type"] != "session.created":
            continue
        assert there.get(event["seq"]) == _content(event)


def _content(event: RecordedEvent) -> dict[str, Any]:
    content = {name: value for name, value in event.items() if name not in {"prev", "hash"}}
    if event["seq"] == 1 and event["type"] == "session.created":
        content.pop("batch", None)  # it is made anew, alone
        own = {"generation", "from"}
        content["data"] = {k: v for k, v in event["data"].items() if k not in own}
    return content


def _check_rest(store: Store, log: Path, folder: Path) -> None:
    """Check that the mended log is healthy, is not mended again, and takes an event."""
    mended = log.read_bytes()
    assert store.open("s").health.ok
    assert not repair(store, "s").needed
    assert log.read_bytes() == mended
    recorded = store.open("s").append({"role": "user", "content": "after"})
    assert list(store.open("s").events())[-1] == recorded
    assert store.open("s").health.ok


TARGETS: dict[str, Callable[[bytes], None]] = {"lines": check_lines, "repair": check_repair}
