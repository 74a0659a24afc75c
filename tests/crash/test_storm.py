"""Writers, followers, a repairer and a compactor under random SIGKILL: what was promised is there, once, in order."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from eventlog.record import RecordedEvent
from eventlog.repair import repair
from eventlog.store import open_store
from tests.crash.conftest import Tally
from tests.crash.storm_worker import noted
from tests.log.helpers import begin, hash_of, lines_of, log_of

LIMIT = 10.0  # seconds: how long an append waits by default
ROUNDS, SECONDS = {False: 1, True: 25}, 5
# A process each.
ROLES = ("writer", "writer", "writer", "follower", "follower", "repairer", "compactor")
WORKER = Path(__file__).with_name("storm_worker.py")


class Storm:
    """The processes, each killed now and then and begun anew, and what they noted."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder, self.rng = folder, rng
        self.deaths = 0
        self.running = [self._start(place) for place in range(len(ROLES))]

    def _start(self, place: int) -> "subprocess.Popen[bytes]":
        """Begin a process under a new name; it goes on with the journal of its place."""
        seed = self.rng.getrandbits(32)
        words = [ROLES[place], self.folder, f"life{seed}", seed, self._journal(place)]
        return subprocess.Popen(
            [sys.executable, str(WORKER), *map(str, words)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stderr=subprocess.PIPE,
        )

    def _journal(self, place: int) -> Path:
        return self.folder.with_name(f"{self.folder.name}.{place}.{ROLES[place]}")

    def rage(self, seconds: float) -> None:
        """Kill one of them, again and again; begin anew what died, by its own hand too."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self.rng.uniform(0.02, 0.3))
            self._kill(self.rng.randrange(len(ROLES)))
            for place, process in enumerate(self.running):
                if process.poll() is not None:
                    self._bury(place)
                    self.running[place] = self._start(place)

    def calm(self, version: int) -> None:
        """Let the followers come to the end, and stop all."""
        until = time.monotonic() + 3 * LIMIT
        while time.monotonic() < until and not all(
            told and told[-1]["seq"] >= version for told in self.noted_by("follower")
        ):
            time.sleep(0.05)
        self.stop("follower")

    def stop(self, *roles: str) -> None:
        """Kill all processes of some roles for good."""
        for place, role in enumerate(ROLES):
            if role in roles:
                self._kill(place)
                self._bury(place)

    def _kill(self, place: int) -> None:
        self.running[place].kill()
        self.running[place].wait()

    def _bury(self, place: int) -> None:
        """Make sure that a process did not end by an error."""
        _, said = self.running[place].communicate()
        assert self.running[place].returncode == -signal.SIGKILL, said.decode()
        self.deaths += 1

    def noted_by(self, role: str) -> list[list[dict[str, Any]]]:
        """Return what the processes of a role noted, a list for each place."""
        places = [place for place, each in enumerate(ROLES) if each == role]
        return [list(noted(self._journal(place))) for place in places]


@pytest.mark.timeout(900)
def test_after_a_storm_every_promise_is_kept(
    tmp_path: Path, rng: random.Random, states: Tally, *, exhaustive: bool
) -> None:
    compacted = 0
    for number in range(ROUNDS[exhaustive]):
        folder = tmp_path / f"{number}"
        begin(folder)
        storm = Storm(folder, rng)
        try:
            storm.rage(SECONDS)
            storm.stop("writer", "repairer", "compactor")
            with open_store(folder) as store:
                assert repair(store, "s").lost == ()
                events = list(store.open("s").events(strict=True))
            messages = [event for event in events if event["type"] == "message.added"]
            storm.calm(messages[-1]["seq"])
        finally:
            for process in storm.running:
                process.kill()
        check_chain(log_of(folder))
        check_writers(events, storm)
        check_followers(messages, storm)
        assert all(told["lost"] == [] for place in storm.noted_by("repairer") for told in place)
        told_all = [told for place in storm.noted_by("compactor") for told in place]
        compacted += sum(bool(told.get("dropped")) for told in told_all)
        states.tried += storm.deaths
        longest = max(told["waited"] for place in storm.noted_by("writer") for told in place)
        print(f"{storm.deaths} deaths, {len(events):,} events, longest wait {longest:.2f} s")
    assert compacted or not exhaustive  # in one short storm it may be killed each time before


def check_chain(log: Path) -> None:
    """Check with json and hashlib alone that each line follows the one before it."""
    seq, prev = 0, "A" * 22
    for line in lines_of(log):
        event = json.loads(line)
        assert event["hash"] == hash_of(line)
        assert (event["prev"], event["seq"] > seq) == (prev, True)
        seq, prev = event["seq"], event["hash"]


def check_writers(events: list[RecordedEvent], storm: Storm) -> None:
    """Check that all that was acknowledged is there, where it was said to be, and nothing twice."""
    words = {e["seq"]: e["data"]["content"].rstrip(".") for e in events if "content" in e["data"]}
    assert max(Counter(words.values()).values()) == 1
    acknowledged = [told for place in storm.noted_by("writer") for told in place]
    assert acknowledged
    for told in acknowledged:
        assert [words.get(seq) for seq in told["seqs"]] == told["words"]
        assert told["waited"] < LIMIT
    by_life: dict[str, list[tuple[int, int]]] = {}
    for word in words.values():
        life, number, place = word.split("-")
        by_life.setdefault(life, []).append((int(number), int(place)))
    assert all(order == sorted(order) for order in by_life.values())
    for event in events:
        i, n = event.get("batch", (1, 1))
        assert all(event["seq"] - i + 1 + k in words for k in range(n if n > 1 else 0))


def check_followers(messages: list[RecordedEvent], storm: Storm) -> None:
    """Check that each follower saw each message once, in order."""
    for place in storm.noted_by("follower"):
        assert [told["seq"] for told in place] == [message["seq"] for message in messages]
