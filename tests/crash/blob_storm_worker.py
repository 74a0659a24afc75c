"""One process of the storm of blobs. Run by test_blob_storm.py.

    python blob_storm_worker.py ROLE FOLDER SEED JOURNAL

A writer shows pictures, some of them shown by others, too; a mover deletes, restores, forks and
purges; a collector collects. A session that a mover may purge has a name that begins with "gone".
"""

import json
import os
import random
import sys
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path

from eventlog.backends.jsonl import JsonlBackend
from eventlog.branching import fork
from eventlog.collecting import collect
from eventlog.errors import EventLogError
from eventlog.store import Store
from tests.crash.operations import picture
from tests.crash.storm_worker import Fatal

NAMES = ("stays-0", "stays-1", "gone-0", "gone-1", "gone-2")
"""The sessions that are written to, each by all writers."""


class Dawdling(Fatal):
    """A folder whose process dies inside a write, or takes its time before it opens a log."""

    def open(self, name: str, flags: int) -> FileIO:
        if name.endswith(".jsonl") and self.rng.random() < 0.2:
            time.sleep(self.rng.uniform(0, 0.1))
        return super().open(name, flags)


def drawn(number: int) -> bytes:
    """Draw a large picture."""
    return number.to_bytes(4, "big") * 17_500


def write(store: Store, rng: random.Random, journal: int) -> None:
    """Show pictures for ever; note what was acknowledged in a session that stays."""
    while True:
        name, number = rng.choice(NAMES), rng.randrange(rng.choice((12, 1 << 30)))
        word = f"{rng.getrandbits(64):x}"
        with suppress(EventLogError):  # it was deleted meanwhile
            session = store.get_or_create(name)
            shown = [picture(f"{word}-{i}", drawn(number + i)) for i in range(rng.choice((1, 2)))]
            session.append_many(shown)
            os.write(journal, json.dumps([name, word, number]).encode() + b"\n")


def move(store: Store, rng: random.Random) -> None:
    """Delete, restore, fork and purge for ever."""
    while True:
        time.sleep(rng.uniform(0, 0.02))
        name = rng.choice(NAMES)
        with suppress(EventLogError):
            deed = rng.choice(("delete", "restore", "restore", "fork", "purge"))
            if deed == "fork":
                fork(store, name, new_id=f"gone-fork-{rng.getrandbits(32):x}")
            elif deed != "purge":
                getattr(store.backend, deed)(named(store, name) if deed == "restore" else name)
            elif (gone := rng.choice(["gone", *store.ids()])).startswith("gone"):
                store.purge(gone)


def named(store: Store, session_id: str) -> str:
    """Name the first deletion of a session."""
    return next((b.name for b in store.binned()[::-1] if b.session_id == session_id), "none.1")


def collect_often(store: Store, rng: random.Random) -> None:
    """Collect for ever; there always is something that nobody refers to."""
    while True:
        time.sleep(rng.uniform(0, 0.005))
        with suppress(EventLogError):
            with store.backend.keeping({"0" * 64: b"unused"}):
                pass
            collect(store.backend)


def main(role: str, folder: str, seed: str, journal: str) -> None:
    rng = Fatal.rng = random.Random(seed)
    store = Store(
        JsonlBackend((Dawdling if role == "writer" else Fatal)(Path(folder)), lock_timeout=2)
    )
    if role == "writer":
        write(store, rng, os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    elif role == "mover":
        move(store, rng)
    else:
        collect_often(store, rng)


if __name__ == "__main__":
    main(*sys.argv[1:])
