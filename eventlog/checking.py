"""Which blobs the events of a log name, and which of those are missing or are not what they were.

A blob is looked at once, however many events name it. It knows events and hashes; what to do about
a blob that is not whole is not known here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from eventlog.backend import Backend
from eventlog.blobs import MEMBER, Ref, is_whole, refs_of
from eventlog.record import RecordedEvent
from eventlog.upcast import readable

Fault = Literal["missing", "damaged", "unreadable"]


class Named(NamedTuple):
    """A blob, and the event that names it."""

    seq: int
    ref: Ref


@dataclass(frozen=True, slots=True)
class Lost:
    """A blob that an event names and that is not whole: its SHA-256, and what is wrong with it.

    `bytes` and `media_type` are what the event says of it.
    """

    seq: int
    blob: str
    bytes: int
    media_type: str
    fault: Fault
    reason: str


class Names:
    """The blobs that events name, of those whose content is not erased."""

    def __init__(self) -> None:
        self._refs: dict[int, list[Ref]] = {}
        self._erased: set[int] = set()

    def see(self, events: Iterable[RecordedEvent]) -> None:
        """Hear of more events."""
        for event in events:
            if event["type"] == "message.added" and MEMBER in event["data"]:
                if refs := refs_of(event["data"]):
                    self._refs[event["seq"]] = refs
            elif readable(event)["type"] == "content.erased":
                self._erased.update(readable(event)["data"]["seqs"])

    def __iter__(self) -> Iterator[Named]:
        """Give each, in the order of the events."""
        for seq in sorted(self._refs.keys() - self._erased):
            yield from (Named(seq, ref) for ref in self._refs[seq])


class Blobs:
    """The blobs of a backend, looked at once each: what is wrong with them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._sizes: dict[str, int] | None = None
        self._found: dict[str, tuple[Fault, str] | None] = {}

    def size_of(self, named: Iterable[Named]) -> int:
        """Return how many bytes there are to read for these, of blobs not looked at yet."""
        new = {ref.sha256 for _, ref in named} - self._found.keys()
        return sum(self._there().get(name, 0) for name in new) if new else 0

    def lost(
        self, named: Iterable[Named], progress: Callable[[int], None] = lambda _: None
    ) -> tuple[Lost, ...]:
        """Return those of these blobs that are not whole. Raises BackendUnavailableError."""
        lost = []
        for seq, ref in named:
            if found := self._look(ref.sha256, progress):
                lost.append(Lost(seq, ref.sha256, ref.size, ref.media_type, *found))
        return tuple(lost)

    def _look(self, name: str, progress: Callable[[int], None]) -> tuple[Fault, str] | None:
        if name not in self._found:
            blob = self._backend.blob(name)
            self._found[name] = self._fault(name, blob)
            progress(len(blob or b""))
        return self._found[name]

    def _fault(self, name: str, blob: bytes | None) -> tuple[Fault, str] | None:
        if blob is None:
            there = name in self._there()
            return ("unreadable", "it cannot be read") if there else ("missing", "it is not there")
        if is_whole(name, blob):
            return None
        return "damaged", f"its {len(blob):,} bytes are not those that its name says"

    def _there(self) -> dict[str, int]:
        if self._sizes is None:
            self._sizes = self._backend.blobs()
        return self._sizes
