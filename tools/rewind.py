"""`eventlog rewind`: go back to a message; what came after it stays, on a branch of its own."""

import click

from .options import open_place, session_argument, store_option


@click.command(
    "rewind", epilog="Example: eventlog rewind demo 4 (eventlog tree demo shows the numbers)"
)
@session_argument
@click.argument("seq", type=click.IntRange(min=0))
@store_option
def command(session: str, seq: int, place: str | None) -> None:
    """Let the next message of SESSION follow message SEQ; 0 is the beginning."""
    store = open_place(place)
    opened = store.open(store.find(session))
    moved = opened.move_head(seq, reason="rewind")
    click.echo(
        f"{opened.id}: the next message follows {seq or 'the beginning'} (event {moved['seq']})"
    )
