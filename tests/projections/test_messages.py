"""The message list, rule by rule as eventlog/projections/messages.py states them."""

import copy
import json

import pytest

from eventlog.projection import fold
from eventlog.projections.messages import (
    INTERRUPTED,
    MESSAGES,
    NO_RESULT,
    SUMMARY,
    last_messages,
    view,
)
from tests.projections.building import (
    assistant,
    call,
    called,
    contents,
    messages,
    moved,
    record,
    result,
    streamed,
    summarized,
    system,
    user,
)

A_TURN = (user("hello"), called(), assistant("hi"))


def test_messages_come_in_the_order_of_the_log_with_only_what_the_api_knows() -> None:
    sent = messages(system("be brief"), user("hello"), assistant("hi", model="m", call=2))
    assert sent == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hi"},
    ]


def test_a_log_without_messages_is_an_empty_list() -> None:
    assert messages(called(), ("title.set", {"title": "t"})) == []


def test_unknown_event_types_are_passed_over() -> None:
    assert messages(user("a"), ("x.app.note", {"role": "user"}), ("later.kind", {})) == (
        messages(user("a"))
    )


def test_folding_changes_no_event() -> None:
    events = record(
        *A_TURN,
        called(),
        streamed(4, "par"),
        streamed(4, "tial"),
        ("content.erased", {"seqs": [5]}),
    )
    before = copy.deepcopy(events)
    view(fold(MESSAGES, events))
    assert events == before


def test_the_list_is_the_callers_own() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    state = fold(MESSAGES, record(user(parts), assistant(None, call("c")), result("c", parts)))
    sent = view(state)
    for message in (sent[0], sent[2]):
        message["content"][0]["image_url"]["url"] = "changed"
    sent[1]["tool_calls"][0]["function"]["name"] = "changed"
    assert "changed" not in json.dumps(view(state))


def test_content_parts_are_sent_as_they_were() -> None:
    parts = [{"type": "text", "text": "what is"}, {"type": "image_url", "image_url": {"url": "u"}}]
    assert messages(user(parts))[0]["content"] == parts


@pytest.mark.parametrize("role", ["user", "system", "assistant"])
def test_no_content_parts_at_all_are_sent_as_no_text(role: str) -> None:
    sent = messages(("message.added", {"role": role, "content": []}), user("x"))
    assert contents(sent) == ([""] if role != "assistant" else []) + ["x"]


def test_a_result_without_content_parts_is_sent_as_no_text() -> None:
    assert messages(assistant(None, call("c")), result("c", []))[1]["content"] == ""


def test_a_name_is_sent() -> None:
    assert messages(user("hi", name="anna"))[0]["name"] == "anna"


@pytest.mark.parametrize("name", ["", None, "<|>", "  "])
def test_a_name_with_nothing_to_send_is_left_out(name: str | None) -> None:
    assert messages(user("hi", name=name)) == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("name", "sent"),
    [("Anna M", "Anna_M"), ("a/b\\c", "a_b_c"), ("李雷", "李雷"), ("n" * 99, "n" * 64)],
)
def test_a_name_that_the_api_refuses_is_sent_without_what_it_refuses(name: str, sent: str) -> None:
    assert messages(user("hi", name=name))[0]["name"] == sent


