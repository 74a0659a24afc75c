"""Read only the end of a long log, from a place that is proven to be what it was.

A snapshot is a small file beside the log: waypoints (how far into the log, which event, its hash) and
the outline of all before. It is a cache: a waypoint counts only if the log still has that hash at
that place, which, as each line covers the one before it, proves everything up to there; without a
snapshot, or with one that does not fit, the log is read whole. Deleting it costs nothing but time.
"""

from typing import Any, NamedTuple

from eventlog import codec
from eventlog.backend import START, Backend, Block, Mark
from eventlog.chain import Chain
from eventlog.projection import fold
from eventlog.projections.messages import MESSAGES, Conversation, Message, view
from eventlog.projections.outline import OUTLINE, Outline
from eventlog.reading import feed, size_of

PAYS_AFTER = 4 << 20
"""A new snapshot is made once the log has grown by so many bytes, and by a quarter."""

_APART = 128 << 10  # bytes between two waypoints, at least

_VERSION = 1


class Waypoint(NamedTuple):
    """A place in a log: its mark's position and tail, the last event's `seq` and hash before it.

    `messages` counts those before it.
    """

    position: int
    tail: str
    seq: int
    hash: str
    messages: int


class Snapshot(NamedTuple):
    """Waypoints in order; the outline at event `seq`, where the log was `size` bytes long."""

    waypoints: list[Waypoint]
    outline: Outline
    seq: int
    size: int


def make(backend: Backend, session_id: str) -> None:
    """Read a log and keep a snapshot of it for whoever opens it next.

    None is kept of a damaged log. Raises SessionNotFoundError.
    """
    chain, outline, waypoints = Chain(session_id), OUTLINE.initial(), list[Waypoint]()
    position = 0
    for block in backend.read(session_id, START):
        outline = fold(OUTLINE, feed(chain, block), outline)
        position = block.end.position
        place = _place(block, chain)
        if place and place.position - (waypoints[-1].position if waypoints else 0) >= _APART:
            tail = place.tail.decode("ascii", "replace")
            counted = (chain.seq, chain.hash, outline.messages)
            waypoints.append(Waypoint(place.position, tail, *counted))
    if waypoints and chain.health().ok:
        told_all = {
            "version": _VERSION,
            "size": position,
            "seq": chain.seq,
            "waypoints": [list(waypoint) for waypoint in waypoints],
            "outline": outline.as_json(),
        }
        backend.cache(session_id, codec.dump_json(told_all).encode())


def _place(block: Block, chain: Chain) -> Mark | None:
    """Return the place after the last line of a block that counts; None if it is not in there.

    The lines of a batch that goes on beyond the block do not count yet; how long they are is known
    where positions are bytes.
    """
    if chain.at_rest:
        return block.end
    counted = block.lines[: len(block.lines) - chain.held] if chain.held else []
    if not counted or block.end.position - block.start != size_of(block):
        return None
    size = sum(map(len, counted)) + len(counted)
    return Mark(block.start + size, (counted[-1][-31:] + b"\n"))


def pays(backend: Backend, session_id: str) -> bool:
    """Whether the log has grown so much since its last snapshot that a new one is worth making."""
    snapshot = load(backend, session_id)
    had = snapshot.size if snapshot else 0
    return backend.stat(session_id).size >= had + had // 4 + PAYS_AFTER


def load(backend: Backend, session_id: str) -> Snapshot | None:
    """Return the snapshot kept for a session; None if there is none that can be read."""
    cached = backend.cached(session_id)
    told: Any = codec.load_json(cached) if cached else None
    if not isinstance(told, dict) or told.get("version") != _VERSION:
        return None
    try:
        waypoints = [Waypoint(*waypoint) for waypoint in told["waypoints"]]
        return Snapshot(waypoints, Outline(**told["outline"]), told["seq"], told["size"])
    except (KeyError, TypeError):
        return None


def newest_messages(backend: Backend, session_id: str, limit: int) -> list[Message] | None:
    """Return messages(limit) of a session by reading its end only; None if that cannot be proven.

    Raises SessionNotFoundError.
    """
    snapshot = load(backend, session_id)
    start = snapshot and _start(snapshot, limit)
    if not snapshot or not start:
        return None
    chain = Chain(session_id, after=(start.seq, start.hash))
    mark = Mark(start.position, start.tail.encode())
    state, outline = snapshot.outline.begin(), snapshot.outline
    told = len(state.nodes)
    for block in backend.read(session_id, mark):
        if block.start != mark.position:
            return None  # the log is another one now
        mark = block.end
        events = feed(chain, block)
        state = fold(MESSAGES, events, state)
        news = [event for event in events if event["seq"] > snapshot.seq]
        outline = fold(OUTLINE, news, outline)
    if chain.settle() or chain.health().where or outline.plain_from > start.seq:
        return None  # something in what was read, or since, bears on what was not
    return _enough(state, told, limit)


def _start(snapshot: Snapshot, limit: int) -> Waypoint | None:
    """Choose the last waypoint that has surely enough messages after it."""
    wanted = snapshot.outline.messages - 2 * limit - 16
    fitting = [w for w in snapshot.waypoints if w.messages <= wanted]
    plain = snapshot.outline.certain and fitting and fitting[-1].seq >= snapshot.outline.plain_from
    return fitting[-1] if plain else None


def _enough(state: Conversation, told: int, limit: int) -> list[Message] | None:
    """Return the view, unless it used all that was read and more might have come before."""
    return view(state, limit) if len(view(state)) - told > limit else None
