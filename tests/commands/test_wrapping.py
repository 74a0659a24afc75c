"""Lines broken between words, whatever pieces the text comes in."""

import random

import pytest

from eventlog.tools.wrapping import Wrapper


def wrap(*pieces: str, width: int = 10, column: int = 0) -> str:
    wrapper = Wrapper(width, column=column)
    return "".join(map(wrapper.add, pieces)) + wrapper.end()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one two three four", "one two\nthree four"),
        ("0123456789 x", "0123456789\nx"),
        ("one\n\n  two three", "one\n\n  two\nthree"),
        ("a https://example.org/long b", "a\nhttps://example.org/long b"),
        ("中文也可以换行", "中文也可以\n换行"),
        ("```\na b c d e f g\n```\none two three", "```\na b c d e f g\n```\none two\nthree"),
        ("trailing   \nspaces ", "trailing\nspaces"),
    ],
)
def test_lines_break_between_words(text: str, shown: str) -> None:
    assert wrap(text) == shown


def test_the_first_line_begins_where_the_cursor_is() -> None:
    assert wrap("one two", column=5) == "one\ntwo"


def test_the_pieces_make_no_difference(rng: random.Random) -> None:
    text = "".join(rng.choice("ab  \n中🙂é") for _ in range(300))
    assert wrap(*text) == wrap(text) == wrap(text[:99], text[99:])


def test_no_word_is_lost_or_changed(rng: random.Random) -> None:
    text = "".join(rng.choice("abc d\n") for _ in range(3000))
    assert wrap(text).split() == text.split()


def test_a_word_is_held_back_only_so_long() -> None:
    assert Wrapper(10).add("x" * 501)
