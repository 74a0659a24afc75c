"""`eventlog stats`: what was said, asked and paid, over time or by model, tag or session."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from eventlog import codec

from .charts import Bar, print_bars
from .filters import filter_options, wanted
from .list_ import warn_of_ill
from .options import json_option, open_place, store_option
from .progress import progress_bar
from .sums import (
    PERIODS,
    By,
    Keys,
    Period,
    Sum,
    add_up,
    between,
    by_model,
    by_period,
    by_session,
    by_tag,
    following,
    of_models,
    periods_between,
    untold,
)  # fmt: skip
from .terminal import BETWEEN, one_line, room_beside, safe_json, tell_left_out, without_room

if TYPE_CHECKING:
    from eventlog.catalog import SessionRow

Chart = Literal["tokens", "messages", "sessions", "cost", "none"]

SHOWN = 30
_WAYS = ("day", "week", "month", "model", "tag", "session")
_CHARTS = ("tokens", "messages", "sessions", "cost", "none")
_ONE_BY_ONE = 3  # so many empty periods have a line each in the chart; more have one together
_NUMBERS = ("sessions", "messages", "calls", "failed", "prompt", "completion", "cached", "reasoning", "untold")  # fmt: skip
_LESS_NEEDED = ("untold", "reasoning", "cached", "failed", "completion", "prompt", "sessions", "calls", "messages")  # fmt: skip
_NAME_WIDTHS = {"model": 16, "tag": 12, "session": 46}  # at least; what is longer is cut off


class _Asked(NamedTuple):
    """How to add up, and the titles of sessions, if they are the rows."""

    by: By
    titles: dict[str, str]

    @property
    def period(self) -> Period | None:
        return self.by if self.by in PERIODS else None


@click.command("stats", epilog='Example: eventlog stats --by model --since "30 days ago"')
@click.option("--by", type=click.Choice(_WAYS), default="day", show_default=True,
              help="What has a row: a time, or a model, a tag, a session.")  # fmt: skip
@filter_options
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True,
              help="The most rows: the last times, or those that used most.")  # fmt: skip
@click.option("--chart", type=click.Choice(_CHARTS), default="tokens", show_default=True,
              help="What the bars below the table show.")  # fmt: skip
@json_option
@store_option
def command(
    *, by: By, limit: int, chart: Chart, as_json: bool, place: str | None, **asked: Any
) -> None:
    """Add up sessions, messages, model calls, tokens and cost.

    \b
    sessions          that were used
    messages          that were said, on all branches
    calls, failed     of a model
    prompt …          tokens, as the provider counted them; cached is part of
                      prompt, reasoning of completion
    untold            calls whose tokens nobody told: the sums lack them
    cost              as it was recorded with each call (--prices of eventlog chat)

    --since and --until choose what was used then, to the quarter of an hour; --tag chooses
    sessions; --model chooses calls, and the messages of sessions with such calls. Days are those of
    the local time zone, weeks begin on Monday. What a fork inherits counts only where it was said.
    A session with two tags counts under each, and once in the total.
    """  # noqa: D301 - click's mark for "do not wrap" is the character itself
    catalog = open_place(place).catalog(progress_bar)
    chosen = wanted(**asked)
    sessions = wanted(None, None, chosen.tags, chosen.models)
    found = of_models(catalog.activity(sessions), chosen.models)
    rows, _, ill = catalog.sessions(sessions, limit=None if by in ("tag", "session") else 0)
    warn_of_ill(ill)
    sums, total = add_up(between(found, chosen.since, chosen.until), _keys(by, rows))
    ordered = _in_order(list(sums.values()), by)
    shown = ordered[-limit:] if by in PERIODS else ordered[:limit]
    how = _Asked(by, {row.id: row.problem or row.summary.title for row in rows})
    if as_json:
        click.echo(safe_json(codec.dump_json(_described(shown, total, how), pretty=True)))
    elif not sums:
        _say_nothing(filtered=any(asked.values()))
    elif not sys.stdout.isatty():
        for row in shown:
            click.echo("\t".join([*_names(row, how), *_plain(row, how)]))
    else:
        _print_table(shown, total, how)
        _tell_of_untold(total)
        _print_chart(shown, chart, how)
        _tell_of_more(len(ordered) - len(shown), how)


# Adding up.


def _keys(by: By, rows: "Sequence[SessionRow]") -> Keys:
    if by == "model":
        return by_model
    if by == "session":
        return by_session
    if by == "tag":
        return by_tag({row.id: row.tags for row in rows})
    return by_period(by, datetime.astimezone)


def _in_order(sums: list[Sum], by: By) -> list[Sum]:
    """Sort: times as they pass, all else by what was used most."""
    if by in PERIODS:
        return sorted(sums, key=lambda row: row.key)
    return sorted(sums, key=lambda row: (-row.read_and_written, -row.messages, row.key))


# What is shown.


def _described(shown: Sequence[Sum], total: Sum, how: _Asked) -> dict[str, Any]:
    rows = [{how.by: row.key or None, **_title(row, how), **_counts(row, how)} for row in shown]
    return {"by": how.by, "rows": rows, "total": _counts(total, _Asked("day", {}))}


def _title(row: Sum, how: _Asked) -> dict[str, str]:
    return {"title": how.titles.get(row.key, "")} if how.by == "session" else {}


def _counts(row: Sum, how: _Asked) -> dict[str, Any]:
    messages = {} if how.by == "model" else {"messages": row.messages}
    return {"sessions": len(row.sessions), **messages, **asdict(row.tokens)}


def _names(row: Sum, how: _Asked) -> list[str]:
    return [one_line(row.key), *map(one_line, _title(row, how).values())]


def _numbers(row: Sum, how: _Asked) -> dict[str, int]:
    counts = [each for each in _counts(row, how).values() if isinstance(each, int)]
    names = [name for name in _NUMBERS if how.by != "model" or name != "messages"]
    return dict(zip(names, counts, strict=True))


def _plain(row: Sum, how: _Asked) -> list[str]:
    cost = ", ".join(f"{amount} {currency}" for currency, amount in sorted(row.tokens.cost.items()))
    return [*map(str, _numbers(row, how).values()), cost]


def _say_nothing(*, filtered: bool) -> None:
    if filtered:
        click.echo("Nothing was used that is like that. All there is: eventlog stats", err=True)
    else:
        click.echo("Nothing to add up yet. Begin a session: eventlog chat", err=True)


def _tell_of_untold(total: Sum) -> None:
    if total.tokens.untold:
        click.echo(f"{untold(total.tokens.untold)}: the sums are without them.\n", err=True)


def _tell_of_more(count: int, how: _Asked) -> None:
    if count:
        which = "earlier" if how.period else "more"
        click.echo(f"{count:,} {which}, counted in the total: a higher --limit", err=True)


# In a terminal.


def _print_table(shown: Sequence[Sum], total: Sum, how: _Asked) -> None:
    """Print a table and its total; counts that do not fit, or are all zero, have no column."""
    from rich import box  # noqa: PLC0415 - 50 ms that only a terminal needs
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    columns = _columns([*shown, total], how)
    left_out = _make_fit(columns, how)
    names = [*(" ".join(_names(row, how)) or f"(no {how.by})" for row in shown), "TOTAL"]
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
    )
    table.add_column(how.by.upper(), no_wrap=True, overflow="ellipsis", max_width=_room(columns))
    for name, cells in columns.items():
        table.add_column(name.upper(), justify="right", no_wrap=True, min_width=_width(name, cells))
    for number, name in enumerate(names):
        cells = [column[number] for column in columns.values()]
        table.add_row(Text(name), *cells, end_section=number == len(shown) - 1)
    click.echo()
    Console().print(table)
    click.echo()
    tell_left_out(left_out)


def _columns(rows: Sequence[Sum], how: _Asked) -> dict[str, list[str]]:
    """Return the columns by name; a session's are its counts, so it needs none of sessions."""
    *_, total = rows
    names = [*_numbers(total, how), *sorted(total.tokens.cost)]
    wanted_ = [name for name in names if (name, how.by) != ("sessions", "session")]
    columns = {name: [_cell(row, how, name) for row in rows] for name in wanted_}
    return {name: cells for name, cells in columns.items() if cells[-1] != "0"}


