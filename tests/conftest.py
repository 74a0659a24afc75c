"""What holds for every test: no settings of the person who runs them, known randomness, one budget.

EVENTLOG_TEST_BUDGET=long (`make test-long`) runs the same tests with many more examples.
EVENTLOG_TEST_SEED=N repeats the `rng` of a failed run, which printed its N.
"""

import os
import random
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# `pythonpath = ["."]` would let `import tools` find the folder that is installed as eventlog.tools,
# a second copy of every module. None here makes that import fail as if the folder were not there.
sys.modules["tools"] = None  # type: ignore[assignment]  # what the import system documents for this

# Run in the background, a shell lets us ignore Ctrl-C, and all that we start would too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PLAIN = settings.get_profile("default")
settings.register_profile(
    "quick", PLAIN, max_examples=50, deadline=None, derandomize=False, print_blob=True
)
settings.register_profile(
    "long", settings.get_profile("quick"), max_examples=2000, stateful_step_count=200
)
settings.load_profile("long" if os.environ.get("EVENTLOG_TEST_BUDGET") == "long" else "quick")

FOREIGN_PREFIXES = ("OPENAI_", "AZURE_OPENAI_", "ARK_", "EVENTLOG_")
FOREIGN_NAMES = {"MODEL_TYPE", "SESSION_DIR", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"}
OURS_PREFIX = "EVENTLOG_TEST_"


def is_foreign(name: str) -> bool:
    """Tell whether the environment variable `name` would change what a test sees."""
    if name.startswith(OURS_PREFIX):
        return False
    return name in FOREIGN_NAMES or name.startswith(FOREIGN_PREFIXES)


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> Iterator[None]:
    """Hide the developer's keys, store and terminal from every test and from what tests start.

    For the session, so that servers and stores made by wider fixtures are covered too; a test that
    wants a variable sets it with its own `monkeypatch`. Loopback servers are never reached by proxy.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(is_foreign, list(os.environ)):
            patch.delenv(name)
        patch.setenv("NO_PROXY", "*")
        patch.setenv("no_proxy", "*")
        yield


@pytest.fixture
def rng() -> random.Random:
    """Give a random generator whose seed is printed, and thus shown when the test fails."""
    seed = int(os.environ.get("EVENTLOG_TEST_SEED") or random.SystemRandom().getrandbits(32))
    print(f"EVENTLOG_TEST_SEED={seed}")
    return random.Random(seed)
