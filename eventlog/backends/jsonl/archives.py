"""The logs of older generations, kept beside the store's logs, plain or compressed by zstandard.

    <folder>/.archive/<id>.g<generation>[.<n>].jsonl[.zst]

A plain one is only removed once its compressed twin is durable, so one of them is always whole.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO

from eventlog.backend import START, Archive

from .files import CREATE, READ, Folder
from .reader import read_blocks

ARCHIVE = ".archive"
PACKED = ".zst"
_NAME = re.compile(r"(?P<id>[^.]+)\.g(?P<generation>\d+)(\.(?P<n>\d+))?\.jsonl(\.zst)?")
_LEVEL = 3  # ratio 2.4 on logs at 180 MB/s; 9 gives 3.1 at 39 MB/s
_CHUNK = 1 << 20


def find(folder: Folder, session_id: str) -> list[Archive]:
    """Return a session's archives, the newest first."""
    found = []
    for name in folder.names(ARCHIVE):
        match = _NAME.fullmatch(name)
        if match and match["id"] == session_id:
            order = (int(match["generation"]), int(match["n"] or 1))
            size = folder.status_of(f"{ARCHIVE}/{name}").st_size
            found.append((order, Archive(f"{ARCHIVE}/{name}", order[0], size)))
    return [archive for _, archive in sorted(found, reverse=True)]


def read(folder: Folder, name: str) -> Iterator[bytes]:
    """Give the lines of an archive or a quarantine, plain or compressed, and what follows the last.

    A compressed one that is damaged gives those before the damage; each line proves itself.
    """
    with folder.open(name, READ) as file:
        if name.endswith(PACKED):
            yield from _unpacked(file)
            return
        for block in read_blocks(folder, file, folder.status(file).st_size, START):
            yield from block.lines
            if block.rest:
                yield block.rest


def _unpacked(file: FileIO) -> Iterator[bytes]:
    from zstandard import ZstdDecompressor, ZstdError  # noqa: PLC0415 - few commands need it

    rest = b""
    with suppress(ZstdError):
        for chunk in ZstdDecompressor().read_to_iter(file, read_size=_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
    if rest:
        yield rest


def pack(folder: Folder, session_id: str) -> None:
    """Compress a session's archives that are plain."""
    for archive in find(folder, session_id):
        if not archive.name.endswith(PACKED):
            _pack(folder, archive.name)


def _pack(folder: Folder, name: str) -> None:
    from zstandard import ZstdCompressor  # noqa: PLC0415 - few commands need it

    new = f"{name}.new"  # its own: other sessions may be packed at the same time
    with suppress(FileNotFoundError):
        folder.unlink(new)
    try:
        with folder.open(name, READ) as plain, folder.open(new, CREATE) as packed:
            ZstdCompressor(level=_LEVEL, write_checksum=True).copy_stream(plain, packed)
            folder.sync(packed)
    except BaseException:
        with suppress(FileNotFoundError):
            folder.unlink(new)
        raise
    folder.rename(new, name + PACKED)
    folder.sync_folder(ARCHIVE)
    drop(folder, name)


def drop(folder: Folder, name: str) -> None:
    """Remove an archive or a quarantine for good."""
    folder.unlink(name)
    folder.sync_folder(name.partition("/")[0])
