"""`eventlog chat`: talk with a model; every turn is an event before and after it is one on screen.

What it prints is what the chat of CloudWeGo Eino's quickstart prints, so that scripts written for
that one work. The keyboard is console.py's, the slash commands are slash.py's.
"""

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from eventlog.errors import ModelError, SessionNotFoundError

from .options import complete_session, open_place, store_option
from .terminal import one_line, safe, warn_of_damage

if TYPE_CHECKING:
    from eventlog.model import Model
    from eventlog.reply import Delta
    from eventlog.session import Session
    from eventlog.store import Store

PROMPT = "you> "
MODEL_FAILED = 6  # the exit code, as in main.py's table
RECALLED = 6  # messages shown when a session is taken up again


@click.command("chat", epilog='Example: eventlog chat --session demo, or: eventlog chat "Why?"')
@click.argument("question", required=False)
@click.option("--session", "session_id", metavar="ID", shell_complete=complete_session,
              help="Take up this session, or begin it under this id.")  # fmt: skip
@click.option("--continue", "latest", is_flag=True, help="Take up the session used last.")
@click.option(
    "--instruction", metavar="TEXT", help="Tell the model how to behave (system message)."
)
@click.option("--model", "model_name", metavar="NAME", help="Ask this model of the provider.")
@click.option("--title", metavar="TEXT", help="Give the session a title.")
@store_option
def command(
    question: str | None,
    session_id: str | None,
    *,
    latest: bool,
    instruction: str | None,
    model_name: str | None,
    title: str | None,
    place: str | None,
) -> int:
    """Talk with a model; every turn is recorded.

    Without QUESTION it reads one message after the other, from the terminal or from a pipe; with
    it, the model is asked once and only its answer is printed.

    The provider is chosen by the environment: OPENAI_API_KEY (with OPENAI_MODEL), OPENAI_BASE_URL
    for any server that speaks the same API, OPENAI_BY_AZURE, MODEL_TYPE=ark with ARK_API_KEY and
    ARK_MODEL; else the embedded model, if it is installed.
    """
    if session_id and latest:
        raise click.UsageError("give --session or --continue, not both")
    from eventlog.model import Model, choose_provider  # noqa: PLC0415

    provider = choose_provider(os.environ, model=model_name)
    store = open_place(place)
    session, is_new = _open(store, session_id, latest=latest)
    chat, quiet = Chat(session, Model(provider)), question is not None
    click.echo(f"{'Created new' if is_new else 'Resuming'} session: {session.id}", err=quiet)
    warn_of_damage(session.id, session.health)
    _prepare(session, title, instruction)
    try:
        if question is not None:
            chat.ask(question, mark="")
        else:
            click.echo(f"Session title: {one_line(session.title)}")
            chat.converse()
    finally:
        chat.model.close()
    click.echo(f"\nSession saved: {session.id}", err=quiet)
    click.echo(f"Resume with: eventlog chat --session {session.id}", err=quiet)
    return chat.exit_code


class Chat:
    """A conversation at a terminal or through a pipe."""

    def __init__(self, session: "Session", model: "Model") -> None:
        self.session = session
        self.model = model
        self.exit_code = 0
        self.leaving = False

    def converse(self) -> None:
        """Take message after message until an empty line or the end."""
        interactive = sys.stdin.isatty() and sys.stdout.isatty()
        if interactive:
            self._recall()
        click.echo("Enter your message (empty line to exit):")
        for line in self._typed() if interactive else _piped():
            if not (interactive and self._is_command(line)):
                message = line.removeprefix("/") if line.startswith("//") else line
                self.ask(message)
            if self.leaving:
                return

    def ask(self, message: str | None, *, mark: str = "[assistant] ") -> None:
        """Say one message (None: ask again) and print the reply, or why there is none."""
        from eventlog.turn import take_turn  # noqa: PLC0415

        screen = _Screen(mark)
        try:
            reply = take_turn(self.session, self.model, message, say=screen.show)
        except ModelError as error:
            screen.end()
            click.echo(f"error: {safe(str(error))}", err=True)
            self.exit_code = MODEL_FAILED
            return
        except KeyboardInterrupt:
            screen.end(" [interrupted]")
            if not sys.stdin.isatty():
                raise
            return
        for call in reply["data"].get("tool_calls") or ():
            function = call["function"]
            screen.show_text(f"calls {function['name']}({function['arguments']})")
        screen.end("" if screen.began else f"{mark}(an empty reply)")

    def _typed(self) -> Iterator[str]:
        from .console import typed_lines  # noqa: PLC0415 - prompt_toolkit is for terminals only

        said = [m["content"] for _, m in self.session.last_messages(200) if m["role"] == "user"]
        return typed_lines(PROMPT, [text for text in said if isinstance(text, str)])

    def _is_command(self, line: str) -> bool:
        from .slash import run_slash  # noqa: PLC0415

        return run_slash(self, line)

    def _recall(self) -> None:
        """Show the last turns of a session that is taken up again."""
        from .show import transcript  # noqa: PLC0415

        for _, message in self.session.last_messages(RECALLED):
            click.echo(transcript(message))


class _Screen:
    """Prints a reply piece by piece, made safe, with the mark before its first words."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.began = False

    def show(self, delta: "Delta") -> None:
        """Print what a piece adds to the text; reasoning is recorded but not shown."""
        if delta.text:
            self.show_text(delta.text)

    def show_text(self, text: str) -> None:
        """Print some text of the reply at once."""
        if not self.began:
            click.echo(self._mark, nl=False)
            self.began = True
        click.echo(safe(text), nl=False)
        sys.stdout.flush()

    def end(self, note: str = "") -> None:
        """End the line, if there is one."""
        if self.began or note:
            click.echo(note)


def _open(store: "Store", session_id: str | None, *, latest: bool) -> "tuple[Session, bool]":
    """Open the session that was asked for, or begin one; say whether it is new."""
    if latest:
        rows = [row for row in store.list() if row.problem is None]
        if rows:
            return store.open(rows[0].id), False
        click.echo("No session to continue yet: beginning one.", err=True)
    if session_id is not None:
        try:
            return store.open(store.find(session_id)), False
        except SessionNotFoundError:
            return store.create(session_id), True
    return store.create(), True


def _prepare(session: "Session", title: str | None, instruction: str | None) -> None:
    if title:
        session.set_title(title)
    if instruction:
        message = {"role": "system", "content": instruction}
        if message not in session.messages():
            session.append(message)


def _piped() -> Iterator[str]:
    """Read the messages from a pipe, a line each, to an empty line or the end."""
    while True:
        click.echo(PROMPT, nl=False)
        line = sys.stdin.readline().rstrip("\r\n")
        if not line.strip():
            return
        yield line
