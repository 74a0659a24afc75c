"""One process of the storm: a writer, a follower, a repairer or a compactor. Run by test_storm.py with -m.

    python storm_worker.py ROLE FOLDER NAME SEED JOURNAL

Whatever it was promised, it notes in its journal, one write a line: nothing that it was promised is
noted twice, and what it noted survives its own death.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.jsonl.files import Folder
from eventlog.compaction import compact
from eventlog.errors import EventLogError
from eventlog.repair import repair
from eventlog.session import Session
from eventlog.store import Store


class Fatal(Folder):
    """A folder whose process dies inside a write, now and then, with some of the bytes written."""

    rng = random.Random()

    def write(self, file: FileIO, data: bytes | memoryview) -> int:
        if self.rng.random() < 0.01:
            super().write(file, data[: self.rng.randrange(len(data) + 1)])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(file, data)


def note(journal: int, **told: Any) -> None:
    os.write(journal, json.dumps(told).encode() + b"\n")


def write(session: Session, name: str, rng: random.Random, journal: int) -> None:
    """Append for ever: single events, batches, both with keys or without, from two handles."""
    for number in range(sys.maxsize):
        words = [f"{name}-{number}-{i}" for i in range(rng.choice((1, 1, 1, 2, 5)))]
        time.sleep(rng.uniform(0, 0.004))
        batch = [{"role": "user", "content": w + "." * rng.choice((0, 9, 5000))} for w in words]
        key = rng.choice((None, words[0]))
        began = time.monotonic()
        events = session.append_many(batch, key=key, durability=rng.choice(("fsync", "os")))
        if key and rng.random() < 0.2:
            again = session.append_many(batch, key=key)
            assert [e["seq"] for e in again] == [e["seq"] for e in events]
        waited = time.monotonic() - began
        note(journal, words=words, seqs=[e["seq"] for e in events], waited=waited)


def follow(session: Session, journal: int, after: int) -> None:
    """Follow for ever, from behind what the journal has."""
    for event in session.follow(after, poll=0.01):
        if event["type"] == "message.added":  # compaction may drop others before they are seen
            note(journal, seq=event["seq"])


def repair_often(store: Store, rng: random.Random, journal: int) -> None:
    """Repair a log that others write to."""
    while True:
        time.sleep(rng.uniform(0.05, 0.3))
        plan = repair(store, "s")
        note(journal, mended=plan.needed, lost=plan.lost)


def compact_often(store: Store, session: Session, rng: random.Random, journal: int) -> None:
    """Compact a log that others write to, and see to it that there is something to drop."""
    while True:
        time.sleep(rng.uniform(0.05, 0.3))
        session.set_title(f"title {rng.random()}")
        try:
            note(journal, dropped=compact(store, "s").dropped)
        except EventLogError as error:  # a cut-off write that could be damage: repair comes first
            note(journal, refused=str(error))


def noted(journal: Path) -> Iterator[dict[str, Any]]:
    """Read a journal back."""
    if journal.exists():
        yield from map(json.loads, journal.read_bytes().splitlines())


def main(role: str, folder: str, name: str, seed: str, journal: str) -> None:
    rng = Fatal.rng = random.Random(seed)
    store = Store(
        JsonlBackend((Fatal if role in ("writer", "compactor") else Folder)(Path(folder)))
    )
    session = store.open("s")
    seen = max((told["seq"] for told in noted(Path(journal)) if "seq" in told), default=0)
    file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    if role == "writer":
        write(session, name, rng, file)
    elif role == "follower":
        follow(session, file, seen)
    elif role == "compactor":
        compact_often(store, session, rng, file)
    else:
        repair_often(store, rng, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
