"""`eventlog verify` and `repair` where blobs are missing or damaged, as a person runs them."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from eventlog.events import ContentErased
from tests.commands.running import Shell
from tests.log.helpers import CALL, begin, change_line, cut_off, flip, lines_of

OUTPUT = "a line of output\n" * 5000
NAME = hashlib.sha256(OUTPUT.encode()).hexdigest()
WHAT = f"blobs/{NAME} of event 3, {len(OUTPUT):,} bytes of text/plain"


@pytest.fixture
def blob(shell: Shell) -> Path:
    """The blob of a session where a tool gave out much."""
    return give_out(shell, "demo")


def give_out(shell: Shell, session_id: str) -> Path:
    session = shell.store.create(session_id)
    session.append({"role": "assistant", "content": None, "tool_calls": [CALL]})
    session.append({"role": "tool", "tool_call_id": "c1", "content": OUTPUT})
    return shell.place / "blobs" / NAME


def copy_of(shell: Shell) -> Path:
    return Path(shutil.copytree(shell.place, shell.folder / "copy"))


def given(shell: Shell) -> object:
    return shell.session("demo").messages()[1]["content"]


def test_whole_blobs_are_counted(shell: Shell, blob: Path) -> None:
    run = shell.run("verify", "demo")
    size = shell.log("demo").stat().st_size
    assert (run.code, run.out) == (0, f"demo: ok, 3 events, {size:,} bytes, 1 blob(s)\n")


def test_a_missing_blob_is_told_with_its_event(shell: Shell, blob: Path) -> None:
    blob.unlink()
    run = shell.run("verify", "demo")
    assert (run.code, run.lines[0].split(",")[0]) == (3, "demo: DAMAGED")
    assert run.lines[1:] == [
        f"  missing  {WHAT}: it is not there",
        "  See what can be mended: eventlog repair demo",
    ]


def test_json_tells_of_each_event_that_names_a_damaged_blob(shell: Shell, blob: Path) -> None:
    give_out(shell, "other")
    begin(shell.place, "well", session_id="well")
    blob.write_bytes(flip(OUTPUT.encode(), 9))
    run = shell.run("verify", "--all", "--json")
    reports = {report["session"]: report for report in json.loads(run.out)}
    assert (run.code, [name for name in reports if not reports[name]["ok"]]) == (
        3,
        ["demo", "other"],
    )
    assert (reports["demo"]["blobs"], reports["demo"]["damaged"]) == (1, 0)
    assert reports["demo"]["lost_blobs"] == [{
        "seq": 3, "blob": NAME, "bytes": len(OUTPUT), "media_type": "text/plain",
        "fault": "damaged",
        "reason": f"its {len(OUTPUT):,} bytes are not those that its name says",
    }]  # fmt: skip
    assert reports["other"]["lost_blobs"] == reports["demo"]["lost_blobs"]


def test_a_blob_that_cannot_be_read_is_not_called_missing(shell: Shell, blob: Path) -> None:
    blob.unlink()
    blob.symlink_to(shell.log("demo"))
    run = shell.run("verify", "demo")
    assert (run.code, run.lines[1]) == (3, f"  unreadable {WHAT}: it cannot be read")


def test_what_is_erased_wants_no_blob(shell: Shell, blob: Path) -> None:
    shell.session("demo").append(ContentErased(seqs=[3]))
    blob.unlink()
    run = shell.run("verify", "demo")
    assert (run.code, run.out.count("blob")) == (0, 0)


def test_a_head_is_of_the_log_alone(shell: Shell, blob: Path) -> None:
    blob.unlink()
    kept = shell.run("verify", "demo", "--head")
    assert (kept.code, shell.run("verify", "--against", kept.out).code) == (0, 0)


def test_a_dry_run_of_repair_names_what_is_missing_and_what_helps(shell: Shell, blob: Path) -> None:
    blob.unlink()
    run = shell.run("repair", "demo")
    assert (run.code, run.lines[0]) == (3, "demo: cannot be mended from here")
    assert f"{WHAT}: it is not there; whole in no copy that was looked at" in run.out
    assert run.lines[-1].endswith("brings them back: --from PATH")


@pytest.mark.parametrize("place", ["", "demo.jsonl"])
@pytest.mark.parametrize("damage", ["", OUTPUT[:-1]])
def test_repair_brings_a_blob_back_from_another_store(
    shell: Shell, blob: Path, place: str, damage: str
) -> None:
    source, log = copy_of(shell) / place, shell.log("demo").read_bytes()
    blob.write_text(damage)
    planned = shell.run("repair", "demo", "--from", str(source))
    assert (planned.code, planned.lines[0]) == (3, "demo: can be mended")
    assert blob.read_text() == damage
    done = shell.run("repair", "demo", "--from", str(source), "--apply")
    assert (done.code, done.lines[0]) == (0, "demo: mended")
    assert (given(shell), shell.log("demo").read_bytes()) == (OUTPUT, log)
    assert shell.run("verify", "demo").code == 0


def test_what_the_other_store_has_not_whole_is_not_taken(shell: Shell, blob: Path) -> None:
    source = copy_of(shell)
    (source / "blobs" / NAME).write_text("something else")
    blob.unlink()
    run = shell.run("repair", "demo", "--from", str(source), "--apply")
    assert (run.code, blob.exists()) == (3, False)
    assert shell.run("verify", "demo").code == 3


def test_an_event_that_is_salvaged_gets_its_blob_back_too(shell: Shell, blob: Path) -> None:
    source = copy_of(shell)
    change_line(shell.log("demo"), 3, flip(lines_of(shell.log("demo"))[2], 90))
    blob.unlink()
    run = shell.run("repair", "demo", "--from", str(source), "--apply", "--json")
    (plan,) = json.loads(run.out)
    assert (run.code, plan["salvaged"], plan["found"]) == (0, 1, [NAME])
    assert given(shell) == OUTPUT


def test_a_torn_tail_beside_a_missing_blob_is_mended_and_the_blob_still_told(
    shell: Shell, blob: Path
) -> None:
    blob.unlink()
    shell.session("demo").append({"role": "user", "content": "and?"})
    cut_off(shell.log("demo"), 7)
    run = shell.run("repair", "demo", "--apply")
    assert (run.code, run.lines[0]) == (3, "demo: mended")
    assert NAME in run.out
