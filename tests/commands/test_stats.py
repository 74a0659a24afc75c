"""`eventlog stats`: sums by time, model, tag and session, as a table, bars and JSON."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from eventlog.branching import fork
from eventlog.compaction import compact
from eventlog.erasure import erase
from eventlog.session import Session
from eventlog.store import Store
from tests.commands.running import Shell, Terminal
from tests.commands.test_looking import spoil
from tests.compaction.logs import noted, put, titled
from tests.projections.building import assistant, called, user

SUNDAY, MONDAY = "2026-11-22T10:00:00.000000Z", "2026-11-23T10:00:00.000000Z"


def at(shell: Shell, when: str, session_id: str) -> Session:
    """Open or begin a session whose clock stands still."""
    store = Store(shell.store.backend, clock=lambda: when)
    return store.get_or_create(session_id)


def ask(session: Session, model: str = "m", cost: str = "0.1", currency: str = "USD") -> None:
    """Say something to a model, which answers: two messages, one call, 10 + 2 tokens."""
    put(session, user("question"))
    (call,) = put(session, called(model))
    details = {"prompt_tokens_details": {"cached_tokens": 4}}
    used = {"prompt_tokens": 10, "completion_tokens": 2, **details,
            "cost": {"currency": currency, "amount": cost}}  # fmt: skip
    put(session, assistant("answer", call=call["seq"], usage=used))


def stats(shell: Shell, *arguments: str) -> dict[str, Any]:
    run = shell.run("stats", "--json", *arguments)
    assert (run.code, run.err) == (0, "")
    found: dict[str, Any] = json.loads(run.out)
    return found


def column(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one number of each row, by what the row is of."""
    return {row[found["by"]]: row[name] for row in found["rows"]}


def shown(shell: Shell, *arguments: str) -> str:
    with Terminal(shell, ("stats", *arguments)) as terminal:
        assert terminal.end() == 0
        return terminal.shown


def test_a_day_has_all_its_counts(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "s"))
    (row,) = stats(shell)["rows"]
    assert row == {
        "day": "2026-11-22", "sessions": 1, "messages": 2, "calls": 1, "failed": 0,
        "prompt_tokens": 10, "completion_tokens": 2, "cached_tokens": 4, "reasoning_tokens": 0,
        "untold": 0, "cost": {"USD": "0.1"},
    }  # fmt: skip


def test_a_failed_call_is_told_apart(shell: Shell) -> None:
    session = at(shell, SUNDAY, "s")
    (call,) = put(session, called())
    put(session, ("model.failed", {"call": call["seq"], "reason": "no", "kind": "other"}))
    total = stats(shell)["total"]
    assert (total["calls"], total["failed"]) == (1, 1)


def test_calls_that_did_not_tell_their_tokens_are_told(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "s"))
    assert "did not tell" not in shown(shell)
    put(at(shell, SUNDAY, "s"), called(), assistant("without usage", call=5))
    assert stats(shell)["total"]["untold"] == 1
    assert "1 call did not tell its tokens: the sums are without them." in shown(shell)


def test_a_call_told_later_counts_as_told_in_the_quarter_where_it_began(shell: Shell) -> None:
    (call,) = put(at(shell, SUNDAY, "s"), called())
    assert column(stats(shell), "untold") == {"2026-11-22": 1}
    used = {"prompt_tokens": 10, "completion_tokens": 2}
    put(at(shell, MONDAY, "s"), assistant("late", call=call["seq"], usage=used))
    assert column(stats(shell), "untold") == {"2026-11-22": 0, "2026-11-23": 0}


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC", "2026-11-22"), ("UTC-14", "2026-11-23"), ("UTC+12", "2026-11-21")]
)
def test_days_are_those_of_the_local_time_zone(shell: Shell, zone: str, day: str) -> None:
    ask(at(shell, SUNDAY, "s"))
    shell.settings["TZ"] = zone
    assert list(column(stats(shell), "calls")) == [day]


def test_weeks_begin_on_monday_and_months_are_whole(shell: Shell) -> None:
    for when in (SUNDAY, MONDAY, "2026-11-29T23:59:00.000000Z", "2026-12-01T00:00:00.000000Z"):
        ask(at(shell, when, "s"))
    shell.settings["TZ"] = "UTC"
    weeks = {"2026-11-16": 1, "2026-11-23": 2, "2026-11-30": 1}
    assert column(stats(shell, "--by", "week"), "calls") == weeks
    assert column(stats(shell, "--by", "month"), "calls") == {"2026-11": 3, "2026-12": 1}


def test_costs_are_exact_and_currencies_stay_apart(shell: Shell) -> None:
    session = at(shell, SUNDAY, "s")
    for amount in ("0.1", "0.2", "12345678901234567890.000000000000000001"):
        ask(session, cost=amount)
    ask(session, cost="7", currency="EUR")
    assert stats(shell)["total"]["cost"] == {
        "EUR": "7",
        "USD": "12345678901234567890.300000000000000001",
    }


