"""The fuzz targets hold for what was kept of earlier runs, and for some random changes of it."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.mutating import mutate, seed_log
from tests.fuzz.targets import TARGETS

CORPUS = sorted(Path(__file__).with_name("corpus").iterdir())
TRIES = 10_000 if os.environ.get("EVENTLOG_TEST_BUDGET") == "long" else 300


@pytest.mark.parametrize("check", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_corpus_breaks_nothing(path: Path, check: Callable[[bytes], None]) -> None:
    check(path.read_bytes())


@pytest.mark.parametrize("check", TARGETS.values(), ids=TARGETS)
def test_changed_logs_break_nothing(check: Callable[[bytes], None], rng: random.Random) -> None:
    began, data = time.monotonic(), seed_log(1, 2, 1)
    for _ in range(TRIES):
        data = mutate(data if rng.random() < 0.7 else rng.choice(CORPUS).read_bytes(), rng)
        check(data)
    print(f"{TRIES:,} logs in {time.monotonic() - began:.1f} s")
