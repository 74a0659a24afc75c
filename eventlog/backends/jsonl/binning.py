"""The bin: deleted sessions, each whole in a folder of its own.

    <folder>/.bin/<id>.<when>/<id>.jsonl            the log
                              archive.<name>        its archives
                              quarantine.<name>     what repair put aside
    <folder>/.bin/<id>.<when>.jsonl                 a log alone, as the bin of earlier had it

`when` is the deletion's time, nanoseconds of Unix time. The session is where its log is, and one
rename brings the log from the one place to the other:

    link the copies into the other place, sync that → rename the log, sync both folders
    → remove the copies' old names, sync those folders

Killed anywhere, all of it is where the log is; what may be left are second names of the copies:
in a folder of the bin that has no log, or beside one that has. `settle` removes them. Whoever calls
holds the session's lock, but to look.
"""

import errno
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from eventlog.backend import START, Binned, Block, Copy
from eventlog.errors import SessionExistsError, SessionNotFoundError

from . import caching
from .archives import ARCHIVE, PACKED, QUARANTINE
from .files import READ, Folder
from .log_file import SUFFIX, unfinished
from .reader import read_blocks

BIN = ".bin"
_NAME = re.compile(r"(?P<id>[^./]+)\.(?P<when>\d{1,20})(?P<alone>\.jsonl)?", re.ASCII)
_NANO = 1_000_000_000


class _Entry(NamedTuple):
    """One deletion; `place` is its folder, None where its log lies alone."""

    name: str
    session_id: str
    when: int
    place: str | None

    @property
    def log(self) -> str:
        """Where its log is, if it is there."""
        return f"{self.place}/{self.session_id}{SUFFIX}" if self.place else f"{BIN}/{self.name}"


def find(folder: Folder) -> list[Binned]:
    """Return what is in the bin, the last deleted first."""
    found = [entry for entry in _entries(folder) if _is_deletion(folder, entry)]
    found.sort(key=lambda entry: (entry.when, entry.name), reverse=True)
    return [
        Binned(e.name, e.session_id, e.when / _NANO, sum(_sizes(folder, _files(folder, e))))
        for e in found
    ]


def read(folder: Folder, name: str) -> Iterator[Block]:
    """Read a log in the bin from its start."""
    entry = _find(folder, name)
    with folder.open(entry.log, READ) as file:
        yield from read_blocks(folder, file, folder.status(file).st_size, START)


def copies(folder: Folder) -> Iterator[Copy]:
    """Give the archives and quarantines of what is in the bin."""
    for entry in _entries(folder):
        yield from (Copy(entry.name, name) for name in _files(folder, entry) if name != entry.log)


def id_of(name: str) -> str:
    """Return the session that a deletion's name names. Raises SessionNotFoundError if it is none."""
    match = _NAME.fullmatch(name)
    if not match:
        raise SessionNotFoundError(name)
    return match["id"]


def holds(folder: Folder, name: str) -> bool:
    """Whether this deletion is in the bin."""
    entry = _entry(name)
    return entry is not None and _is_kind(folder, entry) and _is_deletion(folder, entry)


def put_in(folder: Folder, session_id: str) -> None:
    """Move a session to the bin: the steps above."""
    settle(folder, session_id)
    entry = _begin(folder, session_id)
    copies = _copies(folder, session_id)
    for name in copies:
        folder.link(name, f"{entry.place}/{_flat(name)}")
    _sync(folder, [entry.log] if copies else [])
    folder.rename(session_id + SUFFIX, entry.log)
    _sync(folder, [entry.log, session_id + SUFFIX])
    _unlink(folder, copies)
    _drop_passing(folder, session_id)


def take_out(folder: Folder, name: str) -> None:
    """Bring a session back from the bin: the steps above, the other way."""
    entry = _find(folder, name)
    log = entry.session_id + SUFFIX
    if _exists(folder, log):
        raise SessionExistsError(entry.session_id)
    settle(folder, entry.session_id)
    copies = [each for each in _files(folder, entry) if each != entry.log]
    _link_back(folder, copies)
    folder.rename(entry.log, log)
    _sync(folder, [log, entry.log])
    _remove(folder, entry)


