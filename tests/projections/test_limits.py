"""The message list at a limit: the newest whole groups, and the instructions."""

import pytest

from eventlog.projection import fold
from eventlog.projections.messages import MESSAGES, NO_RESULT, SUMMARY, view
from tests.projections.building import (
    assistant,
    call,
    called,
    contents,
    messages,
    record,
    result,
    streamed,
    summarized,
    system,
    user,
)

TALK = tuple(user(f"u{i}") for i in range(1, 8))
TOOLS = (
    user("?"), assistant("x", call("a"), call("b")), result("a", "A"), result("b", "B"),
    assistant("done"),
)  # fmt: skip


@pytest.mark.parametrize("limit", range(1, 10))
def test_the_newest_messages_remain(limit: int) -> None:
    assert contents(messages(*TALK, limit=limit)) == contents(messages(*TALK))[-limit:]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        view(fold(MESSAGES, record(*TALK)), limit)


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        (1, ["done"]),
        (2, ["done"]),
        (3, ["done"]),
        (4, ["x", "A", "B", "done"]),
        (5, ["?", "x", "A", "B", "done"]),
    ],
)
def test_a_call_and_its_results_stay_together(limit: int, left: list[str]) -> None:
    assert contents(messages(*TOOLS, limit=limit)) == left


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_newest_group_bigger_than_the_limit_stays_whole(limit: int) -> None:
    assert contents(messages(*TOOLS[:4], limit=limit)) == ["x", "A", "B"]


def test_unanswered_calls_count_with_their_synthetic_results() -> None:
    log = (user("?"), assistant("x", call("a"), call("b")))
    assert contents(messages(*log, limit=3)) == ["x", NO_RESULT, NO_RESULT]


def test_late_results_are_found_at_a_limit() -> None:
    log = (user("?"), assistant("x", call("c")), *TALK, result("c", "late"))
    assert contents(messages(*log, limit=9)) == ["x", "late", *contents(messages(*TALK))]


def test_results_whose_call_lies_before_the_limit_are_left_out() -> None:
    log = (assistant("x", call("c")), *TALK, result("c", "late"))
    assert contents(messages(*log, limit=3)) == ["u5", "u6", "u7"]


@pytest.mark.parametrize("limit", range(2, 7))
def test_the_instructions_count_and_stay(limit: int) -> None:
    sent = contents(messages(system("be brief"), *TALK, limit=limit))
    assert sent == ["be brief", *contents(messages(*TALK))[1 - limit :]]


def test_at_a_limit_of_one_the_newest_message_goes_before_the_instructions() -> None:
    assert contents(messages(system("be brief"), *TALK, limit=1)) == ["u7"]


def test_instructions_alone_fill_a_limit() -> None:
    assert contents(messages(system("a"), system("b"), limit=1)) == ["a"]


def test_a_summary_alone_fills_a_limit() -> None:
    assert contents(messages(*TALK, summarized("s", through=7), limit=1)) == [SUMMARY + "s"]


def test_a_summary_stays_at_a_limit() -> None:
    sent = messages(system("be brief"), *TALK, summarized("s", through=4), limit=3)
    assert contents(sent) == ["be brief", SUMMARY + "s", "u7"]


def test_what_is_left_out_does_not_count() -> None:
    log = (called(), user("first"), *[assistant("")] * 99, *[result("c", "orphan")] * 99)
    assert contents(messages(*log, streamed(1, "x"), assistant("y", call=1), limit=2)) == [
        "first", "y",
    ]  # fmt: skip


def test_a_list_shorter_than_the_limit_is_whole() -> None:
    assert messages(*TOOLS, limit=50) == messages(*TOOLS)