def _cell(row: Sum, how: _Asked, column: str) -> str:
    if column in _NUMBERS:
        return f"{_numbers(row, how)[column]:,}"
    return row.tokens.cost.get(column, "0")


def _make_fit(columns: dict[str, list[str]], how: _Asked) -> list[str]:
    """Take out columns until the rest fits into the terminal; return their names."""
    widths = {name: _width(name, cells) for name, cells in columns.items()}
    names = _NAME_WIDTHS.get(how.by, len("2026-11-22"))
    left_out = without_room({"": names, **widths}, _LESS_NEEDED)
    for name in left_out:
        del columns[name]
    return left_out


def _room(columns: dict[str, list[str]]) -> int:
    """Return how many columns of the terminal are left for the names of the rows."""
    used = (_width(name, cells) for name, cells in columns.items())
    return max(room_beside(used) - BETWEEN, 1)


def _width(name: str, cells: list[str]) -> int:
    return max(len(name), *map(len, cells))


def _print_chart(shown: Sequence[Sum], chart: Chart, how: _Asked) -> None:
    """Print bars; each currency has its own, as they cannot be compared."""
    if chart == "none":
        return
    if chart == "tokens" and not any(row.read_and_written for row in shown):
        chart = "sessions" if how.by == "model" else "messages"
    if chart != "cost":
        click.secho(chart.upper(), bold=True)
        print_bars(list(_bars(shown, chart, how)))
        return
    currencies = sorted({currency for row in shown for currency in row.tokens.cost})
    if not currencies:
        click.echo("No cost was recorded: eventlog chat --prices", err=True)
    for currency in currencies:
        click.secho(f"COST, {currency}", bold=True)
        print_bars(list(_bars(shown, currency, how)))


def _bars(shown: Sequence[Sum], what: str, how: _Asked) -> Iterator[Bar]:
    before = ""
    for row in shown:
        if how.period and before:
            yield from _gap(before, row.key, how.period)
        before = row.key
        label = _names(row, how)[-1] or f"(no {how.by})"
        number = _number(row, what)
        yield Bar(label, number, f"{number:,f}" if isinstance(number, Decimal) else f"{number:,}")


def _number(row: Sum, what: str) -> int | Decimal:
    if what == "tokens":
        return row.read_and_written
    if what in ("messages", "sessions"):
        return row.messages if what == "messages" else len(row.sessions)
    return Decimal(row.tokens.cost.get(what, "0"))


def _gap(before: str, after: str, period: Period) -> Iterator[Bar]:
    """Give a line to each period in which nothing was used, or one to many."""
    count = periods_between(before, after, period)
    if count > _ONE_BY_ONE:
        yield Bar(f"… {count:,} {period}s without", None)
        return
    for _ in range(count):
        before = following(before, period)
        yield Bar(before, 0, "0")
