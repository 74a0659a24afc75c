"""`eventlog summarize`, and the chat that sums up by itself when the model's context is full."""

import pytest

from eventlog.projections.messages import SUMMARY
from tests.commands.running import Shell
from tests.compaction.logs import put
from tests.http import openai_server as fake
from tests.http.openai_server import OpenAIServer
from tests.log.helpers import said
from tests.projections.building import assistant, user

TOO_LONG = fake.error(400, {"message": "too long", "code": "context_length_exceeded"})
ANNOUNCED = "(summing up the older turns for the model …)"


@pytest.fixture
def long(talking: Shell) -> Shell:
    """A session `s` of eight messages, events 2 to 9."""
    session = talking.store.create("s")
    for number in range(4):
        put(session, user(f"q{number}"), assistant(f"a{number}"))
    return talking


def test_the_summary_is_printed_and_stands_for_the_older_turns(
    long: Shell, server: OpenAIServer
) -> None:
    server.then(fake.reply("In \x1b[31mshort."))
    run = long.run("summarize", "s")
    assert (run.code, run.out) == (0, "In ␛[31mshort.\n")
    assert run.err == "s: stands for all up to message 3\n"
    assert said(long.session("s"))[1:] == ["q1", "a1", "q2", "a2", "q3", "a3"]


def test_keep_and_model_are_taken(long: Shell, server: OpenAIServer) -> None:
    server.then(fake.reply("s"))
    run = long.run("summarize", "s", "--keep", "1", "--model", "other")
    assert run.err == "s: stands for all up to message 8\n"
    assert server.bodies[0]["model"] == "other"
    assert said(long.session("s"))[1:] == ["a3"]


def test_undo_drops_it(long: Shell, server: OpenAIServer) -> None:
    before = said(long.session("s"))
    server.then(fake.reply("s"))
    long.run("summarize", "s")
    run = long.run("summarize", "s", "--undo")
    assert (run.code, run.out) == (0, "s: the summary of event 10 counts no more\n")
    assert said(long.session("s")) == before
    run = long.run("summarize", "s", "--undo")
    assert (run.code, run.out) == (1, "")
    assert "session s has no summary to drop" in run.err


def test_what_goes_wrong_changes_nothing(long: Shell, server: OpenAIServer) -> None:
    before = long.log("s").read_bytes()
    server.then(fake.error(400, "not now"))
    assert long.run("summarize", "s").code == 6
    assert long.run("summarize", "s", "--keep", "8").code == 1
    assert long.run("summarize", "s", "--keep", "-1").code == 2
    assert long.run("summarize", "nobody").code == 4
    assert long.log("s").read_bytes() == before


# In the chat, by itself


def ask(shell: Shell, *options: str, words: str = "now") -> tuple[int, str, str]:
    """Ask once; return the exit code, the answer, and what was said beside it."""
    run = shell.run("chat", "--session", "s", *options, words)
    of_the_frame = ("Resuming session", "Created new session", "Session saved", "Resume with")
    beside = [line for line in run.err.splitlines() if line and not line.startswith(of_the_frame)]
    return run.code, run.out.strip(), "\n".join(beside)


def sent(server: OpenAIServer) -> list[int]:
    return [len(body["messages"]) for body in server.bodies]


def test_a_chat_that_does_not_fit_is_summed_up_announced_and_asked_again(
    long: Shell, server: OpenAIServer
) -> None:
    server.then(TOO_LONG, fake.reply("short"), fake.reply("here"))
    assert ask(long) == (0, "here", ANNOUNCED)
    assert sent(server) == [9, 4, 7]
    assert server.bodies[2]["messages"][0]["content"] == SUMMARY + "short"
    assert said(long.session("s"))[-2:] == ["now", "here"]


def test_it_is_summed_up_further_until_it_fits(long: Shell, server: OpenAIServer) -> None:
    server.then(TOO_LONG, fake.reply("one"), TOO_LONG, fake.reply("two"), fake.reply("here"))
    assert ask(long) == (0, "here", f"{ANNOUNCED}\n{ANNOUNCED}")
    assert sent(server)[-1] == 3


def test_a_short_conversation_of_long_messages_is_summed_up_too(
    talking: Shell, server: OpenAIServer
) -> None:
    put(talking.store.create("s"), user("long"), assistant("longer"))
    server.then(TOO_LONG, fake.reply("short"), fake.reply("here"))
    assert ask(talking)[:2] == (0, "here")
    assert said(talking.session("s"))[0] == SUMMARY + "short"


def test_one_message_that_never_fits_fails_with_the_models_own_words(
    talking: Shell, server: OpenAIServer
) -> None:
    server.then(TOO_LONG)
    code, answer, beside = ask(talking)
    assert (code, answer) == (6, "")
    assert "longer than" in beside
    assert ANNOUNCED not in beside
    assert len(server.bodies) == 1


def test_a_summary_that_fails_too_is_told(long: Shell, server: OpenAIServer) -> None:
    server.then(TOO_LONG, fake.error(400, "no summaries here"))
    code, answer, beside = ask(long)
    assert (code, answer) == (6, "")
    assert "no summaries here" in beside
    assert "longer than" in beside


def test_with_no_summary_it_fails_instead(long: Shell, server: OpenAIServer) -> None:
    server.then(TOO_LONG)
    code, answer, beside = ask(long, "--no-summary")
    assert (code, answer) == (6, "")
    assert ANNOUNCED not in beside
    assert len(server.bodies) == 1


def test_other_failures_are_not_summed_up(long: Shell, server: OpenAIServer) -> None:
    server.then(fake.error(400, "something else"))
    assert ask(long)[0] == 6
    assert len(server.bodies) == 1


def test_beyond_a_budget_the_older_turns_are_summed_up_after_the_answer(
    long: Shell, server: OpenAIServer
) -> None:
    server.then(fake.reply("here"), fake.reply("short"))
    assert ask(long, "--context", "9") == (0, "here", ANNOUNCED)
    assert sent(server) == [9, 5]
    assert said(long.session("s"))[0] == SUMMARY + "short"


def test_within_the_budget_nothing_is_summed_up(long: Shell, server: OpenAIServer) -> None:
    server.then(fake.reply("here"))
    assert ask(long, "--context", "10") == (0, "here", "")
    assert len(server.bodies) == 1


def test_a_budget_that_a_few_messages_exceed_is_no_error(
    talking: Shell, server: OpenAIServer
) -> None:
    assert ask(talking, "--context", "1") == (0, "now", "")
    assert ask(talking, "--context", "1", words="on") == (0, "on", "")


def test_a_budget_of_nothing_is_wrong_usage(long: Shell) -> None:
    assert long.run("chat", "--context", "0", "now").code == 2
