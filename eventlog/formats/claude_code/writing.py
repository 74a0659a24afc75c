"""A session that came from Claude Code, written as a transcript that it resumes.

What was read is given back record by record, in its order. What was said here since becomes records
of the same shape, which follow the last of those.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from eventlog import codec
from eventlog.errors import TransferError
from eventlog.foreign import SOURCE_ID, Telling, as_dict, as_list
from eventlog.projections.messages import Message
from eventlog.record import RecordedEvent

from .mapping import NAME, Record, reply_records, user_record

_COMMON = ("isSidechain", "userType", "cwd", "sessionId", "version", "gitBranch", "slug", "agentId")
_RAW = f"x.{NAME}."
_READ = ("message.added", "head.moved")
_ENDS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}


def write(tellings: Iterable[Telling]) -> Iterator[bytes]:
    """Give the transcript of each session, its records in the order in which they were read.

    Raises TransferError for a session that did not come from Claude Code.
    """
    for telling in tellings:
        origin = telling.origin
        if origin is None or origin.get("format") != NAME:
            raise TransferError(telling.id, None, "did not come from Claude Code")
        for record in _Writing(str(origin["session"])).records(telling.whole or telling.events):
            yield codec.dump_json(record).encode() + b"\n"


class _Writing:
    """One transcript while it is written."""

    def __init__(self, session: str) -> None:
        self._head: Record = {"sessionId": session, "uuid": None}  # what the next message follows
        self._messages: dict[int, Record] = {0: self._head}  # by the seq of their last event
        self._later: deque[tuple[int, Record]] = deque()  # lines of a reply, each after how many

    def records(self, events: list[RecordedEvent]) -> Iterator[Record]:
        """Give the records of these events."""
        for group in _groups(events):
            if group[0]["type"] == "head.moved":
                self._head = self._messages.get(group[0]["data"]["to"], self._head)
            elif group[0]["type"] != "message.added":
                data = group[0]["data"]
                yield from self._placed({name: data[name] for name in data if name != SOURCE_ID})
            else:
                yield from self._message(group)
        yield from self._rest()

    def _message(self, group: list[RecordedEvent]) -> Iterator[Record]:
        """Give the records of a message, or of several that came from one record."""
        said = [event["data"] for event in group]
        lines: list[tuple[int, Record]] = []
        if "record" not in _kept(group[0]):
            record = self._new(group[0])
            lines = [(0, record)] if record else []
        elif said[0]["role"] == "assistant":
            lines = list(reply_records(said[0]))
        else:
            yield from self._placed(self._followed(group, user_record(said)))
            return
        yield from self._rest()
        if lines:
            self._later.extend(lines[1:])
            self._followed(group, lines[-1][1])
            yield lines[0][1]

    def _followed(self, group: list[RecordedEvent], record: Record) -> Record:
        self._head = self._messages[group[-1]["seq"]] = record
        return record

    def _placed(self, record: Record) -> Iterator[Record]:
        """Give a record, after the lines of a reply that stood before it."""
        yield from self._due()
        yield record
        if self._later:
            gap, line = self._later[0]
            self._later[0] = gap - 1, line

    def _due(self) -> Iterator[Record]:
        while self._later and self._later[0][0] <= 0:
            yield self._later.popleft()[1]

    def _rest(self) -> Iterator[Record]:
        while self._later:
            yield self._later.popleft()[1]

    def _new(self, event: RecordedEvent) -> Record | None:
        """Make a record of what was said here; None of an instruction, which Claude Code has none of."""
        data, kind = event["data"], "user"
        match data["role"]:
            case "user":
                told: Message = {"role": "user", "content": _blocks(data["content"])}
            case "tool":
                told = {"role": "user", "content": [_result(data)]}
            case "assistant":
                kind, told = "assistant", _reply(data, event["hash"])
            case _:
                return None
        common = {name: self._head[name] for name in _COMMON if name in self._head}
        return {
            "parentUuid": self._head.get("uuid"),
            "isSidechain": False,
            **common,
            "type": kind,
            "message": told,
            "uuid": str(uuid5(NAMESPACE_OID, event["hash"])),
            "timestamp": f"{event['at'][:23]}Z",
        }


def _groups(events: Iterable[RecordedEvent]) -> Iterator[list[RecordedEvent]]:
    """Give what is to be written, the messages of one record together."""
    group: list[RecordedEvent] = []
    for event in events:
        if event["type"] not in _READ and not event["type"].startswith(_RAW):
            continue
        if group and _belongs(event, group):
            group.append(event)
            continue
        if group:
            yield group
        group = [event]
    if group:
        yield group


def _belongs(event: RecordedEvent, group: list[RecordedEvent]) -> bool:
    """Whether a message came from the record that these did."""
    is_next = _kept(event).get("part") == len(group)
    return is_next and "record" in _kept(group[0]) and group[0]["data"]["role"] != "assistant"


def _kept(event: RecordedEvent) -> Record:
    """Return what a message keeps of its record."""
    extra = event["data"].get("extra") if event["type"] == "message.added" else None
    kept = as_dict(as_dict(extra).get(NAME))
    lines = [kept.get("record"), *as_list(kept.get("more"))]
    is_whole = all(isinstance(as_dict(line).get("message"), dict) for line in lines)
    return kept if is_whole or "part" in kept else {}


def _blocks(content: Any) -> Any:
    """Return content as Claude Code has it: text, or blocks of text and images."""
    return content if isinstance(content, str) else [_block(part) for part in content or ()]


def _block(part: Message) -> Record:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    if not isinstance(url, str):
        return {"type": "text", "text": str(part.get("text", ""))}
    kind, comma, data = url.removeprefix("data:").partition(";base64,")
    if not comma:
        return {"type": "image", "source": {"type": "url", "url": url}}
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def _result(data: Message) -> Record:
    content = _blocks(data["content"])
    return {"type": "tool_result", "tool_use_id": data["tool_call_id"], "content": content}


def _reply(data: Message, own: str) -> Message:
    """Make a reply of the model; its reasoning is left out, as nobody signed it."""
    content = _blocks(data.get("content") or [])
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for call in data.get("tool_calls") or ():
        given = codec.load_json(call["function"]["arguments"] or "{}")
        given = given if isinstance(given, dict) else {}
        name = call["function"]["name"]
        blocks.append({"type": "tool_use", "id": call["id"], "name": name, "input": given})
    return {
        "id": f"msg_{own}",
        "type": "message",
        "role": "assistant",
        "model": data.get("model") or "unknown",
        "content": blocks,
        "stop_reason": _ENDS.get(data.get("finish_reason") or ""),
        "stop_sequence": None,
        "usage": _usage(data.get("usage") or {}),
    }


def _usage(usage: Message) -> Message:
    details = usage.get("prompt_tokens_details") or {}
    cached = details.get("cached_tokens", 0)
    written = details.get("cache_creation_tokens", 0)
    return {
        "input_tokens": max(usage.get("prompt_tokens", 0) - cached - written, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.get("completion_tokens", 0),
    }
