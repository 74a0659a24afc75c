"""The logs of older generations, kept beside the store's logs, plain or compressed by zstandard.

    <folder>/.archive/<id>.g<generation>[.<n>].jsonl[.zst]

A plain one is only removed once its compressed twin is durable, and read back, so one of them is
always whole.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO

from eventlog.backend import START, Archive, Copy

from .files import CREATE, READ, Folder, write_all
from .reader import read_blocks

ARCHIVE = ".archive"
QUARANTINE = ".quarantine"
PACKED = ".zst"
_NAME = re.compile(r"(?P<id>[^.]+)\.g(?P<generation>\d+)(\.(?P<n>\d+))?\.jsonl(\.zst)?")
_UNFINISHED = ".new"
_LEFT = (_UNFINISHED, ".part")  # how names end that a killed `pack`, and a killed `link`, left
_LEVEL = 3  # ratio 2.4 on logs at 180 MB/s; 9 gives 3.1 at 39 MB/s
_CHUNK = 1 << 20
_BITE = 8 << 10  # of compressed bytes: a run of zeros becomes ten thousand times as much


def find(folder: Folder, session_id: str) -> list[Archive]:
    """Return a session's archives, the newest first."""
    return [
        Archive(name, generation, folder.status_of(name).st_size)
        for name, generation in in_order(folder, ARCHIVE, session_id)
    ]


def find_all(folder: Folder) -> Iterator[Copy]:
    """Give the archives and quarantines of all sessions."""
    for place in (ARCHIVE, QUARANTINE):
        for name in folder.names(place):
            if match := _NAME.fullmatch(name):
                yield Copy(match["id"], f"{place}/{name}")


def in_order(folder: Folder, place: str, session_id: str) -> list[tuple[str, int]]:
    """Return a session's copies in one place, the newest first: each one's name and generation."""
    found = []
    for name in folder.names(place):
        match = _NAME.fullmatch(name)
        if match and match["id"] == session_id:
            order = (int(match["generation"]), int(match["n"] or 1))
            found.append((order, f"{place}/{name}"))
    return [(name, order[0]) for order, name in sorted(found, reverse=True)]


def read(folder: Folder, name: str) -> Iterator[bytes]:
    """Give the lines of an archive or a quarantine, plain or compressed, and what follows the last.

    A compressed one that is damaged gives those before the damage; each line proves itself.
    """
    if not name.endswith(PACKED):
        yield from read_whole(folder, name)
        return
    from zstandard import ZstdError  # noqa: PLC0415 - few commands need it

    with suppress(ZstdError):
        yield from read_whole(folder, name)


def read_whole(folder: Folder, name: str) -> Iterator[bytes]:
    """Give these lines, too, but raise zstandard's ZstdError at damage of a compressed one."""
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

    line, damage, frame = [], None, ZstdDecompressor().decompressobj()
    try:
        while not frame.eof:
            if not (packed := file.read(_BITE)):
                raise ZstdError("it is cut off")
            more, *lines = frame.decompress(packed).split(b"\n")
            line.append(more)
            for begun in lines:
                yield b"".join(line)
                line = [begun]
    except ZstdError as error:
        damage = error
    if rest := b"".join(line):
        yield rest
    if damage is not None:
        raise damage


def pack(folder: Folder, session_id: str) -> None:
    """Compress a session's archives that are plain."""
    for archive in find(folder, session_id):
        if not archive.name.endswith(PACKED):
            _pack(folder, archive.name)


def _pack(folder: Folder, name: str) -> None:
    from zstandard import ZstdCompressor  # noqa: PLC0415 - few commands need it

    new = name + _UNFINISHED  # its own: other sessions may be packed at the same time
    with suppress(FileNotFoundError):
        folder.unlink(new)
    try:
        with folder.open(name, READ) as plain, folder.open(new, CREATE) as packed:
            compressor = ZstdCompressor(level=_LEVEL, write_checksum=True)
            for chunk in compressor.read_to_iter(plain, read_size=_CHUNK):
                write_all(folder, packed, chunk)
            folder.sync(packed)
            _check(plain, packed)
    except BaseException:
        with suppress(FileNotFoundError):
            folder.unlink(new)
        raise
    folder.rename(new, name + PACKED)
    folder.sync_folder(ARCHIVE)
    drop(folder, name)


def _check(plain: FileIO, packed: FileIO) -> None:
    """Raise OSError unless the one, unpacked, is the other: which is about to be removed."""
    from zstandard import ZstdDecompressor, ZstdError  # noqa: PLC0415 - few commands need it

    for file in (plain, packed):
        file.seek(0)
    same = True
    with suppress(ZstdError):
        for chunk in ZstdDecompressor().read_to_iter(packed, read_size=_CHUNK):
            same = same and plain.read(len(chunk)) == chunk
    if not same or plain.read(1):
        raise OSError("an archive, compressed and read back, is not what it was")


def drop_unfinished(folder: Folder, session_id: str) -> None:
    """Remove for good what a killed process left of a session's copies: it holds their content."""
    for place in (ARCHIVE, QUARANTINE):
        for name in list(folder.names(place)):
            if name.startswith(f"{session_id}.g") and name.endswith(_LEFT):
                drop(folder, f"{place}/{name}")


def drop(folder: Folder, name: str) -> None:
    """Remove an archive or a quarantine for good."""
    folder.unlink(name)
    folder.sync_folder(name.partition("/")[0])
