"""The operations that this suite cuts short, and what must hold for each however it was.

An operation says what the session may say before it, between its steps and after it: `stages`, of
which the last is what was asked for, and None stands for no session. `check` holds whatever a
crash left against that, then carries the operation out again, as its caller would.
"""

import hashlib
import json
import re
import secrets
import shutil
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zstandard import ZstdDecompressor, ZstdError

import eventlog.blobs
import eventlog.repair
from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.jsonl.files import Folder
from eventlog.collecting import collect, release
from eventlog.compaction import Compaction, compact, plan_compaction, undo
from eventlog.errors import (
    BackendUnavailableError,
    EventLogError,
    SessionExistsError,
    SessionNotFoundError,
)
from eventlog.repair import plan_repair, repair
from eventlog.session import Session
from eventlog.store import Store
from tests.crash.faults import Quick
from tests.log.helpers import hash_of, message

KEY = "again"
NOW, AGAIN, AFTERWARDS = (f"2026-01-01T0{hour}:00:00.000000Z" for hour in range(3))
LATER = "later"

_HASH_AT_END = re.compile(rb',"hash":"[\w-]{22}"\}$')

_ARCHIVED = re.compile(r"\.archive/s\.[^/]*\.jsonl(\.zst)?")

_BINNED = re.compile(r"\.bin/s\.\d+/s\.jsonl")
COPIES = (".archive/s.", ".quarantine/s.")

PICTURE, OTHER_PICTURE = (bytes([n]) * 700 for n in (1, 2))
"""Blobs of two sectors."""

Held = tuple[bytes, frozenset[bytes]]
Words = tuple[str, ...] | None
Snapshot = dict[str, bytes]
Judge = Callable[["Operation", Snapshot, Snapshot, bool], None]


@dataclass(frozen=True)
class Operation:
    """One thing a caller asks for. `judge` looks at the files themselves."""

    name: str
    stages: tuple[Words, ...]
    prepare: Callable[[Path], object]
    run: Callable[[Store, Session], object]
    judge: Judge

    @property
    def before(self) -> Words:
        """What the session says before."""
        return self.stages[0]

    @property
    def after(self) -> Words:
        """What the session says when all is done."""
        return self.stages[-1]


def open_on(folder: Folder, now: str = NOW) -> Store:
    """Open a store on a folder, with a clock that stands still, and impatient with locks."""
    return Store(JsonlBackend(folder, lock_timeout=0), clock=lambda: now)


def open_quick(place: Path) -> Store:
    """Open a store for checking: it does not sync."""
    return open_on(Quick(place), AFTERWARDS)


def handle(store: Store) -> Session:
    """Make a handle on the session `s`, which need not be there."""
    return store._session("s")


def words_of(session: Session) -> tuple[str, ...]:
    """Return what a session's messages say."""
    return tuple(map(_words, session.messages()))


def _words(message: dict[str, Any]) -> str:
    """Return what a message says; of one with a picture, its words."""
    content = message["content"]
    return str(content if isinstance(content, str) else content[0]["text"])


def words_in(store: Store) -> Words:
    """Return what the session `s` says to a handle that knows nothing yet; None without it."""
    try:
        return words_of(store.open("s"))
    except SessionNotFoundError:
        return None


_DICE = ["0"]


def throw(dice: str) -> None:
    """Say what is random where nothing is: a new process has a name of its own for what is new."""
    _DICE[0] = dice


def stand_still() -> None:
    """Make what this process writes the same each time: no clock, no random salt."""
    secrets.token_urlsafe = lambda nbytes=None: "salt"  # noqa: ARG005
    secrets.token_hex = lambda nbytes=None: _DICE[0]  # noqa: ARG005
    vars(eventlog.repair)["utc_now"] = lambda: NOW
    time.time_ns = lambda: 1


# What is on the disk.


def snapshot(place: Path) -> Snapshot:
    """Return every file below a folder by its name there, but for locks; `x/` is a folder."""
    return {
        str(path.relative_to(place)) + "/" * path.is_dir(): b""
        if path.is_dir()
        else path.read_bytes()
        for path in sorted(place.rglob("*"))
        if ".locks" not in path.parts
    }


def lay_out(place: Path, files: Snapshot) -> Path:
    """Make a folder that holds these files, and nothing else but a folder for locks."""
    shutil.rmtree(place, ignore_errors=True)
    (place / ".locks").mkdir(parents=True)
    for name, data in files.items():
        path = place / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return place


