"""Lines broken between words, for text that comes piece by piece.

A terminal breaks a line wherever it is full. This holds each word back until it has ended, which is
a token's time, and breaks before it where it would not fit. Code between ``` fences is left as it
is, so that it can be copied.
"""

import shutil
import sys

_LONGEST_WORD = 500  # characters held back at most


class Wrapper:
    """Text in, text to print out; `column` is where on its line the terminal stands."""

    def __init__(self, width: int | None = None, *, column: int = 0) -> None:
        from rich.cells import cell_len  # noqa: PLC0415 - only a terminal needs it

        self._cells = cell_len
        self._width = width or shutil.get_terminal_size().columns
        self._column = column
        self._gap = self._word = ""
        self._fenced = False

    def add(self, text: str) -> str:
        """Take some text; return what of it, and of what was held back, is to be printed now."""
        return "".join(map(self._add, text))

    def end(self) -> str:
        """Return what is still held back."""
        return self._place()

    def _add(self, char: str) -> str:
        if char == "\n":
            line = self._place() + char
            self._column, self._gap = 0, ""
            return line
        if char in " \t":
            placed = self._place()
            self._gap += char
            return placed
        if self._cells(char) > 1 or len(self._word) == _LONGEST_WORD:  # 中文 breaks anywhere
            placed = self._place()
            self._word = char
            return placed + self._place()
        self._word += char
        return ""

    def _place(self) -> str:
        """Put the word where it goes: behind its gap, or on the next line."""
        gap, word = self._gap, self._word
        if not word:
            return ""
        self._gap = self._word = ""
        if not self._column and word.startswith("```"):
            self._fenced = not self._fenced
        cells = self._cells(gap + word)
        if self._column and self._column + cells > self._width and not self._fenced:
            self._column = self._cells(word) % self._width
            return f"\n{word}"
        self._column += cells
        return gap + word


def fitted(text: str) -> str:
    """Break the lines of a whole text, if it goes to a terminal, for that one's width."""
    if not sys.stdout.isatty():
        return text
    wrapper = Wrapper()
    return wrapper.add(text) + wrapper.end()
