"""Several results of one tool call, as one: the model's API takes no more than one for each call.

Where a tool says more directly after its result, the parts follow each other in one message, and what
each message had beside its words is kept in `results`. Only the last of them is a message then; one
that something else follows, too, is one of its own, on that branch. No format is known here.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from eventlog.foreign import Said, as_dict


def join_results(
    all_said: Iterator[Said], name: str, head: Callable[[], str | None]
) -> Iterator[Said]:
    """Give what was said with the results of each call joined; `name` is the format's.

    What is said comes directly behind what it follows, but for other branches. `head` is asked at
    the end.
    """
    results: dict[str, list[Said]] = {}  # id of a result -> it, and those of its call before it
    unsaid: set[str] = set()  # those that are said by the one after them
    waiting: Said | None = None  # a result that may have another one after it
    before = ""
    for said in all_said:
        if said.type != "message.added":
            yield said
            continue
        follows = before if said.parent is None else said.parent
        before = said.id
        earlier = results.get(follows, [])
        if earlier and _call(said) != _call(earlier[-1]):
            earlier = []
        if waiting is not None and earlier and waiting.id == follows:
            unsaid.add(follows)
        elif waiting is not None:
            yield _joined(results[waiting.id], name)
        waiting = None
        if not earlier and follows in unsaid:
            unsaid.remove(follows)
            yield _joined(results[follows], name)
        if _call(said) is None:
            yield said
        else:
            results[said.id] = [*earlier, said]
            waiting = said
    if waiting is not None:
        yield _joined(results[waiting.id], name)
    if (last := head()) in unsaid:
        yield _joined(results[last], name)


def _call(said: Said) -> str | None:
    """Return the call that this is a result of."""
    return said.data.get("tool_call_id") if said.data["role"] == "tool" else None


def _joined(results: list[Said], name: str) -> Said:
    if len(results) == 1:
        return results[0]
    parts = [_parts(each) for each in results]
    told = [_beside(each, len(own), name) for each, own in zip(results, parts, strict=True)]
    data = {
        **results[0].data,
        "content": [part for own in parts for part in own],
        "extra": {name: {"results": told}},
    }
    return replace(results[-1], data=data, parent=results[0].parent)


def _parts(said: Said) -> list[dict[str, Any]]:
    content = said.data.get("content")
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _beside(said: Said, parts: int, name: str) -> dict[str, Any]:
    """Return what a result has beside its words, and how many parts are its own."""
    data = said.data
    told = {"id": said.id, "at": said.at, "name": data.get("name"), "parts": parts}
    kept = as_dict(as_dict(data.get("extra")).get(name))
    return {member: value for member, value in told.items() if value is not None} | (
        {"extra": kept} if kept else {}
    )
