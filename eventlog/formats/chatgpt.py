"""ChatGPT's data export: `conversations.json`, or its shards `conversations-000.json` and so on.

An array of conversations (one alone is an object; some tools write one a line), each with a title
and a `mapping` of nodes `{id, message, parent, children}`: a tree, of which `current_node` is where
the person was last. Seen in exports of 2023 to 2026; it is nowhere specified. What is done with it:

* each branch stays one; a node without a message is passed over; without any links, the order of
  the file is the order;
* an assistant's message to another `recipient` than `all` is a tool call, and what the tool says
  after it the result: one, however many messages it is;
* `thoughts` and `reasoning_recap` are reasoning; custom instructions are a system message;
* a person's pictures lie beside the JSON, in the same zip or folder, as `file-<id>-<name>`, and are
  taken from there; other images and sound, and pictures that are not there, are named in the text.

There is no token usage in it. A record, here, is a message; members that are null or empty are not kept.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from eventlog import codec
from eventlog.errors import TransferError
from eventlog.foreign import (
    ForeignSession,
    Losses,
    Said,
    as_dict,
    as_list,
    as_recorded,
    as_text,
    walk_tree,
)
from eventlog.sources import Sample, Source, read_values

from .results import join_results

NAME = "chatgpt"
_ROLES = frozenset(("system", "developer", "user", "assistant", "tool"))
_REASONING = frozenset(("thoughts", "reasoning_recap"))
_CONTEXT = {  # content types that instruct the model, with the members that hold the text
    "user_editable_context": ("user_profile", "user_instructions"),
    "model_editable_context": ("model_set_context",),
}
_TEXTS = ("text", "result", "content", "summary")  # where content without parts has its words
_CUT_OFF = frozenset(("in_progress", "finished_partial_completion"))
_FINISH = {"stop": "stop", "max_tokens": "length"}
_NAMED = frozenset(("id", "create_time", "author", "content", "metadata"))
_USUAL = {"recipient": "all", "status": "finished_successfully"}
_SESSION = frozenset(("mapping", "title", "create_time", "current_node", "conversation_id", "id"))

_FILE_ID = re.compile(r"file[-_][A-Za-z0-9]+")
_LARGEST_PICTURE = 8 << 20
_LONGEST_NAME = 200
_MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}

Json = dict[str, Any]


def recognize(sample: Sample) -> bool:
    """Whether these are conversations, and one of them has its mapping."""
    return any(_looks_mapped(_unwrapped(record)) for record in sample.records)


def read(source: Source, losses: Losses) -> Iterator[ForeignSession]:
    """Give the conversations, in the order of the file."""
    pictures = _Pictures(source)
    for number, value in enumerate(read_values(source, losses), 1):
        conversation = _unwrapped(value)
        if not isinstance(conversation, dict):
            losses.read -= 1
            losses.unreadable.append((number, len(str(value))))
        elif isinstance(conversation.get("mapping"), dict):
            losses.read -= 1  # its messages are the records
            walk = _Walk(conversation, pictures)
            yield _session(walk, conversation, _around(value, conversation), losses)
        else:
            losses.raw += 1
            id_ = _session_id(conversation)
            whole = Said(f"{id_}-conversation", conversation, "x.chatgpt.conversation")
            title = as_text(conversation.get("title"))
            yield ForeignSession(NAME, id_, iter((whole,)), title=title)


def _session(walk: "_Walk", conversation: Json, around: Json, losses: Losses) -> ForeignSession:
    metadata: Json = {}
    if told := around | _but(conversation, _SESSION):
        metadata[NAME] = told
    if conversation.get("is_starred") is True:
        metadata["pinned"] = True
    return ForeignSession(
        NAME,
        _session_id(conversation),
        join_results(walk.said(losses), NAME, walk.head),
        title=as_text(conversation.get("title")),
        created=as_recorded(conversation.get("create_time")),
        head=walk.head,
        metadata=metadata,
        names_head=True,
        updated=as_recorded(conversation.get("update_time")),
    )


def _session_id(conversation: Json) -> str:
    """Return its own id, or one made of what does not change as it grows."""
    for name in ("conversation_id", "id"):
        if own := as_text(conversation.get(name)):
            return own
    first = next(iter(as_dict(conversation.get("mapping"))), None)
    return codec.digest([str(conversation.get("create_time")), str(first)])


def _unwrapped(value: Any) -> Any:
    """Return the conversation that a browser capture holds, or what was given."""
    inner = as_dict(value).get("raw_provider_payload")
    return inner if isinstance(inner, dict) else value


def _around(value: Any, conversation: Json) -> Json:
    if value is conversation:
        return {}
    return {"capture": {name: each for name, each in value.items() if each is not conversation}}


def _looks_mapped(conversation: Any) -> bool:
    mapping = as_dict(as_dict(conversation).get("mapping"))
    return any(isinstance(node, dict) and "message" in node for node in mapping.values())


class _Pictures:
    """The pictures that lie beside a source, by the id in their names."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @cached_property
    def _files(self) -> dict[str, Source]:
        names = ((re.split(r"[!/\\]", other.name)[-1], other) for other in self._source.beside())
        return {found[0]: other for name, other in names if (found := _FILE_ID.match(name))}

    def url(self, pointer: str) -> str | None:
        """Return a picture as a data URL; None if it is not there, or none that can be shown."""
        if pointer.startswith(("data:image/", "https://")):
            return pointer
        found = _FILE_ID.match(pointer.rpartition("/")[2])
        file = self._files.get(found[0]) if found else None
        if file is None:
            return None
        try:
            with file.start() as stream:
                data = stream.read(_LARGEST_PICTURE + 1)
        except (OSError, TransferError):
            return None
        kind = next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)
        if kind is None or len(data) > _LARGEST_PICTURE:
            return None
        return f"data:image/{kind};base64,{b64encode(data).decode()}"