def test_models_are_added_up_apart(shell: Shell) -> None:
    session = at(shell, SUNDAY, "s")
    for model in ("small", "large", "large"):
        ask(session, model)
    found = stats(shell, "--by", "model")
    assert column(found, "calls") == {"large": 2, "small": 1}
    assert "messages" not in found["rows"][0]
    assert found["total"]["messages"] == 6


def test_a_session_with_two_tags_counts_under_each_and_once_in_the_total(shell: Shell) -> None:
    put(at(shell, SUNDAY, "s"), noted(tags=["home", "work"]))
    ask(at(shell, SUNDAY, "s"))
    ask(at(shell, SUNDAY, "t"))
    found = stats(shell, "--by", "tag")
    assert column(found, "calls") == {"home": 1, "work": 1, None: 1}
    assert found["total"]["calls"] == 2


def test_sessions_come_with_their_titles_the_most_used_first(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "a"))
    for _ in range(2):
        ask(at(shell, SUNDAY, "b"))
    put(at(shell, SUNDAY, "b"), titled("Busy"))
    found = stats(shell, "--by", "session")
    assert column(found, "title") == {"b": "Busy", "a": "question"}
    assert [row["session"] for row in found["rows"]] == ["b", "a"]


def test_since_and_until_cut_through_a_session(shell: Shell) -> None:
    for when in (SUNDAY, MONDAY):
        ask(at(shell, when, "s"))
    shell.settings["TZ"] = "UTC"
    assert column(stats(shell, "--since", "2026-11-23"), "messages") == {"2026-11-23": 2}
    assert column(stats(shell, "--until", "2026-11-22"), "messages") == {"2026-11-22": 2}


def test_a_time_within_a_quarter_of_an_hour_takes_all_of_it(shell: Shell) -> None:
    ask(at(shell, "2026-11-22T10:14:59.000000Z", "s"))
    for option, counts in (("--since", (1, 0)), ("--until", (0, 1))):
        found = [stats(shell, option, f"2026-11-22T10:{m}Z")["total"] for m in ("00", "15")]
        assert tuple(total["calls"] for total in found) == counts
    assert stats(shell, "--since", "2026-11-22T10:14Z")["total"]["calls"] == 1
    assert stats(shell, "--until", "2026-11-22T10:01Z")["total"]["calls"] == 1


def test_tags_choose_sessions_and_models_choose_calls(shell: Shell) -> None:
    put(at(shell, SUNDAY, "s"), noted(tags=["work"]))
    ask(at(shell, SUNDAY, "s"), "gpt-large")
    ask(at(shell, SUNDAY, "s"), "other")
    ask(at(shell, SUNDAY, "t"), "third")
    assert stats(shell, "--tag", "work")["total"]["calls"] == 2
    total = stats(shell, "--model", "GPT*")["total"]
    assert (total["calls"], total["messages"], total["cost"]) == (1, 4, {"USD": "0.1"})


def test_what_a_fork_inherits_counts_once(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "s"))
    before = stats(shell)
    fork(shell.store, "s", new_id="f")
    assert stats(shell) == before
    ask(shell.session("f"))
    total = stats(shell)["total"]
    assert (total["calls"], total["messages"], total["sessions"]) == (2, 4, 2)


@pytest.mark.parametrize(
    "change",
    [lambda store: compact(store, "s"), lambda store: erase(store, "s", [2])],
    ids=["compaction", "erasure"],
)
def test_a_rewritten_log_still_counts_the_same(
    shell: Shell, change: Callable[[Store], object]
) -> None:
    session = at(shell, SUNDAY, "s")
    put(session, titled("old"), titled("new"))
    ask(session)
    before, log = stats(shell), shell.log("s").read_bytes()
    change(shell.store)
    assert shell.log("s").read_bytes() != log
    assert stats(shell)["total"] == before["total"]


def test_a_rerun_counts_beside_what_it_repeats(talking: Shell) -> None:
    ask(at(talking, SUNDAY, "s"))
    before = column(stats(talking, "--by", "session"), "calls")
    talking.run("rerun", "s", "--as", "r")
    assert column(stats(talking, "--by", "session"), "calls") == {**before, "r": 1}


def test_an_empty_store_says_so(shell: Shell) -> None:
    run = shell.run("stats")
    assert (run.code, run.out) == (0, "")
    assert run.err == "Nothing to add up yet. Begin a session: eventlog chat\n"
    assert stats(shell)["rows"] == []


def test_filters_that_leave_nothing_say_so(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "s"))
    assert "Nothing was used that is like that" in shell.run("stats", "--tag", "none").err


def test_a_damaged_session_is_told_of_and_what_is_left_of_it_counts(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "s"))
    spoil(shell, "s")
    run = shell.run("stats", "--json")
    assert "1 session is damaged" in run.err
    assert json.loads(run.out)["total"]["messages"] == 1


