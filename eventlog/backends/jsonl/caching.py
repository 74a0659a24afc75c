"""Small files that can be made again, in .cache: neither synced nor locked, replaced whole."""

from contextlib import suppress

from .files import CREATE, READ, Folder

CACHE = ".cache"


def read(folder: Folder, session_id: str) -> bytes | None:
    """Return what was kept for a session; None if there is nothing that can be read."""
    with suppress(OSError), folder.open(_name(session_id), READ) as file:
        return file.readall()
    return None


def write(folder: Folder, session_id: str, data: bytes) -> None:
    """Keep data for a session; a read-only or full disk is no reason to fail."""
    with suppress(OSError):
        folder.make_inside(CACHE)
        new = f"{CACHE}/{session_id}.new"
        with suppress(FileNotFoundError):
            folder.unlink(new)
        with folder.open(new, CREATE) as file:
            whole = folder.write(file, data) == len(data)
        if whole:
            folder.rename(new, _name(session_id))


def drop(folder: Folder, session_id: str) -> None:
    """Remove what was kept for a session."""
    with suppress(FileNotFoundError):
        folder.unlink(_name(session_id))


def _name(session_id: str) -> str:
    return f"{CACHE}/{session_id}.json"
