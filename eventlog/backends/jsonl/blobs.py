"""Blobs, each a file of its own, named by what it holds: written once, and never changed.

    <folder>/blobs/<SHA-256 in hexadecimal>
    <folder>/blobs/<the same>.<random>.new      one on its way, or left by one who was killed

    the shared lock → write the new file → sync it → rename it → sync the folder
    → the lines that name it are stored → let the lock go

Who drops blobs holds the lock alone: so between a blob's being there and the line that names it,
nobody does. Killed anywhere, a blob may be there that no line names, and no line names one that is
not there.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from eventlog.backend import Keep
from eventlog.blobs import is_name
from eventlog.errors import BackendUnavailableError

from .files import CREATE, READ, Folder, shut, write_all
from .lock import BLOBS_LOCK, acquire, share

BLOBS = "blobs"
_UNFINISHED = ".new"


def read(folder: Folder, name: str) -> bytes | None:
    """Return a blob as it is there; None where it is not, or cannot be read."""
    if not is_name(name):
        return None
    with suppress(OSError), folder.open(_at(name), READ) as file:
        return file.readall()
    return None


def sizes(folder: Folder) -> dict[str, int]:
    """Return the size of each blob."""
    found = {}
    for name in filter(is_name, folder.names(BLOBS)):
        with suppress(FileNotFoundError):  # dropped since
            found[name] = folder.status_of(_at(name)).st_size
    return found


@contextmanager
def keeping(
    folder: Folder, given: Mapping[str, bytes], timeout: float, doubted: set[str]
) -> Iterator[Keep]:
    """Store what is not there yet, durably, and hold the lock that keeps it there.

    `doubted` are blobs whose names may not be on the disk, as a sync failed: a second sync would
    succeed and tell nothing, so they are written anew.
    """
    try:
        lock = share(folder, BLOBS_LOCK, timeout)
    except OSError as error:
        raise _cannot("keep", folder, error) from error

    def keep(more: Mapping[str, bytes]) -> None:
        try:
            _store(folder, more, doubted)
        except OSError as error:
            raise _cannot("keep", folder, error) from error

    try:
        if given:
            keep(given)
        yield keep
    finally:
        shut(lock)


@contextmanager
def dropping(folder: Folder, timeout: float) -> Iterator[Callable[[str], None]]:
    """Hold the lock alone; give what drops a blob."""
    try:
        lock = acquire(folder, BLOBS_LOCK, timeout)
    except OSError as error:
        raise _cannot("drop", folder, error) from error
    try:
        for name in list(folder.names(BLOBS)):
            if name.endswith(_UNFINISHED):
                folder.unlink(f"{BLOBS}/{name}")
        yield lambda name: _drop(folder, name)
        with suppress(FileNotFoundError):  # no blob was ever kept
            folder.sync_folder(BLOBS)
    except OSError as error:
        raise _cannot("drop", folder, error) from error
    finally:
        shut(lock)


def _store(folder: Folder, given: Mapping[str, bytes], doubted: set[str]) -> None:
    folder.make_inside(BLOBS)
    for name, blob in given.items():
        if name in doubted or read(folder, name) != blob:
            _write(folder, name, blob)
    doubted.update(given)
    folder.sync_folder(BLOBS)  # also for one who was killed between his rename and his sync
    doubted.difference_update(given)


def _write(folder: Folder, name: str, blob: bytes) -> None:
    new = f"{_at(name)}.{secrets.token_hex(8)}{_UNFINISHED}"  # others may write the same one
    try:
        with folder.open(new, CREATE) as file:
            write_all(folder, file, blob)
            folder.sync(file)
        folder.rename(new, _at(name))
    except BaseException:
        with suppress(OSError):
            folder.unlink(new)
        raise


def _drop(folder: Folder, name: str) -> None:
    with suppress(FileNotFoundError):
        folder.unlink(_at(name))


def _at(name: str) -> str:
    return f"{BLOBS}/{name}"


def _cannot(do: str, folder: Folder, error: OSError) -> BackendUnavailableError:
    return BackendUnavailableError(f"cannot {do} blobs in {folder.path}: {error}")