def chain_of(data: bytes) -> list[dict[str, Any]]:
    """Return the events of a log, found with json and hashlib alone; they are one chain.

    Half a batch counts as not written, and what comes next follows the event before it.
    """
    events: list[dict[str, Any]] = []
    for line in data.split(b"\n")[:-1]:
        if not _HASH_AT_END.search(line) or hash_of(line).encode() != line[-24:-2]:
            continue
        event = json.loads(line)
        if not _follows(event, events):
            events = _without_half_batch(events)
        assert _follows(event, events)
        events.append(event)
    return _without_half_batch(events)


def _follows(event: dict[str, Any], events: list[dict[str, Any]]) -> bool:
    seq, prev = (events[-1]["seq"], events[-1]["hash"]) if events else (0, "A" * 22)
    return bool(event["seq"] > seq and event["prev"] == prev)


def _without_half_batch(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    number, count = events[-1].get("batch", (1, 1)) if events else (1, 1)
    return events if number == count else events[: len(events) - number]


def _logged(data: bytes) -> tuple[str, ...]:
    """Return what a log's messages say."""
    return tuple(_words(e["data"]) for e in chain_of(data) if e["type"] == "message.added")


def judge_append(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """Nothing that was there changed, and what came is one chain."""
    assert after.get("s.jsonl", b"").startswith(before.get("s.jsonl", b""))
    assert {**after, "s.jsonl": b""} == {**before, "s.jsonl": b""} or "s.jsonl" not in after
    if "s.jsonl" in after:
        assert _logged(after["s.jsonl"]) in op.stages
    if done:
        assert _logged(after["s.jsonl"]) == op.after
        assert after["s.jsonl"].endswith(b"\n")
        assert chain_of(after["s.jsonl"])


def judge_picture(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """No log names a picture that is not there and whole; and the log is as after any append."""
    judge_append(op, _lean(before), _lean(after), done)
    check_blobs(after)
    assert blobs_in(before) - {_HALF} <= blobs_in(after)


def _lean(files: Snapshot) -> Snapshot:
    return {name: data for name, data in files.items() if not name.startswith("blobs/")}


def judge_collect(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """The logs are as they were, with their pictures; in the end there is nothing else."""
    assert _lean(after) == _lean(before)
    check_blobs(after)
    assert not done or blobs_in(after) == {PICTURE}


def judge_release(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """What others refer to stays; what only this session did goes with it."""
    judge_purge(op, before, after, done)
    check_blobs({n: data for n, data in after.items() if n != "s.jsonl"})
    assert not done or blobs_in(after) == {PICTURE}


def check_blobs(files: Snapshot) -> None:
    """Check that all that any log names is there, and is what its name says."""
    for name, data in files.items():
        if not name.endswith(".jsonl"):
            continue
        for ref in (r for e in chain_of(data) for r in e["data"].get("blobs", ())):
            blob = files[f"blobs/{ref['sha256']}"]
            assert hashlib.sha256(blob).hexdigest() == ref["sha256"]


def blobs_in(files: Snapshot) -> set[bytes]:
    """Return the blobs, those without a name of their own too."""
    return {data for name, data in files.items() if name.startswith("blobs/") and name[-1] != "/"}


def judge_delete(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """The session is whole where its log is: under its name, or in the bin, after a power cut in both."""
    check_whole(held(before), after)
    assert not done or "s.jsonl" not in after


def judge_restore(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """The same, the other way."""
    (was,) = deletions_in(before)
    check_whole(was, after)
    assert not done or "s.jsonl" in after


def judge_purge(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """The log goes last: as long as anything is there, it is."""
    assert after.get("s.jsonl", before["s.jsonl"]) == before["s.jsonl"]
    left = [name for name in after if re.match(r"\.[a-z]+/s\.|\.s\.", name)]
    assert not left or "s.jsonl" in after
    assert not done or (not left and "s.jsonl" not in after)


def check_whole(session: Held, after: Snapshot) -> None:
    """Check that a log is with all of its copies wherever it is, and that it is somewhere.

    After a power cut a copy may be there under two names, which are one file; here they are two.
    """
    found = deletions_in(after) + ([held(after)] if "s.jsonl" in after else [])
    assert found
    assert all(each == session for each in found)


def held(files: Snapshot, place: str = "", marks: tuple[str, ...] = COPIES) -> Held:
    """Return what a session in its place, or in one of the bin, holds: its log and its copies."""
    starts = tuple(place + mark for mark in marks)
    copies = {data for name, data in files.items() if name.startswith(starts)}
    return files[f"{place}s.jsonl"], frozenset(copies)


def deletions_in(files: Snapshot) -> list[Held]:
    """Return what each deletion in the bin holds."""
    places = [name.removesuffix("s.jsonl") for name in files if _BINNED.fullmatch(name)]
    return [held(files, place, ("archive.s.", "quarantine.s.")) for place in places]


def judge_repair(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """The log is the old one or the mended one, whole; then the old one is in the archive."""
    old, log = before["s.jsonl"], after["s.jsonl"]
    if log == old:
        assert not done
        return
    assert tuple(_logged(log)) == op.after
    assert chain_of(log)[0]["data"]["generation"] == 1
    assert archives_in(after) == {old}
    aside = [data for name, data in after.items() if name.startswith(".quarantine/s.")]
    assert any(b'"base64"' in data for data in aside)


def judge_compact(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """The log is the old one or the new one, whole; only titles are dropped, and the archive has them."""
    if is_rewritten(op, before, after, done=done):
        old, new = _contents(before["s.jsonl"]), _contents(after["s.jsonl"])
        assert [each for each in old if each in new] == new
        assert {kind for kind, _ in old if (kind, _) not in new} == {"title.set"}


def judge_undo(op: Operation, before: Snapshot, after: Snapshot, done: bool) -> None:  # noqa: FBT001
    """The log is the compacted one or the one before, whole, with what was appended since."""
    if is_rewritten(op, before, after, done=done):
        compacted, new = _contents(before["s.jsonl"]), _contents(after["s.jsonl"])
        (original,) = archives_in(before)
        assert new == _contents(original) + compacted[-2:]


def is_rewritten(op: Operation, before: Snapshot, after: Snapshot, *, done: bool) -> bool:
    """Say whether the log was replaced; then the new one is whole, and every older one is kept."""
    old, log = before["s.jsonl"], after["s.jsonl"]
    assert archives_in(before) <= archives_in(after)
    if log == old:
        assert not done
        return False
    assert tuple(_logged(log)) == op.after
    assert chain_of(log)[0]["data"]["generation"] == _generation(old) + 1
    assert archives_in(after) == {old} | archives_in(before)
    return True


def archives_in(files: Snapshot) -> set[bytes]:
    """Return what the archives hold, unpacked."""
    found = {name: data for name, data in files.items() if _ARCHIVED.fullmatch(name)}
    return {unpacked(data) if name.endswith(".zst") else data for name, data in found.items()}


def unpacked(data: bytes) -> bytes:
    """Unpack an archive, which must be whole."""
    unpacking = ZstdDecompressor().decompressobj()
    try:
        plain = unpacking.decompress(data)
    except ZstdError as error:
        raise AssertionError("the archive is damaged") from error
    assert unpacking.eof
    return plain


def _generation(data: bytes) -> int:
    return int(chain_of(data)[0]["data"]["generation"])


def _contents(data: bytes) -> list[tuple[str, Any]]:
    """Return what a log's events are but for the header: kind, and place, time and payload."""
    return [(e["type"], (e["seq"], e["at"], e["data"])) for e in chain_of(data)[1:]]


# The operations.


def _begin(place: Path, *texts: str, more: bytes = b"") -> Path:
    session = open_quick(place).create("s")
    for text in texts:
        session.append(message(text))
    log = place / "s.jsonl"
    with log.open("ab") as file:
        file.write(more)
    return log


def _unfinished(place: Path) -> None:
    """Make a log whose last event lacks nothing but its newline."""
    log = _begin(place, "one", "two")
    log.write_bytes(log.read_bytes()[:-1])


def _damaged(place: Path) -> None:
    """Make a log with an event that nobody can bring back, and another inside a fused line."""
    log = _begin(place, "one", "gone", "two", "three")
    lines = log.read_bytes().split(b"\n")
    lines[2] = lines[2][:40] + b"\x00" * 8 + lines[2][60:]
    lines[3:5] = [lines[3][:30] + lines[3] + lines[4]]
    log.write_bytes(b"\n".join(lines))


def _superseded(place: Path) -> None:
    """Make a log that was compacted once, and has superseded events again."""
    _compacted(place)
    session = open_quick(place).open("s")
    for title in ("d", "e"):
        session.set_title(title)


def _compacted(place: Path) -> None:
    """Make a log that was compacted, and appended to since."""
    _begin(place, "one")
    store = open_quick(place)
    for title in ("a", "b"):
        store.open("s").set_title(title)
    compact(store, "s")
    store.open("s").append(message("two"))
    store.open("s").set_title("c")


def _with_copies(place: Path) -> None:
    """Make a log that has an archive and a quarantine."""
    _compacted(place)
    with open_quick(place).backend.rewriting("s") as rewriter:
        rewriter.put_aside(0, [b"aside"])


def _deleted(place: Path) -> None:
    _with_copies(place)
    open_quick(place).delete("s")


def _deleted_and_begun_anew(place: Path) -> None:
    _deleted(place)
    _with_copies(place)


def _undo(store: Store, session: Session) -> Compaction:
    """Undo a compaction; if that was done, change nothing."""
    last = next(session.events())["data"]["from"]["by"]
    return undo(store, "s") if last == "compaction" else plan_compaction(store, "s")


def _begin_other(place: Path) -> None:
    open_quick(place).create("other")


def _create(store: Store, session: Session) -> None:
    store.create("s")


def _say(text: str) -> Callable[[Store, Session], object]:
    return lambda _, session: session.append(message(text), key=KEY)


def _say_three(store: Store, session: Session) -> None:
    session.append_many([message(text) for text in ("two", "three", "four")], key=KEY)


_HALF = PICTURE[:600]


@contextmanager
def _little_is_large() -> Iterator[None]:
    """Set aside what is small, too: every sector of a blob is tried."""
    module = vars(eventlog.blobs)
    usual, module["LARGE"] = module["LARGE"], 400
    try:
        yield
    finally:
        module["LARGE"] = usual


def picture(text: str, blob: bytes) -> dict[str, Any]:
    """Make a user message with a picture."""
    url = "data:image/png;base64," + b64encode(blob).decode()
    image = {"type": "image_url", "image_url": {"url": url}}
    return {"role": "user", "content": [{"type": "text", "text": text}, image]}


def shown(message: dict[str, Any]) -> bytes:
    """Return the picture of a message, which must be there."""
    _, image = message["content"]
    return b64decode(image["image_url"]["url"].partition(",")[2], validate=True)


def _show(store: Store, session: Session) -> None:
    with _little_is_large():
        session.append(picture("two", PICTURE), key=KEY)


def _show_two(store: Store, session: Session) -> None:
    with _little_is_large():
        messages = [picture("two", PICTURE), message("three"), picture("four", OTHER_PICTURE)]
        session.append_many(messages, key=KEY)


def _half_a_picture(place: Path) -> None:
    """Make a log, and what is no picture under a picture's name."""
    _begin(place, "one")
    (place / "blobs").mkdir()
    (place / "blobs" / hashlib.sha256(PICTURE).hexdigest()).write_bytes(_HALF)


def _with_pictures(place: Path) -> None:
    """Make a session of two pictures, another that has one of them, and what was killed midway."""
    for session_id, pictures in (("s", [PICTURE, OTHER_PICTURE]), ("other", [PICTURE])):
        session = open_quick(place).create(session_id)
        with _little_is_large():
            for number, each in enumerate(pictures):
                session.append(picture(f"{number}", each))
    (place / "blobs" / f"{hashlib.sha256(b'x').hexdigest()}.00.new").write_bytes(b"unfinished")


def _without_one_picture(place: Path) -> None:
    """Make a log that has one of two pictures, and the other one nobody has."""
    _with_pictures(place)
    open_quick(place).backend.purge("s")
    _begin(place, "one")


def _collect(store: Store) -> None:
    """Collect, and say so where something could not be read: then nothing is dropped."""
    found = collect(store.backend)
    if found.unread:
        raise BackendUnavailableError(", ".join(found.unread))


def _release(store: Store, session: Session) -> None:
    """Purge the session with its pictures; what could not be dropped then is collected after."""
    try:
        release(store.backend, ["s"], lambda first: store.backend.purge("s", first))
    finally:
        _collect(store)


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("first-create", (None, ()), lambda _: None, _create, judge_append),
        Operation("create", (None, ()), _begin_other, _create, judge_append),
        Operation("greet", ((), ("hello",)), _begin, _say("hello"), judge_append),
        Operation(
            "append",
            (("one",), ("one", "two")),
            lambda p: _begin(p, "one"),
            _say("two"),
            judge_append,
        ),
        Operation(
            "batch",
            (("one",), ("one", "two", "three", "four")),
            lambda p: _begin(p, "one"),
            _say_three,
            judge_append,
        ),
        Operation(
            "heal",
            (("one",), ("one", "two")),
            lambda p: _begin(p, "one", more=b'{"seq":3,"at":"2026-01-01T00'),
            _say("two"),
            judge_append,
        ),
        Operation(
            "complete",
            (("one",), ("one", "two"), ("one", "two", "three")),
            _unfinished,
            _say("three"),
            judge_append,
        ),
        Operation(
            "picture",
            (("one",), ("one", "two")),
            lambda p: _begin(p, "one"),
            _show,
            judge_picture,
        ),
        Operation(
            "pictures",
            (("one",), ("one", "two", "three", "four")),
            _half_a_picture,
            _show_two,
            judge_picture,
        ),
        Operation(
            "collect",
            (("one",),) * 2,
            _without_one_picture,
            lambda store, _: _collect(store),
            judge_collect,
        ),
        Operation("purge-pictures", (("0", "1"), None), _with_pictures, _release, judge_release),
        Operation(
            "delete",
            (("one",), None),
            lambda p: _begin(p, "one"),
            lambda store, _: store.delete("s"),
            judge_delete,
        ),
        Operation(
            "delete-copies",
            (("one", "two"), None),
            _with_copies,
            lambda store, _: store.backend.delete("s"),
            judge_delete,
        ),
        Operation(
            "restore",
            (None, ("one", "two")),
            _deleted,
            lambda store, _: store.restore("s"),
            judge_restore,
        ),
        Operation(
            "purge",
            (("one", "two"), None),
            _deleted_and_begun_anew,
            lambda store, _: store.backend.purge("s"),
            judge_purge,
        ),
        Operation(
            "repair",
            (("one", "two", "three"),) * 2,
            _damaged,
            lambda store, _: repair(store, "s"),
            judge_repair,
        ),
        Operation(
            "compact",
            (("one", "two"),) * 2,
            _superseded,
            lambda store, _: compact(store, "s"),
            judge_compact,
        ),
        Operation("undo", (("one", "two"),) * 2, _compacted, _undo, judge_undo),
    )
}


COMPACTS = ("compact", "undo")
"""They replace the log and compress what they archived."""

REPLACES = ("repair", *COMPACTS)
"""They replace the log."""


def prepare(operation: Operation, place: Path) -> Snapshot:
    """Make the folder as it is before an operation; return what is in it."""
    shutil.rmtree(place, ignore_errors=True)
    operation.prepare(place)
    return snapshot(place) if place.exists() else {}


# What must hold.


def check(operation: Operation, before: Snapshot, place: Path, *, done: bool) -> None:
    """Check what a crash left, and that all goes on from there; `done`: it was acknowledged."""
    left = snapshot(place) if place.exists() else {}
    operation.judge(operation, before, left, done)
    store = open_quick(place)
    found = words_in(store)
    assert found in operation.stages
    assert found == operation.after or not done
    assert snapshot(place) == left if place.exists() else not left  # reading writes nothing
    do_again(operation, store)
    assert words_in(store) == operation.after
    operation.judge(operation, before, snapshot(place), True)  # noqa: FBT003
    go_on(operation, store)


def do_again(operation: Operation, store: Store) -> None:
    """Carry an operation out as a caller who does not know whether it was."""
    with suppress(SessionExistsError, SessionNotFoundError):
        operation.run(store, handle(store))


def go_on(operation: Operation, store: Store) -> None:
    """Append once more: it works, and the log is in good health."""
    session = store.get_or_create("s")
    session.append(message(LATER))
    assert words_of(session) == words_in(store) == (*(operation.after or ()), LATER)
    health = store.open("s").health
    assert (health.ok, health.gaps) == (operation.name != "repair" or health.ok, health.gaps)
    assert not plan_repair(store, "s").lost
    if operation.name in COMPACTS:
        compact_next(store)


def compact_next(store: Store) -> None:
    """Compact again: what a killed one left is not in its way."""
    session = store.open("s")
    for title in ("x", "y"):
        session.set_title(title)
    before = words_of(session)
    assert compact(store, "s").archive
    assert not plan_compaction(store, "s").needed
    assert words_of(session) == words_in(store) == before
    assert all(archive.name.endswith(".zst") for archive in store.backend.archives("s"))


def told(run: Callable[[], object]) -> str:
    """Carry something out; return what its caller was told, in one word or two."""
    try:
        run()
    except EventLogError as error:
        return f"{type(error).__name__} {getattr(error, 'outcome', '')}".strip()
    except OSError:
        return "raw OSError"
    return "done"
