"""A bundle: sessions in one zip, each with its log, archives and quarantines, to be carried as they are.

    manifest.json                {"eventlog_bundle": 1, "files": [{"name", "session", "kind",
                                 "generation", "size", "sha256"}, …]}
    logs/<id>.jsonl              the log
    archives/<id>.g0.1.jsonl     what it was before it was rewritten: the generation, a number
    quarantines/<id>.g0.1.jsonl  what repair put aside
    blobs/<SHA-256>              what any of these lines name, each once, as {"name", "kind", "size",
                                 "sha256"}; those that were not to be had, or not whole, are listed
                                 in the manifest: "missing": [<SHA-256>, …]

Every line ends with a newline. The same sessions give the same bytes. A bundle is read whole and
checked before anything of it is written: it holds what its manifest names and nothing else, no blob
that no line names, and no name in it becomes a path. The hashes find accidents; whoever can write a
bundle can write a manifest.
"""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from eventlog import codec
from eventlog.backend import START
from eventlog.blobs import Ref, is_name, is_whole
from eventlog.bringing import Get, Giver, Wanted, bringing, plan_bringing
from eventlog.carrying import (
    Carried,
    Checked,
    Lines,
    check_log,
    plan_lines,
    same_lines,
    split,
    take_lines,
)  # fmt: skip
from eventlog.errors import TransferError
from eventlog.sources.finding import MANIFEST, most_unpacked
from eventlog.store import Store
from eventlog.verify import verify

FORMAT = 1
"""The version of the layout above."""

MOST_FILES = 100_000
"""How many files a bundle may hold, blobs and all."""

_NAME = re.compile(
    r"(?:logs/(?P<log>[A-Za-z0-9][A-Za-z0-9_-]{0,127})"
    r"|(?P<kind>archive|quarantine)s/(?P<id>[A-Za-z0-9][A-Za-z0-9_-]{0,127})"
    r"\.g(?P<generation>\d{1,9})\.\d{1,9})\.jsonl|blobs/(?P<blob>[0-9a-f]{64})",
    re.ASCII,
)
_BLOB = "blob"
_LONGEST_MANIFEST = 64 << 20
_CHUNK = 1 << 20
_BROKEN = (
    OSError, EOFError, LookupError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error,
    struct.error,
)  # fmt: skip
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class _Session:
    """One session of a bundle: its log, and its copies, the oldest first, each as (kind, generation, lines).

    `wanted` are the blobs that all of these name, and `blobs` gives them.
    """

    log: Checked
    copies: Sequence[tuple[str, int, Lines]]
    wanted: Wanted
    blobs: Giver


def write_bundle(
    store: Store, session_ids: Iterable[str], file: BinaryIO
) -> dict[str, tuple[Ref, ...]]:
    """Write sessions into a file as a bundle; return the blobs missing in it, by session.

    Raises TransferError for a log that is damaged, and for more than MOST_FILES.
    """
    told: list[dict[str, Any]] = []
    wanted: dict[str, Wanted] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for session_id in session_ids:
            wanted[session_id] = Wanted()
            told += _pack(store, session_id, wanted[session_id], archive)
        names = sorted(set().union(*(each.names for each in wanted.values())))
        if len(told) + len(names) >= MOST_FILES:
            raise TransferError(
                "bundle", None, f"more than {MOST_FILES:,} files: write several, of fewer sessions"
            )
        blobs = {name: _put_blob(store, name, archive) for name in names}
        absent = {name for name, member in blobs.items() if member is None}
        missing = {key: refs for key, each in wanted.items() if (refs := each.lost(absent))}
        told += [member for member in blobs.values() if member is not None]
        lost = {ref.sha256 for refs in missing.values() for ref in refs}
        _put_manifest(archive, told, sorted(lost))
    return missing


def _put_manifest(
    archive: zipfile.ZipFile, files: list[dict[str, Any]], missing: list[str]
) -> None:
    manifest: dict[str, Any] = {"eventlog_bundle": FORMAT, "files": files}
    if missing:
        manifest["missing"] = missing
    with archive.open(_info(MANIFEST), "w") as member:
        member.write(codec.dump_json(manifest).encode())


