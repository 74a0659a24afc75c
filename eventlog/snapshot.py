"""Read only the end of a long log, from a place that still has the hash it had.

A snapshot is a small file beside the log: waypoints (how far into the log, which event, its hash) and
the outline of all before. It is a cache: a waypoint counts only if the log still has that hash at
that place. That proves the place, and that what follows goes on from it; not the bytes before it, as
a change made among them in place is seen only by reading them (verify.py). Without a snapshot, or
with one that does not fit, the log is read whole. Deleting it costs nothing but time.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from eventlog import codec
from eventlog.backend import START, Backend, Block, Mark
from eventlog.blobs import noted
from eventlog.chain import Chain
from eventlog.projection import Projection, fold
from eventlog.projections.messages import MESSAGES, Conversation, Message, Opened, view
from eventlog.projections.outline import OUTLINE, Outline
from eventlog.reading import feed, size_of
from eventlog.record import RecordedEvent

PAYS_AFTER = 4 << 20
"""A new snapshot is made once the log has grown by so many bytes, and by a quarter."""

_APART = 128 << 10  # bytes between two waypoints, at least

_CHECKED = (1, 10, 100)  # the limits at which a view from a snapshot is compared

_VERSION = 3


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
    """Waypoints in order; the outline at event `seq`, where the log was `size` bytes long.

    `origin` says which log that was: its salt and generation.
    """

    waypoints: list[Waypoint]
    outline: Outline
    seq: int
    size: int
    origin: tuple[str, int]


def make(backend: Backend, session_id: str) -> None:
    """Read a log and keep a snapshot of it for whoever opens it next.

    None is kept of a damaged log. Raises SessionNotFoundError.
    """
    chain, outline, waypoints = Chain(session_id), OUTLINE.initial(), list[Waypoint]()
    position, origin = 0, _origin(None)
    for block in backend.read(session_id, START):
        events = feed(chain, block)
        if events and events[0]["seq"] == 1:
            origin = _origin(events[0])
        outline = fold(OUTLINE, events, outline)
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
            "origin": origin,
            "waypoints": [list(waypoint) for waypoint in waypoints],
            "outline": outline.as_json(),
        }
        backend.cache(session_id, codec.dump_json(told_all).encode())
        if _origin_now(backend, session_id) != origin:  # rewritten meanwhile, perhaps to erase
            backend.cache(session_id, b"")


def _origin_now(backend: Backend, session_id: str) -> tuple[str, int]:
    lines = next(backend.read(session_id, START)).lines
    return _origin(codec.decode(lines[0]) if lines else None)


def _origin(header: RecordedEvent | None) -> tuple[str, int]:
    """Return what tells this log from another of the same name, and from what it was before."""
    data = header["data"] if header else {}
    return data.get("salt", ""), data.get("generation", 0)


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
        salt, generation = told["origin"]
        outline = Outline(**told["outline"])
        return Snapshot(waypoints, outline, told["seq"], told["size"], (salt, generation))
    except (KeyError, TypeError, ValueError):
        return None


def newest_messages(
    backend: Backend, session_id: str, limit: int, opened: Opened = noted
) -> list[Message] | None:
    """Return messages(limit) of a session by reading its end only; None if that cannot be proven.

    `opened` is as in view(). Raises SessionNotFoundError.
    """
    snapshot = load(backend, session_id)
    state = _newest(backend, session_id, snapshot, limit) if snapshot else None
    return view(state, limit, opened) if state else None


def _newest(
    backend: Backend, session_id: str, snapshot: Snapshot, limit: int, through: int | None = None
) -> Conversation | None:
    """Return what messages(limit) is a view of, after event `through`; now, if that is None."""
    start = _start(snapshot, limit)
    if not start:
        return None
    chain = Chain(session_id, after=(start.seq, start.hash))
    mark = Mark(start.position, start.tail.encode())
    state, outline = snapshot.outline.begin(), snapshot.outline
    told = len(state.nodes)
    for block in backend.read(session_id, mark):
        if block.start != mark.position:
            return None  # the log is another one now
        mark = block.end
        events = [e for e in feed(chain, block) if through is None or e["seq"] <= through]
        if any(_goes_on(event, start.seq) for event in events):
            return None
        state = fold(MESSAGES, events, state)
        news = [event for event in events if event["seq"] > snapshot.seq]
        outline = fold(OUTLINE, news, outline)
    if chain.settle() or chain.health().where or outline.plain_from > start.seq:
        return None  # something in what was read, or since, bears on what was not
    return state if _is_enough(state, told, limit) else None


def _goes_on(event: RecordedEvent, seq: int) -> bool:
    """Whether an event adds to a partial reply that may have begun before event `seq`."""
    call = event["data"].get("call")
    return event["type"] == "reply.streamed" and isinstance(call, int) and call <= seq


def _start(snapshot: Snapshot, limit: int) -> Waypoint | None:
    """Choose the last waypoint that has surely enough messages after it."""
    wanted = snapshot.outline.messages - 2 * limit - 16
    fitting = [w for w in snapshot.waypoints if w.messages <= wanted]
    outline = snapshot.outline
    known = outline.certain and outline.rooted and outline.opened
    last = max(outline.plain_from, *(seq for seq, _ in outline.opening), 0)
    return fitting[-1] if known and fitting and fitting[-1].seq >= last else None


def _is_enough(state: Conversation, told: int, limit: int) -> bool:
    """Whether the view does not use all that was read, so that nothing before it matters.

    Instructions that come first would be taken for those that the session begins with.
    """
    first = next((m for m in state.nodes[told:] if m is not None), None)
    if first is not None and first["role"] in ("system", "developer"):
        return False
    return len(view(state)) - told > limit


class SnapshotCheck:
    """Holds the snapshot of a session, if one is kept, against all events of its log.

    One of an older generation of the log is none: it will be passed over, and made again.
    """

    def __init__(self, backend: Backend, session_id: str) -> None:
        self._backend = backend
        self._session_id = session_id
        self._snapshot = load(backend, session_id)
        self._waypoints = {w.seq: w for w in self._snapshot.waypoints} if self._snapshot else {}
        self._outline = OUTLINE.initial()
        self._origin = _origin(None)
        self._seen = 0
        self._wrong: str | None = None

    def see(self, event: RecordedEvent) -> None:
        """Take the next event of the log, from the first one on."""
        self._seen = event["seq"]
        if event["seq"] == 1:
            self._origin = _origin(event)
        if not self._snapshot or event["seq"] > self._snapshot.seq:
            return
        self._outline = fold(OUTLINE, [event], self._outline)
        waypoint = self._waypoints.pop(event["seq"], None)
        found = (event["hash"], self._outline.messages)
        if waypoint and (waypoint.hash, waypoint.messages) != found:
            self._wrong = self._wrong or f"its waypoint at event {event['seq']} is not that event's"

    def difference(self, cold: Mapping[Projection[Any], Any]) -> str | None:
        """Say what in the snapshot is not as the log has it; None where all is, or there is none."""
        snapshot = self._snapshot
        if not snapshot or snapshot.origin != self._origin:
            return None
        wrong = self._wrong
        if self._waypoints or snapshot.seq > self._seen:
            wrong = wrong or "it tells of events that the log does not have"
        if self._outline != snapshot.outline:
            wrong = wrong or f"its outline of the events up to {snapshot.seq} is not theirs"
        wrong = wrong or self._other_view(snapshot, cold[MESSAGES])
        return f"the snapshot and the log disagree: {wrong}" if wrong else None

    def _other_view(self, snapshot: Snapshot, whole: Conversation) -> str | None:
        for limit in _CHECKED:
            newest = _newest(self._backend, self._session_id, snapshot, limit, self._seen)
            if newest is not None and view(newest, limit) != view(whole, limit):
                return f"messages(limit={limit}) are others when it is used"
        return None
