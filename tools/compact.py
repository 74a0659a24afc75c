"""`eventlog compact`: shrink logs without losing a word, and bring back what was dropped."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from eventlog import codec

from .options import json_option, open_place, sessions_argument, store_option, wanted_sessions
from .progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventlog.compaction import Compaction
    from eventlog.store import Progress, Store

_READINGS = 3  # a compaction reads the log so often


@click.command(
    "compact", epilog="Example: eventlog compact --all, and then: eventlog compact --all --apply"
)
@sessions_argument
@click.option("--apply", "apply_it", is_flag=True, help="Do it; without it nothing is changed.")
@click.option("--undo", is_flag=True, help="Bring back what the last compaction dropped.")
@click.option("--keep", type=click.IntRange(min=0), metavar="N",
              help="Then remove the archives of SESSIONS but the newest N.")  # fmt: skip
@click.option(
    "--purge", is_flag=True, help="Then remove all archives of SESSIONS; the same as --keep 0."
)
@json_option
@store_option
def command(
    sessions: tuple[str, ...],
    *,
    everything: bool,
    apply_it: bool,
    undo: bool,
    keep: int | None,
    purge: bool,
    as_json: bool,
    place: str | None,
) -> None:
    """Rewrite the logs of SESSIONS, or of --all, without superseded events.

    Superseded are checkpoints of replies that were finished, titles and metadata that were set
    again, and moves of the head that no branch needs. Every view of the session stays as it is, and
    so does every list that a model was sent. The log as it was goes to the archive, compressed.
    Without --apply it only shows what would go. Chats and followers carry on meanwhile.
    """
    if undo and apply_it:
        raise click.UsageError("--undo is done at once: give it without --apply")
    if (purge or keep is not None) and not (apply_it or undo):
        raise click.UsageError("--keep and --purge remove archives for good: give --apply, too")
    store = open_place(place)
    done = []
    for name in wanted_sessions(store, sessions, everything):
        done.append(_work(store, name, _verb(apply_it=apply_it, undo=undo)))
        if purge or keep is not None:
            _purge(store, name, keep or 0)
    if as_json:
        click.echo(codec.dump_json([asdict(each) for each in done], pretty=True))
        return
    for each in done:
        click.echo(_told(each, apply_it=apply_it, undo=undo))


def _verb(*, apply_it: bool, undo: bool) -> "Callable[[Store, str, Progress], Compaction]":
    from eventlog import compaction  # noqa: PLC0415

    if undo:
        return compaction.undo
    return compaction.compact if apply_it else compaction.plan_compaction


def _work(
    store: "Store", name: str, verb: "Callable[[Store, str, Progress], Compaction]"
) -> "Compaction":
    with progress_bar(f"compact {name}", store.backend.stat(name).size * _READINGS) as progress:
        return verb(store, name, progress)


def _purge(store: "Store", name: str, keep: int) -> None:
    from eventlog.compaction import purge_archives  # noqa: PLC0415

    for archive in purge_archives(store, name, keep):
        click.echo(f"{name}: removed {archive.name} for good", err=True)


def _told(done: "Compaction", *, apply_it: bool, undo: bool) -> str:
    if undo:
        return f"{done.session_id}: {done.events:,} events are back; before it: {done.archive}"
    if not done.needed:
        return f"{done.session_id}: nothing to drop, {done.events:,} events, {done.size:,} bytes"
    what = ", ".join(f"{count:,} {kind}" for kind, count in sorted(done.dropped.items()))
    share = f"{done.saved:,} of {done.size:,} bytes ({done.saved / done.size:.0%})"
    if apply_it:
        return f"{done.session_id}: dropped {what}: {share}; the log as it was: {done.archive}"
    return f"{done.session_id}: would drop {what}: {share}\n  Do it: eventlog compact {done.session_id} --apply"
