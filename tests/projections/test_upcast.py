"""Payloads of an older shape are lifted when they are folded; newer ones wait for a newer eventlog."""

import copy
from typing import Any

import pytest

from eventlog import Store, codec, upcast
from eventlog.backend import START
from eventlog.backends.memory import MemoryBackend
from eventlog.errors import IdempotencyConflictError
from eventlog.projection import fold
from eventlog.projections.messages import MESSAGES, view
from eventlog.record import RecordedEvent
from eventlog.session import Session
from tests.projections.building import contents, record, user


def text_became_content(data: dict[str, Any]) -> dict[str, Any]:
    lifted = {name: value for name, value in data.items() if name != "text"}
    return {**lifted, "content": data["text"]}


def content_became_loud(data: dict[str, Any]) -> dict[str, Any]:
    data["content"] = data["content"].upper()
    return data


@pytest.fixture
def two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [text_became_content, content_became_loud]
    monkeypatch.setitem(upcast.STEPS, "message.added", steps)


def at_version(version: int, data: dict[str, Any]) -> RecordedEvent:
    (event,) = record(("message.added", data))
    if version > 1:
        event["v"] = version
    return event


OLD, MIDDLE, TODAY, NEWER = (
    at_version(1, {"role": "user", "text": "one"}),
    at_version(2, {"role": "user", "content": "two"}),
    at_version(3, {"role": "user", "content": "THREE"}),
    at_version(4, {"parts": "four"}),
)


def sent(*events: RecordedEvent) -> list[str]:
    return contents(view(fold(MESSAGES, events)))


def test_each_shape_is_lifted_by_the_steps_that_it_lacks(two_steps: None) -> None:
    assert sent(OLD, MIDDLE, TODAY) == ["ONE", "TWO", "THREE"]


def test_a_newer_payload_is_left_out_of_folds(two_steps: None) -> None:
    assert sent(OLD, NEWER, TODAY) == ["ONE", "THREE"]


def test_a_newer_payload_of_a_type_without_steps_is_left_out() -> None:
    assert sent(MIDDLE, *record(user("plain"))) == ["plain"]


def test_lifting_leaves_the_event_as_it_was_stored(two_steps: None) -> None:
    for event in (OLD, MIDDLE):
        before = copy.deepcopy(event)
        lifted = upcast.upcast(event)
        assert lifted is not None
        assert lifted["v"] == 3
        assert event == before


def test_todays_shape_is_not_copied(two_steps: None) -> None:
    assert upcast.upcast(TODAY) is TODAY


def test_types_without_steps_are_untouched(two_steps: None) -> None:
    (event,) = record(("title.set", {"title": "t"}))
    assert upcast.upcast(event) is event


def session_with_a_newer_event() -> Session:
    """Put one line, written as a later eventlog would, behind a session's first message."""
    backend = MemoryBackend()
    session = Store(backend).create("s")
    last = session.append({"role": "user", "content": "a"})
    draft = codec.encode("message.added", {"parts": "newer"}, version=2, key="k")
    line, _ = codec.seal(draft, last["seq"] + 1, last["at"], last["hash"])
    with backend.writing("s", create=False) as writer:
        *_, block = writer.read(START)
        writer.put([line], block.end, "fsync")
    return session


def test_a_newer_event_is_kept_in_the_log_and_left_out_of_the_messages() -> None:
    session = session_with_a_newer_event()
    assert session.append({"role": "user", "content": "b"})["seq"] == 4
    assert next(e["data"] for e in session.events(2)) == {"parts": "newer"}
    assert contents(session.messages()) == ["a", "b"]
    assert session.health.ok


def test_the_key_of_a_newer_event_is_still_known() -> None:
    session = session_with_a_newer_event()
    with pytest.raises(IdempotencyConflictError) as caught:
        session.append({"role": "user", "content": "b"}, key="k")
    assert caught.value.seq == 3


def test_a_newer_event_moves_the_summary_on() -> None:
    assert session_with_a_newer_event().summary.version == 3
