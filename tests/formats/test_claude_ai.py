"""The export of claude.ai: what was said, thought, called and attached, on each of its branches."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from eventlog.errors import TransferError
from tests.formats.damaging import damaged
from tests.formats.importing import (
    Taken,
    assert_whole,
    other_samples,
    read_all,
    recognized,
    samples_of,
    take,
    write_json,
)
from tests.projections.validity import assert_valid

FORMAT = "claude_ai"
NOBODY = "00000000-0000-4000-8000-000000000000"
Json = dict[str, Any]


def message(uuid: str, sender: str, *content: Json, **members: Any) -> Json:
    return {"uuid": uuid, "sender": sender, "content": list(content),
            "created_at": "2024-10-29T15:59:38.340028+00:00", "attachments": [], **members}  # fmt: skip


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def conversation(*messages: Any, **members: Any) -> Json:
    return {"uuid": "c1", "name": "Bread", "created_at": "2024-10-29T15:59:18Z",
            "chat_messages": list(messages), **members}  # fmt: skip


def branched() -> Json:
    """A question asked twice; the person was last at the first one's answer."""
    return conversation(
        message("q", "human", text("Rye?"), parent_message_uuid=NOBODY),
        message("a", "assistant", text("A grain."), parent_message_uuid="q"),
        message("r", "human", text("Wheat?"), parent_message_uuid=NOBODY),
        message("b", "assistant", text("Another."), parent_message_uuid="r"),
        current_leaf_message_uuid="a",
        model="claude-3-5-sonnet",
    )


def test_a_session_follows_the_branch_that_the_person_went_to(tmp_path: Path) -> None:
    path = write_json(tmp_path / "one.json", branched())
    store = take(path, FORMAT).store
    moved = branched() | {"current_leaf_message_uuid": "b"}
    assert take(write_json(path, moved), FORMAT, store).view()[-1]["content"] == "Another."


def called() -> Json:
    """A thought, a call, its result and the answer, all in one message."""
    return conversation(
        message("q", "human", text("Rye?")),
        message(
            "a",
            "assistant",
            {"type": "thinking", "thinking": "I look.", "summaries": [{"summary": "Look"}]},
            text("Let me see."),
            {"type": "tool_use", "id": "t1", "name": "search", "input": {"q": "rye"}},
            {"type": "tool_result", "tool_use_id": "t1", "content": [text("It is a grain.")]},
            text("A grain."),
            stop_reason="end_turn",
            parent_message_uuid="q",
        ),
        message("c", "human", text("Thanks"), parent_message_uuid="a"),
    )


def imported(path: Path, *conversations: Any) -> Taken:
    return take(write_json(path / "conversations.json", list(conversations)), FORMAT)


def test_branches_stay_branches_and_the_leaf_is_the_head(tmp_path: Path) -> None:
    taken = imported(tmp_path, branched())
    assert [each["content"] for each in taken.view()] == ["Rye?", "A grain."]
    assert len(taken.store.open("claude-ai-c1").branches()) == 2
    assert taken.said()[1]["model"] == "claude-3-5-sonnet"


def test_a_call_inside_a_message_becomes_messages_of_its_own(tmp_path: Path) -> None:
    taken = imported(tmp_path, called())
    assert [(each["role"], each["content"]) for each in taken.view()] == [
        ("user", "Rye?"),
        ("assistant", "Let me see."),
        ("tool", "It is a grain."),
        ("assistant", "A grain."),
        ("user", "Thanks"),
    ]
    said = taken.said()
    assert (said[1]["reasoning"], said[3]["finish_reason"]) == ("I look.", "stop")
    assert said[1]["tool_calls"][0]["function"] == {"name": "search", "arguments": '{"q":"rye"}'}


def test_title_and_times_are_the_exports(tmp_path: Path) -> None:
    taken = imported(tmp_path, called())
    assert taken.store.open("claude-ai-c1").title == "Bread"
    assert taken.events()[0]["at"] == "2024-10-29T15:59:18.000000Z"
    assert taken.events()[2]["at"] == "2024-10-29T15:59:38.340028Z"


