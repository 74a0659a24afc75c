"""The message list that is sent to the model: always a valid request, whatever the log went through.

The log keeps the truth and this view keeps the API happy. Its rules, version 1:

* the path from the first message to the head counts; other branches do not;
* the latest summary on the path stands for the messages that it covers, after the instructions
  (system and developer messages) that the path begins with;
* every tool call is directly followed by its result; one that has none gets a synthetic one, and a
  result that answers no call on the path is left out;
* arguments that are no JSON are wrapped, so that the request can be parsed, and a name loses the
  characters that the API refuses;
* a reply that was cut off is there and marked; one that is empty is left out; erased content
  says that it is, and so does content that is kept in a blob which is not at hand;
* at any limit the newest whole groups remain: a tool call never loses its results.

It is pure: states and lists, no log, no clock.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any

from eventlog import codec
from eventlog.blobs import MEMBER, noted
from eventlog.projection import Projection
from eventlog.record import RecordedEvent

RULES = 1
"""The version of the rules above; it rises whenever the same events would give another list."""

INTERRUPTED = "[interrupted]"
ERASED = "[erased]"
NO_RESULT = "[interrupted: no result of this tool call was recorded]"
SUMMARY = "Summary of the conversation so far:\n\n"

Message = dict[str, Any]
Opened = Callable[[Message], Any]
"""Gives a message's content, with what it keeps in blobs."""

_NOT_IN_NAMES = re.compile(r"[\s<|\\/>]+")  # from the pattern that the API's own refusal names
_LONGEST_NAME = 64
_FEWEST = 2  # members that every message has: role and content
_NONE: Message = {}
_Closed = list[tuple[Message, Message]]  # what is sent, and the message that it keeps in blobs


class Conversation:
    """The messages of a session as a tree, in the order of the log.

    Node i follows node i - 1, but for the nodes in `forks`, whose parents are in `parents`
    (-1: the beginning). `head` is the node that the next message follows.
    """

    __slots__ = ("forks", "head", "nodes", "parents", "seqs", "streams", "summaries")

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.nodes: list[Message | None] = []  # None: a partial reply that its whole one replaced
        self.forks: list[int] = []
        self.parents: dict[int, int] = {}
        self.head = -1
        self.streams: dict[int, int] = {}  # model call -> the node of its partial reply
        self.summaries: list[tuple[int, int, str]] = []  # (its own seq, through, text)

    @property
    def head_seq(self) -> int:
        """The `seq` of the head; 0 at the beginning."""
        return self.seqs[self.head] if self.head >= 0 else 0

    def add(self, seq: int, message: Message | None) -> None:
        """Add a message after the head and make it the head."""
        node = len(self.nodes)
        if self.head != node - 1:
            self.forks.append(node)
            self.parents[node] = self.head
        self.seqs.append(seq)
        self.nodes.append(message)
        self.head = node

    def find(self, seq: int) -> int | None:
        """Return the node of the message recorded as event `seq`."""
        node = bisect_right(self.seqs, seq) - 1
        return node if node >= 0 and self.seqs[node] == seq else None

    def path(self) -> list[range]:
        """Return the nodes from the first to the head, as ranges in order."""
        ranges, node = [], self.head
        while node >= 0:
            fork = bisect_right(self.forks, node) - 1
            start = self.forks[fork] if fork >= 0 else 0
            ranges.append(range(start, node + 1))
            node = self.parents.get(start, -1)
        return ranges[::-1]


def _message_added(state: Conversation, event: RecordedEvent) -> None:
    data, nodes = event["data"], state.nodes
    if state.streams and (partial := state.streams.pop(data.get("call", 0), None)) is not None:
        if partial == len(nodes) - 1 == state.head:
            state.seqs[partial], nodes[partial] = event["seq"], data
            return
        nodes[partial] = None
    if state.head == len(nodes) - 1:  # as add() does it, without a call for each message
        state.head += 1
        state.seqs.append(event["seq"])
        nodes.append(data)
    else:
        state.add(event["seq"], data)


def _reply_streamed(state: Conversation, event: RecordedEvent) -> None:
    data = event["data"]
    node = state.streams.get(data["call"])
    if node is None:
        state.streams[data["call"]] = len(state.nodes)
        message = {"role": "assistant", "content": data.get("text", ""), "status": "interrupted"}
        state.add(event["seq"], message)
    elif (partial := state.nodes[node]) and "status" in partial:  # erased, it stays so
        partial["content"] += data.get("text", "")


