"""What is typed at a terminal, lines or single keys: editing, history, completion by prompt_toolkit."""

import select
from collections.abc import Iterator, Sequence

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_input

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


def pressed_keys() -> Iterator[str]:
    """Give the name of each key as it is pressed, as prompt_toolkit has it; Ctrl-C is one, "c-c".

    The terminal is raw until the end, so that no key between two is lost.
    """
    keyboard = create_input()
    with keyboard.raw_mode():
        while not keyboard.closed:
            select.select([keyboard.fileno()], [], [])
            yield from (press.key for press in keyboard.read_keys() or keyboard.flush_keys())
