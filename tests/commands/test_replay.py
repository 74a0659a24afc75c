"""`eventlog replay`: the session as it was, up to any point, at any speed; and the proof of it."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from eventlog import codec
from eventlog.errors import ModelError
from eventlog.model import Model
from eventlog.provider import Provider
from eventlog.session import Session
from eventlog.snapshot import make
from eventlog.store import Store, open_store
from eventlog.turn import take_turn
from tests.commands.running import EVENTLOG, Shell, Terminal
from tests.compaction.logs import put
from tests.http import openai_server as fake
from tests.http.openai_server import OpenAIServer
from tests.projections.building import Fact, assistant, called, moved, streamed, user


@pytest.fixture
def talked(talking: Shell, server: OpenAIServer) -> Shell:
    """A session of three turns, `s`: event 2 says one, 3 is its call; the second call fails."""
    server.then(fake.reply("uno"), fake.error(400, "not now"), fake.reply("dos"))
    session = talking.store.create("s")
    with Model(Provider("compatible", "m", server.base_url)) as model:
        take_turn(session, model, "one")
        with pytest.raises(ModelError):
            take_turn(session, model, "two")
        take_turn(session, model, "three")
    return talking


def seqs(shell: Shell, *arguments: str) -> list[int]:
    """Return the numbers of the events that are shown."""
    run = shell.run("replay", "s", "--json", *arguments)
    assert (run.code, run.err) == (0, "")
    return [json.loads(line)["seq"] for line in run.lines]


def at_times(shell: Shell, *times: str) -> Session:
    """Make a session whose events after the first were recorded at these times of a day."""
    clock = iter([f"2026-11-22T{each}.000000Z" for each in ("10:00:00", *times)])
    session = Store(open_store(shell.place).backend, clock=lambda: next(clock)).create("s")
    for each in times:
        session.append({"role": "user", "content": f"at {each}"})
    return session


# What is shown


def test_a_session_is_shown_turn_by_turn(talked: Shell) -> None:
    run = talked.run("replay", "s")
    assert run.code == 0
    assert [line for line in run.lines if "(" not in line] == [
        "you> one",
        "[assistant] uno",
        "you> two",
        "you> three",
        "[assistant] dos",
    ]
    assert "  (m is sent 1 message)" in run.lines
    assert any(line.startswith("  (the call failed: ") for line in run.lines)


def test_moves_titles_and_summaries_are_told(shell: Shell) -> None:
    session = shell.store.create("s")
    session.append({"role": "user", "content": "one"})
    session.set_title("A\x1b[31m title")
    session.move_head(0)
    session.move_head(2)
    shown = shell.run("replay", "s").lines
    assert shown[1:] == ["  (title: A␛[31m title)", "  (back to the beginning)", "  (back to 2)"]


BROKEN_OFF = ["[assistant] b1b2", "[interrupted]"]


def begin_an_answer(shell: Shell, *then: Fact) -> Session:
    """Record an answer as checkpoints alone, as kill -9 leaves it, and what follows."""
    session = shell.store.create("s")
    put(session, user("a"), called(), streamed(3, "b1"), streamed(3, "b2"), *then)
    return session


@pytest.mark.parametrize(
    ("then", "last"),
    [
        ((), []),
        ((user("c"),), ["you> c"]),
        ((moved(2),), ["  (back to 2)"]),
        ((called(), assistant("d", call=6)), ["  (small is sent 0 messages)", "[assistant] d"]),
    ],
)
def test_an_answer_that_broke_off_is_shown_before_what_follows(
    shell: Shell, then: tuple[Fact, ...], last: list[str]
) -> None:
    begin_an_answer(shell, *then)
    assert shell.run("replay", "s").lines[2:] == [*BROKEN_OFF, *last]


def test_an_answer_that_came_to_its_end_is_shown_once(shell: Shell) -> None:
    begin_an_answer(shell, assistant("b1b2b3", call=3), user("c"))
    assert shell.run("replay", "s").lines[2:] == ["[assistant] b1b2b3", "you> c"]


def test_follow_shows_an_answer_that_broke_off_when_the_next_message_comes(shell: Shell) -> None:
    session = begin_an_answer(shell)
    with shell.start("replay", "s", "--follow") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"you> a\n"
        process.stdout.readline()
        put(session, user("c"))
        shown = [process.stdout.readline().decode().rstrip() for _ in range(3)]
        assert shown == [*BROKEN_OFF, "you> c"]
        process.send_signal(signal.SIGINT)


def test_events_are_a_line_each(talked: Shell) -> None:
    lines = talked.run("replay", "s", "--events").lines
    assert len(lines) == talked.session("s").version
    assert lines[0].split()[::2][:2] == ["1", "session.created"]


def test_json_is_the_recorded_events(talked: Shell) -> None:
    lines = talked.run("replay", "s", "--json").lines
    assert [json.loads(line) for line in lines] == list(talked.session("s").events())


def test_replay_until_an_event(talked: Shell) -> None:
    assert seqs(talked, "--until", "3") == [1, 2, 3]
    assert seqs(talked, "--until", "0") == []
    assert len(seqs(talked, "--until", "99")) == talked.session("s").version


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("2026-11-22T10:05", 2),
        ("2026-11-22T10:04:59.999999", 1),
        ("2026-11-22T11:05+01:00", 2),
        ("2026-11-22", 0),
        ("2026-11-23", 3),
    ],
)
def test_replay_until_a_time(shell: Shell, until: str, last: int) -> None:
    at_times(shell, "10:05:00", "10:10:00")
    assert seqs(shell, "--until", until) == list(range(1, last + 1))


def test_replay_until_nonsense_is_wrong_usage(talked: Shell) -> None:
    run = talked.run("replay", "s", "--until", "tomorrow")
    assert (run.code, run.out) == (2, "")
    assert "--until takes an event's number or a time, not 'tomorrow'" in run.err


def test_a_session_that_is_not_there_is_exit_4(shell: Shell) -> None:
    assert shell.run("replay", "s").code == 4


def test_damage_is_told_and_the_rest_is_shown(talked: Shell) -> None:
    lines = talked.log("s").read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b"one", b"0ne")
    talked.log("s").write_bytes(b"\n".join(lines))
    run = talked.run("replay", "s")
    assert run.code == 0
    assert "Look: eventlog repair s" in run.err
    assert "[assistant] uno" in run.lines


# The request of a call


def test_at_call_shows_the_exact_request(talked: Shell, server: OpenAIServer) -> None:
    for number, body in enumerate(server.bodies, start=1):
        run = talked.run("replay", "s", "--at-call", str(number), "--json")
        assert json.loads(run.out) == {"model": "m", "messages": body["messages"]}


def test_at_call_says_for_people_what_was_sent_and_that_it_is_proven(talked: Shell) -> None:
    lines = talked.run("replay", "s", "--at-call", "1").lines
    assert lines[0].startswith("call 1, event 3, 20")
    assert lines[0].endswith(", m: proven")
    assert lines[1:] == ["you> one"]


def test_a_call_that_there_never_was_is_told(talked: Shell) -> None:
    run = talked.run("replay", "s", "--at-call", "9")
    assert (run.code, run.err) == (1, "error: session s has no model call 9\n")
    assert talked.run("replay", "s", "--at-call", "0").code == 2


# The proof


def test_verify_is_green(talked: Shell) -> None:
    run = talked.run("replay", "s", "--verify")
    assert (run.code, run.err) == (0, "")
    assert run.lines == ["s: 3 of 3 requests are proven to be what was sent"]
    told = json.loads(talked.run("replay", "s", "--verify", "--json").out)
    assert told == {
        "session": "s",
        "ok": True,
        "calls": 3,
        "proven": 3,
        "unprovable": 0,
        "difference": None,
        "lost_blobs": [],
    }


def alter(shell: Shell, old: bytes, new: bytes) -> None:
    """Change what an event says and seal the log anew."""
    lines, prev = [], codec.FIRST_PREV
    for line in shell.log("s").read_bytes().split(b"\n")[:-1]:
        sealed, prev = codec.reseal(line.replace(old, new), prev)
        lines.append(sealed + b"\n")
    shell.log("s").write_bytes(b"".join(lines))


def test_verify_is_red_on_one_altered_event_and_names_the_first_difference(talked: Shell) -> None:
    alter(talked, b'"content":"uno"', b'"content":"una"')
    run = talked.run("replay", "s", "--verify")
    assert run.code == 3
    assert run.lines[0] == "s: 1 of 3 requests are proven to be what was sent"
    assert run.lines[1].startswith("  DIFFERENT: call 2 (event ")
    assert talked.run("verify", "s").code == 0
    as_json = talked.run("replay", "s", "--verify", "--json")
    assert (as_json.code, json.loads(as_json.out)["ok"]) == (3, False)


def test_verify_is_red_on_a_snapshot_that_was_altered(talked: Shell) -> None:
    session, backend = talked.session("s"), talked.store.backend
    for number in range(300):
        session.append({"role": "user", "content": f"{number} {'x' * 1000}"}, durability="os")
    make(backend, "s")
    assert talked.run("replay", "s", "--verify").code == 0
    backend.cache("s", (backend.cached("s") or b"").replace(b'"messages":305', b'"messages":304'))
    run = talked.run("replay", "s", "--verify")
    assert run.code == 3
    assert run.lines[1].startswith("  DIFFERENT: the snapshot and the log disagree: its outline ")


def test_verify_says_what_cannot_be_proven(talked: Shell) -> None:
    alter(talked, b'"rules":1', b'"rules":9')
    run = talked.run("replay", "s", "--verify")
    assert run.code == 0
    assert (
        run.lines[1]
        == "  3 cannot be proven: erased since, not at hand any more, or made by other rules"
    )


# A long log


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A session `s` of 24 MB, and one of next to nothing, `t`."""
    shell = Shell(tmp_path_factory.mktemp("long"))
    shell.store.create("t").append({"role": "user", "content": "short"})
    session = shell.store.create("s")
    for _ in range(240):
        session.append_many([{"role": "user", "content": "x" * 2000}] * 50, durability="os")
    return shell


