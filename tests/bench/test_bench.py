"""The bench runs in its short form, so that it cannot rot. What it measures here says nothing."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.house.tree import ROOT


def run(*arguments: str) -> str:
    words = [sys.executable, "-m", "tests.bench.bench", "--quick", *arguments]
    return subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT).stdout


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run("--json"))
    return result


def test_every_row_compares_two_times(found: dict[str, Any]) -> None:
    for row in found["rows"]:
        if not row["problem"]:
            assert row["ours"] > 0
            assert row["ratio"] == pytest.approx(row["ours"] / row["peer"], rel=0.01, abs=0.001)


def test_a_row_with_an_aim_says_whether_it_was_met(found: dict[str, Any]) -> None:
    for row in found["rows"]:
        if row["aim"] and not row["problem"]:
            assert row["verdict"] == ("ok" if row["ratio"] <= row["aim"] else "MISSED")


def test_only_the_commands_may_be_missing(found: dict[str, Any]) -> None:
    missing = [row["name"] for row in found["rows"] if row["problem"]]
    assert all(name.startswith("eventlog ") for name in missing)


def test_the_machine_is_named(found: dict[str, Any]) -> None:
    assert all(found["machine"].values())


def test_the_table_has_a_line_for_each_row(found: dict[str, Any]) -> None:
    table = run().splitlines()
    assert [line.split("  ")[0] for line in table[2:]] == [row["name"] for row in found["rows"]]
