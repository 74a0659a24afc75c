"""Imports go down only: the floors of ARCHITECTURE.md, written once more and enforced."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.house.tree import parse, python_files

# Module, or folder with all that is in it -> floor. A module may import from lower floors only.
# A number between two floors is a ledge: below the one, above the other.
FLOORS = {
    "eventlog.errors": 0,
    "eventlog.version": 0,
    "eventlog.money": 0.5,
    "eventlog.record": 0.5,
    "eventlog.shapes": 0.5,
    "eventlog.events": 1,
    "eventlog.upcast": 1,
    "eventlog.payload": 1,
    "eventlog.codec": 2,
    "eventlog.blobs": 2.5,
    "eventlog.projection": 2,
    "eventlog.backend": 3,
    "eventlog.health": 2,
    "eventlog.chain": 3,
    "eventlog.projections": 3,
    "eventlog.salvage": 3,
    "eventlog.bridging": 3.25,
    "eventlog.mending": 3.5,
    "eventlog.backends": 4,
    "eventlog.opening": 4.2,
    "eventlog.reading": 4.2,
    "eventlog.checking": 4.3,
    "eventlog.collecting": 4.3,
    "eventlog.drafts": 4.3,
    "eventlog.catalog": 4.4,
    "eventlog.request": 4.4,
    "eventlog.snapshot": 4.4,
    "eventlog.session": 4.5,
    "eventlog.labels": 4.6,
    "eventlog.local_model": 5,
    "eventlog.store": 5,
    "eventlog.provider": 5.2,
    "eventlog.model_failure": 5.4,
    "eventlog.prices": 5.4,
    "eventlog.reply": 5.6,
    "eventlog.descent": 5.8,
    "eventlog.generation": 5.8,
    "eventlog.foreign": 5.9,
    "eventlog.told": 5.95,
    "eventlog.secret_shapes": 5.95,
    "eventlog.sources": 5.95,
    "eventlog.compaction": 6,
    "eventlog.model": 6,
    "eventlog.redaction": 6,
    "eventlog.repair": 6,
    "eventlog.retention": 6,
    "eventlog.transfer": 6,
    "eventlog.verify": 6,
    "eventlog.bringing": 5.95,
    "eventlog.carrying": 6,
    "eventlog.bundle": 6.2,
    "eventlog.branching": 6,
    "eventlog.erasure": 6,
    "eventlog.replay": 6,
    "eventlog.summarizing": 6.5,
    "eventlog.titling": 6.5,
    "eventlog.turn": 6.5,
    "eventlog.rerun": 6.6,
    "eventlog.adapters": 7,
    "eventlog.formats.pieces": 6.8,  # what several formats need, each by its own folder
    "eventlog.formats.results": 6.8,
    "eventlog.formats": 7,
    "eventlog.importing": 7.2,
    "eventlog": 7.5,  # __init__.py: the public names, each imported when first asked for
    "eventlog.tools": 8,
    "eventlog.__main__": 9,
    "eventlog.testing": 9,  # for tests, ours and anybody's: nothing of ours imports it
}
TOP = "eventlog"


def floor_key(module: str, floors: Mapping[str, float] = FLOORS) -> str | None:
    """Find the row for `module`: its own, or that of the nearest folder around it below the top."""
    while module not in floors:
        module = module.rpartition(".")[0]
        if module in ("", TOP):
            return None
    return module


def imports_of(module: str, path: Path, known: Iterable[str]) -> Iterator[tuple[int, str, int]]:
    """Yield (line, imported module of ours, level of a relative import) for every import.

    Imports inside functions and under TYPE_CHECKING count, and `import_module` with a literal name.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    known = set(known)
    for node in ast.walk(parse(path)):
        match node:
            case ast.Import(names=names):
                found = [(alias.name, 0) for alias in names]
            case ast.ImportFrom(module=name, names=names, level=level):
                base = absolute(name, level, package)
                under = [f"{base}.{alias.name}" for alias in names]
                found = [(each if each in known else base, level) for each in under]
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                level = len(name) - len(name.lstrip("."))
                found = [(absolute(name.lstrip("."), level, package), level)]
            case _:
                continue
        for target, level in found:
            if target == TOP or target.startswith(TOP + "."):
                yield node.lineno, target, level


def absolute(name: str | None, level: int, package: str) -> str:
    """Resolve a possibly relative module name."""
    if not level:
        return name or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


