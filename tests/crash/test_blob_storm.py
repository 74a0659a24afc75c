"""Writers, movers and collectors of blobs under random SIGKILL: each ref of each log is there and whole."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from eventlog.collecting import collect
from eventlog.errors import SessionExistsError
from eventlog.store import Store, open_store
from tests.crash.blob_storm_worker import drawn
from tests.crash.conftest import Tally

ROLES = (*["writer"] * 3, "mover", *["collector"] * 2)
ROUNDS, SECONDS = {False: 1, True: 20}, 5
WORKER = Path(__file__).with_name("blob_storm_worker.py")


def start(role: str, folder: Path, rng: random.Random) -> "subprocess.Popen[bytes]":
    """Begin one process."""
    words = [role, folder, rng.getrandbits(32), folder.with_name("journal")]
    return subprocess.Popen(
        [sys.executable, str(WORKER), *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
    )


def bury(process: "subprocess.Popen[bytes]") -> None:
    """Make sure that a process did not end by an error."""
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said.decode()


def rage(folder: Path, rng: random.Random, seconds: float) -> int:
    """Let them work; kill one again and again, and begin it anew. Return how many died."""
    running = [start(role, folder, rng) for role in ROLES]
    deaths, until = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            time.sleep(rng.uniform(0.1, 0.4))
            running[rng.randrange(len(ROLES))].kill()
            time.sleep(0.02)
            for place, process in enumerate(running):
                if process.poll() is not None:
                    bury(process)
                    running[place] = start(ROLES[place], folder, rng)
                    deaths += 1
    finally:
        for process in running:
            process.kill()
            process.wait()
            if process.stderr:
                process.stderr.close()
    return deaths


def refs_in(folder: Path) -> dict[str, list[Any]]:
    """Return each ref that any log holds, those in the bin too, by its word; with json alone."""
    found: dict[str, list[Any]] = {}
    for log in [*folder.glob("*.jsonl"), *folder.glob(".bin/*/*.jsonl")]:
        for line in log.read_bytes().split(b"\n")[:-1]:
            if b'"blobs"' in line and line.endswith(b'"}'):
                data = json.loads(line)["data"]
                found.setdefault(data["content"][0]["text"], []).extend(data["blobs"])
    return found


def check_refs(folder: Path) -> dict[str, list[Any]]:
    """Check that each blob that any log names is there, and is what its name says."""
    refs = refs_in(folder)
    for sha256_hex in {ref["sha256"] for each in refs.values() for ref in each}:
        blob = (folder / "blobs" / sha256_hex).read_bytes()
        assert sha256(blob).hexdigest() == sha256_hex
    return refs


def restore_all(store: Store) -> None:
    """Bring back what is in the bin, where its id is free."""
    for binned in store.binned():
        try:
            store.restore(binned.name)
        except SessionExistsError:
            continue


@pytest.mark.timeout(900)
def test_after_a_storm_every_blob_that_a_log_names_is_there_and_whole(
    tmp_path: Path, rng: random.Random, states: Tally, *, exhaustive: bool
) -> None:
    for number in range(ROUNDS[exhaustive]):
        folder = tmp_path / f"{number}" / "store"
        folder.mkdir(parents=True)
        states.tried += rage(folder, rng, SECONDS)
        refs = check_refs(folder)
        told = list(map(json.loads, folder.with_name("journal").read_bytes().splitlines()))
        kept = [(word, number) for name, word, number in told if name.startswith("stays")]
        assert kept
        for word, picture in kept:
            assert refs[f"{word}-0"][0]["sha256"] == sha256(drawn(picture)).hexdigest()
        with open_store(folder) as store:
            restore_all(store)
            assert collect(store.backend).unread == ()
            check_refs(folder)
            assert "0" * 64 not in store.backend.blobs()
        blobs = os.listdir(folder / "blobs")  # noqa: PTH208
        assert not [name for name in blobs if name.endswith(".new")]
        print(f"{len(told)} acknowledged, {len(refs)} refs, {len(blobs)} blobs")
