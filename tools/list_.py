"""`eventlog list`: the sessions of a store, a row each."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec

from .options import json_option, open_place, store_option
from .terminal import one_line, print_table, safe_json, warn

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
    _warn_of(rows)
    if as_json:
        click.echo(safe_json(codec.dump_json([describe(row) for row in shown], pretty=True)))
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


def _warn_of(rows: "list[SessionRow]") -> None:
    """Say once how many of the sessions are not well, and what to do about the first."""
    ill = [row.id for row in rows if row.problem or not row.health.ok]
    if ill:
        count = "1 session is" if len(ill) == 1 else f"{len(ill)} sessions are"
        warn(f"{count} damaged or unreadable (see STATE). Look: eventlog repair {ill[0]}")


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
