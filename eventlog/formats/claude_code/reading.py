"""A Claude Code transcript read into what it tells: one session, in the order of its records."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from eventlog import codec
from eventlog.errors import TransferError
from eventlog.foreign import ForeignSession, Losses, Said, as_recorded
from eventlog.projections.messages import Message
from eventlog.projections.summary import first_line
from eventlog.sources import Sample, Source, read_items, read_records, take_sample

from .mapping import NAME, Record, kind_of, reply, said_by_user, text_of
from .tree import Node, Tree, Turn

_NOT_IN_TYPES = re.compile(r"[^a-z0-9_-]+")
_BY_PROGRAM = (
    "<command-", "<local-command-", "<bash-", "<task-notification>", "<system-reminder>",
    "Caveat: The messages below", "[Request interrupted",
)  # fmt: skip
_TITLES = {"custom-title": "customTitle", "ai-title": "aiTitle"}  # the one that counts first
_LONGEST_KIND = 40
LOOKED_AT = 50
_TOLD = ("cwd", "gitBranch", "version")
_RECORDS_OF = {  # bookkeeping that a file may begin with: its type, and a member that it has
    "file-history-snapshot": "snapshot",
    "queue-operation": "operation",
    "last-prompt": "leafUuid",
    "summary": "leafUuid",
    "custom-title": "customTitle",
    "ai-title": "aiTitle",
    "permission-mode": "permissionMode",
    "progress": "parentUuid",
    "system": "parentUuid",
    "attachment": "parentUuid",
}
_USED = ("input_tokens", "output_tokens")


def recognize(sample: Sample) -> bool:
    """Whether any of the first records is a message of Claude Code, or bookkeeping of its own."""
    return sample.kind in ("lines", "object") and any(map(_is_ours, _looked_at(sample)))


def _looked_at(sample: Sample) -> Sequence[Any]:
    """Return the records of a sample, which a web session has inside an object."""
    return sample.records[0]["loglines"][:LOOKED_AT] if _is_web(sample) else sample.records


def _is_web(sample: Sample) -> bool:
    return sample.kind == "object" and isinstance(sample.records[0].get("loglines"), list)


def _is_ours(record: Any) -> bool:
    if not isinstance(record, dict):
        return False
    kind = record.get("type")
    is_placed = isinstance(record.get("sessionId"), str)
    if kind is None:
        message = record.get("message")
        usage = message.get("usage") if isinstance(message, dict) else None
        return is_placed and isinstance(usage, dict) and all(name in usage for name in _USED)
    if kind in ("user", "assistant"):
        return isinstance(record.get("message"), dict) and (is_placed or "uuid" in record)
    member = _RECORDS_OF.get(kind) if isinstance(kind, str) else None
    is_linked = is_placed or "uuid" in record or kind in ("summary", "file-history-snapshot")
    return member is not None and member in record and is_linked


def read(source: Source, losses: Losses) -> Iterator[ForeignSession]:
    """Give the one session of a transcript.

    That of a subagent is a session of its own, and names the one that it worked for.
    """
    sample = take_sample(source)
    first = _first_records(source, sample)
    spoken = [record for record in first if kind_of(record)]
    session, agent = _ids(first, spoken)
    reading = _Reading(losses, is_agent=agent is not None)
    told = next((each for each in spoken if any(name in each for name in _TOLD)), {})
    about = {name: told[name] for name in _TOLD if isinstance(told.get(name), str)}
    yield ForeignSession(
        NAME,
        session if agent is None else f"{session}-{agent}",
        reading.said(_numbered(source, sample, losses)),
        created=next(
            (at for record in first if (at := as_recorded(record.get("timestamp")))), None
        ),
        origin=None if agent is None else session,
        head=reading.head,
        metadata={NAME: about} if about else {},
    )


def _first_records(source: Source, sample: Sample) -> list[Record]:
    """Return the records that tell which session this is: the first, or the first that names it."""
    found = _looked_at(sample)
    records = [record for record in found if isinstance(record, dict)]
    if sample.kind == "lines" and not any(_session_of(record) for record in records):
        with source.start() as stream:
            later = (record.value for record in read_records(stream, Losses()))
            records += [record for record in later if _session_of(record)][:1]
    return records


def _ids(first: list[Record], spoken: list[Record]) -> tuple[str, str | None]:
    """Return the session's id, and what to call the subagent whose session this is."""
    session = next(filter(None, map(_session_of, (*spoken, *first))), None)
    if session is None:
        session = _digest(first[0]) if first else "unknown"
    if not spoken or not all(record.get("isSidechain") is True for record in spoken):
        return session, None
    names = ("agentId", "uuid")
    agent = next((spoken[0][name] for name in names if isinstance(spoken[0].get(name), str)), "")
    return session, f"agent-{agent}"


