"""`eventlog search`: hits with their words shown, filters, JSON, and how it ends."""

import json
import re
from typing import Any

import pytest

from eventlog.store import Store
from tests.commands.running import Shell
from tests.commands.wide import shown_in

HOURS = ("2026-11-21T22:30", "2026-11-21T23:30", "2026-11-22T22:30", "2026-11-22T23:30")


def hold(shell: Shell, session_id: str, *contents: str) -> None:
    """Put a session there in which a user said these."""
    session = shell.store.create(session_id)
    session.append_many([{"role": "user", "content": content} for content in contents])


def hits(shell: Shell, *arguments: str, **how: Any) -> list[tuple[str, int]]:
    run = shell.run("search", "--json", *arguments, **how)
    assert run.err == ""
    found = [(hit["session"], hit["seq"]) for hit in json.loads(run.out)]
    assert run.code == (0 if found else 1)
    return found


def test_a_hit_is_a_line_of_columns_in_a_pipe(shell: Shell) -> None:
    hold(shell, "s", "Title\there", "so\nan Äpfel\tbasket")
    (line,) = shell.run("search", "apfel").lines
    session, seq, at, role, title, text = line.split("\t")
    assert (session, seq, role, title, text) == (
        "s",
        "3",
        "user",
        "Title here",
        "so an Äpfel basket",
    )
    assert re.fullmatch(r"2\d{3}-\d\d-\d\dT[\d:.]+Z", at)


def test_json_says_where_a_hit_is_and_what_is_marked(shell: Shell) -> None:
    hold(shell, "s", "one banana and one Banana")
    (hit,) = json.loads(shell.run("search", "banana", "--json").out)
    marked = [hit["text"][start:end] for start, end in hit["marks"]]
    assert (hit["session"], hit["seq"], hit["role"]) == ("s", 2, "user")
    assert (hit["title"], marked) == ("one banana and one Banana", ["banana", "Banana"])


def test_in_a_terminal_the_word_is_highlighted_and_the_way_there_told(shell: Shell) -> None:
    hold(shell, "s", "a ripe banana here")
    code, raw = shown_in(shell, 100, "search", "banana")
    assert code == 0
    assert re.search("ripe \x1b\\[[0-9;]*m(\x1b\\[[0-9;]*m)*banana\x1b\\[0m here", raw)
    assert "eventlog replay s --until 2" in raw
    assert "eventlog chat --session s" in raw


def test_nothing_found_is_told_and_ends_with_1(shell: Shell) -> None:
    hold(shell, "s", "apple")
    run = shell.run("search", "pear")
    assert (run.code, run.out, run.err) == (1, "", "Nothing found.\n")
    assert hits(shell, "pear") == []
    assert shell.run("search", "pear", settings={"EVENTLOG_STORE": "nowhere"}).code == 1


@pytest.mark.parametrize(
    "arguments",
    [['"open'], ["("], ["NOT", "x"], ["..."], ["role:king", "x"], ["since:soon", "x"],
     ["x", "--since", "soon"], ["x", "--limit", "0"], []],
)  # fmt: skip
def test_a_query_that_is_none_is_wrong_usage(shell: Shell, arguments: list[str]) -> None:
    hold(shell, "s", "x")
    run = shell.run("search", *arguments)
    assert (run.code, run.out) == (2, "")
    assert run.err


@pytest.mark.parametrize("arguments", [["since:3 days ago"], ["x", "since:3", "days", "ago"]])
def test_a_time_whose_quotes_the_shell_took_is_told_how_to_write(
    shell: Shell, arguments: list[str]
) -> None:
    hold(shell, "s", "x")
    run = shell.run("search", *arguments)
    assert (run.code, run.out) == (2, "")
    assert """'since:"3 days ago"', or --since "3 days ago\"""" in run.err
    assert hits(shell, 'x since:"3 days ago"') == [("s", 2)]


def test_quotes_that_the_shell_took_make_a_phrase(shell: Shell) -> None:
    hold(shell, "s", "red apple", "apple red", "red")
    assert sorted(hits(shell, "red", "apple")) == [("s", 2), ("s", 3)]
    assert sorted(hits(shell, "red apple")) == [("s", 2), ("s", 3)]
    assert hits(shell, '"red apple"') == [("s", 2)]
    assert hits(shell, "red apple", "role:user") == [("s", 2)]


