"""`eventlog chat`: talk with a model; every turn is an event before and after it is one on screen.

What it prints is what the chat of CloudWeGo Eino's quickstart prints, so that scripts written for
that one work. The keyboard is console.py's, the slash commands are slash.py's.
"""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eventlog.errors import (
    AppendError,
    EventLogError,
    InvalidEventError,
    ModelError,
    SessionNotFoundError,
)

from .attaching import has_picture, picture_part
from .main import exit_code
from .options import (
    complete_session,
    model_option,
    open_model,
    open_place,
    prices_option,
    store_option,
)
from .terminal import argument_text, one_line, safe, warn_of_damage, warn_of_lost
from .wrapping import Wrapper, fitted

if TYPE_CHECKING:
    from eventlog.model import Model
    from eventlog.projections.messages import Message
    from eventlog.reply import Delta
    from eventlog.session import Session
    from eventlog.store import Store

PROMPT = "you> "
_MODEL_FAILED = 6  # the exit code, as in main.py's table
THINKING = "(thinking …)"
_MADE_UP = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
KEEP = 6  # messages that stay when the older ones are summed up
RECALLED = 6  # messages shown when a session is taken up again
LONGEST_TITLE = 500  # as in the event


@click.command("chat", epilog='Example: eventlog chat --session demo, or: eventlog chat "Why?"')
@click.argument("question", required=False)
@click.option("--session", "session_id", metavar="ID", shell_complete=complete_session,
              help="Take up this session, or begin it under this id.")  # fmt: skip
@click.option("--continue", "latest", is_flag=True, help="Take up the session used last.")
@click.option(
    "--instruction", metavar="TEXT", help="Tell the model how to behave (system message)."
)
@model_option
@click.option("--attach", "pictures", multiple=True, metavar="FILE",
              type=click.Path(path_type=Path), help="Show the model this picture with the first "
              "message; may be repeated.")  # fmt: skip
@click.option("--title", metavar="TEXT", help="Give the session a title.")
@click.option("--context", type=click.IntRange(min=1), metavar="TOKENS",
              help="Sum up the older turns once a call used more tokens.")  # fmt: skip
@click.option("--no-summary", is_flag=True, help="Never sum up by itself, even if nothing fits.")
@prices_option
@store_option
def command(
    question: str | None,
    session_id: str | None,
    *,
    latest: bool,
    instruction: str | None,
    model_name: str | None,
    pictures: tuple[Path, ...],
    title: str | None,
    context: int | None,
    no_summary: bool,
    price_file: Path | None,
    place: str | None,
) -> int:
    """Talk with a model; every turn is recorded.

    Without QUESTION it reads one message after the other, from the terminal or from a pipe; with
    it, the model is asked once and only its answer is printed. When the conversation does not fit
    the model any more, the older turns are summed up for it, and told so.

    The provider is chosen by the environment: OPENAI_API_KEY (with OPENAI_MODEL), OPENAI_BASE_URL
    for any server that speaks the same API, OPENAI_BY_AZURE, MODEL_TYPE=ark with ARK_API_KEY and
    ARK_MODEL; else the embedded model, if it is installed.
    """
    if session_id and latest:
        raise click.UsageError("give --session or --continue, not both")
    if question is not None and not question.strip():
        raise click.UsageError("the question is empty")
    attached = [picture_part(path) for path in pictures]
    model = open_model(model_name, price_file)
    store = open_place(place)
    session, is_new = _open(store, session_id, latest=latest)
    chat = Chat(store, session, model, context=0 if no_summary else context)
    chat.attached += attached
    quiet = question is not None
    click.echo(f"{'Created new' if is_new else 'Resuming'} session: {session.id}", err=quiet)
    warn_of_damage(session.id, session.health)
    if title and title.strip():
        chat.set_title(argument_text(title))
    if instruction:
        chat.instruct(argument_text(instruction))
    try:
        if question is not None:
            chat.ask(argument_text(question), mark="")
            chat.tell_lost()
        else:
            click.echo(f"Session title: {one_line(session.title)}")
            chat.converse()
    finally:
        chat.model.close()
    click.echo(f"\nSession saved: {chat.session.id}", err=quiet)
    where = f" --store {shlex.quote(place)}" if place else ""
    click.echo(f"Resume with: eventlog chat --session {chat.session.id}{where}", err=quiet)
    return chat.exit_code


