"""Options and arguments that several commands share, with their completion."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from eventlog.errors import EventLogError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from eventlog.store import Store

F = TypeVar("F", bound=Callable[..., Any])


def store_option(command: F) -> F:
    """Add --store."""
    return click.option(
        "--store",
        "place",
        metavar="PLACE",
        help="Folder or URL of the sessions. [default: $EVENTLOG_STORE, $SESSION_DIR, ./data/sessions]",
    )(command)


def session_argument(command: F) -> F:
    """Add the argument SESSION: an id, or as much of its beginning as fits only one."""
    return click.argument("session", shell_complete=complete_session)(command)


def sessions_argument(command: F) -> F:
    """Add the argument SESSIONS, several ids or beginnings of ids, and --all."""
    every = click.option("--all", "everything", is_flag=True, help="All sessions of the store.")
    return click.argument("sessions", nargs=-1, shell_complete=complete_session)(every(command))


def wanted_sessions(store: "Store", sessions: Sequence[str], everything: bool) -> list[str]:  # noqa: FBT001
    """Return the ids that SESSIONS and --all name. Raises click.UsageError if they name none."""
    if bool(sessions) == everything:
        raise click.UsageError("name one session or more, or give --all")
    return store.ids() if everything else [store.find(name) for name in sessions]


def json_option(command: F) -> F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def open_place(place: str | None) -> "Store":
    """Open the store that --store names, or the default one."""
    from eventlog.store import open_store  # noqa: PLC0415 - `--help` needs no store

    return open_store(place)


def complete_session(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list["CompletionItem"]:
    """Give the ids of the store's sessions that begin as what was typed does."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415

    del param
    try:
        names = open_place(ctx.params.get("place")).ids()
    except (EventLogError, OSError):  # whoever presses Tab is not told so in the middle of a line
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