def memory(shell: Shell, *arguments: str) -> int:
    """Return the most memory that the command had, in megabytes."""
    watch = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=-3); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    words = [sys.executable, "-c", watch, EVENTLOG, *arguments, "--store", str(shell.place)]
    return int(subprocess.run(words, capture_output=True, check=True).stdout) >> 10


def on_stderr(shell: Shell, out: Path, *arguments: str) -> str:
    """Return what the command shows on stderr where that is a terminal and stdout a file."""
    master, slave = pty.openpty()
    with (
        out.open("wb") as file,
        subprocess.Popen(
            [EVENTLOG, *arguments],
            cwd=shell.folder,
            env=shell.environment({"TERM": "xterm"}),
            stdout=file,
            stderr=slave,
        ) as process,
    ):
        os.close(slave)
        shown = b""
        with suppress(OSError):  # Linux's way to say that the other side is closed
            while piece := os.read(master, 65536):
                shown += piece
    os.close(master)
    assert process.returncode == 0
    return shown.decode()


@pytest.mark.skipif(sys.platform == "darwin", reason="counts memory in other units there")
@pytest.mark.parametrize("how", ["--json", "--events"])
def test_a_long_log_is_shown_in_the_memory_of_a_short_one(long: Shell, how: str) -> None:
    assert memory(long, "replay", "s", how) < memory(long, "replay", "t", how) + 12


