"""The data export of claude.ai: `conversations.json`, an array of conversations (one alone is an object).

It is nowhere specified. Each conversation has `chat_messages`, from `human` or `assistant`, with content
blocks; in old exports only `text`, which later repeats them. `parent_message_uuid`, where it is there,
makes them a tree, and `current_leaf_message_uuid` is where the person was last. A message of the model
holds the results of its tool calls, too: here they are messages of their own, between what it said before
and after. The text of an attachment is a part of the message; pictures and files are not in the export,
only their names. Nor are tokens.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from eventlog import codec
from eventlog.foreign import ForeignSession, Losses, Said, as_dict, as_list, as_recorded, as_text
from eventlog.projections.messages import Message
from eventlog.sources import Sample, Source, read_values

NAME = "claude_ai"
Json = dict[str, Any]

_ROLES = {"human": "user", "user": "user", "assistant": "assistant"}
_NOBODY = "00000000-0000-4000-8000-000000000000"  # the parent of a first message
_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}
_SESSION = frozenset(("uuid", "name", "created_at", "chat_messages", "current_leaf_message_uuid"))
_NAMED = frozenset(("uuid", "sender", "created_at", "text", "content", "parent_message_uuid"))
_BLOCK = {
    "text": frozenset(("type", "text")),
    "thinking": frozenset(("type", "thinking")),
    "tool_use": frozenset(("type", "id", "name", "input")),
    "tool_result": frozenset(("type", "tool_use_id", "content", "name")),
}


def recognize(sample: Sample) -> bool:
    """Whether one of the first values is a conversation."""
    return any(isinstance(as_dict(each).get("chat_messages"), list) for each in sample.records)


def read(source: Source, losses: Losses) -> Iterator[ForeignSession]:
    """Give the conversations, in the order of the file."""
    for number, value in enumerate(read_values(source, losses), 1):
        if not isinstance(value, dict):
            losses.read -= 1
            losses.unreadable.append((number, len(str(value))))
        elif isinstance(value.get("chat_messages"), list):
            losses.read -= 1  # its messages are the records
            yield _session(value, losses)
        else:
            losses.raw += 1
            own = as_text(value.get("uuid")) or _digest(value)
            whole = Said(f"{own}-conversation", value, "x.claude_ai.conversation")
            yield ForeignSession(NAME, own, iter((whole,)), title=as_text(value.get("name")))


def _session(conversation: Json, losses: Losses) -> ForeignSession:
    walk = _Walk(conversation, losses)
    other = {name: each for name, each in conversation.items() if name not in _SESSION and each}
    metadata: Json = {NAME: other} if other else {}
    if conversation.get("is_starred") is True:
        metadata["pinned"] = True
    return ForeignSession(
        NAME,
        as_text(conversation.get("uuid")) or _made_id(conversation),
        walk.said(),
        title=as_text(conversation.get("name")),
        created=as_recorded(conversation.get("created_at")),
        head=walk.head,
        metadata=metadata,
        names_head=True,
        updated=as_recorded(conversation.get("updated_at")),
    )


def _made_id(conversation: Json) -> str:
    first = next(iter(conversation["chat_messages"]), None)
    return codec.digest([str(conversation.get("created_at")), str(first)])


class _Walk:
    """The messages of one conversation, told one by one."""

    def __init__(self, conversation: Json, losses: Losses) -> None:
        self._messages = conversation["chat_messages"]
        self._model = as_text(conversation.get("model"))
        self._leaf = conversation.get("current_leaf_message_uuid")
        self._losses = losses
        self._last: dict[str, str] = {}  # a message's id -> that of the last thing told of it

    def head(self) -> str | None:
        """Return what the conversation goes on from, where the file says so."""
        return self._last.get(self._leaf) if isinstance(self._leaf, str) else None

    def said(self) -> Iterator[Said]:
        """Give what the messages say, in the order of the file."""
        for place, message in enumerate(self._messages):
            self._losses.read += 1
            own = as_text(as_dict(message).get("uuid")) or f"{place}-{_digest(message)}"
            role = _ROLES.get(str(as_dict(message).get("sender")))
            if role is None or own in self._last:
                self._losses.raw += 1
                kept = message if isinstance(message, dict) else {"value": message}
                name = own if own not in self._last else f"{own}-{_digest(message)}"
                yield Said(name, kept, "x.claude_ai.message")
                continue
            self._losses.mapped += 1
            yield from self._told(own, message, role)

    def _told(self, own: str, message: Json, role: str) -> Iterator[Said]:
        parent = self._parent(message)
        at = as_recorded(message.get("created_at"))
        payloads = _replies(message, own) if role == "assistant" else [_words(message)]
        model = as_text(message.get("model")) or self._model
        if role == "assistant" and model:
            payloads[0]["model"] = model
        for number, payload in enumerate(payloads):
            name = f"{own}#{number}" if number else own
            yield Said(name, payload, at=at, parent=parent)
            self._last[own] = parent = name

    def _parent(self, message: Json) -> str | None:
        parent = message.get("parent_message_uuid")
        if not isinstance(parent, str):
            return None
        return "" if parent == _NOBODY else self._last.get(parent)


def _words(message: Json) -> Message:
    """Make a message of what a person said, with what was attached as text."""
    blocks, left = _blocks(message)
    texts = [block["text"] for block in blocks if _is_text(block)]
    texts += filter(None, map(_attached, as_list(message.get("attachments"))))
    if not any(texts):
        names = (as_text(as_dict(f).get("file_name")) for f in as_list(message.get("files")))
        texts = [f"[file: {name}]" for name in names if name]
    left += [block for block in blocks if not _is_text(block)]
    return {"role": "user", "content": _content(texts) or "", **_extra(message, left)}


def _attached(attachment: Any) -> str | None:
    """Return the text of an attachment, below its name."""
    text = as_text(as_dict(attachment).get("extracted_content"))
    return text and f"[{as_text(attachment.get('file_name')) or 'attachment'}]\n{text}"


def _replies(message: Json, own: str) -> list[Message]:
    """Make messages of what the model said: its words and calls, their results, its next words."""
    blocks, left = _blocks(message)
    payloads: list[Message] = []
    runs: list[tuple[bool, list[Json]]] = []
    for block in blocks:
        is_result = block.get("type") == "tool_result"
        if not runs or runs[-1][0] != is_result:
            runs.append((is_result, []))
        runs[-1][1].append(block)
    calls: list[str] = []  # without a result as yet
    for is_result, run in runs:
        if is_result:
            payloads += [_result(block, calls, f"{own}-{len(payloads)}") for block in run]
        else:
            payloads.append(_reply(run, f"{own}-{len(payloads)}", calls))
    if not payloads or payloads[0]["role"] != "assistant":
        payloads.insert(0, {"role": "assistant", "content": ""})
    if isinstance(reason := message.get("stop_reason"), str):
        last = next(each for each in reversed(payloads) if each["role"] == "assistant")
        last["finish_reason"] = _FINISH.get(reason, reason)
    payloads[0] |= _extra(message, left)
    return payloads


def _reply(blocks: Iterable[Json], own: str, calls: list[str]) -> Message:
    texts: list[str] = []
    thoughts: list[str] = []
    made: list[Message] = []
    for number, block in enumerate(blocks):
        if _is_text(block):
            texts.append(block["text"])
        elif block["type"] == "thinking":
            thoughts.append(block["thinking"])
        else:
            call = as_text(block.get("id")) or f"{own}-{number}"
            function = {"name": block["name"], "arguments": _arguments(block["input"])}
            made.append({"id": call, "type": "function", "function": function})
    reply: Message = {"role": "assistant", "content": _content(texts)}
    if made:
        reply["tool_calls"] = made
        calls += [call["id"] for call in made]
    if any(thoughts):
        reply["reasoning"] = "\n\n".join(filter(None, thoughts))
    return reply


def _arguments(given: Json) -> str:
    try:
        return codec.dump_json(given)
    except TypeError:  # a number or a text that JSON of ours cannot hold
        return repr(given)


def _result(block: Json, calls: list[str], own: str) -> Message:
    """Make a message of a tool's result; one that names no call is the next open one's."""
    named = as_text(block.get("tool_use_id"))
    call = named or next(iter(calls), own)
    if call in calls:
        calls.remove(call)
    told = block.get("content")
    given = [{"type": "text", "text": told}] if isinstance(told, str) else as_list(told)
    texts = [each["text"] for each in map(as_dict, given) if _is_text(each)]
    return {"role": "tool", "tool_call_id": call, "content": _content(texts) or ""}


def _blocks(message: Json) -> tuple[list[Json], list[Any]]:
    """Return the blocks that have what we have names for, and all that we have none for."""
    given = message.get("content")
    content = given if isinstance(given, list) else []
    found: list[Json] = []
    left: list[Any] = [] if isinstance(given, list) or given is None else [given]
    for block in content:
        known = _BLOCK.get(str(as_dict(block).get("type")))
        if known is None or not _is_whole(block):
            left.append(block)
            continue
        found.append(block)
        rest = {name: each for name, each in block.items() if name not in known and each}
        if not _is_plain(block):
            rest["content"] = block["content"]
        if rest:
            left.append({"type": block["type"], **rest})
    text = message.get("text")
    if isinstance(text, str) and text and not any(map(_is_text, found)):
        found.append({"type": "text", "text": text})  # all that there is, in old exports
    return found, left


def _is_whole(block: Json) -> bool:
    match block:
        case {"type": "text", "text": str()} | {"type": "thinking", "thinking": str()}:
            return True
        case {"type": "tool_use", "name": str(), "input": dict()} | {"type": "tool_result"}:
            return True
    return False


def _is_plain(block: Json) -> bool:
    """Whether all that a tool's result tells is text."""
    content = block.get("content") if block["type"] == "tool_result" else None
    if content is None or isinstance(content, str):
        return True
    return isinstance(content, list) and all(
        isinstance(each, dict) and _is_text(each) and set(each) == {"type", "text"}
        for each in content
    )


def _is_text(block: Json) -> bool:
    return block.get("type") == "text" and isinstance(block.get("text"), str)


def _content(texts: list[str]) -> str | list[Message] | None:
    if len(texts) > 1:
        return [{"type": "text", "text": text} for text in texts]
    return texts[0] if texts else None


def _extra(message: Json, left: list[Any]) -> Message:
    """Return the members that we have no name for, under the format's; empty ones are not kept."""
    other = {name: each for name, each in message.items() if name not in _NAMED and each}
    if left:
        other["content"] = left
    if not _repeats(message):
        other["text"] = message["text"]
    return {"extra": {NAME: other}} if other else {}


def _repeats(message: Json) -> bool:
    """Whether `text` tells nothing that the content does not."""
    text = message.get("text")
    if not text:
        return True
    blocks = [block for block in map(as_dict, as_list(message.get("content"))) if _is_text(block)]
    told = "".join(block["text"] for block in blocks)
    return isinstance(text, str) and (not blocks or text.split() == told.split())


def _digest(message: Any) -> str:
    return codec.digest(repr(message))
