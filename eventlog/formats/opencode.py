"""opencode: its database `~/.local/share/opencode/opencode.db`, and what `opencode export` prints.

The source is sst/opencode, as 1.18 writes it: tables `session`, `message` and `part`, the last two
with JSON in `data`; the export is `{"info", "messages": [{"info", "parts"}]}` with the same in it.
The table `event` tells all that once more, and is left. A part may be there before the next one is,
so each part that says something is a message of its own: words, thoughts, a tool call and its result.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from eventlog import codec
from eventlog.foreign import ForeignSession, Losses, Said, as_recorded
from eventlog.sources import Database, Sample, Source, open_database, read_values, take_sample

from .pieces import (
    Json,
    as_dict,
    as_list,
    as_text,
    given,
    image_part,
    kept,
    one_text,
    place_id,
    text_part,
    tool_call,
    usage,
)

NAME = "opencode"
_TABLES = {"session": "directory", "message": "session_id", "part": "message_id"}
_RAW_TABLES = ("todo", "session_message", "session_input", "session_context_epoch")
_TOLD = (
    "directory",
    "version",
    "slug",
    "agent",
    "project_id",
    "projectID",
    "parent_id",
    "parentID",
)
_UNTITLED = ("New session - ", "Child session - ")
_MESSAGES = """SELECT m.id, m.time_created, m.data, p.id AS part_id, p.data AS part
    FROM message m LEFT JOIN part p ON p.message_id = m.id
    WHERE m.session_id = ? ORDER BY m.time_created, m.id, p.id"""


def recognize(sample: Sample) -> bool:
    """Whether this is opencode's database, or one session that it exported."""
    if sample.tables is not None:
        return all(column in sample.tables.get(t, ()) for t, column in _TABLES.items())
    return sample.kind == "object" and _is_export(sample.records[0])


def _is_export(value: Any) -> bool:
    messages = as_dict(value).get("messages")
    info = as_dict(as_dict(value).get("info"))
    return bool(info.get("id")) and isinstance(messages, list) and all(map(_is_told, messages))


def _is_told(value: Any) -> bool:
    told = as_dict(value)
    return isinstance(told.get("info"), dict) and isinstance(told.get("parts"), list)


def read(source: Source, losses: Losses) -> Iterator[ForeignSession]:
    """Give the sessions, the oldest first. Raises TransferError where they cannot be read."""
    if take_sample(source).kind == "sqlite":
        with open_database(source) as database:
            for row in list(database.rows("SELECT * FROM session ORDER BY time_created, id")):
                yield _from_row(database, row, losses)
        return
    for value in read_values(source, losses):
        info = as_dict(as_dict(value).get("info"))
        messages = as_list(as_dict(value).get("messages"))
        losses.mapped += 1
        yield _session(info, _exported(messages, losses), losses)


def _from_row(database: Database, row: Json, losses: Losses) -> ForeignSession:
    plain = {name: value for name, value in row.items() if not isinstance(value, bytes)}
    info = plain | {"revert": _loaded(plain.get("revert"))}
    session = _session(info, _stored(database, row["id"], losses), losses)
    losses.read += 1
    losses.mapped += 1
    if "aggregate_id" in database.tables.get("event", ()):
        query = "SELECT count(*) AS told FROM event WHERE aggregate_id = ?"
        told = next(database.rows(query, row["id"]))["told"]
        losses.read += told
        losses.left += told
    return session


def _session(info: Json, messages: Iterable["_Message"], losses: Losses) -> ForeignSession:
    title = as_text(info.get("title")) or ""
    time = as_dict(info.get("time"))
    reverted = as_text(as_dict(info.get("revert")).get("messageID"))
    telling = _Telling(losses, reverted)
    return ForeignSession(
        NAME,
        as_text(info.get("id")) or place_id(1, info),
        telling.said(messages),
        title=None if title.startswith(_UNTITLED) else title or None,
        created=as_recorded(info.get("time_created", time.get("created"))),
        head=telling.head,
        metadata=given(**{NAME: given(**{name: info.get(name) for name in _TOLD})}),
        names_head=True,
        updated=as_recorded(info.get("time_updated", time.get("updated"))),
    )


_Part = tuple[str, Json]
_Message = tuple[str, object, Json, list[_Part]]
"""A message: its id, when it was said, what it is ({} where that is unreadable), and its parts."""


