"""One turn over real HTTP, with the real client: what is recorded, in which order, whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eventlog import codec
from eventlog.errors import AppendError, ModelError
from eventlog.events import HeadMoved
from eventlog.model import Delta, Model
from eventlog.projection import fold
from eventlog.projections.messages import INTERRUPTED, MESSAGES, RULES, view
from eventlog.provider import Provider
from eventlog.record import RecordedEvent
from eventlog.session import Session
from eventlog.store import open_store
from eventlog.turn import CHECKPOINT_SECONDS, take_turn
from tests.http import openai_server as fake
from tests.http.openai_server import OpenAIServer
from tests.projections.validity import assert_valid

KEY = "sk-proj-Zq8rT3vXy7LmN2pK4wBd"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def model(server: OpenAIServer) -> Iterator[Model]:
    with Model(Provider("compatible", "m", server.base_url, KEY), max_retries=0) as made:
        yield made


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return open_store(tmp_path).create("s")


def log_of(tmp_path: Path) -> bytes:
    return (tmp_path / "s.jsonl").read_bytes()


def kinds(session: Session) -> list[str]:
    """The types of the session's events after its first, checkpoints left out."""
    types = [event["type"] for event in session.events(after=1)]
    return [kind for kind in types if kind != "reply.streamed"]


def the(kind: str, session: Session) -> RecordedEvent:
    """The last event of a kind."""
    return [event for event in session.events() if event["type"] == kind][-1]


def checkpoints(session: Session) -> list[RecordedEvent]:
    return [event for event in session.events() if event["type"] == "reply.streamed"]


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def assert_usable(session: Session, model: Model, server: OpenAIServer) -> None:
    """The next turn works, and what it sends is valid and holds the whole past."""
    past = session.messages()
    assert_valid(past)
    assert take_turn(session, model, "still there?")["data"]["content"] == "still there?"
    assert server.bodies[-1]["messages"] == [*past, {"role": "user", "content": "still there?"}]


# A turn that goes well


def test_a_turn_is_recorded_in_its_order(session: Session, model: Model) -> None:
    reply = take_turn(session, model, "Hello")
    assert kinds(session) == ["message.added", "model.called", "message.added"]
    assert reply == the("message.added", session)
    assert session.messages() == [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello"},
    ]


def test_the_question_and_the_call_are_on_disk_before_anything_is_sent(
    session: Session, model: Model, server: OpenAIServer, tmp_path: Path
) -> None:
    seen: list[list[str]] = []

    def look(exchange: fake.Exchange) -> None:
        seen.append(kinds(open_store(tmp_path).open("s")))
        fake.echo(exchange)

    server.then(look)
    take_turn(session, model, "Hello")
    assert seen == [["message.added", "model.called"]]


