"""What a reading of a log found beside its events: the places that are not one intact line in order.

Facts only. How they are found is chain.py's; how a person is told of them, the commands'.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["torn", "suspect", "damaged", "gap"]

MAX_NOTES = 1000
"""How many places a Health lists; its counts go on beyond that."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One place in a log that is not one intact line in its order.

    `kind`: "torn", a write that was cut off, nothing acknowledged was lost; "suspect", it cannot
    be told whether something was lost; "damaged", bytes that were a line and are not any more;
    "gap", events that were committed and are gone. `line` counts from 1; `offset` and `length` are
    bytes of the log as a file; `first_seq` and `last_seq` name the missing events of a gap, and
    `last_hash` the hash that the last of them had.
    """

    kind: Kind
    line: int
    offset: int
    length: int
    reason: str
    first_seq: int | None = None
    last_seq: int | None = None
    last_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """What a reading of a whole log found beside the events.

    `torn`, `suspect` and `damaged` count places, `gaps` missing events, `bytes` what the log holds;
    `where` lists the places in order, the first thousand of them.
    """

    torn: int = 0
    suspect: int = 0
    damaged: int = 0
    gaps: int = 0
    bytes: int = 0
    where: tuple[Damage, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing committed is missing, unreadable or in doubt; a torn write is no damage."""
        return not (self.suspect or self.damaged or self.gaps)
