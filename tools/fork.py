"""`eventlog fork`: a new session with the same past; the original stays as it is."""

import click

from .options import open_place, session_argument, store_option


@click.command("fork", epilog="Example: eventlog fork demo --at 4, then: eventlog chat --session …")
@session_argument
@click.option("--at", type=click.IntRange(min=1), metavar="SEQ", help="Only up to this event.")
@click.option("--as", "new_id", metavar="ID", help="The new session's id.")
@store_option
def command(session: str, at: int | None, new_id: str | None, place: str | None) -> None:
    """Begin a new session with the past of SESSION, and print its id."""
    from eventlog.branching import fork  # noqa: PLC0415

    store = open_place(place)
    forked = fork(store, store.find(session), at=at, new_id=new_id)
    click.echo(forked.id)
    click.echo(f"Go on with: eventlog chat --session {forked.id}", err=True)
