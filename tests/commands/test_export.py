"""`eventlog export`: where it goes, what of a session, and what is refused."""

import json
import zipfile
from pathlib import Path

import pytest

from eventlog.formats import FORMATS
from tests.commands.running import Shell, Terminal

SECRET = "ghp_" + "a1B2c3D4e5" * 4
TURNS = [
    {"role": "user", "content": f"Is {SECRET} a key?"},
    {"role": "assistant", "content": "It is."},
    {"role": "user", "content": "Sure?"},
]
LATE = "2999-01-01"


@pytest.fixture
def filled(shell: Shell) -> Shell:
    """A store with two sessions, of which one is tagged."""
    for name in ("one", "two"):
        for turn in TURNS:
            shell.store.get_or_create(name).append(turn)
    shell.run("tag", "two", "work")
    return shell


def contents(text: str) -> list[str]:
    return [m["content"] for m in json.loads(text)["messages"]]


def test_one_session_goes_to_stdout(filled: Shell) -> None:
    run = filled.run("export", "one", "--to", "openai")
    assert (run.code, contents(run.out)) == (0, [turn["content"] for turn in TURNS])


def test_only_what_was_said_until_an_event_or_a_time(filled: Shell) -> None:
    assert len(contents(filled.run("export", "one", "--to", "openai", "--until", "3").out)) == 2
    late = filled.run("export", "one", "--to", "openai", "--until", LATE)
    assert len(contents(late.out)) == 3


def test_another_branch_is_written_where_it_is_asked_for(filled: Shell) -> None:
    filled.run("rewind", "one", "2")
    filled.session("one").append({"role": "user", "content": "Other"})
    assert contents(filled.run("export", "one", "--to", "openai").out)[-1] == "Other"
    run = filled.run("export", "one", "--to", "openai", "--branch", "4")
    assert contents(run.out)[-1] == "Sure?"
    assert filled.run("export", "one", "--to", "openai", "--branch", "99").code == 1


def test_secrets_are_masked_and_counted(filled: Shell) -> None:
    run = filled.run("export", "one", "--to", "text", "--redact")
    assert SECRET not in run.out + run.err
    assert "[masked:github-token]" in run.out
    assert "masked github-token" in run.err
    assert SECRET in filled.run("export", "one", "--to", "text").out


def test_all_sessions_go_into_one_file_where_the_format_holds_many(filled: Shell) -> None:
    assert len(filled.run("export", "--all", "--to", "openai").lines) == 2
    assert len(filled.run("export", "--all", "--tag", "work", "--to", "openai").lines) == 1
    assert not filled.run("export", "--all", "--since", LATE, "--to", "openai").lines
    assert len(filled.run("export", "--all", "--before", LATE, "--to", "openai").lines) == 2


def test_each_session_gets_a_file_of_its_own_where_the_format_holds_one(filled: Shell) -> None:
    assert filled.run("export", "--all", "--to", "markdown").code == 2
    assert filled.run("export", "--all", "--to", "markdown", "-o", "out").code == 0
    names = sorted(path.name for path in (filled.folder / "out").iterdir())
    assert names == ["one.md", "two.md"]


def test_a_session_that_a_format_cannot_hold_does_not_stop_the_others(filled: Shell) -> None:
    record = {"type": "user", "uuid": "u1", "sessionId": "c", "timestamp": "2026-01-01T00:00:00Z",
              "message": {"role": "user", "content": "Hi."}}  # fmt: skip
    (filled.folder / "c.jsonl").write_text(json.dumps(record) + "\n")
    filled.run("import", "c.jsonl")
    run = filled.run("export", "--all", "--to", "claude_code", "-o", "out")
    assert (run.code, len(list((filled.folder / "out").iterdir()))) == (1, 1)
    assert run.err.count("not written: ") == 2


