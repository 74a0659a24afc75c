"""Open WebUI's export: a tree of messages, and replies that are told twice."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.damaging import damaged
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

OUTPUT: list[Json] = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Look"}]},
    {"type": "function_call", "call_id": "k", "name": "rain", "arguments": "{}"},
    {
        "type": "function_call_output",
        "call_id": "k",
        "output": [{"type": "input_text", "text": "no"}],
    },
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Dry."}]},
]


def said(id_: str, parent: str | None, role: str, content: str, **other: Any) -> Json:
    return {
        "id": id_,
        "parentId": parent,
        "childrenIds": [],
        "role": role,
        "content": content,
    } | other


def chat(*messages: Json, current: str | None = None) -> Json:
    history = {"currentId": current, "messages": {each["id"]: each for each in messages}}
    return {"id": "c1", "title": "Rain", "chat": {"history": history}, "created_at": 1700000000}


def tooled() -> Json:
    used = {"prompt_tokens": 7, "completion_tokens": 3}
    question = said("q", None, "user", "Rain?", timestamp=1700000001)
    reply = said(
        "a", "q", "assistant", "<details…", output=OUTPUT, model="m", usage=used, done=True
    )
    return chat(question, reply, said("t", "a", "user", "Thanks."), current="t")


def test_a_session_follows_the_branch_that_the_person_went_to(tmp_path: Path) -> None:
    question, *answers = (
        said("q", None, "user", "Rain?"),
        said("a", "q", "assistant", "Yes."),
        said("b", "q", "assistant", "No."),
    )
    path = write_json(tmp_path / "c.json", [chat(question, *answers, current="a")])
    store = take(path, "openwebui").store
    write_json(path, [chat(question, *answers, current="b")])
    assert take(path, "openwebui", store).view()[-1]["content"] == "No."


def test_branches_stay_branches_and_the_head_is_what_was_shown(tmp_path: Path) -> None:
    talk = chat(
        said("q", None, "user", "Rain?"),
        said("a", "q", "assistant", "No."),
        said("b", "q", "assistant", "Yes."),
        current="a",
    )
    taken = take(write_json(tmp_path / "chats.json", [talk]), "openwebui")
    assert [m["content"] for m in taken.said()] == ["Rain?", "No.", "Yes."]
    assert [m["content"] for m in taken.view()] == ["Rain?", "No."]


def test_what_output_tells_is_read_and_content_is_not_told_again(tmp_path: Path) -> None:
    taken = take(write_json(tmp_path / "chats.json", [tooled()]), "openwebui")
    roles = ["user", "assistant", "assistant", "tool", "assistant", "user"]
    assert [m["role"] for m in taken.said()] == roles
    assert taken.said()[4]["content"] == "Dry."
    assert taken.said()[4]["usage"] == {"prompt_tokens": 7, "completion_tokens": 3}
    assert sum("usage" in m for m in taken.said()) == 1
    assert_valid(taken.view())
    assert_whole(taken)


def test_thoughts_in_the_content_are_reasoning(tmp_path: Path) -> None:
    content = (
        '<details type="reasoning" done="true" duration="2">\n<summary>Thought for 2 seconds</summary>\n'
        "> Is 1 &lt; 2?\n> Yes.\n</details>\nIt is."
    )
    talk = chat(said("a", None, "assistant", content))
    (reply,) = take(write_json(tmp_path / "chats.json", [talk]), "openwebui").said()
    assert (reply["content"], reply["reasoning"]) == ("It is.", "Is 1 < 2?\nYes.")


def test_an_image_goes_to_the_model(tmp_path: Path) -> None:
    files = [{"type": "image", "url": "data:image/png;base64,cG5n"}]
    talk = chat(said("q", None, "user", "See", files=files))
    (told,) = take(write_json(tmp_path / "chats.json", [talk]), "openwebui").said()
    assert told["content"][1]["image_url"] == {"url": "data:image/png;base64,cG5n"}


def test_a_reply_that_was_not_done_is_marked(tmp_path: Path) -> None:
    talk = chat(said("a", None, "assistant", "It", done=False))
    assert (
        take(write_json(tmp_path / "c.json", [talk]), "openwebui").said()[0]["status"]
        == "interrupted"
    )


def test_a_message_of_an_unknown_role_is_kept_and_what_follows_it_stays_in_place(
    tmp_path: Path,
) -> None:
    talk = chat(
        said("q", None, "user", "Rain?"),
        said("x", "q", "critic", "Hm"),
        said("a", "x", "assistant", "No."),
    )
    taken = take(write_json(tmp_path / "chats.json", [talk]), "openwebui")
    assert [m["content"] for m in taken.view()] == ["Rain?", "No."]
    assert [e["type"] for e in taken.raw()] == ["x.openwebui.message"]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_wrong_in_a_file_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("wrong") / "chats.json"
    read_all(write_json(path, data.draw(damaged([tooled(), tooled()]))), "openwebui")


def test_all_samples_are_imported_whole_and_once() -> None:
    for path in samples_of("openwebui"):
        taken = take(path, "openwebui")
        assert_whole(taken)
        assert not taken.losses.raw
        assert take(path, "openwebui", taken.store).added == 0


def test_no_sample_of_another_format_is_taken_for_one() -> None:
    assert not [path for path in other_samples("openwebui") if recognized(path, "openwebui")]
