"""Modules and functions stay small enough to be read at one sitting."""

import ast
from collections.abc import Iterable
from pathlib import Path

from tests.house.tree import parse, python_files

MODULE_LINES = 400
FUNCTION_LINES = 60  # from `def` to the last line, its docstring included


def too_long(files: Iterable[Path]) -> list[str]:
    bad = []
    for path in files:
        lines = path.read_bytes().count(b"\n")
        if lines > MODULE_LINES:
            bad.append(f"{path.name}: {lines} lines")
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    bad.append(f"{path.name}:{node.lineno} {node.name}: {length} lines")
    return bad


def test_no_module_and_no_function_is_too_long() -> None:
    bad = too_long(python_files().values())
    assert not bad, "\n".join(bad)


def test_a_long_module_is_caught(tmp_path: Path) -> None:
    bad = tmp_path / "long.py"
    bad.write_text("x = 1\n" * (MODULE_LINES + 1))
    assert too_long([bad]) == ["long.py: 401 lines"]


def test_a_long_function_is_caught(tmp_path: Path) -> None:
    bad = tmp_path / "long.py"
    bad.write_text("class A:\n    async def f(self):\n" + "        x = 1\n" * FUNCTION_LINES)
    assert too_long([bad]) == ["long.py:2 f: 61 lines"]


def test_what_is_just_short_enough_is_let_through(tmp_path: Path) -> None:
    good = tmp_path / "short.py"
    good.write_text("def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1) + "y = 2\n" * (340))
    assert too_long([good]) == []
