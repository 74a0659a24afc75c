"""Decide what becomes of each byte of a damaged log. Pure: lines in, decisions out.

First `Taken` hears which events a reader takes from the log; then `Walk` sees every line once more,
keeps those, and where the chain is broken tries to bridge the gap: with records salvaged from the
damaged bytes there, with lines of other copies, and, if so asked, with lines that a person edited.
What bridges is proven by its own hash and by the chain on at least one side. Nothing is read or
written here.
"""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal, NamedTuple

from eventlog import codec
from eventlog.bridging import Found, Tip, bridge
from eventlog.record import RecordedEvent
from eventlog.salvage import Salvaged, salvage

Fate = Literal["salvaged", "quarantined", "separator"]
Copies = Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of the log that are not simply kept: what they are and what becomes of them.

    `seqs` are the events that were brought back out of them.
    """

    offset: int
    length: int
    fate: Fate
    what: str
    seqs: tuple[int, ...] = ()


class Aside(NamedTuple):
    """Bytes for the quarantine; None for a line too long to load, which stays in the archive."""

    offset: int
    length: int
    what: str
    data: bytes | None

    def as_line(self) -> bytes:
        """Return it as it stands in a quarantine: one line of JSON."""
        told: dict[str, object] = {"offset": self.offset, "length": self.length, "what": self.what}
        if self.data is not None:
            told["base64"] = b64encode(self.data).decode()
        return codec.dump_json(told).encode()


def held(line: bytes) -> bytes | None:
    """Return the bytes that a line of a quarantine holds; None if it is no such line."""
    if line.startswith(_ASIDE_START) and (aside := codec.load_json(line)):
        with suppress(KeyError, TypeError, ValueError):  # a quarantine may be damaged too
            return b64decode(aside["base64"])
    return None


_ASIDE_START = b'{"offset":'


class Kept(NamedTuple):
    """A stretch of the log whose lines are all kept, in order."""

    offset: int
    length: int


class Mended(NamedTuple):
    """A line that was brought back, whole."""

    line: bytes


class _Fragment(NamedTuple):
    offset: int
    raw: bytes
    what: str


class Taken:
    """Which events a reader takes from a log, in order: their hashes, 22 bytes an event."""

    def __init__(self) -> None:
        self._hashes = bytearray()
        self._now = 0

    def add(self, events: Iterable[RecordedEvent]) -> None:
        """Hear of more events, in order."""
        for event in events:
            self._hashes += event["hash"].encode()

    @property
    def next(self) -> str:
        """The hash of the event that a reader takes next; empty behind the last."""
        return self._hashes[self._now : self._now + _HASH_SIZE].decode()

    def expects(self, event: RecordedEvent) -> bool:
        """Whether this is the event that a reader takes next."""
        return event["hash"] == self.next

    def pass_(self, event: RecordedEvent) -> None:
        """Go on behind an event of the new log; one that a reader does not take changes nothing."""
        if self.expects(event):
            self._now += _HASH_SIZE


@dataclass
class Walk:
    """The decisions about one log: feed it every line, then finish().

    `own_copies` gives lines of older logs and quarantines, `sources` those of copies that a person
    named. Where `why_not` is given, lines that a person edited are taken, unless it gives a reason
    against one. Afterwards `entries` is the new log's content in order, `header` the old header if there
    is one, and `fates` how many input bytes ended as what.
    """

    taken: Taken
    own_copies: Copies
    sources: Copies
    why_not: Callable[[RecordedEvent], str | None] | None = None
    entries: list[Kept | Mended] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)
    lost: list[tuple[int, int]] = field(default_factory=list)
    header: RecordedEvent | None = None
    tip: Tip = field(default_factory=lambda: Tip(0, codec.FIRST_PREV))
    events: int = 0
    restored: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    _fragments: list[_Fragment] = field(default_factory=list)
    _displaced: dict[str, _Fragment] = field(default_factory=dict)  # intact events, by their hash
    _refused: dict[int, str] = field(default_factory=dict)  # edits, by their offset: why

    @property
    def size(self) -> int:
        """How many bytes were fed."""
        waiting = chain(self._fragments, self._displaced.values())
        return sum(self.fates.values()) + sum(len(part.raw) for part in waiting)

    def feed(self, lines: Sequence[bytes], newline: int = 1) -> None:
        """Take the next lines; `newline` 0 for a last one that has none."""
        offset = self.size
        for raw in lines:
            self._line(offset, raw, newline)
            offset += len(raw) + newline

    def oversize(self, length: int) -> None:
        """Take a line too long to load."""
        what = "a line longer than 64 MiB, which stays in the archive"
        self._piece(self.size, length, "quarantined", what)
        self.aside.append(Aside(self.size, length, what, None))

    def finish(self) -> None:
        """Say that the log ends here."""
        self._close(None)
        for key in list(self._displaced):
            self._put_aside(self._displaced.pop(key))
        self.pieces.sort(key=lambda piece: piece.offset)
        self.aside.sort()

    # One line: kept, or taken apart.

    def _line(self, offset: int, raw: bytes, newline: int) -> None:
        mark = len(BOM) if offset == 0 and raw.startswith(BOM) else 0
        bare = raw[mark:].removesuffix(b"\r")
        start, end = offset + mark, offset + mark + len(bare)
        event = codec.decode(bare)
        if event and self.taken.expects(event):
            self._close(event)
            if event["seq"] == self.tip.seq + 1 and event["prev"] != self.tip.hash:
                self._piece(
                    offset, 0, "separator", "what comes next did not follow what came before"
                )
            self._keep(offset, len(raw) + newline)
            self._go_on(event, event["hash"])
            self.fates["kept"] += len(bare) + newline
            if not newline:
                self._piece(end, 0, "separator", "the last event lacks its newline")
        else:
            if event:
                self._displace(_Fragment(start, bare, self._describe(event)), event)
            else:
                self._take_apart(start, bare)
            self.fates["separator"] += newline
        self._separator(offset, mark, "a mark of another editor")
        self._separator(end, offset + len(raw) - end, "line ends of another editor")
        self._take_displaced()

    def _take_apart(self, offset: int, raw: bytes) -> None:
        """Keep the events in a damaged line that a reader takes; the rest becomes fragments."""
        done = 0
        for start, end, event in codec.find_records(raw):
            self._fragment(offset + done, raw[done:start])
            if self.taken.expects(event):
                self._close(event)
                self.entries.append(Mended(raw[start:end]))
                self._go_on(event, event["hash"])
                what = "an intact event that shared its line"
                self._piece(offset + start, end - start, "salvaged", what, (event["seq"],))
            else:
                part = _Fragment(offset + start, raw[start:end], self._describe(event))
                self._displace(part, event)
            self._take_displaced()
            done = end
        self._fragment(offset + done, raw[done:])

    def _displace(self, part: _Fragment, event: RecordedEvent) -> None:
        """Hold back an intact event that is not of this place: it may be of a later one."""
        if event["hash"] in self._displaced:
            self._put_aside(part)
        else:
            self._displaced[event["hash"]] = part

    def _take_displaced(self) -> None:
        """Go on with events that were held back, for as long as a reader takes them next."""
        while part := self._displaced.pop(self.taken.next, None):
            event = codec.parse(part.raw)
            self._close(event)
            self.entries.append(Mended(part.raw))
            self._go_on(event, event["hash"])
            self._piece(part.offset, len(part.raw), "salvaged", _MOVED, (event["seq"],))

    def _fragment(self, offset: int, raw: bytes) -> None:
        if raw.strip(b"\0\r"):
            self._fragments.append(_Fragment(offset, raw, _UNREADABLE))
        else:
            self._separator(offset, len(raw), "NUL bytes" if b"\0" in raw else "an empty line")

    def _describe(self, event: RecordedEvent) -> str:
        seq, (i, n) = event["seq"], event.get("batch", (1, 1))
        if seq > self.tip.seq and n > 1:
            return f"event {seq}, line {i} of a batch of {n} that was cut off"
        return f"event {seq} again" if seq <= self.tip.seq else f"event {seq}, not of this place"

    # The gap between what was kept last and what is kept next.

    def _close(self, after: RecordedEvent | None) -> None:
        fragments, self._fragments = self._fragments, []
        torn = after is not None and after["prev"] == self.tip.hash
        if torn:
            for part in fragments:
                self._put_aside(part, _TORN)
            return
        found = bridge(self.tip, after, self._candidates(fragments, after))
        if after is None:
            found = _without_torn_batch(found, fragments)
        for each in found:
            self._lose(each.event)
            self.entries.append(Mended(each.line))
            self._go_on(each.event, each.hash)
            if each.salvaged is None:
                self._find(each.event)
        self._account(fragments, [each.salvaged for each in found if each.salvaged])
        if after is not None:
            self._lose(after)
        else:
            self._lose_end(fragments, found)

    def _find(self, event: RecordedEvent) -> None:
        """Say where an event that fills a gap came from: another place of this log, or a copy."""
        moved = self._displaced.pop(event["hash"], None)
        if moved:
            self._piece(moved.offset, len(moved.raw), "salvaged", _MOVED, (event["seq"],))
        else:
            self.restored += 1

    def _candidates(
        self, fragments: Sequence[_Fragment], after: RecordedEvent | None
    ) -> Iterator[Found]:
        """Give what might fill a gap, the surest and cheapest first."""
        for each in salvage([part.raw for part in fragments]):
            yield Found(each.line, each.event, each.event["hash"], each.how, each)
        moved = [part.raw for part in self._displaced.values()]
        copies = [self.sources] if after is None else [self.own_copies, self.sources]
        for line in chain(moved, chain.from_iterable(copy() for copy in copies)):
            if whole := codec.decode(line):
                yield Found(line, whole, whole["hash"], "restored from a copy")
        if self.why_not is not None:
            for number, part in enumerate(fragments):
                if edited := codec.seal_edited(part.raw):
                    line, event, claimed = edited
                    if reason := self.why_not(event):
                        self._refused[part.offset] = f"an edit, refused: {reason}"
                        continue
                    how = Salvaged(line, event, "an edit, accepted", number)
                    yield Found(line, event, claimed, how.how, how)

    def _lose(self, following: RecordedEvent) -> None:
        """Note what is missing between the tip and an event that is in the new log."""
        first = max(self.tip.seq + 1, 2)  # a header is made anew
        if following["prev"] != self.tip.hash and following["seq"] > first:
            self.lost.append((first, following["seq"] - 1))

    def _lose_end(self, fragments: Sequence[_Fragment], found: Sequence[Found]) -> None:
        """Count finished lines at the end that could not be read: they may have been committed."""
        finished = _finished(fragments, found)
        if finished:
            self.lost.append((self.tip.seq + 1, self.tip.seq + finished))

    def _account(self, fragments: Sequence[_Fragment], used: Sequence[Salvaged]) -> None:
        """Say of each fragment's bytes what became of them."""
        for number, part in enumerate(fragments):
            own = [each for each in used if each.first <= number < each.first + each.fragments]
            if not own:
                self._put_aside(part)
            elif all(each.end is not None for each in own):
                self._cut_up(part, own)
            else:
                seqs = tuple(each.event["seq"] for each in own if each.first == number)
                self._piece(part.offset, len(part.raw), "salvaged", own[0].how, seqs)

    def _cut_up(self, part: _Fragment, own: Sequence[Salvaged]) -> None:
        done = 0
        for each in sorted(own, key=lambda each: each.start):
            end = each.end or 0
            self._put_aside(_Fragment(part.offset + done, part.raw[done : each.start], part.what))
            seqs = (each.event["seq"],)
            self._piece(part.offset + each.start, end - each.start, "salvaged", each.how, seqs)
            done = end
        self._put_aside(_Fragment(part.offset + done, part.raw[done:], part.what))

    # Writing the decisions down.

    def _go_on(self, event: RecordedEvent, known_by: str) -> None:
        if event["seq"] == 1 and event["type"] == "session.created":
            self.header = event
        self.taken.pass_(event)
        self.tip = Tip(event["seq"], known_by)
        self.events += 1

    def _keep(self, offset: int, length: int) -> None:
        last = self.entries[-1] if self.entries else None
        if isinstance(last, Kept) and last.offset + last.length == offset:
            self.entries[-1] = Kept(last.offset, last.length + length)
        else:
            self.entries.append(Kept(offset, length))

    def _put_aside(self, part: _Fragment, what: str = "") -> None:
        if part.raw.strip(b"\0\r"):
            what = what or self._refused.get(part.offset, part.what)
            self._piece(part.offset, len(part.raw), "quarantined", what)
            self.aside.append(Aside(part.offset, len(part.raw), what, part.raw))
        else:
            self._separator(part.offset, len(part.raw), "NUL bytes")

    def _separator(self, offset: int, length: int, what: str) -> None:
        """Note bytes that hold nothing; many in a row of one kind are one piece."""
        last = self.pieces[-1] if self.pieces else None
        if not length:
            return
        if last and last.what == what:
            self.pieces[-1] = replace(last, length=last.length + length)
            self.fates["separator"] += length
        else:
            self._piece(offset, length, "separator", what)

    def _piece(
        self, offset: int, length: int, fate: Fate, what: str, seqs: tuple[int, ...] = ()
    ) -> None:
        self.pieces.append(Piece(offset, length, fate, what, seqs))
        self.fates[fate] += length


def _without_torn_batch(found: list[Found], fragments: Sequence[_Fragment]) -> list[Found]:
    """Drop the lines of a batch that was cut off at the end: they count only together."""
    i, n = found[-1].event.get("batch", (1, 1)) if found else (1, 1)
    return found if i == n or _finished(fragments, found) else found[:-i]


def _finished(fragments: Sequence[_Fragment], found: Sequence[Found]) -> int:
    """Count the fragments that brought nothing back and look like whole lines."""
    brought = {each.salvaged.first for each in found if each.salvaged}
    left = [part for number, part in enumerate(fragments) if number not in brought]
    return sum(codec.looks_finished(part.raw) for part in left)


BOM = b"\xef\xbb\xbf"
_HASH_SIZE = 22
_UNREADABLE = "unreadable"
_MOVED = "an intact event that stood in another place"
_TORN = "a write that was cut off; nothing acknowledged was in it"
