"""A developer's keys, store and terminal settings reach no test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

SETTINGS = {
    "OPENAI_API_KEY": "sk-never-used",
    "OPENAI_BASE_URL": "http://127.0.0.1:9",
    "ARK_API_KEY": "never-used",
    "MODEL_TYPE": "ark",
    "EVENTLOG_STORE": "elsewhere",
    "EVENTLOG_LOCAL_MODEL": "other.gguf",
    "SESSION_DIR": "elsewhere",
    "COLUMNS": "20",
}


def test_no_setting_reaches_a_test() -> None:
    assert not SETTINGS.keys() & os.environ.keys()


@pytest.mark.skipif("EVENTLOG_TEST_INNER" in os.environ, reason="this is the inner run")
def test_no_setting_of_the_caller_reaches_a_test() -> None:
    inner = f"{Path(__file__).relative_to(ROOT)}::test_no_setting_reaches_a_test"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", inner]
    dirty = os.environ | SETTINGS | {"EVENTLOG_TEST_INNER": "1"}
    run = subprocess.run(command, check=False, cwd=ROOT, env=dirty, capture_output=True, text=True)
    assert "1 passed" in run.stdout, run.stdout
