"""`eventlog import`: other programs' conversations, and logs and bundles of our own, into the store."""

from typing import TYPE_CHECKING, Any

import click

from eventlog import codec
from eventlog.errors import SessionExistsError

from .options import json_option, open_place, store_option
from .progress import reading
from .terminal import one_line, safe_json, warn, warn_of_lost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventlog.errors import TransferError
    from eventlog.importing import Outcome
    from eventlog.store import Store

FAILED, CONFLICT = 1, 5  # exit codes, as in main.py's table
_SHOWN = 3  # places of what is unreadable, and reasons of what was refused, that are told
_STATES = ("new", "grown", "unchanged")
_STDIN = "standard input"
_COUNTS = ("read", "mapped", "raw", "left")


@click.command(
    "import", epilog="Example: eventlog import ~/.claude/projects conversations.zip --tag old"
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--from", "format_", metavar="FORMAT", help="What the files are, where they do not "
              "show it; eventlog export --list-formats names the formats.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be imported; write nothing.")
@click.option("--tag", metavar="TAG", help="Put this tag on every session that is imported.")
@json_option
@store_option
def command(
    paths: tuple[str, ...],
    *,
    format_: str | None,
    dry_run: bool,
    tag: str | None,
    as_json: bool,
    place: str | None,
) -> int:
    """Import conversations from files, folders, zips, .gz, .zst and SQLite databases; - is stdin.

    What a file is, its content says. Branches, tool calls, reasoning, images, usage and times stay;
    what has no name here is kept as it was. Imported again, only what is new is added, and a session
    follows its source to another branch, unless it was moved here. Logs and
    bundles of eventlog come in byte for byte, under their own ids; of a store, its logs and their
    blobs. Blobs that are missing are told, and come when the log is imported again with them.
    Sources are never written to.

    A file that cannot be read is told on stderr and stops no other; the exit code is then 1, or 5
    where a session that is here has the id of another one. What in a folder is no conversation is
    told and passed over.
    """
    if tag and dry_run:
        raise click.UsageError("--dry-run puts no tag on anything")
    from eventlog.importing import PLAN, TAKE, import_sources, readable  # noqa: PLC0415
    from eventlog.sources import find_sources  # noqa: PLC0415

    if format_ is not None and format_ not in readable():
        raise click.UsageError(f"--from takes one of {', '.join(readable())}")
    store = open_place(place)
    problems: list[Exception] = []

    def problem(error: "TransferError") -> None:
        problems.append(error)
        click.echo(f"error: {one_line(str(error))}", err=True)

    done = []
    with reading(paths, find_sources(paths, problem)) as sources:
        for outcome in import_sources(store, sources, PLAN if dry_run else TAKE, format_):
            if outcome.problem is not None:
                _tell_problem(outcome, paths, problems)
            _put_tag(store, outcome, tag)
            _warn(outcome)
            done.append(_facts(outcome))
            if not as_json and outcome.format:
                click.echo(_told(done[-1], dry_run=dry_run))
    if as_json:
        total = _total(done)
        click.echo(safe_json(codec.dump_json({"sources": done, "total": total}, pretty=True)))
    else:
        click.echo(_summed_up(done, dry_run=dry_run))
    return _exit_code(problems)


def _exit_code(problems: list[Exception]) -> int:
    if not problems:
        return 0
    return CONFLICT if all(isinstance(p, SessionExistsError) for p in problems) else FAILED


def _tell_problem(outcome: "Outcome", paths: "Iterable[str]", problems: list[Exception]) -> None:
    """Say on stderr what is wrong with a source; in a folder, what is no conversation is no failure."""
    error = outcome.problem
    text = str(error)
    if not text.startswith(outcome.source):
        text = f"{outcome.source}: {text}"
    if not outcome.is_known and outcome.source not in paths and outcome.source != _STDIN:
        click.echo(f"passed over: {one_line(text)}", err=True)
        return
    if error is not None:
        problems.append(error)
    click.echo(f"error: {one_line(text)}", err=True)


