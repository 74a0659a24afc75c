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
    told = json.loads("\n".join(well(shell.run("compact", "--json", *arguments))))
    return told["sessions"] if "--erase" not in arguments else told


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
    assert (told.code, [each["session_id"] for each in json.loads(told.out)["sessions"]]) == (
        1,
        ["s"],
    )


def test_undo_with_all_passes_over_what_was_never_compacted(spoken: Shell) -> None:
    take_turns(spoken.store.create("r"), 1)
    spoken.run("compact", "s", "--apply")
    (line,) = well(spoken.run("compact", "--all", "--undo"))
    assert line.startswith("s: ")


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


def ask(spoken: Shell, *options: str) -> Run:
    """Ask for the erasure of the first question."""
    return spoken.run("compact", "s", "--erase", "2", *options)


def test_an_erasure_is_planned_and_then_done(spoken: Shell) -> None:
    before = files_in(spoken)
    lines = well(ask(spoken))
    assert lines[0] == "s: would erase the content of 2"
    assert lines[-1] == "  Do it, for good: eventlog compact s --erase 2 --apply"
    assert files_in(spoken) == before
    assert well(ask(spoken, "--apply"))[0] == "s: erased the content of 2"
    assert b"question 0" not in b"".join(files_in(spoken).values())


def test_who_else_may_hold_erased_content_is_told_with_what_to_do_there(spoken: Shell) -> None:
    for name in ("copy", "gone"):
        spoken.run("fork", "s", "--as", name)
    spoken.run("delete", "gone")
    copy, gone = [line for line in well(ask(spoken)) if "may keep" in line]
    assert copy.startswith("  session copy may keep a copy: look (eventlog show copy), ")
    assert copy.endswith("and erase it there: eventlog compact copy --erase SEQ --apply")
    assert gone.startswith(f"  {spoken.store.binned()[0].name} in the bin may keep a copy: ")
    assert gone.endswith("remove it there: eventlog delete --purge gone")


def test_a_deletion_is_not_to_be_purged_with_the_session_that_has_its_id_now(spoken: Shell) -> None:
    spoken.run("delete", "s")
    take_turns(spoken.store.create("s"), 1)
    (told,) = [line for line in well(ask(spoken)) if "may keep" in line]
    assert told.endswith("remove it there: eventlog expire --bin --older-than AGE --apply")


def test_an_erasure_is_told_as_json(spoken: Shell) -> None:
    for name in ("copy", "gone"):
        spoken.run("fork", "s", "--as", name)
    spoken.run("delete", "gone")
    planned = as_json(spoken, "s", "--erase", "2")
    deletion = {"name": spoken.store.binned()[0].name, "session_id": "gone"}
    assert planned == {
        "session_id": "s",
        "erased": False,
        "seqs": [2],
        "copies": [],
        "blobs": [],
        "staying": [],
        "forks": ["copy"],
        "deletions": [deletion],
        "out_of_reach": planned["out_of_reach"],
    }
    assert as_json(spoken, "s", "--erase", "2", "--apply") == {**planned, "erased": True}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("s", "--erase", "2", "--undo"), "--erase is for good: there is no --undo"),
        (("s", "--erase", "2", "--apply", "--keep", "1"), "--erase removes all archives"),
        (("s", "--erase", "2", "--apply", "--purge"), "--erase removes all archives"),
        (("s", "t", "--erase", "2"), "--erase takes one session"),
        (("--all", "--erase", "2"), "--erase takes one session"),
        (("s", "--apply", "--undo"), "--undo is done at once"),
        (("s", "--apply", "--keep", "1", "--purge"), "--purge keeps no archive"),
        (("s", "--undo", "--keep", "0", "--purge"), "--purge keeps no archive"),
    ],
)
def test_options_that_mean_nothing_together_are_wrong_usage(
    spoken: Shell, options: tuple[str, ...], told: str
) -> None:
    before = files_in(spoken)
    run = spoken.run("compact", *options, "--json")
    assert (run.code, run.out) == (2, "")
    assert told in run.err
    assert files_in(spoken) == before


LARGE = "mango " * 20_000


def heard(shell: Shell, name: str, content: str = LARGE) -> str:
    """Let a tool say something large in a session; return the blob's name."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    session = shell.session(name)
    session.append({"role": "assistant", "content": None, "tool_calls": [call]})
    session.append({"role": "tool", "tool_call_id": "c", "content": content})
    (ref,) = list(session.recorded())[-1]["data"]["blobs"]
    return str(ref["sha256"])


def keep_a_stray(shell: Shell) -> int:
    """Keep a blob that nothing names; return how many there are then."""
    with shell.store.backend.keeping({"0" * 64: b"stray"}):
        return len(shell.store.backend.blobs())


def test_blobs_that_nothing_names_are_told_and_then_dropped(spoken: Shell) -> None:
    heard(spoken, "s")
    assert keep_a_stray(spoken) == 2
    assert "blobs: would drop 1 that nothing names, 5 bytes" in well(spoken.run("compact", "s"))
    told = spoken.run("compact", "--all", "--apply", "--json")
    assert json.loads(told.out)["blobs"] == {"unused": {"0" * 64: 5}, "unread": [], "dropped": True}
    assert len(spoken.store.backend.blobs()) == 1
    assert spoken.session("s").messages()[-1]["content"] == LARGE


def test_no_blob_is_dropped_while_a_log_is_damaged(spoken: Shell) -> None:
    take_turns(spoken.store.create("r"), 1)
    damage(spoken, "r")
    heard(spoken, "s")
    keep_a_stray(spoken)
    run = spoken.run("compact", "s", "--apply")
    assert (run.code, len(spoken.store.backend.blobs())) == (0, 2)
    assert "blobs stay while it cannot be read what else names them: r." in run.err


def test_erasing_an_output_removes_its_blob(spoken: Shell) -> None:
    blob = heard(spoken, "s")
    seq = spoken.session("s").version
    lines = well(spoken.run("compact", "s", "--erase", str(seq), "--apply"))
    assert f"  removed blobs/{blob}" in lines
    assert spoken.store.backend.blobs() == {}


def test_a_blob_that_another_session_names_survives_an_erasure_and_is_told(spoken: Shell) -> None:
    blob = heard(spoken, "s")
    spoken.store.create("r")
    heard(spoken, "r")
    seq = spoken.session("s").version
    told = as_json(spoken, "s", "--erase", str(seq), "--apply")
    assert (told["blobs"], told["staying"]) == ([blob], [blob])
    assert spoken.session("r").messages()[-1]["content"] == LARGE
