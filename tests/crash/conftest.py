"""The tally of the fault suite: how many states each of its tests tried, and how long that took.

A test asks for `states` and says `states.tried += 1` for each state (a damage, a crash, a failed
call) that it put the real code into; one that tries none is not listed. The table ends the run.

`states` lives for the session, so that Hypothesis tests may ask for it too; the hook below makes
it count from 0 in each test. `exhaustive` tells whether to try every state.
"""

import os
import time
from collections.abc import Generator
from dataclasses import dataclass, field

import pytest


@dataclass
class Tally:
    """What the running test tried, and what the earlier ones did: test -> (states, seconds)."""

    tried: int = 0
    taken: dict[str, tuple[int, float]] = field(default_factory=dict)

    def book(self, test: str, seconds: float) -> None:
        """Add the running test's states to the table; the cases of a parametrised test are one."""
        if self.tried:
            states, before = self.taken.get(test, (0, 0.0))
            self.taken[test] = (states + self.tried, before + seconds)


TALLY = pytest.StashKey[Tally]()


@pytest.fixture(scope="session")
def states(pytestconfig: pytest.Config) -> Tally:
    """Count the states tried: `states.tried += 1`."""
    return pytestconfig.stash.setdefault(TALLY, Tally())


@pytest.fixture(scope="session")
def exhaustive() -> bool:
    """Tell whether to try every state (`make test-long`), not a seeded sample of them."""
    return os.environ.get("EVENTLOG_TEST_BUDGET") == "long"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    tally = item.config.stash.setdefault(TALLY, Tally())
    tally.tried, began = 0, time.perf_counter()
    try:
        return (yield)
    finally:
        tally.book(item.nodeid.partition("[")[0], time.perf_counter() - began)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    taken = config.stash.setdefault(TALLY, Tally()).taken
    if not taken:
        return
    terminalreporter.section("fault suite: states tried")
    for test, (states, seconds) in sorted(taken.items()):
        terminalreporter.write_line(f"{states:>10,} in {seconds:7.1f} s  {test}")
    states = sum(count for count, _ in taken.values())
    seconds = sum(spent for _, spent in taken.values())
    terminalreporter.write_line(f"{states:>10,} in {seconds:7.1f} s  in all")
