"""Options and arguments that several commands share, with their completion."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

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
    return click.argument("session", shell_complete=_complete_session)(command)


def json_option(command: F) -> F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def open_place(place: str | None) -> "Store":
    """Open the store that --store names, or the default one."""
    from eventlog.store import open_store  # noqa: PLC0415 - `--help` needs no store

    return open_store(place)


def _complete_session(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list["CompletionItem"]:
    from click.shell_completion import CompletionItem  # noqa: PLC0415

    del param
    store = open_place(ctx.params.get("place"))
    return [CompletionItem(name) for name in store.ids() if name.startswith(incomplete)]


complete_session = _complete_session
