"""Large images and tool outputs go into blobs on the way in, and are whole on the way out."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog import blobs, codec
from eventlog.backends.memory import MemoryBackend
from eventlog.bundle import take_bundle, write_bundle
from eventlog.store import Store
from tests.carrying.test_logs import peak_of
from tests.commands.running import Shell
from tests.formats import claude_code_records as claude
from tests.formats import codex_records as codex
from tests.formats.exporting import (
    WORDS,
    again,
    call,
    conversations,
    named,
    part,
    picture,
    tell_all,
    tell_own,
    write_to,
    written,
)
from tests.formats.importing import Taken, assert_whole, take

Json = dict[str, Any]
SMALL = 40
IMAGE = b64encode(bytes(range(256)) * 1200).decode()
URL = f"data:image/png;base64,{IMAGE}"
OUTPUT = "flour and water\n" * 20_000
TALK: list[Json] = [
    {"role": "user", "content": [part("See."), picture(URL)]},
    {"role": "assistant", "content": "I look.", "tool_calls": [call("c1")]},
    {"role": "tool", "name": "look", "content": OUTPUT, "tool_call_id": "c1"},
    {"role": "assistant", "content": "Bread."},
]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def longest_line(taken: Taken) -> int:
    """The bytes of the longest message, as its line has it."""
    events = taken.store.open(taken.imported[0].session_id).recorded()
    data = (event["data"] for event in events if event["type"] == "message.added")
    return max(len(codec.dump_json({**each, "extra": None})) for each in data)


def assert_aside(taken: Taken, count: int) -> None:
    """Fail unless so many blobs stand for what is large, and it is read back."""
    assert_whole(taken)
    assert len(taken.store.backend.blobs()) == count
    assert longest_line(taken) < 2000
    assert not taken.store.open(taken.imported[0].session_id).opener.lost


@pytest.mark.parametrize("name", ["openai", "eino", "eino-agentic", "sharegpt", "atif"])
def test_a_large_image_and_a_large_output_come_back(tmp_path: Path, name: str) -> None:
    reading = name.removesuffix("-agentic")
    taken = take(write_to(tmp_path / "f", name, tell_own(*TALK)), reading)
    has_images = name not in ("atif", "sharegpt")  # which have them beside what was said
    assert_aside(taken, 1 + has_images)
    assert OUTPUT in [message.get("content") for message in taken.said()]
    assert (picture(URL) in list(taken.said()[0]["content"])) == has_images
    back = again(taken, name, tmp_path, reading)
    assert [named(m) for m in back.said()] == [named(m) for m in taken.said()]
    store = back.store.backend
    assert store.blobs() == taken.store.backend.blobs()


def transcript() -> list[Json]:
    source = {"type": "base64", "media_type": "image/png", "data": IMAGE}
    return [
        claude.asked("u1", None, [claude.text("See."), {"type": "image", "source": source}]),
        claude.answered("a1", "u1", "msg_1", claude.call("toolu_1", command="cat")),
        claude.result("r1", "a1", "toolu_1", OUTPUT),
        claude.answered("a2", "r1", "msg_2", claude.text("Bread.")),
    ]


def rollout() -> list[Json]:
    image = {"type": "input_image", "image_url": URL}
    return [
        codex.meta(),
        codex.line("response_item", type="message", role="user", content=[image]),
        codex.called("call_1"),
        codex.result("call_1", OUTPUT),
        codex.answered("Bread."),
    ]


@pytest.mark.parametrize(
    ("format_", "records"), [("claude_code", transcript()), ("codex", rollout())]
)
def test_a_transcript_with_large_parts_is_given_back_byte_for_byte(
    tmp_path: Path, format_: str, records: list[Json]
) -> None:
    path = claude.write_lines(tmp_path / "t.jsonl", records)
    taken = take(path, format_)
    assert_aside(taken, 2)
    assert written(format_, *tell_all(taken)) == path.read_bytes()
    assert take(path, format_, taken.store).added == 0


def test_a_chat_with_a_large_message_is_known_when_it_comes_again(tmp_path: Path) -> None:
    path = write_to(tmp_path / "f", "openai", tell_own(*TALK))
    taken = take(path, "openai")
    assert take(path, "openai", taken.store).added == 0


def test_many_images_are_imported_in_bounded_memory(shell: Shell) -> None:
    """160 MB of a transcript with one image after the other."""
    with (shell.folder / "t.jsonl").open("w") as file:
        for n in range(60):
            data = b64encode(n.to_bytes(4) * (1 << 19)).decode()
            image = {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                                 "data": data}}  # fmt: skip
            before = f"u{n - 1}" if n else None
            file.write(json.dumps(claude.asked(f"u{n}", before, [image])) + "\n")
    assert peak_of(shell, "import", "t.jsonl") < 110 << 20
    assert len(shell.store.backend.blobs()) == 60


# Sessions of our own, with little that counts as large.


@pytest.fixture(scope="module")
def _little_is_large() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blobs, "LARGE", SMALL)
        yield


little_is_large = pytest.mark.usefixtures("_little_is_large")
OUTPUTS = st.lists(WORDS, min_size=1, max_size=9).map("\u2028".join)
URLS = st.binary(min_size=1, max_size=90).map(
    lambda data: f"data:image/png;base64,{b64encode(data).decode()}"
)


@st.composite
def large_outputs(draw: st.DrawFn) -> list[Json]:
    """Draw a conversation of ours, with tool outputs of about the size that is large."""
    said = draw(conversations())
    for message in said:
        if message["role"] == "tool":
            message["content"] = draw(OUTPUTS)
    return said


@st.composite
def large_talks(draw: st.DrawFn) -> list[Json]:
    """The same with images."""
    said = draw(large_outputs())
    for message in said:
        if message["role"] == "user" and draw(st.booleans()):
            message["content"] = [part(message["content"]), picture(draw(URLS))]
    return said


def names_said(taken: Taken) -> list[Json]:
    return [named(message) for message in taken.said()]


@little_is_large
@pytest.mark.parametrize("name", ["openai", "eino", "eino-agentic"])
@given(messages=large_talks())
def test_our_events_with_large_parts_come_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, messages: list[Json]
) -> None:
    path = write_to(tmp_path_factory.mktemp("o") / "f", name, tell_own(*messages))
    taken = take(path, name.removesuffix("-agentic"))
    assert names_said(taken) == [named(message) for message in messages]


@little_is_large
@given(messages=large_outputs())
def test_our_events_with_large_outputs_come_back_from_atif(
    tmp_path_factory: pytest.TempPathFactory, messages: list[Json]
) -> None:
    path = write_to(tmp_path_factory.mktemp("o") / "f", "atif", tell_own(*messages))
    kept = ("role", "content", "tool_call_id", "reasoning")
    said = take(path, "atif").said()
    assert [named(each, kept) for each in said] == [named(each, kept) for each in messages]


@little_is_large
@given(talks=st.lists(large_talks(), min_size=1, max_size=3))
def test_a_bundle_of_our_events_brings_every_line_and_blob(
    tmp_path_factory: pytest.TempPathFactory, talks: list[list[Json]]
) -> None:
    store, other = Store(MemoryBackend()), Store(MemoryBackend())
    for number, messages in enumerate(talks):
        store.create(f"s{number}").append_many(messages)
    path = tmp_path_factory.mktemp("b") / "b.zip"
    with path.open("wb") as file:
        write_bundle(store, store.ids(), file)
    take_bundle(other, path, "b")
    for name in store.ids():
        assert list(other.backend.read(name)) == list(store.backend.read(name))
        assert list(other.open(name).events()) == list(store.open(name).events())
    assert other.backend.blobs() == store.backend.blobs()