def test_nothing_is_overwritten_unasked(filled: Shell) -> None:
    (filled.folder / "a.jsonl").write_text("mine")
    run = filled.run("export", "one", "--to", "openai", "-o", "a.jsonl")
    assert (run.code, (filled.folder / "a.jsonl").read_text()) == (1, "mine")
    assert filled.run("export", "one", "--to", "openai", "-o", "a.jsonl", "--force").code == 0
    assert len(contents((filled.folder / "a.jsonl").read_text())) == 3
    assert sorted(p.name for p in filled.folder.iterdir()) == ["a.jsonl", "data"]


def test_a_session_that_is_not_there_leaves_no_file(filled: Shell) -> None:
    assert filled.run("export", "none", "--to", "openai", "-o", "a.jsonl").code == 4
    assert not (filled.folder / "a.jsonl").exists()


def test_an_export_to_openai_comes_back(filled: Shell) -> None:
    filled.run("export", "one", "--to", "openai", "-o", "a.jsonl")
    filled.run("import", "a.jsonl")
    back = next(name for name in filled.ids if name.startswith("openai-"))
    assert filled.session(back).messages() == filled.session("one").messages()


def test_a_terminal_gets_no_bundle_and_no_control_characters(filled: Shell) -> None:
    filled.session("one").append({"role": "user", "content": "\x1b]0;owned\x07 \x9b2J"})
    with Terminal(filled, ("export", "one", "--to", "openai")) as terminal:
        assert terminal.end() == 0
        assert "\x9b" not in terminal.shown
    with Terminal(filled, ("export", "one", "--to", "bundle")) as terminal:
        assert terminal.end() == 2


def test_the_formats_are_listed(shell: Shell) -> None:
    rows = {
        row.split("\t")[0]: row.split("\t") for row in shell.run("export", "--list-formats").lines
    }
    assert set(rows) == {*FORMATS, "eventlog", "bundle"}
    assert rows["openai"][1:3] == ["yes", "yes"]
    told = json.loads(shell.run("export", "--list-formats", "--json").out)
    assert [row["format"] for row in told] == list(rows)


@pytest.mark.parametrize("arguments", [("one",), ("one", "--to", "x"), ("--to", "openai"),
                                       ("one", "--to", "bundle", "--redact"),
                                       ("one", "--to", "openai", "--tag", "work")])  # fmt: skip
def test_what_does_not_fit_together_is_a_usage_error(
    filled: Shell, arguments: tuple[str, ...]
) -> None:
    assert filled.run("export", *arguments).code == 2


# Bundles.


def moved(shell: Shell) -> Path:
    """Give the store another place, and begin an empty one."""
    shell.place.rename(shell.folder / "before")
    return shell.folder / "before"


def test_a_bundle_comes_back_byte_for_byte_with_archives(filled: Shell) -> None:
    for title in ("A", "B"):
        filled.run("rename", "one", title)
    filled.run("compact", "one", "--apply")
    assert filled.run("export", "--all", "--to", "bundle", "-o", "all.zip").code == 0
    before = moved(filled)
    assert filled.run("import", "all.zip").code == 0
    logs = [p.relative_to(before) for p in before.rglob("*.jsonl*") if ".cache" not in p.parts]
    assert len(logs) == 3  # an archive among them
    for log in logs:
        assert (filled.place / log).read_bytes() == (before / log).read_bytes()
    assert "nothing new" in filled.run("import", "all.zip").out
    assert filled.run("compact", "one", "--undo").code == 0


def test_the_same_sessions_give_the_same_bundle(filled: Shell) -> None:
    for name in ("a.zip", "b.zip"):
        filled.run("export", "one", "--to", "bundle", "-o", name)
    piped = filled.folder / "a.zip"
    assert piped.read_bytes() == (filled.folder / "b.zip").read_bytes()
    with zipfile.ZipFile(piped) as archive:
        assert archive.namelist() == ["logs/one.jsonl", "manifest.json"]


def test_a_damaged_log_is_not_bundled(filled: Shell) -> None:
    log = filled.log("one").read_bytes()
    filled.log("one").write_bytes(log.replace(b"Sure", b"sure"))
    run = filled.run("export", "one", "--to", "bundle", "-o", "a.zip")
    assert (run.code, (filled.folder / "a.zip").exists()) == (1, False)
    assert "eventlog repair one" in run.err
