"""What tools gave out that is kept in blobs: its words are in the index as if it stood in the log.

Media are not read for it. Where a text is not at hand, or is not what it was, the session is noted as
lacking it; once it is there, as after an import, the session is due to be read anew.
"""

import sqlite3
from collections.abc import Iterable, Iterator

from eventlog.blobs import Get, Ref

TABLES = """
CREATE TABLE lacking (
  session INTEGER, seq INTEGER, at TEXT, sha256 TEXT, bytes INTEGER, PRIMARY KEY (session, seq, at)
) WITHOUT ROWID;
"""


def note(database: sqlite3.Connection, key: int | None, seq: int, lost: Iterable[Ref]) -> None:
    """Note that the index lacks what an event of a session says there."""
    database.executemany(
        "INSERT OR REPLACE INTO lacking VALUES (?, ?, ?, ?, ?)",
        ((key, seq, ref.at, ref.sha256, ref.size) for ref in lost),
    )


def forget(database: sqlite3.Connection, key: int | None) -> None:
    """Forget what the index lacks of a session."""
    database.execute("DELETE FROM lacking WHERE session = ?", (key,))


def lacked(database: sqlite3.Connection, session_id: str) -> set[int]:
    """Return the events of a session of which the index lacks something."""
    found = database.execute(
        "SELECT DISTINCT seq FROM lacking JOIN sessions ON key = session WHERE id = ?",
        (session_id,),
    )
    return {seq for (seq,) in found}


def come_back(database: sqlite3.Connection, get: Get) -> list[str]:
    """Return the sessions that lack what is at hand now."""
    found = database.execute("SELECT DISTINCT sha256, bytes FROM lacking").fetchall()
    names = [sha256 for sha256, size in found if get(Ref("", sha256, size, "")) is not None]
    return sorted({id_ for name in names for id_ in _lacking(database, name)})


def _lacking(database: sqlite3.Connection, sha256: str) -> Iterator[str]:
    columns = "SELECT id FROM lacking JOIN sessions ON key = session WHERE sha256 = ?"
    return (id_ for (id_,) in database.execute(columns, (sha256,)))
