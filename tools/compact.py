"""`eventlog compact`: shrink logs without losing a word, and bring back what was dropped."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from eventlog import codec
from eventlog.errors import EventLogError

from .options import json_option, open_place, sessions_argument, store_option, wanted_sessions
from .progress import progress_bar
from .terminal import one_line

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
@click.option("--erase", type=click.IntRange(min=2), multiple=True, metavar="SEQ",
              help="Take the content of this event of one session out for good; may be repeated.")  # fmt: skip
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
    erase: tuple[int, ...],
    as_json: bool,
    place: str | None,
) -> int:
    """Rewrite the logs of SESSIONS, or of --all, without superseded events.

    Superseded are checkpoints of replies that were finished, titles and metadata that were set
    again, and moves of the head that no branch needs. Every view of the session stays as it is, and
    so does every list that a model was sent. The log as it was goes to the archive, compressed.
    Without --apply it only shows what would go. Chats and followers carry on meanwhile. With --all,
    a log that cannot be compacted is left as it is and told, and the exit code is 1.

    --erase is another thing: what was said in an event goes for good, and with it the archives and
    quarantines, which hold it too.
    """
    if undo and apply_it:
        raise click.UsageError("--undo is done at once: give it without --apply")
    if (purge or keep is not None) and not (apply_it or undo):
        raise click.UsageError("--keep and --purge remove archives for good: give --apply, too")
    store = open_place(place)
    if erase:
        _erase(store, wanted_sessions(store, sessions, everything), erase, apply_it=apply_it)
        return 0
    done, failed = [], 0
    for name in wanted_sessions(store, sessions, everything):
        try:
            done.append(_work(store, name, _verb(apply_it=apply_it, undo=undo)))
        except EventLogError as error:
            if not everything:
                raise
            click.echo(f"{name}: left as it is: {one_line(str(error))}", err=True)
            failed = 1
            continue
        if not as_json:
            click.echo(_told(done[-1], apply_it=apply_it, undo=undo))
        if purge or keep is not None:
            _purge(store, name, keep or 0)
    if as_json:
        click.echo(codec.dump_json([asdict(each) for each in done], pretty=True))
    return failed


def _erase(store: "Store", names: list[str], seqs: tuple[int, ...], *, apply_it: bool) -> None:
    from eventlog import erasure  # noqa: PLC0415

    if len(names) != 1:
        raise click.UsageError("--erase takes one session")
    work = erasure.erase if apply_it else erasure.plan_erasure
    done = work(store, names[0], seqs)
    which = ", ".join(map(str, done.seqs))
    click.echo(f"{names[0]}: {'erased' if apply_it else 'would erase'} the content of {which}")
    for copy in done.copies:
        click.echo(f"  {'removed' if apply_it else 'would remove'} {copy}")
    for fork in done.forks:
        click.echo(f"  session {fork} was forked off it and keeps its copy")
    for place in erasure.CANNOT_REACH:
        click.echo(f"  out of reach: {place}")
    if not apply_it:
        click.echo(f"  Do it, for good: eventlog compact {names[0]} --erase … --apply")


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
