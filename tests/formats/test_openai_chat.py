"""OpenAI's chat messages as files: every shape that people have, and what fine-tuning takes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from tests.formats.damaging import damaged
from tests.formats.exporting import (
    again,
    call,
    conversations,
    named,
    part,
    picture,
    tell_all,
    tell_own,
    write_to,
    written,
)
from tests.formats.importing import (
    assert_whole,
    other_samples,
    read_all,
    recognized,
    samples_of,
    take,
    write_json,
)
from tests.projections.validity import assert_valid

Json = dict[str, Any]
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
TALK: Json = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [part("see"), picture()], "name": "anna"},
        {"role": "assistant", "tool_calls": [call("c1")], "weight": 0},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
        {"role": "assistant", "content": "It is 42.", "refusal": None, "weight": 1},
    ],
    "tools": TOOLS,
    "parallel_tool_calls": False,
}
LEGACY: Json = {
    "messages": [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "look", "arguments": "{}"},
        },
        {"role": "function", "name": "look", "content": "42"},
    ]
}
VALUES: Json = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "value": "go"}], "loss_weight": 0.0},
        {
            "role": "assistant",
            "content": [
                {"type": "reasoning", "value": "so"},
                {"type": "text", "value": "I look."},
                {"type": "tool_call", "value": '{"name": "look", "arguments": {"a": 1}}'},
            ],
        },
        {"role": "tool", "content": [{"type": "text", "value": "42"}]},
    ]
}


@pytest.mark.parametrize("talk", [TALK, LEGACY, VALUES])
def test_a_conversation_comes_out_as_it_went_in(tmp_path: Path, talk: Json) -> None:
    taken = take(write_json(tmp_path / "f", talk), "openai")
    assert_whole(taken)
    assert_valid(taken.view())
    assert json.loads(written("openai", *tell_all(taken))) == talk


@pytest.mark.parametrize("talk", [LEGACY, VALUES])
def test_a_result_without_an_id_answers_the_call_before_it(tmp_path: Path, talk: Json) -> None:
    said = take(write_json(tmp_path / "f", talk), "openai").said()
    assert said[2]["role"] == "tool"
    assert said[2]["tool_call_id"] == said[1]["tool_calls"][0]["id"]


def test_reasoning_and_calls_are_found_among_values(tmp_path: Path) -> None:
    said = take(write_json(tmp_path / "f", VALUES), "openai").said()
    assert said[1]["reasoning"] == "so"
    assert said[1]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"a":1}'}


@pytest.mark.parametrize("shape", ["object", "array", "lines", "messages"])
def test_each_shape_of_a_file_is_read(tmp_path: Path, shape: str) -> None:
    path = write_json(tmp_path / "f", TALK)
    if shape == "array":
        write_json(path, [TALK, LEGACY])
    elif shape == "lines":
        path.write_text("".join(json.dumps(each) + "\n" for each in (TALK, LEGACY)))
    elif shape == "messages":
        write_json(path, TALK["messages"])
    taken = take(path, "openai")
    assert_whole(taken)
    assert len(taken.imported) == (2 if shape in ("array", "lines") else 1)
    assert len(taken.said()) == 5


def test_conversations_that_begin_alike_stay_apart(tmp_path: Path) -> None:
    other = {"messages": [TALK["messages"][0], {"role": "user", "content": "other"}]}
    taken = take(write_json(tmp_path / "f", [TALK, other]), "openai")
    assert len({each.session_id for each in taken.imported}) == 2


def test_what_is_no_message_is_kept_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "f"
    odd: Json = {"messages": [*LEGACY["messages"], 7, {"role": "pope", "content": "x"}]}
    empty: Json = {"messages": []}
    path.write_text("".join(json.dumps(each) + "\n" for each in (TALK, odd, empty)))
    taken = take(path, "openai")
    assert len(taken.raw(1)) == 2
    assert len(taken.losses.unreadable) == 1


def test_what_is_nested_too_deep_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    odd: Json = {"messages": [{"role": "user", "content": "x", "deep": deep}, *LEGACY["messages"]]}
    path = tmp_path / "f"
    path.write_text(json.dumps({**odd, "deep": deep}))
    taken = take(path, "openai")
    assert len(taken.said()) == 3
    assert [reason for _, reason in taken.imported[0].refused] == ["nested deeper than 64"] * 2


@pytest.mark.parametrize("content", [{}, {"content": None}])
def test_a_thought_without_words_is_written_as_the_api_takes_it(content: Json) -> None:
    thought = {"role": "assistant", "reasoning": "so it is", **content}
    [message] = json.loads(written("openai", tell_own(thought)))["messages"]
    assert message == {"role": "assistant", "content": "", "reasoning_content": "so it is"}


def test_content_that_may_be_null_comes_out_as_null(tmp_path: Path) -> None:
    ask = {"role": "user", "content": "go"}
    refused = {"role": "assistant", "content": None, "refusal": "No."}
    called = {"role": "assistant", "content": None, "tool_calls": [call("c1")]}
    talk = {"messages": [ask, refused, called]}
    taken = take(write_json(tmp_path / "f", talk), "openai")
    assert json.loads(written("openai", *tell_all(taken))) == talk
    empty = {"role": "assistant", "content": None, "reasoning_content": "so"}
    taken = take(write_json(tmp_path / "f", {"messages": [ask, empty]}), "openai")
    told = json.loads(written("openai", *tell_all(taken)))["messages"][1]
    assert told == {**empty, "content": ""}


@given(messages=conversations())
def test_our_events_come_back(
    tmp_path_factory: pytest.TempPathFactory, messages: list[Json]
) -> None:
    path = write_to(tmp_path_factory.mktemp("o") / "f", "openai", tell_own(*messages))
    assert [named(m) for m in take(path, "openai").said()] == [named(m) for m in messages]


@given(wrong=damaged([TALK, LEGACY, VALUES]))
def test_nothing_in_a_file_raises_anything_but_a_transfer_error(
    tmp_path_factory: pytest.TempPathFactory, wrong: Any
) -> None:
    path = write_json(tmp_path_factory.mktemp("o") / "f", wrong)
    read_all(path, "openai")
    if recognized(path, "openai"):
        written("openai", *tell_all(take(path, "openai")))
        written("finetuning", *tell_all(take(path, "openai")))


def test_the_samples_are_imported_whole_and_come_out_the_same(tmp_path: Path) -> None:
    for path in samples_of("sharegpt_openai"):
        if not recognized(path, "openai"):
            assert path.name.startswith("glaive")
            continue
        taken = take(path, "openai")
        assert_whole(taken)
        for number in range(0, len(taken.imported), 7):
            assert_valid(taken.view(number))
        back = again(taken, "openai", tmp_path)
        assert [back.said(i) for i in range(len(back.imported))] == [
            taken.said(i) for i in range(len(taken.imported))
        ]


def test_no_other_sample_is_taken_for_chat_messages() -> None:
    others = other_samples("sharegpt_openai")
    assert [path for path in others if recognized(path, "openai")] == []


def tune(*messages: Json) -> list[Json]:
    return [json.loads(line) for line in written("finetuning", tell_own(*messages)).splitlines()]


def test_fine_tuning_keeps_tools_and_weights_that_were_imported(tmp_path: Path) -> None:
    taken = take(write_json(tmp_path / "f", TALK), "openai")
    told = json.loads(written("finetuning", *tell_all(taken)))
    assert set(told) == {"messages", "tools", "parallel_tool_calls"}
    assert [m.get("weight") for m in told["messages"]] == [None, None, 0, None, 1]
    assert_valid([{k: v for k, v in m.items() if k != "weight"} for m in told["messages"]])


def test_fine_tuning_has_only_what_the_service_takes() -> None:
    [told] = tune(
        {"role": "user", "content": [part("see"), {"type": "input_audio", "input_audio": {}}]},
        {"role": "assistant", "content": None, "reasoning": "hm", "tool_calls": [call("lost")]},
        {"role": "tool", "content": [part("a"), picture()], "tool_call_id": "never"},
        {"role": "assistant", "content": "Done.", "model": "m", "usage": {"prompt_tokens": 1}},
        {"role": "user", "content": "Thanks"},
    )
    assert_valid(told["messages"])
    assert [m["role"] for m in told["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert told["messages"][0]["content"] == "see\n[input_audio]"


def test_fine_tuning_learns_nothing_from_a_reply_that_was_cut_off() -> None:
    cut = {"role": "assistant", "content": "I am", "status": "interrupted"}
    go = {"role": "user", "content": "Go on."}
    [told] = tune(go, cut, go, {"role": "assistant", "content": "Done."})
    assert [m.get("weight") for m in told["messages"]] == [None, 0, None, None]
    assert tune(go, cut) == []


def test_fine_tuning_leaves_out_a_session_without_a_reply() -> None:
    telling = tell_own({"role": "user", "content": "Hello?"})
    assert written("finetuning", telling) == b""
    assert "no reply" in telling.notes[0]
