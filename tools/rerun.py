"""`eventlog rerun`: say a session's turns to another model, into a new session."""

import os
import sys
from typing import Any

import click

from .options import open_place, session_argument, store_option
from .show import text_of
from .terminal import one_line


@click.command(
    "rerun", epilog="Example: eventlog rerun demo --model llama3.2, then: eventlog diff demo …"
)
@session_argument
@click.option("--model", "model_name", metavar="NAME", help="Ask this model of the provider.")
@click.option(
    "--until",
    type=click.IntRange(min=1),
    metavar="SEQ",
    help="Only what was said up to this event.",
)
@click.option("--as", "new_id", metavar="ID", help="The new session's id.")
@store_option
def command(
    session: str,
    *,
    model_name: str | None,
    until: int | None,
    new_id: str | None,
    place: str | None,
) -> None:
    """Say what people said in SESSION to another model, or to the same one again.

    The answers go into a new session that knows where it came from; SESSION stays as it is. The
    provider is chosen by the environment, as for chat. Tools are not run.
    """
    from eventlog.model import Model, choose_provider  # noqa: PLC0415
    from eventlog.rerun import rerun, turns_of  # noqa: PLC0415

    store = open_place(place)
    origin = store.open(store.find(session))
    total = sum(turn["role"] == "user" for turn in turns_of(origin, until))
    with Model(choose_provider(os.environ, model=model_name)) as model:
        new = store.create(new_id)
        click.echo(new.id)
        rerun(origin, new, model, until=until, begin=_Progress(total).begin)
    usage = new.usage.total
    tokens = f"{usage.prompt_tokens:,} prompt + {usage.completion_tokens:,} completion tokens"
    click.echo(f"{total} turns, {tokens}. Compare: eventlog diff {origin.id} {new.id}", err=True)


class _Progress:
    """Tells on a terminal which turn is being asked."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._asked = 0

    def begin(self, message: dict[str, Any]) -> None:
        """Note that a turn begins."""
        if message["role"] == "user":
            self._asked += 1
            if sys.stderr.isatty():
                text = one_line(text_of(message["content"]))[:50]
                click.echo(f"turn {self._asked} of {self._total}: {text}", err=True)
