"""Open WebUI's export: an array of chats, each with its `chat.history`, a tree of messages.

`history.messages` has them by id, with `parentId`; `currentId` is the last one shown. A reply's
`content` holds thoughts and tool calls as `<details>` markup; newer files repeat all of it in
`output`, as items of the Responses API, which is what is read where it is there. Of `content` alone,
thoughts are taken out and the rest is left as it is. A record, here, is a message.
"""

import html
import re
from collections.abc import Iterator
from typing import Any

from eventlog import codec
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

from .openai_agents import payload_of

NAME = "openwebui"
_ROLES = frozenset(("system", "user", "assistant"))
_NAMED = frozenset((
    "id", "parentId", "childrenIds", "role", "content", "model", "timestamp", "output", "usage",
))  # fmt: skip
_SESSION = frozenset(("id", "title", "chat", "created_at"))
_COUNTS = {
    "prompt_tokens": ("prompt_tokens", "input_tokens", "prompt_eval_count"),
    "completion_tokens": ("completion_tokens", "output_tokens", "eval_count"),
}
_THOUGHT = re.compile(r'<details type="reasoning"[^>]{0,500}>')
_SUMMARY = re.compile(r"\A\s*<summary>[^<]*</summary>")
_END = "</details>"

Json = dict[str, Any]


def recognize(sample: Sample) -> bool:
    """Whether these are chats with a history of messages."""
    return bool(sample.records) and all(map(_is_chat, sample.records))


def read(source: Source, losses: Losses) -> Iterator[ForeignSession]:
    """Give the chats, in the order of the file."""
    for number, value in enumerate(read_values(source, losses), 1):
        losses.read -= 1  # its messages are the records
        if not _is_chat(value):
            losses.unreadable.append((number, len(str(value))))
            continue
        chat, reading = value["chat"], _Reading(value["chat"]["history"])
        metadata: Json = {}
        if other := _but(value, _SESSION) | _but(chat, frozenset(("history", "messages", "title"))):
            metadata[NAME] = other
        if value.get("pinned") is True:
            metadata["pinned"] = True
        yield ForeignSession(
            NAME,
            as_text(value.get("id")) or codec.digest(str(next(iter(reading.messages), ""))),
            reading.said(losses),
            title=as_text(value.get("title")) or as_text(chat.get("title")),
            created=as_recorded(value.get("created_at")),
            head=reading.head,
            metadata=metadata,
            names_head=True,
            updated=as_recorded(value.get("updated_at")),
        )


def _is_chat(value: Any) -> bool:
    history = as_dict(as_dict(as_dict(value).get("chat")).get("history"))
    return isinstance(history.get("messages"), dict)


class _Reading:
    """The messages of one chat, each after its parent."""

    def __init__(self, history: Json) -> None:
        self.messages: Json = history["messages"]
        self._current = as_text(history.get("currentId"))
        self._last: dict[str, str] = {}  # message -> the id of the last thing that it said

    def head(self) -> str | None:
        """Return the id of what was shown last, once it was said."""
        return self._last.get(self._current or "") or None

    def said(self, losses: Losses) -> Iterator[Said]:
        """Give what was said."""
        parents = {i: as_text(as_dict(m).get("parentId")) for i, m in self.messages.items()}
        for id_, parent in walk_tree(parents):
            message = self.messages[id_]
            losses.read += 1
            self._last[id_] = self._last.get(parent, "") if parent else ""
            at = as_recorded(as_dict(message).get("timestamp"))
            payloads = _payloads(as_dict(message))
            if not payloads:
                losses.raw += 1
                yield Said(id_, {"message": message}, "x.openwebui.message", at)
                continue
            losses.mapped += 1
            for number, payload in enumerate(payloads, 1):
                own = id_ if number == len(payloads) else f"{id_}/{number}"
                yield Said(own, payload, at=at, parent=self._last[id_])
                self._last[id_] = own


def _payloads(message: Json) -> list[Json]:
    """Return the messages of ours that one says; a reply with tools says several."""
    role = as_text(message.get("role"))
    if role not in _ROLES:
        return []
    told = [payload_of(as_dict(item)) for item in as_list(message.get("output"))]
    payloads = [payload for payload in told if payload is not None]
    other = _but(message, _NAMED)
    if role != "assistant" or None in told or not payloads:  # an item that only `content` tells
        payloads = [{"role": role, **_content(message, role)}]
        other |= {"output": message["output"]} if message.get("output") else {}
    replies = [payload for payload in payloads if payload["role"] == "assistant"]
    if replies:
        replies[-1].update(_provenance(message))
    if other:
        payloads[-1]["extra"] = {**payloads[-1].get("extra", {}), NAME: other}
    return payloads


def _content(message: Json, role: str) -> Json:
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    if role == "assistant":
        text, thoughts = _without_thoughts(text)
        return {"content": text} | ({"reasoning": thoughts} if thoughts else {})
    files = [as_dict(file) for file in as_list(message.get("files"))]
    pictures = [
        file["url"] for file in files if file.get("type") == "image" and as_text(file.get("url"))
    ]
    if not pictures:
        return {"content": text}
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    return {"content": [{"type": "text", "text": text}, *parts]}


def _without_thoughts(text: str) -> tuple[str, str]:
    """Take the thoughts out of a reply: they are quoted, line by line, in markup."""
    said, thoughts, at = [], [], 0
    while (opened := _THOUGHT.search(text, at)) and (end := text.find(_END, opened.end())) >= 0:
        said.append(text[at : opened.start()])
        quoted = _SUMMARY.sub("", text[opened.end() : end]).strip()
        lines = (re.sub(r"\A> ?", "", html.unescape(line)) for line in quoted.split("\n"))
        thoughts.append("\n".join(lines))
        at = end + len(_END)
    said.append(text[at:])
    return "".join(said).lstrip("\n") if thoughts else text, "\n\n".join(thoughts)


def _provenance(message: Json) -> Json:
    told = as_dict(message.get("usage")) or as_dict(message.get("info"))
    usage: Json = {}
    for name, theirs in _COUNTS.items():
        counts = (told.get(each) for each in theirs)
        usage |= next(({name: count} for count in counts if type(count) is int), {})
    found = {
        "model": as_text(message.get("model")),
        "usage": usage,
        "status": "interrupted" if message.get("done") is False else None,
    }
    return {name: value for name, value in found.items() if value}


def _but(value: Json, names: frozenset[str]) -> Json:
    return {k: v for k, v in value.items() if k not in names and v not in (None, [], {})}