def test_a_pipe_gets_plain_numbers_and_no_bars(shell: Shell) -> None:
    for _ in range(1000):
        put(at(shell, SUNDAY, "s"), user("hi"))
    ask(at(shell, SUNDAY, "s"))
    ask(at(shell, SUNDAY, "s"), currency="EUR")
    assert shell.run("stats").out == "2026-11-22\t1\t1004\t2\t0\t20\t4\t8\t0\t0\t0.1 EUR, 0.1 USD\n"


def test_the_last_times_are_shown_and_all_are_in_the_total(shell: Shell) -> None:
    for day in (20, 21, 22):
        ask(at(shell, f"2026-11-{day}T10:00:00.000000Z", "s"))
    found = stats(shell, "--limit", "2")
    assert list(column(found, "calls")) == ["2026-11-21", "2026-11-22"]
    assert found["total"]["calls"] == 3
    assert shell.run("stats", "--limit", "0").code == 2
    assert "1 earlier, counted in the total" in shown(shell, "--limit", "2")


def test_a_terminal_gets_a_table_with_a_total(shell: Shell) -> None:
    for when in (SUNDAY, MONDAY):
        ask(at(shell, when, "s"))
    lines = [line.split() for line in shown(shell, "--chart", "none").splitlines()]
    assert [
        "DAY",
        "SESSIONS",
        "MESSAGES",
        "CALLS",
        "PROMPT",
        "COMPLETION",
        "CACHED",
        "USD",
    ] in lines
    assert ["2026-11-22", "1", "2", "1", "10", "2", "4", "0.1"] in lines
    assert ["TOTAL", "1", "4", "2", "20", "4", "8", "0.2"] in lines


def test_what_has_no_room_is_named_and_no_number_is_cut(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "s"), "model-with-a-name" * 9, cost="1" * 30 + ".5")
    text = shown(shell, "--by", "model")
    assert max(map(len, text.splitlines())) <= 80
    assert "1" * 30 + ".5" in text
    assert "no room for: cached" in text


def test_bars_are_as_long_as_their_numbers(shell: Shell) -> None:
    for day, count in ((20, 1), (21, 4), (22, 2)):
        for _ in range(count):
            ask(at(shell, f"2026-11-{day}T10:00:00.000000Z", "s"))
    bars = [line.count("█") for line in bar_lines(shown(shell))]
    assert [round(bar * 4 / max(bars)) for bar in bars] == [1, 4, 2]
    assert len("2026-11-21") + 2 + max(bars) + 4 == 80


def test_days_without_anything_are_gaps(shell: Shell) -> None:
    for day in ("11-20", "11-22", "11-27"):
        ask(at(shell, f"2026-{day}T10:00:00.000000Z", "s"))
    text = shown(shell, "--chart", "messages")
    lines = text[text.index("MESSAGES\n") :].splitlines()[1:]
    heads = [line.split("  ")[0] for line in lines]
    assert heads == ["2026-11-20", "2026-11-21", "2026-11-22", "… 4 days without", "2026-11-27"]
    assert lines[1].split() == ["2026-11-21", "0"]


def test_each_currency_has_its_own_bars(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "s"), cost="0.0001")
    ask(at(shell, MONDAY, "s"), cost="1000000")
    ask(at(shell, MONDAY, "s"), cost="5", currency="JPY")
    text = shown(shell, "--chart", "cost")
    assert text.index("COST, JPY") < text.index("COST, USD")
    (tiny,) = [line for line in bar_lines(text[text.index("COST, USD") :]) if "0.0001" in line]
    assert "▏" in tiny  # what is not nothing is seen


def test_without_block_characters_bars_are_number_signs(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "s"))
    shell.settings |= {"PYTHONIOENCODING": "ascii"}
    assert "2026-11-22  ####" in shown(shell)


def test_what_a_log_holds_cannot_move_the_cursor(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "s"), "evil\x1b[2J\nname")
    put(at(shell, SUNDAY, "s"), noted(tags=["\x9b31m"]))
    for way in ("model", "tag", "session"):
        outs = shell.run("stats", "--by", way).out, shell.run("stats", "--by", way, "--json").out
        assert "\x1b" not in "".join(outs)
        assert "\x9b" not in "".join(outs)
        assert len(outs[0].splitlines()) == 1


def bar_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if set("█▏▎▍▌▋▊▉") & set(line)]


def test_sums_and_bars_are_never_floats(shell: Shell) -> None:
    ask(at(shell, SUNDAY, "s"), cost="0." + "0" * 50 + "1")
    amount = stats(shell)["total"]["cost"]["USD"]
    assert Decimal(amount) == Decimal("1e-51")
    assert amount in shown(shell, "--chart", "cost")


def test_spellings_of_a_tag_that_differ_in_case_are_one_row(shell: Shell) -> None:
    for name, tag in (("a", "Work"), ("b", "work"), ("c", "home")):
        put(at(shell, SUNDAY, name), noted(tags=[tag]))
        ask(at(shell, SUNDAY, name))
    rows = stats(shell, "--by", "tag")["rows"]
    assert sorted((row["tag"].lower(), row["sessions"]) for row in rows) == [
        ("home", 1),
        ("work", 2),
    ]
