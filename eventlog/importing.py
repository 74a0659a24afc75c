"""Import whatever lies in sources: say what each is, and let what knows it take it into a store.

One source that cannot be read stops no other. A session that was forked off another waits until that
one is there. What a format is, is the formats' business; how sessions are written, transfer's and
carrying's.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from eventlog import bundle
from eventlog.blobs import Ref
from eventlog.carrying import Carried, State, check_log, is_log, lines_of, plan_log, take_log
from eventlog.errors import EventLogError, SessionNotFoundError, TransferError
from eventlog.foreign import ForeignSession, Losses
from eventlog.formats import FORMATS, reader, recognize
from eventlog.sources import Sample, Source, take_sample
from eventlog.store import Store
from eventlog.transfer import Imported, id_of, import_session, origin_id, plan_import

OWN, BUNDLE = "eventlog", "bundle"
"""What is ours already: a log, and a bundle of logs."""

_STDIN = "standard input"  # which is gone when the next source is read
_ZIP = "PK\x03\x04"
_UNKNOWN = "not a conversation that eventlog knows; --from says what it is"


class Took(NamedTuple):
    """What became of one session: its id here, the events added, and the records refused, with why.

    `missing` and `stays` are those of transfer's Imported, `blobs` and `lost` what carrying's
    Carried has as `blobs` and `missing`.
    """

    session_id: str
    state: State
    added: int
    refused: list[tuple[str, str]]
    missing: str | None = None
    stays: bool = False
    blobs: int = 0
    lost: tuple[Ref, ...] = ()


@dataclass(slots=True)
class Outcome:
    """What became of one source; `format` is empty where that is not known, or could not be seen."""

    source: str
    format: str = ""
    is_known: bool = True
    losses: Losses = field(default_factory=Losses)
    sessions: list[Took] = field(default_factory=list)
    problem: Exception | None = None

    @property
    def states(self) -> Counter[str]:
        """How many sessions are new, grown and unchanged."""
        return Counter(took.state for took in self.sessions)


class Verbs(NamedTuple):
    """What is done with a foreign session, with a log of ours, and with a bundle."""

    session: Callable[[Store, ForeignSession, str], Imported]
    log: Callable[..., Carried]
    bundle: Callable[..., list[Carried]]


TAKE = Verbs(import_session, take_log, bundle.take_bundle)
PLAN = Verbs(lambda store, foreign, _: plan_import(store, foreign), plan_log, bundle.plan_bundle)
"""The same, and nothing is written."""


def import_sources(
    store: Store, sources: Iterable[Source], verbs: Verbs = TAKE, format_: str | None = None
) -> Iterator[Outcome]:
    """Import sources, in their order, and tell of each; `format_` is what they are said to be in.

    A fork whose origin is not there waits until all others are. Nothing that is wrong with a source
    is raised: it is the outcome's `problem`.
    """
    work = _Work(store, verbs, format_)
    late: list[tuple[Source, Outcome]] = []
    for source in sources:
        outcome = Outcome(source.name)
        if work.do(source, outcome):
            late.append((source, outcome))
        else:
            yield outcome
    for source, outcome in work.in_turn(late):
        work.do_late(source, outcome)
        yield outcome


class _Work:
    """Sources on their way into a store, and which sessions wait for others."""

    def __init__(self, store: Store, verbs: Verbs, format_: str | None) -> None:
        self._store = store
        self._verbs = verbs
        self._format = format_
        self._waiting: dict[str, dict[str, str]] = {}  # source -> session -> its origin
        self._taken: Counter[tuple[str, str]] = Counter()  # source, session

    def do(self, source: Source, outcome: Outcome) -> bool:
        """Import one source; return whether some of its sessions wait."""
        try:
            self._import(source, outcome)
        except (EventLogError, OSError, RecursionError) as error:
            outcome.problem = error
        return source.name in self._waiting

    def in_turn(self, late: list[tuple[Source, Outcome]]) -> Iterator[tuple[Source, Outcome]]:
        """Give the sources with sessions that wait, those first whose origins have come."""
        while late:
            ready = [each for each in late if not self._misses(each[0])] or late[:1]
            yield ready[0]
            late.remove(ready[0])

    def _misses(self, source: Source) -> bool:
        return not all(map(self._is_here, self._waiting[source.name].values()))

    def do_late(self, source: Source, outcome: Outcome) -> None:
        """Import the sessions of a source that waited; its records are counted already."""
        waited = self._waiting[source.name]
        try:
            for foreign in reader(outcome.format).read(source, Losses()):
                if id_of(foreign) in waited:
                    outcome.sessions.append(self._take(foreign, source))
                else:
                    _pass_over(foreign)
        except (EventLogError, OSError, RecursionError) as error:
            outcome.problem = error

    def _import(self, source: Source, outcome: Outcome) -> None:
        format_ = self._format or what_is(source, take_sample(source))
        if format_ is None:
            outcome.is_known = False
            raise TransferError(source.name, None, _UNKNOWN)
        outcome.format = format_
        if outcome.format == OWN:
            log = check_log(lines_of(source), source.name)
            outcome.losses.read = outcome.losses.mapped = log.count
            outcome.sessions.append(_carried(self._verbs.log(self._store, log, source.blobs)))
        elif outcome.format == BUNDLE:
            with source.as_file() as path:
                done = self._verbs.bundle(self._store, path, source.name)
            outcome.sessions += map(_carried, done)
        else:
            for foreign in reader(outcome.format).read(source, outcome.losses):
                if self._is_to_wait(foreign, source):
                    _pass_over(foreign)
                else:
                    outcome.sessions.append(self._take(foreign, source))

    def _is_to_wait(self, foreign: ForeignSession, source: Source) -> bool:
        origin = origin_id(foreign)
        if origin is None or source.name == _STDIN or self._is_here(origin):
            return False
        if self._is_here(id_of(foreign)):
            return False
        self._waiting.setdefault(source.name, {})[id_of(foreign)] = origin
        return True

    def _is_here(self, session_id: str) -> bool:
        try:
            self._store.backend.stat(session_id)
        except SessionNotFoundError:
            return False
        return True

    def _take(self, foreign: ForeignSession, source: Source) -> Took:
        done = self._verbs.session(self._store, foreign, self._name_of(foreign, source))
        state: State = "new" if done.is_new else "grown" if done.added else "unchanged"
        return Took(done.session_id, state, done.added, done.refused, done.missing, done.stays)

    def _name_of(self, foreign: ForeignSession, source: Source) -> str:
        """Name where a session comes from; of several with one id in a source, each by its own name.

        They tell different things of one session, and each is held against what it told itself.
        """
        key = (source.name, id_of(foreign))
        self._taken[key] += 1
        return source.name if self._taken[key] == 1 else f"{source.name}#{self._taken[key]}"


def what_is(source: Source, sample: Sample) -> str | None:
    """Return the format of a source, ours included; None if it is in none."""
    if source.path is not None and sample.text.startswith(_ZIP):
        return BUNDLE
    return OWN if is_log(sample) else recognize(sample)


def readable() -> list[str]:
    """Return the names of all formats that can be imported."""
    return [OWN, BUNDLE, *sorted(name for name, each in FORMATS.items() if each.reads)]


def _carried(carried: Carried) -> Took:
    became = carried.session_id, carried.state, carried.added
    return Took(*became, [], blobs=carried.blobs, lost=carried.missing)


def _pass_over(foreign: ForeignSession) -> None:
    for _ in foreign.said:
        pass
