"""Find what can be read under the paths that a person names: each a stream that starts anew.

Folders are walked, gzip and zstd are unpacked as they are read, the members of zip files are sources
of their own. What something is, its first bytes say, never its name. An archive may not be more than
it should: members, sizes and ratios are bounded. What a store of ours keeps beside its logs is no source;
its blobs are given to who asks for one by name.
"""

import gzip
import io
import os
import shutil
import stat
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from eventlog.blobs import is_name
from eventlog.errors import TransferError

MOST_MEMBERS = 10_000
"""How many files a zip may hold."""

MOST_UNPACKED = 64 << 30
"""How many bytes may come out of one packed file."""

MOST_RATIO = 1_000
"""How many times its packed size that may be, once it is more than a few megabytes."""

MOST_WINDOW = 128 << 20
"""How many bytes of memory a zstd file may ask for, to be unpacked."""

MANIFEST = "manifest.json"
BUNDLE_MARK = b'{"eventlog_bundle":'
"""What a zip's manifest begins with, where the zip is a bundle of ours."""

_BESIDE_LOGS = frozenset((".archive", ".bin", ".cache", ".locks", ".quarantine"))  # in our stores
_BLOBS = "blobs"  # there, too
_ALWAYS_FINE = 64 << 20
_PACKED = 1 << 11  # bytes of zstd that are unpacked at once: 64 MB at the very most
_UNPACKING = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"
STDIN = "-"
_Get = Callable[[str], bytes | None]


def _alone() -> Iterator["Source"]:
    return iter(())


@contextmanager
def _no_blobs() -> Iterator[_Get]:
    yield lambda _: None


@dataclass(frozen=True, slots=True)
class Source:
    """Something that may hold conversations.

    `name` is what a person calls it: a path, or an archive's and `!` and the member's. `start` opens
    it at its beginning, unpacked; `size` is its length in bytes as it is stored. `beside` gives what
    lies in the same archive or folder: an export may name its pictures. `blobs` opens the folder of
    blobs that lies beside it: what it gives returns the blob of a SHA-256, unchecked, or None.
    """

    name: str
    start: Callable[[], BinaryIO]
    size: int
    path: Path | None = None
    beside: Callable[[], Iterator["Source"]] = _alone
    blobs: Callable[[], AbstractContextManager[_Get]] = _no_blobs

    @contextmanager
    def as_file(self) -> Iterator[Path]:
        """Give a file with what it holds: its own, or for a while a copy; SQLite needs one."""
        if self.path is not None:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="eventlog-") as folder:
            copy = Path(folder) / "copy"
            with self.start() as stream, copy.open("wb") as file:
                shutil.copyfileobj(stream, file, 1 << 20)
            yield copy


def find_sources(
    paths: Iterable[str], problem: Callable[[TransferError], None]
) -> Iterator[Source]:
    """Give the sources under paths, in order; "-" is standard input.

    What cannot be opened, or is not fit to be read, is told to `problem`, and the rest goes on.
    """
    for path in paths:
        try:
            yield from _found(path, problem)
        except TransferError as error:
            problem(error)
        except OSError as error:
            problem(TransferError(path, None, error.strerror or str(error)))


def _found(path: str, problem: Callable[[TransferError], None]) -> Iterator[Source]:
    if path == STDIN:
        yield from _spooled()
        return
    place = Path(path)
    if place.is_dir():
        for folder, folders, names in os.walk(place, onerror=partial(_tell, problem)):
            folders[:] = sorted(set(folders) - _BESIDE_LOGS)
            inside = (Path(folder) / name for name in sorted(names))
            yield from find_sources((str(p) for p in inside if not _is_blob(p)), problem)
        return
    status = place.stat()
    if not stat.S_ISREG(status.st_mode):
        raise TransferError(path, None, "not a plain file")
    if status.st_size:
        yield from _opened(path, place, status.st_size)


def _tell(problem: Callable[[TransferError], None], error: OSError) -> None:
    problem(TransferError(str(error.filename), None, error.strerror or str(error)))


def _spooled() -> Iterator[Source]:
    """Keep standard input in a file for as long as it is read, as it can be read only once."""
    with tempfile.NamedTemporaryFile(prefix="eventlog-") as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool, 1 << 20)
        spool.flush()
        yield from _opened("standard input", Path(spool.name), Path(spool.name).stat().st_size)


def _opened(name: str, path: Path, size: int) -> Iterator[Source]:
    with path.open("rb") as file:
        magic = file.read(4)
    is_spool = Path(name) != path
    blobs = _no_blobs if is_spool else partial(_blobs_in, path.parent)
    if magic == _ZIP and not _is_bundle(path):
        yield from _members(name, path)
    elif magic.startswith(_GZIP):
        start = partial(_bounded, name, size, partial(_gunzip, path))
        yield Source(name, start, size, blobs=blobs)
    elif magic == _ZSTD:
        start = partial(_bounded, name, size, partial(_unzstd, path))
        yield Source(name, start, size, blobs=blobs)
    else:
        beside = _alone if is_spool else partial(_neighbours, path)
        yield Source(name, partial(_plain, path), size, path, beside, blobs)


def _neighbours(path: Path) -> Iterator[Source]:
    """Give the plain files of a folder, as they are."""
    for entry in os.scandir(path.parent):
        if entry.is_file(follow_symlinks=False):
            other = Path(entry.path)
            yield Source(entry.path, partial(_plain, other), entry.stat().st_size, other)


def _is_blob(path: PurePosixPath | Path) -> bool:
    """Whether this is a blob of a store of ours, or one that was on its way."""
    return path.parent.name == _BLOBS and is_name(path.name[:64])


