"""`eventlog repair` as a person runs it: the plan, the deed, and what is said of both."""

import json
import shlex
from pathlib import Path

import pytest

from tests.commands.running import Shell, Terminal
from tests.log.helpers import begin, change_line, cut_off, flip, lines_of, rehash, say, write_lines

WORDS = [f"word {seq}" for seq in range(2, 11)]


@pytest.fixture
def log(shell: Shell) -> Path:
    """A log with a turned bit in line 5 and a line that is gone for good."""
    log = begin(shell.place, *WORDS, session_id="demo")
    change_line(log, 5, flip(lines_of(log)[4], 90))
    change_line(log, 7, b"gone")
    return log


def files(folder: Path) -> dict[Path, bytes]:
    """Return all that is on the disk."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def said(shell: Shell) -> list[str]:
    return [str(m["content"]) for m in shell.session("demo").messages()]


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(shell: Shell, log: Path) -> None:
    before, made = files(shell.folder), sorted(shell.folder.rglob("*"))
    lines, size = lines_of(log), log.stat().st_size
    fifth, seventh = sum(map(len, lines[:4])) + 4, sum(map(len, lines[:6])) + 6
    run = shell.run("repair", "demo")
    assert (run.code, run.err) == (3, "")
    assert run.lines == [
        "demo: can be mended",
        f"  9 events in {size:,} bytes read",
        f"  salvaged    byte {fifth:,}, {len(lines[4])} bytes: one bit turned back → event 5",
        f"  quarantined byte {seventh:,}, 4 bytes: unreadable",
        "  missing     event 7: not here, and in no copy that was looked at",
        "  Do it: eventlog repair demo --apply (the log as it is is kept)",
    ]
    assert (files(shell.folder), sorted(shell.folder.rglob("*"))) == (before, made)


def test_the_command_that_a_dry_run_names_goes_to_the_same_store(shell: Shell, log: Path) -> None:
    elsewhere = shell.place.rename(shell.folder / "other place")
    (told,) = [line for line in shell.run("repair", "demo", "--store", str(elsewhere)).lines
               if "Do it: " in line]  # fmt: skip
    words = shlex.split(told.partition("eventlog ")[2].partition(" (")[0])
    assert words[-3:] == ["--store", str(elsewhere), "--apply"]
    assert shell.run(*words).lines[0] == "demo: mended"


def test_apply_mends_and_says_where_everything_is(shell: Shell, log: Path) -> None:
    old = log.read_bytes()
    run = shell.run("repair", "demo", "--apply")
    assert (run.code, run.lines[0]) == (3, "demo: mended")  # event 7 stays missing
    assert run.lines[-2:] == [
        "  put aside in .quarantine/demo.g0.jsonl",
        "  the log as it was: .archive/demo.g0.jsonl",
    ]
    assert (shell.place / ".archive" / "demo.g0.jsonl").read_bytes() == old
    assert said(shell) == [word for word in WORDS if word != "word 7"]


def test_a_second_repair_has_nothing_to_do(shell: Shell, log: Path) -> None:
    shell.run("repair", "demo", "--apply")
    before = files(shell.folder)
    run = shell.run("repair", "demo", "--apply")
    assert (run.code, run.out, run.err) == (0, "demo: nothing to mend, 10 events\n", "")
    assert files(shell.folder) == before


def test_all_that_is_lost_is_restored_from_a_copy(shell: Shell) -> None:
    log = begin(shell.place, *WORDS, session_id="demo")
    copy = shell.folder / "copy.jsonl"
    copy.write_bytes(log.read_bytes())
    change_line(log, 7, b"gone")
    run = shell.run("repair", "demo", "--apply", "--from", str(copy))
    assert (run.code, said(shell)) == (0, WORDS)
    assert "  restored    1 event(s) from other copies" in run.lines


def test_a_copy_may_be_a_folder_of_logs(shell: Shell, log: Path) -> None:
    copies = shell.folder / "backup"
    begin(copies, "other", session_id="other")
    lines = lines_of(log)
    change_line(log, 5, flip(lines[4], 90))  # as it was
    write_lines(copies / "half.jsonl", lines_of(log)[4:5])
    assert shell.run("repair", "demo", "--from", str(copies)).code == 3
    assert shell.run("repair", "demo", "--from", str(shell.folder / "none")).code == 2


def test_edits_are_accepted_when_asked_to(shell: Shell) -> None:
    log = begin(shell.place, *WORDS, session_id="demo")
    change_line(log, 5, lines_of(log)[4].replace(b"word 5", b"edited"))
    assert shell.run("repair", "demo").code == 3
    run = shell.run("repair", "demo", "--accept-edits", "--apply")
    assert (run.code, said(shell)[3]) == (0, "edited")
    assert "an edit, accepted → event 5" in run.out


def test_what_to_do_next_has_the_options_that_were_given(shell: Shell) -> None:
    log = begin(shell.place, *WORDS, session_id="demo")
    copy = shell.folder / "an old copy.jsonl"
    copy.write_bytes(log.read_bytes())
    change_line(log, 7, b"gone")
    dry = shell.run("repair", "demo", "--from", copy.name, "--from", str(copy), "--accept-edits")
    words = shlex.split(dry.lines[-1].removeprefix("  Do it: eventlog ").partition(" (")[0])
    given = ["--from", copy.name, "--from", str(copy), "--accept-edits"]
    assert words == ["repair", "demo", *given, "--apply"]
    assert shell.run(*words).code == 0
    assert said(shell) == WORDS


def test_all_mends_every_session_and_names_each(shell: Shell, log: Path) -> None:
    begin(shell.place, "hi", session_id="fine")
    cut_off(begin(shell.place, "ho", "hu", session_id="torn"), 20)
    run = shell.run("repair", "--all", "--apply")
    assert [line for line in run.lines if line[0] != " "] == [
        "demo: mended",
        "fine: nothing to mend, 2 events",
        "torn: mended",
    ]
    assert "nothing to mend" in shell.run("repair", "torn").out


def test_one_log_that_cannot_be_repaired_keeps_no_other_from_it(shell: Shell, log: Path) -> None:
    newer = begin(shell.place, session_id="a-newer-one")
    change_line(newer, 1, rehash(lines_of(newer)[0].replace(b'"format":1', b'"format":9')))
    run = shell.run("repair", "--all", "--apply")
    assert (run.code, run.lines[0]) == (3, "demo: mended")
    assert run.err.startswith("a-newer-one: left as it is: ")


def test_json_has_the_whole_plan(shell: Shell, log: Path) -> None:
    (plan,) = json.loads(shell.run("repair", "demo", "--json").out)
    assert sum(plan["fates"].values()) == plan["size"] == log.stat().st_size
    assert (plan["session_id"], plan["lost"], plan["salvaged"]) == ("demo", [[7, 7]], 1)
    assert {piece["fate"] for piece in plan["pieces"]} == {"salvaged", "quarantined"}
    (done,) = json.loads(shell.run("repair", "demo", "--json", "--apply").out)
    assert done == {**plan, "archive": done["archive"], "quarantine": done["quarantine"]}
    assert done["archive"] == ".archive/demo.g0.jsonl"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["none"], 4), ([], 2), (["demo", "--all"], 2), (["demo", "--from"], 2), (["--what"], 2)],
)
def test_a_wrong_call_has_its_own_exit_code(
    shell: Shell, log: Path, arguments: list[str], code: int
) -> None:
    before = files(shell.folder)
    run = shell.run("repair", *arguments, "--apply")
    assert (run.code, run.out) == (code, "")
    assert run.err
    assert files(shell.folder) == before


def test_a_log_that_somebody_writes_to_is_left_alone(shell: Shell, log: Path) -> None:
    with shell.store.backend.writing("demo", create=False):
        dry = shell.run("repair", "demo")
        assert dry.code == 3
        run = shell.run("repair", "demo", "--apply")
    assert (run.code, run.out) == (5, "")
    assert "demo" in run.err


def test_a_log_of_a_newer_format_is_no_damage(shell: Shell) -> None:
    log = begin(shell.place, session_id="demo")
    change_line(log, 1, rehash(lines_of(log)[0].replace(b'"format":1', b'"format":9')))
    before = log.read_bytes()
    run = shell.run("repair", "demo", "--apply")
    assert (run.code, "format 9" in run.err) == (1, True)
    assert log.read_bytes() == before


def test_control_characters_of_a_log_never_reach_the_terminal(shell: Shell, log: Path) -> None:
    change_line(log, 7, b'\x1b]0;owned\x07{"type":"\x1b[2J"}')
    for arguments in (["repair", "demo"], ["verify", "demo"]):
        assert "\x1b" not in shell.run(*arguments).out


def test_the_beginning_of_an_id_is_enough(shell: Shell, log: Path) -> None:
    assert shell.run("repair", "de").lines[0] == "demo: can be mended"


def test_six_damages_by_hand_are_all_mended(shell: Shell) -> None:
    """What one would try at a desk: one session, six damages, one command."""
    log = begin(shell.place, *(f"word {seq}" for seq in range(2, 32)), session_id="demo")
    copy = shell.folder / "copy.jsonl"
    copy.write_bytes(log.read_bytes())
    lines = lines_of(log)
    lines[3] = flip(lines[3], 100)
    lines[6:8] = [lines[6] + lines[7]]
    lines[9] = lines[9][:40] + b"\0" * 600 + lines[9][40:]
    lines[12:13] = [lines[12][:90], lines[12][90:]]
    lines[15], lines[16] = lines[16], lines[15]
    del lines[20]
    write_lines(log, lines)
    assert shell.run("verify", "demo").code == 3
    assert shell.run("repair", "demo", "--apply", "--from", str(copy)).code == 0
    assert said(shell) == [f"word {seq}" for seq in range(2, 32)]
    assert shell.run("verify", "demo").code == 0


@pytest.mark.parametrize("command", [["repair", "demo"], ["verify", "demo"]])
def test_a_big_log_has_a_progress_bar_on_a_terminal_only(shell: Shell, command: list[str]) -> None:
    begin(shell.place, "x" * (9 << 20), "y" * (9 << 20), session_id="demo")
    assert shell.run(*command).err == ""
    with Terminal(shell, command) as terminal:
        assert terminal.end() == 0
        assert f"{command[0]} demo" in terminal.shown


def test_a_small_log_has_no_progress_bar(shell: Shell, log: Path) -> None:
    with Terminal(shell, ["repair", "demo"]) as terminal:
        assert terminal.end() == 3
        assert terminal.shown.startswith("demo: can be mended")


def test_reading_tells_of_the_repair_and_goes_on(shell: Shell, log: Path) -> None:
    run = shell.run("show", "demo")
    assert run.code == 0
    assert "word 10" in run.out
    assert "eventlog repair" in run.err
    say(shell.session("demo"), "more")
    assert said(shell)[-1] == "more"
