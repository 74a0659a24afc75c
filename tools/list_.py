"""`eventlog list`: the sessions of a store, a row each."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec

from .filters import filter_options, wanted
from .options import json_option, open_place, store_option
from .progress import progress_bar
from .terminal import one_line, print_table, safe_json, warn

if TYPE_CHECKING:
    from eventlog.catalog import SessionRow, Sort

SHOWN = 20
SORTS = ("updated", "created", "title", "messages", "size")


@click.command("list", epilog='Example: eventlog list --since "3 days ago" --tag work')
@filter_options
@click.option("--sort", type=click.Choice(SORTS), default="updated", show_default=True,
              help="What comes first: the newest, the first title, or the most.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True,
              help="The most sessions shown.")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Show all of them.")
@json_option
@store_option
def command(
    *,
    sort: "Sort",
    limit: int,
    everything: bool,
    as_json: bool,
    place: str | None,
    **asked: Any,
) -> None:
    """List the sessions, the last used first.

    A session is used when it is begun, when something is said in it and when a model is called; a
    title, tags, a pin, a rewind or an erasure is no use. UPDATED is the time of the last use.
    """
    catalog = open_place(place).catalog(progress_bar)
    chosen = wanted(**asked)
    rows, count, ill = catalog.sessions(chosen, sort=sort, limit=None if everything else limit)
    warn_of_ill(ill)
    if as_json:
        click.echo(safe_json(codec.dump_json([describe(row) for row in rows], pretty=True)))
        return
    if not rows:
        _say_nothing(place, filtered=any(asked.values()))
        return
    headings = ("ID", "TITLE", "MESSAGES", "UPDATED", "STATE", "TAGS")
    well = all(row.health.ok and row.problem is None for row in rows)
    print_table(headings, [_cells(row) for row in rows], needed=() if well else ("STATE",))
    if len(rows) < count:
        click.echo(f"{count - len(rows):,} more: eventlog list --all", err=True)


def describe(row: "SessionRow") -> dict[str, Any]:
    """Return a row as JSON shows it."""
    summary, tokens = row.summary, row.tokens
    return {
        "id": row.id,
        "title": summary.title,
        "created": summary.created,
        "updated": summary.updated,
        "messages": summary.messages,
        "version": summary.version,
        "model": summary.model,
        "models": list(row.models),
        "tags": list(row.tags),
        "pinned": row.pinned,
        "origin": row.origin,
        "prompt_tokens": tokens.prompt_tokens,
        "completion_tokens": tokens.completion_tokens,
        "untold": tokens.untold,
        "cost": tokens.cost,
        "bytes": row.size,
        "ok": row.health.ok and row.problem is None,
        "problem": row.problem,
    }


def _say_nothing(place: str | None, *, filtered: bool) -> None:
    if place and "://" not in place and not Path(place).is_dir():
        click.echo(f"There is no folder {one_line(place)}: its first session makes it", err=True)
    elif filtered:
        click.echo("No session is like that. All of them: eventlog list --all", err=True)
    else:
        click.echo("No sessions yet. Begin one: eventlog chat", err=True)


def warn_of_ill(ill: list[str]) -> None:
    """Say once how many of the store's sessions are not well, and what to do about the first."""
    if ill:
        count = "1 session is" if len(ill) == 1 else f"{len(ill)} sessions are"
        warn(f"{count} damaged or unreadable (see STATE). Look: eventlog repair {ill[0]}")


def _cells(row: "SessionRow") -> tuple[str, ...]:
    state = "unreadable" if row.problem else "ok" if row.health.ok else "damaged"
    title = row.problem or row.summary.title
    tags = ", ".join([*(["(pinned)"] if row.pinned else []), *row.tags])
    updated = local_time(row.summary.updated)
    return (row.id, one_line(title), str(row.summary.messages), updated, state, one_line(tags))


def local_time(at: str) -> str:
    """Show a recorded time in the local time zone, to the minute."""
    try:
        return f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return ""
