"""`eventlog import`: what it tells, what it passes over, and that it leaves its sources alone."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import Shell, Terminal

TURNS = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]


def write_chat(path: Path, *more: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"messages": [*TURNS, *more]}) + "\n")
    return path


def picture(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its bytes."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_file_becomes_a_session_and_again_nothing_is_new(shell: Shell) -> None:
    write_chat(shell.folder / "a.jsonl")
    first = shell.run("import", "a.jsonl")
    assert (first.code, first.err) == (0, "")
    assert first.lines[0].startswith("a.jsonl: openai, 1 new; 1 record: 1 mapped")
    assert [m["content"] for m in shell.session(shell.ids[0]).messages()] == ["Why?", "Because."]
    log = shell.log(shell.ids[0]).read_bytes()
    assert shell.run("import", "a.jsonl").lines[-1] == "1 source, nothing new"
    assert shell.log(shell.ids[0]).read_bytes() == log


def write_branches(path: Path, current: str) -> None:
    """Write an export of ChatGPT: a question with two answers, and where the person is."""
    said = {"q": ("user", None), "a": ("assistant", "q"), "b": ("assistant", "q")}
    nodes = {
        id_: {
            "parent": parent,
            "message": {"author": {"role": role}, "content": {"parts": [id_]}},
        }
        for id_, (role, parent) in said.items()
    }
    path.write_text(json.dumps([{"id": "c", "mapping": nodes, "current_node": current}]))


def test_a_session_follows_its_source_unless_somebody_went_on_here(shell: Shell) -> None:
    write_branches(shell.folder / "a.json", "a")
    shell.run("import", "a.json")
    write_branches(shell.folder / "a.json", "b")
    assert shell.run("import", "a.json").lines[-1].startswith("1 source: 1 grown")
    session = shell.session("chatgpt-c")
    assert session.messages()[-1]["content"] == "b"
    session.append({"role": "user", "content": "Mine."})
    write_branches(shell.folder / "a.json", "a")
    run = shell.run("import", "a.json", "--json")
    assert "chatgpt-c stays where it was put here" in run.err
    assert json.loads(run.out)["sources"][0]["staying"] == ["chatgpt-c"]
    assert shell.session("chatgpt-c").messages()[-1]["content"] == "Mine."


def test_two_conversations_with_one_id_in_a_file_add_nothing_when_it_comes_again(
    shell: Shell,
) -> None:
    write_branches(shell.folder / "a.json", "a")
    (one,) = json.loads((shell.folder / "a.json").read_text())
    both = [{**one, "title": "One"}, {**one, "title": "Two", "current_node": "b"}]
    (shell.folder / "a.json").write_text(json.dumps(both))
    assert shell.run("import", "a.json").code == 0
    assert shell.run("import", "a.json").lines[-1] == "1 source, nothing new"


def test_a_dry_run_tells_the_same_and_writes_nothing(shell: Shell) -> None:
    write_chat(shell.folder / "a.jsonl")
    run = shell.run("import", "--dry-run", "a.jsonl")
    assert "would be 1 new" in run.out
    assert not shell.place.exists()


def test_one_bad_file_does_not_stop_the_rest(shell: Shell) -> None:
    folder = shell.folder / "in"
    write_chat(folder / "a.jsonl")
    (folder / "b.json.gz").write_bytes(gzip.compress(b'{"messages": []}' * 9)[:-12])
    write_chat(folder / "c.jsonl", {"role": "user", "content": "More"})
    run = shell.run("import", "in")
    assert run.code == 1
    assert "b.json.gz" in run.err
    assert len(shell.ids) == 2


def test_what_is_no_conversation_is_passed_over_in_a_folder_and_an_error_by_name(
    shell: Shell,
) -> None:
    write_chat(shell.folder / "in" / "a.jsonl")
    (shell.folder / "in" / "notes.txt").write_text("Milk, eggs\n")
    run = shell.run("import", "in")
    assert (run.code, len(shell.ids)) == (0, 1)
    assert run.err == (
        "passed over: in/notes.txt: not a conversation that eventlog knows; --from says what it is\n"
    )
    assert shell.run("import", "in/notes.txt").code == 1


def test_a_file_that_is_not_there_is_told_and_the_rest_goes_on(shell: Shell) -> None:
    write_chat(shell.folder / "a.jsonl")
    run = shell.run("import", "gone.jsonl", "a.jsonl")
    assert (run.code, len(shell.ids)) == (1, 1)
    assert "gone.jsonl: No such file" in run.err


def test_standard_input_is_read(shell: Shell) -> None:
    run = shell.run("import", "-", says=json.dumps({"messages": TURNS}))
    assert (run.code, len(shell.ids)) == (0, 1)


def test_a_format_that_is_named_is_believed(shell: Shell) -> None:
    (shell.folder / "a").write_text('{"nothing": "known"}\n')
    assert "passed over" not in shell.run("import", "--from", "openai", "a").err
    assert "--from takes one of eventlog, bundle," in shell.run("import", "--from", "x", "a").err


def test_a_tag_is_put_on_what_was_imported(shell: Shell) -> None:
    write_chat(shell.folder / "a.jsonl")
    for _ in range(2):
        assert shell.run("import", "--tag", "old", "a.jsonl").code == 0
    assert shell.run("tag", shell.ids[0]).out == "old\n"


def test_the_sum_is_json_where_that_is_wanted(shell: Shell) -> None:
    write_chat(shell.folder / "a.jsonl")
    chat = (shell.folder / "a.jsonl").read_text()
    (shell.folder / "a.jsonl").write_text(chat + '{"messages": [{"ro\n')
    told = json.loads(shell.run("import", "--json", "a.jsonl").out)
    assert told["total"]["sessions"] == {"new": 1, "grown": 0, "unchanged": 0}
    assert told["sources"][0]["unreadable"]["count"] == 1
    assert told["sources"][0]["unreadable"]["where"][0]["offset"] > 50


def test_a_source_is_never_written_to(shell: Shell) -> None:
    folder = shell.folder / "in"
    write_chat(folder / "a.jsonl")
    with closing(sqlite3.connect(folder / "b.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE agent_sessions (session_id TEXT)")
        database.execute("CREATE TABLE agent_messages (id INTEGER, session_id TEXT, message_data)")
        database.commit()
        in_use = picture(folder)  # with a -wal and a -shm, as it is open
        assert len(in_use) == 4
        shell.run("import", "in")
        assert picture(folder) == in_use
    closed = picture(folder)
    assert len(closed) == 2
    shell.run("import", "in")
    assert picture(folder) == closed


# Our own logs.


@pytest.fixture
def elsewhere(shell: Shell) -> Path:
    """A folder with two of our logs, which the store does not have."""
    for name in ("one", "two"):
        for turn in TURNS:
            shell.store.get_or_create(name).append(turn)
    folder = shell.folder / "elsewhere"
    shell.place.rename(folder)
    return folder


def test_our_own_logs_come_in_byte_for_byte(shell: Shell, elsewhere: Path) -> None:
    run = shell.run("import", "elsewhere")
    assert (run.code, shell.ids) == (0, ["one", "two"])
    for name in shell.ids:
        assert shell.log(name).read_bytes() == (elsewhere / f"{name}.jsonl").read_bytes()
    assert shell.run("import", "elsewhere").lines[-1] == "2 sources, nothing new"
    assert shell.run("verify", "--all").code == 0


def test_a_log_that_has_grown_grows_here_and_an_older_one_changes_nothing(
    shell: Shell, elsewhere: Path
) -> None:
    log = elsewhere / "one.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])
    shell.run("import", str(log))
    log.write_bytes(whole)
    assert "1 grown" in shell.run("import", str(log)).out
    assert shell.log("one").read_bytes() == whole
    log.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])
    assert "nothing new" in shell.run("import", str(log)).out
    assert shell.log("one").read_bytes() == whole


def test_another_log_under_the_same_id_is_a_conflict(shell: Shell, elsewhere: Path) -> None:
    shell.store.create("one").append(TURNS[0])
    before = shell.log("one").read_bytes()
    assert shell.run("import", str(elsewhere / "one.jsonl")).code == 5
    assert shell.log("one").read_bytes() == before


@pytest.mark.parametrize("damage", [b"\0", b"{}\n"])
def test_a_damaged_log_is_not_taken(shell: Shell, elsewhere: Path, damage: bytes) -> None:
    log = elsewhere / "one.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:-50] + damage + whole[-50:])
    run = shell.run("import", str(log))
    assert (run.code, shell.ids) == (1, [])
    assert "eventlog repair" in run.err


def test_a_log_that_was_compacted_here_holds_what_it_was(shell: Shell, elsewhere: Path) -> None:
    shell.run("import", "elsewhere")
    for title in ("A", "B"):
        shell.run("rename", "one", title)
    shell.log("one").rename(elsewhere / "one.jsonl")
    shell.run("import", "elsewhere")
    assert shell.run("compact", "one", "--apply").code == 0
    assert "nothing new" in shell.run("import", "elsewhere").out


def test_a_store_comes_in_without_what_lies_beside_its_logs(shell: Shell) -> None:
    shell.store.create("one").append(TURNS[0])
    for title in ("A", "B"):
        shell.run("rename", "one", title)
    shell.run("compact", "one", "--apply")
    shell.run("list")
    log = shell.log("one").read_bytes()
    shell.place.rename(shell.folder / "elsewhere")
    run = shell.run("import", "elsewhere")
    assert (run.code, run.err, run.lines[0].split(",")[0]) == (
        0,
        "",
        "elsewhere/one.jsonl: eventlog",
    )
    assert shell.log("one").read_bytes() == log


def test_on_a_terminal_a_big_file_moves_a_bar(shell: Shell) -> None:
    write_chat(shell.folder / "a.jsonl")
    with (shell.folder / "a.jsonl").open("a") as file:
        for n in range(9000):
            file.write(json.dumps({"messages": [{"role": "user", "content": f"{n}" * 500}]}) + "\n")
    with Terminal(shell, ("import", "--dry-run", "a.jsonl")) as terminal:
        assert terminal.end(30) == 0
        assert "import" in terminal.shown
        assert "would be 9,001 new" in " ".join(terminal.shown.split())
