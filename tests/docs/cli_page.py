"""docs/cli.md, made from the commands' own `--help`. `make docs` writes it anew."""

import click
from click.testing import CliRunner

from eventlog.tools.main import COMMANDS, cli
from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "cli.md"
WIDTH = 80


def help_of(*command: str) -> str:
    """Return what `eventlog COMMAND --help` prints on a terminal of 80 columns."""
    run = CliRunner().invoke(cli, [*command, "--help"], prog_name="eventlog", terminal_width=WIDTH)
    assert run.exit_code == 0, run.output
    return click.unstyle(run.output).rstrip()


def page() -> str:
    """Return the whole page."""
    parts = ["# Commands\n\nEach command's `--help`. Written by `make docs`; a test compares.\n"]
    for command in ([], *([name] for name in COMMANDS)):
        title = " ".join(["eventlog", *command])
        parts.append(f"## {title}\n\n```text\n{help_of(*command)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
