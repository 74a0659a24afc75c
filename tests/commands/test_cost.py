"""What calls cost, on the command line: --prices, EVENTLOG_PRICES, /usage, and /title auto."""

import time
from collections.abc import Callable, Iterator

import pytest

from eventlog.branching import fork
from tests.commands.running import Shell, Terminal
from tests.compaction.logs import put
from tests.http import openai_server as fake
from tests.http.openai_server import OpenAIServer, Slow
from tests.projections.building import assistant, user

TABLE = 'currency = "USD"\n[models."m*"]\nprompt = 100\ncompletion = 200\n'
COST = {"USD": "0.0013"}  # of a call with fake.USAGE


@pytest.fixture
def paying(talking: Shell) -> Shell:
    """A provider, and a table of prices that is not chosen."""
    (talking.folder / "prices.toml").write_text(TABLE)
    return talking


@pytest.fixture
def terminal(paying: Shell) -> Iterator[Terminal]:
    paying.settings["EVENTLOG_PRICES"] = "prices.toml"
    with Terminal(paying, ("chat", "--session", "s")) as opened:
        yield opened


def cost(shell: Shell, session_id: str = "s") -> dict[str, str]:
    return shell.session(session_id).usage.total.cost


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_the_option_and_the_variable_choose_the_table(paying: Shell) -> None:
    paying.run("chat", "--session", "s", "Hello")
    assert cost(paying) == {}
    paying.run("chat", "--session", "s", "Hello", "--prices", "prices.toml")
    assert cost(paying) == COST
    paying.run("chat", "--session", "s", "Hello", settings={"EVENTLOG_PRICES": "prices.toml"})
    assert cost(paying) == {"USD": "0.0026"}


def test_an_empty_variable_is_none(paying: Shell) -> None:
    assert paying.run("chat", "Hello", settings={"EVENTLOG_PRICES": ""}).code == 0


def test_rerun_summarize_and_rename_record_the_cost(paying: Shell) -> None:
    put(paying.store.create("s"), user("a"), assistant("b"), user("c"))
    run = paying.run("rerun", "s", "--as", "t", "--prices", "prices.toml")
    assert "2 turns, 14 prompt + 6 completion tokens, 0.0026 USD. Compare:" in run.err
    paying.settings["OPENAI_MODEL"] = "m"
    paying.run("summarize", "t", "--keep", "1", "--prices", "prices.toml")
    assert cost(paying, "t") == {"USD": "0.0039"}
    paying.run("rename", "t", "--auto", "--prices", "prices.toml")
    assert cost(paying, "t") == {"USD": "0.0052"}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (TABLE.replace("100", "-1"), "error: prices.toml, line 3: m*: prompt is no price"),
        ("[", "error: prices.toml, line 1: "),
    ],
)
def test_a_wrong_table_ends_the_command_before_anything_is_asked(
    paying: Shell, server: OpenAIServer, table: str, told: str
) -> None:
    (paying.folder / "prices.toml").write_text(table)
    run = paying.run("chat", "--session", "s", "Hello", "--prices", "prices.toml")
    assert (run.code, run.out) == (2, "")
    assert told in run.err
    assert not server.bodies
    assert paying.ids == []


def test_a_table_that_is_not_there_is_wrong_usage(paying: Shell) -> None:
    assert paying.run("chat", "Hello", "--prices", "none.toml").code == 2
    run = paying.run("chat", "Hello", settings={"EVENTLOG_PRICES": "none.toml"})
    assert (run.code, paying.ids) == (2, [])
    assert "EVENTLOG_PRICES" in run.err


def test_usage_adds_it_up_and_another_model_is_priced_too(terminal: Terminal) -> None:
    terminal.enter("Hello")
    terminal.wait_for("[assistant] Hello")
    terminal.enter("/model m-large")
    terminal.enter("Hello again")
    terminal.wait_for("[assistant] Hello again")
    terminal.enter("/usage")
    terminal.wait_for("m: 1 call, 7 prompt + 3 completion tokens, 0.0013 USD\n")
    terminal.wait_for("m-large: 1 call, 7 prompt + 3 completion tokens, 0.0013 USD\n")


def test_usage_says_which_calls_did_not_tell_their_tokens(
    server: OpenAIServer, terminal: Terminal
) -> None:
    terminal.enter("Hello")
    terminal.wait_for("[assistant] Hello")
    for _ in range(2):
        server.then(fake.stream([{"content": "Silent"}], usage=None))
        terminal.enter("Hello again")
        terminal.wait_for("[assistant] Silent")
    terminal.enter("/usage")
    terminal.wait_for(
        "m: 3 calls, 7 prompt + 3 completion tokens, 0.0013 USD; 2 calls did not tell their tokens\n"
    )


def test_usage_of_a_fork_tells_what_was_used_before(paying: Shell) -> None:
    paying.run("chat", "--session", "o", "Hello", "--prices", "prices.toml")
    fork(paying.store, "o", new_id="f")
    with Terminal(paying, ("chat", "--session", "f")) as terminal:
        terminal.enter("/usage")
        terminal.wait_for("no model call yet since the fork\n")
        terminal.wait_for(
            "before the fork, counted there: m: 7 prompt + 3 completion tokens, 0.0013 USD\n"
        )


def test_title_auto_asks_the_model(paying: Shell, server: OpenAIServer, terminal: Terminal) -> None:
    terminal.enter("/title auto")
    terminal.wait_for("nothing was said in session s")
    terminal.enter("Hello")
    terminal.wait_for("[assistant] Hello")
    server.then(fake.reply('"A greeting."'))
    terminal.enter("/title auto")
    terminal.wait_for("(asking the model for a title …)")
    terminal.wait_for("Session title: A greeting\n")
    terminal.enter("/quit")
    terminal.wait_for("Session saved: s")
    assert paying.session("s").title == "A greeting"
    assert cost(paying) == {"USD": "0.0026"}


def test_a_title_that_takes_too_long_can_be_stopped(
    paying: Shell, server: OpenAIServer, terminal: Terminal
) -> None:
    terminal.enter("Hello")
    terminal.wait_for("[assistant] Hello")
    slow = Slow()
    server.then(slow)
    terminal.enter("/title auto")
    terminal.wait_for("(asking the model for a title …)")
    wait_until(lambda: len(server.bodies) == 2)
    terminal.press("\x03")
    terminal.wait_for("[interrupted]")
    assert slow.client_left.wait(5)
    terminal.enter("/title")
    terminal.wait_for("Session title: Hello\n")


def test_help_tells_of_it(terminal: Terminal) -> None:
    terminal.enter("/help")
    assert "/title auto asks the model" in terminal.wait_for("Ctrl-C stops an answer")
