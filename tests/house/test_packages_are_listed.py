"""pyproject.toml lists the packages by hand; a forgotten one would be missing from the wheel only."""

import tomllib
from pathlib import Path
from typing import Any

from tests.house.tree import FOLDERS, ROOT, package_folders


def setuptools_table(root: Path = ROOT) -> dict[str, Any]:
    table = tomllib.loads((root / "pyproject.toml").read_text())
    found: dict[str, Any] = table["tool"]["setuptools"]
    return found


def test_every_folder_is_listed_and_every_listed_folder_is_there() -> None:
    assert set(setuptools_table()["packages"]) == package_folders()


def test_the_mapping_is_the_one_the_house_tests_use() -> None:
    assert setuptools_table()["package-dir"] == FOLDERS


def test_a_folder_of_modules_without_init_is_caught() -> None:
    packages = package_folders()
    strays = {
        str(path.parent.relative_to(ROOT))
        for folder in FOLDERS.values()
        for path in (ROOT / folder).rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }
    assert packages
    assert strays == set()


def test_a_forgotten_package_is_seen(tmp_path: Path) -> None:
    for folder in ("eventlog", "eventlog/formats", "tools", "tools/deep"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    assert package_folders(tmp_path) == {
        "eventlog",
        "eventlog.formats",
        "eventlog.tools",
        "eventlog.tools.deep",
    }
