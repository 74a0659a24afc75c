"""`eventlog repair`: show what can be mended in damaged logs, and with --apply mend it."""

import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventlog import codec
from eventlog.errors import EventLogError

from .options import json_option, open_place, sessions_argument, store_option, wanted_sessions
from .progress import progress_bar
from .terminal import one_line, safe_json

if TYPE_CHECKING:
    from eventlog.repair import Plan

DAMAGE_FOUND = 3  # the exit code, as in main.py's table
_READINGS = 3  # a repair reads the log so often


@click.command(
    "repair", epilog="Example: eventlog repair demo, and then: eventlog repair demo --apply"
)
@sessions_argument
@click.option(
    "--apply", "apply_it", is_flag=True, help="Mend the log; without it nothing is changed."
)
@click.option("--from", "copies", multiple=True, metavar="PATH",
              type=click.Path(exists=True, path_type=Path),
              help="Another copy of the log (or a folder of logs) to restore lines from, and blobs "
              "from the folder blobs/ beside it.")  # fmt: skip
@click.option(
    "--accept-edits", is_flag=True, help="Take lines that were edited by hand as they are."
)
@json_option
@store_option
def command(
    sessions: tuple[str, ...],
    *,
    everything: bool,
    apply_it: bool,
    copies: tuple[Path, ...],
    accept_edits: bool,
    as_json: bool,
    place: str | None,
) -> int:
    """Show what a repair of SESSIONS, or of --all, would do; with --apply, do it.

    What is intact is kept. What can be proven by its hash and its place is brought back: events
    that share a line, halves of a torn line, a turned bit, lines that an older copy still has,
    blobs that another store has. Every other byte goes to the quarantine, and the log as it was to
    the archive. Exit code 3 if something stays missing, or is still to be mended.
    """
    from eventlog.repair import Options, plan_repair, repair  # noqa: PLC0415

    store = open_place(place)
    given = [word for path in copies for word in ("--from", str(path))]
    given += ["--accept-edits"] * accept_edits
    given += ["--store", place] if place else []
    options = Options(
        tuple(partial(_lines, path) for path in copies),
        accept_edits,
        tuple(partial(_blob, path) for path in copies),
    )
    work = repair if apply_it else plan_repair
    plans, failed = [], False
    for name in wanted_sessions(store, sessions, everything):
        try:
            size = store.backend.stat(name).size
            with progress_bar(f"repair {name}", size * _READINGS) as progress:
                plans.append(work(store, name, options, progress))
        except EventLogError as error:
            if not everything:
                raise
            click.echo(f"{name}: left as it is: {one_line(str(error))}", err=True)
            failed = True
        else:
            if not as_json:
                _print(plans[-1], given, done=apply_it)
    if as_json:
        told = codec.dump_json([asdict(plan) for plan in plans], pretty=True)
        click.echo(safe_json(told))
    left = any(plan.needed and not (apply_it and plan.complete) for plan in plans)
    return DAMAGE_FOUND if left or failed else 0


def _lines(path: Path) -> Iterator[bytes]:
    """Give the lines of a file, or of every log in a folder."""
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        with file.open("rb") as lines:
            yield from (line.rstrip(b"\r\n") for line in lines)


def _blob(path: Path, name: str) -> bytes | None:
    """Return a blob out of the store that a log lies in, or that a folder of logs is."""
    with suppress(OSError):
        return ((path if path.is_dir() else path.parent) / "blobs" / name).read_bytes()
    return None


def _print(plan: "Plan", given: list[str], *, done: bool) -> None:
    if not plan.needed:
        click.echo(f"{plan.session_id}: nothing to mend, {plan.events:,} events")
        return
    click.echo(f"{plan.session_id}: {_state(plan, done=done)}")
    for line in _told(plan):
        click.echo(f"  {line}")
    if done and plan.archive:
        click.echo(f"  the log as it was: {plan.archive}")
    if not done and (plan.rewrites or plan.found):
        again = shlex.join(["repair", plan.session_id, *given, "--apply"])
        click.echo(f"  Do it: eventlog {again} (the log as it is is kept)")


def _state(plan: "Plan", *, done: bool) -> str:
    if not (plan.rewrites or plan.found):
        return "cannot be mended from here"
    return "mended" if done else "can be mended"


def _told(plan: "Plan") -> Iterator[str]:
    """Say what a plan does, a line each."""
    yield f"{plan.events:,} events in {plan.size:,} bytes read"
    for piece in plan.pieces:
        events = ", ".join(f"event {seq}" for seq in piece.seqs)
        found = f" → {events}" if events else ""
        yield f"{piece.fate:<11} byte {piece.offset:,}, {piece.length:,} bytes: {one_line(piece.what)}{found}"
    if plan.restored:
        yield f"restored    {plan.restored:,} event(s) from other copies"
    if plan.header_rebuilt:
        yield "rebuilt     the session's first line; its id is the file's name"
    for first, last in plan.lost:
        which = f"event {first}" if first == last else f"events {first} to {last}"
        yield f"missing     {which}: not here, and in no copy that was looked at"
    yield from _told_blobs(plan)
    if plan.quarantine:
        yield f"put aside in {plan.quarantine}"


def _told_blobs(plan: "Plan") -> Iterator[str]:
    """Say what is wrong with each blob, and whether it is brought back."""
    for each in plan.blobs:
        found = each.blob in plan.found
        what = f"blobs/{each.blob} of event {each.seq}, {each.bytes:,} bytes of {one_line(each.media_type)}"
        end = "whole in another copy" if found else "whole in no copy that was looked at"
        yield f"{'restored' if found else each.fault:<11} {what}: {each.reason}; {end}"
    if not all(each.blob in plan.found for each in plan.blobs):
        yield "A store that has them, or a copy of it, brings them back: --from PATH"
