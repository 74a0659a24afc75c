"""Every state that a power cut may leave, by a model of the file system, and protocols that fail.

Each operation is carried out once on a folder that writes down what it does to names and bytes.
Then the power goes at every point of that trace, and each state that a file system may leave is
laid out for real and read by the real code. The assumptions, as weak as POSIX and disks allow:

1. What fsync or fdatasync of a file returned for is on the disk: its bytes and its size.
2. The names in a folder are on the disk once fsync of that folder returned; a file's own fsync
   promises nothing about its name.
3. Changes of names that are not synced are there or not, each on its own, in any combination.
4. A rename inside one folder is atomic; into another, the new name may come before the old one
   goes, and the old one never goes without the new one.
5. Of bytes that are not synced any sectors may be there and any may not, in any order, also where
   the size is the new one already; what was never written there is zeros, or remains of a deleted
   file. A sector is written whole or not at all (512 bytes, and for good measure 64).
6. What is durable is not changed by writing elsewhere.

A process may also be killed at any point, another go on from what the system still holds in
memory, and only then the power go. For the replacement of a log (repair, compact, undo), and only there, this
takes one more assumption, which ext4, XFS, Btrfs, APFS and NTFS keep:

7. Syncing a file that was renamed makes its rename durable before it.

A model that finds nothing proves nothing: each broken protocol below must be caught.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

import pytest

from eventlog.compaction import Compaction
from eventlog.errors import SessionExistsError, SessionNotFoundError
from eventlog.repair import Plan
from tests.crash.conftest import Tally
from tests.crash.crash_model import Disk, Effect, Recording, crash_states, disk_of
from tests.crash.operations import (
    AGAIN,
    LATER,
    NOW,
    OPERATIONS,
    REPLACES,
    Operation,
    Snapshot,
    check,
    handle,
    lay_out,
    open_on,
    open_quick,
    prepare,
    snapshot,
    words_in,
    words_of,
)
from tests.log.helpers import message

DONE = Effect("done")
Trace = list[Effect]
States = Iterator[tuple[bool, dict[str, bytes]]]
every = pytest.mark.parametrize("operation", list(OPERATIONS.values()), ids=OPERATIONS)


def record(operation: Operation, place: Path, disk: Disk, now: str = NOW) -> Trace:
    """Carry an operation out on what the disk holds; return what it did.

    It is done if its caller was told so; not if a session was there already, or no longer, or its
    log needed no repair and had nothing to drop or to bring back.
    """
    folder = Recording(lay_out(place, disk.tree()), disk)
    store = open_on(folder, now)
    with suppress(SessionExistsError, SessionNotFoundError):
        result = operation.run(store, handle(store))
        if not (isinstance(result, Plan | Compaction) and result.archive is None):
            folder.note(DONE)
    return folder.trace


def check_cut(operation: Operation, before: Snapshot, place: Path) -> None:
    """Check what a power cut left of an operation that was not acknowledged.

    Where the disk lost the beginning or the middle of what was written and kept its end, it may be
    that half a batch is seen, or that a gap is told: the same bytes would be left by damage to what
    was acknowledged. But never without a word, and what was acknowledged is there.
    """
    store = open_quick(place)
    found = words_in(store)
    if found is None or (found in operation.stages and store.open("s").health.ok):
        check(operation, before, place, done=False)
        return
    if operation.name in REPLACES:
        check(operation, before, place, done=False)
        return
    assert snapshot(place)["s.jsonl"].startswith(before.get("s.jsonl", b""))
    assert found[: len(operation.before or ())] == (operation.before or ())
    session = store.open("s")
    assert not session.health.ok
    session.append(message(LATER))
    seen = words_of(session)
    assert seen == words_in(store)
    assert seen[: len(found)] == found
    assert seen[-1] == LATER
    assert len(set(seen)) == len(seen)
    assert set(seen) <= {*(operation.after or ()), LATER}


def losses(operation: Operation, before: Snapshot, place: Path, states: States) -> tuple[int, int]:
    """Lay out every state; return how many of them lose or hide something, and of how many."""
    lost = tried = 0
    for done, left in states:
        lay_out(place, left)
        tried += 1
        try:
            if done:
                check(operation, before, place, done=True)
            else:
                check_cut(operation, before, place)
        except (AssertionError, KeyError):  # KeyError: a file that must be there is not
            lost += 1
    return lost, tried


@every
def test_no_power_cut_loses_what_was_acknowledged(
    operation: Operation,
    tmp_path: Path,
    states: Tally,
    exhaustive: bool,  # noqa: FBT001
) -> None:
    place = tmp_path / "store"
    before = prepare(operation, place)
    trace = record(operation, place, disk_of(before))
    small = 64 if exhaustive or operation.name not in REPLACES else 256
    for sector in (512, small):
        lost, tried = losses(operation, before, place, crash_states(before, trace, sector))
        assert lost == 0
        states.tried += tried


@every
def test_no_power_cut_loses_what_was_acknowledged_after_a_kill(
    operation: Operation,
    tmp_path: Path,
    states: Tally,
    exhaustive: bool,  # noqa: FBT001
) -> None:
    place, ordered = tmp_path / "store", operation.name in REPLACES
    before = prepare(operation, place)
    trace = record(operation, place, disk_of(before, ordered=ordered))
    for killed in range(0, len(trace), 1 if exhaustive or not ordered else 3):
        disk = disk_of(before, ordered=ordered)
        for effect in trace[:killed]:
            disk.feel(effect)
        again = record(operation, place, disk, AGAIN)
        cuts = crash_states(before, [*trace[:killed], *again], ordered=ordered)
        lost, tried = losses(operation, before, place, cuts)
        assert lost == 0
        states.tried += tried


def test_no_power_cut_loses_an_append_to_a_session_whose_creator_was_killed(
    tmp_path: Path, states: Tally
) -> None:
    create, greet = OPERATIONS["create"], OPERATIONS["greet"]
    place = tmp_path / "store"
    before = prepare(create, place)
    trace = record(create, place, disk_of(before))
    for killed in range(len(trace)):
        disk = disk_of(before)
        for effect in trace[:killed]:
            disk.feel(effect)
        greeting = record(greet, place, disk, AGAIN)
        cuts = crash_states(before, [*trace[:killed], *greeting])
        lost, tried = losses(greet, before, place, (cut for cut in cuts if cut[0]))
        assert lost == 0
        states.tried += tried


def drop(kind: str, number: int, name: str = "") -> Callable[[Trace], Trace]:
    """Leave out the `number`-th effect of a kind, counted from 0 or back from the last, -1."""

    def dropped(trace: Trace) -> Trace:
        own = [e for e in trace if e.kind == kind and fnmatch(e.name, name)][number]
        return [e for e in trace if e is not own]

    return dropped


def acknowledge_first(trace: Trace) -> Trace:
    return [trace[0], DONE, *trace[1:-1]]


def unlink_first(trace: Trace) -> Trace:
    at = next(i for i, e in enumerate(trace) if e.kind == "rename")
    return [*trace[:at], Effect("unlink", "s.jsonl"), *trace[at:]]


def unnamed_twin(trace: Trace) -> Trace:
    """Leave out the sync of the archive's folder before the plain archive is removed."""
    at = next(i for i, e in enumerate(trace) if e.kind == "unlink")
    return [*trace[: at - 1], *trace[at:]]