@contextmanager
def _blobs_in(folder: Path) -> Iterator[_Get]:
    """Open the blobs in a folder of logs; there, nothing is read through a link."""
    yield partial(_blob_of, folder / _BLOBS)


def _blob_of(folder: Path, name: str) -> bytes | None:
    place = folder / name
    with suppress(OSError):
        if is_name(name) and not folder.is_symlink() and stat.S_ISREG(place.lstat().st_mode):
            return place.read_bytes()
    return None


@contextmanager
def _packed_blobs(path: Path, folder: PurePosixPath) -> Iterator[_Get]:
    """Open the blobs beside the logs that a zip has in this folder."""
    with zipfile.ZipFile(path) as archive:
        yield partial(_packed_blob, archive, folder / _BLOBS)


def _packed_blob(archive: zipfile.ZipFile, folder: PurePosixPath, name: str) -> bytes | None:
    with suppress(KeyError, *_UNPACKING):
        info = archive.getinfo(str(folder / name))
        if info.file_size <= most_unpacked(info.compress_size):
            return archive.read(info)
    return None


def _is_bundle(path: Path) -> bool:
    """Whether a zip is a bundle of ours, which is taken as a whole."""
    with (
        suppress(KeyError, *_UNPACKING),
        zipfile.ZipFile(path) as archive,
        archive.open(MANIFEST) as manifest,
    ):
        return manifest.read(len(BUNDLE_MARK)) == BUNDLE_MARK
    return False


def _members(name: str, path: Path) -> Iterator[Source]:
    try:
        with zipfile.ZipFile(path) as archive:
            every = [info for info in archive.infolist() if not info.is_dir() and info.file_size]
    except _UNPACKING as error:
        raise TransferError(name, None, f"a damaged zip file: {error}") from error
    infos = [info for info in every if not _is_kept_beside(PurePosixPath(info.filename))]
    if len(infos) > MOST_MEMBERS:
        raise TransferError(
            name, None, f"a zip of {len(infos):,} files; {MOST_MEMBERS:,} is the most"
        )
    if sum(info.file_size for info in every) > most_unpacked(path.stat().st_size):
        raise TransferError(name, None, "unpacks to far more than it should: not read")
    for info in infos:
        start = partial(_member, path, info.filename)
        label = f"{name}!{info.filename}"
        packed = info.compress_size
        beside = partial(_members, name, path)
        blobs = partial(_packed_blobs, path, PurePosixPath(info.filename).parent)
        yield Source(label, partial(_bounded, label, packed, start), packed, None, beside, blobs)


def _is_kept_beside(member: PurePosixPath) -> bool:
    return _is_blob(member) or not _BESIDE_LOGS.isdisjoint(member.parts[:-1])


def _member(path: Path, member: str) -> BinaryIO:
    archive = zipfile.ZipFile(path)
    try:
        inner = cast("io.BufferedIOBase", archive.open(member))
        return cast("BinaryIO", _Owning(inner, archive))
    except _UNPACKING as error:  # a password, a method
        archive.close()
        raise TransferError(f"{path}!{member}", None, str(error)) from error


def _plain(path: Path) -> BinaryIO:
    return path.open("rb")


def _gunzip(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb"))


def _unzstd(path: Path) -> BinaryIO:
    return cast("BinaryIO", _Unzstd(path))


class _Unzstd:
    """Reads what is in a zstd file, frame by frame; unlike zstandard's, it notices a missing end."""

    def __init__(self, path: Path) -> None:
        from zstandard import ZstdDecompressor  # noqa: PLC0415 - most sources are not packed

        self._file = path.open("rb")
        self._begin = ZstdDecompressor(max_window_size=MOST_WINDOW).decompressobj
        self._frame = self._begin()
        self._is_inside = False
        self._ready = b""

    def read(self, size: int) -> bytes:
        while not self._ready and (packed := self._packed()):
            if self._frame.eof:
                self._frame = self._begin()
            self._is_inside = True
            self._ready = self._frame.decompress(packed)
        if not self._ready and self._is_inside and not self._frame.eof:
            raise EOFError("it ends too early")
        given, self._ready = self._ready[:size], self._ready[size:]
        return given

    def _packed(self) -> bytes:
        return self._frame.unused_data or self._file.read(_PACKED)

    def close(self) -> None:
        self._file.close()


def _bounded(name: str, packed: int, start: Callable[[], BinaryIO]) -> BinaryIO:
    return io.BufferedReader(_Bounded(name, packed, start()), 1 << 20)


def most_unpacked(packed: int) -> int:
    """Return how many bytes may come out of so many packed ones."""
    return min(MOST_UNPACKED, max(_ALWAYS_FINE, packed * MOST_RATIO))


class _Owning(io.RawIOBase):
    """A member that closes its archive with itself."""

    def __init__(self, member: io.BufferedIOBase, archive: zipfile.ZipFile) -> None:
        self._member = member
        self._archive = archive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._member.readinto(buffer)

    def close(self) -> None:
        self._member.close()
        self._archive.close()
        super().close()


class _Bounded(io.RawIOBase):
    """Unpacked bytes, up to what so many packed ones may be; damage is told as what it is."""

    def __init__(self, name: str, packed: int, stream: BinaryIO) -> None:
        self._name = name
        self._stream = stream
        self._left = most_unpacked(packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._stream.read(len(buffer))
        except TransferError:
            raise
        except Exception as error:  # each packer has its own, with no common root
            raise TransferError(
                self._name, None, f"damaged, cannot be unpacked: {error}"
            ) from error
        self._left -= len(data)
        if self._left < 0:
            raise TransferError(self._name, None, "unpacks to far more than it should: not read on")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()