def _put_blob(store: Store, name: str, archive: zipfile.ZipFile) -> dict[str, Any] | None:
    """Write a blob; None for one that is not there, or not whole."""
    blob = store.backend.blob(name)
    if blob is None or not is_whole(name, blob):
        return None
    with archive.open(_info(f"blobs/{name}"), "w", force_zip64=True) as member:
        member.write(blob)
    return {"name": f"blobs/{name}", "size": len(blob), "sha256": name, "kind": _BLOB}


def _pack(
    store: Store, session_id: str, wanted: Wanted, archive: zipfile.ZipFile
) -> Iterator[dict[str, Any]]:
    if verify(store, session_id).health.where:
        raise TransferError(
            session_id, None, f"its log is damaged; look: eventlog repair {session_id}"
        )
    put = partial(_put, archive, wanted)
    copies = store.backend.copy_names(session_id)
    kept = {each.name: each.generation for each in store.backend.archives(session_id)}
    blocks = store.backend.read(session_id, START)
    lines = (line for block in blocks for line in block.lines)
    yield put(f"logs/{session_id}.jsonl", lines) | _of(session_id, "log", 0)
    for number, (name, copy) in enumerate(
        reversed(list(zip(copies, store.backend.copies(session_id), strict=True))), 1
    ):
        kind = "archive" if name in kept else "quarantine"
        found = re.search(r"\.g(\d+)", name)
        generation = int(found[1]) if found else 0
        member = f"{kind}s/{session_id}.g{generation}.{number}.jsonl"
        yield put(member, copy) | _of(session_id, kind, generation)
    if store.backend.copy_names(session_id) != copies:
        raise TransferError(session_id, None, "was rewritten meanwhile; do it again")


def _of(session_id: str, kind: str, generation: int) -> dict[str, Any]:
    return {"session": session_id, "kind": kind, "generation": generation}


def _put(
    archive: zipfile.ZipFile, wanted: Wanted, name: str, lines: Iterable[bytes]
) -> dict[str, Any]:
    """Write one member of lines; return its name, size and hash."""
    running, size = codec.running_hash(), 0
    with archive.open(_info(name), "w", force_zip64=True) as member:
        for line in map(wanted.see, lines):
            member.write(line + b"\n")
            running.update(line + b"\n")
            size += len(line) + 1
    return {"name": name, "size": size, "sha256": running.hexdigest()}


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info


def plan_bundle(store: Store, path: Path, name: str) -> list[Carried]:
    """Say what `take_bundle` would do; nothing is written. Raises what it does."""
    return [
        plan_lines(store, session.log).with_blobs(
            plan_bringing(store.backend, session.wanted, session.blobs)
        )
        for session in _read(path, name)
    ]


def take_bundle(store: Store, path: Path, name: str) -> list[Carried]:
    """Write the sessions of a bundle into a store, each as take_log does, and their copies with them.

    Raises TransferError where the bundle is not what its manifest says: then nothing was written;
    SessionExistsError where a session of the store is another one than that in the bundle: also.
    """
    sessions = _read(path, name)
    for session in sessions:
        plan_lines(store, session.log)
    return [_take(store, session) for session in sessions]


def _take(store: Store, session: _Session) -> Carried:
    with bringing(store.backend, session.wanted, session.blobs) as brought:
        carried = take_lines(store, session.log).with_blobs(brought)
        if session.copies:
            _take_copies(store, session)
    return carried


def _take_copies(store: Store, session: _Session) -> None:
    session_id = session.log.session_id
    with store.backend.rewriting(session_id) as rewriter:
        for kind, generation, lines in session.copies:
            there = store.backend.copies(session_id)
            if not any(same_lines(lines(), copy) for copy in there):
                add = rewriter.add_archive if kind == "archive" else rewriter.put_aside
                add(generation, lines())
        rewriter.pack_archives()