def drop(folder: Folder, name: str) -> None:
    """Remove one deletion for good, and what one who was killed while deleting left of it."""
    entry = _find(folder, name)
    settle(folder, entry.session_id)
    _remove(folder, entry)


def purge(folder: Folder, session_id: str) -> None:
    """Remove all there is of a session for good, its log last."""
    for entry in _entries(folder, session_id):
        _remove(folder, entry)
    _unlink(folder, _copies(folder, session_id))
    _drop_passing(folder, session_id)
    for place in (BIN, ARCHIVE, QUARANTINE):  # also what one that was killed had removed
        with suppress(FileNotFoundError):
            folder.sync_folder(place)
    _unlink(folder, [session_id + SUFFIX])
    _drop_passing(folder, session_id)  # by one that wrote its cache while the log was there


def is_there(folder: Folder, session_id: str) -> bool:
    """Whether there is a session of this id, in its place."""
    return _exists(folder, session_id + SUFFIX)


def knows(folder: Folder, session_id: str) -> bool:
    """Whether there is anything of a session, be it left by one that was killed."""
    named = (session_id + SUFFIX, *_passing(session_id))
    return any(_exists(folder, name) for name in named) or bool(
        _entries(folder, session_id) or _copies(folder, session_id)
    )


def settle(folder: Folder, session_id: str) -> None:
    """Remove what one who was killed may have left of a session: second names, what was passing.

    After a power cut the log itself may have both names; its place outside the bin then counts.
    """
    if not is_there(folder, session_id):
        _drop_passing(folder, session_id)
    for entry in _entries(folder, session_id):
        if _is_deletion(folder, entry):
            own = [_inode(folder, name) for name in _files(folder, entry)]
            _unlink(folder, [c for c in _copies(folder, session_id) if _inode(folder, c) in own])
        elif is_there(folder, session_id):
            _bring_back(folder, entry)


def _bring_back(folder: Folder, entry: _Entry) -> None:
    """Remove what has a name in its place, too; what has none is of somebody who moved the log."""
    there = {_inode(folder, name) for name in _copies(folder, entry.session_id)}
    own = [name for name in _files(folder, entry) if name != entry.log]
    _link_back(folder, [name for name in own if _inode(folder, name) not in there])
    _remove(folder, entry)


# Names.


def _entries(folder: Folder, session_id: str | None = None) -> list[_Entry]:
    """Return all deletions, of one session or of all, also those that are not whole."""
    own = "" if session_id is None else f"{session_id}."
    found = [_entry(name) for name in folder.all_names(BIN) if name.startswith(own)]
    return [entry for entry in found if entry and _is_kind(folder, entry)]


def _entry(name: str) -> _Entry | None:
    match = _NAME.fullmatch(name)
    if not match:
        return None
    return _Entry(
        name, match["id"], int(match["when"]), None if match["alone"] else f"{BIN}/{name}"
    )


def _is_kind(folder: Folder, entry: _Entry) -> bool:
    """Whether it is a folder where one must be, and else a file; nothing else is a deletion."""
    try:
        mode = folder.status_of(entry.place or entry.log).st_mode
    except FileNotFoundError:  # it was purged just now
        return False
    return S_ISDIR(mode) if entry.place else S_ISREG(mode)


def _find(folder: Folder, name: str) -> _Entry:
    entry = _entry(name)
    if entry is None or not holds(folder, name):
        raise SessionNotFoundError(id_of(name))
    return entry


def _is_deletion(folder: Folder, entry: _Entry) -> bool:
    """Whether a log is here, and only here."""
    try:
        status = folder.status_of(entry.log)
    except FileNotFoundError:
        return False
    there = _inode(folder, entry.session_id + SUFFIX)
    return S_ISREG(status.st_mode) and (status.st_ino, status.st_dev) != there