def _head_moved(state: Conversation, event: RecordedEvent) -> None:
    to = event["data"]["to"]
    node = -1 if to == 0 else state.find(to)
    if node is not None:
        state.head = node


def _context_summarized(state: Conversation, event: RecordedEvent) -> None:
    state.summaries.append((event["seq"], event["data"]["through"], event["data"]["text"]))


def _summary_dropped(state: Conversation, event: RecordedEvent) -> None:
    dropped = event["data"]["summary"]
    state.summaries = [summary for summary in state.summaries if summary[0] != dropped]


def _content_erased(state: Conversation, event: RecordedEvent) -> None:
    for seq in event["data"]["seqs"]:
        node = state.find(seq)
        if node is not None and (message := state.nodes[node]) is not None:
            state.nodes[node] = blank(message)


_APPLY: dict[str, Callable[[Conversation, RecordedEvent], None]] = {
    "message.added": _message_added,
    "reply.streamed": _reply_streamed,
    "head.moved": _head_moved,
    "context.summarized": _context_summarized,
    "summary.dropped": _summary_dropped,
    "content.erased": _content_erased,
}


def _apply(state: Conversation, event: RecordedEvent) -> Conversation:
    apply = _APPLY.get(event["type"])
    if apply:
        apply(state, event)
    return state


MESSAGES: Projection[Conversation] = Projection("messages", RULES, Conversation, _apply)


