"""Lines typed at a terminal: editing, history and completion by prompt_toolkit."""

from collections.abc import Iterator, Sequence

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import InMemoryHistory

from .slash import SLASH


def typed_lines(prompt: str, history: Sequence[str]) -> Iterator[str]:
    """Give each line that is typed, until an empty one or Ctrl-D; Ctrl-C only clears the line.

    The history is what the session's log says was typed: nothing of it is kept anywhere else.
    """
    words = WordCompleter([f"/{name}" for name in SLASH], sentence=True)
    session: PromptSession[str] = PromptSession(
        history=InMemoryHistory(list(history)), completer=words, complete_while_typing=False
    )
    while True:
        try:
            line = session.prompt(prompt)
        except KeyboardInterrupt:
            click.echo("(an empty line or Ctrl-D leaves)")
            continue
        except EOFError:
            return
        if not line.strip():
            return
        yield line
