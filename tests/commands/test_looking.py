"""`eventlog list` and `eventlog show`: what there is, as text and as JSON, and nothing is written."""

import json
import subprocess
from typing import Any

import pytest

from eventlog.events import HeadMoved, ModelCalled, ReplyStreamed
from tests.commands.running import EVENTLOG, Shell
from tests.compaction.logs import put

ESCAPES = "\x1b]0;owned\x07\x9b31m\x7f\u202e"


def hold(shell: Shell, session_id: str, *contents: str) -> None:
    """Put a session there in which a user said these."""
    session = shell.store.create(session_id)
    session.append_many([{"role": "user", "content": content} for content in contents])


def spoil(shell: Shell, session_id: str) -> None:
    """Damage a log's second line."""
    lines = shell.log(session_id).read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b"user", b"uSer")
    shell.log(session_id).write_bytes(b"\n".join(lines))


def json_of(shell: Shell, *arguments: str) -> Any:
    run = shell.run(*arguments)
    assert (run.code, run.err) == (0, "")
    return json.loads(run.out)


# list


def test_sessions_are_listed_the_last_used_first(shell: Shell) -> None:
    for name in ("a", "b", "c"):
        hold(shell, name, f"question of {name}")
    shell.session("a").append({"role": "user", "content": "newest"})
    rows = [line.split("\t") for line in shell.run("list").lines]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("a", "question of a", "2"),
        ("c", "question of c", "1"),
        ("b", "question of b", "1"),
    ]
    assert {row[4] for row in rows} == {"ok"}


def test_list_shows_twenty_or_as_many_as_wanted(shell: Shell) -> None:
    for number in range(25):
        shell.store.create(f"s{number}")
    assert len(shell.run("list").lines) == 20
    assert len(shell.run("list", "--limit", "3").lines) == 3
    assert len(shell.run("list", "--all").lines) == 25
    assert shell.run("list", "--limit", "0").code == 2


def test_list_as_json_has_every_fact(shell: Shell) -> None:
    hold(shell, "s", "Hello")
    (row,) = json_of(shell, "list", "--json")
    assert row == {
        "id": "s",
        "title": "Hello",
        "created": row["created"],
        "updated": row["updated"],
        "messages": 1,
        "version": 2,
        "model": None,
        "models": [],
        "tags": [],
        "pinned": False,
        "origin": None,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "untold": 0,
        "cost": {},
        "bytes": shell.log("s").stat().st_size,
        "ok": True,
        "problem": None,
    }


def test_an_empty_store_is_told_and_is_empty_json(shell: Shell) -> None:
    run = shell.run("list")
    assert (run.code, run.out) == (0, "")
    assert "No sessions yet" in run.err
    assert json_of(shell, "list", "--json") == []


def test_looking_at_a_store_that_is_not_there_makes_none(shell: Shell) -> None:
    shell.run("list")
    shell.run("show", "s")
    shell.run("show", "s", "--store", "elsewhere")
    assert list(shell.folder.iterdir()) == []


def test_damage_hides_no_session_and_is_warned_of_once(shell: Shell) -> None:
    for name in ("good", "bad", "worse"):
        hold(shell, name, "one", "two")
    spoil(shell, "bad")
    spoil(shell, "worse")
    run = shell.run("list")
    assert {line.split("\t")[0]: line.split("\t")[4] for line in run.lines} == {
        "good": "ok",
        "bad": "damaged",
        "worse": "damaged",
    }
    assert run.code == 0
    assert run.err.count("warning: ") == run.err.count("eventlog repair") == 1


def test_a_log_of_zero_bytes_is_listed_and_shown(shell: Shell) -> None:
    hold(shell, "s", "Hello")
    shell.log("empty").write_bytes(b"")
    assert {line.split("\t")[0] for line in shell.run("list").lines} == {"s", "empty"}
    assert shell.run("show", "empty").code == 0


# show


def test_show_prints_what_was_only_thought_as_a_thought(shell: Shell) -> None:
    session = shell.store.create("s")
    thought = {"role": "assistant", "content": None, "reasoning": f"So it is.{ESCAPES}"}
    session.append_many([{"role": "user", "content": "Why?"}, thought])
    run = shell.run("show", "s")
    assert run.lines[-1].startswith("[assistant] (thinks) So it is.")
    assert not {"\x1b", "\x9b", "\u202e"} & set(run.out)


def test_messages_are_shown_as_the_chat_shows_them(shell: Shell) -> None:
    hold(shell, "s", "Hello\nyou")
    call = {"id": "c", "function": {"name": "now", "arguments": "{}"}}
    shell.session("s").append_many(
        [
            {"role": "assistant", "content": "Hi", "status": "interrupted"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "noon"}]},
        ]
    )
    assert shell.run("show", "s").out == (
        "Hello you (s)\n\nyou> Hello\nyou\n[assistant] Hi\n[interrupted]\n"
        "[assistant]\n  calls now({})\n[tool] noon\n"
    )


