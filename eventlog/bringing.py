"""Bring the blobs that a log names into a store, from where the log comes from.

Each is proven by its hash. What the store has whole is not asked for; what it has damaged is mended.
The blobs are there before the lines that name them, and stay until those are stored. Where blobs lie
is not known here, and what a line says neither, but the blobs that it names.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from eventlog import codec
from eventlog.backend import Backend, Keep
from eventlog.blobs import Ref, is_whole, names_in
from eventlog.checking import Names

Get = Callable[[str], bytes | None]
"""Gives the blob of a SHA-256, which need not be what its name says; None where it is not there."""

Giver = Callable[[], AbstractContextManager[Get]]
"""Opens the place where blobs may be."""

_BATCH = 8 << 20  # bytes that are kept at once, and one blob more
_ERASING = b'"content.erased"'


class Wanted:
    """The blobs that lines name.

    `names` may hold more than that: also a line that is damaged may name some.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._sure = Names()

    def see(self, line: bytes) -> bytes:
        """Hear of one more line; return it."""
        found = names_in(line)
        if (found or _ERASING in line) and (event := codec.decode(line)):
            self._sure.see([event])
        self.names |= found
        return line

    def lost(self, missing: set[str]) -> tuple[Ref, ...]:
        """Return those of the missing that an event does refer to, each once."""
        found = {ref.sha256: ref for _, ref in self._sure if ref.sha256 in missing}
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Brought:
    """How many blobs a store did not have, and which are nowhere, or nowhere whole."""

    added: int = 0
    missing: tuple[Ref, ...] = ()


@contextmanager
def bringing(backend: Backend, wanted: Wanted, giver: Giver) -> Iterator[Brought]:
    """Keep what a store lacks of the blobs wanted, and let nobody drop any while this is held.

    They are durable when it is entered. Raises as `Backend.keeping` does.
    """
    if not wanted.names:
        yield Brought()
        return
    with backend.keeping({}) as keep:
        yield _bring(backend, wanted, giver, keep)


def plan_bringing(backend: Backend, wanted: Wanted, giver: Giver) -> Brought:
    """Say what `bringing` would; nothing is written."""
    found = {name: blob is not None for name, blob in _lacking(backend, wanted, giver)}
    missing = {name for name, is_found in found.items() if not is_found}
    return Brought(len(found) - len(missing), wanted.lost(missing))


def _bring(backend: Backend, wanted: Wanted, giver: Giver, keep: Keep) -> Brought:
    waiting: dict[str, bytes] = {}
    missing: set[str] = set()
    added = size = 0
    for name, blob in _lacking(backend, wanted, giver):
        if blob is None:
            missing.add(name)
            continue
        waiting[name] = blob
        size += len(blob)
        added += 1
        if size > _BATCH:
            keep(waiting)
            waiting.clear()
            size = 0
    if waiting:
        keep(waiting)
    return Brought(added, wanted.lost(missing))


def _lacking(backend: Backend, wanted: Wanted, giver: Giver) -> Iterator[tuple[str, bytes | None]]:
    """Give each blob that a store has not whole, as it is elsewhere; None where it is not, either."""
    if not wanted.names:
        return
    with giver() as get:
        for name in sorted(wanted.names):
            here = backend.blob(name)
            if here is None or not is_whole(name, here):
                blob = get(name)
                yield name, blob if blob is not None and is_whole(name, blob) else None


@contextmanager
def nowhere() -> Iterator[Get]:
    """Open a place that has no blobs."""
    yield lambda _: None