def _read(path: Path, name: str) -> list[_Session]:
    """Check a bundle, every byte of it. Raises TransferError."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = _files(archive, path.stat().st_size, name)
            for each in files:
                _check_member(archive, each, name)
    except _BROKEN as error:
        raise TransferError(name, None, f"a damaged bundle: {error}") from error
    sessions = [_session(path, each, files, name) for each in files if each["kind"] == "log"]
    named: set[str] = set().union(*(session.wanted.names for session in sessions))
    if any(each["kind"] == _BLOB and each["sha256"] not in named for each in files):
        raise TransferError(name, None, "holds a blob that no line in it names")
    return sessions


def _session(path: Path, log: dict[str, Any], files: list[dict[str, Any]], name: str) -> _Session:
    checked = check_log(_lines(path, log["name"]), f"{name}!{log['name']}")
    if checked.session_id != log["session"]:
        raise TransferError(name, None, f"{log['name']} is the log of another session")
    own = [f for f in files if f.get("session") == log["session"] and f["kind"] != "log"]
    copies = [(f["kind"], f["generation"], _lines(path, f["name"])) for f in own]
    for _, _, lines in copies:
        for line in lines():
            checked.wanted.see(line)
    return _Session(checked, copies, checked.wanted, partial(_blobs, path))


@contextmanager
def _blobs(path: Path) -> Iterator[Get]:
    """Open the blobs of a bundle that was checked."""
    with zipfile.ZipFile(path) as archive:
        held = frozenset(archive.namelist())

        def get(name: str) -> bytes | None:
            return archive.read(f"blobs/{name}") if f"blobs/{name}" in held else None

        yield get


def _lines(path: Path, member: str) -> Lines:
    def lines() -> Iterator[bytes]:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            yield from split(stream)

    return lines


def _files(archive: zipfile.ZipFile, size: int, name: str) -> list[dict[str, Any]]:
    """Return what the manifest names, if that is what the zip holds."""
    infos = archive.infolist()
    if len(infos) > MOST_FILES or sum(i.file_size for i in infos) > most_unpacked(size):
        raise TransferError(name, None, "unpacks to far more than a bundle should: not read")
    if any(info.flag_bits & _ENCRYPTED or stat.S_ISLNK(info.external_attr >> 16) for info in infos):
        raise TransferError(name, None, "holds what no bundle does: an encrypted file, or a link")
    with archive.open(MANIFEST) as member:
        manifest = codec.load_json(member.read(_LONGEST_MANIFEST))
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, list) or not all(map(_is_file, files)) or not _tells(manifest):
        raise TransferError(name, None, "its manifest is damaged")
    if manifest.get("eventlog_bundle") != FORMAT:
        raise TransferError(name, None, "was made by a newer eventlog: upgrade eventlog")
    named, held = sorted(each["name"] for each in files), sorted(i.filename for i in infos)
    if sorted([*named, MANIFEST]) != held or len(set(held)) != len(held):
        raise TransferError(name, None, "does not hold just the files that its manifest names")
    logs = {each["session"] for each in files if each["kind"] == "log"}
    if not all(each["kind"] == _BLOB or each["session"] in logs for each in files):
        raise TransferError(name, None, "holds archives of a session without its log")
    return files


def _tells(manifest: dict[str, Any]) -> bool:
    """Whether what a manifest lists as missing are names of blobs."""
    missing = manifest.get("missing", [])
    return isinstance(missing, list) and all(isinstance(m, str) and is_name(m) for m in missing)


def _is_file(value: Any) -> bool:
    """Whether this names a file of a bundle, and says the same of it as its name."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return False
    match = _NAME.fullmatch(value["name"])
    if match is None or not isinstance(value.get("sha256"), str):
        return False
    if match["blob"]:
        told = (value.get("kind"), value["sha256"])
        return told == (_BLOB, match["blob"]) and type(value.get("size")) is int
    generation = int(match["generation"] or 0)
    said = _of(match["log"] or match["id"], match["kind"] or "log", generation)
    return said.items() <= value.items() and type(value.get("size")) is int


def _check_member(archive: zipfile.ZipFile, file: dict[str, Any], name: str) -> None:
    running, size, last = codec.running_hash(), 0, b"\n"
    with archive.open(file["name"]) as member:
        while chunk := member.read(_CHUNK):
            running.update(chunk)
            size += len(chunk)
            last = b"\n" if file["kind"] == _BLOB else chunk[-1:]
    if (size, running.hexdigest()) != (file["size"], file["sha256"]) or last != b"\n":
        raise TransferError(name, None, f"{file['name']} is not what its manifest says")
