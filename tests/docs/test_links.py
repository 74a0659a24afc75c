"""Links between the pages lead somewhere."""

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, anchors, links
from tests.house.tree import ROOT


def broken(page: Path, targets: list[str]) -> list[str]:
    """Return the targets that name no file of ours, or no heading in it. The web is not asked."""
    bad = []
    for target in targets:
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            bad.append(target)
    return bad


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    assert broken(ROOT / page, links(page)) == []


def test_the_readme_leads_to_every_page() -> None:
    assert set(PAGES) <= {"README.md", *links("README.md")}


def test_every_page_is_looked_at() -> None:
    pages = {*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")}
    assert {str(page.relative_to(ROOT)) for page in pages} == set(PAGES)


def test_a_broken_link_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Far away\n")
    targets = ["page.md", "#far-away", "#near", "gone.md", "https://example.org/gone"]
    assert broken(page, targets) == ["#near", "gone.md"]