class _Walk:
    """The nodes of one conversation, each after its parent, told one by one."""

    def __init__(self, conversation: Json, pictures: _Pictures) -> None:
        self._pictures = pictures
        self._model = as_text(conversation.get("default_model_slug"))
        self._current = conversation.get("current_node")
        mapping = conversation["mapping"]
        self._odd = {id_: node for id_, node in mapping.items() if not isinstance(node, dict)}
        self._nodes = {id_: node for id_, node in mapping.items() if isinstance(node, dict)}
        self._parents = _parents(self._nodes)
        self._places: dict[str, str] = {}  # node -> the id of what it, or the one above it, said
        self._calls: dict[str, str] = {}  # node -> the tool call that is open there
        self._told: dict[str, Any] = {}  # id of what was said -> the message

    def head(self) -> str | None:
        """Return the id of the message that comes last, where the file says so."""
        if not isinstance(self._current, str):
            return None
        return self._places.get(self._current) or None

    def said(self, losses: Losses) -> Iterator[Said]:
        """Give what was said, in an order in which nothing comes before what it follows."""
        for node_id, odd in self._odd.items():
            if odd is not None:
                losses.read += 1
                losses.raw += 1
                yield Said(f"{node_id}/node", {"node": odd}, "x.chatgpt.node")
        linked = any(self._parents.values())
        for node_id, parent in walk_tree(self._parents):
            above = self._places.get(parent, "") if parent else ""
            self._places[node_id] = above
            self._calls[node_id] = self._calls.get(parent, "") if parent else ""
            message = self._nodes[node_id].get("message")
            if message is not None:
                losses.read += 1
                yield from self._tell(node_id, message, above if linked else None, losses)

    def _tell(
        self, node_id: str, message: Any, above: str | None, losses: Losses
    ) -> Iterator[Said]:
        own = self._id(node_id, message)
        if own is None:
            losses.left += 1
            return
        at = as_recorded(as_dict(message).get("create_time"))
        payload = _payload(message, own, self._calls[node_id] or own) if as_dict(message) else None
        if payload is None:
            losses.raw += 1
            yield Said(own, {"message": message}, "x.chatgpt.message", at)
            return
        losses.mapped += 1
        self._places[node_id] = own
        if payload["role"] == "user":
            self._show(payload, message["content"])
        self._follow(node_id, payload)
        if payload["role"] == "assistant" and self._model:
            payload.setdefault("model", self._model)
        yield Said(own, payload, at=at, parent=above)

    def _id(self, node_id: str, message: Any) -> str | None:
        """Return the id of a message; None if it was told already, under another node."""
        own = as_text(as_dict(message).get("id")) or node_id
        if own in self._told and self._told[own] != message:
            own = f"{own}/{node_id}"
        elif own in self._told:
            self._places[node_id] = own
            return None
        self._told[own] = message
        return own

    def _show(self, payload: Json, content: Json) -> None:
        """Put the pictures that are there in the place of their names; only a person shows some."""
        for place, part in enumerate(as_list(content.get("parts"))):
            pointer = as_text(as_dict(part).get("asset_pointer"))
            is_picture = str(as_dict(part).get("content_type")).startswith("image")
            if pointer and is_picture and (url := self._pictures.url(pointer)):
                payload["content"][place] = {"type": "image_url", "image_url": {"url": url}}

    def _follow(self, node_id: str, payload: Json) -> None:
        """Note which tool call is open after a message: what a tool says next answers it."""
        if payload.get("tool_calls"):
            self._calls[node_id] = payload["tool_calls"][0]["id"]
        elif payload["role"] == "user" or (
            payload.get("content") and payload["role"] == "assistant"
        ):
            self._calls[node_id] = ""