class Chat:
    """A conversation at a terminal or through a pipe."""

    def __init__(
        self, store: "Store", session: "Session", model: "Model", *, context: int | None = None
    ) -> None:
        self.store = store
        self.session = session
        self.model = model
        self._context = context  # tokens; 0: never sum up by itself
        self.attached: list[Message] = []  # pictures that go with the next message
        self._told: set[str] = set()  # blobs that were warned of
        self.exit_code = 0
        self.leaving = False
        self._interactive = False

    def converse(self) -> None:
        """Take message after message until an empty line or the end."""
        self._interactive = sys.stdin.isatty() and sys.stdout.isatty()
        if self._interactive:
            self._recall()
        click.echo("Enter your message (empty line to exit):")
        for line in self._typed() if self._interactive else _piped():
            if not self._interactive:  # in a pipe no line is a command, and no slash hides one
                self.ask(line)
            elif not self._is_command(line):
                self.ask(line.removeprefix("/") if line.startswith("//") else line)
            self.tell_lost()
            if self.leaving:
                return
            if self._interactive:
                click.echo()

    def set_title(self, title: str) -> None:
        """Give the session a title, or as much of it as a title may have."""
        self.session.set_title(title[:LONGEST_TITLE])

    def instruct(self, instruction: str) -> None:
        """Tell the model how to behave, unless it was told so already."""
        message = {"role": "system", "content": instruction}
        if message not in self.session.messages():
            self.session.append(message)

    def ask(self, message: str | None, *, mark: str = "[assistant] ", keep: int = KEEP) -> None:
        """Say one message (None: ask again) and print the reply, or why there is none.

        At a terminal, Ctrl-C and a full disk end this turn and not the chat. A conversation that
        does not fit the model's context is summed up but for `keep` messages, and asked again.
        """
        from eventlog.turn import take_turn  # noqa: PLC0415

        screen = _Screen(mark)
        try:
            said = self._with_attached(message)
            reply = take_turn(self.session, self.model, said, say=screen.show)
        except ModelError as error:
            screen.end()
            keep = self._fewer(keep) if error.too_long and self._context != 0 else 0
            if keep and self.summarize(keep):
                self.ask(None, mark=mark, keep=keep // 3)
            else:
                self._fail(error)
                if error.status is not None and not error.too_long:  # it answered, with a refusal
                    self._tell_of_pictures()
        except AppendError as error:
            screen.end()
            if not self._interactive:
                raise
            self._fail(error)
        except KeyboardInterrupt:
            screen.end(" [interrupted]")
            if not self._interactive:
                raise
        else:
            screen.show_calls(reply["data"].get("tool_calls") or [])
            screen.end("" if screen.began else f"{mark}(an empty reply)")
            used = (reply["data"].get("usage") or {}).get("total_tokens", 0)
            if self._context and used > self._context and self._fewer(keep) == keep:
                self.summarize(keep)

    def _with_attached(self, message: str | None) -> "str | Message | None":
        """Return a message with the pictures that go with it, which go with no other then."""
        if message is None or not self.attached:
            return message
        parts, self.attached = self.attached, []
        return {"role": "user", "content": [{"type": "text", "text": message}, *parts]}

    def _tell_of_pictures(self) -> None:
        """Say how the conversation goes on without its pictures, if it has any: they are sent each time."""
        before = 0
        for seq, message in self.recorded(self.session.version):
            if has_picture(message):
                go = "/rewind" if self._interactive else f"eventlog rewind {self.session.id}"
                click.echo(
                    f"If the model sees no pictures: {go} {before} goes back to before them.",
                    err=True,
                )
                return
            before = seq

    def summarize(self, keep: int = KEEP) -> bool:
        """Let the model sum up all but the newest messages; say whether it did."""
        from eventlog.summarizing import summarize  # noqa: PLC0415

        click.echo("(summing up the older turns for the model …)", err=True)
        try:
            summarize(self.session, self.model, keep=keep)
        except (ModelError, InvalidEventError) as error:
            self._fail(error)
            return False
        return True

    def suggest_title(self) -> None:
        """Let the model find a title for the session."""
        from eventlog.titling import suggest_title  # noqa: PLC0415

        click.echo("(asking the model for a title …)", err=True)
        suggest_title(self.session, self.model)

    def _fewer(self, keep: int) -> int:
        """Return how many of the newest messages can stay, with at least one to sum up."""
        return len(self.recorded(keep + 1)) - 1 if keep else 0

    def recorded(self, count: int) -> "list[tuple[int, Message]]":
        """Return the newest messages as lines have them: what is kept in blobs is not read."""
        from eventlog.projections.messages import MESSAGES, last_messages  # noqa: PLC0415

        return last_messages(self.session.project(MESSAGES), count)

    def tell_lost(self) -> None:
        """Warn of what the session keeps in blobs and is not at hand, once for each."""
        lost = self.session.opener.lost
        warn_of_lost([ref for name, ref in lost.items() if name not in self._told], self.session.id)
        self._told.update(lost)

    def _fail(self, error: EventLogError) -> None:
        click.echo(f"error: {safe(str(error))}", err=True)
        code = exit_code(error)
        if (
            code == _MODEL_FAILED or not self._interactive
        ):  # a refused command was seen, and is over
            self.exit_code = code

    def _typed(self) -> Iterator[str]:
        from .console import typed_lines  # noqa: PLC0415 - prompt_toolkit is for terminals only

        said = [m["content"] for _, m in self.recorded(200) if m["role"] == "user"]
        return typed_lines(PROMPT, [text for text in said if isinstance(text, str)])

    def _is_command(self, line: str) -> bool:
        from .slash import run_slash  # noqa: PLC0415

        try:
            return run_slash(self, line)
        except EventLogError as error:
            self._fail(error)
        except KeyboardInterrupt:
            click.echo("[interrupted]")
        return True

    def _recall(self) -> None:
        """Show the last turns of a session that is taken up again, apart from what follows."""
        from .show import transcript  # noqa: PLC0415

        messages = self.session.last_messages(RECALLED)
        self.tell_lost()
        if messages:
            click.secho("── earlier ──", dim=True)
            for _, message in messages:
                click.secho(fitted(transcript(message)), dim=True)
            click.secho("─────────────", dim=True)


class _Screen:
    """Prints a reply piece by piece, made safe, with the mark before its first words.

    On a terminal lines break between words, and reasoning, which is recorded but not shown, is
    told of until the first words replace that.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._wrapper = Wrapper(column=len(mark)) if sys.stdout.isatty() else None
        self._thinking = False
        self.began = False

    def show(self, delta: "Delta") -> None:
        """Print what a piece adds to the text."""
        if delta.text:
            self.show_text(delta.text)
        elif self._wrapper and not self.began and not self._thinking:
            self._thinking = True
            click.echo(self._mark + THINKING, nl=False)

    def show_text(self, text: str) -> None:
        """Print some text of the reply at once."""
        if not self.began:
            self._clear_thinking()
            click.echo(self._mark, nl=False)
            self.began = True
        text = safe(text)
        click.echo(self._wrapper.add(text) if self._wrapper else text, nl=False)

    def show_calls(self, calls: list[dict[str, Any]]) -> None:
        """Print the tool calls of a reply, a line each."""
        for call in calls:
            function = call["function"]
            start = "\n" if self.began else ""
            self.show_text(f"{start}calls {function['name']}({function['arguments']})")

    def end(self, note: str = "") -> None:
        """End the line, if there is one."""
        self._clear_thinking()
        if self.began or note:
            click.echo((self._wrapper.end() if self._wrapper else "") + note)

    def _clear_thinking(self) -> None:
        if self._thinking:
            click.echo("\r\x1b[K", nl=False)
            self._thinking = False


def _open(store: "Store", session_id: str | None, *, latest: bool) -> "tuple[Session, bool]":
    """Open the session that was asked for, or begin one; say whether it is new."""
    if latest:
        rows = [row for row in store.list() if row.problem is None]
        if rows:
            return store.open(rows[0].id), False
        click.echo("No session to continue yet: beginning one.", err=True)
    if session_id is None:
        return store.create(), True
    try:
        return store.open(_whole_id(store, session_id)), False
    except SessionNotFoundError:
        return store.create(session_id), True


def _whole_id(store: "Store", session_id: str) -> str:
    """Complete the beginning of an id that was made up by us; one that a person chose is whole.

    Whoever asks for "demo" where only "demo2" is there wants to begin "demo".
    """
    if session_id in (ids := store.ids()):
        return session_id
    fits = [name for name in ids if name.startswith(session_id) and _MADE_UP.fullmatch(name)]
    return store.find(session_id) if fits else session_id


def _piped() -> Iterator[str]:
    """Read the messages from a pipe, a line each, to an empty line or the end."""
    while True:
        click.echo(PROMPT, nl=False)
        line = sys.stdin.readline().rstrip("\r\n")
        if not line.strip():
            return
        yield line
