"""A compaction that is killed, or fails, at any of its calls leaves the old log or the new one, whole."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from eventlog.backends.jsonl import JsonlBackend
from eventlog.compaction import compact, plan_compaction, undo
from eventlog.errors import EventLogError
from eventlog.store import Store, open_store
from tests.compaction.logs import contents_in, lines_in, put, requests, shown, take_turns, titled
from tests.crash.faults import Quick, Seam
from tests.projections.building import user


class Killed(BaseException):
    """Stands for SIGKILL: nothing is done after it. `Stopping` sees to that."""


class Stopping(Seam, Quick):
    """A folder whose call number `last` fails, and after it, if it was killed, every other one."""

    def __init__(self, path: Path, last: int, error: Callable[[], BaseException] = Killed) -> None:
        super().__init__(path)
        self.made, self._last, self._error = 0, last, error

    def through(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        del name
        self.made += 1
        beyond = self._last and self.made > self._last and self._error is Killed
        if self.made == self._last or beyond:
            raise self._error()
        return call(*arguments)


def disk_full() -> BaseException:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lay_out(place: Path) -> Store:
    """Make a session that was compacted once, and has superseded events again."""
    store = open_store(place)
    take_turns(store.create("s"), 1)
    put(store.open("s"), titled("again"))
    compact(store, "s")
    take_turns(store.open("s"), 1)
    return store


def count_calls(place: Path, work: Callable[[Store, str], Any]) -> int:
    """Count the calls that the work makes when nothing fails."""
    lay_out(place)
    folder = Stopping(place, 0)
    work(Store(JsonlBackend(folder)), "s")
    assert folder.made > 20
    return folder.made


@pytest.mark.parametrize("error", [Killed, disk_full], ids=["killed", "full"])
def test_at_every_call_the_log_is_the_old_one_or_the_new_one(
    tmp_path: Path, error: Callable[[], BaseException]
) -> None:
    found = set()
    for at in range(1, count_calls(tmp_path / "0", compact) + 1):
        store = lay_out(place := tmp_path / str(at))
        old, before = lines_in(store), (shown(store), requests(store))
        events = contents_in(store)
        struck = Store(JsonlBackend(Stopping(place, at, error)))
        with pytest.raises((Killed, EventLogError)):
            compact(struck, "s")
        store = open_store(place)
        found.add(lines_in(store) == old)
        assert (shown(store), requests(store)) == before
        put(store.open("s"), user("on"), titled("a"), titled("b"))
        compact(store, "s")  # the next one is not hindered by what this one left
        assert not plan_compaction(store, "s").needed
        assert {".new"} & {path.suffix for path in place.rglob("*")} == set()
        held = [line for copy in store.backend.copies("s") for line in copy]
        assert all(any(line.startswith(each) for line in held) for each in events.values())
    assert found == {True, False}


def test_at_every_call_of_an_undo_no_event_is_lost(tmp_path: Path) -> None:
    for at in range(1, count_calls(tmp_path / "0", undo_after_compacting) + 1):
        store = lay_out(place := tmp_path / str(at))
        whole = contents_in(store)
        compact(store, "s")
        before = shown(store)
        with suppress(Killed, EventLogError):
            undo(Store(JsonlBackend(Stopping(place, at))), "s")
        store = open_store(place)
        assert shown(store) == before
        if contents_in(store).keys() != whole.keys():
            undo(store, "s")
        assert contents_in(store).keys() == whole.keys()


def undo_after_compacting(store: Store, session_id: str) -> None:
    """Undo as the test does, to count its calls."""
    compact(open_store(store.backend.folder.path), session_id)  # type: ignore[attr-defined]
    undo(store, session_id)
