"""The slash commands of the chat, one function each, in the table at the end."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from .terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from .chat import Chat


def run_slash(chat: "Chat", line: str) -> bool:
    """Run the line if it is a slash command; say whether it was one. `//` begins a plain message."""
    if not line.startswith("/") or line.startswith("//"):
        return False
    name, _, rest = line[1:].partition(" ")
    if name in SLASH:
        SLASH[name][0](chat, rest.strip())
    else:
        click.echo(f"no command /{one_line(name)}: /help lists them; a message may begin with //")
    return True


def _help(chat: "Chat", rest: str) -> None:
    del chat, rest
    for name, (_, text) in SLASH.items():
        click.echo(f"  /{name:<7} {text}")
    click.echo("  Ctrl-C stops an answer; an empty line or Ctrl-D leaves.")


def _title(chat: "Chat", rest: str) -> None:
    if rest:
        chat.set_title(rest)
    click.echo(f"Session title: {one_line(chat.session.title)}")


def _retry(chat: "Chat", rest: str) -> None:
    from eventlog.events import HeadMoved  # noqa: PLC0415

    del rest
    said = [seq for seq, message in chat.session.last_messages(50) if message["role"] == "user"]
    if not said:
        click.echo("nothing to ask again yet")
        return
    chat.session.append(HeadMoved(to=said[-1], reason="retry"))
    chat.ask(None)


def _usage(chat: "Chat", rest: str) -> None:
    del rest
    usage = chat.session.usage
    for name, tokens in usage.models.items():
        failed = f", {tokens.failed} failed" if tokens.failed else ""
        click.echo(
            f"{one_line(name)}: {tokens.calls} call{'s' * (tokens.calls != 1)}{failed}, "
            f"{tokens.prompt_tokens:,} prompt + {tokens.completion_tokens:,} completion tokens"
        )
    if not usage.models:
        click.echo("no model call yet")


def _model(chat: "Chat", rest: str) -> None:
    from eventlog.model import Model  # noqa: PLC0415

    if rest and chat.model.provider.name == "embedded":
        click.echo("only the embedded model is configured here; others: eventlog chat --help")
        return
    if rest:
        chat.model.close()
        chat.model = Model(replace(chat.model.provider, model=rest))
    provider = chat.model.provider
    click.echo(f"Model: {one_line(chat.model.name)} ({provider.name})")


def _quit(chat: "Chat", rest: str) -> None:
    del rest
    chat.leaving = True


SLASH: "dict[str, tuple[Callable[[Chat, str], None], str]]" = {
    "help": (_help, "this list"),
    "title": (_title, "show the session's title, or set it: /title TEXT"),
    "retry": (_retry, "ask the last message again; the first answer stays in the log"),
    "usage": (_usage, "what the model calls used so far"),
    "model": (_model, "show the model, or ask another of the provider: /model NAME"),
    "quit": (_quit, "leave"),
}
