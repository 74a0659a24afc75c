"""`eventlog show`: one session's messages as they were said, or its events as they were recorded."""

from collections import deque
from typing import Any

import click

from eventlog import codec
from eventlog.blobs import noted

from .options import json_option, open_place, session_argument, store_option
from .terminal import one_line, safe, safe_json, warn_of_damage, warn_of_lost
from .wrapping import fitted

_LONGEST = 100  # characters of an event's data in the timeline


@click.command("show", epilog="Example: eventlog show 0199 --limit 4")
@session_argument
@click.option("--limit", type=click.IntRange(min=1), help="Only the newest so many.")
@click.option("--events", "timeline", is_flag=True, help="Every event, not only the messages.")
@json_option
@store_option
def command(
    session: str, limit: int | None, *, timeline: bool, as_json: bool, place: str | None
) -> None:
    """Show the messages of SESSION, on the branch that its head is on.

    SESSION is an id or as much of its beginning as fits only one. With --events every recorded
    event is shown, in order; with --json too, a line each with the log's own members.
    """
    store = open_place(place)
    opened = store.open(store.find(session))
    warn_of_damage(opened.id, opened.health)
    if timeline:
        events = deque(opened.events(), limit)
        warn_of_lost(opened.opener.lost.values(), opened.id)
        for event in events:
            click.echo(safe_json(codec.dump_json(event)) if as_json else event_line(dict(event)))
        return
    messages = opened.last_messages(limit or opened.version)
    warn_of_lost(opened.opener.lost.values(), opened.id)
    if as_json:
        shown = [{"seq": seq, **message} for seq, message in messages]
        click.echo(safe_json(codec.dump_json(shown, pretty=True)))
        return
    click.echo(f"{one_line(opened.title)} ({opened.id})\n")
    for _, message in messages:
        click.echo(fitted(transcript(message)))


def transcript(message: dict[str, Any]) -> str:
    """Show one recorded message as the chat shows it; what was only thought, marked as that."""
    who = {"user": "you>", "assistant": "[assistant]"}.get(message["role"], f"[{message['role']}]")
    said = text_of(noted(message))
    if message.get("reasoning") and not said and not message.get("tool_calls"):
        said = f"(thinks) {message['reasoning']}"
    lines = [f"{who} {safe(said)}".rstrip()]
    for call in message.get("tool_calls") or ():
        function = call["function"]
        lines.append(f"  calls {one_line(function['name'])}({one_line(function['arguments'])})")
    if message.get("status") == "interrupted":
        lines.append("[interrupted]")
    return "\n".join(lines)


def text_of(content: Any) -> str:
    """Return the text of a message's content; other parts are named."""
    if isinstance(content, list):
        return "\n".join(str(p.get("text") or f"<{p.get('type', 'part')}>") for p in content)
    return content or ""


def event_line(event: dict[str, Any]) -> str:
    """Show one event of the timeline on a line."""
    data = codec.dump_json(event["data"])
    short = data if len(data) <= _LONGEST else data[:_LONGEST] + "…"
    return (
        f"{event['seq']:>6}  {safe(event['at'])}  {one_line(event['type']):<18}  {one_line(short)}"
    )