@pytest.mark.parametrize("how", [["--json"], ["--verify"]])
def test_a_long_reading_shows_a_bar_on_a_terminal_only(
    long: Shell, tmp_path: Path, how: list[str]
) -> None:
    run = long.run("replay", "s", *how)
    shown = on_stderr(long, tmp_path / "out", "replay", "s", *how)
    assert run.err == ""
    assert "MB/s" in shown
    assert len(shown) < 100_000
    assert (tmp_path / "out").read_text() == run.out


def test_no_bar_is_drawn_over_what_the_terminal_shows(long: Shell) -> None:
    with Terminal(long, ("replay", "s", "--until", "2")) as terminal:
        assert terminal.end() == 0
        assert "you>\nxxx" in terminal.shown
        assert "━" not in terminal.shown


def test_a_reader_that_goes_away_ends_it(long: Shell) -> None:
    with long.start("replay", "s", "--json") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 1
        assert process.stderr is not None
        assert process.stderr.read() == b""


# As it happened


def test_speed_keeps_the_pauses_and_caps_the_long_ones(shell: Shell) -> None:
    at_times(shell, "10:00:10", "10:00:10", "10:00:20")
    began = time.monotonic()
    assert len(seqs(shell, "--speed", "40")) == 4
    assert 0.5 <= time.monotonic() - began < 3


