"""`eventlog delete` and `restore`: to the bin and back, and for good only when that is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from eventlog.compaction import compact
from tests.commands.running import Run, Shell, Terminal
from tests.compaction.logs import take_turns
from tests.http.openai_server import OpenAIServer
from tests.log.helpers import begin, said


@pytest.fixture
def spoken(shell: Shell) -> Shell:
    """A store with the sessions `s` and `s-2`."""
    begin(shell.place, "Why is the sky blue?", "And at night?")
    begin(shell.place, "other", session_id="s-2")
    return shell


def well(run: Run) -> list[str]:
    assert (run.code, run.err) == (0, "")
    return run.lines


def as_json(run: Run) -> Any:
    return json.loads("\n".join(well(run)))


def files_in(place: Path) -> set[str]:
    found = (str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
    return {name for name in found if not name.startswith((".locks", ".cache/catalog"))}


def test_a_deleted_session_is_brought_back_as_the_command_says(spoken: Shell) -> None:
    (line,) = well(spoken.run("delete", "s"))
    assert line == "s: in the bin. Bring it back: eventlog restore s"
    assert spoken.ids == ["s-2"]
    (line,) = well(spoken.run("restore", "s"))
    assert line == ("s: back, “Why is the sky blue?”, 2 messages. Go on: eventlog chat --session s")
    assert said(spoken.session("s")) == ["Why is the sky blue?", "And at night?"]


def test_several_are_deleted_once_each(spoken: Shell) -> None:
    assert len(well(spoken.run("delete", "s", "s-", "s"))) == 2
    assert spoken.ids == []


def test_one_that_is_not_there_leaves_the_others(spoken: Shell) -> None:
    run = spoken.run("delete", "s", "none")
    assert (run.code, run.out) == (4, "")
    assert spoken.ids == ["s", "s-2"]
    assert spoken.run("delete", "--purge", "--yes", "s", "none").code == 4
    assert spoken.ids == ["s", "s-2"]


def test_json_tells_the_deletion(spoken: Shell) -> None:
    size = spoken.log("s").stat().st_size
    (done,) = as_json(spoken.run("delete", "s", "--json"))
    (listed,) = as_json(spoken.run("restore", "--list", "--json"))
    assert done == {"id": "s", "purged": False, "name": listed["name"], "bytes": size}
    assert (listed["title"], listed["messages"], listed["ok"]) == ("Why is the sky blue?", 2, True)
    assert listed["deleted"] > listed["updated"]
    restored = as_json(spoken.run("restore", "s", "--json"))
    assert restored == {**listed, "restored": True}


def test_a_purge_without_a_terminal_needs_yes(spoken: Shell) -> None:
    run = spoken.run("delete", "s", "--purge", says="y\n")
    assert (run.code, run.out) == (2, "")
    assert "needs --yes" in run.err
    assert spoken.ids == ["s", "s-2"]


@pytest.mark.parametrize(("answer", "left"), [("y", ["s-2"]), ("n", ["s", "s-2"]), ("", ["s", "s-2"])])  # fmt: skip
def test_a_purge_asks_on_a_terminal(spoken: Shell, answer: str, left: list[str]) -> None:
    with Terminal(spoken, ["delete", "s", "--purge"]) as terminal:
        assert "“Why is the sky blue?”, 2 messages" in terminal.wait_for("[y/N]")
        terminal.press(f"{answer}\r")
        assert terminal.end() == (0 if answer == "y" else 1)
    assert spoken.ids == left


def test_a_purge_leaves_nothing_of_the_session(spoken: Shell) -> None:
    take_turns(spoken.store.create("t"), 1)
    compact(spoken.store, "t")
    well(spoken.run("delete", "t"))
    take_turns(spoken.store.create("t"), 1)
    (line,) = well(spoken.run("delete", "t", "--purge", "--yes"))
    assert line == "t: removed for good"
    assert files_in(spoken.place) == {"s.jsonl", "s-2.jsonl"}


def test_what_is_in_the_bin_is_purged_by_its_own_id(spoken: Shell) -> None:
    well(spoken.run("delete", "s"))
    well(spoken.run("delete", "s", "--purge", "--yes"))
    assert (spoken.ids, spoken.store.binned()) == (["s-2"], [])


def test_restore_of_a_single_message_says_one(shell: Shell) -> None:
    shell.store.create("t").append({"role": "user", "content": "one"})
    well(shell.run("delete", "t"))
    assert "“one”, 1 message. Go on" in shell.run("restore", "t").out


def test_an_id_that_is_taken_is_not_restored_over(spoken: Shell) -> None:
    well(spoken.run("delete", "s"))
    begin(spoken.place, "new")
    (old,) = spoken.store.binned()
    run = spoken.run("restore", "s")
    assert (run.code, run.out) == (5, "")
    assert run.err.splitlines() == [
        "error: session 's' already exists",
        f"Bring the deleted one back in its place: eventlog delete s, and then: eventlog restore {old.name}",
    ]
    assert said(spoken.session("s")) == ["new"]
    well(spoken.run("delete", "s"))
    well(spoken.run("restore", old.name))
    assert said(spoken.session("s")) == ["Why is the sky blue?", "And at night?"]


def test_the_list_names_what_restore_takes(spoken: Shell) -> None:
    well(spoken.run("delete", "s"))
    begin(spoken.place, "newer")
    well(spoken.run("delete", "s"))
    rows = [line.split("\t") for line in well(spoken.run("restore", "--list"))]
    assert [row[1] for row in rows] == ["newer", "Why is the sky blue?"]
    assert rows[0][0] == "s"
    assert len(well(spoken.run("restore", "s", "--list"))) == 2
    well(spoken.run("restore", rows[1][0]))
    assert said(spoken.session("s"))[0] == "Why is the sky blue?"


def test_an_empty_bin_says_so(spoken: Shell) -> None:
    run = spoken.run("restore")
    assert (run.code, run.out, run.err) == (0, "", "The bin is empty.\n")
    assert as_json(spoken.run("restore", "--list", "--json")) == []
    assert spoken.run("restore", "none").code == 4


def test_a_title_in_the_bin_cannot_move_the_cursor(spoken: Shell) -> None:
    begin(spoken.place, "\x1b[2J\x9b31m evil", session_id="e")
    well(spoken.run("delete", "e"))
    for option in ("--list", "--json"):
        run = spoken.run("restore", option)
        assert not {"\x1b", "\x9b"} & set(run.out)


def test_a_chat_whose_session_is_deleted_says_so_and_writes_nothing(
    talking: Shell, server: OpenAIServer
) -> None:
    with Terminal(talking, ["chat", "--session", "s"]) as terminal:
        terminal.enter("one")
        terminal.wait_for("[assistant] one")
        terminal.wait_for("you>")
        before = talking.log("s").read_bytes()
        well(talking.run("delete", "s"))
        terminal.press("two\r")
        terminal.wait_for("error: no session 's' in this store")
        assert terminal.end() == 4
    assert talking.ids == []
    well(talking.run("restore", "s"))
    assert talking.log("s").read_bytes() == before


def test_what_is_not_in_the_bin_is_told_and_where_it_is(spoken: Shell) -> None:
    for arguments, told in (
        (("s-2",), "error: no session 's-2' in the bin: it is in the store\n"),
        (("s-2", "--list"), "error: no session 's-2' in the bin: it is in the store\n"),
        (("none",), "error: no session 'none' in the bin, and none in the store\n"),
    ):
        run = spoken.run("restore", *arguments)
        assert (run.code, run.err) == (4, told)


def test_a_pinned_session_needs_a_yes(spoken: Shell) -> None:
    well(spoken.run("pin", "s"))
    run = spoken.run("delete", "s", "s-2")
    assert run.code == 2
    assert "pinned" in run.err
    assert spoken.ids == ["s", "s-2"]
    well(spoken.run("delete", "s-2"))
    well(spoken.run("delete", "--yes", "s"))
    assert spoken.ids == []


def test_at_a_terminal_it_asks_before_a_pinned_session_goes(spoken: Shell) -> None:
    well(spoken.run("pin", "s"))
    for answer, code, left in (("n", 1, ["s", "s-2"]), ("y", 0, ["s-2"])):
        with Terminal(spoken, ["delete", "s"]) as terminal:
            terminal.wait_for("s is pinned: “Why is the sky blue?”")
            terminal.wait_for("all the same?")
            terminal.press(f"{answer}\r")
            assert terminal.end() == code
        assert spoken.ids == left


def test_a_purge_removes_the_blobs_that_only_it_names(spoken: Shell) -> None:
    for name, content in (
        ("s", "mango " * 20_000),
        ("s", "kiwi " * 20_000),
        ("s-2", "kiwi " * 20_000),
    ):
        hear(spoken, name, content)
    well(spoken.run("delete", "s", "--purge", "--yes"))
    assert spoken.session("s-2").messages()[-1]["content"] == "kiwi " * 20_000
    assert list(spoken.store.backend.blobs().values()) == [100_000]


def test_a_purge_says_that_blobs_stay_while_a_log_cannot_be_read(spoken: Shell) -> None:
    hear(spoken, "s", "mango " * 20_000)
    log = spoken.place / "s-2.jsonl"
    log.write_bytes(log.read_bytes().replace(b"other", b"ether"))
    run = spoken.run("delete", "s", "--purge", "--yes")
    assert (run.code, len(spoken.store.backend.blobs())) == (0, 1)
    assert "s: blobs stay while it cannot be read what else names them: s-2." in run.err


def hear(shell: Shell, name: str, content: str) -> None:
    """Let a tool say something large in a session."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    session = shell.session(name)
    session.append({"role": "assistant", "content": None, "tool_calls": [call]})
    session.append({"role": "tool", "tool_call_id": "c", "content": content})
