"""Golden logs: one for each released format, never edited, read by every later version as here."""

import base64
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventlog.projections.summary import Summary
from eventlog.projections.usage import Tokens
from eventlog.session import Session
from eventlog.store import open_store
from tests.log.helpers import kinds, said, say, walk
from tests.log.make_golden import CALLS, OUTPUT, PICTURE, TRICKY, make

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
SHA256 = "d7457b7bdc9c89cd9c73e48ca5ce947f4ee9baa2d51159c205c31cc125750b1a"

WITH_BLOBS = "7340e0a3e1f9c22a65b2cfb4ead16df413bd01633a6ee6f16c4b792f6352463d"

TYPES = """
    session.created message.added message.added model.called reply.streamed reply.streamed
    message.added message.added message.added message.added message.added model.called
    reply.streamed model.failed head.moved message.added content.erased context.summarized
    metadata.set title.set session.forked x.app.noted message.added message.added
""".split()  # noqa: SIM905 - a column of 24 quoted words says no more

MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "system",
        "content": "Summary of the conversation so far:\n\nThe sky was looked at.",
    },
    {"role": "user", "content": TRICKY, "name": "ann"},
    {"role": "user", "content": "[erased]"},
    {"role": "assistant", "content": "Cut\n\n[interrupted]"},
    {"role": "user", "content": "Go on."},
]

BEFORE_THE_SUMMARY: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is\n up?"},
    {
        "role": "assistant",
        "content": "Let me look.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"n":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "look", "arguments": '{"n":2}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "blue"},
    {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "wide"}]},
    {"role": "user", "content": TRICKY, "name": "ann"},
    {"role": "user", "content": "lone \ufffd surrogate"},
    {"role": "assistant", "content": "It is\n\n[interrupted]"},
]


@pytest.fixture
def golden(tmp_path: Path) -> Session:
    """A copy of the golden log, opened."""
    shutil.copyfile(GOLDEN / "format-1.jsonl", tmp_path / "format-1.jsonl")
    return open_store(tmp_path).open("format-1")


def test_the_golden_log_was_never_edited() -> None:
    data = (GOLDEN / "format-1.jsonl").read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256


def test_every_event_of_the_golden_log_is_read(golden: Session, tmp_path: Path) -> None:
    events = list(golden.events(strict=True))
    assert [event["type"] for event in events] == TYPES
    assert events == walk(tmp_path / "format-1.jsonl")
    assert (golden.health.ok, golden.health.where, golden.health.bytes) == (True, (), 5459)


def test_the_messages_of_the_golden_log_are_these(golden: Session) -> None:
    assert golden.messages() == MESSAGES
    assert golden.messages(limit=3) == [*MESSAGES[:2], MESSAGES[-1]]


def test_the_golden_log_up_to_the_failure_gives_these_messages(tmp_path: Path) -> None:
    lines = (GOLDEN / "format-1.jsonl").read_bytes().split(b"\n")
    (tmp_path / "format-1.jsonl").write_bytes(b"\n".join(lines[:14]) + b"\n")
    assert open_store(tmp_path).open("format-1").messages() == BEFORE_THE_SUMMARY


def test_the_summary_of_the_golden_log_is_this(golden: Session) -> None:
    assert golden.summary == Summary(
        title="The sky",
        created="2026-11-22T10:00:00.123456Z",
        updated="2026-11-22T10:00:22.123456Z",
        messages=10,
        version=24,
        model="m-2",
        titled=True,
    )


def test_the_usage_of_the_golden_log_is_this(golden: Session) -> None:
    assert golden.usage.inherited == {
        "m-1": Tokens(1, 0, 80, 24, 16, 10),
        "m-2": Tokens(1, 1, 0, 0, 0, 0, untold=1),
    }
    assert golden.usage.models == {}  # it ends with the event of a fork


def test_payloads_of_the_golden_log_are_these(golden: Session) -> None:
    events = {event["seq"]: event for event in golden.events()}
    assert events[10]["data"] == {
        "role": "user",
        "content": TRICKY,
        "name": "ann",
        "extra": {"x_note": {"n": [2**64 - 1, -(2**63), 1e-7]}},
    }
    assert events[11]["data"]["replaced_surrogates"] == 1
    assert events[22]["data"] == {"any": {"thing": [True, None, ""]}}
    assert [(events[n].get("key"), events[n].get("batch")) for n in (3, 8, 9)] == [
        ("turn-1", None), ("results-1", [1, 2]), (None, [2, 2]),
    ]  # fmt: skip


def test_keys_of_the_golden_log_still_count(golden: Session) -> None:
    again = golden.append({"role": "user", "content": "What is\n up?"}, key="turn-1")
    assert again["seq"] == 3


def test_a_session_goes_on_in_the_golden_log(golden: Session, tmp_path: Path) -> None:
    assert say(golden, "more")["seq"] == 25
    again = open_store(tmp_path).open("format-1")
    assert (said(again)[-1], kinds(again.health)) == ("more", [])
    data = (tmp_path / "format-1.jsonl").read_bytes()
    assert data.startswith((GOLDEN / "format-1.jsonl").read_bytes())


@pytest.mark.parametrize("use", [Session.messages, lambda s: s.title, lambda s: s.health])
def test_reading_leaves_the_golden_log_as_it_is(
    golden: Session, tmp_path: Path, use: Callable[[Session], object]
) -> None:
    use(golden)
    assert [path.name for path in tmp_path.iterdir()] == ["format-1.jsonl"]
    data = (tmp_path / "format-1.jsonl").read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256


def test_todays_writer_writes_the_golden_log_byte_for_byte(tmp_path: Path) -> None:
    make(tmp_path / "again")
    written = (tmp_path / "again" / "format-1.jsonl").read_bytes()
    assert written == (GOLDEN / "format-1.jsonl").read_bytes()


def test_the_golden_log_with_blobs_was_never_edited_and_neither_were_they() -> None:
    data = (GOLDEN / "format-1-blobs.jsonl").read_bytes()
    assert hashlib.sha256(data).hexdigest() == WITH_BLOBS
    blobs = {hashlib.sha256(blob).hexdigest(): blob for blob in (PICTURE, OUTPUT.encode())}
    assert {path.name: path.read_bytes() for path in (GOLDEN / "blobs").iterdir()} == blobs


def test_the_golden_log_with_blobs_is_read_with_what_is_in_them(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "golden")
    session = open_store(tmp_path / "golden").open("format-1-blobs")
    shown, called, given = session.messages()
    assert shown["content"][1]["image_url"] == {
        "url": f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}",
        "detail": "low",
    }
    assert called["tool_calls"] == [CALLS[0].model_dump()]
    assert (given["content"], session.opener.lost) == (OUTPUT, {})


def test_the_golden_log_with_blobs_is_read_without_them(tmp_path: Path) -> None:
    shutil.copyfile(GOLDEN / "format-1-blobs.jsonl", tmp_path / "format-1-blobs.jsonl")
    shown, _, given = open_store(tmp_path).open("format-1-blobs").messages()
    for content, what in ((shown["content"][1]["text"], "51,200 bytes of image/png, not at hand"),
                          (given["content"], "bytes of text/plain, not at hand")):  # fmt: skip
        assert what in content


def test_todays_writer_writes_the_golden_log_with_blobs_byte_for_byte(tmp_path: Path) -> None:
    make(tmp_path / "again")
    written = (tmp_path / "again" / "format-1-blobs.jsonl").read_bytes()
    assert written == (GOLDEN / "format-1-blobs.jsonl").read_bytes()