class TestReplies:
    def test_an_interrupted_reply_is_there_and_marked(self) -> None:
        sent = messages(user("go"), assistant("so far", status="interrupted"))
        assert sent[1]["content"] == f"so far\n\n{INTERRUPTED}"

    def test_an_interrupted_reply_in_parts_gets_one_part_more(self) -> None:
        part = {"type": "text", "text": "so far"}
        sent = messages(assistant([part], status="interrupted"))
        assert sent[0]["content"] == [part, {"type": "text", "text": INTERRUPTED}]

    @pytest.mark.parametrize("content", [None, "", []])
    def test_an_interrupted_reply_without_a_word_is_only_the_mark(self, content: object) -> None:
        sent = messages(user("go"), assistant(content, status="interrupted"))
        assert contents(sent)[-1] in (INTERRUPTED, [{"type": "text", "text": INTERRUPTED}])

    def test_an_interrupted_reply_keeps_its_tool_calls(self) -> None:
        cut = call("c", arguments='{"city": "Be')
        sent = messages(user("go"), assistant(None, cut, status="interrupted"))
        assert sent[1]["content"] == INTERRUPTED
        assert contents(sent)[2:] == [NO_RESULT]

    @pytest.mark.parametrize("content", [None, "", []])
    def test_an_empty_reply_is_left_out(self, content: object) -> None:
        sent = messages(user("go"), assistant(content, reasoning="hm"), user("and?"))
        assert contents(sent) == ["go", "and?"]

    def test_an_empty_user_message_is_sent(self) -> None:
        assert contents(messages(user(""))) == [""]

    def test_a_reply_that_only_calls_tools_is_sent_without_content(self) -> None:
        assert messages(assistant(None, call("c")), result("c", "r"))[0]["content"] is None

    def test_an_empty_list_of_tool_calls_is_left_out(self) -> None:
        sent = messages(("message.added", {"role": "assistant", "content": "a", "tool_calls": []}))
        assert sent == [{"role": "assistant", "content": "a"}]


class TestPartialReplies:
    def test_what_streamed_before_a_kill_is_there_and_marked(self) -> None:
        sent = messages(user("go"), called(), streamed(2, "some "), streamed(2, "words"))
        assert contents(sent) == ["go", f"some words\n\n{INTERRUPTED}"]

    def test_only_reasoning_streamed_leaves_the_mark(self) -> None:
        event = ("reply.streamed", {"call": 2, "reasoning": "hm"})
        assert contents(messages(user("go"), called(), event)) == ["go", INTERRUPTED]

    def test_the_final_message_replaces_it(self) -> None:
        sent = messages(user("go"), called(), streamed(2, "so"), assistant("some words", call=2))
        assert contents(sent) == ["go", "some words"]

    def test_the_final_message_replaces_it_after_others_came_between(self) -> None:
        sent = messages(
            user("go"), called(), streamed(2, "so"), user("still?"), assistant("yes", call=2)
        )
        assert contents(sent) == ["go", "still?", "yes"]

    def test_a_system_message_after_a_replaced_reply_is_sent_once(self) -> None:
        sent = messages(
            called(), system("a"), streamed(1, "x"), system("b"), assistant("y", call=1)
        )
        assert contents(sent) == ["a", "b", "y"]

    def test_the_answer_of_another_call_leaves_it(self) -> None:
        sent = messages(called(), streamed(1, "so"), called(), assistant("new", call=3))
        assert contents(sent) == [f"so\n\n{INTERRUPTED}", "new"]

    def test_two_calls_stream_at_once_into_their_own(self) -> None:
        both = [called(), called(), streamed(1, "a"), streamed(2, "b"), streamed(1, "A")]
        assert contents(messages(*both)) == [f"aA\n\n{INTERRUPTED}", f"b\n\n{INTERRUPTED}"]
        assert contents(messages(*both, assistant("one", call=1))) == [
            f"b\n\n{INTERRUPTED}", "one",
        ]  # fmt: skip

    def test_the_final_message_follows_the_head_that_moved_meanwhile(self) -> None:
        log = (user("go"), called(), streamed(2, "so"), moved(1), assistant("yes", call=2))
        assert contents(messages(*log)) == ["go", "yes"]

    def test_a_rewind_before_it_leaves_it_on_its_branch(self) -> None:
        sent = messages(user("go"), called(), streamed(2, "so"), moved(1), user("else"))
        assert contents(sent) == ["go", "else"]


