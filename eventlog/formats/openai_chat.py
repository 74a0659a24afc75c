"""OpenAI chat messages: `{"messages": [{"role": …, "content": …}, …]}`, one conversation an object.

The request body of the Chat Completions API, as programs keep it and as training data has it
(platform.openai.com/docs/api-reference/chat): an object, an array of them, or one a line; also the
bare array of messages of a single conversation. `tools` and other members beside the messages become
metadata. Two older or odder shapes of a message are read and given back as they were:

* `function_call` and the role `function`, from before calls had ids;
* LLaMA-Factory's parts `{"type": "text" | "reasoning" | "tool_call" | "image_url", "value": …}`.

Messages have no ids and no times, so each is known by its place and by what it says. What the API
has no name for is left out of what is written, but for reasoning, as `reasoning_content`: usage,
model, times, and that a reply was cut off.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from eventlog import codec
from eventlog.foreign import ForeignSession, Losses, Said, Telling
from eventlog.sources import Sample, Source, read_values, take_sample

from .pieces import (
    Json,
    as_dict,
    as_list,
    as_text,
    calls_of,
    given,
    given_back,
    image_part,
    is_message,
    kept,
    made_id,
    one_text,
    place_id,
    text_part,
    tool_call,
    url_of,
    with_rest,
)  # fmt: skip

NAME = "openai"
_ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
_SENT = ("role", "content", "name", "tool_calls", "tool_call_id")
_REASONING = "reasoning_content"
_INSTEAD = ("tool_calls", "function_call", "refusal", "audio")  # of content, which may be null then
_ANTHROPIC = frozenset(("tool_use", "tool_result", "thinking"))
_ELSEWHERE = frozenset(("parts", "ts", "parentId", "messageId"))  # members of others' messages
_STYLE = "style"  # beside a message: which of the odd shapes it had
_FUNCTION, _VALUES = "function", "values"
_VALUE_PARTS = frozenset(("text", "reasoning", "tool_call", "image_url"))


def recognize(sample: Sample) -> bool:
    """Whether these are objects with `messages`, or messages."""
    if sample.kind == "array" and sample.records and all(map(_is_message, sample.records)):
        return True
    return sample.kind != "sqlite" and any(map(_is_conversation, sample.records))


def _is_conversation(value: Any) -> bool:
    messages = as_list(as_dict(value).get("messages"))
    return bool(messages) and all(map(_is_message, messages))


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("role") in tuple(_ROLES)
        and ("content" in value or "tool_calls" in value or "function_call" in value)
        and not _ELSEWHERE & value.keys()
        and not any(
            as_dict(p).get("type") in tuple(_ANTHROPIC) for p in as_list(value.get("content"))
        )
    )


def read(source: Source, losses: Losses) -> Iterator[ForeignSession]:
    """Give the conversations, in the order of the file."""
    sample = take_sample(source)
    if sample.kind == "array" and sample.records and "role" in as_dict(sample.records[0]):
        id_ = made_id(source, sample.records[0])
        yield ForeignSession(NAME, f"{id_}-1", _Walk(losses).bare(read_values(source, losses)))
        return
    seen: dict[str, int] = {}
    for number, value in enumerate(read_values(source, losses), 1):
        messages = as_list(as_dict(value).get("messages"))
        if not messages:
            losses.read -= 1
            losses.unreadable.append((number, len(str(value))))
            continue
        losses.mapped += 1
        first = made_id(source, messages[0])
        seen[first] = seen.get(first, 0) + 1
        other = {name: each for name, each in value.items() if name != "messages"}
        metadata = {NAME: other} if other else {}
        said = _Walk(losses).said(messages)
        yield ForeignSession(NAME, f"{first}-{seen[first]}", said, metadata=metadata)


class _Walk:
    """One conversation as it is read: which calls wait for their results."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._waiting: list[Json] = []

    def bare(self, messages: Iterable[Any]) -> Iterator[Said]:
        """Give what an array of messages says, each a record."""
        for said in self.said(messages):
            self._losses.mapped += said.type == "message.added"
            self._losses.raw += said.type != "message.added"
            yield said

    def said(self, messages: Iterable[Any]) -> Iterator[Said]:
        """Give what messages say; one that is none is kept as it was."""
        for place, message in enumerate(messages):
            id_ = place_id(place, message)
            payload = self._payload(message, place) if isinstance(message, dict) else None
            if payload is None or not is_message(payload):
                odd = message if isinstance(message, dict) else {"value": message}
                yield kept(NAME, id_, odd, "message")
                continue
            self._waiting += calls_of(payload)
            yield Said(id_, with_rest(NAME, payload, message, rebuild))

    def _payload(self, message: Json, place: int) -> Json:
        said = {name: message[name] for name in _SENT if name in message}
        said = {name: each for name, each in said.items() if each is not None or name == "content"}
        said |= given(reasoning=as_text(message.get(_REASONING)))
        if _has_values(message):
            said |= _from_values(message["content"], place)
            said["extra"] = {NAME: {_STYLE: _VALUES}}
        called = message.get("function_call")
        if said.get("role") == _FUNCTION or (isinstance(called, dict) and "tool_calls" not in said):
            said |= self._function(message, place)
            said["extra"] = {NAME: {_STYLE: _FUNCTION}}
        if said.get("role") == "tool" and "tool_call_id" not in said:
            said["tool_call_id"] = self._call_id(said.get("name"), place)
        if said.get("role") != "assistant" and said.get("content") is None:
            said["content"] = ""
        return said

    def _function(self, message: Json, place: int) -> Json:
        if message.get("role") == _FUNCTION:
            return {"role": "tool", "tool_call_id": self._call_id(message.get("name"), place)}
        called = message["function_call"]
        arguments = called.get("arguments")
        return {"tool_calls": [tool_call(f"call-{place}", called.get("name"), arguments)]}

    def _call_id(self, name: object, place: int) -> str:
        """Return the id of the call that a result without one answers."""
        for number, call in enumerate(self._waiting):
            if name is None or call["function"]["name"] == name:
                return str(self._waiting.pop(number)["id"])
        return f"call-of-{place}"


