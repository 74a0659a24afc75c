"""Hold what is kept of one session against its log: what a proof by replay asks of the catalogue.

It makes the session's row and the list of what was said anew, in a scratch file, and compares. The
index of words is not looked into: only what it is an index of. What says something that is not at hand
now, or was not then, is passed over.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

from eventlog.backend import Stamp

from . import database, outputs, rows
from .intake import CatchUp, Part, snapshot
from .rows import Wanted

_NO_WORDS = """
DROP TABLE words;
CREATE VIEW words AS SELECT 0 AS rowid, '' AS words, '' AS text;
CREATE TRIGGER pass_over INSTEAD OF INSERT ON words BEGIN SELECT 1; END;
"""
_SAID = (
    "SELECT seq, role, at, fingerprint, passing, offset FROM said "
    "JOIN sessions ON sessions.key = said.session WHERE id = ? ORDER BY seq"
)


def disagreement(kept: CatchUp, parts: Sequence[Part], session_id: str, stamp: Stamp) -> str | None:
    """Say what the catalogue has of a session that its log does not say; None for nothing."""
    with _scratch() as data:
        made = CatchUp(data, kept.backend, kept.now, kept.watch)
        for part in parts:
            made.run(part, {session_id: stamp})
        with snapshot(kept.database):
            told, said = (kept.knows(part, session_id, stamp) for part in parts)
            if told and _row(kept.database, session_id) != _row(data, session_id):
                return "the catalogue's row is not what the log says"
            return _first_difference(kept.database, data, session_id) if said else None


@contextmanager
def _scratch() -> Iterator[sqlite3.Connection]:
    with database.scratch() as data:
        data.executescript(_NO_WORDS)
        yield data


def _row(data: sqlite3.Connection, session_id: str) -> Any:
    """Return all that is kept for lists: the row, and the labels by which it is found."""
    found = rows.select(data, Wanted(id=session_id), "updated", None)
    labels = data.execute(
        "SELECT kind, value, folded FROM labels JOIN sessions ON key = session WHERE id = ? "
        "ORDER BY kind, value",
        (session_id,),
    )
    return [row for row in found if row.id == session_id], labels.fetchall()


def _first_difference(
    kept: sqlite3.Connection, made: sqlite3.Connection, session_id: str
) -> str | None:
    lacked = outputs.lacked(kept, session_id) | outputs.lacked(made, session_id)
    both = (
        filter(lambda row: row[0] not in lacked, data.execute(_SAID, (session_id,)))
        for data in (kept, made)
    )
    for one, other in zip_longest(*both):
        if one != other:
            seq = min(each[0] for each in (one, other) if each)
            return f"the catalogue's text of event {seq} is not what the log says"
    return None