def test_the_question_the_call_and_the_reply_are_synced(
    session: Session, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable: list[str] = []
    append_many = Session.append_many

    def watch(self: Session, events: Any, **how: Any) -> list[RecordedEvent]:
        recorded = append_many(self, events, **how)
        durable.extend(e["type"] for e in recorded if how.get("durability", "fsync") == "fsync")
        return recorded

    monkeypatch.setattr(Session, "append_many", watch)
    take_turn(session, model, "Hello")
    assert durable == ["message.added", "model.called", "message.added"]


def test_the_server_receives_exactly_the_messages(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    session.append({"role": "system", "content": "Be \u202e brief 🙂"})
    take_turn(session, model, "one")
    take_turn(session, model, "two")
    assert server.bodies[-1]["messages"] == session.messages()[:-1]
    assert [m["content"] for m in server.bodies[-1]["messages"][1:]] == ["one", "one", "two"]


def test_the_call_is_proven_by_a_replay_up_to_its_version(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    take_turn(session, model, "one")
    take_turn(session, model, "two", limit=2, temperature=0.5)
    called = the("model.called", session)["data"]
    before = [event for event in session.events() if event["seq"] <= called["version"]]
    state = fold(MESSAGES, before)
    assert codec.digest(view(state, called["limit"])) == called["digest"]
    assert codec.digest(server.bodies[-1]["messages"]) == called["digest"]
    assert (called["head"], called["messages"], called["rules"]) == (state.head_seq, 2, RULES)
    assert (called["model"], called["provider"]) == ("m", "compatible")
    assert called["parameters"] == {"temperature": server.bodies[-1]["temperature"]}


def test_what_another_process_said_is_sent_too(
    session: Session, model: Model, server: OpenAIServer, tmp_path: Path
) -> None:
    take_turn(session, model, "one")
    open_store(tmp_path).open("s").append({"role": "user", "content": "from elsewhere"})
    take_turn(session, model, "two")
    contents = [message["content"] for message in server.bodies[-1]["messages"]]
    assert contents == ["one", "one", "from elsewhere", "two"]


def test_no_message_asks_again_from_the_head(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.reply("first"), fake.reply("second"))
    take_turn(session, model, "Hello")
    session.append(HeadMoved(to=2))
    take_turn(session, model)
    assert server.bodies[0]["messages"] == server.bodies[1]["messages"]
    assert [m["content"] for m in session.messages()] == ["Hello", "second"]


def test_the_reply_is_recorded_with_its_facts(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.think("hm, well", "Forty-two"))
    data = take_turn(session, model, "?")["data"]
    assert data == {
        "role": "assistant",
        "content": "Forty-two",
        "reasoning": "hm, well",
        "model": fake.MODEL,
        "usage": fake.USAGE,
        "finish_reason": "stop",
        "call": the("model.called", session)["seq"],
    }


def test_tool_calls_are_recorded_and_answered_in_the_next_turn(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.call_tools(("c1", "now", '{"zone":"UTC"}')))
    reply = take_turn(session, model, "What time is it?")
    assert reply["data"]["content"] is None
    assert [call["id"] for call in reply["data"]["tool_calls"]] == ["c1"]
    take_turn(session, model, {"role": "tool", "tool_call_id": "c1", "content": "noon"})
    assert server.bodies[-1]["messages"][-1]["content"] == "noon"
    assert_valid(session.messages())


def test_tool_calls_without_ids_get_some(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.call_tools(("", "now", "{}"), ("", "then", "{}")))
    calls = take_turn(session, model, "?")["data"]["tool_calls"]
    seq = the("model.called", session)["seq"]
    assert [call["id"] for call in calls] == [f"call_{seq}_0", f"call_{seq}_1"]
    assert_valid(session.messages())


def test_an_empty_reply_is_recorded_and_not_sent_on(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.empty())
    assert take_turn(session, model, "Hello")["data"]["content"] == ""
    assert session.messages() == [{"role": "user", "content": "Hello"}]
    assert_usable(session, model, server)


# Checkpoints


def test_the_first_words_are_recorded_at_once(
    session: Session, model: Model, server: OpenAIServer, tmp_path: Path
) -> None:
    server.then(slow := fake.Slow(interval=0.2))
    watcher = open_store(tmp_path).open("s")
    turn = threading.Thread(target=take_turn, args=(session, model, "go"))
    turn.start()
    wait_for(lambda: server.requests)
    wait_for(lambda: checkpoints(watcher), seconds=0.2 + CHECKPOINT_SECONDS / 2)
    slow.go_on.set()
    turn.join()


def test_at_most_two_checkpoints_a_second_are_recorded(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.reply("x" * 60, chunks=60, delay=0.02))
    started = time.monotonic()
    take_turn(session, model, "go")
    most = 1 + (time.monotonic() - started) / CHECKPOINT_SECONDS
    assert 2 <= len(checkpoints(session)) <= most


def test_words_before_a_silence_are_recorded_during_it(
    session: Session, model: Model, server: OpenAIServer, tmp_path: Path
) -> None:
    done = threading.Event()

    def fall_silent(exchange: fake.Exchange) -> None:
        exchange.begin_events()
        for word in ("one ", "two ", "three"):
            exchange.send_event(fake.chunk({"content": word}))
            time.sleep(0.05)
        done.wait(10)
        exchange.send_event(fake.chunk({}, "stop"))
        exchange.end_events()

    server.then(fall_silent)
    turn = threading.Thread(target=take_turn, args=(session, model, "go"))
    turn.start()
    watcher = open_store(tmp_path).open("s")
    said = {"role": "assistant", "content": f"one two three\n\n{INTERRUPTED}"}
    wait_for(lambda: watcher.messages()[-1:] == [said])
    done.set()
    turn.join()
    assert session.messages()[-1]["content"] == "one two three"


def test_checkpoints_add_up_to_the_beginning_of_the_reply(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.reply("abcdefghij" * 3, chunks=30, delay=0.03))
    whole = take_turn(session, model, "go")["data"]["content"]
    said = "".join(event["data"]["text"] for event in checkpoints(session))
    assert said
    assert whole.startswith(said)


def test_no_checkpoint_follows_the_reply(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(*[fake.reply("abc", chunks=3, delay=0.001)] * 20)
    replies = [take_turn(session, model, "go") for _ in range(20)]
    time.sleep(CHECKPOINT_SECONDS * 1.2)
    assert list(session.events())[-1] == replies[-1]
    assert all(
        later["type"] != "reply.streamed" or earlier["data"].get("role") != "assistant"
        for earlier, later in zip(session.events(), session.events(after=1), strict=False)
    )


def test_no_checkpoint_follows_an_answer_that_was_cut(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(*[fake.stream([{"content": "ha"}, {"content": "lf"}], finish_reason=None)] * 5)
    for _ in range(5):
        with pytest.raises(ModelError):
            take_turn(session, model, "go")
    time.sleep(CHECKPOINT_SECONDS * 1.2)
    assert list(session.events())[-1]["type"] == "model.failed"


def test_a_slow_disk_does_not_hold_up_the_words(
    session: Session, model: Model, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, all_said, waited = Session.append, threading.Event(), []

    def be_slow_at_checkpoints(self: Session, event: Any, **how: Any) -> RecordedEvent:
        if how.get("durability") == "os":
            waited.append(all_said.wait(5))
        return append(self, event, **how)

    def say(delta: Delta) -> None:
        if "!" in delta.text:
            all_said.set()

    monkeypatch.setattr(Session, "append", be_slow_at_checkpoints)
    server.then(fake.reply("slowly!", chunks=7, delay=0.02))
    reply = take_turn(session, model, "go", say=say)
    assert waited == [True]
    assert list(session.events())[-1] == reply


def test_a_checkpoint_that_fails_does_not_end_the_turn(
    session: Session, model: Model, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Session.append

    def fail_on_checkpoints(self: Session, event: Any, **how: Any) -> RecordedEvent:
        if how.get("durability") == "os":
            raise AppendError("not appended", 1, "no space left")
        return append(self, event, **how)

    monkeypatch.setattr(Session, "append", fail_on_checkpoints)
    server.then(fake.reply("abc", delay=0.05))
    assert take_turn(session, model, "go")["data"]["content"] == "abc"
    assert not checkpoints(session)


# Faults


@pytest.mark.parametrize(
    "fault",
    [
        (fake.error(401, f"Incorrect API key provided: {KEY}"), 401, False),
        (fake.too_many("1"), 429, True),
        (fake.error(500), 500, True),
    ],
    ids=["wrong key", "too many", "server fault"],
)
def test_a_refused_call_is_recorded_and_the_session_goes_on(
    session: Session,
    model: Model,
    server: OpenAIServer,
    tmp_path: Path,
    fault: tuple[fake.Behaviour, int, bool],
) -> None:
    behaviour, status, retryable = fault
    server.then(behaviour)
    with pytest.raises(ModelError) as caught:
        take_turn(session, model, "Hello")
    assert kinds(session) == ["message.added", "model.called", "model.failed"]
    assert the("model.failed", session)["data"] == {
        "call": 3,
        "reason": caught.value.reason,
        "retryable": retryable,
        "status": status,
    }
    assert_usable(session, model, server)
    assert KEY.encode() not in log_of(tmp_path)


@pytest.mark.parametrize("behaviour", [fake.too_many("0"), fake.error(500)], ids=["429", "500"])
def test_what_the_client_retries_is_one_call_in_the_log(
    session: Session, server: OpenAIServer, behaviour: fake.Behaviour
) -> None:
    server.then(behaviour)
    with Model(Provider("compatible", "m", server.base_url, KEY)) as model:
        take_turn(session, model, "Hello")
    assert len(server.bodies) == 2
    assert kinds(session) == ["message.added", "model.called", "message.added"]


def test_a_refused_connection_is_recorded(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        nobody = Model(Provider("compatible", "m", url, KEY), max_retries=0)
        with nobody, pytest.raises(ModelError):
            take_turn(session, nobody, "Hello")
    assert the("model.failed", session)["data"]["retryable"]
    assert_usable(session, model, server)


def test_a_model_that_cannot_even_be_named_is_recorded(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.models = []
    nameless = Model(Provider("compatible", None, server.base_url, KEY), max_retries=0)
    with nameless, pytest.raises(ModelError):
        take_turn(session, nameless, "Hello")
    assert kinds(session) == ["message.added", "model.failed"]
    assert_usable(session, model, server)


@pytest.mark.parametrize(
    "behaviour",
    [
        fake.cut_after("half an answer", chunks=4),
        fake.break_off("half", {"message": "overloaded"}),
        fake.stream([{"content": "half"}], finish_reason=None),
    ],
    ids=["connection cut", "error event", "no end"],
)
def test_half_an_answer_stays_and_is_marked(
    session: Session, model: Model, server: OpenAIServer, behaviour: fake.Behaviour
) -> None:
    server.then(behaviour)
    with pytest.raises(ModelError):
        take_turn(session, model, "Hello")
    assert kinds(session)[2:] == ["message.added", "model.failed"]
    half = the("message.added", session)["data"]
    assert (half["content"], half["status"]) == ("half", "interrupted")
    assert session.messages()[-1]["content"] == f"half\n\n{INTERRUPTED}"
    assert_usable(session, model, server)


@pytest.mark.parametrize("before", [[{"content": "Wait"}], []], ids=["after words", "alone"])
def test_half_a_tool_call_is_kept_and_not_called(
    session: Session, model: Model, server: OpenAIServer, before: list[fake.JsonObject]
) -> None:
    function = {"name": "now", "arguments": '{"zo'}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    server.then(fake.stream([*before, {"tool_calls": [call]}], finish_reason=None))
    with pytest.raises(ModelError):
        take_turn(session, model, "What time is it?")
    half = the("message.added", session)["data"]
    assert half["extra"]["partial_tool_calls"][0]["function"] == function
    assert "tool_calls" not in session.messages()[-1]
    assert_usable(session, model, server)


class Shown:
    """A `say` that raises after some pieces."""

    def __init__(self, error: BaseException, *, after: int) -> None:
        self.text = ""
        self._error, self._left = error, after

    def __call__(self, delta: Delta) -> None:
        self.text += delta.text
        self._left -= 1
        if not self._left:
            raise self._error


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), BrokenPipeError(), RuntimeError("screen")], ids=repr
)
def test_an_interrupt_keeps_what_was_shown_and_passes_on(
    session: Session, model: Model, server: OpenAIServer, error: BaseException
) -> None:
    server.then(slow := fake.Slow())
    say = Shown(error, after=3)
    with pytest.raises(type(error)):
        take_turn(session, model, "go", say=say)
    assert kinds(session) == ["message.added", "model.called", "message.added"]
    assert session.messages()[-1]["content"] == f"{say.text}\n\n{INTERRUPTED}"
    assert slow.client_left.wait(5)  # the server was told to stop, too
    assert_usable(session, model, server)


def test_an_interrupt_before_the_first_word_is_recorded(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.think("hm", "never shown"))
    with pytest.raises(KeyboardInterrupt):
        take_turn(session, model, "go", say=Shown(KeyboardInterrupt(), after=2))
    interrupted = the("message.added", session)["data"]
    assert (interrupted["content"], interrupted["reasoning"]) == ("", "hm")
    assert session.messages()[-1]["content"] == INTERRUPTED
    assert_usable(session, model, server)


TURN = """
import sys
from eventlog.model import Model
from eventlog.provider import Provider
from eventlog.store import open_store
from eventlog.turn import take_turn

def say(delta):
    print(delta.text, end="", flush=True)

place, url = sys.argv[1:]
take_turn(open_store(place).open("s"), Model(Provider("compatible", "m", url)), "go", say=say)
"""


def test_kill_in_mid_answer_loses_neither_the_question_nor_the_words(
    session: Session, model: Model, server: OpenAIServer, tmp_path: Path
) -> None:
    server.then(fake.Slow(interval=0.05))
    command = [sys.executable, "-c", TURN, str(tmp_path), server.base_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        shown = process.stdout.read(len("tick tick "))
        wait_for(lambda: len(checkpoints(session)) >= 2)
        process.send_signal(signal.SIGKILL)
    question, words = session.messages()
    assert question == {"role": "user", "content": "go"}
    assert words["content"].startswith(shown.decode().rstrip())
    assert words["content"].endswith(f"\n\n{INTERRUPTED}")
    assert session.health.ok
    assert_usable(session, model, server)


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S607 - wherever it is


def fill(place: Path) -> Path:
    """Leave no byte free; return the file to remove for room."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return ballast
    raise AssertionError


@pytest.mark.root
def test_a_full_disk_before_the_question_is_told_and_nothing_changes(
    small_disk: Path, model: Model, server: OpenAIServer
) -> None:
    session = open_store(small_disk).create("s")
    take_turn(session, model, "Hello")
    before, ballast = log_of(small_disk), fill(small_disk)
    with pytest.raises(AppendError) as caught:
        take_turn(session, model, "x" * 5000)
    assert caught.value.outcome == "not appended"
    assert log_of(small_disk) == before
    assert len(server.bodies) == 1  # nothing was sent that is not recorded
    ballast.unlink()
    assert_usable(session, model, server)


@pytest.mark.root
def test_a_disk_that_fills_while_a_reply_streams_is_told(
    small_disk: Path, model: Model, server: OpenAIServer
) -> None:
    session = open_store(small_disk).create("s")
    server.then(fake.reply("y" * 9000))
    ballasts: list[Path] = []

    def fill_once(_: Delta) -> None:
        if not ballasts:
            ballasts.append(fill(small_disk))

    with pytest.raises(AppendError):
        take_turn(session, model, "go", say=fill_once)
    assert session.messages()[0] == {"role": "user", "content": "go"}
    assert session.health.ok
    ballasts[0].unlink()
    assert_usable(session, model, server)