def _exported(messages: list[Any], losses: Losses) -> Iterator["_Message"]:
    for place, each in enumerate(messages):
        info = as_dict(as_dict(each).get("info"))
        listed = as_list(as_dict(each).get("parts"))
        losses.read += bool(info) + len(listed)
        parts = [(as_text(as_dict(p).get("id")) or place_id(i, p), as_dict(p) or {"value": p})
                 for i, p in enumerate(listed)]  # fmt: skip
        created = as_dict(info.get("time")).get("created")
        yield as_text(info.get("id")) or place_id(place, each), created, info, parts


def _stored(database: Database, session_id: object, losses: Losses) -> Iterator["_Message"]:
    """Give what the tables hold of a session; what is no JSON in them is told by its length."""
    for table in _RAW_TABLES:
        if "session_id" in database.tables.get(table, ()):
            query = f'SELECT * FROM "{table}" WHERE session_id = ?'  # noqa: S608 - a name of ours
            for place, row in enumerate(database.rows(query, session_id)):
                losses.read += 1
                whole = {n: v for n, v in row.items() if not isinstance(v, bytes)}
                yield place_id(place, [table, str(row)]), None, {"role": table, **whole}, []
    rows = database.rows(_MESSAGES, session_id)
    for id_, group in groupby(rows, key=itemgetter("id")):
        listed = list(group)
        parts = [(str(r["part_id"]), r["part"]) for r in listed if r["part_id"] is not None]
        losses.read += 1 + len(parts)
        found = [(part_id, value) for part_id, text in parts if (value := _read(text, losses))]
        info = _read(listed[0]["data"], losses)
        yield str(id_), listed[0]["time_created"], info, found


def _read(text: Any, losses: Losses) -> Json:
    value = as_dict(_loaded(text))
    if not value:
        losses.read -= 1
        losses.unreadable.append((0, len(text) if isinstance(text, str | bytes) else 0))
    return value


def _loaded(text: Any) -> Any:
    return codec.load_json(text) if isinstance(text, str | bytes) else text


class _Telling:
    """A session while it is told."""

    def __init__(self, losses: Losses, reverted: str | None) -> None:
        self._losses = losses
        self._reverted = reverted
        self._last: str | None = None
        self._left: str | None = None  # said last before the messages that were taken back

    def said(self, messages: Iterable[_Message]) -> Iterator[Said]:
        """Give what the messages and their parts tell, in order."""
        for id_, created, info, parts in messages:
            if id_ == self._reverted:
                self._left = self._last
            said = list(_said(id_, as_recorded(created), info, parts))
            self._count(said, bool(info) + len(parts))
            for each in said:
                self._last = each.id if each.type == "message.added" else self._last
                yield each

    def head(self) -> str | None:
        """Return what was said last, but for messages that were taken back."""
        return self._left or self._last

    def _count(self, said: list[Said], records: int) -> None:
        raw = sum(each.type.startswith("x.") for each in said)
        self._losses.raw += raw
        self._losses.mapped += records - raw


def _said(id_: str, at: str | None, info: Json, parts: list[_Part]) -> Iterator[Said]:
    role = info.get("role")
    if role == "user":
        yield _asked(id_, at, info, parts)
    elif role == "assistant":
        yield from _replied(id_, at, info, parts)
    else:
        yield from [_raw(id_, info, role, at)] if info else ()
        yield from (_raw(part_id, part, "part", at) for part_id, part in parts)


def _raw(id_: str, record: Json, kind: object, at: str | None) -> Said:
    said = kept(NAME, id_, record, kind)
    return Said(said.id, said.data, said.type, at)


def _asked(id_: str, at: str | None, info: Json, parts: list[_Part]) -> Said:
    """Return what a person said: one message, as its parts are written with it."""
    shown = [_shown(part) for _, part in parts]
    rest = [
        _rest(part_id, part, is_told=bool(s))
        for (part_id, part), s in zip(parts, shown, strict=True)
    ]
    model = as_dict(info.get("model")).get("modelID")
    data = {"role": "user", "content": one_text([part for part in shown if part])}
    extra = {NAME: given(info=_less(info, "role"), parts=rest)}
    return Said(id_, {**data, **given(model=as_text(model)), "extra": extra}, at=at)


def _shown(part: Json) -> Json | None:
    if part.get("type") == "text" and isinstance(part.get("text"), str):
        return text_part(part["text"])
    url, kind = part.get("url"), part.get("mime")
    is_image = part.get("type") == "file" and isinstance(kind, str) and kind.startswith("image/")
    return image_part(url) if is_image and isinstance(url, str) else None


