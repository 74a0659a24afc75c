"""`eventlog rerun`: say a session's turns to another model, into a new session."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eventlog import codec

from .options import (
    json_option,
    model_option,
    open_model,
    open_place,
    prices_option,
    session_argument,
    store_option,
)
from .progress import turns_bar
from .show import text_of
from .slash import used
from .terminal import one_line, safe_json, warn_of_lost

if TYPE_CHECKING:
    from eventlog.session import Session


@click.command(
    "rerun", epilog="Example: eventlog rerun demo --model llama3.2, then: eventlog diff demo …"
)
@session_argument
@model_option
@click.option(
    "--until",
    type=click.IntRange(min=1),
    metavar="SEQ",
    help="Only what was said up to this event.",
)
@click.option("--as", "new_id", metavar="ID", help="The new session's id.")
@prices_option
@json_option
@store_option
def command(
    session: str,
    *,
    model_name: str | None,
    until: int | None,
    new_id: str | None,
    price_file: Path | None,
    as_json: bool,
    place: str | None,
) -> None:
    """Say what people said in SESSION to another model, or to the same one again.

    The answers go into a new session that knows where it came from; SESSION stays as it is. The
    provider is chosen by the environment, as for chat. Tools are not run.
    """
    from eventlog.rerun import rerun, turns_of  # noqa: PLC0415

    store = open_place(place)
    origin = store.open(store.find(session))
    total = sum(turn["role"] == "user" for turn in turns_of(origin, until))
    warn_of_lost(origin.opener.lost.values(), origin.id)
    with open_model(model_name, price_file) as model:
        new = store.create(new_id)
        if not as_json:
            click.echo(new.id)
        try:
            with turns_bar(total) as turn:
                rerun(origin, new, model, until=until, begin=_telling(turn))
        finally:  # also of one that a failed call ended
            if as_json:
                click.echo(safe_json(codec.dump_json(_result(origin, new), pretty=True)))
    if not as_json:
        told = f"{total} turns, {used(new.usage.total)}"
        click.echo(f"{told}. Compare: eventlog diff {origin.id} {new.id}", err=True)


def _telling(turn: Callable[[str], None]) -> Callable[[dict[str, Any]], None]:
    """Return what tells of each turn that begins; instructions are none."""

    def begin(message: dict[str, Any]) -> None:
        if message["role"] == "user":
            turn(one_line(text_of(message["content"]))[:50])

    return begin


def _result(origin: "Session", new: "Session") -> dict[str, Any]:
    """Return the new session and what it used, as JSON shows it."""
    usage = new.usage.total
    return {"session": new.id, "rerun_of": origin.id, "usage": asdict(usage)}
