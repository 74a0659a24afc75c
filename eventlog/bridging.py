"""Bridge a gap in a chain: choose, among records that might be missing there, those that fit.

What it chooses hangs on the last event before the gap or leads to the first one behind it, hash by
hash. Where the candidates come from is mending.py's. Pure: no bytes are read or written here.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from eventlog.record import RecordedEvent
from eventlog.salvage import Salvaged


class Tip(NamedTuple):
    """The event that the next one has to follow: its `seq`, and the hash that it was known by."""

    seq: int
    hash: str


class Found(NamedTuple):
    """A line that fills a gap, and the hash by which the lines around it know it."""

    line: bytes
    event: RecordedEvent
    hash: str
    how: str
    salvaged: Salvaged | None = None


def bridge(tip: Tip, after: RecordedEvent | None, candidates: Iterable[Found]) -> list[Found]:
    """Choose those that follow the tip one by one, and those that lead to `after`; then stop."""
    by_prev: dict[str, Found] = {}
    by_hash: dict[str, Found] = {}
    bridge: list[Found] = []
    for each in candidates:
        if each.event["seq"] > tip.seq and (after is None or each.event["seq"] < after["seq"]):
            by_prev.setdefault(each.event["prev"], each)
            by_hash.setdefault(each.hash, each)
            bridge = _linked(tip, after, by_prev, by_hash)
            if after is not None and bridge and _spans(tip, bridge, after):
                break
    return bridge


def _linked(
    tip: Tip, after: RecordedEvent | None, by_prev: dict[str, Found], by_hash: dict[str, Found]
) -> list[Found]:
    forward: list[Found] = []
    seq, hash_ = tip
    while (each := by_prev.get(hash_)) and each.event["seq"] > seq:
        seq, hash_ = each.event["seq"], each.hash
        forward.append(each)
    if after is None or hash_ == after["prev"]:
        return forward
    forward = _without_outrun_batch(forward, after["seq"])
    seq = forward[-1].event["seq"] if forward else tip.seq
    back: list[Found] = []
    first, wanted = after["seq"], after["prev"]
    while (each := by_hash.get(wanted)) and seq < each.event["seq"] < first:
        first, wanted = each.event["seq"], each.event["prev"]
        back.append(each)
    return forward + back[::-1]


def _without_outrun_batch(forward: list[Found], seq: int) -> list[Found]:
    """Drop the lines of a batch at the end of which the event `seq` proves that it was cut off."""
    i, n = forward[-1].event.get("batch", (1, 1)) if forward else (1, 1)
    outrun = i < n and seq <= forward[-1].event["seq"] + n - i
    return forward[:-i] if outrun else forward


def _spans(tip: Tip, bridge: Sequence[Found], after: RecordedEvent) -> bool:
    hashes = [tip.hash, *(each.hash for each in bridge)]
    prevs = [*(each.event["prev"] for each in bridge), after["prev"]]
    return hashes == prevs