def _begin(folder: Folder, session_id: str) -> _Entry:
    """Make a folder in the bin, under a name that no deletion has had."""
    folder.make_inside(BIN)
    when = time.time_ns()
    while any(_exists(folder, f"{BIN}/{session_id}.{when}{end}") for end in ("", SUFFIX)):
        when += 1
    entry = _Entry(f"{session_id}.{when}", session_id, when, f"{BIN}/{session_id}.{when}")
    folder.make_inside(f"{BIN}/{entry.name}")
    folder.sync_folder(BIN)
    return entry


def _files(folder: Folder, entry: _Entry) -> list[str]:
    """Return the names of all that is kept of a deletion; nobody else's."""
    if entry.place is None:
        return [entry.log]
    own = tuple(f"{_flat(place)}.{entry.session_id}." for place in (ARCHIVE, QUARANTINE))
    names = [f"{entry.place}/{name}" for name in folder.names(entry.place)]
    return [n for n in names if n == entry.log or n.rpartition("/")[2].startswith(own)]


def _copies(folder: Folder, session_id: str) -> list[str]:
    """Return the names of a session's archives and quarantines, and of what will not become one."""
    return [
        f"{place}/{name}"
        for place in (ARCHIVE, QUARANTINE)
        for name in folder.names(place)
        if name.startswith(f"{session_id}.")
    ]


def _flat(name: str) -> str:
    return name.removeprefix(".").replace("/", ".", 1)


def _unflat(name: str) -> str:
    place, _, rest = name.rpartition("/")[2].partition(".")
    return f".{place}/{rest}"


def _free(folder: Folder, name: str) -> str:
    """Return the name, or the next one like it that is free, `s.g0.2.jsonl` for `s.g0.jsonl`."""
    stem, dot, kind = name.partition(SUFFIX)
    stem, _, number = stem.partition(".g")
    generation = number.partition(".")[0]
    count = 1
    while any(_exists(folder, name.removesuffix(PACKED) + end) for end in ("", PACKED)):
        count += 1
        name = f"{stem}.g{generation}.{count}{dot}{kind}"
    return name


# Files.


def _exists(folder: Folder, name: str) -> bool:
    return _inode(folder, name) is not None


def _inode(folder: Folder, name: str) -> tuple[int, int] | None:
    """Return what is the same for two names of one file; None if it is not there."""
    try:
        status = folder.status_of(name)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_dev


def _sizes(folder: Folder, names: Iterable[str]) -> Iterator[int]:
    for name in names:
        with suppress(FileNotFoundError):  # it was purged just now
            yield folder.status_of(name).st_size


def _link_back(folder: Folder, names: list[str]) -> None:
    """Give copies in the bin a name in their place, each one that is free by then."""
    targets = []
    for place in dict.fromkeys(_unflat(name).rpartition("/")[0] for name in names):
        folder.make_inside(place)
    for name in names:
        targets.append(_free(folder, _unflat(name)))
        folder.link(name, targets[-1])
    _sync(folder, targets)


def _unlink(folder: Folder, names: Iterable[str]) -> None:
    gone = []
    for name in names:
        with suppress(FileNotFoundError):
            folder.unlink(name)
            gone.append(name)
    _sync(folder, gone)


def _sync(folder: Folder, names: Iterable[str]) -> None:
    """Bring the folders that names are in to the disk, each once, in order."""
    for place in dict.fromkeys(name.rpartition("/")[0] or "." for name in names):
        folder.sync_folder(place)


def _remove(folder: Folder, entry: _Entry) -> None:
    """Remove a deletion, its log last: until then it is told of, and whole but for its copies."""
    _unlink(folder, [name for name in _files(folder, entry) if name != entry.log])
    _unlink(folder, [entry.log])
    if entry.place is not None:
        try:
            folder.remove_inside(entry.place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # somebody else's files are his
                raise
        folder.sync_folder(BIN)


def _drop_passing(folder: Folder, session_id: str) -> None:
    for name in _passing(session_id):
        with suppress(FileNotFoundError):
            folder.unlink(name)


def _passing(session_id: str) -> tuple[str, ...]:
    """Return the names of what may hold a session's words and is not kept: caches, a log half made."""
    return (unfinished(session_id), *caching.names(session_id))