def test_a_pause_is_never_longer_than_five_seconds(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eventlog.tools.replay import _paced  # noqa: PLC0415

    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    at_times(shell, "10:00:04", "19:00:00", "18:00:00")
    assert len(list(_paced(shell.session("s").events(), 2))) == 4
    assert pauses == [2.0, 5.0, 0.0]


@pytest.mark.parametrize("speed", ["0", "-1", "fast"])
def test_a_speed_that_is_none_is_wrong_usage(talked: Shell, speed: str) -> None:
    assert talked.run("replay", "s", "--speed", speed).code == 2


def test_follow_shows_what_another_process_appends(talked: Shell) -> None:
    with talked.start("replay", "s", "--follow") as process:
        assert process.stdout is not None
        while process.stdout.readline() != b"[assistant] dos\n":
            pass
        talked.run("chat", "--session", "s", "four")
        assert process.stdout.readline() == b"you> four\n"
        assert process.stdout.readline() == b"  (m is sent 6 messages)\n"
        assert process.stdout.readline() == b"[assistant] four\n"
        talked.run("compact", "s", "--apply")
        talked.session("s").set_title("New")
        assert process.stdout.readline() == b"  (title: New)\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130


def test_follow_ends_at_the_event_it_was_to_follow_to(talked: Shell) -> None:
    last = talked.session("s").version
    assert seqs(talked, "--follow", "--until", str(last))[-1] == last


# Step by step


def test_step_goes_forwards_and_backwards(talked: Shell) -> None:
    with Terminal(talked, ("replay", "s", "--step")) as terminal:
        terminal.wait_for("event 1 (1 of ")
        terminal.press(" ")
        terminal.wait_for("event 2 (2 of ")
        terminal.wait_for("you> one")
        terminal.press("\x1b[C")
        terminal.wait_for("(m is sent 1 message)")
        terminal.press("\x1b[D")
        terminal.wait_for("event 2 (2 of ")
        terminal.press("\x1b[D\x1b[D")
        terminal.wait_for("event 1 (1 of ")
        terminal.press("q")
        assert terminal.end() == 0


def test_step_shows_an_answer_that_broke_off_as_one_thing(shell: Shell) -> None:
    put(shell.store.create("s"), user("a"), called(), streamed(3, "b1 "), streamed(3, "b2"))
    with Terminal(shell, ("replay", "s", "--step")) as terminal:
        terminal.press("   ")
        terminal.wait_for("events 4 to 5 (4 of 4)")
        terminal.wait_for("[assistant] b1 b2\n[interrupted]")
        terminal.press("q")
        assert terminal.end() == 0


def test_step_passes_over_the_pieces_of_an_answer_that_follows_whole(shell: Shell) -> None:
    facts = (user("a"), called(), streamed(3, "b1 "), streamed(3, "b2"), assistant("b1 b2", call=3))
    put(shell.store.create("s"), *facts)
    with Terminal(shell, ("replay", "s", "--step")) as terminal:
        terminal.press("   ")
        terminal.wait_for("event 6 (4 of 4)")
        terminal.wait_for("[assistant] b1 b2")
        terminal.press("q")
        assert terminal.end() == 0
        assert "reply.streamed" not in terminal.shown


def test_step_shows_each_piece_among_all_events(shell: Shell) -> None:
    put(shell.store.create("s"), user("a"), called(), streamed(3, "b1 "), assistant("b1", call=3))
    with Terminal(shell, ("replay", "s", "--step", "--events")) as terminal:
        terminal.press("   ")
        terminal.wait_for("event 4 (4 of 5)")
        terminal.wait_for('{"call":3,"text":"b1 "}')
        terminal.press("q")
        assert terminal.end() == 0


def test_step_needs_a_terminal_and_an_end(talked: Shell) -> None:
    run = talked.run("replay", "s", "--step")
    assert (run.code, run.out) == (2, "")
    assert "--step needs a terminal" in run.err
    run = talked.run("replay", "s", "--step", "--follow")
    assert (run.code, run.out) == (2, "")
    assert "not with --follow" in run.err


def test_verify_tells_of_a_catalogue_that_says_something_else(talked: Shell) -> None:
    talked.run("search", "one")
    time.sleep(0.15)
    talked.run("search", "one")
    assert talked.run("replay", "s", "--verify").code == 0
    database = sqlite3.connect(talked.place / ".cache" / "catalog.sqlite3")
    database.execute("UPDATE sessions SET title = 'Other'")
    database.commit()
    database.close()
    run = talked.run("replay", "s", "--verify")
    assert run.code == 3
    assert "DIFFERENT: the catalogue's row is not what the log says" in run.out