def test_an_attachments_text_is_said_with_its_name(tmp_path: Path) -> None:
    attached = [{"file_name": "notes.txt", "extracted_content": "rye", "file_size": 3}]
    said = imported(
        tmp_path, conversation(message("q", "human", text("See"), attachments=attached))
    ).said()[0]
    assert said["content"] == [text("See"), text("[notes.txt]\nrye")]


def test_of_a_file_alone_the_name_is_said(tmp_path: Path) -> None:
    told = message("q", "human", text="", files=[{"file_name": "rye.png"}])
    assert imported(tmp_path, conversation(told)).said()[0]["content"] == "[file: rye.png]"


def test_old_exports_have_text_only(tmp_path: Path) -> None:
    old = {"uuid": "q", "sender": "human", "text": "Hello", "created_at": "2023-07-01T10:00:00Z"}
    assert imported(tmp_path, conversation(old)).said()[0]["content"] == "Hello"


def test_text_that_repeats_the_content_is_not_kept_twice(tmp_path: Path) -> None:
    told = message("q", "human", text("Hello"), text="Hello")
    other = message("r", "human", text("Hello"), text="Bye")
    same, differs = imported(tmp_path, conversation(told, other)).said()
    assert FORMAT not in same["extra"]
    assert differs["extra"][FORMAT] == {"text": "Bye"}


def test_what_has_no_name_here_is_kept(tmp_path: Path) -> None:
    cited = {**text("So."), "citations": [{"url": "x"}]}
    told = message("a", "assistant", cited, {"type": "new", "data": 1}, index=3)
    kept = imported(tmp_path, conversation(told)).said()[0]["extra"][FORMAT]
    assert kept["index"] == 3
    assert kept["content"] == [
        {"type": "text", "citations": [{"url": "x"}]}, {"type": "new", "data": 1},
    ]  # fmt: skip


def test_a_result_without_an_id_answers_the_call_that_waits(tmp_path: Path) -> None:
    call = {"type": "tool_use", "name": "search", "input": {}}
    taken = imported(
        tmp_path,
        conversation(message("a", "assistant", call, {"type": "tool_result", "content": "rye"})),
    )
    assert [each["content"] for each in taken.view()][1] == "rye"
    assert_valid(taken.view())


def test_a_message_of_nobody_we_know_is_kept_raw(tmp_path: Path) -> None:
    taken = imported(tmp_path, conversation(message("x", "system", text("Hm")), "odd", None))
    assert [each["type"] for each in taken.raw()] == ["x.claude_ai.message"] * 3
    assert_whole(taken)


def test_a_conversation_without_messages_is_kept_raw(tmp_path: Path) -> None:
    taken = imported(tmp_path, branched(), {"uuid": "c2", "name": "Odd", "chat_messages": 3})
    assert taken.raw(1)[0]["data"]["name"] == "Odd"
    assert_whole(taken)


def test_several_conversations_are_several_sessions_and_known_again(tmp_path: Path) -> None:
    taken = imported(tmp_path, branched(), {**called(), "uuid": "c2"})
    assert [each.session_id for each in taken.imported] == ["claude-ai-c1", "claude-ai-c2"]
    assert take(tmp_path / "conversations.json", FORMAT, taken.store).added == 0


def test_a_file_that_ends_too_early_is_refused_by_its_name(tmp_path: Path) -> None:
    path = write_json(tmp_path / "conversations.json", [branched(), called()])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(TransferError, match=r"conversations\.json"):
        take(path, FORMAT)


@given(wrong=damaged([branched(), called()]))
def test_damage_is_never_worse_than_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, wrong: list[Any]
) -> None:
    path = write_json(tmp_path_factory.mktemp("odd") / "x.json", [called(), *wrong])
    read_all(path, FORMAT)
    taken = take(path, FORMAT)
    for number in range(len(taken.imported)):
        assert_valid(taken.view(number))


def test_every_sample_is_read_whole(tmp_path: Path) -> None:
    for path in samples_of(FORMAT):
        taken = take(path, FORMAT)
        assert_whole(taken)
        assert taken.losses.unreadable == []
        assert_valid(taken.view())
        assert take(path, FORMAT, taken.store).added == 0


def test_no_sample_of_another_format_is_recognized() -> None:
    assert [path for path in other_samples(FORMAT) if recognized(path, FORMAT)] == []
