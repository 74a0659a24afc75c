"""Whatever is done to a log in any order, a plain list knows what must still be in it."""

import errno
import os
import shutil
import tempfile
from io import FileIO
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from eventlog import Store
from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.jsonl.files import Folder
from eventlog.errors import AppendError, BackendUnavailableError
from eventlog.record import RecordedEvent
from eventlog.repair import plan_repair, repair
from tests.crash.conftest import Tally
from tests.log.helpers import message

WORDS = st.sampled_from(["", "a", "é\u2028", '{"seq":1', "x" * 300])
BATCHES = st.lists(WORDS, min_size=1, max_size=3)
KEYS = st.sampled_from(["k1", "k2", "k3"])
TORN = st.sampled_from([b"{", b'{"seq":2,"at":"20', b"\0\0\0", b"\xff\xfe", b"text", b'x"}'])
PLACES = st.integers(0, 9999)
CALLS = st.sampled_from(["open", "status", "read_at", "write", "half a write", "sync", "truncate"])
ERRORS = st.sampled_from([errno.EIO, errno.ENOSPC, errno.EDQUOT])


class FailingFolder(Folder):
    """A folder in which some calls fail, all of them, as long as they are named in `broken`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.broken: dict[str, int] = {}

    def _fail(self, name: str) -> None:
        if name in self.broken:
            raise OSError(self.broken[name], os.strerror(self.broken[name]))

    def open(self, name: str, flags: int) -> FileIO:
        self._fail("open")
        return super().open(name, flags)

    def status(self, file: FileIO) -> os.stat_result:
        self._fail("status")
        return super().status(file)

    def read_at(self, file: FileIO, size: int, offset: int) -> bytes:
        self._fail("read_at")
        return super().read_at(file, size, offset)

    def write(self, file: FileIO, data: bytes | memoryview) -> int:
        self._fail("write")
        if "half a write" in self.broken:
            super().write(file, data[: len(data) // 2])
        self._fail("half a write")
        return super().write(file, data)

    def sync(self, file: FileIO) -> None:
        self._fail("sync")
        super().sync(file)

    def truncate(self, file: FileIO, size: int) -> None:
        self._fail("truncate")
        super().truncate(file, size)


class Faults(RuleBasedStateMachine):
    """The model: `told` are the events that somebody was told are stored, `maybe` the words of appends
    that failed with an unknown outcome, `hit` the numbers of events whose lines were hurt.
    """

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.log = self.path / "s.jsonl"
        self.folder = FailingFolder(self.path)
        self.store = Store(JsonlBackend(self.folder))
        self.handles = [self.store.create("s"), self.store.open("s")]
        self.told: dict[int, dict[str, Any]] = {}
        self.keys: dict[str, tuple[list[str], list[int]]] = {}
        self.maybe: list[str] = []
        self.hit: set[int] = set()
        self.lost: set[int] = set()

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.path)

    # Appending.

    @rule(which=st.integers(0, 1), words=BATCHES)
    def append(self, which: int, words: list[str]) -> None:
        self.remember(self.handles[which].append_many(map(message, words)))

    @rule(which=st.integers(0, 1), words=BATCHES, key=KEYS)
    def append_with_a_key(self, which: int, words: list[str], key: str) -> None:
        words, seqs = self.keys.get(key, (words, []))
        if self.hit.intersection(seqs) or self.lost.intersection(seqs):
            return  # whether it is still known depends on what was hurt
        events = self.handles[which].append_many(map(message, words), key=key)
        assert not seqs or [event["seq"] for event in events] == seqs
        self.keys[key] = (words, [event["seq"] for event in events])
        self.remember(events)

    @rule(which=st.integers(0, 1), words=BATCHES, calls=st.sets(CALLS, min_size=1), code=ERRORS)
    def append_while_calls_fail(
        self, which: int, words: list[str], calls: set[str], code: int
    ) -> None:
        size, outcome = self.log.stat().st_size, "appended"
        self.folder.broken = dict.fromkeys(calls, code)
        try:
            self.remember(self.handles[which].append_many(map(message, words)))
        except AppendError as error:
            outcome = error.outcome
        except BackendUnavailableError:
            outcome = "not appended"
        self.folder.broken = {}
        if outcome == "unknown":
            self.maybe += words
            self.handles[which] = self.store.open("s")
        assert outcome != "not appended" or self.log.stat().st_size == size

    def remember(self, events: list[RecordedEvent]) -> None:
        for event in events:
            assert self.told.get(event["seq"], event["data"]) == event["data"]
            self.told[event["seq"]] = event["data"]

    @rule(which=st.integers(0, 1))
    def reopen(self, which: int) -> None:
        self.handles[which] = self.store.open("s")

    # Behind the log's back.

    @rule(torn=TORN)
    def a_write_is_cut_off(self, torn: bytes) -> None:
        with self.log.open("ab") as log:
            log.write(torn)

    @rule(which=PLACES, place=PLACES, bit=st.integers(0, 7))
    def a_bit_turns(self, which: int, place: int, bit: int) -> None:
        lines, at = self.choose_line(which)
        line = bytearray(lines[at])
        if line:
            line[place % len(line)] ^= 1 << bit
            self.hurt(lines, at, [bytes(line)])

    @rule(which=PLACES)
    def a_line_is_gone(self, which: int) -> None:
        lines, at = self.choose_line(which)
        if lines[at]:
            self.hurt(lines, at, [])

    def choose_line(self, which: int) -> tuple[list[bytes], int]:
        """Choose a line, but not the last that was told: a log cannot know of a cut-off end."""
        lines = self.log.read_bytes().split(b"\n")
        last = max(self.told, default=0)
        whole = enumerate(lines[:-1])
        numbers = [n for n, x in whole if x[-2:] == b'"}' and 0 < self.number(x) < last]
        return (lines, numbers[which % len(numbers)]) if numbers else ([b""], 0)

    def hurt(self, lines: list[bytes], at: int, new: list[bytes]) -> None:
        self.hit.add(self.number(lines[at]))
        lines[at : at + 1] = new
        self.log.write_bytes(b"\n".join(lines))

    @staticmethod
    def number(line: bytes) -> int:
        digits = line.removeprefix(b'{"seq":').partition(b",")[0]
        return int(digits) if digits.isdigit() else 0

    # Mending.

    @rule()
    def plan(self) -> None:
        before = self.log.read_bytes()
        plan_repair(self.store, "s")
        assert self.log.read_bytes() == before

    @rule()
    def mend(self) -> None:
        read = {event["seq"]: event["data"] for event in self.store.open("s").events()}
        done = repair(self.store, "s")
        now = {event["seq"]: event["data"] for event in self.store.open("s").events()}
        assert {n: now[n] for n in read if n > 1} == {n: read[n] for n in read if n > 1}
        assert not repair(self.store, "s").needed
        assert self.store.open("s").health.ok
        self.lost |= self.hit - set(now)
        self.hit -= self.lost
        for first, last in done.lost:
            assert self.told.keys() & set(range(first, last + 1)) <= self.lost | self.hit

    # What must hold, always.

    @invariant()
    def what_was_told_is_there(self) -> None:
        Faults.steps += 1
        events = list(self.store.open("s").events())
        seqs = [event["seq"] for event in events]
        assert seqs == sorted(set(seqs))
        found = {event["seq"]: event["data"] for event in events}
        missing = self.told.keys() - found.keys()
        assert missing <= self.hit | self.lost
        for number in self.told.keys() & found.keys():
            if found[number] != self.told[number]:  # one that failed may stand where it was hit
                assert number in self.hit | self.lost
                assert found[number]["content"] in self.maybe
        assert not (missing - self.lost) or not self.store.open("s").health.ok
        strange = [d["content"] for n, d in found.items() if n not in self.told and "content" in d]
        assert all(word in self.maybe for word in strange)

    @invariant()
    def a_warm_handle_knows_no_less(self) -> None:
        for handle in self.handles:
            handle.messages()
            assert handle.version >= max(self.told.keys() - self.hit - self.lost, default=0)


def test_a_log_keeps_what_it_was_told_to_whatever_is_done_to_it(
    states: Tally, *, exhaustive: bool
) -> None:
    examples, steps = (1500, 50) if exhaustive else (60, 25)
    Faults.steps = 0
    run_state_machine_as_test(
        Faults, settings=settings(max_examples=examples, stateful_step_count=steps)
    )
    states.tried += Faults.steps