def _rest(part_id: str, part: Json, *, is_told: bool) -> Json:
    rest = _less(part, "text", "url") if is_told else part
    return {**rest, "id": part_id}


def _less(record: Json, *names: str) -> Json:
    return {name: value for name, value in record.items() if name not in names}


def _replied(id_: str, at: str | None, info: Json, parts: list[_Part]) -> Iterator[Said]:
    """Give what a model said and did; the last of it carries what the whole cost."""
    said = [each for part_id, part in parts for each in _of_reply(part_id, at, part)]
    spoken = [n for n, each in enumerate(said) if each.data.get("role") == "assistant"]
    who = given(model=as_text(info.get("modelID")))
    for place in spoken:
        said[place].data.update(who)
    if not spoken:  # a reply that never came is told by its record
        yield _raw(id_, info, "message", at)
        yield from said
        return
    data = said[spoken[-1]].data
    data.update(given(usage=_usage(as_dict(info.get("tokens")), info.get("cost"))))
    data.update(
        given(finish_reason=_finish(info), status="interrupted" if info.get("error") else "")
    )
    data.setdefault("extra", {}).setdefault(NAME, {})["info"] = _less(info, "role")
    yield from said
    if info.get("summary") is True and (text := _words(said)):
        through = {"text": text, "through": said[spoken[-1]].id}
        yield Said(f"{id_}/summary", through, "context.summarized", at)


def _words(said: list[Said]) -> str:
    texts = (e.data.get("content") for e in said if e.data.get("role") == "assistant")
    return "\n\n".join(text for text in texts if isinstance(text, str))


def _of_reply(part_id: str, at: str | None, part: Json) -> Iterator[Said]:
    at = as_recorded(as_dict(part.get("time")).get("start")) or at
    kind, text = part.get("type"), part.get("text")
    if kind == "text" and isinstance(text, str):
        data: Json = {"role": "assistant", "content": text}
    elif kind == "reasoning" and isinstance(text, str):
        data = {"role": "assistant", "content": None, "reasoning": text}
    elif kind == "tool" and as_text(part.get("callID")) and as_text(part.get("tool")):
        yield from _tool(part_id, at, part)
        return
    else:
        yield _raw(part_id, part, kind or "part", at)
        return
    other = _less(part, "type", "text")
    yield Said(part_id, {**data, "extra": {NAME: {"part": other}}} if other else data, at=at)


def _tool(part_id: str, at: str | None, part: Json) -> Iterator[Said]:
    """Give a call, and its result once there is one; what else is told of it goes with the result."""
    state = as_dict(part.get("state"))
    time = as_dict(state.get("time"))
    begun, ended = as_recorded(time.get("start")) or at, as_recorded(time.get("end")) or at
    call = tool_call(part["callID"], part["tool"], state.get("input"))
    yield Said(part_id, {"role": "assistant", "content": None, "tool_calls": [call]}, at=begun)
    told = state.get("output", state.get("error"))
    if not isinstance(told, str):
        return
    images = [_shown(as_dict(each)) for each in as_list(state.get("attachments"))]
    content = one_text([text_part(told), *(part for part in images if part)])
    other = {
        **_less(part, "type", "tool", "callID"),
        "state": _less(state, "input", "output", "error"),
    }
    data = {"role": "tool", "tool_call_id": part["callID"], "content": content}
    yield Said(f"{part_id}/result", {**data, "extra": {NAME: {"part": other}}}, at=ended)


def _usage(tokens: Json, cost: object) -> Json | None:
    """Return what a reply cost: opencode's input has no cached tokens in it, its output no thoughts."""
    cache = as_dict(tokens.get("cache"))
    read = _sum(tokens.get("input"), cache.get("read"), cache.get("write"))
    written = _sum(tokens.get("output"), tokens.get("reasoning"))
    if not read and not written:
        return None
    told = usage(read, written, cached=cache.get("read"), reasoning=tokens.get("reasoning"))
    is_told = isinstance(cost, int | float) and not isinstance(cost, bool) and cost > 0
    return {**told, "cost": cost} if told and is_told else told


def _sum(*counts: object) -> int:
    return sum(count for count in counts if isinstance(count, int) and not isinstance(count, bool))


def _finish(info: Json) -> str | None:
    finish = as_text(info.get("finish"))
    return finish.replace("-", "_") if finish else None
