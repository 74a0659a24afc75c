"""Take a session's lock, waiting a bounded time, and say who has it when the time is up.

The lock is a flock on a sidecar file that is never renamed or deleted, so that every process locks
the same inode whatever happens to the log.
"""

import os
import random
import time
from collections.abc import Callable
from io import FileIO
from weakref import WeakSet

from eventlog.errors import BackendLockedError

from .files import Folder, lock_holder

LOCKS = ".locks"
BLOBS_LOCK = ".blobs"  # no session's: its name begins with a dot
_SHORTEST, _LONGEST = 0.0002, 0.02  # seconds between two tries
_held: WeakSet[FileIO] = WeakSet()
Try = Callable[[FileIO], bool]


def acquire(folder: Folder, session_id: str, timeout: float) -> FileIO:
    """Return the open lock file; closing it lets the lock go. Raises BackendLockedError."""
    return _acquire(folder, session_id, timeout, folder.try_lock)


def share(folder: Folder, session_id: str, timeout: float) -> FileIO:
    """Do as `acquire`, but let others share it, too; whoever acquires it waits for all of them."""
    return _acquire(folder, session_id, timeout, folder.try_share)


def _acquire(folder: Folder, session_id: str, timeout: float, attempt: Try) -> FileIO:
    file = _open(folder, f"{LOCKS}/{session_id}.lock")
    _held.add(file)
    try:
        if not attempt(file):
            _wait(file, session_id, timeout, attempt)
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


def _wait(file: FileIO, session_id: str, timeout: float, attempt: Try) -> None:
    started, pause = time.monotonic(), _SHORTEST
    while not attempt(file):
        waited = time.monotonic() - started
        if waited >= timeout:
            waited_for = "" if session_id == BLOBS_LOCK else session_id
            raise BackendLockedError(waited_for, waited, lock_holder(file))
        # Random pauses: two writers that try in step would leave a third waiting for ever.
        time.sleep(random.uniform(_SHORTEST, pause))  # noqa: S311
        pause = min(pause * 2, _LONGEST)


def _drop_in_child() -> None:
    """Close a forked child's share of its parent's locks, or they would last as long as it lives."""
    for file in list(_held):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_in_child)
