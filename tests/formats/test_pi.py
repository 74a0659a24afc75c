"""The sessions of the pi coding agent: a tree, its settings, its summaries, and forks."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from eventlog.events import TitleSet
from eventlog.foreign import Losses
from eventlog.formats import reader
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
)
from tests.projections.validity import assert_valid

Json = dict[str, Any]
USED = {"input": 100, "output": 7, "cacheRead": 700, "cacheWrite": 20, "totalTokens": 827,
        "cost": {"input": 0.1, "total": 0.3}}  # fmt: skip
HEADER: Json = {"type": "session", "version": 3, "id": "s1", "cwd": "/x",
                "timestamp": "2026-11-22T10:00:00.000Z"}  # fmt: skip


def entry(id_: str, parent: str | None, kind: str = "message", **members: Any) -> Json:
    second = sum(map(ord, id_)) % 60
    return {"type": kind, "id": id_, "parentId": parent,
            "timestamp": f"2026-11-22T10:01:{second:02}.000Z", **members}  # fmt: skip


def user(id_: str, parent: str | None, words: str = "go") -> Json:
    return entry(id_, parent, message={"role": "user", "content": words})


def reply(id_: str, parent: str | None, *content: Json, **members: Any) -> Json:
    said = {"role": "assistant", "content": list(content), "model": "m-1", "usage": USED,
            "stopReason": "stop", **members}  # fmt: skip
    return entry(id_, parent, message=said)


TALK: list[Json] = [
    HEADER,
    entry("m0", None, "model_change", provider="p", modelId="m-1"),
    entry("y", "m0", message={"role": "system", "content": "", "sections": {"a": "Be", "b": "so."}}),
    user("a", "y"),
    reply("b", "a", {"type": "thinking", "thinking": "hm", "thinkingSignature": "c2ln"},
          {"type": "text", "text": "I look."},
          {"type": "toolCall", "id": "c1", "name": "look", "arguments": {"at": "it"}},
          stopReason="toolUse"),
    entry("c", "b", message={"role": "toolResult", "toolCallId": "c1", "toolName": "look",
                             "content": [{"type": "text", "text": "42"}], "isError": False}),
    entry("l", "c", "label", targetId="a", label="start"),
    user("d", "l", "other way"),
    user("e", "c", "this way"),
    entry("f", "e", message={"role": "bashExecution", "command": "ls", "output": "a.txt"}),
    entry("g", "f", "compaction", summary="All was well.", firstKeptEntryId="e", tokensBefore=9),
    entry("h", "g", "session_info", name="Looking"),
]  # fmt: skip


def save(path: Path, records: list[Any]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    return path


def test_messages_keep_their_branches_and_the_last_entry_is_the_head(tmp_path: Path) -> None:
    taken = take(save(tmp_path / "f", TALK), "pi")
    assert_whole(taken)
    assert len(taken.said()) == 7
    words = [message["content"] for message in taken.store.open("pi-s1").messages()]
    assert "this way" in words
    assert "other way" not in words
    assert_valid(taken.view())


@pytest.mark.parametrize(("last", "words"), [(-2, "Ran `ls`"), (7, "42")])
def test_the_session_is_where_its_last_entry_hangs(tmp_path: Path, last: int, words: str) -> None:
    taken = take(save(tmp_path / "f", TALK[:last]), "pi")
    assert taken.view()[-1]["content"].startswith(words)


def test_a_mark_set_at_an_earlier_place_moves_the_session_there(tmp_path: Path) -> None:
    marked = [*TALK[:8], entry("k", "c", "label", targetId="c", label="back")]
    taken = take(save(tmp_path / "f", marked), "pi")
    assert taken.view()[-1]["content"] == "42"


def test_calls_reasoning_usage_and_cost_are_named(tmp_path: Path) -> None:
    said = take(save(tmp_path / "f", TALK), "pi").said()
    assert said[0]["content"] == "Be\n\nso."
    made = said[2]
    assert (made["content"], made["reasoning"], made["finish_reason"]) == (
        "I look.",
        "hm",
        "tool_calls",
    )
    assert made["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at":"it"}'}
    assert made["usage"] == {
        "prompt_tokens": 820, "completion_tokens": 7, "total_tokens": 827,
        "prompt_tokens_details": {"cached_tokens": 700},
        "cost": {"amount": "0.3", "currency": "USD"},
    }  # fmt: skip
    assert said[6]["content"] == "Ran `ls`\n```\na.txt\n```"


def test_a_compaction_stands_for_what_it_covers_and_is_kept(tmp_path: Path) -> None:
    taken = take(save(tmp_path / "f", TALK), "pi")
    summaries = [e for e in taken.events() if e["type"] == "context.summarized"]
    assert [each["data"]["text"] for each in summaries] == ["All was well."]
    kept = ["x.pi.model_change", "x.pi.label", "x.pi.compaction", "x.pi.session_info"]
    assert [event["type"] for event in taken.raw()] == kept
    assert any("All was well." in str(message["content"]) for message in taken.view())
    assert not any(message["content"] == "I look." for message in taken.view())


def test_the_last_name_is_the_title(tmp_path: Path) -> None:
    named = [*TALK, entry("i", "h", "session_info", name="Found")]
    taken = take(save(tmp_path / "f", named), "pi")
    assert tell_all(taken)[0].title == "Found"


def test_a_name_that_comes_back_is_the_title_again_and_once(tmp_path: Path) -> None:
    names = ["Found", "Lost", "Found"]
    more = [entry(f"n{i}", "h", "session_info", name=name) for i, name in enumerate(names)]
    taken = take(save(tmp_path / "f", [*TALK, *more[:2]]), "pi")
    taken = take(save(tmp_path / "f", [*TALK, *more]), "pi", taken.store)
    assert tell_all(taken)[0].title == "Found"
    assert take(tmp_path / "f", "pi", taken.store).added == 0


def test_a_title_given_here_stays_when_the_source_says_nothing_new(tmp_path: Path) -> None:
    taken = take(save(tmp_path / "f", TALK), "pi")
    taken.store.open("pi-s1").append(TitleSet(title="Mine"))
    assert take(tmp_path / "f", "pi", taken.store).added == 0


def test_a_fork_counts_only_what_it_used_itself(tmp_path: Path) -> None:
    header = {**HEADER, "id": "s2", "timestamp": "2026-11-22T11:00:00Z",
              "parentSession": "/home/a/2026-11-22T10-00-00_s1.jsonl"}  # fmt: skip
    own = {
        **reply("z", "h", {"type": "text", "text": "Mine."}),
        "timestamp": "2026-11-22T11:00:01Z",
    }
    path = save(tmp_path / "f", [header, *TALK[1:], own])
    said = take(path, "pi").said()
    assert [message["role"] for message in said if "usage" in message] == ["assistant"]
    assert said[2]["extra"]["pi"]["usage"] == USED
    [foreign] = reader("pi").read(sources(path)[0], Losses())
    assert foreign.origin == "s1"


def test_entries_without_ids_follow_one_another(tmp_path: Path) -> None:
    plain = [{k: v for k, v in each.items() if k not in ("id", "parentId")} for each in TALK[2:6]]
    old = {name: value for name, value in HEADER.items() if name != "version"}
    taken = take(save(tmp_path / "f", [old, *plain]), "pi")
    assert [message["role"] for message in taken.view()] == ["system", "user", "assistant", "tool"]
    assert take(tmp_path / "f", "pi", taken.store).added == 0


def test_a_lost_header_or_parent_loses_nothing_else(tmp_path: Path) -> None:
    taken = take(save(tmp_path / "f", [*TALK[1:4], *TALK[5:]]), "pi")
    assert len(taken.said()) == 6
    assert_valid(taken.view())


def test_a_reply_that_was_cut_off_says_so(tmp_path: Path) -> None:
    cut = reply("b", "a", {"type": "text", "text": "I"}, stopReason="aborted")
    taken = take(save(tmp_path / "f", [*TALK[:4], cut]), "pi")
    assert taken.said()[2]["status"] == "interrupted"


@given(wrong=damaged(TALK))
def test_nothing_in_a_file_raises_anything_but_a_transfer_error(
    tmp_path_factory: pytest.TempPathFactory, wrong: list[Any]
) -> None:
    read_all(save(tmp_path_factory.mktemp("p") / "f", wrong), "pi")


def test_the_samples_are_imported_whole() -> None:
    for path in samples_of("pi"):
        taken = take(path, "pi")
        assert_whole(taken)
        assert not taken.losses.unreadable
        assert_valid(taken.view())


def test_no_other_sample_is_taken_for_pi() -> None:
    assert [path for path in other_samples("pi") if recognized(path, "pi")] == []
