"""The project's pages, and what is cut out of them: code blocks, tables, links, headings."""

import re
from pathlib import Path

from tests.house.tree import ROOT

PAGES = (
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/format.md",
    "docs/durability.md",
    "docs/cli.md",
)

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the contents of a page's fenced blocks in one language."""
    return [body for name, body in _BLOCK.findall(text_of(page)) if name == language]


def outside_blocks(page: str) -> str:
    return _BLOCK.sub("", text_of(page))


def links(page: str) -> list[str]:
    return _LINK.findall(outside_blocks(page))


def anchors(page: Path) -> set[str]:
    """Return what a `#…` behind a link to this page may say."""
    headings = _HEADING.findall(page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def rows(page: str, first_heading: str) -> list[list[str]]:
    """Return the cells of the table whose first column has this heading."""
    lines = iter(text_of(page).splitlines())
    table: list[list[str]] = []
    for line in lines:
        if _cells(line)[:1] == [first_heading]:
            next(lines)  # the rule below the headings
            for row in lines:
                if not row.startswith("|"):
                    return table
                table.append(_cells(row))
    assert table, f"{page} has no table that begins with {first_heading!r}"
    return table


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")] if line[:1] == "|" else []