class TestBranches:
    LOG = (user("one"), assistant("1"), user("two"), assistant("2"))

    def test_after_a_rewind_the_path_ends_at_the_head(self) -> None:
        assert contents(messages(*self.LOG, moved(2))) == ["one", "1"]

    def test_the_next_message_follows_the_head(self) -> None:
        sent = messages(*self.LOG, moved(2), user("other"), assistant("3"))
        assert contents(sent) == ["one", "1", "other", "3"]

    def test_the_old_branch_can_be_taken_up_again(self) -> None:
        sent = messages(*self.LOG, moved(2), user("other"), moved(4), user("three"))
        assert contents(sent) == ["one", "1", "two", "2", "three"]

    def test_a_branch_can_leave_a_branch(self) -> None:
        log = (*self.LOG, moved(2), user("b"), assistant("B"), moved(6), user("c"))
        assert contents(messages(*log)) == ["one", "1", "b", "c"]

    def test_zero_moves_to_the_beginning(self) -> None:
        assert messages(*self.LOG, moved(0)) == []
        assert contents(messages(*self.LOG, moved(0), user("anew"))) == ["anew"]

    @pytest.mark.parametrize("to", [5, 99])
    def test_a_move_to_what_is_no_message_changes_nothing(self, to: int) -> None:
        assert messages(*self.LOG, moved(to), user("x")) == messages(*self.LOG, user("x"))

    def test_instructions_of_another_branch_do_not_count(self) -> None:
        sent = messages(system("old"), user("a"), moved(0), system("new"), user("b"))
        assert contents(sent) == ["new", "b"]

    def test_last_messages_are_those_of_the_path_with_their_seq(self) -> None:
        state = fold(MESSAGES, record(*self.LOG, moved(2), user("other")))
        assert [(seq, m["content"]) for seq, m in last_messages(state, 2)] == [
            (2, "1"), (6, "other"),
        ]  # fmt: skip

    def test_as_many_last_messages_come_as_were_asked_for(self) -> None:
        log = (user("a"), called(), streamed(2, "x"), user("b"), assistant("c", call=2))
        assert len(last_messages(fold(MESSAGES, record(*log)), 3)) == 3


class TestSummaries:
    LOG = (system("be brief"), user("one"), assistant("1"), user("two"))

    def test_a_summary_stands_for_what_it_covers_after_the_instructions(self) -> None:
        sent = messages(*self.LOG, summarized("we counted", through=3))
        assert contents(sent) == ["be brief", SUMMARY + "we counted", "two"]

    def test_the_latest_summary_counts(self) -> None:
        both = (summarized("old", through=2), summarized("new", through=3))
        assert contents(messages(*self.LOG, *both)) == ["be brief", SUMMARY + "new", "two"]

    def test_a_summary_of_all_leaves_only_itself(self) -> None:
        assert contents(messages(user("one"), summarized("s", through=1))) == [SUMMARY + "s"]

    def test_a_summary_of_instructions_only_keeps_them(self) -> None:
        sent = messages(*self.LOG, summarized("s", through=1))
        assert contents(sent) == ["be brief", SUMMARY + "s", "one", "1", "two"]

    def test_a_summary_not_on_the_path_after_a_rewind_does_not_count(self) -> None:
        log = (*self.LOG, summarized("s", through=4), moved(3))
        assert contents(messages(*log)) == ["be brief", "one", "1"]

    def test_an_earlier_summary_on_the_path_counts_again_after_a_rewind(self) -> None:
        log = (*self.LOG, summarized("a", through=2), summarized("b", through=4), moved(3))
        assert contents(messages(*log)) == ["be brief", SUMMARY + "a", "1"]

    def test_a_summary_counts_across_the_fork_that_it_covers(self) -> None:
        log = (*self.LOG, moved(3), user("else"), assistant("E"), summarized("s", through=6))
        assert contents(messages(*log)) == ["be brief", SUMMARY + "s", "E"]

    def test_a_summary_through_no_message_does_not_count(self) -> None:
        assert messages(*self.LOG, summarized("s", through=9)) == messages(*self.LOG)

    def test_a_result_whose_call_is_covered_is_left_out(self) -> None:
        log = (assistant(None, call("c")), result("c", "r"), user("x"), summarized("s", through=1))
        assert contents(messages(*log)) == [SUMMARY + "s", "x"]

    def test_instructions_after_a_reply_that_was_replaced_stay(self) -> None:
        log = (called(), streamed(1, "x"), system("a"), assistant("y", call=1), user("z"))
        assert contents(messages(*log, summarized("s", through=4))) == ["a", SUMMARY + "s", "z"]
