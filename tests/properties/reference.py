"""The message list once more, slow and plain: from the written rules, to be compared with the fast one.

It keeps every message as a record with a link to the one before it, walks those links, builds the
list in passes and cuts it by whole groups.
"""

import copy
import json
import re
from dataclasses import dataclass
from typing import Any

from eventlog.projections.messages import ERASED, INTERRUPTED, NO_RESULT, SUMMARY
from eventlog.record import RecordedEvent

Message = dict[str, Any]


@dataclass(eq=False)
class Node:
    seq: int
    said: Message
    before: "Node | None"
    replaced: bool = False
    erased: bool = False


class Tree:
    def __init__(self, events: list[RecordedEvent]) -> None:
        self.nodes: list[Node] = []
        self.head: Node | None = None
        self.partial: dict[int, Node] = {}
        self.summaries: list[tuple[int, str]] = []
        for event in copy.deepcopy(events):
            self.take(event["type"], event["seq"], event["data"])

    def take(self, kind: str, seq: int, data: Message) -> None:
        if kind == "message.added":
            self.add_message(seq, data)
        elif kind == "reply.streamed":
            self.add_words(seq, data["call"], data.get("text", ""))
        elif kind == "head.moved":
            self.head = None if data["to"] == 0 else (self.at(data["to"]) or self.head)
        elif kind == "context.summarized":
            self.summaries.insert(0, (data["through"], data["text"]))
        elif kind == "content.erased":
            for node in filter(None, map(self.at, data["seqs"])):
                node.erased = True

    def at(self, seq: int) -> Node | None:
        return next((node for node in self.nodes if node.seq == seq), None)

    def add(self, node: Node) -> Node:
        self.nodes.append(node)
        self.head = node
        return node

    def add_message(self, seq: int, data: Message) -> None:
        partial = self.partial.pop(data.get("call", 0), None)
        if partial and self.nodes[-1] is partial is self.head:
            self.nodes.pop()
            self.head = partial.before
        elif partial:
            partial.replaced = True
        self.add(Node(seq, data, self.head))

    def add_words(self, seq: int, call: int, words: str) -> None:
        if call not in self.partial:
            empty = {"role": "assistant", "content": "", "status": "interrupted"}
            self.partial[call] = self.add(Node(seq, empty, self.head))
        self.partial[call].said["content"] += words

    def path(self) -> list[Node]:
        found, node = [], self.head
        while node:
            found.append(node)
            node = node.before
        return found[::-1]


def reference(events: list[RecordedEvent], limit: int | None = None) -> list[Message]:
    """Return the view of these events, by the rules."""
    tree = Tree(events)
    path = tree.path()
    seqs = [node.seq for node in path]
    summary = next(((t, text) for t, text in tree.summaries if t in seqs), None)
    body = [node for node in path if not node.replaced]
    opening: list[Node] = []
    while body and body[0].said["role"] in ("system", "developer"):
        opening.append(body.pop(0))
    stands = []
    if summary:
        body = [node for node in body if node.seq > summary[0]]
        stands = [{"role": "system", "content": SUMMARY + summary[1]}]
    kept = [message for group in groups(opening) for message in group] + stands
    return cut(kept, groups(body), limit)


def cut(kept: list[Message], body: list[list[Message]], limit: int | None) -> list[Message]:
    """Take whole groups from the end while there is room; the newest one always."""
    if limit is None:
        return kept + [message for group in body for message in group]
    room = max(limit - len(kept), 1)
    taken: list[Message] = []
    for group in reversed(body):
        if taken and len(taken) + len(group) > room:
            break
        taken = group + taken
    return (kept[: limit - 1] if taken else kept[:limit]) + taken


def groups(nodes: list[Node]) -> list[list[Message]]:
    """Return each message that is sent, with the results of its calls behind it."""
    sent: list[list[Message]] = []
    for place, node in enumerate(nodes):
        said = node.said
        if said["role"] == "tool":
            continue
        calls = first_of_each(said.get("tool_calls") or [])
        message = {"role": said["role"], "content": content_of(node)}
        if name := name_of(node):
            message["name"] = name
        if calls:
            message["tool_calls"] = [call_of(call, node) for call in calls]
        elif said["role"] == "assistant" and not message["content"]:
            continue
        sent.append([message] + [answer(call["id"], nodes[place + 1 :]) for call in calls])
    return sent


def answer(call_id: str, later: list[Node]) -> Message:
    """Find the result of a call: the first that names it, before the id is used anew."""
    content: Any = NO_RESULT
    for node in later:
        if any(call["id"] == call_id for call in node.said.get("tool_calls") or []):
            break
        if node.said["role"] == "tool" and node.said["tool_call_id"] == call_id:
            content = content_of(node)
            break
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def first_of_each(calls: list[Message]) -> list[Message]:
    ids = [call["id"] for call in calls]
    return [call for place, call in enumerate(calls) if call["id"] not in ids[:place]]


def content_of(node: Node) -> Any:
    if node.erased:
        return ERASED
    content = node.said["content"]
    if node.said.get("status") == "interrupted":
        if isinstance(content, list):
            return [*content, {"type": "text", "text": INTERRUPTED}]
        return "\n\n".join(filter(None, [content, INTERRUPTED]))
    return "" if isinstance(content, list) and not content else content


def name_of(node: Node) -> str:
    words = re.findall(r"[^\s<|\\/>]+", node.said.get("name") or "")
    return "" if node.erased else "_".join(words)[:64]


def call_of(call: Message, node: Node) -> Message:
    arguments = "{}" if node.erased else call["function"]["arguments"]
    try:
        json.loads(arguments)
    except ValueError:
        unwrapped = {"invalid_arguments": arguments}
        arguments = json.dumps(unwrapped, separators=(",", ":")) if arguments else "{}"
    function = {"name": call["function"]["name"], "arguments": arguments}
    return {"id": call["id"], "type": "function", "function": function}
