"""`eventlog delete`: sessions to the bin, or with --purge out of the world."""

import sys
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec
from eventlog.errors import SessionNotFoundError

from .options import complete_session, json_option, open_place, store_option
from .terminal import one_line, safe_json, warn_of_staying

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.store import Store

NOT_DONE = 1  # the exit code, as in main.py's table


@click.command("delete", epilog="Example: eventlog delete demo, and then: eventlog restore demo")
@click.argument("sessions", nargs=-1, required=True, shell_complete=complete_session)
@click.option("--purge", is_flag=True, help="Remove all there is of them for good.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@json_option
@store_option
def command(
    sessions: tuple[str, ...], *, purge: bool, yes: bool, as_json: bool, place: str | None
) -> int:
    """Move SESSIONS to the store's bin, from where `eventlog restore` brings them back.

    A session goes with its archives and quarantines. A chat that still has it open can append no
    more, and says so.

    With --purge nothing is kept: the log, its archives, quarantines and caches, and what lies in
    the bin under the same id. It asks first; without a terminal it needs --yes. Forks, exports and
    backups are sessions and files of their own, and stay.

    A session that is pinned is to be kept: for it, too, it asks first, or needs --yes.
    """
    store = open_place(place)
    ids = _find_anywhere(store, sessions) if purge else list(map(store.find, sessions))
    ids = list(dict.fromkeys(ids))
    agreed = yes or (_asked(store, ids) if purge else _asked_for_pinned(store, ids))
    if not agreed:
        click.echo("nothing was removed", err=True)
        return NOT_DONE
    done = [_purge(store, each) if purge else _delete(store, each) for each in ids]
    if as_json:
        click.echo(safe_json(codec.dump_json(done, pretty=True)))
        return 0
    for each in done:
        click.echo(_told(each))
    return 0


def _find_anywhere(store: "Store", texts: "Sequence[str]") -> list[str]:
    """Return the ids that these texts name, of sessions and in the bin.

    One of which neither is there may have left remains; those come first: to find none is told
    before anything is removed.
    """
    from eventlog.store import match_id  # noqa: PLC0415

    there = sorted({*store.ids(), *(each.session_id for each in store.binned())})
    found, remains = [], []
    for text in texts:
        try:
            found.append(match_id(text, there))
        except SessionNotFoundError:
            remains.append(text)
    return [*remains, *found]


def _asked(store: "Store", ids: "Sequence[str]") -> bool:
    """Say what would go, and ask."""
    if not sys.stdin.isatty():
        raise click.UsageError("--purge without a terminal to ask on needs --yes")
    for session_id in ids:
        click.echo(f"{session_id}: {_contents(store, session_id)}", err=True)
    return click.confirm("Remove all of this for good?", err=True)


def _asked_for_pinned(store: "Store", ids: "Sequence[str]") -> bool:
    """Say which are pinned, and ask, if there are any."""
    pinned = [each for each in ids if store.row(each).pinned]
    if not pinned:
        return True
    if not sys.stdin.isatty():
        names = ", ".join(pinned)
        raise click.UsageError(f"pinned, so without a terminal to ask on it needs --yes: {names}")
    for session_id in pinned:
        click.echo(f"{session_id} is pinned: {_contents(store, session_id)}", err=True)
    return click.confirm("Move it to the bin all the same?", err=True)


def _contents(store: "Store", session_id: str) -> str:
    found = []
    try:
        row = store.row(session_id)
        title = one_line(row.summary.title)
        found.append(f"“{title}”, {row.summary.messages:,} messages, {row.health.bytes:,} bytes")
    except SessionNotFoundError:
        found.append("no session of this id now")
    copies = len(store.backend.copy_names(session_id))
    binned = sum(each.session_id == session_id for each in store.binned())
    found += [f"{copies} older copies"] if copies else []
    found += [f"{binned} in the bin"] if binned else []
    return ", ".join(found)


def _delete(store: "Store", session_id: str) -> dict[str, Any]:
    store.delete(session_id)
    binned = store.find_binned(session_id)
    return {"id": session_id, "purged": False, "name": binned.name, "bytes": binned.size}


def _purge(store: "Store", session_id: str) -> dict[str, Any]:
    released = store.purge(session_id)
    warn_of_staying(session_id, released)
    return {"id": session_id, "purged": True, "name": None, "bytes": 0}


def _told(done: dict[str, Any]) -> str:
    if done["purged"]:
        return f"{done['id']}: removed for good"
    return f"{done['id']}: in the bin. Bring it back: eventlog restore {done['id']}"
