"""The pi coding agent: a header line and then one entry a line, a tree by `id` and `parentId`.

    {"type":"session","version":3,"id":"…","timestamp":"…","cwd":"…","parentSession":"…"}
    {"type":"message","id":"…","parentId":"…","timestamp":"…","message":{"role":"user","content":…}}

Source: badlogic/pi-mono packages/coding-agent/docs/session.md; version 1 has no ids and no tree. It is
read, and not written.

* what a person ran in the shell, what an extension said and the summary of a branch are in pi's
  context as the user's words: messages of the user here;
* `compaction` becomes context.summarized, `session_info` the title, and both are kept;
* settings (model, thinking level), labels and extensions' state are kept as they are;
* a fork copies its parent's records: the usage of those is not counted again, and kept beside them.
"""

from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any

from eventlog.foreign import ForeignSession, Losses, Said, as_recorded
from eventlog.sources import Record, Sample, Source, read_records

from .pieces import (
    Json,
    as_dict,
    as_list,
    as_text,
    data_url,
    given,
    image_part,
    is_message,
    kept,
    made_id,
    one_text,
    place_id,
    text_part,
    tool_call,
    usage,
)  # fmt: skip

NAME = "pi"
_LOOKED_AT = 50
_FINISH = {"stop": "stop", "length": "length", "toolUse": "tool_calls", "error": "error"}


def recognize(sample: Sample) -> bool:
    """Whether there is a header of pi's, or a message with pi's members around it."""
    return sample.kind in ("lines", "object") and any(
        _is_header(record) or _is_entry(record) for record in sample.records
    )


def _is_header(record: Any) -> bool:
    told = as_dict(record)
    return told.get("type") == "session" and all(
        isinstance(told.get(name), str) for name in ("id", "timestamp", "cwd")
    )


def _is_entry(record: Any) -> bool:
    told = as_dict(record)
    return (
        told.get("type") == "message"
        and isinstance(told.get("timestamp"), str)
        and as_dict(told.get("message")).get("role") in tuple(_MAKERS)
        and not ("uuid" in told or "sessionId" in told or "payload" in told)
    )


def read(source: Source, losses: Losses) -> Iterator[ForeignSession]:
    """Give the session of a file."""
    with source.start() as stream:
        records = read_records(stream, Losses())
        first = [record.value for _, record in zip(range(_LOOKED_AT), records, strict=False)]
    if not first:
        return
    header = next(filter(_is_header, first), {})
    own = {name: value for name, value in header.items() if name not in ("type", "id")}
    walk = _Walk(header)
    yield ForeignSession(
        NAME,
        as_text(header.get("id")) or made_id(source, first[0]),
        walk.said(source, losses),
        created=as_recorded(header.get("timestamp")),
        origin=_parent(header.get("parentSession")),
        head=lambda: walk.head,
        metadata={NAME: own} if own else {},
    )


def _parent(path: Any) -> str | None:
    """Return the id in the path of a session's file: `<time>_<id>.jsonl`."""
    if not isinstance(path, str) or not path:
        return None
    return PurePath(path.replace("\\", "/")).stem.rpartition("_")[2] or None


class _Walk:
    """The entries of one file as they are read: where each one hangs."""

    def __init__(self, header: Json) -> None:
        self._forked = as_recorded(header.get("timestamp")) if header.get("parentSession") else None
        self._above: dict[str, str] = {}  # entry -> the message that it is, or hangs on
        self._before: dict[str, str] = {}  # message -> the one that it hangs on
        self.head: str | None = None

    def said(self, source: Source, losses: Losses) -> Iterator[Said]:
        """Give what the entries say, in their order."""
        headed = False
        with source.start() as stream:
            for record in read_records(stream, losses):
                if not headed and _is_header(record.value):
                    headed = True
                    losses.mapped += 1
                    continue
                said = list(self._of(record))
                losses.raw += len(said) == 1 and said[0].type.startswith("x.")
                losses.mapped += len(said) != 1 or not said[0].type.startswith("x.")
                yield from said

    def _of(self, record: Record) -> Iterator[Said]:
        entry = record.value
        own, parent = as_text(entry.get("id")), entry.get("parentId", ...)
        id_ = own or place_id(record.number, entry)
        above = self._above.get(parent) if isinstance(parent, str) else None
        above = "" if parent is None else above
        at = as_recorded(entry.get("timestamp"))
        payload = _payload(entry)
        if payload is not None and is_message(payload):
            self._before[id_] = (self.head or "") if above is None else above
            self._above[id_] = self.head = id_
            yield Said(id_, self._counted_once(payload, at), at=at, parent=above)
            return
        self.head = self._above[id_] = above if above is not None else self.head or ""
        yield from self._noted(entry, id_, at)

    def _noted(self, entry: Json, id_: str, at: str | None) -> Iterator[Said]:
        """Give what is no message: the title, a summary, or what is kept as it is."""
        name = as_text(entry.get("name"))
        raw = kept(NAME, id_, entry, entry.get("type", "record"))
        yield Said(raw.id, raw.data, raw.type, at=at)
        if entry.get("type") == "session_info" and name:
            told: Json = {"title": name[:500]}
            yield Said(f"{id_}/title", told, "title.set", at=at, record=id_)
        summary, first = as_text(entry.get("summary")), entry.get("firstKeptEntryId")
        through = self._before.get(first) if isinstance(first, str) else None
        if entry.get("type") == "compaction" and summary and through:
            told = {"text": summary, "through": through}
            yield Said(f"{id_}/summary", told, "context.summarized", at=at, record=id_)

    def _counted_once(self, payload: Json, at: str | None) -> Json:
        """Return a message without the usage that the session has, of which this is a copy."""
        copied = self._forked is not None and at is not None and at < self._forked
        if not copied or "usage" not in payload:
            return payload
        return {name: value for name, value in payload.items() if name != "usage"}


