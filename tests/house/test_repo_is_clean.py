"""What is committed names no machine, no registry, and no module by a wrong name."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.house.tree import parse, project_files

# Written in pieces, so that this file does not find itself.
MACHINE_PATHS = re.compile(
    rb"(?<![\w.~$})-])/(?:" + b"|".join([b"wor" + b"k", b"roo" + b"t"]) + rb")/"
)
REGISTRIES = re.compile(rb"(?i)py" + rb"pi\.org|python" + rb"hosted\.org|npm" + rb"js\.(?:org|com)")


def lines_with(pattern: re.Pattern[bytes], files: Iterable[Path]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]!r}"
        for path in files
        for number, line in enumerate(path.read_bytes().split(b"\n"), start=1)
        if pattern.search(line)
    ]


def imports_of_tools(files: Iterable[Path]) -> list[str]:
    bad = []
    for path in files:
        if path.suffix != ".py":
            continue
        for node in ast.walk(parse(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            bad += [f"{path}:{node.lineno}" for name in names if name.split(".")[0] == "tools"]  # type: ignore[attr-defined]
    return bad


def test_no_path_of_one_machine_is_committed() -> None:
    bad = lines_with(MACHINE_PATHS, project_files())
    assert not bad, "\n".join(bad)


def test_no_registry_is_named() -> None:
    bad = lines_with(REGISTRIES, project_files())
    assert not bad, "\n".join(bad)


def test_tools_is_imported_as_eventlog_tools() -> None:
    bad = imports_of_tools(project_files())
    assert not bad, "\n".join(bad)


def test_the_folder_tools_cannot_be_imported_by_accident() -> None:
    with pytest.raises(ModuleNotFoundError):
        __import__("tools")


def test_the_project_has_files() -> None:
    assert sum(1 for _ in project_files()) > 20


@pytest.mark.parametrize("line", ["see /wor" + "k/main/x", '"/roo' + 't/.venv"', "a:/wor" + "k/b"])
def test_a_machine_path_is_caught(tmp_path: Path, line: str) -> None:
    bad = tmp_path / "notes.md"
    bad.write_text(f"fine\n{line}\n")
    assert len(lines_with(MACHINE_PATHS, [bad])) == 1


@pytest.mark.parametrize(
    "line", ["https://example.org/roo" + "t/x", "~/wor" + "k/x", "../wor" + "k/x"]
)
def test_a_path_of_no_machine_is_let_through(tmp_path: Path, line: str) -> None:
    good = tmp_path / "notes.md"
    good.write_text(line)
    assert lines_with(MACHINE_PATHS, [good]) == []


def test_a_registry_is_caught(tmp_path: Path) -> None:
    bad = tmp_path / "run"
    bad.write_text("pip install -i https://PyP" + "I.org/simple x\n")
    assert len(lines_with(REGISTRIES, [bad])) == 1


@pytest.mark.parametrize(
    "line", ["import tools", "import os, tools.chat", "from tools import chat"]
)
def test_an_import_of_tools_is_caught(tmp_path: Path, line: str) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(f"def f():\n    {line}\n")
    assert imports_of_tools([bad]) == [f"{bad}:2"]