def complaint(
    module: str, target: str, level: int, floors: Mapping[str, float] = FLOORS
) -> str | None:
    """Say why `module` may not import `target`, or None where it may."""
    row, target_row = floor_key(module, floors), floor_key(target, floors)
    if row is None or target_row is None:
        return f"no floor is written for {module if row is None else target}"
    if row == TOP or floors[target_row] < floors[row]:
        return None
    if row != target_row:
        return f"floor {floors[row]} imports {target} on floor {floors[target_row]}"
    if level != 1:  # the same folder, which has one row
        return f"imports {target} of its own folder, and not as `from .`"
    return None


def broken_rules(files: Mapping[str, Path], floors: Mapping[str, float] = FLOORS) -> list[str]:
    """List every import that does not go down, and every module without a floor."""
    bad = [f"{module}: no floor is written" for module in files if not floor_key(module, floors)]
    for module, path in files.items():
        for line, target, level in imports_of(module, path, files):
            why = complaint(module, target, level, floors)
            if why:
                bad.append(f"{path.name}:{line} {module}: {why}")
    return bad


def test_every_import_goes_down() -> None:
    files = python_files()
    assert len(files) > 2  # it looked at something
    bad = broken_rules(files)
    assert not bad, "\n".join(bad)


def tower(root: Path, **sources: str) -> dict[str, Path]:
    """Write a small project: `backends__memory="…"` is eventlog/backends/memory.py."""
    (root / "tools").mkdir()
    for name, source in sources.items():
        parts = ["__init__"] if name == "init" else name.split("__")
        path = root.joinpath(*(parts if parts[0] == "tools" else ["eventlog", *parts]))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(source)
    return python_files(root)


def test_an_import_upwards_is_caught(tmp_path: Path) -> None:
    files = tower(tmp_path, errors="", codec="from eventlog.store import Store\n", store="")
    assert broken_rules(files) == [
        "codec.py:1 eventlog.codec: floor 2 imports eventlog.store on floor 5"
    ]


def test_a_neighbour_is_caught(tmp_path: Path) -> None:
    files = tower(tmp_path, codec="from . import projection\n", projection="")
    assert broken_rules(files) == [
        "codec.py:1 eventlog.codec: floor 2 imports eventlog.projection on floor 2"
    ]


def test_imports_in_functions_and_for_types_are_caught(tmp_path: Path) -> None:
    source = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n"
        "    from eventlog.backend import Backend\n"
        "def late():\n"
        "    import eventlog.store as s\n"
        "    importlib.import_module('eventlog.turn')\n"
    )
    found = broken_rules(tower(tmp_path, events=source, backend="", store="", turn=""))
    assert [line.split()[0] for line in found] == ["events.py:3", "events.py:5", "events.py:6"]


def test_a_relative_import_upwards_is_caught(tmp_path: Path) -> None:
    files = tower(tmp_path, backends__jsonl__log="from ...store import Store\n", store="")
    assert broken_rules(files) == [
        "log.py:1 eventlog.backends.jsonl.log: floor 4 imports eventlog.store on floor 5"
    ]


def test_inside_a_folder_imports_are_relative(tmp_path: Path) -> None:
    good = "from . import usage\nfrom .usage import fold\n"
    bad = "from eventlog.projections import usage\n"
    files = tower(tmp_path, projections__good=good, projections__bad=bad, projections__usage="")
    (only,) = broken_rules(files)
    assert only.startswith("bad.py:1 eventlog.projections.bad: imports eventlog.projections.usage")


def test_going_down_is_allowed(tmp_path: Path) -> None:
    source = "import orjson\nfrom eventlog.errors import AppendError\nfrom eventlog import codec\n"
    assert broken_rules(tower(tmp_path, errors="", codec="", backend=source)) == []


def test_nothing_imports_the_contract_suite(tmp_path: Path) -> None:
    files = tower(tmp_path, testing="", tools__check="from eventlog import testing\n")
    assert broken_rules(files) == [
        "check.py:1 eventlog.tools.check: floor 8 imports eventlog.testing on floor 9"
    ]


def test_a_module_without_a_floor_is_caught(tmp_path: Path) -> None:
    files = tower(tmp_path, attic="", errors="")
    assert broken_rules(files) == ["eventlog.attic: no floor is written"]


def test_the_public_names_may_come_from_anywhere_below_the_commands(tmp_path: Path) -> None:
    source = "def __getattr__(name):\n    from eventlog.store import Store\n"
    assert broken_rules(tower(tmp_path, init=source, store="")) == []
