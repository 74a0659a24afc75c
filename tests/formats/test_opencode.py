"""opencode: its database and its export tell the same session, each part of it once."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog import codec
from eventlog.formats import recognize
from eventlog.projection import fold
from eventlog.projections.usage import USAGE
from eventlog.sources import take_sample
from tests.formats.damaging import damaged
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
from tests.formats.tables import make_database, wrong_cells
from tests.projections.validity import assert_valid

Json = dict[str, Any]
Rows = list[tuple[str, Json]]
SCHEMA = """
CREATE TABLE session (id text PRIMARY KEY, directory text, title text, parent_id text, revert text, time_created integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text, time_created integer, data text);
CREATE TABLE part (id text PRIMARY KEY, message_id text, session_id text, data text);
CREATE TABLE event (id text PRIMARY KEY, aggregate_id text, seq integer, type text, data text);
CREATE TABLE todo (session_id text, content text);
"""
CREATED = 1_795_367_914_396
ASKED: Json = {"role": "user", "time": {"created": CREATED}, "model": {"modelID": "gpt-test"}}
REPLIED: Json = {
    "role": "assistant",
    "modelID": "gpt-test",
    "time": {"created": CREATED, "completed": CREATED + 1},
    "tokens": {"input": 10, "output": 5, "reasoning": 2, "cache": {"read": 30, "write": 1}},
    "cost": 0.5,
    "finish": "tool-calls",
}
CALL: Json = {
    "type": "tool",
    "tool": "bash",
    "callID": "call_1",
    "state": {"status": "completed", "input": {"command": "ls"}, "output": "flour", "title": "ls"},
}


def talk() -> list[tuple[Json, list[Json]]]:
    """A question with an image, and a reply that thinks, calls and speaks."""
    image = {
        "type": "file",
        "mime": "image/png",
        "url": "data:image/png;base64,AA==",
        "filename": "a",
    }
    words = [{"type": "text", "text": "How is rye milled?"}, image]
    reply = [{"type": "step-start"}, {"type": "reasoning", "text": "I look."}, CALL,
             {"type": "text", "text": "Between stones."}]  # fmt: skip
    return [(ASKED, words), (REPLIED, reply)]


def exported(messages: list[tuple[Json, list[Json]]], **info: Any) -> Json:
    """What `opencode export` prints."""
    return {
        "info": {"id": "ses_1", "title": "Rye", "time": {"created": CREATED}, **info},
        "messages": [
            {"info": {"id": f"msg_{n}", **told},
             "parts": [{"id": f"prt_{n}{i}", **part} for i, part in enumerate(parts)]}
            for n, (told, parts) in enumerate(messages)
        ],
    }  # fmt: skip


def stored(messages: list[tuple[Json, list[Json]]], **info: Any) -> Rows:
    """The same as the database has it."""
    row = {"id": "ses_1", "title": "Rye", "directory": "/bread", "time_created": CREATED, **info}
    rows: Rows = [("session", row), ("todo", {"session_id": "ses_1", "content": "bake"})]
    for n, (told, parts) in enumerate(messages):
        text = codec.dump_json(told)
        message = {"id": f"msg_{n}", "session_id": "ses_1", "time_created": CREATED, "data": text}
        rows.append(("message", message))
        for i, part in enumerate(parts):
            held = {"id": f"prt_{n}{i}", "message_id": f"msg_{n}", "data": codec.dump_json(part)}
            rows.append(("part", held))
    return [
        *rows,
        ("event", {"id": "e", "aggregate_id": "ses_1", "seq": 0, "type": "x", "data": "{}"}),
    ]


def texts(messages: list[Json]) -> list[Any]:
    return [each["content"] for each in messages if each["content"]]


def test_a_database_tells_thoughts_calls_results_and_images(tmp_path: Path) -> None:
    taken = take(make_database(tmp_path / "o.db", SCHEMA, stored(talk())), "opencode")
    said = taken.said()
    assert [m["role"] for m in said] == ["user", "assistant", "assistant", "tool", "assistant"]
    assert said[0]["content"][1]["image_url"]["url"] == "data:image/png;base64,AA=="
    assert said[1]["reasoning"] == "I look."
    assert said[2]["tool_calls"][0]["function"] == {"name": "bash", "arguments": '{"command":"ls"}'}
    assert said[3]["content"] == "flour"
    assert [event["type"] for event in taken.raw()] == ["x.opencode.todo", "x.opencode.step-start"]
    assert taken.losses.left == 1
    assert_valid(taken.view(), spoken=True)
    assert_whole(taken)


def test_an_export_tells_what_the_database_does(tmp_path: Path) -> None:
    database = take(make_database(tmp_path / "o.db", SCHEMA, stored(talk())), "opencode")
    export = take(write_json(tmp_path / "o.json", exported(talk())), "opencode")
    assert export.view() == database.view()
    assert export.imported[0].session_id == database.imported[0].session_id
    assert_whole(export)


def test_cached_tokens_and_thoughts_are_counted_in(tmp_path: Path) -> None:
    taken = take(write_json(tmp_path / "o.json", exported(talk())), "opencode")
    total = fold(USAGE, taken.events()).models["gpt-test"]
    assert (total.prompt_tokens, total.completion_tokens) == (41, 7)
    assert (total.cached_tokens, total.reasoning_tokens) == (30, 2)
    assert total.cost == {"USD": "0.5"}


def test_a_call_that_failed_has_its_error_for_a_result(tmp_path: Path) -> None:
    failed = {**CALL, "state": {"status": "error", "input": {}, "error": "no such file"}}
    path = write_json(tmp_path / "o.json", exported([*talk(), (REPLIED, [failed])]))
    assert taken_last(path)["content"] == "no such file"


def taken_last(path: Path) -> Json:
    return take(path, "opencode").said()[-1]


def test_what_was_taken_back_is_a_branch(tmp_path: Path) -> None:
    more = [*talk(), ({**ASKED}, [{"type": "text", "text": "And oats?"}])]
    path = write_json(tmp_path / "o.json", exported(more, revert={"messageID": "msg_2"}))
    taken = take(path, "opencode")
    assert texts(taken.said())[-1] == "And oats?"
    assert texts(taken.view())[-1] == "Between stones."


def test_what_was_taken_back_and_then_not_is_on_the_branch_again(tmp_path: Path) -> None:
    more = [*talk(), ({**ASKED}, [{"type": "text", "text": "And oats?"}])]
    path = write_json(tmp_path / "o.json", exported(more, revert={"messageID": "msg_2"}))
    store = take(path, "opencode").store
    taken = take(write_json(path, exported(more)), "opencode", store)
    assert texts(taken.view())[-1] == "And oats?"


def test_a_summary_stands_for_what_was_before(tmp_path: Path) -> None:
    summary = ({**REPLIED, "summary": True}, [{"type": "text", "text": "They spoke of rye."}])
    after = (ASKED, [{"type": "text", "text": "And oats?"}])
    path = write_json(tmp_path / "o.json", exported([*talk(), summary, after]))
    view = take(path, "opencode").view()
    assert [each["role"] for each in view] == ["system", "user"]
    assert view[0]["content"].endswith("They spoke of rye.")


def test_a_title_that_nobody_gave_is_none(tmp_path: Path) -> None:
    path = write_json(
        tmp_path / "o.json", exported(talk(), title="New session - 2026-11-22T17:18:34Z")
    )
    taken = take(path, "opencode")
    assert taken.store.open(taken.imported[0].session_id).title == "How is rye milled?"


def test_a_reply_that_failed_is_kept_raw(tmp_path: Path) -> None:
    failed = {**REPLIED, "error": {"name": "MessageAbortedError"}}
    taken = take(write_json(tmp_path / "o.json", exported([*talk(), (failed, [])])), "opencode")
    assert taken.raw()[-1]["data"]["error"] == {"name": "MessageAbortedError"}


def test_a_cell_that_is_no_json_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    broken = ("part", {"id": "prt_19", "message_id": "msg_1", "data": "{torn"})
    taken = take(make_database(tmp_path / "o.db", SCHEMA, [*stored(talk()), broken]), "opencode")
    assert taken.losses.unreadable == [(0, 5)]
    assert texts(taken.said())[-1] == "Between stones."


def test_a_grown_session_adds_only_what_is_new(tmp_path: Path) -> None:
    (asked, words), (replied, parts) = talk()
    path = write_json(tmp_path / "o.json", exported([(asked, words), (replied, parts[:2])]))
    begun = take(path, "opencode")
    write_json(path, exported(talk()))
    grown = take(path, "opencode", begun.store)
    assert texts(grown.said()) == texts(take(path, "opencode").said())
    assert take(path, "opencode", begun.store).added == 0


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_wrong_values_are_kept_or_counted_and_the_rest_goes_on(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("wrong")
    whole = exported(talk(), revert={"messageID": "msg_1"})
    read_all(write_json(folder / "o.json", data.draw(damaged(whole))), "opencode")
    messages = data.draw(damaged([[told, parts] for told, parts in talk()]))
    pairs = [pair for pair in messages if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], list)]  # fmt: skip
    database = make_database(
        folder / "o.db", SCHEMA, stored([(told, parts) for told, parts in pairs])
    )
    read_all(data.draw(wrong_cells(database)), "opencode")


def test_the_sample_is_read_whole_and_once() -> None:
    [path] = samples_of("opencode")
    taken = take(path, "opencode")
    assert_whole(taken)
    assert_valid(taken.view())
    total = fold(USAGE, taken.events()).total
    assert (total.prompt_tokens, total.completion_tokens) == (2166 + 2048, 152 + 48)
    assert take(path, "opencode", taken.store).added == 0


def test_no_other_format_is_taken_for_one() -> None:
    assert not [path for path in other_samples("opencode") if recognized(path, "opencode")]


def test_every_sample_is_recognized_among_all_formats() -> None:
    for path in samples_of("opencode"):
        assert [recognize(take_sample(source)) for source in sources(path)] == ["opencode"], (
            path.name
        )
