"""Every command is in the pages, and docs/cli.md is what `--help` says today."""

from eventlog.tools.main import COMMANDS
from tests.docs.cli_page import PAGE, page
from tests.docs.pages import rows


def test_the_page_of_commands_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_command_has_a_section() -> None:
    headings = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "## "]
    assert headings == ["## eventlog", *(f"## eventlog {name}" for name in COMMANDS)]


def test_the_readme_lists_every_command_and_no_other() -> None:
    named = [row[0].strip("`").split()[1] for row in rows("README.md", "command")]
    assert named == list(COMMANDS)
