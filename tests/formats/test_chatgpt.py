"""ChatGPT's export: branches stay branches, calls become calls, and nothing in a file breaks the import."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog import codec
from eventlog.errors import TransferError
from eventlog.foreign import Losses
from eventlog.formats.chatgpt import read
from tests.formats.damaging import damaged
from tests.formats.exporting import tell_all
from tests.formats.importing import (
    assert_whole,
    other_samples,
    read_all,
    recognized,
    samples_of,
    sources,
    take,
    write_json,
)
from tests.projections.validity import assert_valid

Json = dict[str, Any]


def message(id_: str, role: str, *parts: Any, **other: Any) -> Json:
    content = {"content_type": "text", "parts": list(parts)}
    return {"id": id_, "author": {"role": role}, "content": content, "recipient": "all", **other}


def node(id_: str, parent: str | None, told: Json | None, *children: str) -> Json:
    return {"id": id_, "parent": parent, "children": list(children), "message": told}


def conversation(*nodes: Json, **members: Any) -> Json:
    mapping = {each["id"]: each for each in nodes}
    return {"conversation_id": "c1", "title": "Bread", "mapping": mapping, **members}


def branched() -> Json:
    """A question answered twice; the person was last at the first answer."""
    return conversation(
        node("root", None, None, "q"),
        node("q", "root", message("q", "user", "How?", create_time=1704629915.5), "a", "b"),
        node("a", "q", message("a", "assistant", "So.", metadata={"model_slug": "gpt-4"})),
        node("b", "q", message("b", "assistant", "Or so.")),
        create_time=1704629900,
        current_node="a",
        default_model_slug="gpt-5",
    )


def called() -> Json:
    """A thought, a call of a tool, and its result."""
    thought = {"content_type": "thoughts", "thoughts": [{"summary": "Look", "content": "it up"}]}
    code = {"content_type": "code", "language": "unknown", "text": "search('rye')"}
    found = {"content_type": "execution_output", "text": "It is a grain."}
    tool = {"role": "tool", "name": "browser"}
    return conversation(
        node("q", None, message("q", "user", "What is rye?")),
        node("t", "q", {**message("t", "assistant"), "content": thought}),
        node("c", "t", {**message("c", "assistant"), "content": code, "recipient": "browser"}),
        node("r", "c", {**message("r", "tool"), "author": tool, "content": found}),
        node("a", "r", message("a", "assistant", "A grain.")),
    )


def test_each_branch_stays_one_and_the_head_is_where_the_person_was(tmp_path: Path) -> None:
    taken = take(write_json(tmp_path / "one.json", branched()), "chatgpt")
    assert [m["content"] for m in taken.said()] == ["How?", "So.", "Or so."]
    assert [m["content"] for m in taken.view()] == ["How?", "So."]
    assert_whole(taken)


def test_title_times_and_models_survive(tmp_path: Path) -> None:
    taken = take(write_json(tmp_path / "one.json", branched()), "chatgpt")
    events = taken.events()
    assert events[0]["at"] == "2024-01-07T12:18:20.000000Z"
    assert events[2]["at"] == "2024-01-07T12:18:35.500000Z"
    assert [m.get("model") for m in taken.said()] == [None, "gpt-4", "gpt-5"]
    assert any(e["type"] == "title.set" and e["data"]["title"] == "Bread" for e in events)


def test_a_message_to_a_tool_is_a_call_and_what_the_tool_says_its_result(tmp_path: Path) -> None:
    taken = take(write_json(tmp_path / "one.json", called()), "chatgpt")
    _, thought, call, result, _ = taken.said()
    assert thought["reasoning"] == "Look\n\nit up"
    function = call["tool_calls"][0]["function"]
    assert (function["name"], codec.load_json(function["arguments"])) == (
        "browser",
        {"input": "search('rye')"},
    )
    assert (result["tool_call_id"], result["content"]) == ("c", "It is a grain.")
    assert_valid(taken.view())


def browsed(*more: Json) -> Json:
    """A call that the tool has answered, and what it said more."""
    nodes = list(called()["mapping"].values())[:4]
    return conversation(*nodes, *more)


def found(id_: str, parent: str, words: str) -> Json:
    told = message(id_, "tool", words, author={"role": "tool", "name": "browser"})
    return node(id_, parent, told | {"metadata": {"page": id_}})


def test_all_that_a_tool_says_of_one_call_is_sent_as_its_one_result(tmp_path: Path) -> None:
    talk = browsed(
        found("r2", "r", "Of Asia."),
        found("r3", "r2", ""),
        node("a", "r3", message("a", "assistant", "A grain.")),
    )
    taken = take(write_json(tmp_path / "one.json", talk), "chatgpt")
    assert_valid(taken.view())
    result, answer = taken.view()[-2:]
    assert [part["text"] for part in result["content"]] == ["It is a grain.", "Of Asia."]
    assert answer["content"] == "A grain."
    kept = taken.said()[-2]["extra"]["chatgpt"]["results"]
    assert [each["id"] for each in kept] == ["r", "r2", "r3"]
    assert [each["parts"] for each in kept] == [1, 1, 0]
    assert kept[1]["extra"]["metadata"] == {"page": "r2"}
    assert_whole(taken)


def test_more_results_that_come_with_a_later_export_are_sent_too(tmp_path: Path) -> None:
    path = write_json(tmp_path / "one.json", browsed() | {"current_node": "r"})
    store = take(path, "chatgpt").store
    grown = browsed(found("r2", "r", "Of Asia.")) | {"current_node": "r2"}
    taken = take(write_json(path, grown), "chatgpt", store)
    assert len(taken.view()[-1]["content"]) == 2
    assert [m["role"] for m in taken.view()] == ["user", "assistant", "tool"]
    assert take(path, "chatgpt", store).added == 0


@pytest.mark.parametrize("now", ["a", "b", "r"])
def test_each_branch_behind_a_result_has_what_the_tool_said_on_it(tmp_path: Path, now: str) -> None:
    talk = browsed(
        found("r2", "r", "Of Asia."),
        node("a", "r2", message("a", "assistant", "A.")),
        node("b", "r", message("b", "assistant", "B.")),
    )
    taken = take(write_json(tmp_path / "one.json", talk | {"current_node": now}), "chatgpt")
    assert_valid(taken.view())
    [result] = [m["content"] for m in taken.view() if m["role"] == "tool"]
    assert (result == "It is a grain.") == (now != "a")
    assert taken.store.open("chatgpt-c1").last_messages(1)[0][1]["extra"]["source_id"] == now
    assert take(tmp_path / "one.json", "chatgpt", taken.store).added == 0


def test_a_person_who_is_at_a_result_before_the_last_is_there(tmp_path: Path) -> None:
    talk = browsed(found("r2", "r", "Of Asia.")) | {"current_node": "r"}
    taken = take(write_json(tmp_path / "one.json", talk), "chatgpt")
    assert taken.view()[-1]["content"] == "It is a grain."
    assert [len(m["content"]) for m in taken.said() if m["role"] == "tool"] == [2, 14]


def test_an_array_shards_in_a_zip_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    one, two = branched(), branched() | {"conversation_id": "c2"}
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr(
            "conversations-000.json", b"\xef\xbb\xbf" + codec.dump_json([one]).encode()
        )
        archive.writestr("conversations-001.json", codec.dump_json([two]))
    taken = take(tmp_path / "export.zip", "chatgpt")
    assert [each.session_id for each in taken.imported] == ["chatgpt-c1", "chatgpt-c2"]


def test_a_conversation_without_mapping_is_kept_as_it_is(tmp_path: Path) -> None:
    bare = {"conversation_id": "c0", "title": "Gone", "safe_urls": []}
    taken = take(write_json(tmp_path / "two.json", [bare, branched()]), "chatgpt")
    assert taken.raw()[0]["data"]["title"] == "Gone"
    assert len(taken.said(1)) == 3
    assert_whole(taken)


def test_nodes_without_links_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    told = [message(f"m{n}", "user", str(n)) for n in range(3)]
    mapping = {each["id"]: {"id": each["id"], "message": each} for each in told}
    taken = take(write_json(tmp_path / "flat.json", [{"id": "c", "mapping": mapping}]), "chatgpt")
    assert [m["content"] for m in taken.view()] == ["0", "1", "2"]


def test_nodes_in_a_ring_are_all_told_once(tmp_path: Path) -> None:
    ring = conversation(
        node("a", "b", message("a", "user", "A"), "b"),
        node("b", "a", message("b", "assistant", "B"), "a"),
    )
    taken = take(write_json(tmp_path / "ring.json", ring), "chatgpt")
    assert sorted(m["content"] for m in taken.said()) == ["A", "B"]


def test_a_chain_of_thousands_of_nodes_is_walked(tmp_path: Path) -> None:
    nodes = [node("0", None, message("0", "user", "0"))]
    nodes += [node(str(n), str(n - 1), message(str(n), "user", str(n))) for n in range(1, 5000)]
    taken = take(write_json(tmp_path / "long.json", conversation(*nodes)), "chatgpt")
    assert [m["content"] for m in taken.view()] == [str(n) for n in range(5000)]


def test_a_conversation_told_twice_is_one_session(tmp_path: Path) -> None:
    taken = take(write_json(tmp_path / "twice.json", [branched(), branched()]), "chatgpt")
    assert len(taken.said()) == 3
    assert taken.imported[1].added == 0


def test_a_source_that_grew_adds_only_what_is_new(tmp_path: Path) -> None:
    path = write_json(tmp_path / "one.json", branched())
    store = take(path, "chatgpt").store
    assert take(path, "chatgpt", store).added == 0
    grown = branched()
    grown["mapping"]["c"] = node("c", "a", message("c", "user", "Thanks."))
    taken = take(write_json(path, grown | {"current_node": "c"}), "chatgpt", store)
    assert [m["content"] for m in taken.view()] == ["How?", "So.", "Thanks."]
    assert len(taken.said()) == 4


def test_a_session_follows_the_branch_that_the_person_went_to(tmp_path: Path) -> None:
    path = write_json(tmp_path / "one.json", branched())
    store = take(path, "chatgpt").store
    taken = take(write_json(path, branched() | {"current_node": "b"}), "chatgpt", store)
    assert [m["content"] for m in taken.view()] == ["How?", "Or so."]
    assert len(taken.said()) == 3
    assert take(path, "chatgpt", store).added == 0


def test_custom_instructions_are_a_system_message_and_an_empty_one_is_none(tmp_path: Path) -> None:
    context = {"content_type": "user_editable_context", "user_instructions": "Be brief."}
    talk = conversation(
        node("e", None, message("e", "system", "")),
        node("s", "e", {**message("s", "user"), "content": context}),
        node("q", "s", message("q", "user", "How?")),
    )
    taken = take(write_json(tmp_path / "one.json", talk), "chatgpt")
    assert taken.view()[0] == {"role": "system", "content": "Be brief."}
    assert [e["type"] for e in taken.raw()] == ["x.chatgpt.message"]


def test_an_image_that_is_not_in_the_file_is_named_in_its_place(tmp_path: Path) -> None:
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-1"}
    talk = conversation(node("q", None, message("q", "user", "See", image)))
    (told,) = take(write_json(tmp_path / "one.json", talk), "chatgpt").said()
    assert [part["text"] for part in told["content"]] == ["See", "[image: file-service://file-1]"]
    assert told["extra"]["chatgpt"]["content"]["parts"][1] == image


def pictured(role: str) -> Json:
    image = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-Ab1"}
    return conversation(node("q", None, message("q", role, "See", image)))


def test_a_picture_in_the_zip_is_shown_to_the_model(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("conversations.json", codec.dump_json([pictured("user")]))
        archive.writestr("file-Ab1-cat.png", b"\x89PNG...")
    source = next(each for each in sources(tmp_path / "export.zip") if "conv" in each.name)
    (foreign,) = read(source, Losses())
    (told,) = foreign.said
    assert told.data["content"][1]["image_url"] == {"url": "data:image/png;base64,iVBORy4uLg=="}


def test_a_picture_beside_the_file_is_shown_and_only_a_picture(tmp_path: Path) -> None:
    path = write_json(tmp_path / "conversations.json", pictured("user"))
    (tmp_path / "file-Ab1-key.png").write_bytes(b"secret")
    assert take(path, "chatgpt").said()[0]["content"][1]["text"].startswith("[image: ")
    (tmp_path / "file-Ab1-key.png").write_bytes(b"GIF89a")
    assert take(path, "chatgpt").said()[0]["content"][1]["type"] == "image_url"


def test_a_link_beside_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "photo.gif").write_bytes(b"GIF89a")
    (tmp_path / "file-Ab1.gif").symlink_to(tmp_path / "private" / "photo.gif")
    path = write_json(tmp_path / "conversations.json", pictured("user"))
    assert take(path, "chatgpt").said()[0]["content"][1]["type"] == "text"


def test_a_picture_that_the_model_made_is_named(tmp_path: Path) -> None:
    path = write_json(tmp_path / "conversations.json", pictured("assistant"))
    (tmp_path / "file-Ab1.png").write_bytes(b"GIF89a")
    assert take(path, "chatgpt").said()[0]["content"][1]["type"] == "text"


def test_an_image_in_the_file_is_shown_to_the_model(tmp_path: Path) -> None:
    image = {"content_type": "image_asset_pointer", "asset_pointer": "data:image/png;base64,cG5n"}
    talk = conversation(node("q", None, message("q", "user", "See", image)))
    (told,) = take(write_json(tmp_path / "one.json", talk), "chatgpt").said()
    assert told["content"][1]["image_url"] == {"url": "data:image/png;base64,cG5n"}


def test_a_message_under_two_nodes_is_told_once_unless_it_says_another_thing(
    tmp_path: Path,
) -> None:
    talk = conversation(
        node("1", None, message("q", "user", "How?")),
        node("2", "1", message("q", "user", "How?")),
        node("3", "2", message("q", "user", "What?")),
    )
    taken = take(write_json(tmp_path / "one.json", talk), "chatgpt")
    assert [m["content"] for m in taken.view()] == ["How?", "What?"]
    assert taken.losses.left == 1


def test_a_reply_that_was_cut_off_is_marked(tmp_path: Path) -> None:
    cut = message("a", "assistant", "So", status="in_progress")
    taken = take(write_json(tmp_path / "one.json", conversation(node("a", None, cut))), "chatgpt")
    assert taken.said()[0]["status"] == "interrupted"


def test_a_line_with_half_a_character_and_too_large_a_number_is_read(tmp_path: Path) -> None:
    line = codec.dump_json(branched() | {"size": 0}).replace("Bread", r"Br\ud800")
    (tmp_path / "talk.jsonl").write_text(line.replace('"size":0', '"size":99999999999999999999'))
    taken = take(tmp_path / "talk.jsonl", "chatgpt")
    assert tell_all(taken)[0].title == "Br\ufffd"
    assert not taken.losses.unreadable
    assert_whole(taken)


def test_a_torn_array_gives_what_is_whole_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "torn.json"
    path.write_text(codec.dump_json([branched(), branched() | {"id": "c2"}])[:-300])
    with pytest.raises(TransferError, match=r"torn\.json.*damaged after item 1"):
        take(path, "chatgpt")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_wrong_in_a_file_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("wrong") / "file.json"
    read_all(write_json(path, data.draw(damaged([branched(), called()]))), "chatgpt")


def test_all_samples_are_imported_whole() -> None:
    for path in samples_of("chatgpt"):
        taken = take(path, "chatgpt")
        assert_whole(taken)
        assert not taken.losses.unreadable
        for number in range(len(taken.imported)):
            assert_valid(taken.view(number))
            assert taken.said(number)


def test_no_sample_of_another_format_is_taken_for_one() -> None:
    assert not [p for p in other_samples("chatgpt") if sources(p) and recognized(p, "chatgpt")]
