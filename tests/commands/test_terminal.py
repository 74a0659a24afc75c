"""`eventlog chat` in a real terminal: line editing, Ctrl-C, slash commands, what a resumed one shows."""

import signal
from collections.abc import Iterator

import pytest

from eventlog.projections.messages import INTERRUPTED
from tests.commands.running import Shell, Terminal
from tests.http import openai_server as fake
from tests.http.openai_server import OpenAIServer

CTRL_C, CTRL_D, UP, LEFT = "\x03", "\x04", "\x1b[A", "\x1b[D"
CHAT = ("chat", "--session", "s")


@pytest.fixture
def terminal(talking: Shell) -> Iterator[Terminal]:
    with Terminal(talking, CHAT) as opened:
        yield opened


def leave(terminal: Terminal) -> int:
    terminal.enter("/quit")
    return terminal.end()


def contents(shell: Shell) -> list[str]:
    return [message["content"] for message in shell.session("s").messages()]


def test_a_chat_in_a_terminal_begins_answers_and_ends_at_ctrl_d(
    talking: Shell, terminal: Terminal
) -> None:
    terminal.wait_for("Created new session: s\nSession title: New Session\n")
    terminal.wait_for("Enter your message (empty line to exit):\n")
    terminal.enter("Hello")
    terminal.wait_for("[assistant] Hello\n")
    terminal.wait_for("you>")
    terminal.press(CTRL_D)
    terminal.wait_for("Session saved: s\nResume with: eventlog chat --session s\n")
    assert terminal.end() == 0
    assert contents(talking) == ["Hello", "Hello"]


def test_an_empty_line_leaves(terminal: Terminal) -> None:
    terminal.enter("")
    terminal.wait_for("Session saved: s")
    assert terminal.end() == 0


def test_a_line_can_be_edited_and_an_earlier_one_called_back(
    talking: Shell, terminal: Terminal
) -> None:
    terminal.enter(f"Helo{LEFT}l")
    terminal.wait_for("[assistant] Hello")
    terminal.enter(f"{UP} again")
    terminal.wait_for("[assistant] Hello again")
    assert leave(terminal) == 0
    assert contents(talking)[2] == "Hello again"


def test_ctrl_c_clears_the_line_and_not_the_chat(talking: Shell, terminal: Terminal) -> None:
    terminal.wait_for("you>")
    terminal.press(f"not this{CTRL_C}")
    terminal.wait_for("an empty line or Ctrl-D leaves")
    terminal.enter("this")
    terminal.wait_for("[assistant] this")
    assert leave(terminal) == 0
    assert contents(talking) == ["this", "this"]


def test_ctrl_c_stops_the_answer_and_not_the_chat(
    talking: Shell, server: OpenAIServer, terminal: Terminal
) -> None:
    server.then(slow := fake.Slow())
    terminal.enter("go")
    terminal.wait_for("[assistant] tick tick")
    terminal.press(CTRL_C)
    terminal.wait_for("[interrupted]\n")
    assert slow.client_left.wait(5)
    terminal.enter("go on")
    terminal.wait_for("[assistant] go on")
    assert leave(terminal) == 0
    assert contents(talking)[1].endswith(INTERRUPTED)


def test_a_failed_call_does_not_end_the_chat(server: OpenAIServer, terminal: Terminal) -> None:
    server.then(fake.error(400, "not this one"))
    terminal.enter("one")
    terminal.wait_for("error: the provider did not accept the request (400): not this one")
    terminal.enter("two")
    terminal.wait_for("[assistant] two")
    assert leave(terminal) == 6


def test_help_lists_the_commands(terminal: Terminal, server: OpenAIServer) -> None:
    terminal.enter("/help")
    shown = terminal.wait_for("Ctrl-C stops an answer")
    for name in ("/help", "/title", "/retry", "/usage", "/model", "/quit"):
        assert f"  {name} " in shown
    terminal.enter("/nonsense")
    terminal.wait_for("no command /nonsense")
    assert leave(terminal) == 0
    assert not server.bodies


