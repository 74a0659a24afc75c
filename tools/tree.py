"""`eventlog tree`: draw a session's messages with all their branches."""

from typing import TYPE_CHECKING

import click

from eventlog import codec
from eventlog.projections.messages import MESSAGES
from eventlog.projections.tree import Node, nodes

from .options import json_option, open_place, session_argument, store_option
from .show import text_of
from .terminal import one_line, warn_of_damage, warn_of_lost

if TYPE_CHECKING:
    from eventlog.session import Session

_WIDTH = 60  # characters of a message
_ARGUMENTS = 40  # characters of what a tool is called with


@click.command("tree", epilog="Example: eventlog tree demo")
@session_argument
@json_option
@store_option
def command(session: str, *, as_json: bool, place: str | None) -> None:
    """Draw the messages of SESSION with all their branches; * marks the head."""
    store = open_place(place)
    opened = store.open(store.find(session))
    warn_of_damage(opened.id, opened.health)
    tree = _whole_in(opened) if as_json else said_in(opened)
    head = opened.head
    warn_of_lost(opened.opener.lost.values(), opened.id)
    if as_json:
        told = [{"seq": node.seq, "parent": node.parent, **node.message} for node in tree]
        click.echo(codec.dump_json({"head": head, "messages": told}, pretty=True))
        return
    for line in drawn(tree, head):
        click.echo(line)


def _whole_in(session: "Session") -> list[Node]:
    seen = session.opener.message
    return [node._replace(message=seen(node.message)) for node in nodes(session.project(MESSAGES))]


def said_in(session: "Session") -> list[Node]:
    """Return a session's messages with what was said in them; media are not read."""
    seen = session.opener.said
    return [node._replace(message=seen(node.message)) for node in nodes(session.project(MESSAGES))]


def drawn(tree: list[Node], head: int) -> list[str]:
    """Draw a tree: the newest branch goes on in its column, older ones stand to the right above it."""
    followers: dict[int, list[Node]] = {}
    for node in tree:
        followers.setdefault(node.parent, []).append(node)
    lines = ["*0 the beginning"] if tree and not head else []
    waiting = _laid_out(followers.get(0, []), "")
    while waiting:
        node, lead, margin = waiting.pop()
        lines.append(lead + _label(node, head))
        waiting += _laid_out(followers.get(node.seq, []), margin)
    return lines


def _laid_out(branches: list[Node], margin: str) -> list[tuple[Node, str, str]]:
    """Return branches with what stands before them and before what follows them, last one first."""
    older = [(node, f"{margin}├─", f"{margin}│ ") for node in branches[:-1]]
    return [(node, margin, margin) for node in branches[-1:]] + older[::-1]


def _label(node: Node, head: int) -> str:
    said = [_shortened(text_of(node.message.get("content")), _WIDTH)]
    for call in node.message.get("tool_calls") or ():
        function = call["function"]
        arguments = _shortened(function["arguments"], _ARGUMENTS)
        said.append(f"→ {one_line(function['name'])}({arguments})")
    mark = "*" if node.seq == head else " "
    return f"{mark}{node.seq} {node.message['role']}: {' '.join(filter(None, said))}"


def _shortened(text: str, width: int) -> str:
    line = one_line(text)
    return line if len(line) <= width else line[:width] + "…"
