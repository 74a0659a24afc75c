"""The catalogue's SQLite file: opened, given its tables, replaced when it is not what it should be.

Several processes use it at once: readers never wait (WAL), a writer waits a bounded time. A file
that is damaged is replaced only while nobody else has it open, which a lock beside it tells. What
the tables hold is rows.py's and texts.py's to say.
"""

import os
import sqlite3
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from zlib import crc32

from eventlog.projections.metadata import METADATA
from eventlog.projections.summary import SUMMARY
from eventlog.projections.usage import USAGE
from eventlog.record import FORMAT, INCOMPATIBLE_FLAGS

from . import intake, outputs, rows, spending, texts

if sys.platform != "win32":
    import fcntl

NAME = "catalog.sqlite3"
_TABLES = 2  # rises when the tables change, or how text is cut
SCHEMA = crc32(repr((
    _TABLES, SUMMARY.version, METADATA.version, USAGE.version, FORMAT, sorted(INCOMPATIBLE_FLAGS),
    unicodedata.unidata_version,
)).encode()) >> 1  # fmt: skip
"""The version of all that is in the file; a file of any other is made anew."""

PATIENCE = 10.0
"""How long a writer waits for another one, in seconds."""

_APPLICATION = 0x65766C67  # "evlg"
_NOT_THROUGH_LINKS = getattr(os, "O_NOFOLLOW", 0)
_POLL = 0.01
_OF_SQLITE = ("", "-wal", "-shm", "-journal")


@contextmanager
def opened(folder: Path | None, *, patience: float = PATIENCE) -> Iterator[sqlite3.Connection]:
    """Open the catalogue in a folder, made if it is missing; without one, a new one in memory.

    Raises sqlite3.Error or OSError where it cannot be used.
    """
    if folder is None:
        with _anonymous(":memory:") as database:
            yield database
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    with _shared(folder, patience):
        database = _connect(str(_private(folder / NAME)), patience)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("PRAGMA secure_delete = ON")  # what is taken out leaves the file
            _ensure_tables(database)
            yield database
        finally:
            database.close()


def scratch() -> AbstractContextManager[sqlite3.Connection]:
    """Open a new catalogue that is gone afterwards, and held in memory only while it is small."""
    return _anonymous("")


@contextmanager
def _anonymous(place: str) -> Iterator[sqlite3.Connection]:
    database = _connect(place, 0)
    try:
        _ensure_tables(database)
        yield database
    finally:
        database.close()


def discard(folder: Path) -> bool:
    """Remove a catalogue that cannot be used, unless another process has it open; say whether."""
    try:
        with _lock_file(folder) as lock:
            if not _take(lock, exclusive=True):
                return False
            for ending in _OF_SQLITE:
                with suppress(FileNotFoundError):
                    (folder / (NAME + ending)).unlink()
    except OSError:
        return False
    return True


def _connect(place: str, patience: float) -> sqlite3.Connection:
    return sqlite3.connect(place, timeout=patience, isolation_level=None, check_same_thread=False)


def _ensure_tables(database: sqlite3.Connection) -> None:
    """Make the tables, or make them anew where another version made them."""
    if _is_current(database):
        return
    with intake.transaction(database):
        if _is_current(database):
            return  # by another process, meanwhile
        _drop_all(database)
        for tables in (intake.TABLES, rows.TABLES, spending.TABLES, texts.TABLES, outputs.TABLES):
            for statement in tables.split(";\n"):
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {SCHEMA}")
        database.execute(f"PRAGMA application_id = {_APPLICATION}")


def _is_current(database: sqlite3.Connection) -> bool:
    told = [database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("user_version", "application_id")]  # fmt: skip
    return told == [SCHEMA, _APPLICATION]


def _drop_all(database: sqlite3.Connection) -> None:
    """Drop whatever tables are there; those of a dropped virtual table go with it."""
    found = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "ORDER BY sql LIKE 'CREATE VIRTUAL%' DESC"
    ).fetchall()
    for (name,) in found:
        quoted = name.replace('"', '""')
        database.execute(f'DROP TABLE IF EXISTS "{quoted}"')


def _private(path: Path) -> Path:
    """Make a file that only its owner reads, if there is none; SQLite's others take after it."""
    with suppress(FileExistsError):
        # Never opened where it exists: closing it would drop SQLite's own locks on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return path


@contextmanager
def _shared(folder: Path, patience: float) -> Iterator[None]:
    """Say, for a while, that the catalogue is in use. Raises TimeoutError."""
    end = time.monotonic() + patience
    with _lock_file(folder) as lock:
        while not _take(lock, exclusive=False):
            if time.monotonic() > end:
                raise TimeoutError("somebody is about to remove the catalogue")
            time.sleep(_POLL)
        yield


@contextmanager
def _lock_file(folder: Path) -> Iterator[int]:
    lock = os.open(folder / "catalog.lock", os.O_RDWR | os.O_CREAT | _NOT_THROUGH_LINKS, 0o600)
    try:
        yield lock
    finally:
        os.close(lock)


def _take(lock: int, *, exclusive: bool) -> bool:
    if sys.platform == "win32":
        return True  # there, a file that is open cannot be removed
    try:
        fcntl.flock(lock, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
