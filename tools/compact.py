"""`eventlog compact`: shrink logs without losing a word, and bring back what was dropped."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec
from eventlog.errors import EventLogError

from .options import json_option, open_place, sessions_argument, store_option, wanted_sessions
from .progress import progress_bar
from .terminal import one_line, safe_json, warn_of_staying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eventlog.collecting import Collected
    from eventlog.compaction import Compaction
    from eventlog.erasure import Erasure
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
    a log that cannot be compacted is left as it is and told, and the exit code is 1. Blobs that no
    session names any more, nor its archives, nor the bin, go, too; none does while a log is damaged.

    --erase is another thing: what was said in an event goes for good, and with it the archives and
    quarantines, which hold it too. Other sessions that may hold it, and deletions in the bin, are
    named: they are not touched.
    """
    _refuse_nonsense(apply_it=apply_it, undo=undo, keep=keep, purge=purge, erase=erase)
    if erase and (everything or len(sessions) > 1):
        raise click.UsageError("--erase takes one session: each numbers its own events")
    store = open_place(place)
    names = wanted_sessions(store, sessions, everything)
    if erase:
        _erase(store, names[0], erase, apply_it=apply_it, as_json=as_json)
        return 0
    done, failed = list["Compaction"](), 0
    for name in _compacted(store, names) if undo and everything else names:
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
    blobs = None if undo else _collect(store, apply_it=apply_it)
    if as_json:
        told = {"sessions": [asdict(each) for each in done], "blobs": blobs and asdict(blobs)}
        click.echo(safe_json(codec.dump_json(told, pretty=True)))
    elif blobs:
        _tell_blobs(blobs)
    return failed


def _compacted(store: "Store", names: list[str]) -> list[str]:
    """Return those of these sessions that may have been compacted."""
    return [name for name in names if store.backend.archives(name)]


def _collect(store: "Store", *, apply_it: bool) -> "Collected | None":
    """Drop the blobs that nothing names, or say which; None where there are no blobs."""
    if not store.backend.blobs():
        return None
    from eventlog import collecting  # noqa: PLC0415

    size = sum(stamp.size for stamp in store.backend.stamps().values())
    with progress_bar("look for blobs", size) as progress:
        if apply_it:
            return collecting.collect(store.backend, progress=progress)
        return collecting.plan_collection(store.backend, progress)


def _tell_blobs(blobs: "Collected") -> None:
    warn_of_staying("the store", blobs)
    if blobs.unused and not blobs.unread:
        verb = "dropped" if blobs.dropped else "would drop"
        click.echo(f"blobs: {verb} {len(blobs.unused):,} that nothing names, {blobs.size:,} bytes")
        if not blobs.dropped:
            click.echo("  Do it: eventlog compact --all --apply")


def _refuse_nonsense(
    *, apply_it: bool, undo: bool, keep: int | None, purge: bool, erase: tuple[int, ...]
) -> None:
    """Raise click.UsageError for options that mean nothing together."""
    purges = purge or keep is not None
    if erase and undo:
        raise click.UsageError("--erase is for good: there is no --undo of it, nor with it")
    if erase and purges:
        raise click.UsageError("--erase removes all archives: give it without --keep and --purge")
    if undo and apply_it:
        raise click.UsageError("--undo is done at once: give it without --apply")
    if purge and keep is not None:
        raise click.UsageError("--purge keeps no archive: give it, or --keep")
    if purges and not (apply_it or undo):
        raise click.UsageError("--keep and --purge remove archives for good: give --apply, too")


def _erase(
    store: "Store", name: str, seqs: tuple[int, ...], *, apply_it: bool, as_json: bool
) -> None:
    from eventlog import erasure  # noqa: PLC0415

    done = (erasure.erase if apply_it else erasure.plan_erasure)(store, name, seqs)
    if as_json:
        told = _erasure_as_json(done, erasure.CANNOT_REACH, erased=apply_it)
        click.echo(safe_json(codec.dump_json(told, pretty=True)))
        return
    which = ", ".join(map(str, done.seqs))
    click.echo(f"{name}: {'erased' if apply_it else 'would erase'} the content of {which}")
    for copy in done.copies:
        click.echo(f"  {'removed' if apply_it else 'would remove'} {one_line(copy)}")
    for blob in done.blobs:
        click.echo(f"  {_what_of(blob, done, apply_it=apply_it)}")
    for line in _who_may_keep_it(store, done):
        click.echo(f"  {line}")
    for place in erasure.CANNOT_REACH:
        click.echo(f"  out of reach: {place}")
    if not apply_it:
        options = " ".join(f"--erase {seq}" for seq in seqs)
        click.echo(f"  Do it, for good: eventlog compact {name} {options} --apply")


def _erasure_as_json(
    done: "Erasure", out_of_reach: tuple[str, ...], *, erased: bool
) -> dict[str, Any]:
    deletions = [{"name": each.name, "session_id": each.session_id} for each in done.deletions]
    return {
        "session_id": done.session_id,
        "erased": erased,
        "seqs": done.seqs,
        "copies": done.copies,
        "blobs": done.blobs,
        "staying": done.staying,
        "forks": done.forks,
        "deletions": deletions,
        "out_of_reach": out_of_reach,
    }


def _what_of(blob: str, done: "Erasure", *, apply_it: bool) -> str:
    if blob in done.staying:
        return f"blobs/{blob} stays: something else names it, or a log cannot be read: eventlog verify --all"
    return f"{'removed' if apply_it else 'would remove, if nothing else names it,'} blobs/{blob}"


def _who_may_keep_it(store: "Store", done: "Erasure") -> "Iterator[str]":
    """Give a line for each session and deletion that may hold the content, with what to do there."""
    for fork in done.forks:
        next_ = f"eventlog compact {fork} --erase SEQ --apply"
        yield f"session {fork} may keep a copy: look (eventlog show {fork}), and erase it there: {next_}"
    there = set(store.ids()) if done.deletions else set()
    for each in done.deletions:
        next_ = f"eventlog delete --purge {each.session_id}"
        if each.session_id in there:  # which that would remove, too
            next_ = "eventlog expire --bin --older-than AGE --apply"
        yield f"{one_line(each.name)} in the bin may keep a copy: remove it there: {next_}"


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
