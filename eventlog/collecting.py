"""Drop the blobs that nothing refers to any more: no log, no archive, no quarantine, nothing in the bin.

Everything is read without a lock first, and then, with the right to drop, what changed since. Who
keeps blobs holds that off from before he looks for one until the line that names it is stored.
While a line somewhere cannot be read, which may name any blob, nothing is dropped. It looks for
names in bytes, and knows no events.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from eventlog.backend import START, Backend, nothing
from eventlog.blobs import names_in
from eventlog.chain import Chain
from eventlog.errors import BackendUnavailableError, SessionNotFoundError, UnsupportedFormatError
from eventlog.mending import held
from eventlog.reading import feed

Progress = Callable[[int], None]
Remove = Callable[[Callable[[], None]], None]


class _DamagedError(Exception):
    """A log has lines that cannot be read."""


_UNREADABLE = (BackendUnavailableError, UnsupportedFormatError, _DamagedError)


@dataclass(frozen=True, slots=True)
class Collected:
    """The blobs that nothing refers to, with their sizes; `dropped`, whether they are gone.

    `unread` names what could not be read whole: while there is any, nothing is dropped.
    """

    unused: dict[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    dropped: bool = False

    @property
    def size(self) -> int:
        """How many bytes they are, together."""
        return sum(self.unused.values())

    def drop(self, drop: Callable[[str], None]) -> None:
        """Drop them all."""
        for name in self.unused:
            drop(name)


def plan_collection(backend: Backend, progress: Progress = lambda _: None) -> Collected:
    """Say which blobs nothing refers to; nothing is changed."""
    search = _Search(backend, backend.blobs(), (), progress)
    search.go_on()
    return search.result()


def collect(backend: Backend, progress: Progress = lambda _: None) -> Collected:
    """Drop the blobs that nothing refers to, and what one who was killed has left half written.

    Raises BackendLockedError, BackendUnavailableError.
    """
    blobs = backend.blobs()
    if not blobs and not backend.ids():  # nor is a lock made where there is no store
        return Collected()
    search = _Search(backend, blobs, (), progress)
    search.go_on()
    with backend.dropping() as drop:
        search.go_on()
        found = search.result()
        if not found.unread:
            found.drop(drop)
    return replace(found, dropped=not found.unread)


def release(backend: Backend, holders: Collection[str], remove: Remove) -> Collected:
    """Remove these holders, sessions or deletions by their names, and what only they refer to.

    `remove` removes them; what it is given is to be called before the first byte goes, and drops
    the blobs, so that killed in between the holder is still there to be removed again. Nobody keeps
    a blob, forks or restores meanwhile. Raises what `remove` does, and as `collect` does.
    """
    if not refers(backend, holders):
        remove(nothing)
        return Collected()
    search = _Search(backend, backend.blobs(), holders, lambda _: None)
    search.go_on()
    with backend.dropping() as drop:
        search.go_on()
        found = search.result()
        remove(nothing if found.unread else lambda: found.drop(drop))
    return replace(found, dropped=not found.unread)


def refers(backend: Backend, holders: Collection[str]) -> bool:
    """Whether any of these holders refers to a blob, as far as they can be read."""
    if not backend.blobs():
        return False
    return any(_refers(backend, place) for place in _census(backend) if place[0] in holders)


def _refers(backend: Backend, place: "_Place") -> bool:
    """Whether a place refers to a blob, as far as it can be read."""
    with suppress(SessionNotFoundError, *_UNREADABLE):
        return any(_named_by(line) for lines in _lines(backend, place) for line in lines)
    return False


_PLACED = re.compile(rb"blobs/([0-9a-f]{64})")
_PATIENCE = 100  # how often what is listed may be gone when it is read
_Place = tuple[str, str, Any]  # its holder, its kind or a copy's name, what tells that it changed


class _Search:
    """Looks through all that refers to blobs, and again through what is new since."""

    def __init__(
        self,
        backend: Backend,
        blobs: dict[str, int],
        without: Collection[str],
        progress: Progress,
    ) -> None:
        self.left = blobs
        self._backend = backend
        self._without = frozenset(without)
        self._progress = progress
        self._seen: set[_Place] = set()
        self._unread: set[str] = set()
        self._gone: Counter[_Place] = Counter()

    def go_on(self) -> None:
        """Look through what was not seen yet, until there is no such thing."""
        while self.left and (news := _census(self._backend) - self._seen):
            self._seen |= news
            for place in news:
                if place[0] not in self._without:
                    self._see(place)

    def _see(self, place: _Place) -> None:
        try:
            named = _named_by if place[1] in ("log", "bin") else _named_in_copy
            for lines in _lines(self._backend, place):
                for line in lines:
                    self._progress(len(line) + 1)
                    for name in named(line):
                        self.left.pop(name, None)
        except SessionNotFoundError:  # it went elsewhere, and is found there, or here again
            self._gone[place] += 1
            if self._gone[place] < _PATIENCE:
                self._seen.discard(place)
            else:
                self._unread.add(place[0])
        except _UNREADABLE:
            self._unread.add(place[0] if place[1] in ("log", "bin") else place[1])

    def result(self) -> Collected:
        """Return what nothing that was seen refers to."""
        return Collected(self.left, tuple(sorted(self._unread)))


def _named_in_copy(line: bytes) -> set[str]:
    """Return the blobs that a line of a copy names; more of them, as no chain proves a copy."""
    return _named_by(line) | {name.decode() for name in _PLACED.findall(line)}


def _named_by(line: bytes) -> set[str]:
    """Return the blobs that a line names, also one of a quarantine, which holds others."""
    return names_in(line) | names_in(held(line) or b"")


def _census(backend: Backend) -> set[_Place]:
    """Return every place that refers to blobs. What moves meanwhile is seen in one of its places."""
    binned = {(each.name, "bin", None) for each in backend.binned()}
    logs = {(name, "log", stamp) for name, stamp in backend.stamps().items()}
    copies = {(copy.holder, copy.name, None) for copy in backend.every_copy()}
    return binned | logs | copies | {(each.name, "bin", None) for each in backend.binned()}


def _lines(backend: Backend, place: _Place) -> Iterator[Iterable[bytes]]:
    """Give the lines of a place, some at a time. Raises _DamagedError at the end of a damaged log."""
    holder, kind, _ = place
    if kind not in ("log", "bin"):
        yield backend.read_copy(kind)
        return
    chain = Chain(holder.partition(".")[0])
    blocks = backend.read(holder, START) if kind == "log" else backend.read_binned(holder)
    for block in blocks:
        feed(chain, block)
        yield [*block.lines, block.rest]
    chain.settle()
    if not chain.health().ok:
        raise _DamagedError
