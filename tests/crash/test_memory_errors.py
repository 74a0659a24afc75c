"""Memory that runs out at any allocation: the process may refuse, or die, but it never lies.

Each is tried in a child, because C code that gets no memory may kill its process (orjson does): that
is then a crash like any other, and the log is looked at from outside. Memory does come back after a
while: CPython 3.11 turns in a circle when it has none for an exception that it is handling, and after
several failures in a row it may leave a `with` without its end: the lock is then held until the
process ends, which is the crash that is looked at.
The one descriptor that was just being opened may be lost: it holds no lock yet.
"""

import faulthandler
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from eventlog.backends.jsonl import JsonlBackend
from eventlog.errors import BackendLockedError
from eventlog.repair import repair
from eventlog.store import Store
from tests.crash.conftest import Tally
from tests.crash.deeds import DEEDS, DESCRIPTORS, Deed, check, open_files, scratch
from tests.log.helpers import message, open_session, said

_testcapi = pytest.importorskip("_testcapi", reason="this Python has no _testcapi.set_nomemory")
pytestmark = [
    pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts descriptors in /proc/self/fd"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
Prepare = Callable[[Path], Deed]
QUICK = 20  # allocations of a deed that are tried
PATIENCE = 30  # seconds
DONE, REFUSED, WRONG, DIED = "done", "refused", "wrong", "died"


class Outcome(NamedTuple):
    """What became of a deed when allocation number `at` failed."""

    at: int
    result: str
    reason: str = ""


@pytest.mark.parametrize("prepare", DEEDS, ids=lambda deed: deed.__name__)
@pytest.mark.parametrize("failures", [1, 20])
def test_a_process_without_memory_never_lies(
    prepare: Prepare, failures: int, rng: random.Random, states: Tally, *, exhaustive: bool
) -> None:
    found = dict.fromkeys((DONE, REFUSED, DIED), 0)
    with scratch() as folder:
        most = _count_allocations(prepare, folder)
        step = 1 if exhaustive else max(1, most // QUICK)
        numbers = range(rng.randrange(1, step + 1), most, step)
        for outcome in _try_all(prepare, folder, numbers, failures):
            assert outcome.result != WRONG, f"allocation {outcome.at}: {outcome.reason}"
            found[outcome.result] += 1
            states.tried += 1
    print(found)
    assert found[REFUSED]


def _count_allocations(prepare: Prepare, folder: Path) -> int:
    """Find a number of allocations that a deed does not need; less than twice what it does."""
    return next(
        n
        for n in (1 << power for power in count(5))
        if next(_try_all(prepare, folder, [n], 20)).result == DONE
    )


def _try_all(
    prepare: Prepare, folder: Path, numbers: Iterable[int], failures: int
) -> Iterator[Outcome]:
    """Let a child try one number after the other; where it dies, look, and go on in a new one."""
    left = list(numbers)
    while left:
        for outcome in _outcomes_of_child(prepare, folder / "log", left, failures):
            yield outcome
            left.remove(outcome.at)
        if left:
            _check_from_outside(prepare(folder / "same"), folder / "log")
            for path in folder.iterdir():
                shutil.rmtree(path)
            yield Outcome(left.pop(0), DIED)


def _outcomes_of_child(
    prepare: Prepare, folder: Path, numbers: list[int], failures: int
) -> Iterator[Outcome]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            faulthandler.disable()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            for at in numbers:
                signal.alarm(PATIENCE)
                told = _try_here(prepare, folder, at, failures)
                os.write(writing, "\t".join(map(str, told)).encode() + b"\n")
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as told_lines:
        for line in told_lines:
            number, result, reason = line.rstrip("\n").split("\t", 2)
            yield Outcome(int(number), result, reason)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) != -signal.SIGALRM, "the child hung"


def _try_here(prepare: Prepare, folder: Path, at: int, failures: int) -> Outcome:
    files = open_files()
    deed = prepare(folder)
    try:
        done = _do_without_memory(deed, at, failures)
        check(deed, files, done=done, lost=not done)
    except BackendLockedError as error:
        if failures > 1:
            os._exit(1)
        return Outcome(at, WRONG, str(error))
    except Exception as error:  # noqa: BLE001 - it goes to the parent, which fails on it
        return Outcome(at, WRONG, repr(error)[:2000].replace("\t", " "))
    finally:
        deed.store.close()
        shutil.rmtree(folder)
    return Outcome(at, DONE if done else REFUSED)


def _do_without_memory(deed: Deed, at: int, failures: int) -> bool:
    act, give_memory_back = deed.act, _testcapi.remove_mem_hooks
    try:
        _testcapi.set_nomemory(at, at + failures)
        try:
            act()
        finally:
            give_memory_back()
    except BaseException as error:  # C code also says SystemError or TypeError for it
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":  # pydantic's
            return False
        raise
    return True


def _check_from_outside(same: Deed, folder: Path) -> None:
    """Check the log of a process that died; `same` is the same deed, not begun."""
    others = Store(JsonlBackend.at(folder, lock_timeout=0))
    others.get_or_create("s").append(message("other"))
    words = [word for word in said(open_session(folder)) if word != "other"]
    assert words in (same.before, same.after)
    repair(others, "s")
    health = open_session(folder).health
    assert (health.ok, health.where) == (True, ())
    same.store.close()