def test_show_takes_a_prefix_and_refuses_a_doubtful_one(shell: Shell) -> None:
    hold(shell, "plan-a", "Hello")
    hold(shell, "plan-b", "Hello")
    assert "(plan-b)" in shell.run("show", "plan-b").out
    run = shell.run("show", "pl")
    assert run.code == 2
    assert "plan-a, plan-b" in run.err


@pytest.mark.parametrize("session_id", ["nobody", "../s", "", "\x1b[31m"])
def test_a_session_that_is_not_there_ends_with_4(shell: Shell, session_id: str) -> None:
    run = shell.run("show", session_id)
    assert run.code == 4
    assert run.err.startswith("error: no session ")
    assert "\x1b" not in run.err


def test_show_limits_to_the_newest(shell: Shell) -> None:
    hold(shell, "s", "one", "two", "three")
    assert shell.run("show", "s", "--limit", "2").lines[2:] == ["you> two", "you> three"]
    assert [e["seq"] for e in events_of(shell, "--limit", "2")] == [3, 4]


def events_of(shell: Shell, *options: str) -> list[Any]:
    run = shell.run("show", "s", "--events", "--json", *options)
    return [json.loads(line) for line in run.lines]


def test_show_as_json_has_the_messages_as_recorded(shell: Shell) -> None:
    hold(shell, "s", "one", "two")
    shell.session("s").append(HeadMoved(to=2))
    assert json_of(shell, "show", "s", "--json") == [{"seq": 2, "role": "user", "content": "one"}]


def test_events_are_shown_as_they_are_in_the_log(shell: Shell) -> None:
    hold(shell, "s", "one \u2028 two \x7f")
    assert events_of(shell) == [
        json.loads(line) for line in shell.log("s").read_bytes().splitlines()
    ]
    timeline = shell.run("show", "s", "--events").lines
    assert [line.split()[0::2][:2] for line in timeline] == [
        ["1", "session.created"],
        ["2", "message.added"],
    ]


def test_what_a_log_holds_cannot_act_on_the_terminal(shell: Shell) -> None:
    hold(shell, "s", f"{ESCAPES} hello")
    for arguments in (["list"], ["show", "s"], ["show", "s", "--events"]):
        for option in ([], ["--json"]):
            out = shell.run(*arguments, *option).out
            assert "owned" in out
            assert not set(ESCAPES) - set("]0;owned31m") & set(out)
    assert json_of(shell, "show", "s", "--json")[0]["content"] == f"{ESCAPES} hello"


def test_a_damaged_log_is_shown_with_one_warning(shell: Shell) -> None:
    hold(shell, "s", "one", "two")
    shell.session("s").append({"role": "user", "content": "three"})
    spoil(shell, "s")
    run = shell.run("show", "s")
    assert run.code == 0
    assert "you> three" in run.out
    assert run.err.count("eventlog repair s") == run.err.count("\n") == 1


def test_a_log_of_a_newer_format_is_told_and_no_damage(shell: Shell) -> None:
    shell.store.create("s")
    shell.log("s").write_bytes(newer(shell.log("s").read_bytes()))
    run = shell.run("show", "s")
    assert run.code == 1
    assert "newer eventlog" in run.err
    assert "newer eventlog" in shell.run("list").out


def newer(line: bytes) -> bytes:
    """Seal a header as a format 9 would."""
    from eventlog import codec  # noqa: PLC0415 - of this helper alone

    record = json.loads(line)
    draft = codec.encode("session.created", {**record["data"], "format": 9})
    return codec.seal(draft, 1, record["at"], record["prev"])[0] + b"\n"


def test_a_reply_that_still_streams_is_shown_as_interrupted(shell: Shell) -> None:
    hold(shell, "s", "Hello")
    called = ModelCalled(
        model="m", provider="x", version=2, head=2, rules=1, messages=1, digest="d"
    )
    shell.session("s").append(called)
    shell.session("s").append(ReplyStreamed(call=3, text="Hi the"))
    assert shell.run("show", "s").lines[-2:] == ["[assistant] Hi the", "[interrupted]"]


def test_a_reader_that_leaves_is_no_error(shell: Shell) -> None:
    hold(shell, "s", *(f"{number} " + "x" * 200 for number in range(2000)))
    command = [EVENTLOG, "show", "s"]
    out, err = subprocess.PIPE, subprocess.PIPE
    with subprocess.Popen(command, cwd=shell.folder, stdout=out, stderr=err) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(15).startswith(b"0 x")
        process.stdout.close()
        assert (process.wait(10), process.stderr.read()) == (1, b"")


@pytest.mark.parametrize("command", [["list"], ["show", "a"], ["replay", "a"], ["verify", "a"]])
def test_an_event_that_is_not_what_its_type_says_is_no_obstacle(
    shell: Shell, command: list[str]
) -> None:
    hold(shell, "a", "hello")
    bad = [("title.set", {}), ("message.added", {"text": "x"}), ("head.moved", {"to": "x"})]
    put(shell.session("a"), *bad, ("model.called", {}), ("content.erased", {"seqs": 5}))
    run = shell.run(*command)
    assert (run.code, run.err) == (0, "")
    assert "hello" in run.out or command[0] == "verify"
