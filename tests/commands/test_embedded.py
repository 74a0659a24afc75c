"""`eventlog chat` with the embedded model, end to end."""

import pytest

from eventlog import local_model
from tests.commands.running import Shell

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.skipif(
        not local_model.installed(), reason="the embedded model is not installed (`make model`)"
    ),
]


@pytest.fixture
def unconfigured(shell: Shell) -> Shell:
    shell.settings.clear()
    return shell


def test_a_question_is_answered_without_any_setting(unconfigured: Shell) -> None:
    run = unconfigured.run("chat", "--session", "s", "What is the capital of France?")
    assert run.code == 0
    reply = unconfigured.session("s").last_messages(1)[0][1]
    assert reply["content"].split() == run.out.split() != []  # what it says is its own matter
    assert reply["usage"]["completion_tokens"] > 0


def test_a_resumed_chat_sends_its_past(unconfigured: Shell) -> None:
    session = unconfigured.store.create("s")
    session.append({"role": "user", "content": "word " * 200})
    session.append({"role": "assistant", "content": "Many words."})
    run = unconfigured.run("chat", "--session", "s", says="How many?\n")
    assert run.lines[0] == "Resuming session: s"
    assert session.last_messages(1)[0][1]["usage"]["prompt_tokens"] > 200


def test_another_model_needs_a_provider(unconfigured: Shell) -> None:
    run = unconfigured.run("chat", "--model", "gpt-9", "Hello")
    assert run.code == 6
    assert "OPENAI_API_KEY" in run.err
