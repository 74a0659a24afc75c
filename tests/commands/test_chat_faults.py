"""`eventlog chat` when something fails: an exit code, a sentence on stderr, and a session that goes on."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from eventlog.projections.messages import INTERRUPTED
from tests.commands.running import KEY, Shell
from tests.http import openai_server as fake
from tests.http.openai_server import OpenAIServer


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def words_of(process: "subprocess.Popen[bytes]", until: bytes) -> bytes:
    """Read what the command prints up to and with some words."""
    assert process.stdout is not None
    shown = b""
    while until not in shown:
        shown += process.stdout.read(1)
    return shown


# The model


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (fake.error(401, f"Incorrect API key provided: {KEY}"), "check OPENAI_API_KEY"),
        (fake.error(404, "no such model"), "OPENAI_MODEL"),
        (fake.error(400, "bad \x1b[31m request"), "bad"),
        (fake.cut_after("half an answer", chunks=4), "broke off in the middle of the reply"),
        (fake.page("<h1>A proxy</h1>"), "OPENAI_BASE_URL"),
    ],
    ids=["wrong key", "no model", "bad request", "cut", "page"],
)
def test_a_failed_call_is_told_and_ends_with_6(
    talking: Shell, server: OpenAIServer, behaviour: fake.Behaviour, told: str
) -> None:
    server.then(behaviour)
    run = talking.run("chat", "--session", "s", "Hello")
    assert run.code == 6
    assert run.err.splitlines()[1].startswith("error: ")
    assert told in run.err
    assert "\x1b" not in run.err
    assert run.err.endswith("Resume with: eventlog chat --session s\n")


def test_a_piped_chat_goes_on_after_a_failed_call(talking: Shell, server: OpenAIServer) -> None:
    server.then(fake.error(400, "not this one"))
    run = talking.run("chat", "--session", "s", says="one\ntwo\n")
    assert run.code == 6
    assert "[assistant] two\n" in run.out
    assert [m["content"] for m in talking.session("s").messages()] == ["one", "two", "two"]


def test_what_came_before_the_cut_is_shown_and_kept(talking: Shell, server: OpenAIServer) -> None:
    server.then(fake.cut_after("half an answer", chunks=4))
    assert talking.run("chat", "--session", "s", "Hello").out == "half\n"
    assert talking.session("s").messages()[-1]["content"] == f"half\n\n{INTERRUPTED}"


def test_too_many_requests_are_repeated_by_the_client(talking: Shell, server: OpenAIServer) -> None:
    server.then(fake.too_many("0"))
    run = talking.run("chat", "Hello")
    assert (run.code, run.out) == (0, "Hello\n")


def test_a_server_that_is_not_there_is_told(talking: Shell) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        run = talking.run("chat", "--session", "s", "Hi", settings={"OPENAI_BASE_URL": url})
    assert run.code == 6
    assert f"cannot connect to {url}" in run.err
    assert talking.session("s").messages() == [{"role": "user", "content": "Hi"}]


def test_without_a_provider_the_choices_are_listed(shell: Shell) -> None:
    hide = (
        "import sys; sys.modules['xllamacpp'] = None; import importlib.util as u; "
        "find = u.find_spec; u.find_spec = lambda n: None if n == 'xllamacpp' else find(n); "
        "from eventlog.tools.main import cli; cli(['chat', 'Hello'])"
    )
    run = subprocess.run(
        [sys.executable, "-c", hide],
        check=False,
        capture_output=True,
        text=True,
        cwd=shell.folder,
        env=shell.environment({"EVENTLOG_LOCAL_MODEL": ""}),
    )
    assert run.returncode == 6
    for choice in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MODEL_TYPE=ark", "make model"):
        assert choice in run.stderr
    assert not shell.place.exists()


def test_a_local_model_that_is_no_file_is_told(shell: Shell) -> None:
    run = shell.run("chat", "Hello")
    assert run.code == 6
    assert "EVENTLOG_LOCAL_MODEL" in run.err
    assert not shell.place.exists()


# Interrupted


def test_ctrl_c_stops_a_piped_chat_with_130(talking: Shell, server: OpenAIServer) -> None:
    server.then(fake.Slow())
    with talking.start("chat", "--session", "s", says="go\nnever said\n") as process:
        shown = words_of(process, b"tick tick")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert out.rstrip().endswith(b"[interrupted]")
    assert b"Traceback" not in err
    question, answer = talking.session("s").messages()
    assert (question["content"], answer["content"][:9]) == ("go", "tick tick")
    assert shown.count(b"tick") <= answer["content"].count("tick")


def test_ctrl_c_stops_a_question_with_130(talking: Shell, server: OpenAIServer) -> None:
    server.then(fake.Slow())
    with talking.start("chat", "--session", "s", "go") as process:
        words_of(process, b"tick")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_chat_is_resumed_with_the_words_that_were_on_the_screen(
    talking: Shell, server: OpenAIServer, number: signal.Signals
) -> None:
    server.then(fake.Slow(interval=0.05))
    with talking.start("chat", "--session", "s", says="Tell me\n") as process:
        shown = words_of(process, b"[assistant] tick tick ")
        watched = talking.session("s")
        wait_for(lambda: sum(e["type"] == "reply.streamed" for e in watched.events()) > 1)
        process.send_signal(number)
        process.wait(10)
    run = talking.run("chat", "--session", "s", says="Go on\n")
    assert (run.code, run.err) == (0, "")
    question, words, then = server.bodies[-1]["messages"]
    assert question == {"role": "user", "content": "Tell me"}
    assert words["content"].startswith(shown.partition(b"[assistant] ")[2].decode().rstrip())
    assert words["content"].endswith(f"\n\n{INTERRUPTED}")
    assert then["content"] == "Go on"


def test_a_reader_that_leaves_ends_the_chat_quietly(talking: Shell, server: OpenAIServer) -> None:
    server.then(slow := fake.Slow())
    with talking.start("chat", "--session", "s", "go") as process:
        words_of(process, b"tick")
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(10) == 1
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()
    assert slow.client_left.wait(5)
    assert talking.session("s").messages()[-1]["content"].endswith(INTERRUPTED)


# The store


def test_a_damaged_log_is_told_once_and_the_chat_goes_on(
    talking: Shell, server: OpenAIServer
) -> None:
    talking.run("chat", "--session", "s", says="one\ntwo\n")
    damage(talking, "s", line=2)
    run = talking.run("chat", "--session", "s", says="three\nfour\n")
    assert run.code == 0
    assert run.err.count("eventlog repair s") == 1
    sent = [message["content"] for message in server.bodies[-1]["messages"]]
    assert sent[-4:] == ["two", "three", "three", "four"]


def damage(shell: Shell, session_id: str, *, line: int) -> None:
    """Flip a bit in the middle of a line."""
    lines = shell.log(session_id).read_bytes().split(b"\n")
    spoiled = bytearray(lines[line - 1])
    spoiled[len(spoiled) // 2] ^= 1
    lines[line - 1] = bytes(spoiled)
    shell.log(session_id).write_bytes(b"\n".join(lines))


def test_a_torn_tail_is_no_damage(talking: Shell) -> None:
    talking.run("chat", "--session", "s", says="one\n")
    with talking.log("s").open("ab") as log:
        log.write(b'{"seq":9,"at":"2026-')
    run = talking.run("chat", "--session", "s", says="two\n")
    assert (run.code, run.err) == (0, "")


@pytest.mark.parametrize("place", ["file/below", "/proc/eventlog"])
def test_a_store_that_cannot_be_made_is_told(talking: Shell, place: str) -> None:
    (talking.folder / "file").write_text("")
    run = talking.run("chat", "Hello", "--store", place)
    assert run.code == 1
    assert run.err.startswith("error: ")


def test_a_store_that_is_a_file_is_told(talking: Shell) -> None:
    (talking.folder / "file").write_text("")
    for arguments in (["chat", "Hello"], ["list"], ["show", "s"]):
        run = talking.run(*arguments, "--store", "file")
        assert run.code == 1
        assert run.err.startswith("error: ")


def test_a_session_held_by_another_writer_ends_with_5(talking: Shell) -> None:
    talking.store.create("s")
    impatient = (
        "import sys; from eventlog.backends.jsonl.backend import JsonlBackend as B; "
        "B.__init__.__kwdefaults__['lock_timeout'] = B.at.__func__.__kwdefaults__['lock_timeout'] "
        "= 0.1; from eventlog.tools.main import cli; cli(sys.argv[1:])"
    )
    with talking.store.backend.writing("s", create=False):
        run = subprocess.run(
            [sys.executable, "-c", impatient, "chat", "--session", "s", "Hello"],
            check=False,
            capture_output=True,
            text=True,
            cwd=talking.folder,
            env=talking.environment({}),
        )
    assert run.returncode == 5
    assert "another writer holds" in run.stderr
    assert "Traceback" not in run.stderr