def _put_tag(store: "Store", outcome: "Outcome", tag: str | None) -> None:
    from eventlog.labels import add_tags  # noqa: PLC0415 - `--help` needs no session

    for took in outcome.sessions if tag else ():
        add_tags(store.open(took.session_id), [tag or ""])


def _warn(outcome: "Outcome") -> None:
    for took in outcome.sessions:
        if took.missing:
            warn(
                f"session {took.session_id} was forked off {took.missing}, which is not here: "
                "what it shares with that is missing"
            )
        if took.stays:
            warn(
                f"session {took.session_id} stays where it was put here: "
                f"{outcome.source} is at another message of it now"
            )
        warn_of_lost(took.lost, took.session_id)
        for record, reason in took.refused[:_SHOWN]:
            warn(f"{outcome.source}: record {record} cannot be kept: {reason}")


def _facts(outcome: "Outcome") -> dict[str, Any]:
    losses = outcome.losses
    return {
        "source": outcome.source,
        "format": outcome.format or None,
        "problem": str(outcome.problem) if outcome.problem is not None else None,
        "sessions": {state: outcome.states[state] for state in _STATES},
        "ids": [took.session_id for took in outcome.sessions],
        "staying": [took.session_id for took in outcome.sessions if took.stays],
        "events": sum(took.added for took in outcome.sessions),
        "blobs": sum(took.blobs for took in outcome.sessions),
        "missing_blobs": sorted({ref.sha256 for took in outcome.sessions for ref in took.lost}),
        "records": {name: getattr(losses, name) for name in _COUNTS},
        "unreadable": {
            "count": len(losses.unreadable),
            "bytes": sum(length for _, length in losses.unreadable),
            "where": [{"offset": o, "length": n} for o, n in losses.unreadable[:_SHOWN]],
        },
        "refused": sum(len(took.refused) for took in outcome.sessions),
    }


def _total(done: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "sources": len(done),
        "sessions": {s: sum(each["sessions"][s] for each in done) for s in _STATES},
        "events": sum(each["events"] for each in done),
        "blobs": sum(each["blobs"] for each in done),
        "records": {n: sum(each["records"][n] for each in done) for n in _COUNTS},
        "unreadable": sum(each["unreadable"]["count"] for each in done),
        "refused": sum(each["refused"] for each in done),
        "problems": sum(each["problem"] is not None for each in done),
    }


def _told(facts: dict[str, Any], *, dry_run: bool) -> str:
    where = ", ".join(f"byte {at['offset']:,}" for at in facts["unreadable"]["where"])
    more = f" ({where}{', …' if facts['unreadable']['count'] > _SHOWN else ''})" if where else ""
    counted = _counted(facts["records"], facts["unreadable"]["count"], facts["refused"], more)
    sessions = _sessions(facts["sessions"], dry_run=dry_run)
    blobs = f", {_number(facts['blobs'], 'blob')}" if facts["blobs"] else ""
    return one_line(f"{facts['source']}: {facts['format']}, {sessions}{blobs}; {counted}")


def _summed_up(done: list[dict[str, Any]], *, dry_run: bool) -> str:
    total = _total(done)
    known = sum(each["format"] is not None for each in done)
    if not total["events"] and not total["blobs"]:
        return f"{_number(known, 'source')}, nothing new"
    sessions = _sessions(total["sessions"], dry_run=dry_run)
    counted = _counted(total["records"], total["unreadable"], total["refused"])
    added = _number(total["events"], "event")
    if total["blobs"]:
        added += f", {_number(total['blobs'], 'blob')}"
    return f"{_number(known, 'source')}: {sessions}, {added}; {counted}"


def _sessions(states: dict[str, int], *, dry_run: bool) -> str:
    count = ", ".join(f"{states[s]:,} {s}" for s in _STATES if states[s]) or "no session"
    return f"would be {count}" if dry_run else count


def _counted(records: dict[str, int], unreadable: int, refused: int, where: str = "") -> str:
    told = (
        f"{_number(records['read'], 'record')}: {records['mapped']:,} mapped, "
        f"{records['raw']:,} kept raw, {records['left']:,} left"
    )
    if unreadable:
        told += f", {unreadable:,} unreadable{where}"
    return f"{told}, {refused:,} refused" if refused else told


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