def _payload(entry: Json) -> Json | None:
    """Return a message of ours; None for an entry that is none."""
    kind, message = entry.get("type"), entry.get("message")
    if kind == "branch_summary":
        return _user(as_text(entry.get("summary")), _but(entry, *_AROUND, "summary"))
    if kind == "custom_message":
        return _user(_content(entry.get("content")), _but(entry, *_AROUND, "content"))
    if kind != "message" or not isinstance(message, dict):
        return None
    make = _MAKERS.get(str(message.get("role")))
    return make(message) if make else None


_AROUND = ("id", "parentId", "timestamp")


def _user(content: Any, rest: Json) -> Json:
    if rest.get("role") == "user":
        del rest["role"]
    return {"role": "user", "content": content} | _beside(rest)


def _run(message: Json) -> str:
    """Return what a person ran in the shell, in the words that pi tells the model."""
    output = as_text(message.get("output")) or "(no output)"
    return f"Ran `{message.get('command')}`\n```\n{output}\n```"


def _instructions(message: Json) -> Json:
    sections = as_dict(message.get("sections"))
    texts = [as_text(message.get("content")), *map(as_text, sections.values())]
    rest = _but(message, "role", "content", "timestamp", "sections")
    rest |= given(sections=[name for name in sections if as_text(sections[name])])
    return {"role": "system", "content": "\n\n".join(filter(None, texts))} | _beside(rest)


def _result(message: Json) -> Json:
    rest = _but(message, "role", "content", "toolCallId", "toolName", "timestamp")
    told: Json = {"role": "tool", "content": _content(message.get("content"))}
    told |= given(tool_call_id=message.get("toolCallId"), name=message.get("toolName"))
    return told | _beside(rest)


def _reply(message: Json) -> Json:
    blocks = [as_dict(block) for block in as_list(message.get("content"))]
    thoughts = [as_text(each.get("thinking")) for each in blocks if each.get("type") == "thinking"]
    calls = [
        tool_call(each.get("id"), each.get("name"), each.get("arguments"))
        for each in blocks
        if each.get("type") == "toolCall"
    ]
    stop, meta = message.get("stopReason"), as_dict(message.get("usage"))
    content = message.get("content")
    told: Json = {"role": "assistant", "content": _content(content)}
    told |= given(
        reasoning="\n\n".join(filter(None, thoughts)),
        tool_calls=calls,
        model=message.get("model"),
        usage=_usage(meta),
        finish_reason=_FINISH.get(stop) if isinstance(stop, str) else None,
        status="interrupted" if stop == "aborted" else None,
    )
    rest = _but(message, "role", "content", "model", "timestamp")
    rest |= given(signatures=[_but(each, "type", "thinking") for each in blocks
                              if each.get("type") == "thinking" and len(each) > 2])  # noqa: PLR2004  # fmt: skip
    return told | _beside(rest)


def _usage(told: Json) -> Json | None:
    """Return what was used: pi counts what the cache had and took beside the input."""
    sent = [told.get(name, 0) for name in ("input", "cacheRead", "cacheWrite")]
    if not all(isinstance(count, int) for count in (*sent, told.get("output", 0))) or not told:
        return None
    counted = usage(
        sum(sent), told.get("output"), cached=told.get("cacheRead"), reasoning=told.get("reasoning")
    )
    cost = as_dict(told.get("cost")).get("total")
    if counted and isinstance(cost, int | float) and not isinstance(cost, bool):
        counted["cost"] = {"amount": str(cost), "currency": "USD"}
    return counted


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    parts = (_part(as_dict(block)) for block in content)
    return one_text([part for part in parts if part is not None])


def _part(block: Json) -> Json | None:
    kind = block.get("type")
    if kind == "text":
        return text_part(as_text(block.get("text")) or "")
    if kind in ("thinking", "toolCall"):
        return None
    held = as_text(block.get("data"))
    if kind == "image" and held:
        return image_part(data_url(block.get("mimeType"), held))
    return text_part(f"[{kind}]")


def _but(value: Json, *names: str) -> Json:
    return {name: each for name, each in value.items() if name not in names and each is not None}


def _beside(rest: Json) -> Json:
    return {"extra": {NAME: rest}} if rest else {}


def _summary(message: Json) -> Json:
    return _user(as_text(message.get("summary")), _but(message, "timestamp", "summary"))


def _words(message: Json) -> Json:
    return _user(_content(message.get("content")), _but(message, "timestamp", "content"))


_MAKERS: dict[str, Callable[[Json], Json]] = {
    "user": _words,
    "custom": _words,
    "hookMessage": _words,
    "assistant": _reply,
    "toolResult": _result,
    "system": _instructions,
    "bashExecution": lambda message: _user(_run(message), _but(message, "timestamp")),
    "branchSummary": _summary,
    "compactionSummary": _summary,
}
"""By the role of a message, what makes one of ours of it."""
