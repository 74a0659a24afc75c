"""Take a session's lock, waiting a bounded time, and say who has it when the time is up.

The lock is a flock on a sidecar file that is never renamed or deleted, so that every process locks
the same inode whatever happens to the log.
"""

import os
import random
import time
from io import FileIO
from weakref import WeakSet

from eventlog.errors import BackendLockedError

from .files import Folder, lock_holder

LOCKS = ".locks"
_SHORTEST, _LONGEST = 0.0002, 0.02  # seconds between two tries
_held: WeakSet[FileIO] = WeakSet()


def acquire(folder: Folder, session_id: str, timeout: float) -> FileIO:
    """Return the open lock file; closing it lets the lock go. Raises BackendLockedError."""
    file = _open(folder, f"{LOCKS}/{session_id}.lock")
    _held.add(file)
    try:
        if not folder.try_lock(file):
            _wait(folder, file, session_id, timeout)
    except BaseException:
        file.close()
        raise
    return file


def _open(folder: Folder, name: str) -> FileIO:
    try:
        return folder.open_lock(name)
    except FileNotFoundError:
        folder.make()
        folder.make_inside(LOCKS)
        return folder.open_lock(name)


def _wait(folder: Folder, file: FileIO, session_id: str, timeout: float) -> None:
    started, pause = time.monotonic(), _SHORTEST
    while not folder.try_lock(file):
        waited = time.monotonic() - started
        if waited >= timeout:
            raise BackendLockedError(session_id, waited, lock_holder(file))
        # Random pauses: two writers that try in step would leave a third waiting for ever.
        time.sleep(random.uniform(_SHORTEST, pause))  # noqa: S311
        pause = min(pause * 2, _LONGEST)


def _drop_in_child() -> None:
    """Close a forked child's share of its parent's locks, or they would last as long as it lives."""
    for file in list(_held):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_in_child)
