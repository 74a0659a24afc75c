"""What an OpenAI-compatible API takes as `messages`, written from its rules and not from our code."""

import json
import re
from collections.abc import Sequence
from typing import Any

MEMBERS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "tool_calls"},
    "tool": {"role", "content", "tool_call_id"},
}
NAME = re.compile(r"[^\s<|\\/>]{1,64}")  # the pattern that the API's own refusal names


def assert_valid(messages: Sequence[dict[str, Any]], *, spoken: bool = False) -> None:
    """Fail unless the API would take these messages; `spoken`: the model has something to answer."""
    json.dumps(messages, allow_nan=False).encode()
    assert messages or not spoken, "nothing is sent, though somebody spoke"
    awaited: list[str] = []
    for message in messages:
        assert message["role"] in MEMBERS, message
        assert set(message) <= MEMBERS[message["role"]], f"unknown members: {message}"
        _assert_content(message)
        assert NAME.fullmatch(message.get("name", "x")), message
        if message["role"] == "tool":
            assert message["tool_call_id"] in awaited, f"answers no call before it: {message}"
            awaited.remove(message["tool_call_id"])
        else:
            assert not awaited, f"calls {awaited} have no result before {message}"
        if "tool_calls" in message:
            awaited = _assert_calls(message["tool_calls"])
    assert not awaited, f"calls {awaited} have no result at the end"


def _assert_content(message: dict[str, Any]) -> None:
    content = message["content"]
    if content is None:
        assert message.get("tool_calls"), f"says nothing at all: {message}"
    elif isinstance(content, list):
        assert content, f"no content parts: {message}"
        assert all(isinstance(part["type"], str) for part in content), message
        assert all(isinstance(p["text"], str) for p in content if p["type"] == "text"), message
    else:
        assert isinstance(content, str), message
        assert content or message["role"] != "assistant" or message.get("tool_calls"), message


def _assert_calls(calls: list[dict[str, Any]]) -> list[str]:
    assert calls, "tool_calls is empty"
    for call in calls:
        assert set(call) == {"id", "type", "function"}, call
        assert call["type"] == "function", call
        assert set(call["function"]) == {"name", "arguments"}, call
        assert isinstance(call["function"]["name"], str), call
        json.loads(call["function"]["arguments"])
    ids = [call["id"] for call in calls]
    assert all(isinstance(id_, str) and id_ for id_ in ids), ids
    assert len(set(ids)) == len(ids), f"an id twice in one message: {ids}"
    return ids