def test_filters_combine(shell: Shell) -> None:
    for name in ("one", "two"):
        hold(shell, name, "apple", "apple pie")
        shell.session(name).append({"role": "assistant", "content": "an apple"})
    assert shell.run("tag", "one", "work").code == 0
    assert sorted(hits(shell, "apple", "--tag", "work", "role:assistant")) == [("one", 4)]
    assert sorted(hits(shell, "apple -pie tag:Work role:user")) == [("one", 2)]
    assert sorted(hits(shell, "tag:Work", "role:user", "--", "apple", "-pie")) == [("one", 2)]
    assert sorted(hits(shell, "apple", "session:tw", "pie")) == [("two", 3)]
    assert hits(shell, "apple", "session:tw", "session:one") == []
    assert hits(shell, "apple", "--model", "none*") == []


def test_days_are_counted_in_the_zone_of_who_asks(shell: Shell) -> None:
    times = iter([f"{hour}:00.000000Z" for hour in ("2026-11-01T00:00", *HOURS)])
    store = Store(shell.store.backend, clock=lambda: next(times))
    session = store.create("s")
    for _ in HOURS:
        session.append({"role": "user", "content": "apple"})
    east = {"TZ": "Europe/Berlin"}  # one hour ahead of UTC
    assert hits(shell, "apple", "--since", "2026-11-22", "--until", "2026-11-22", "--newest",
                settings=east) == [("s", 4), ("s", 3)]  # fmt: skip
    assert hits(shell, "apple since:2026-11-22 until:2026-11-22", "--newest",
                settings={"TZ": "UTC"}) == [("s", 5), ("s", 4)]  # fmt: skip
    assert hits(shell, "apple since:2026-11-22", "--since", "2026-11-23", settings=east) == [
        ("s", 5)
    ]


def test_as_many_are_shown_as_wanted(shell: Shell) -> None:
    hold(shell, "s", *["apple"] * 15)
    assert len(shell.run("search", "apple").lines) == 10
    assert len(shell.run("search", "apple", "--limit", "3").lines) == 3
    assert "There is more: --limit 50" in shown_in(shell, 80, "search", "apple")[1]
    assert "There is more" not in shown_in(shell, 80, "search", "apple", "--limit", "15")[1]


def test_what_a_log_holds_cannot_act_on_the_terminal(shell: Shell) -> None:
    hold(shell, "s", "\x1b]0;owned\x07 apple \x9b31m\u202e")
    for option in ([], ["--json"]):
        out = shell.run("search", "apple", *option).out
        assert "owned" in out
        assert not set("\x1b\x07\x9b\u202e") & set(out)
    raw = shown_in(shell, 80, "search", "apple")[1]
    assert "\x1b]" not in raw
    assert not set("\x07\x9b\u202e") & set(raw)


def test_words_of_any_bytes_are_no_error_of_ours(shell: Shell) -> None:
    hold(shell, "s", "apple")
    assert shell.run("search", b"\xff\xfe").code in (1, 2)
    assert shell.run("search", b"apple", b"-\xffx").code in (0, 2)
    assert shell.run("search", "apple", "--tag", b"\xff").code == 1
    assert shell.run("search", "apple", "--model", b"\xff*").code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("fresh bread", "apple pie"),
        ("apple OR pear", "bread"),
        ("apple -pear", "bread"),
        ("role:user apple", "bread"),
        ("(apple OR pear)", "bread"),
        ("bread NOT pear", "apple"),
        ("appl* fresh", "bread"),
    ],
)
def test_of_several_arguments_only_plain_words_are_a_phrase(
    shell: Shell, arguments: tuple[str, ...]
) -> None:
    hold(shell, "s", "an apple pie and fresh bread")
    hold(shell, "t", "pie of apple, bread that is not fresh, and a pear")
    assert ("s", 2) in hits(shell, *arguments)
    if arguments[0] == "fresh bread":
        assert ("t", 2) not in hits(shell, *arguments)


def test_a_field_that_is_none_is_told_when_nothing_is_found(shell: Shell) -> None:
    hold(shell, "s", "note:apple at http://example.org")
    run = shell.run("search", "title:apple")
    assert run.code == 1
    assert "no field title" in run.err
    assert "model, role, session" in run.err
    assert shell.run("search", "note:apple").err == ""
    assert "field" not in shell.run("search", "http://none.org").err


def test_a_star_alone_is_named_in_the_error(shell: Shell) -> None:
    run = shell.run("search", "*")
    assert run.code == 2
    assert "'*' holds no letter" in run.err
