"""`eventlog replay`: rebuild a session from its events and watch it, or prove what a model was sent."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec
from eventlog.errors import EventLogError

from .options import json_option, open_place, session_argument, store_option
from .show import event_line, transcript
from .terminal import one_line, safe_json, warn_of_damage
from .wrapping import fitted

if TYPE_CHECKING:
    from eventlog.record import RecordedEvent
    from eventlog.session import Session

DAMAGE_FOUND = 3  # the exit code, as in main.py's table
_LONGEST_PAUSE = 5.0  # seconds, however long a person was away


@click.command(
    "replay", epilog="Example: eventlog replay demo --at-call 2, or: eventlog replay demo --verify"
)
@session_argument
@click.option("--until", metavar="SEQ|TIME", help="Stop after this event, or at this time (UTC, as in "
              "2026-11-22T10:00).")  # fmt: skip
@click.option("--at-call", type=click.IntRange(min=1), metavar="N",
              help="Show the exact request of the Nth model call.")  # fmt: skip
@click.option("--verify", "prove_it", is_flag=True,
              help="Rebuild every request and compare it with the digest recorded before the call.")  # fmt: skip
@click.option("--step", is_flag=True, help="One event at a time: space or → on, ← back, q ends.")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), metavar="X",
              help="As it happened, X times as fast.")  # fmt: skip
@click.option("--follow", is_flag=True, help="Then go on with what is appended, from any process.")
@click.option(
    "--events", "timeline", is_flag=True, help="Every event on a line, as in show --events."
)
@json_option
@store_option
def command(session: str, *, as_json: bool, place: str | None, **asked: Any) -> int:
    """Rebuild SESSION from its events and show it turn by turn, on all its branches.

    With --verify, exit code 3 tells that a request cannot be rebuilt as it was sent, and the first
    difference is printed.
    """
    if asked["step"] and asked["follow"]:
        raise click.UsageError("--step goes back and forth over what is there: not with --follow")
    store = open_place(place)
    opened = store.open(store.find(session))
    if asked["prove_it"]:
        return _prove(opened, as_json=as_json)
    if asked["at_call"]:
        _show_call(opened, asked["at_call"], as_json=as_json)
        return 0
    warn_of_damage(opened.id, opened.health)
    events: Iterable[RecordedEvent] = opened.follow() if asked["follow"] else opened.events()
    if asked["until"]:
        events = _until(events, asked["until"])
    if asked["step"]:
        _step(list(events))
        return 0
    if asked["speed"]:
        events = _paced(events, asked["speed"])
    for event in events:
        _show(event, timeline=asked["timeline"], as_json=as_json)
    return 0


def told(event: "RecordedEvent") -> str | None:
    """Say an event as a person would want to read it; None for one that says nothing new."""
    if event["type"] in _TOLD:
        return _TOLD[event["type"]](event["data"])
    return None if event["type"] in _SILENT else f"  ({one_line(event['type'])})"


_SILENT = frozenset(("session.created", "reply.streamed"))
_TOLD: dict[str, Callable[[dict[str, Any]], str]] = {
    "message.added": transcript,
    "model.called": lambda data: (
        f"  ({one_line(data['model'])} is sent {data['messages']} messages)"
    ),
    "model.failed": lambda data: f"  (the call failed: {one_line(data['reason'])})",
    "title.set": lambda data: f"  (title: {one_line(data['title'])})",
    "head.moved": lambda data: f"  (back to {data['to'] or 'the beginning'})",
    "context.summarized": lambda data: (
        f"  (summary up to {data['through']}: {one_line(data['text'])})"
    ),
}


def _show(event: "RecordedEvent", *, timeline: bool, as_json: bool) -> None:
    if as_json:
        click.echo(safe_json(codec.dump_json(event)))
    elif timeline:
        click.echo(event_line(dict(event)))
    elif (text := told(event)) is not None:
        click.echo(fitted(text))
    sys.stdout.flush()  # whoever follows wants to see it now


def _until(events: "Iterable[RecordedEvent]", until: str) -> "Iterator[RecordedEvent]":
    """Give events up to a `seq` or a time."""
    if until.isdecimal():
        return _up_to(events, int(until))
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        raise click.UsageError(
            f"--until takes an event's number or a time, not {until!r}"
        ) from None
    utc = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    text = utc.isoformat(timespec="microseconds")[:26] + "Z"
    return takewhile(lambda event: event["at"] <= text, events)


def _up_to(events: "Iterable[RecordedEvent]", seq: int) -> "Iterator[RecordedEvent]":
    """Give events up to a `seq`, and do not wait for the one after it."""
    for event in events:
        if event["seq"] <= seq:
            yield event
        if event["seq"] >= seq:
            return


def _paced(events: "Iterable[RecordedEvent]", speed: float) -> "Iterator[RecordedEvent]":
    """Give events with the pauses that there were between them, `speed` times shorter."""
    before: datetime | None = None
    for event in events:
        now = datetime.fromisoformat(event["at"])
        if before is not None:
            pause = (now - before).total_seconds() / speed
            time.sleep(min(max(pause, 0.0), _LONGEST_PAUSE))
        before = now
        yield event


def _step(events: "list[RecordedEvent]") -> None:
    """Show one event at a time, forwards and backwards."""
    if not sys.stdin.isatty():
        raise click.UsageError("--step needs a terminal")
    if not events:
        return
    from .console import pressed_keys  # noqa: PLC0415 - prompt_toolkit is for terminals only

    at = 0
    _show_step(events, at)
    for key in pressed_keys():
        if key in ("q", "escape", "c-c", "c-d"):
            return
        at += -1 if key in ("left", "c-h", "b", "p") else 1
        at = min(max(at, 0), len(events) - 1)
        _show_step(events, at)


def _show_step(events: "list[RecordedEvent]", at: int) -> None:
    event = events[at]
    click.clear()
    click.echo(
        f"event {event['seq']} ({at + 1} of {len(events)}), {event['at']}, {event['type']}\n"
    )
    click.echo(fitted(told(event) or one_line(codec.dump_json(event["data"]))))
    click.echo("\nspace → on, ← back, q ends", err=True)


def _prove(session: "Session", *, as_json: bool) -> int:
    from eventlog.replay import prove  # noqa: PLC0415

    proof = prove(session)
    if as_json:
        click.echo(codec.dump_json({"session": session.id, "ok": proof.ok, "calls": proof.calls,
                                    "proven": proof.proven, "unprovable": proof.unprovable,
                                    "difference": proof.difference}, pretty=True))  # fmt: skip
    else:
        click.echo(
            f"{session.id}: {proof.proven} of {proof.calls} requests are proven to be what was sent"
        )
        if proof.unprovable:
            click.echo(
                f"  {proof.unprovable} cannot be proven: erased since, or made by other rules"
            )
        if proof.difference:
            click.echo(f"  DIFFERENT: {one_line(proof.difference)}")
    return 0 if proof.ok else DAMAGE_FOUND


def _show_call(session: "Session", number: int, *, as_json: bool) -> None:
    from eventlog.replay import calls  # noqa: PLC0415

    call = next((call for call in calls(session) if call.number == number), None)
    if call is None:
        raise EventLogError(f"session {session.id} has no model call {number}")
    if as_json:
        request = {"model": call.model, **call.parameters, "messages": call.messages}
        click.echo(safe_json(codec.dump_json(request, pretty=True)))
        return
    why = f" ({call.reason})" if call.reason else ""
    click.echo(
        f"call {call.number}, event {call.seq}, {call.at}, {one_line(call.model)}: {call.verdict}{why}"
    )
    for name, value in call.parameters.items():
        click.echo(f"  {one_line(name)} = {one_line(codec.dump_json(value))}")
    for message in call.messages:
        click.echo(fitted(transcript(message)))
