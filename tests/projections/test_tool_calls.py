"""Tool calls and results in the message list: paired, whatever the log went through."""

import json

import pytest

from eventlog.projections.messages import NO_RESULT
from tests.projections.building import (
    assistant,
    call,
    contents,
    messages,
    moved,
    result,
    system,
    user,
)


def test_a_call_is_followed_by_its_result() -> None:
    sent = messages(user("?"), assistant(None, call("c")), result("c", "42"), assistant("42!"))
    assert [m["role"] for m in sent] == ["user", "assistant", "tool", "assistant"]
    assert sent[2] == {"role": "tool", "tool_call_id": "c", "content": "42"}


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    sent = messages(assistant("wait", call("c")), user("hello?"))
    assert contents(sent) == ["wait", NO_RESULT, "hello?"]


def test_a_result_without_a_call_is_left_out() -> None:
    assert contents(messages(user("a"), result("c", "r"), user("b"))) == ["a", "b"]


def test_a_result_before_its_call_is_left_out() -> None:
    assert contents(messages(result("c", "r"), assistant("x", call("c")))) == ["x", NO_RESULT]


def test_a_late_result_goes_to_its_call() -> None:
    sent = messages(assistant("x", call("c")), user("hm"), assistant("so"), result("c", "late"))
    assert contents(sent) == ["x", "late", "hm", "so"]


def test_parallel_calls_keep_their_order_whatever_that_of_their_results() -> None:
    sent = messages(
        assistant("x", call("a"), call("b"), call("c")), result("c", "C"), result("a", "A")
    )
    assert contents(sent) == ["x", "A", NO_RESULT, "C"]
    assert [m["tool_call_id"] for m in sent[1:]] == ["a", "b", "c"]


def test_a_reused_id_belongs_to_each_call_in_turn() -> None:
    sent = messages(
        assistant("x", call("c")), result("c", "1"), assistant("y", call("c")), result("c", "2")
    )
    assert contents(sent) == ["x", "1", "y", "2"]


def test_a_reused_id_leaves_an_unanswered_call_unanswered() -> None:
    sent = messages(assistant("x", call("c")), assistant("y", call("c")), result("c", "2"))
    assert contents(sent) == ["x", NO_RESULT, "y", "2"]


def test_of_two_results_for_one_call_the_first_counts() -> None:
    sent = messages(assistant("x", call("c")), result("c", "1"), result("c", "2"))
    assert contents(sent) == ["x", "1"]


def test_of_two_calls_with_one_id_the_first_counts_in_its_place() -> None:
    calls = (call("a", "first"), call("b"), call("a", "second"))
    sent = messages(assistant(None, *calls), result("a", "A"), result("b", "B"))
    assert [c["function"]["name"] for c in sent[0]["tool_calls"]] == ["first", "look"]
    assert contents(sent)[1:] == ["A", "B"]


def test_a_result_on_another_branch_does_not_count() -> None:
    log = (assistant("x", call("c")), result("c", "r"), moved(1), user("else"))
    assert contents(messages(*log)) == ["x", NO_RESULT, "else"]


@pytest.mark.parametrize("arguments", ['{"city": "Be', "none", "{'a': 1}", "NaN"])
def test_arguments_that_are_no_json_are_wrapped(arguments: str) -> None:
    sent = messages(assistant(None, call("c", arguments=arguments)))
    wrapped = sent[0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(wrapped) == {"invalid_arguments": arguments}


def test_no_arguments_are_sent_as_none_given() -> None:
    sent = messages(assistant(None, call("c", arguments="")))
    assert sent[0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_arguments_that_are_json_are_sent_byte_for_byte() -> None:
    arguments = '{ "b":1,  "a": 18446744073709551616, "é": "\\u00e9" }'
    sent = messages(assistant(None, call("c", arguments=arguments)))
    assert sent[0]["tool_calls"][0]["function"]["arguments"] == arguments


def test_members_of_a_call_that_the_api_does_not_know_are_left_out() -> None:
    sent = messages(assistant(None, {**call("c"), "index": 0, "type": "odd"}))
    assert sent[0]["tool_calls"] == [call("c")]


def test_instructions_between_a_call_and_its_result_come_after_both() -> None:
    sent = messages(assistant("x", call("c")), system("hurry"), result("c", "r"))
    assert contents(sent) == ["x", "r", "hurry"]
