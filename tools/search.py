"""`eventlog search`: find what was said, in all sessions, and how to get there."""

import re
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec

from .filters import filter_options, first_moment, last_moment, wanted
from .list_ import local_time
from .options import json_option, open_place, store_option
from .progress import progress_bar
from .terminal import one_line, safe, safe_json, warn_of_lost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventlog.catalog import Catalog, Hit, Query, Snippet, Wanted

SHOWN = 10
_INDENT = 6  # columns beside a hit's text, with the signs that it goes on
_OPERATORS = ("AND", "OR", "NOT")


@click.command(
    "search", epilog='Example: eventlog search "disk full" role:user --since "30 days ago"'
)
@click.argument("query", nargs=-1, required=True)
@filter_options
@click.option("--newest", is_flag=True, help="The newest first, not the best.")
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True,
              help="The most hits shown.")  # fmt: skip
@json_option
@store_option
def command(
    query: tuple[str, ...],
    *,
    newest: bool,
    limit: int,
    as_json: bool,
    place: str | None,
    **asked: Any,
) -> int:
    """Find what was said, in all sessions: messages, titles and summaries.

    \b
    two words         both, anywhere in one message
    "two words"       next to each other
    begin*            words that begin so
    a OR b, NOT c     either; without c; brackets group; in quotes also -c
    role:user         said by user, assistant, system, tool; also title, summary
    session:0199      in sessions whose id begins so
    model:gpt*        in sessions that asked this model
    tag:work          in sessions with this tag
    since: until:     said in that time, as --since and --until

    Case and accents do not count. Chinese, Japanese and Korean are found by any part of a sentence.
    Give all of it as one argument, in the shell's quotes, to have it read just as it is; of several,
    one with spaces is a phrase if it is plain words. Exit code 1 tells that nothing was found.
    """  # noqa: D301 - click's mark for "do not wrap" is the character itself
    from eventlog.catalog import parse_query  # noqa: PLC0415

    store = open_place(place)
    parsed, chosen = _with_times(parse_query(_joined(query)), wanted(**asked))
    catalog = store.catalog(progress_bar)
    found = catalog.search(parsed, chosen, newest=newest, limit=limit + 1)
    hits = [(hit, _shown(catalog, hit, parsed)) for hit in found[:limit]]
    warn_of_lost(catalog.lost)
    if as_json:
        described = [_describe(hit, shown) for hit, shown in hits]
        click.echo(safe_json(codec.dump_json(described, pretty=True)))
    else:
        for hit, shown in hits:
            _show(hit, shown)
        if len(found) > limit and sys.stdout.isatty():
            click.echo(f"There is more: --limit {limit * 5}, or further words", err=True)
    if not hits and not as_json:
        click.echo("Nothing found.", err=True)
        _tell_of_no_fields(parsed.words)
    return 0 if hits else 1


def _joined(words: tuple[str, ...]) -> str:
    """Put the shell's words together again: one that it took the quotes from is a phrase."""
    if len(words) == 1:
        return words[0]
    return " ".join(f'"{word}"' if _is_phrase(word) else word for word in words)


def _is_phrase(argument: str) -> bool:
    """Say whether an argument is several plain words: nothing in it has a meaning in a query."""
    from eventlog.catalog import FIELDS  # noqa: PLC0415

    words = argument.split()
    fields = (word.lstrip("-").partition(":") for word in words)
    plain = not any(colon and name.lower() in FIELDS for name, colon, _ in fields)
    plain = plain and not any(word in _OPERATORS or word.startswith("-") for word in words)
    return len(words) > 1 and plain and not set(argument) & set('"()*')


def _tell_of_no_fields(words: "Sequence[str]") -> None:
    """Say which words of a query look like a field that there is none of."""
    from eventlog.catalog import FIELDS  # noqa: PLC0415

    found = (re.match(r"([A-Za-z]+):(?!//)\S", word) for word in words)
    for name in dict.fromkeys(match[1] for match in found if match):
        known = ", ".join(sorted(FIELDS))
        click.echo(f"There is no field {name}, so it was looked for as text: {known}", err=True)


def _with_times(query: "Query", chosen: "Wanted") -> "tuple[Query, Wanted]":
    """Read the times in a query as --since and --until are read."""
    since = [chosen.since, *_moments(query, "since", first_moment)]
    until = [chosen.until, *_moments(query, "until", last_moment)]
    left = tuple(each for each in query.filters if each[0] not in ("since", "until"))
    latest, earliest = (
        max(filter(None, since), default=None),
        min(filter(None, until), default=None),
    )
    return replace(query, filters=left), replace(chosen, since=latest, until=earliest)


def _moments(query: "Query", name: str, read: "Callable[[str], str | None]") -> list[str | None]:
    """Read the times that a query gives under a name; say how one of several words is written."""
    try:
        return [read(text) for given, text in query.filters if given == name]
    except click.UsageError as error:
        quoted = f"'{name}:\"3 days ago\"'"
        raise click.UsageError(
            f"{error.message}. Several words need quotes that the shell leaves: {quoted}, "
            f'or --{name} "3 days ago"'
        ) from None


def _shown(catalog: "Catalog", hit: "Hit", query: "Query") -> "Snippet":
    from eventlog.catalog import WIDTH, snippet, text_of  # noqa: PLC0415

    event = catalog.event_of(hit)
    width = max(shutil.get_terminal_size().columns - _INDENT, 20) if sys.stdout.isatty() else WIDTH
    return snippet(text_of(event) if event else "", query.words, width)


def _describe(hit: "Hit", shown: "Snippet") -> dict[str, Any]:
    return {
        "session": hit.session_id,
        "title": hit.title,
        "seq": hit.seq,
        "role": hit.role,
        "at": hit.at,
        "text": shown.text,
        "marks": shown.marks,
    }


def _show(hit: "Hit", shown: "Snippet") -> None:
    if not sys.stdout.isatty():
        cells = (hit.session_id, str(hit.seq), hit.at, hit.role, hit.title, shown.text)
        click.echo("\t".join(map(one_line, cells)))
        return
    click.secho(one_line(hit.title), bold=True)
    click.echo(f"  {hit.role}, {local_time(hit.at)}\n    {_highlighted(shown)}")
    there = f"eventlog replay {hit.session_id} --until {hit.seq}"
    click.secho(f"  {there}   eventlog chat --session {hit.session_id}\n", dim=True)


def _highlighted(shown: "Snippet") -> str:
    text, at = "", 0
    for start, end in shown.marks:
        text += safe(shown.text[at:start])
        text += click.style(safe(shown.text[start:end]), bold=True, fg="yellow")
        at = end
    return text + safe(shown.text[at:])
