"""What a session is used for, as deeds that are cut short at any place, and what must hold then.

No descriptor is open that was not before, and the lock is free. What was to be appended is there as
a whole or not at all, and if the deed said that it was done, it is there. The handle goes on, and
remembers just what reading anew gives. Done again with the same key, it is there once.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from eventlog.backends.jsonl import JsonlBackend
from eventlog.repair import repair
from eventlog.session import Session
from eventlog.store import Store
from tests.log.helpers import CALL, begin, cut_off, log_of, message, open_session, said, say

DESCRIPTORS = Path("/proc/self/fd")
MEMORY = "/dev/shm"  # noqa: S108 - only looked at, and only for a fresh folder


@dataclass
class Deed:
    """Something to be interrupted: `act`, through `store` and perhaps the handle `session`.

    `before` is what the session says if it was not done, `after` if it was; nothing else may be
    said. `again`: it may be done twice, and the second time adds nothing.
    """

    store: Store
    act: Callable[[], object]
    session: Session | None
    before: list[str]
    after: list[str]
    again: bool = True

    @property
    def folder(self) -> Path:
        """Where it happens."""
        assert isinstance(self.store.backend, JsonlBackend)
        return self.store.backend.folder.path


def _keyed(folder: Path, *words: str, there: tuple[str, ...] = ("one", "two")) -> Deed:
    """Prepare to append words in one batch, by a handle that is in the midst of its work."""
    begin(folder, "one")
    store = Store(JsonlBackend.at(folder, lock_timeout=0))
    session = store.open("s")
    session.append(message("two"), key="two", durability="os")
    batch = [message(word) for word in words]
    before, after = [*there], [*there, *words]
    return Deed(store, lambda: session.append_many(batch, key="key"), session, before, after)


def append(folder: Path) -> Deed:
    deed = _keyed(folder, "new")
    deed.act, deed.again = partial(_session(deed).append, message("new")), False
    return deed


def append_with_a_key(folder: Path) -> Deed:
    return _keyed(folder, "new")


def append_with_a_key_that_is_stored(folder: Path) -> Deed:
    deed = _keyed(folder, "new")
    deed.act()
    deed.before = deed.after
    return deed


def append_a_batch(folder: Path) -> Deed:
    return _keyed(folder, "new", "newer", "newest")


def append_a_large_output(folder: Path) -> Deed:
    deed = _keyed(folder)
    call = {"role": "assistant", "content": "calling", "tool_calls": [CALL]}
    output = {"role": "tool", "tool_call_id": CALL["id"], "content": "a word " * 10_000}
    deed.act = partial(_session(deed).append_many, [call, output], key="key")
    deed.after = [*deed.before, "calling", str(output["content"])]
    return deed


def append_behind_another_writer(folder: Path) -> Deed:
    deed = _keyed(folder, "new", there=("one", "two", "three", "four"))
    say(open_session(folder), "three", "four")
    return deed


def append_behind_a_torn_write(folder: Path) -> Deed:
    deed = _keyed(folder, "new")
    _write_behind(folder, b'{"seq":4,"at":"20')
    return deed


def heal_a_lost_newline_and_append(folder: Path) -> Deed:
    deed = _keyed(folder, "new", "newer")
    cut_off(log_of(folder), 1)
    return deed


def append_by_a_new_handle(folder: Path) -> Deed:
    deed = _keyed(folder, "new")
    deed.session = deed.store.open("s")
    deed.act = partial(deed.session.append, message("new"), key="key")
    return deed


def append_to_a_log_that_was_replaced(folder: Path) -> Deed:
    deed = _keyed(folder, "new")
    _write_behind(folder, b"rubbish\n")
    assert repair(deed.store, "s").needed
    return deed


def read_what_others_wrote(folder: Path) -> Deed:
    deed = append_behind_another_writer(folder)
    deed.act, deed.after = _session(deed).messages, deed.before
    return deed


def read_a_log_that_was_replaced(folder: Path) -> Deed:
    deed = append_to_a_log_that_was_replaced(folder)
    deed.act, deed.after = _session(deed).messages, deed.before
    return deed


def create(folder: Path) -> Deed:
    store = Store(JsonlBackend.at(folder / "new" / "store", lock_timeout=0))
    return Deed(store, lambda: store.get_or_create("s"), None, [], [])


def repair_a_log(folder: Path) -> Deed:
    """Mend a log with a turned bit, a line that is nothing, and a torn write."""
    store = _keyed(folder).store
    say(store.open("s"), "three")
    data = log_of(folder).read_bytes()
    log_of(folder).write_bytes(data.replace(b'{"seq":3', b'{"seq":2'))
    _write_behind(folder, b'nothing\n{"seq":5,"at"')
    before, after = ["one", "three"], ["one", "two", "three"]
    return Deed(store, lambda: repair(store, "s"), None, before, after)


def _session(deed: Deed) -> Session:
    assert deed.session
    return deed.session


def _write_behind(folder: Path, data: bytes) -> None:
    with log_of(folder).open("ab") as log:
        log.write(data)


DEEDS = (
    append, append_with_a_key, append_with_a_key_that_is_stored, append_a_batch,
    append_a_large_output,
    append_behind_another_writer, append_behind_a_torn_write, heal_a_lost_newline_and_append,
    append_by_a_new_handle, append_to_a_log_that_was_replaced, read_what_others_wrote,
    read_a_log_that_was_replaced, create, repair_a_log,
)  # fmt: skip


def check(deed: Deed, files: set[str], *, done: bool, lost: int = 0) -> None:
    """Check what must hold after a deed that was done, or cut short at any place.

    `files` are the descriptors that were open before; `lost`, how many more may be open now.
    """
    deed.store.close()
    leaked = open_files() - files
    assert len(leaked) <= lost, leaked
    _check_memory(deed)
    others = Store(JsonlBackend.at(deed.folder, lock_timeout=0))  # no patience: it must be free
    others.get_or_create("s").append(message("other"))
    allowed = (deed.after,) if done else (deed.before, deed.after)
    assert said(open_session(deed.folder)) in [[*words, "other"] for words in allowed]
    _check_memory(deed)
    if deed.again:
        deed.act()
        assert sorted(said(open_session(deed.folder))) == sorted([*deed.after, "other"])
        _check_memory(deed)
    repair(others, "s")
    health = open_session(deed.folder).health
    assert (health.ok, health.where) == (True, ())
    others.close()


def _check_memory(deed: Deed) -> None:
    """Check that what the handle remembers is what reading anew gives."""
    if deed.session:
        fresh = open_session(deed.folder)
        assert deed.session.messages() == fresh.messages()
        assert (deed.session.health, deed.session.version) == (fresh.health, fresh.version)
        assert deed.session.summary == fresh.summary


def open_files() -> set[str]:
    """Name the descriptors that are open, each with what it leads to."""
    return {f"{fd.name}: {fd.readlink()}" for fd in DESCRIPTORS.iterdir() if fd.is_symlink()}


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a folder, in memory where that can be: what a disk does is not what is tried."""
    with TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as name:
        yield Path(name)
