"""`eventlog replay`: rebuild a session from its events and watch it, or prove what a model was sent."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from eventlog import codec
from eventlog.errors import EventLogError
from eventlog.projections.metadata import pinned_in, tags_in
from eventlog.upcast import readable

from .options import json_option, open_place, session_argument, store_option
from .progress import watched
from .show import event_line, transcript
from .terminal import one_line, safe_json, warn_of_damage, warn_of_lost
from .until import events_until
from .wrapping import fitted

if TYPE_CHECKING:
    from eventlog.record import RecordedEvent
    from eventlog.replay import Kept
    from eventlog.store import Store

DAMAGE_FOUND = 3  # the exit code, as in main.py's table
_LONGEST = 100  # characters of a value that was set
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
              help="Rebuild every request and compare it with the digest recorded before the call; check "
              "that every way to read the session agrees, its snapshot and catalogue too.")  # fmt: skip
@click.option("--step", is_flag=True, help="One event at a time: space or → on, ← back, q ends. An answer that "
              "broke off is one; with --events, so is each piece of an answer.")  # fmt: skip
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

    With --verify, exit code 3 tells that a request cannot be rebuilt as it was sent, or that two
    ways to read the session disagree, and the first difference is printed.
    """
    if asked["step"] and asked["follow"]:
        raise click.UsageError("--step goes back and forth over what is there: not with --follow")
    store = open_place(place)
    session_id = store.find(session)
    if asked["prove_it"]:
        return _prove(store, session_id, as_json=as_json)
    if asked["at_call"]:
        _show_call(store, session_id, asked["at_call"], as_json=as_json)
        return 0
    begin = _following if asked["follow"] else _reading
    with begin(store, session_id) as recorded:
        events = events_until(recorded, asked["until"]) if asked["until"] else recorded
        if asked["step"]:
            _step(_steps(events, timeline=asked["timeline"]))
            return 0
        events = _paced(events, asked["speed"]) if asked["speed"] else events
        for line in _lines(events, timeline=asked["timeline"], as_json=as_json):
            sys.stdout.write(line + "\n")
            if asked["follow"] or asked["speed"]:
                sys.stdout.flush()  # whoever looks on wants to see it now
        sys.stdout.flush()
    return 0


@contextmanager
def _reading(store: "Store", session_id: str) -> "Iterator[Iterable[RecordedEvent]]":
    """Give the events of a session, then warn of what the same reading found beside them.

    Where they do not go to the terminal, a bar shows there how far it is.
    """
    from eventlog.replay import Reading  # noqa: PLC0415

    bar = nullcontext(store) if sys.stdout.isatty() else watched("replay", store, session_id)
    with ExitStack() as at_the_end, bar as place:
        reading = Reading(place, session_id)
        at_the_end.callback(lambda: warn_of_damage(session_id, reading.health))
        at_the_end.callback(lambda: warn_of_lost(reading.opener.lost.values(), session_id))
        yield reading


@contextmanager
def _following(store: "Store", session_id: str) -> "Iterator[Iterable[RecordedEvent]]":
    """Give the events of a session and go on as they come; warn first, as there is no end."""
    from eventlog.verify import verify  # noqa: PLC0415

    warn_of_damage(session_id, verify(store, session_id).health)
    yield store.open(session_id).follow()


def told(event: "RecordedEvent") -> str | None:
    """Say an event as a person would want to read it; None for one that says nothing new."""
    event = readable(event)
    if event["type"] in _TOLD:
        return _TOLD[event["type"]](event["data"])
    return None if event["type"] in _SILENT else f"  ({one_line(event['type'])})"


def _set(metadata: dict[str, Any]) -> "Iterator[str]":
    """Say what was set, a phrase for each name."""
    for name, value in metadata.items():
        if name == "tags":
            tags = one_line(", ".join(tags_in(metadata)))
            yield f"tags: {tags}" if tags else "no tags"
        elif name == "pinned":
            yield "pinned" if pinned_in(metadata) else "not pinned"
        else:
            text = codec.dump_json(value)
            short = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
            yield f"{one_line(name)}: {one_line(short)}"


_SILENT = frozenset(("session.created", "reply.streamed"))
_ENDS = frozenset(("message.added", "model.called", "model.failed", "head.moved"))
_TOLD: dict[str, Callable[[dict[str, Any]], str]] = {
    "message.added": transcript,
    "model.called": lambda data: (
        f"  ({one_line(data['model'])} is sent {data['messages']}"
        f" message{'s' * (data['messages'] != 1)})"
    ),
    "model.failed": lambda data: f"  (the call failed: {one_line(data['reason'])})",
    "title.set": lambda data: f"  (title: {one_line(data['title'])})",
    "metadata.set": lambda data: f"  ({', '.join(_set(data['metadata']))})",
    "head.moved": lambda data: f"  (back to {data['to'] or 'the beginning'})",
    "context.summarized": lambda data: (
        f"  (summary up to {data['through']}: {one_line(data['text'])})"
    ),
}


def _lines(events: "Iterable[RecordedEvent]", *, timeline: bool, as_json: bool) -> "Iterator[str]":
    if as_json:
        return (safe_json(codec.dump_json(event)) for event in events)
    if timeline:
        return (event_line(dict(event)) for event in events)
    return map(fitted, _turns(events))


