"""`eventlog diff`: two sessions, branches or points side by side."""

import sys
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec
from eventlog.errors import InvalidEventError

from .options import complete_session, json_option, open_place, store_option
from .show import text_of
from .terminal import one_line, safe, safe_json, warn_of_lost

if TYPE_CHECKING:
    from eventlog.store import Store

Message = dict[str, Any]
Row = tuple[str, Message | None, Message | None]


@click.command(
    "diff",
    epilog="Example: eventlog diff demo other, or two branches: eventlog diff demo@8 demo@12",
)
@click.argument("left", shell_complete=complete_session)
@click.argument("right", shell_complete=complete_session)
@json_option
@store_option
def command(left: str, right: str, *, as_json: bool, place: str | None) -> int:
    """Compare what was said in LEFT and RIGHT, message by message.

    Each is a session's id, or ID@SEQ: the branch that ends at message SEQ. Exit code 1 if they
    differ.
    """
    store = open_place(place)
    rows = compared(_messages(store, left), _messages(store, right))
    if as_json:
        told = [{"same": how == "=", "left": a, "right": b} for how, a, b in rows]
        click.echo(safe_json(codec.dump_json(told, pretty=True)))
    elif sys.stdout.isatty():
        _print_table(left, right, rows)
    else:
        for how, a, b in rows:
            _print_plain(how, a, b)
    return int(any(how != "=" for how, _, _ in rows))


def compared(left: list[Message], right: list[Message]) -> list[Row]:
    """Pair two lists of messages: "=" the same, "≠" one in the other's place, "<" or ">" one side."""
    a_keys = [codec.digest(_said(message)) for message in left]
    b_keys = [codec.digest(_said(message)) for message in right]
    rows: list[Row] = []
    for how, a, b, c, d in SequenceMatcher(None, a_keys, b_keys, autojunk=False).get_opcodes():
        for one, other in zip_longest(left[a:b], right[c:d]):
            both = "=" if how == "equal" else "≠"
            rows.append((both if one and other else "<" if one else ">", one, other))
    return rows


def _said(message: Message) -> Message:
    return {name: message.get(name) for name in ("role", "content", "tool_calls", "tool_call_id")}


def _messages(store: "Store", point: str) -> list[Message]:
    """Return the messages of a session, or of its branch that ends at a message."""
    name, _, seq = point.partition("@")
    session = store.open(store.find(name))
    if not seq:
        messages = [message for _, message in session.last_messages(session.version)]
        warn_of_lost(session.opener.lost.values(), session.id)
        return messages
    if not seq.isdecimal():
        raise click.UsageError(f"{point!r}: after @ comes the number of a message")
    try:
        messages = session.branch(int(seq))
    except InvalidEventError as error:
        raise click.UsageError(str(error)) from None
    warn_of_lost(session.opener.lost.values(), session.id)
    return messages


def _text(message: Message | None) -> str:
    if message is None:
        return ""
    calls = "".join(
        f"\n→ {c['function']['name']}({c['function']['arguments']})"
        for c in message.get("tool_calls") or ()
    )
    return safe(f"{message['role']}: {text_of(message.get('content'))}{calls}")


def _print_table(left: str, right: str, rows: list[Row]) -> None:
    from rich import box  # noqa: PLC0415 - only a terminal needs it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, show_lines=False)
    table.add_column(Text(left), ratio=1, overflow="fold")
    table.add_column("", width=1)
    table.add_column(Text(right), ratio=1, overflow="fold")
    for how, one, other in rows:
        style = "dim" if how == "=" else ""
        table.add_row(Text(_text(one), style), how, Text(_text(other), style))
    Console().print(table)


def _print_plain(how: str, one: Message | None, other: Message | None) -> None:
    if how == "=":
        click.echo(f"= {one_line(_text(one))}")
        return
    for mark, message in (("<", one), (">", other)):
        if message is not None:
            click.echo(f"{mark} {one_line(_text(message))}")
