"""The slash commands of the chat, one function each, in the table at the end."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from .sums import untold
from .terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventlog.projections.usage import Tokens

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
        click.echo(f"  /{name:<9} {text}")
    click.echo("  Ctrl-C stops an answer; an empty line or Ctrl-D leaves.")


def _title(chat: "Chat", rest: str) -> None:
    if rest == "auto":
        chat.suggest_title()
    elif rest:
        chat.set_title(rest)
    click.echo(f"Session title: {one_line(chat.session.title)}")


def _retry(chat: "Chat", rest: str) -> None:
    del rest
    _, last = _last_question(chat)
    if not last:
        click.echo("nothing to ask again yet")
        return
    chat.session.move_head(last, reason="retry")
    chat.ask(None)


def _edit(chat: "Chat", rest: str) -> None:
    before, last = _last_question(chat)
    if not (rest and last):
        click.echo("say the last message differently: /edit TEXT")
        return
    chat.session.move_head(before, reason="edit")
    chat.ask(rest)


def _last_question(chat: "Chat") -> tuple[int, int]:
    """Return the user's last message, and the one before it; 0 where there is none."""
    seqs = [0]
    question = (0, 0)
    for seq, message in chat.recorded(200):
        if message["role"] == "user":
            question = (seqs[-1], seq)
        seqs.append(seq)
    return question


def _attach(chat: "Chat", rest: str) -> None:
    from .attaching import paths_in, picture_part  # noqa: PLC0415

    if not rest:
        click.echo("show the model pictures with the next message: /attach FILE …")
        return
    chat.attached += [picture_part(path) for path in paths_in(rest)]
    count = len(chat.attached)
    click.echo(f"The next message goes with {count} picture{'s' * (count != 1)}.")


def _rewind(chat: "Chat", rest: str) -> None:
    if not rest.isdecimal():
        click.echo(
            "go back to a message: /rewind NUMBER; /tree shows the numbers, 0 is the beginning"
        )
        return
    chat.session.move_head(int(rest), reason="rewind")
    click.echo(f"The next message follows {rest if int(rest) else 'the beginning'}.")


def _tree(chat: "Chat", rest: str) -> None:
    from .tree import drawn, said_in  # noqa: PLC0415

    del rest
    for line in drawn(said_in(chat.session), chat.session.head):
        click.echo(line)


def _fork(chat: "Chat", rest: str) -> None:
    from eventlog.branching import fork  # noqa: PLC0415

    if rest and not rest.isdecimal():
        click.echo("go on in a new session: /fork, or /fork NUMBER; /tree shows the numbers")
        return
    origin = chat.session.id
    chat.session = fork(chat.store, origin, at=int(rest) if rest else None)
    click.echo(f"Created new session: {chat.session.id}\nSession {origin} stays as it is.")


def _summarize(chat: "Chat", rest: str) -> None:
    from eventlog.summarizing import drop_summary  # noqa: PLC0415

    if rest == "undo":
        drop_summary(chat.session)
        click.echo("The model sees the messages again.")
    else:
        chat.summarize()


def _usage(chat: "Chat", rest: str) -> None:
    del rest
    usage = chat.session.usage
    for name, tokens in usage.models.items():
        failed = f", {tokens.failed} failed" if tokens.failed else ""
        calls = f"{tokens.calls} call{'s' * (tokens.calls != 1)}{failed}"
        click.echo(f"{one_line(name)}: {calls}, {used(tokens)}")
    if not usage.models:
        click.echo("no model call yet" + (" since the fork" if usage.inherited else ""))
    for name, tokens in usage.inherited.items():
        click.echo(f"before the fork, counted there: {one_line(name)}: {used(tokens)}")


def used(tokens: "Tokens") -> str:
    """Say tokens and what they cost, and how many calls are not in that."""
    costs = [f", {amount} {currency}" for currency, amount in sorted(tokens.cost.items())]
    return (
        f"{tokens.prompt_tokens:,} prompt + {tokens.completion_tokens:,} completion tokens"
        + "".join(costs)
        + (f"; {untold(tokens.untold)}" if tokens.untold else "")
    )


def _model(chat: "Chat", rest: str) -> None:
    from eventlog.model import Model  # noqa: PLC0415

    if rest and chat.model.provider.name == "embedded":
        click.echo("only the embedded model is configured here; others: eventlog chat --help")
        return
    if rest:
        chat.model.close()
        chat.model = Model(replace(chat.model.provider, model=rest), prices=chat.model.prices)
    provider = chat.model.provider
    click.echo(f"Model: {one_line(chat.model.name)} ({provider.name})")


def _quit(chat: "Chat", rest: str) -> None:
    del rest
    chat.leaving = True


SLASH: "dict[str, tuple[Callable[[Chat, str], None], str]]" = {
    "help": (_help, "this list"),
    "title": (_title, "show the title, or set it: /title TEXT; /title auto asks the model"),
    "retry": (_retry, "ask the last message again; the first answer stays in the log"),
    "edit": (_edit, "say the last message differently: /edit TEXT"),
    "attach": (_attach, "show the model pictures with the next message: /attach FILE …"),
    "rewind": (_rewind, "go back to a message: /rewind NUMBER; nothing is lost"),
    "fork": (_fork, "go on in a new session with the same past: /fork, or /fork NUMBER"),
    "tree": (_tree, "draw the messages with their numbers and branches"),
    "summarize": (_summarize, "sum up the older turns for the model; /summarize undo"),
    "usage": (_usage, "what the model calls used and cost so far"),
    "model": (_model, "show the model, or ask another of the provider: /model NAME"),
    "quit": (_quit, "leave"),
}