def _session_of(record: Record) -> str | None:
    found = record.get("sessionId")
    return found if isinstance(found, str) and found else None


def _numbered(source: Source, sample: Sample, losses: Losses) -> Iterator[tuple[int, int, Record]]:
    if not _is_web(sample):
        with source.start() as stream:
            yield from read_records(stream, losses)
        return
    try:
        for number, item in enumerate(read_items(source.start, losses, "loglines.item"), start=1):
            yield number, 0, item if isinstance(item, dict) else {"value": item}
    except TransferError as error:
        raise TransferError(source.name, error.line, error.reason) from error


class _Reading:
    """One transcript while it is read: its tree, its title, where it is."""

    def __init__(self, losses: Losses, *, is_agent: bool) -> None:
        self._losses = losses
        self._is_agent = is_agent
        self._tree = Tree()
        self._leaf: Turn | None = None  # of the last message that is on the main line
        self._times = Counter[str]()  # how often a record without an id has come
        self._titles: dict[str, str] = {}
        self._summaries: list[tuple[Any, str]] = []  # of (leaf, text)
        self._words: str | None = None  # the first that anybody said
        self._prompt: str | None = None  # the first that a person did

    def said(self, records: Iterable[tuple[int, int, Record]]) -> Iterator[Said]:
        """Give what the records tell, in order, and what follows from them all."""
        for number, offset, record in records:
            for node in self._tree.take(number, offset, record):
                yield from self._told(node)
        for node in self._tree.rest():
            yield from self._told(node)
        if title := self._title():
            yield Said("title", {"title": title[:500]}, "title.set")

    def head(self) -> str | None:
        """Return the message that the session goes on from."""
        return self._leaf.tail if self._leaf else None

    def _told(self, node: Node) -> Iterator[Said]:
        self._note(node)
        turn, record = node.turn, node.record
        if turn is None:
            yield self._raw(node)
        elif node.kind == "user":
            yield from self._words_of(node, turn)
        elif turn.lines and turn.lines[0] is record:
            yield from self._reply(node, turn)
        elif not turn.id:
            yield self._raw(node)  # a line of a reply that could not be told

    def _reply(self, node: Node, turn: Turn) -> Iterator[Said]:
        lines, turn.lines = turn.lines, []  # told once, and held no longer
        try:
            message = reply(lines, turn.gaps, turn.copies)
        except TypeError:  # a number or a text that JSON of ours cannot hold
            yield self._raw(node)
            return
        if turn.is_counted:
            message.pop("usage", None)
        self._losses.mapped += len(lines)
        following = _tail(node.parent)
        turn.copies = []
        turn.id = turn.tail = self._id_of(lines[-1])
        self._advance(node, turn)
        yield Said(turn.id, message, at=_at(node), parent=following)

    def _words_of(self, node: Node, turn: Turn) -> Iterator[Said]:
        """Tell what a user record says; results hang one below the other behind the calls."""
        self._losses.mapped += 1
        called = turn if turn.calls else node.parent
        own: str | None = None
        base = self._id_of(node.record)
        if turn.calls and node.number < turn.last:  # of less of the reply it may be known already
            base = f"{base}:{turn.id}"
        for number, message in enumerate(said_by_user(node.record)):
            before, own = own, f"{base}#{number}" if number else base
            if called and _answers(called, message):
                following, called.tail = called.tail, own
            else:
                following = before or (turn.id if turn is called else _tail(called))
            yield Said(own, message, at=_at(node), parent=following)
        if turn is not called:
            turn.id = turn.tail = own
        self._advance(node, turn)
        if node.record.get("isCompactSummary") is True and (text := text_of(node.record)):
            told = {"text": text, "through": own}
            yield Said(f"{own}:summary", told, "context.summarized", at=_at(node))

    def _raw(self, node: Node) -> Said:
        """Keep a record as it is."""
        self._losses.raw += 1
        kind = node.record.get("type")
        name = _NOT_IN_TYPES.sub("-", kind.lower())[:_LONGEST_KIND] if isinstance(kind, str) else ""
        own = self._id_of(node.record, is_copy=node.is_copy)
        return Said(own, node.record, f"x.{NAME}.{name.strip('-') or 'record'}", at=_at(node))

    def _id_of(self, record: Record, *, is_copy: bool = False) -> str:
        """Return a record's own id, or one made of what it says and how often that was said."""
        uuid = record.get("uuid")
        if isinstance(uuid, str) and uuid and not is_copy:
            return uuid
        told = _digest(record)
        self._times[told] += 1
        return f"{told}-{self._times[told]}"

    def _advance(self, node: Node, turn: Turn) -> None:
        """Let the session be at a message, unless a subagent said it."""
        if self._is_agent or node.record.get("isSidechain") is not True:
            self._leaf = turn

    # The title.

    def _note(self, node: Node) -> None:
        """Remember what the title may be made of, and where the session was left."""
        record, kind = node.record, node.record.get("type")
        if kind == "last-prompt" and (leaf := self._tree.find(record.get("leafUuid"))):
            self._leaf = leaf
        elif kind == "summary" and isinstance(text := record.get("summary"), str):
            self._summaries.append((record.get("leafUuid"), text))
        elif isinstance(kind, str) and isinstance(text := record.get(_TITLES.get(kind, "")), str):
            self._titles[kind] = text
        elif node.kind == "user" and (self._prompt is None or self._words is None):
            self._note_words(record)

    def _note_words(self, record: Record) -> None:
        words = text_of(record)
        if self._words is None and first_line(words):
            self._words = words
        is_real = not (record.get("isMeta") or record.get("isCompactSummary"))
        if is_real and first_line(words) and not words.lstrip().startswith(_BY_PROGRAM):
            self._prompt = self._prompt or words

    def _title(self) -> str | None:
        """Return the title: given, found by the model, a summary's, or the first real prompt's.

        None where the session has it by itself, of the first that anybody said.
        """
        for kind in _TITLES:
            if first_line(self._titles.get(kind)):
                return self._titles[kind]
        ours = [text for leaf, text in self._summaries if self._tree.knows(leaf)]
        if ours and first_line(ours[-1]):
            return ours[-1]
        return None if self._prompt == self._words else first_line(self._prompt) or None


def _answers(called: Turn, message: Message) -> bool:
    """Whether a message is the result that a call waits for; from now on it waits no more."""
    call = message.get("tool_call_id")
    if not isinstance(call, str) or called.calls.get(call, True):
        return False
    called.calls[call] = True
    return True


def _tail(turn: Turn | None) -> str | None:
    return turn.tail if turn else None


def _at(node: Node) -> str | None:
    return as_recorded(node.record.get("timestamp"))


def _digest(record: Record) -> str:
    try:
        return codec.digest(record)
    except TypeError:  # more than JSON of ours can hold
        return codec.digest(repr(record).encode("utf-8", "replace").decode())
