"""SIGKILL at every call of every operation, then again at every call of its recovery.

"Every call" is meant twice: every call at the seam (files.py), in a child that kills itself; and
every system call, in a child that the kernel kills as strace bids it. A kill strikes before the
call; after the last one it strikes before the child can tell. The clock stands still and nothing
is random, so that both ways can be compared by what they leave.
"""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.children import Life, Nursery, strace_works
from tests.crash.conftest import Tally
from tests.crash.operations import (
    AGAIN,
    OPERATIONS,
    Operation,
    Snapshot,
    check,
    lay_out,
    prepare,
    snapshot,
)

SAMPLE = 15  # how many kills of a recovery are tried for one operation, unless all are
MANY = 150  # an operation of more system calls is killed at so many of them, unless all are
TOLD_AGAIN = {"killed", "done", "SessionExistsError", "SessionNotFoundError"}

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
every = pytest.mark.parametrize("operation", list(OPERATIONS.values()), ids=OPERATIONS)
NO_STRACE = strace_works()
needs_strace = pytest.mark.skipif(bool(NO_STRACE), reason=f"strace cannot be used: {NO_STRACE}")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


def fingerprint(place: Path) -> frozenset[tuple[str, bytes]]:
    return frozenset(snapshot(place).items()) if place.exists() else frozenset()


def numbered(calls: list[str]) -> list[str]:
    return [f"{name}:signal=KILL:when={calls[: i + 1].count(name)}" for i, name in enumerate(calls)]


class Killer:
    """Kills children of one operation, and checks what each leaves."""

    def __init__(self, nursery: Nursery, operation: Operation, place: Path, states: Tally) -> None:
        self.nursery, self.operation, self.place = nursery, operation, place / "store"
        self.before: Snapshot = prepare(operation, self.place)
        self.started = self.place.exists()
        self.states = states
        self.left: set[frozenset[tuple[str, bytes]]] = set()

    def reset(self) -> None:
        lay_out(self.place, self.before)
        if not self.started:
            shutil.rmtree(self.place)

    def kill(self, at: int = 0, *, taken: int | None = None, strace: str = "") -> Life:
        """Kill a child at one place; say how it fared."""
        self.reset()
        life = self.nursery.live(self.operation.name, self.place, at, taken=taken, strace=strace)
        self.left.add(fingerprint(self.place))
        return life

    def kill_again(self, at: int = 0, *, strace: str = "") -> Life:
        """Kill a child that carries the operation out again, where another was killed."""
        return self.nursery.live(self.operation.name, self.place, at, strace=strace, now=AGAIN)

    def calls(self) -> list[str]:
        """Return the calls at the seam when nothing goes wrong."""
        return self.kill().calls

    def system_calls(self) -> list[str]:
        """Return each system call with its number among those of its name: what strace strikes."""
        return numbered(self.kill(strace="none").calls)

    def check(self, life: Life) -> None:
        assert life.told in TOLD_AGAIN
        check(self.operation, self.before, self.place, done=life.told == "done")
        self.states.tried += 1


@pytest.fixture
def killer(nursery: Nursery, operation: Operation, tmp_path: Path, states: Tally) -> Killer:
    return Killer(nursery, operation, tmp_path, states)


@every
def test_a_kill_before_any_call_loses_nothing_acknowledged(killer: Killer) -> None:
    for at in range(1, len(killer.calls()) + 1):
        life = killer.kill(at)
        assert life.told == "killed"
        killer.check(life)


@every
def test_a_kill_inside_a_write_loses_nothing_acknowledged(killer: Killer, exhaustive: bool) -> None:  # noqa: FBT001
    calls = killer.calls()
    for at in (number for number, name in enumerate(calls, start=1) if name == "write"):
        for taken in range(1, 1200, 1 if exhaustive else 61):
            killer.check(killer.kill(at, taken=taken))


@every
def test_a_kill_inside_the_recovery_from_a_kill_loses_nothing_acknowledged(
    killer: Killer,
    exhaustive: bool,  # noqa: FBT001
    rng: random.Random,
) -> None:
    firsts = range(1, len(killer.calls()) + 1)
    pairs = [(first, second) for first in firsts for second in range(1, len(firsts) + 12)]
    for first, second in pairs if exhaustive else rng.sample(pairs, SAMPLE):
        killer.kill(first)
        killer.check(killer.kill_again(second))


@every
@needs_strace
def test_a_kill_at_any_system_call_leaves_what_one_at_the_seam_leaves(
    killer: Killer,
    exhaustive: bool,  # noqa: FBT001
    rng: random.Random,
) -> None:
    calls, system_calls = killer.calls(), killer.system_calls()
    every_one = exhaustive or len(system_calls) <= MANY
    killer.left.clear()
    for at in range(1, len(calls) + 2):
        killer.kill(at)
    at_the_seam, killer.left = killer.left, set()
    for call in system_calls if every_one else rng.sample(system_calls, MANY):
        life = killer.kill(strace=call)
        assert life.told in ("killed", "done")  # done: when the child's own end was struck
        killer.check(life)
    assert killer.left == at_the_seam if every_one else killer.left <= at_the_seam
    assert len(killer.left) > 1


@every
@needs_strace
def test_a_kill_at_any_system_call_of_the_recovery_loses_nothing_acknowledged(
    killer: Killer,
    exhaustive: bool,  # noqa: FBT001
    rng: random.Random,
) -> None:
    firsts = range(1, len(killer.calls()) + 1)
    for first in rng.sample(firsts, min(len(firsts), 8 if exhaustive else 1)):
        killer.kill(first)
        calls = numbered(killer.kill_again(strace="none").calls)
        for call in calls if exhaustive else rng.sample(calls, min(6, len(calls))):
            killer.kill(first)
            killer.check(killer.kill_again(strace=call))