def _turns(events: "Iterable[RecordedEvent]") -> "Iterator[str]":
    """Say events one after the other, with the answers that broke off before they were recorded."""
    running = _Running()
    for recorded in events:
        event = readable(recorded)
        if event["type"] == "reply.streamed":
            yield from running.add(event["data"])
            continue
        if event["type"] == "message.added" and event["data"].get("call") == running.call:
            running = _Running()
        elif event["type"] in _ENDS:
            yield from running.broken_off()
        if (text := told(recorded)) is not None:
            yield text
    yield from running.broken_off()


class _Running:
    """The answer whose checkpoints come just now, the only one whose text is kept."""

    def __init__(self) -> None:
        self.call = 0
        self._texts: list[str] = []

    def add(self, checkpoint: dict[str, Any]) -> "Iterator[str]":
        """Take a checkpoint; give the answer of another call that ends here."""
        if checkpoint["call"] != self.call:
            yield from self.broken_off()
        self.call = checkpoint["call"]
        self._texts.append(checkpoint.get("text", ""))

    def broken_off(self) -> "Iterator[str]":
        """Give the answer as far as it came, if there is one, and forget it."""
        if self.call:
            text = "".join(self._texts)
            self.call, self._texts = 0, []
            yield transcript({"role": "assistant", "content": text, "status": "interrupted"})


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


class _Step(NamedTuple):
    """What --step shows at once: an event, or (`pieces`) an answer that is not there whole."""

    events: "list[RecordedEvent]"
    pieces: bool


def _steps(events: "Iterable[RecordedEvent]", *, timeline: bool) -> list[_Step]:
    """Return the steps; the pieces of an answer are one, or none where it is there whole."""
    if timeline:
        return [_Step([event], pieces=False) for event in events]
    steps: list[_Step] = []
    pieces: dict[int, list[RecordedEvent]] = {}
    for event in events:
        kind, data = readable(event)["type"], event["data"]
        if kind == "reply.streamed" and data["call"] in pieces:
            pieces[data["call"]].append(event)
            continue
        steps.append(_Step([event], pieces=kind == "reply.streamed"))
        if kind == "reply.streamed":
            pieces[data["call"]] = steps[-1].events
        elif kind == "message.added" and isinstance(data.get("call"), int):
            pieces.pop(data["call"], []).clear()  # the whole answer
    return [step for step in steps if step.events]


def _step(steps: list[_Step]) -> None:
    """Show one step at a time, forwards and backwards."""
    if not sys.stdin.isatty():
        raise click.UsageError("--step needs a terminal")
    if not steps:
        return
    from .console import pressed_keys  # noqa: PLC0415 - prompt_toolkit is for terminals only

    at = 0
    _show_step(steps, at)
    for key in pressed_keys():
        if key in ("q", "escape", "c-c", "c-d"):
            return
        at += -1 if key in ("left", "c-h", "b", "p") else 1
        at = min(max(at, 0), len(steps) - 1)
        _show_step(steps, at)


def _show_step(steps: list[_Step], at: int) -> None:
    first, last = steps[at].events[0], steps[at].events[-1]
    seqs = f"event {first['seq']}" if first is last else f"events {first['seq']} to {last['seq']}"
    click.clear()
    click.echo(f"{seqs} ({at + 1} of {len(steps)}), {last['at']}, {one_line(first['type'])}\n")
    click.echo(fitted(_told_at_once(steps[at])))
    click.echo("\nspace → on, ← back, q ends", err=True)


def _told_at_once(step: _Step) -> str:
    """Say a step: an event, or an answer as far as its pieces go."""
    if step.pieces:
        return "\n".join(_turns(step.events))
    return told(step.events[0]) or one_line(codec.dump_json(step.events[0]["data"]))


def _prove(store: "Store", session_id: str, *, as_json: bool) -> int:
    from eventlog.catalog import CatalogCheck  # noqa: PLC0415
    from eventlog.replay import prove  # noqa: PLC0415
    from eventlog.snapshot import SnapshotCheck  # noqa: PLC0415

    with watched(f"prove {session_id}", store, session_id, readings=4) as place:
        snapshot = SnapshotCheck(place.backend, session_id)
        kept: list[Kept] = [snapshot, CatalogCheck(place.catalog(), session_id)]
        session = place.open(session_id)
        proof = prove(session, kept)
    lost = session.opener.lost
    ok = proof.ok and not lost
    if as_json:
        click.echo(codec.dump_json({"session": session_id, "ok": ok, "calls": proof.calls,
                                    "proven": proof.proven, "unprovable": proof.unprovable,
                                    "difference": proof.difference,
                                    "lost_blobs": sorted(lost)}, pretty=True))  # fmt: skip
    else:
        click.echo(
            f"{session_id}: {proof.proven} of {proof.calls} requests are proven to be what was sent"
        )
        if proof.unprovable:
            click.echo(
                f"  {proof.unprovable} cannot be proven: erased since, not at hand any more, or made by other rules"
            )
        if proof.difference:
            click.echo(f"  DIFFERENT: {one_line(proof.difference)}")
    warn_of_lost(lost.values(), session_id)
    return 0 if ok else DAMAGE_FOUND


def _show_call(store: "Store", session_id: str, number: int, *, as_json: bool) -> None:
    from eventlog.replay import find_call  # noqa: PLC0415

    with watched(f"rebuild call {number}", store, session_id, readings=2) as place:
        call = find_call(place.open(session_id), number)
    if call is None:
        raise EventLogError(f"session {session_id} has no model call {number}")
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