def _has_values(message: Json) -> bool:
    parts = as_list(message.get("content"))
    return bool(parts) and all(
        "value" in as_dict(part) and part.get("type") in tuple(_VALUE_PARTS) for part in parts
    )


def _from_values(parts: list[Json], place: int) -> Json:
    told: list[Json] = []
    thoughts: list[str] = []
    calls: list[Json] = []
    for number, part in enumerate(parts):
        value = part["value"] if isinstance(part["value"], str) else codec.dump_json(part["value"])
        if part["type"] == "reasoning":
            thoughts.append(value)
        elif part["type"] == "tool_call":
            called = as_dict(codec.load_json(value))
            name, arguments = called.get("name", ""), called.get("arguments", value)
            calls.append(tool_call(f"call-{place}-{number}", name, arguments))
        elif part["type"] == "image_url":
            told.append(image_part(value))
        else:
            told.append(text_part(value))
    return {"content": one_text(told)} | given(reasoning="\n\n".join(thoughts), tool_calls=calls)


def write(tellings: Iterable[Telling]) -> Iterator[bytes]:
    """Give one object a line: the messages as the API takes them, and what else was read with them."""
    for telling in tellings:
        back = (given_back(NAME, e["data"], rebuild, (_STYLE,)) for e in telling.messages)
        messages = [_with_content(message) for message in back]
        told = {"messages": messages, **as_dict(telling.metadata.get(NAME))}
        yield codec.dump_json(told).encode() + b"\n"


def _with_content(message: Json) -> Json:
    """Return a message with content, if only empty, where the API demands some."""
    if message.get("content") is not None or any(map(message.get, _INSTEAD)):
        return message
    return {**message, "content": ""}


def rebuild(data: Json) -> Json:
    """Return the record that a message of ours is written as."""
    style = as_dict(as_dict(data.get("extra")).get(NAME)).get(_STYLE)
    if style == _VALUES:
        return {"role": data["role"], "content": _values(data)}
    message = {name: data[name] for name in _SENT if name in data}
    message |= given(**{_REASONING: data.get("reasoning")})
    if style != _FUNCTION:
        return message
    if message.pop("tool_call_id", None) is not None:
        return message | {"role": _FUNCTION}
    called = as_dict(as_list(message.pop("tool_calls", None))[0])["function"]
    return message | {"function_call": called}


def _values(data: Json) -> list[Json]:
    content = data.get("content")
    told = content if isinstance(content, list) else [text_part(content)] if content else []
    parts = [{"type": "reasoning", "value": data["reasoning"]}] if data.get("reasoning") else []
    parts += [
        {"type": "image_url", "value": url} if url else {"type": "text", "value": part.get("text")}
        for part in told
        for url in [url_of(part)]
    ]
    called = [as_dict(call.get("function")) for call in calls_of(data)]
    return parts + [{"type": "tool_call", "value": codec.dump_json(each)} for each in called]