BROKEN: dict[str, tuple[str, Callable[[Trace], Trace]]] = {
    "append: not synced": ("append", drop("sync", -1)),
    "append: acknowledged before the sync": ("append", acknowledge_first),
    "batch: acknowledged before the sync": ("batch", acknowledge_first),
    "create: the folder not synced": ("create", drop("sync-folder", -1)),
    "create: the file not synced": ("create", drop("sync", -1)),
    "picture: the blob not synced": ("picture", drop("sync", 0)),
    "picture: the blob's name not synced": ("picture", drop("sync-folder", 0, "blobs")),
    "picture: the folder of blobs not synced": ("picture", drop("sync-folder", 0, "")),
    "repair: the new log not synced": ("repair", drop("sync", -1)),
    "repair: the folder not synced after the rename": ("repair", drop("sync-folder", -1)),
    "repair: the old log unlinked before the rename": ("repair", unlink_first),
    "repair: the archive's folder not synced": ("repair", drop("sync-folder", -1, ".archive")),
    "repair: the quarantine not synced": ("repair", drop("sync", 0)),
    "repair: the quarantine's folder not synced": ("repair", drop("sync-folder", 0, ".quarantine")),
    "compact: the new log not synced": ("compact", drop("sync", 0)),
    "compact: the old log unlinked before the rename": ("compact", unlink_first),
    "compact: the folder not synced after the rename": ("compact", drop("sync-folder", -1)),
    "compact: the archive, compressed, not synced": ("compact", drop("sync", -1)),
    "compact: the archive removed before its twin has a name": ("compact", unnamed_twin),
    "delete: the folder not synced": ("delete", drop("sync-folder", -1)),
    "delete: the bin's folder not synced": ("delete-copies", drop("sync-folder", 0, ".bin")),
    "delete: the copies not synced": ("delete-copies", drop("sync-folder", 0, ".bin/s.*")),
    "restore: the archive's folder not synced": ("restore", drop("sync-folder", -1, ".archive")),
}


@pytest.mark.parametrize("protocol", BROKEN)
def test_a_broken_protocol_is_caught(protocol: str, tmp_path: Path, states: Tally) -> None:
    name, breaking = BROKEN[protocol]
    operation, place = OPERATIONS[name], tmp_path / "store"
    before = prepare(operation, place)
    trace = breaking(record(operation, place, disk_of(before)))
    lost, tried = losses(operation, before, place, crash_states(before, trace))
    print(f"{protocol}: {lost} of {tried} states lose something")
    assert lost > 0
    states.tried += tried
