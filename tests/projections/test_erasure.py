"""Erased content in the message list: its place stays, and says that it was erased."""

import json

from eventlog.projection import fold
from eventlog.projections.messages import ERASED, MESSAGES, NO_RESULT
from tests.projections.building import (
    assistant,
    call,
    called,
    contents,
    erased,
    messages,
    moved,
    record,
    result,
    streamed,
    system,
    user,
)


def test_erased_content_says_so() -> None:
    assert contents(messages(user("secret"), user("other"), erased(1))) == [ERASED, "other"]


def test_several_messages_are_erased_at_once() -> None:
    log = (system("s"), user("a"), assistant("b"), erased(1, 3))
    assert contents(messages(*log)) == [ERASED, "a", ERASED]


def test_an_erased_message_keeps_nothing_of_what_it_said() -> None:
    said = {"name": "secret", "reasoning": "secret", "extra": {"a": "secret"}, "model": "secret"}
    log = (assistant("secret", call("c", arguments='{"a":"secret"}'), **said), erased(1))
    state = fold(MESSAGES, record(*log))
    assert "secret" not in json.dumps(state.nodes)


def test_an_erased_call_still_has_its_result() -> None:
    sent = messages(assistant("x", call("c")), result("c", "r"), erased(1))
    assert contents(sent) == [ERASED, "r"]
    assert sent[0]["tool_calls"][0]["function"] == {"name": "look", "arguments": "{}"}


def test_an_erased_result_still_answers_its_call() -> None:
    sent = messages(assistant("x", call("c")), result("c", "r"), erased(2))
    assert contents(sent) == ["x", ERASED]


def test_an_erased_partial_reply_says_so() -> None:
    log = (called(), streamed(1, "secret"), erased(2))
    assert contents(messages(*log)) == [ERASED]


def test_a_reply_erased_while_it_streams_shows_none_of_the_rest() -> None:
    log = (called(), streamed(1, "sec"), erased(2), streamed(1, "ret"))
    assert contents(messages(*log)) == [ERASED]


def test_erasing_what_is_no_message_changes_nothing() -> None:
    log = (called(), user("a"), assistant("x", call("c")))
    assert contents(messages(*log, erased(1, 99))) == ["a", "x", NO_RESULT]


def test_a_message_on_another_branch_is_erased_too() -> None:
    log = (user("a"), user("secret"), moved(1), user("b"), erased(2), moved(2))
    assert contents(messages(*log)) == ["a", ERASED]
