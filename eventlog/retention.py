"""Which sessions have not been used for so long that they may go, and why others stay.

The age is that of the newest use (projections/summary.py says what is one), as recorded: a file's
own time says when somebody copied it. A plan is made by reading only; carrying it out moves sessions
to the bin, each only if its log is still the one that the plan saw. It knows no clock and asks
nobody: now and the rule are given.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from eventlog.backend import START, Binned, Block, Mark
from eventlog.chain import Chain
from eventlog.collecting import Collected, collect, refers
from eventlog.errors import BackendConflictError, EventLogError, SessionNotFoundError
from eventlog.health import Health
from eventlog.projection import fold
from eventlog.projections.metadata import METADATA, pinned_in
from eventlog.projections.summary import SUMMARY, Summary, is_use
from eventlog.reading import feed, size_of
from eventlog.record import RecordedEvent
from eventlog.store import Progress, Store


@dataclass(frozen=True, slots=True)
class Rule:
    """What may expire: sessions unused for longer than this; pinned ones only with `pinned`."""

    older_than: timedelta
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Aged:
    """A session that the rule lets go. `used` is the time of its newest use; `end`, where it ends."""

    session_id: str
    title: str
    used: datetime
    age: timedelta
    size: int
    end: Mark


@dataclass(frozen=True, slots=True)
class Kept:
    """A session that stays, and the reason, which is another than that it is young."""

    session_id: str
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class Expiry:
    """What would expire, the longest unused first, or has; what stays and why; how many are young.

    `failed` are those that should have gone and could not be moved.
    """

    expired: tuple[Aged, ...]
    kept: tuple[Kept, ...]
    young: int
    failed: tuple[Kept, ...] = ()


def plan_expiry(
    store: Store, rule: Rule, now: datetime, progress: Progress = lambda _: None
) -> Expiry:
    """Say which sessions the rule lets go at this time; nothing is changed.

    A session never goes that is damaged, unreadable or empty, or that holds an event of the future:
    its age cannot be told.
    """
    expired, kept, young = [], [], 0
    for session_id in store.ids():
        try:
            verdict = _judge(_read(store, session_id, progress), rule, now)
        except SessionNotFoundError:
            continue  # deleted since the ids were read
        except EventLogError as error:
            verdict = Kept(session_id, "?", f"it cannot be read: {error}")
        if isinstance(verdict, Aged):
            expired.append(verdict)
        elif verdict:
            kept.append(verdict)
        else:
            young += 1
    expired.sort(key=lambda aged: (aged.used, aged.session_id))
    return Expiry(tuple(expired), tuple(kept), young)


def expire(store: Store, plan: Expiry) -> Expiry:
    """Move what a plan lets go to the bin; return what was done.

    A session that was appended to, replaced or deleted since the plan was made is not touched.
    """
    gone, kept, failed = [], list(plan.kept), []
    for aged in plan.expired:
        try:
            store.delete(aged.session_id, aged.end)
        except BackendConflictError:
            kept.append(Kept(aged.session_id, aged.title, "it was changed just now"))
        except SessionNotFoundError:
            kept.append(Kept(aged.session_id, aged.title, "somebody else deleted it just now"))
        except EventLogError as error:
            failed.append(Kept(aged.session_id, aged.title, str(error)))
        else:
            gone.append(aged)
    return replace(plan, expired=tuple(gone), kept=tuple(kept), failed=tuple(failed))


def old_in_bin(
    store: Store, older_than: timedelta, now: datetime
) -> tuple[list[Binned], list[Kept]]:
    """Say what was deleted longer ago than this, the longest first, and what cannot be told.

    The time is the one written down when it was deleted. Nothing is changed.
    """
    old, unclear = [], []
    for binned in reversed(store.binned()):
        ago = now.timestamp() - binned.deleted
        if ago < 0:
            why = "it was deleted in the future: was the clock set back?"
            unclear.append(Kept(binned.session_id, binned.name, why))
        elif ago > older_than.total_seconds():
            old.append(binned)
    return old, unclear


def empty_bin(store: Store, old: Sequence[Binned]) -> tuple[list[Binned], list[Kept], Collected]:
    """Remove these deletions for good.

    Returns those that were still there, those that stay, and what became of the blobs that they
    named: those, and what the catalogue still holds, go once, at the end, as all is read for that.
    Raises BackendError if they cannot; then `eventlog compact` drops the blobs.
    """
    gone: list[Binned] = []
    failed: list[Kept] = []
    named = refers(store.backend, [each.name for each in old])
    try:
        for binned in old:
            try:
                store.backend.purge_binned(binned.name)
            except SessionNotFoundError:
                continue  # restored or purged meanwhile
            except EventLogError as error:
                failed.append(Kept(binned.session_id, binned.name, str(error)))
            else:
                gone.append(binned)
    finally:
        if old:
            store.catalog().wipe()
    return gone, failed, collect(store.backend) if named and gone else Collected()


@dataclass
class _Seen:
    """What one reading of a log gives: the times of its newest use, and of its newest event.

    They are None where a time cannot be read, or none is there.
    """

    session_id: str
    summary: Summary
    used: datetime | None
    newest: datetime | None
    pinned: bool
    health: Health
    end: Mark


def _read(store: Store, session_id: str, progress: Progress) -> _Seen:
    chain, summary, metadata = Chain(session_id), Summary(), METADATA.initial()
    used = newest = None
    timed, last = True, Block(0, [], START)
    for block in store.backend.read(session_id):
        events = feed(chain, block)
        if block.rest:  # as the next append would find it
            events += chain.feed([block.rest])
        times = list(_times(events))
        timed = timed and len(times) == len(events)
        newest = max(filter(None, (newest, *times)), default=None)
        uses = _times(event for event in events if is_use(event))
        used = max(filter(None, (used, *uses)), default=None)
        summary, metadata = fold(SUMMARY, events, summary), fold(METADATA, events, metadata)
        last = block
        progress(size_of(block))
    doubtful = chain.settle()  # of no known place: then the health is not well either
    health, pinned = chain.health(), pinned_in(fold(METADATA, doubtful, metadata))
    at = (used or newest, newest) if timed else (None, None)
    return _Seen(session_id, summary, *at, pinned, health, last.end)


def _times(events: Iterable[RecordedEvent]) -> Iterator[datetime]:
    """Give the times of events, but those that are none or have no zone."""
    for event in events:
        try:
            at = datetime.fromisoformat(event["at"])
        except ValueError:
            continue
        if at.tzinfo is not None:
            yield at


def _judge(seen: _Seen, rule: Rule, now: datetime) -> Aged | Kept | None:
    """Say what becomes of a session; None: it is young."""
    title = seen.summary.title
    if seen.used is None or seen.newest is None:
        return Kept(seen.session_id, title, _why_ageless(seen))
    age = now - seen.used
    if timedelta(0) <= age <= rule.older_than:
        return None
    why = _why_kept(seen, seen.newest, now, rule)
    if why:
        return Kept(seen.session_id, title, why)
    return Aged(seen.session_id, title, seen.used, age, seen.health.bytes, seen.end)


def _why_ageless(seen: _Seen) -> str:
    if not seen.health.ok:
        return _damaged(seen)
    return "the time of an event cannot be read" if seen.summary.version else "it is empty"


def _why_kept(seen: _Seen, newest: datetime, now: datetime, rule: Rule) -> str | None:
    if newest > now:
        return (
            f"it holds an event of the future, {newest:%Y-%m-%d %H:%M %Z}: was the clock set back?"
        )
    if not seen.health.ok:
        return _damaged(seen)
    return "it is pinned" if seen.pinned and not rule.pinned else None


def _damaged(seen: _Seen) -> str:
    return f"it is damaged: eventlog repair {seen.session_id}"
