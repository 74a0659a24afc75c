"""`eventlog compact`: a dry run first, then the thing itself, and the way back."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import Run, Shell
from tests.compaction.logs import put, shown, take_turns, titled


@pytest.fixture
def spoken(shell: Shell) -> Shell:
    """A store with a session `s` of two turns, in which five events are superseded."""
    take_turns(shell.store.create("s"), 2)
    return shell


def files_in(shell: Shell) -> dict[str, bytes]:
    """Return every file of the store but the locks."""
    found = [path for path in shell.place.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(shell.place)): path.read_bytes()
        for path in found
        if path.suffix != ".lock"
    }


def well(run: Run) -> list[str]:
    assert (run.code, run.err) == (0, "")
    return run.lines


def as_json(shell: Shell, *arguments: str) -> Any:
    return json.loads("\n".join(well(shell.run("compact", "--json", *arguments))))


def test_without_apply_it_says_what_would_go_and_changes_nothing(spoken: Shell) -> None:
    before = files_in(spoken)
    first, second = well(spoken.run("compact", "s"))
    assert first.startswith("s: would drop 4 reply.streamed, 1 title.set: ")
    assert f" of {len(before['s.jsonl']):,} bytes (" in first
    assert second == "  Do it: eventlog compact s --apply"
    assert files_in(spoken) == before


def test_apply_does_it_and_names_the_archive(spoken: Shell) -> None:
    before, size = shown(spoken.store), spoken.log("s").stat().st_size
    (line,) = well(spoken.run("compact", "s", "--apply"))
    assert line.startswith("s: dropped 4 reply.streamed, 1 title.set: ")
    assert line.endswith("; the log as it was: .archive/s.g0.jsonl.zst")
    saved = int(line.split(": ")[2].split(" of ")[0].replace(",", ""))
    assert spoken.log("s").stat().st_size < size - saved + 300  # the header says what was
    assert shown(spoken.store) == before
    assert well(spoken.run("replay", "s", "--verify"))[0].startswith("s: 2 of 2 ")


def test_a_second_time_there_is_nothing_to_drop(spoken: Shell) -> None:
    spoken.run("compact", "s", "--apply")
    before = files_in(spoken)
    (line,) = well(spoken.run("compact", "s", "--apply"))
    size = len(before["s.jsonl"])
    assert line == f"s: nothing to drop, 8 events, {size:,} bytes"
    assert files_in(spoken) == before


def test_undo_brings_the_events_back(spoken: Shell) -> None:
    spoken.run("compact", "s", "--apply")
    (line,) = well(spoken.run("compact", "s", "--undo"))
    assert line == "s: 5 events are back; before it: .archive/s.g1.jsonl.zst"
    again = spoken.run("compact", "s", "--undo")
    assert (again.code, again.out) == (1, "")
    assert again.err == "error: session s: the last rewrite was no compaction to undo\n"


def test_json_has_every_number(spoken: Shell) -> None:
    size = spoken.log("s").stat().st_size
    (planned,) = as_json(spoken, "s")
    assert planned == {
        "session_id": "s",
        "generation": 0,
        "events": 13,
        "size": size,
        "dropped": {"reply.streamed": 4, "title.set": 1},
        "saved": planned["saved"],
        "archive": None,
    }
    (done,) = as_json(spoken, "s", "--apply")
    assert done == {**planned, "generation": 1, "archive": ".archive/s.g0.jsonl.zst"}


def test_all_sessions_are_compacted(spoken: Shell) -> None:
    take_turns(spoken.store.create("t"), 1)
    spoken.store.create("u")
    lines = well(spoken.run("compact", "--all", "--apply"))
    assert [line.split(":")[0] for line in lines] == ["s", "t", "u"]
    assert [done["dropped"] for done in as_json(spoken, "--all")] == [{}, {}, {}]


def damage(shell: Shell, session_id: str) -> None:
    log = shell.log(session_id)
    log.write_bytes(log.read_bytes().replace(b"question 0", b"question 9", 1))


def test_a_damaged_log_is_left_as_it_is(spoken: Shell) -> None:
    damage(spoken, "s")
    before = files_in(spoken)
    for option in ((), ("--apply",), ("--undo",)):
        run = spoken.run("compact", "s", *option)
        assert (run.code, run.out) == (1, "")
        assert run.err == "error: session s is damaged: eventlog repair s, first\n"
    assert files_in(spoken) == before


def test_with_all_a_damaged_log_does_not_stop_the_others(spoken: Shell) -> None:
    take_turns(spoken.store.create("r"), 1)
    damage(spoken, "r")
    run = spoken.run("compact", "--all", "--apply")
    assert run.code == 1
    assert run.err == "r: left as it is: session r is damaged: eventlog repair r, first\n"
    assert run.out.startswith("s: dropped ")
    told = spoken.run("compact", "--all", "--json")
    assert (told.code, [each["session_id"] for each in json.loads(told.out)]) == (1, ["s"])


def rewrite(shell: Shell, times: int) -> None:
    for number in range(times):
        put(shell.session("s"), titled(f"a{number}"), titled(f"b{number}"))
        shell.run("compact", "s", "--apply")


def test_keep_and_purge_remove_archives_for_good(spoken: Shell) -> None:
    rewrite(spoken, 3)
    put(spoken.session("s"), titled("x"), titled("y"))
    run = spoken.run("compact", "s", "--apply", "--keep", "2")
    assert run.code == 0
    assert run.err.splitlines() == [
        f"s: removed .archive/s.g{n}.jsonl.zst for good" for n in (1, 0)
    ]
    assert len(list((spoken.place / ".archive").iterdir())) == 2
    run = spoken.run("compact", "s", "--apply", "--purge")
    assert run.out.startswith("s: nothing to drop")
    assert len(run.err.splitlines()) == 2
    assert list((spoken.place / ".archive").iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("s", "--all"),
        ("s", "--apply", "--undo"),
        ("s", "--purge"),
        ("s", "--keep", "1"),
        ("s", "--apply", "--keep", "-1"),
    ],
)
def test_wrong_usage_changes_nothing(spoken: Shell, arguments: tuple[str, ...]) -> None:
    before = files_in(spoken)
    run = spoken.run("compact", *arguments)
    assert (run.code, run.out) == (2, "")
    assert files_in(spoken) == before


def test_a_session_that_is_not_there_is_exit_4(shell: Shell) -> None:
    assert shell.run("compact", "s").code == 4


@pytest.mark.slow
def test_a_log_that_another_process_holds_is_exit_5(spoken: Shell, tmp_path: Path) -> None:
    with spoken.store.backend.rewriting("s"):
        run = spoken.run("compact", "s", "--apply")
    assert run.code == 5
    assert "another writer holds" in run.err
    assert spoken.run("compact", "s", "--apply").code == 0