def _parents(nodes: dict[str, Json]) -> dict[str, str | None]:
    """Return the parent of each node, as it says or as its parent does; siblings in their order."""
    listed: dict[str, str] = {}
    for node_id, node in nodes.items():
        for child in as_list(node.get("children")):
            if isinstance(child, str) and child in nodes and child != node_id:
                listed.setdefault(child, node_id)
    own: dict[str, str | None] = {}
    for node_id in (*listed, *nodes):
        if node_id not in own:
            parent = nodes[node_id].get("parent")
            known = isinstance(parent, str) and parent in nodes and parent != node_id
            own[node_id] = parent if known else listed.get(node_id)
    return own


def _payload(message: Json, own: str, call: str) -> Json | None:
    """Return a message of ours; None if it says nothing that has a place in a conversation."""
    role = as_dict(message.get("author")).get("role")
    content = message.get("content")
    if not isinstance(role, str) or role not in _ROLES or not isinstance(content, dict):
        return None
    kind, text = as_text(content.get("content_type")), _content(content)
    recipient = as_text(message.get("recipient")) or "all"
    if kind in _REASONING:
        told: Json = {"role": "assistant", "reasoning": _reasoning(content)}
    elif kind in _CONTEXT:
        words = (as_text(content.get(name)) for name in _CONTEXT[kind])
        told = {"role": "system", "content": "\n\n".join(filter(None, words))}
    elif role == "assistant" and recipient != "all":
        told = {"role": role, "tool_calls": [_call(own, recipient, text)]}
    elif role == "tool":
        told = {"role": role, "content": text, "tool_call_id": call}
        told |= _given("name", as_text(as_dict(message.get("author")).get("name")))
    else:
        told = {"role": role, "content": text}
    if told["role"] in ("system", "developer") and not told["content"]:
        return None
    extra = _extra(message)
    return told | _provenance(message, told) | _given("extra", extra and {NAME: extra})


def _content(content: Json) -> str | list[Json]:
    parts = content.get("parts")
    if not isinstance(parts, list):
        return next(filter(None, (as_text(content.get(name)) for name in _TEXTS)), "")
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return [_part(part) for part in parts]


def _part(part: Any) -> Json:
    """Return a content part; what is not in the file is named in words."""
    if isinstance(part, str):
        return {"type": "text", "text": part}
    given = as_dict(part)
    kind = as_text(given.get("content_type")) or "part"
    pointer = (as_text(given.get("asset_pointer")) or "")[:_LONGEST_NAME]
    if text := as_text(given.get("text")):
        return {"type": "text", "text": text}
    name = kind.removesuffix("_asset_pointer").replace("_", " ")
    return {"type": "text", "text": f"[{name}: {pointer}]" if pointer else f"[{name}]"}


def _reasoning(content: Json) -> str:
    thoughts = [as_dict(thought) for thought in as_list(content.get("thoughts"))]
    words = [as_text(thought.get(name)) for thought in thoughts for name in ("summary", "content")]
    words += [as_text(part) for part in as_list(content.get("parts"))]
    words += [as_text(content.get("content"))]
    return "\n\n".join(filter(None, words))


def _call(own: str, recipient: str, text: str | list[Json]) -> Json:
    """Return a tool call; arguments that are no JSON (code, a query) become its `input`."""
    words = text if isinstance(text, str) else "\n".join(part.get("text", "") for part in text)
    arguments = words if codec.is_json(words) else codec.dump_json({"input": _encodable(words)})
    return {"id": own, "type": "function", "function": {"name": recipient, "arguments": arguments}}


def _provenance(message: Json, told: Json) -> Json:
    """Return what is known of how a reply came about."""
    if told["role"] != "assistant":
        return {}
    metadata = as_dict(message.get("metadata"))
    finish = as_dict(metadata.get("finish_details")).get("type")
    found = _given("model", as_text(metadata.get("model_slug")))
    if told.get("tool_calls"):
        found["finish_reason"] = "tool_calls"
    elif isinstance(finish, str) and finish in _FINISH:
        found["finish_reason"] = _FINISH[finish]
    if finish == "interrupted" or message.get("status") in tuple(_CUT_OFF):
        found["status"] = "interrupted"
    return found


def _extra(message: Json) -> Json:
    """Return what a message has beyond what ours names."""
    other = {k: v for k, v in _but(message, _NAMED).items() if _USUAL.get(k, ...) != v}
    author, content = as_dict(message.get("author")), as_dict(message.get("content"))
    parts = as_list(content.get("parts"))
    said = "parts" if all(isinstance(part, str) for part in parts) else ""
    if not isinstance(content.get("parts"), list):
        said = next((name for name in _TEXTS if as_text(content.get(name))), "")
    left = _but(content, frozenset((said,)))
    if left != {"content_type": "text"}:
        other |= _given("content", left)
    other |= _given("author", _but(author, frozenset(("role",))))
    return other | _given("metadata", _but(as_dict(message.get("metadata")), frozenset()))


def _but(value: Json, names: frozenset[str]) -> Json:
    """Return the members that say something, but for some."""
    return {k: v for k, v in value.items() if k not in names and v not in (None, {}, [])}


def _given(name: str, value: Any) -> Json:
    return {name: value} if value else {}


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