def test_slash_commands_look_and_set(
    talking: Shell, server: OpenAIServer, terminal: Terminal
) -> None:
    terminal.enter("/title My plan")
    terminal.wait_for("Session title: My plan")
    terminal.enter("/usage")
    terminal.wait_for("no model call yet")
    terminal.enter("/model other-1")
    terminal.wait_for("Model: other-1 (compatible)")
    terminal.enter("Hello")
    terminal.wait_for("[assistant] Hello")
    terminal.enter("/usage")
    terminal.wait_for("other-1: 1 call, 7 prompt + 3 completion tokens")
    assert leave(terminal) == 0
    assert server.bodies[0]["model"] == "other-1"
    assert talking.session("s").title == "My plan"


def test_retry_asks_again_and_keeps_the_first_answer_in_the_log(
    talking: Shell, server: OpenAIServer, terminal: Terminal
) -> None:
    terminal.enter("/retry")
    terminal.wait_for("nothing to ask again yet")
    server.then(fake.reply("first"), fake.reply("second"))
    terminal.enter("Hello")
    terminal.wait_for("[assistant] first")
    terminal.enter("/retry")
    terminal.wait_for("[assistant] second")
    assert leave(terminal) == 0
    assert contents(talking) == ["Hello", "second"]
    assert any(e["data"].get("content") == "first" for e in talking.session("s").events())


def test_two_slashes_begin_a_message(talking: Shell, terminal: Terminal) -> None:
    terminal.enter("//etc is a folder")
    terminal.wait_for("[assistant] /etc is a folder")
    assert leave(terminal) == 0
    assert contents(talking)[0] == "/etc is a folder"


def test_a_model_that_cannot_be_named_does_not_end_the_chat(
    talking: Shell, server: OpenAIServer
) -> None:
    del talking.settings["OPENAI_MODEL"]
    server.models = []
    with Terminal(talking, CHAT) as terminal:
        terminal.enter("/model")
        terminal.wait_for("lists no model")
        assert leave(terminal) == 6


def test_a_resumed_chat_shows_its_last_turns_apart(talking: Shell) -> None:
    session = talking.store.create("s")
    for number in range(9):
        session.append({"role": "user", "content": f"question {number}"})
    session.append({"role": "assistant", "content": "half", "status": "interrupted"})
    with Terminal(talking, CHAT) as terminal:
        terminal.wait_for("── earlier ──\n")
        shown = terminal.wait_for("─────────────\nEnter your message")
        assert leave(terminal) == 0
    assert shown == "".join(f"you> question {n}\n" for n in range(4, 9)) + (
        "[assistant] half\n[interrupted]\n"
    )


def test_a_killed_chat_is_resumed_where_it_was(
    talking: Shell, server: OpenAIServer, terminal: Terminal
) -> None:
    server.then(fake.Slow())
    terminal.enter("Tell me")
    terminal.wait_for("[assistant] " + "tick " * 10)
    terminal.kill()
    with Terminal(talking, CHAT) as again:
        again.wait_for("you> Tell me\n[assistant] tick")
        again.wait_for("[interrupted]\n")
        assert leave(again) == 0
    assert not talking.session("s").health.where


def test_a_closed_window_keeps_the_words(talking: Shell, server: OpenAIServer) -> None:
    server.then(fake.Slow())
    with Terminal(talking, CHAT) as terminal:
        terminal.enter("Tell me")
        terminal.wait_for("[assistant] " + "tick " * 3)
        terminal.hang_up()
        assert terminal.end() == -signal.SIGHUP
    question, words = contents(talking)
    assert question == "Tell me"
    assert words.startswith("tick")


def test_long_lines_of_an_answer_break_between_words(
    server: OpenAIServer, terminal: Terminal
) -> None:
    words = "every word of this answer stays in one piece on a screen of eighty columns " * 3
    server.then(fake.reply(words, chunks=60))
    terminal.enter("go")
    terminal.wait_for("[assistant] ")
    lines = terminal.wait_for("\n\n").split("\n")
    assert " ".join(lines).split() == words.split()
    assert all(40 < len(line) <= 80 for line in lines[1:-1])
    assert leave(terminal) == 0


def test_reasoning_is_told_of_until_the_first_words(
    talking: Shell, server: OpenAIServer, terminal: Terminal
) -> None:
    server.then(fake.think("secret thoughts", "Forty-two"))
    terminal.enter("?")
    terminal.wait_for("(thinking …)")
    assert "secret" not in terminal.wait_for("[assistant] Forty-two")
    assert leave(terminal) == 0
    assert talking.session("s").last_messages(1)[0][1]["reasoning"] == "secret thoughts"
