"""Rows about logs that are rewritten, and about replaying them."""

import gc
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import orjson

from eventlog import Session, open_store
from eventlog.compaction import compact
from eventlog.events import ModelCalled, ReplyStreamed
from eventlog.replay import prove
from tests.bench.measuring import Logs, Row, Size, alternate, best, message

LIMIT = 40
"""How many messages a call is sent, and how many messages lie between two calls."""


def compactions(logs: Logs, size: Size) -> Iterator[Row]:
    """Compare with the least that writes the log anew; both sync."""
    for length in size.whole:
        log = talk(logs, length)
        place = logs.folder / "compacted"
        row = Row(f"compact, {length:,} messages", "copy through orjson", 2)
        times = alternate(
            size.reads,
            partial(compact_anew, place, log.stem),
            partial(copy_through_orjson, log),
            before=(partial(put_alone, log, place), gc.collect),
        )
        yield best(row, times)


def replays(logs: Logs, size: Size) -> Iterator[Row]:
    """Tell what a proof takes: each call's list is built and hashed, however long it is."""
    for length in size.whole:
        log = talk(logs, length)
        prove_anew(log)
        row = Row(f"replay --verify, {length:,} messages", "messages(), cold")
        times = alternate(
            size.reads,
            partial(prove_anew, log),
            partial(list_anew, log),
            before=(gc.collect, gc.collect),
        )
        yield best(row, times)


def compact_anew(place: Path, session_id: str) -> None:
    assert compact(open_store(place), session_id).archive


def prove_anew(log: Path) -> None:
    assert prove(open_store(log.parent).open(log.stem)).ok


def list_anew(log: Path) -> None:
    open_store(log.parent).open(log.stem).messages()


def talk(logs: Logs, length: int) -> Path:
    """Return a log of so many messages, with a call now and then whose reply came in checkpoints."""
    name = f"talk{length}"
    log = logs.folder / f"{name}.jsonl"
    if not log.exists():
        session = logs.store.create(name)
        for number in range(length):
            if number % LIMIT:
                session.append(message(number), durability="os")
            else:
                answer(session, message(number)["content"])
    return log


def answer(session: Session, text: str) -> None:
    """Append a call and its reply, as a turn does."""
    sent = session.request(LIMIT)
    called = ModelCalled(
        model="m",
        provider="p",
        version=sent.version,
        head=sent.head,
        limit=sent.limit,
        rules=sent.rules,
        messages=len(sent.messages),
        digest=sent.digest,
    )
    call = session.append(called, durability="os")["seq"]
    for half in (text[: len(text) // 2], text[len(text) // 2 :]):
        session.append(ReplyStreamed(call=call, text=half), durability="os")
    reply = {"role": "assistant", "content": text, "call": call}
    session.append(reply, durability="os")


def put_alone(log: Path, place: Path) -> None:
    """Copy a log to a place of its own: one that was compacted has nothing left to drop."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    shutil.copyfile(log, place / log.name)
    gc.collect()


def copy_through_orjson(log: Path) -> None:
    """Do the least: read, parse and write each line again, and sync."""
    with log.open("rb") as lines, log.with_suffix(".peer").open("wb") as copy:
        for line in lines:
            copy.write(orjson.dumps(orjson.loads(line)) + b"\n")
        copy.flush()
        os.fdatasync(copy.fileno())
