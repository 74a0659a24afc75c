"""Where the project's files are, and what its modules are called. Read from disk, never imported."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "eventlog": "eventlog",
    "eventlog.tools": "tools",
}  # package -> folder, as in pyproject.toml


def python_files(root: Path = ROOT) -> dict[str, Path]:
    """Name every module of the library and its commands: `eventlog.tools.chat` -> tools/chat.py."""
    found: dict[str, Path] = {}
    for package, folder in FOLDERS.items():
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = path
    return found


def package_folders(root: Path = ROOT) -> set[str]:
    """Name every package that has an `__init__.py`."""
    return {name for name, path in python_files(root).items() if path.name == "__init__.py"}


def parse(path: Path) -> ast.Module:
    """Read one Python file without running it."""
    return ast.parse(path.read_bytes(), filename=str(path))


def project_files(root: Path = ROOT) -> Iterator[Path]:
    """Yield every file that is, or could next be, committed; skip the test outside a checkout."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        pytest.skip("not a git checkout: nobody says which files are the project's")
    command = [git, "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    for name in filter(None, listing.split("\0")):
        if (root / name).is_file():
            yield root / name
