"""`eventlog list`: the sessions of a store, a row each."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec

from .options import json_option, open_place, store_option
from .terminal import one_line, print_table

if TYPE_CHECKING:
    from eventlog.store import SessionRow

SHOWN = 20


@click.command("list", epilog="Example: eventlog list --limit 5")
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True,
              help="The most sessions shown.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Show all of them.")
@json_option
@store_option
def command(limit: int, *, everything: bool, as_json: bool, place: str | None) -> None:
    """List the sessions, the last used first."""
    rows = open_place(place).list()
    shown = rows if everything else rows[:limit]
    if as_json:
        click.echo(codec.dump_json([describe(row) for row in shown], pretty=True))
        return
    if not rows:
        click.echo("No sessions yet. Begin one: eventlog chat", err=True)
        return
    print_table(("ID", "TITLE", "MESSAGES", "UPDATED", "STATE"), [_cells(row) for row in shown])
    if len(shown) < len(rows) and sys.stdout.isatty():
        click.echo(f"{len(rows) - len(shown)} more: eventlog list --all", err=True)


def describe(row: "SessionRow") -> dict[str, Any]:
    """Return a row as JSON shows it."""
    summary, health = row.summary, row.health
    return {
        "id": row.id,
        "title": summary.title,
        "created": summary.created,
        "updated": summary.updated,
        "messages": summary.messages,
        "version": summary.version,
        "model": summary.model,
        "bytes": health.bytes,
        "ok": health.ok and row.problem is None,
        "problem": row.problem,
    }


def _cells(row: "SessionRow") -> tuple[str, ...]:
    state = "unreadable" if row.problem else "ok" if row.health.ok else "damaged"
    title = row.problem or row.summary.title
    messages = str(row.summary.messages)
    return (row.id, one_line(title), messages, local_time(row.summary.updated), state)


def local_time(at: str) -> str:
    """Show a recorded time in the local time zone, to the minute."""
    try:
        return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return ""
