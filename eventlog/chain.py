"""Walk the lines of one log: give back the events that hold together, and the truth about the rest.

Each line says on its own whether it is intact (`hash`) and which line it followed (`prev`, `seq`).
That is what tells a write that was cut off, which nobody was ever told had succeeded, from a
committed event that is gone: after the first, the next line follows the last good one; after the
second it does not. A Chain is that judgement. It knows lines and their order, but no file, no
backend and no meaning of any event except the header's format.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

from eventlog import codec
from eventlog.errors import UnsupportedFormatError
from eventlog.health import MAX_NOTES, Damage, Health, Kind
from eventlog.record import FORMAT, INCOMPATIBLE_FLAGS, RecordedEvent

__all__ = ["Chain", "Damage", "Health", "Place"]

_TRUSTED_RUN = 4096
"""So many lines in a row that follow each other, though not what came before, are believed.

More than any stale block of another log holds; and what is kept back until then fits in memory.
"""

_ENDING = 65
"""So many bytes of a line show whether it is finished."""


class Place(NamedTuple):
    """Where the next event goes: its `seq`, and the `prev` it carries."""

    seq: int
    prev: str


class _Spoiled(NamedTuple):
    line: int
    offset: int
    length: int
    finished: bool
    claim: str | None
    tail: bytes


class Chain:
    """The walk itself: feed it lines in order, and ask it how they were.

    `seq` and `hash` are those of the last event given back (0 and 22 `A`s before the first); a walk
    that does not begin at the start is told those of the event before.
    """

    def __init__(self, session_id: str, after: tuple[int, str] = (0, codec.FIRST_PREV)) -> None:
        self.session_id = session_id
        self.seq, self.hash = after
        self._line = 0
        self._offset = 0
        self._held: list[RecordedEvent] = []  # a batch whose last line has not come yet
        self._stray: list[RecordedEvent] = []  # intact lines that do not follow what came before
        self._stray_at = (0, 0)  # where they begin: line, offset
        self._spoiled: list[_Spoiled] = []  # unreadable lines since the last event, not yet judged
        self._notes: list[Damage] = []
        self._counts = {"torn": 0, "suspect": 0, "damaged": 0, "gap": 0}

    def feed(self, lines: Sequence[bytes]) -> list[RecordedEvent]:
        """Take complete lines, without their newlines; return the events that they complete.

        Raises UnsupportedFormatError when the header asks for more than this version knows, and
        nothing for damage.
        """
        events: list[RecordedEvent] = []
        start = 0
        while start < len(lines):
            if not self._stray:
                run = codec.decode_run(lines, start, *self._tip())
                if run:
                    self._pass(lines, start, len(run))
                    start += len(run)
                    events += self._follow(run)
                    continue
            events += self._judge(lines[start])
            self._pass(lines, start, 1)
            start += 1
        return events

    def after(self, rest: bytes) -> Place:
        """Return the place for the next event if `rest`, which has no newline yet, gets one."""
        trial = copy.copy(self)
        for name in ("_held", "_stray", "_spoiled", "_notes", "_counts"):
            setattr(trial, name, copy.copy(getattr(self, name)))
        trial.feed([rest])
        trial.settle()
        return trial.next

    def skip(self, length: int) -> None:
        """Pass over one line too long to be loaded, of `length` bytes with its newline."""
        self._note("damaged", length - 1, "a line longer than 64 MiB was not read")
        self._line += 1
        self._offset += length

    def extend(self, lines: Sequence[bytes], events: list[RecordedEvent]) -> list[RecordedEvent]:
        """Take lines that were sealed for `next` and are stored; `events` is what they hold."""
        if self._spoiled or self._held:
            return self.feed(lines) + self.settle()
        self._pass(lines, 0, len(lines))
        return self._count(events)

    def settle(self) -> list[RecordedEvent]:
        """Say that no more lines are there for now; return the events that were still in doubt."""
        return self._accept_stray()

    @property
    def at_rest(self) -> bool:
        """Whether nothing that was fed waits to be judged."""
        return not (self._held or self._stray or self._spoiled)

    @property
    def held(self) -> int:
        """How many lines of a batch whose end has not come wait, if nothing else does."""
        return 0 if self._stray or self._spoiled else len(self._held)

    @property
    def next(self) -> Place:
        """The place for the next event.

        After unreadable lines that may have been committed it leaves their numbers free, so that
        they are never mistaken for a write that was cut off.
        """
        finished = [bad for bad in self._spoiled if bad.finished]
        if not finished:
            first = self._held[0] if self._held else None
            return Place(first["seq"], first["prev"]) if first else Place(self.seq + 1, self.hash)
        (tip, hash_), claim = self._tip(), finished[-1].claim
        if claim is None or claim in (
            hash_,
            self.hash,
        ):  # then it would seem that nothing is between
            claim = codec.UNKNOWN_PREV
        return Place(tip + len(finished) + 1, claim)

    def health(self, rest: bytes = b"") -> Health:
        """Report on all that was fed so far; `rest` is what follows the last newline."""
        notes, counts = list(self._notes), dict(self._counts)
        for bad in self._spoiled:
            kind, reason = _judge_end(finished=bad.finished)
            counts[kind] += 1
            notes.append(Damage(kind, bad.line, bad.offset, bad.length, reason))
        if self._held:
            counts["torn"] += 1
            notes.append(Damage("torn", self._line, self._offset, 0, _TORN_BATCH))
        if rest:
            kind, reason = self._judge_rest(rest)
            counts[kind] += 1
            notes.append(Damage(kind, self._line + 1, self._offset, len(rest), reason))
        return Health(
            torn=counts["torn"],
            suspect=counts["suspect"],
            damaged=counts["damaged"],
            gaps=counts["gap"],
            bytes=self._offset + len(rest),
            where=tuple(notes[:MAX_NOTES]),
        )

    # The usual case: a run of intact lines in order.

    def _tip(self) -> tuple[int, str]:
        last = self._held[-1] if self._held else None
        return (last["seq"], last["hash"]) if last else (self.seq, self.hash)

    def _pass(self, lines: Sequence[bytes], start: int, count: int) -> None:
        self._line += count
        if count == len(lines):
            self._offset += sum(map(len, lines)) + count
        else:
            self._offset += sum(map(len, lines[start : start + count])) + count

    def _follow(self, run: list[RecordedEvent]) -> list[RecordedEvent]:
        """Take records that follow the tip; keep back a batch at their end that is not whole."""
        if self._spoiled:
            self._condemn("torn", _TORN)
        if run[0]["seq"] == 1:
            self._check_format(run[0])
        run = self._held + run
        cut = _end_of_whole(run)
        self._held = run[cut:]
        return self._count(run[:cut])

    def _count(self, events: list[RecordedEvent]) -> list[RecordedEvent]:
        if events:
            self.seq, self.hash = events[-1]["seq"], events[-1]["hash"]
        return events

    def _check_format(self, header: RecordedEvent) -> None:
        if header["type"] != "session.created":
            return
        written = header["data"].get("format", FORMAT)
        flags = header["data"].get("incompat", [])
        wanted = flags if isinstance(flags, list) else [flags]
        unknown = [flag for flag in wanted if str(flag) not in INCOMPATIBLE_FLAGS]
        if written != FORMAT or unknown:
            found = unknown or f"format {written}"
            raise UnsupportedFormatError(self.session_id, found, f"format {FORMAT}")

    # One line that does not simply follow.

    def _judge(self, line: bytes) -> list[RecordedEvent]:
        bare = line.removeprefix(b"\xef\xbb\xbf") if self._line == 0 else line
        bare = bare.removesuffix(b"\r")
        if not bare:
            return []
        record = codec.decode(bare)
        return self._place(record, len(line)) if record else self._salvage(bare, len(line))

    def _place(self, record: RecordedEvent, length: int) -> list[RecordedEvent]:
        """Place one intact record: it follows the tip, the last event, a stray run, or nothing."""
        if self._stray:
            last = self._stray[-1]
            if _follows(record, last["seq"], last["hash"]):
                self._condemn("torn", _TORN, self._stray_at[1])
                self._stray.append(record)
                return self._accept_stray() if len(self._stray) >= _TRUSTED_RUN else []
        if _follows(record, *self._tip()):
            run = self._take_early(record, length)
            self._drop_stray()
            return self._follow([record, *run])
        if self._is_instead_of_stray_batch(record):
            return []
        if record["seq"] <= self.seq or self._is_kept_back(record):
            again = f"event {record['seq']} is here again, after event {self.seq}"
            self._note("damaged", length, again)
            return []
        if _follows(record, self.seq, self.hash):
            self._drop_stray()
            self._drop_held()
            return self._follow([record])
        events: list[RecordedEvent] = []
        if self._stray and record["seq"] > self._stray[-1]["seq"]:
            events = self._accept_stray()
        run = self._take_early(record, length)
        self._drop_stray()
        self._stray, self._stray_at = [record, *run], (self._line + 1, self._offset)
        return events

    def _salvage(self, line: bytes, length: int) -> list[RecordedEvent]:
        """Take the intact records that share a damaged line as if each had a line of its own."""
        events: list[RecordedEvent] = []
        found, other = 0, len(line)
        for start, end, record in codec.find_records(line):
            if record["seq"] > self.seq and not self._is_kept_back(record):
                events += self._place(record, end - start)
                found += 1
                other -= end - start
        if found:
            also = f" and {other} other bytes" if other else ""
            self._note("damaged", length, f"{found} intact event(s){also} share one line")
        else:
            self._spoil(line, length)
        return events

    def _spoil(self, line: bytes, length: int) -> None:
        """Note an unreadable line; a byte inside it may have become a newline and split it in two."""
        before = self._spoiled[-1].tail if self._spoiled else b""
        finished = any(map(codec.looks_finished, (line, before + line, before + b"\n" + line)))
        claim, tail = codec.claimed_hash(line), line[-_ENDING:]
        bad = _Spoiled(self._line + 1, self._offset, length, finished, claim, tail)
        self._spoiled.append(bad)

    def _take_early(self, record: RecordedEvent, length: int) -> list[RecordedEvent]:
        """Return the stray run if it follows this record, which only stands behind it."""
        if not self._stray or not _follows(self._stray[0], record["seq"], record["hash"]):
            return []
        run, self._stray = self._stray, []
        behind = f"event {record['seq']} stands behind event {run[-1]['seq']}"
        self._note("damaged", length, behind)
        return run

    def _is_instead_of_stray_batch(self, record: RecordedEvent) -> bool:
        """Let a record take the place of a batch that the stray run ends in, and that is not whole."""
        i, n = self._stray[-1].get("batch", (1, 1)) if self._stray else (1, 1)
        first = self._stray[-i] if i <= len(self._stray) else None
        if i == n or not first or not _follows(record, first["seq"] - 1, first["prev"]):
            return False
        self._note("torn", 0, _TORN_BATCH)
        self._condemn("torn", _TORN, self._stray_at[1])
        if i == len(self._stray):
            self._stray_at = (self._line + 1, self._offset)
        self._stray[-i:] = [record]
        return True

    def _is_kept_back(self, record: RecordedEvent) -> bool:
        return any(record["hash"] == kept["hash"] for kept in (*self._held, *self._stray))

    def _belongs(self, record: RecordedEvent) -> bool:
        """Whether a record comes right after what was fed so far."""
        return _follows(record, *self._tip()) or (record["seq"], record["prev"]) == self.next

    # Judging what was kept back.

    def _accept_stray(self) -> list[RecordedEvent]:
        """Take the stray run as this log's own: what its numbers pass over was committed."""
        run, self._stray = self._stray, []
        if not run:
            return []
        first = run[0]
        events: list[RecordedEvent] = []
        # One number further on, its `prev` would have to be theirs: it proves that they were torn.
        if self._held and first["seq"] > self._held[-1]["seq"] + 1:
            events += self._count(self._held)
            self._held = []
        self._drop_held()
        missing = first["seq"] - self.seq - 1
        line, offset = self._stray_at
        if missing:
            self._record(_gap(line, offset, self.seq + 1, first), missing)
        behind = [bad for bad in self._spoiled if bad.offset > offset]  # still to be judged
        self._spoiled = self._spoiled[: len(self._spoiled) - len(behind)]
        if not missing and not self._spoiled:
            reason = f"event {first['seq']} does not follow the line before it"
            self._record(Damage("suspect", line, offset, 0, reason))
        self._condemn("damaged", "unreadable")
        events += self._follow(run)
        self._spoiled = behind
        return events

    def _drop_stray(self) -> None:
        if self._stray:
            seqs = f"{self._stray[0]['seq']} to {self._stray[-1]['seq']}"
            reason = f"intact lines numbered {seqs} belong elsewhere: nothing follows them here"
            self._record(Damage("suspect", *self._stray_at, 0, reason))
            self._stray = []

    def _drop_held(self) -> None:
        if self._held:
            self._note("torn", 0, _TORN_BATCH)
            self._held = []

    def _condemn(self, kind: Kind, reason: str, start: int = 0) -> None:
        """Judge the unreadable lines from byte `start` on."""
        for bad in self._spoiled:
            if bad.offset >= start:
                self._record(Damage(kind, bad.line, bad.offset, bad.length, reason))
        self._spoiled = [bad for bad in self._spoiled if bad.offset < start]

    def _judge_rest(self, rest: bytes) -> tuple[Kind, str]:
        record = codec.decode(rest)
        if record and self._belongs(record):
            return "torn", "a whole event lacks only its newline; the next append completes it"
        if next(codec.find_records(rest), None):
            return "suspect", "a whole event lacks its newline; the next append brings it back"
        return _judge_end(finished=codec.looks_finished(rest))

    def _note(self, kind: Kind, length: int, reason: str) -> None:
        self._record(Damage(kind, self._line + 1, self._offset, length, reason))

    def _record(self, damage: Damage, count: int = 1) -> None:
        self._counts[damage.kind] += count
        if len(self._notes) < MAX_NOTES:
            self._notes.append(damage)


def _follows(record: RecordedEvent, seq: int, hash_: str) -> bool:
    """Whether a record comes after the event `seq`: its `prev` proves that nothing is between."""
    return record["prev"] == hash_ and record["seq"] > seq


def _end_of_whole(run: Sequence[RecordedEvent]) -> int:
    """Count the records before a batch at the run's end that is not whole."""
    i, n = run[-1].get("batch", (1, 1))
    cut = len(run) - (i < n)
    while i < n and cut and run[cut - 1].get("batch") == [i - 1, n]:
        cut, i = cut - 1, i - 1
    return cut


_TORN = "a write was cut off here; nothing acknowledged was lost"
_TORN_BATCH = "a batch was cut off here and counts as not written; nothing acknowledged was lost"


def _gap(line: int, offset: int, first: int, found: RecordedEvent) -> Damage:
    last = found["seq"] - 1
    which = f"event {first} was" if first == last else f"events {first} to {last} were"
    reason = f"{which} committed and cannot be read here"
    return Damage("gap", line, offset, 0, reason, first, last, found["prev"])


def _judge_end(*, finished: bool) -> tuple[Kind, str]:
    if finished:
        return "suspect", "the last line is unreadable; it may have been committed"
    return "torn", _TORN