def view(state: Conversation, limit: int | None = None, opened: Opened = noted) -> list[Message]:
    """Return the list to send: OpenAI messages, new dicts that the caller may change.

    `limit` is the most messages wanted, 1 or more; the instructions that the path begins with count
    and stay. Only one newest tool call with its results may exceed it, as they are one.
    `opened` is asked for what each of them keeps in blobs; the default is a note.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is at least 1, not {limit}")
    closed: _Closed = []
    messages = _list(state, limit, closed)
    if closed:
        _open(messages, closed, opened)
    return messages


def _list(state: Conversation, limit: int | None, closed: _Closed) -> list[Message]:
    ranges = state.path()
    begun, opening = _opening(state, ranges)
    covered, summary = _summary(state, ranges)
    kept = _sendable(opening, closed) + summary
    body = _after(ranges, max(covered, begun))
    if limit is None:
        return kept + _sendable(_nodes(state, body), closed)
    newest = _newest(state, body, max(limit - len(kept), 1), closed)
    return kept[: limit - 1 if newest else limit] + newest


def _open(messages: list[Message], closed: _Closed, opened: Opened) -> None:
    """Fill in what the messages that are sent keep in blobs, and look into no others."""
    wanted = set(map(id, messages))
    for sent, message in closed:
        if id(sent) in wanted:
            interrupted = message["role"] != "tool" and message.get("status") == "interrupted"
            sent["content"] = (_marked if interrupted else _content)(opened(message))


def _opening(state: Conversation, ranges: list[range]) -> tuple[int, list[Message]]:
    """Return how many messages of the path are the instructions it begins with, and those."""
    opening: list[Message] = []
    for count, node in enumerate(chain.from_iterable(ranges)):
        message = state.nodes[node]
        if message is None:
            continue
        if message["role"] not in ("system", "developer"):
            return count, opening
        opening.append(message)
    return sum(map(len, ranges)), opening


def _summary(state: Conversation, ranges: list[range]) -> tuple[int, list[Message]]:
    """Return how many messages of the path the latest summary covers, and what stands for them."""
    for _, through, text in reversed(state.summaries):
        node = state.find(through)
        if node is not None and any(node in part for part in ranges):
            covered = sum(len(part) for part in ranges if part[-1] < node)
            covered += next(node - part[0] + 1 for part in ranges if node in part)
            return covered, [{"role": "system", "content": SUMMARY + text}]
    return 0, []


def _after(ranges: list[range], count: int) -> list[range]:
    """Drop the first `count` nodes of a path."""
    left = []
    for part in ranges:
        if count < len(part):
            left.append(part[count:])
        count = max(count - len(part), 0)
    return left


def _nodes(state: Conversation, ranges: list[range]) -> Iterator[Message]:
    nodes = state.nodes
    return (m for i in chain.from_iterable(ranges) if (m := nodes[i]) is not None)


def _newest(state: Conversation, ranges: list[range], limit: int, closed: _Closed) -> list[Message]:
    """Return at most `limit` messages from the end, looking no further back than it must."""
    total = sum(map(len, ranges))
    window = 2 * limit + 16
    while True:
        messages = _sendable(_nodes(state, _after(ranges, max(total - window, 0))), closed)
        if len(messages) >= limit or window >= total:
            return _cut(messages, limit)
        window *= 2


def _cut(messages: list[Message], limit: int) -> list[Message]:
    start = max(len(messages) - limit, 0)
    while start < len(messages) and messages[start]["role"] == "tool":
        start += 1
    if start == len(messages):
        start -= 1
        while start > 0 and messages[start]["role"] == "tool":
            start -= 1
    return messages[start:]


def _sendable(messages: Iterable[Message], closed: _Closed) -> list[Message]:
    """Make messages valid for the API, in order, each call with its results behind it.

    Those that keep something in blobs go into `closed`, too.
    """
    sent: list[Message] = []
    waiting: dict[str, Message] = {}  # call id -> the synthetic result in its place
    for message in messages:
        role, content = message["role"], message.get("content")
        if (  # the usual message: a call for each would cost too much
            content
            and type(content) is str
            and role != "tool"
            and (len(message) == _FEWEST or ("tool_calls" not in message and "name" not in message))
            and (len(message) == _FEWEST or message.get("status") != "interrupted")
        ):
            sent.append({"role": role, "content": content})
            continue
        own = _NONE
        if role == "tool":
            if (result := waiting.pop(message["tool_call_id"], None)) is not None:
                result["content"] = _content(content)
                own = result
        elif message.get("tool_calls"):
            calls = _calls(message["tool_calls"])
            own = {**_plain(message), "tool_calls": calls}
            sent.append(own)
            for call in calls:
                result = {"role": "tool", "tool_call_id": call["id"], "content": NO_RESULT}
                waiting[call["id"]] = result
                sent.append(result)
        elif content or role != "assistant" or message.get("status") == "interrupted":
            own = _plain(message)
            sent.append(own)
        if MEMBER in message:
            closed.append((own, message))
    return sent


def _plain(message: Message) -> Message:
    content = message.get("content")
    own = content if type(content) is str else _content(content)  # text needs no call
    plain = {"role": message["role"], "content": own}
    if "name" in message and (name := _name(message["name"] or "")):
        plain["name"] = name
    if message.get("status") == "interrupted":
        plain["content"] = _marked(content)
    return plain


def _name(name: str) -> str:
    return "_".join(filter(None, _NOT_IN_NAMES.split(name)))[:_LONGEST_NAME]


def _content(content: Any) -> Any:
    return "" if content == [] else _copy(content)  # the API refuses a list of no parts


def _marked(content: Any) -> Any:
    if isinstance(content, list):
        return [*_copy(content), {"type": "text", "text": INTERRUPTED}]
    return f"{content}\n\n{INTERRUPTED}" if content else INTERRUPTED


def _calls(calls: list[Message]) -> list[Message]:
    unique: dict[str, Message] = {}
    for call in calls:
        unique.setdefault(call["id"], call)
    return [_call(call) for call in unique.values()]


def _call(call: Message) -> Message:
    function = call["function"]
    arguments = function["arguments"] or "{}"  # many models say nothing for no arguments
    if not codec.is_json(arguments):
        arguments = codec.dump_json({"invalid_arguments": arguments})
    return {
        "id": call["id"],
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def blank(message: Message) -> Message:
    """Return a message without what it said; its calls keep their ids, for their results."""
    blank: Message = {name: message[name] for name in ("role", "tool_call_id") if name in message}
    blank["content"] = ERASED
    if message.get("tool_calls"):
        blank["tool_calls"] = [
            {**call, "function": {"name": call["function"]["name"], "arguments": "{}"}}
            for call in message["tool_calls"]
        ]
    return blank


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value


def last_messages(state: Conversation, count: int) -> list[tuple[int, Message]]:
    """Return the newest messages of the path as the log has them, oldest first, with their `seq`."""
    backwards = chain.from_iterable(reversed(part) for part in reversed(state.path()))
    newest = ((state.seqs[i], _copy(m)) for i in backwards if (m := state.nodes[i]) is not None)
    return list(islice(newest, count))[::-1]
