"""The contract of stamps and the shelf: what tells that a log changed, and where a cache may lie."""

import time
from collections.abc import Callable

import pytest

from eventlog.backend import Backend

from .deeds import LINES, at_once, put, put_aside, read, replace
from .opening import Opening


def grow(backend: Backend) -> None:
    """Append a line."""
    put(backend, "a", [b"more"])


def replace_by_as_much(backend: Backend) -> None:
    """Put another log of the same size in the place of the old one."""
    replace(backend, "a", [b"y" * len(line) for line in read(backend, "a")])


def begin_anew(backend: Backend) -> None:
    """Delete the log and begin another one with the same lines."""
    lines = read(backend, "a")
    backend.delete("a")
    put(backend, "a", lines)


CHANGES = (grow, replace_by_as_much, begin_anew)


class StampingContract(Opening):
    """Equal stamps, equal logs; and asking makes nothing."""

    def test_no_logs_have_no_stamps(self, backend: Backend) -> None:
        assert backend.stamps() == {}

    def test_each_log_has_a_stamp_of_its_size_by_any_handle(
        self, backend: Backend, other: Backend
    ) -> None:
        for session_id in ("a", "b"):
            put(backend, session_id, LINES)
        put(backend, "b", [b"x"])
        found = other.stamps()
        assert sorted(found) == backend.ids()
        assert [found[name].size for name in "ab"] == [backend.stat(name).size for name in "ab"]
        assert found["a"].identity != found["b"].identity

    def test_each_of_many_who_look_at_once_sees_every_log(self, backend: Backend) -> None:
        for n in range(40):
            put(backend, f"s{n}", [b"1"])

        def look(_: int) -> set[int]:
            return {len(backend.stamps()) for _ in range(100)}

        assert at_once(look, 4) == [{40}] * 4

    def test_a_log_that_stays_keeps_its_stamp(self, backend: Backend, other: Backend) -> None:
        put(backend, "a", LINES)
        before = backend.stamps()["a"]
        read(backend, "a")
        put(backend, "b", [b"1"])
        put_aside(backend, "a", [b"aside"])
        backend.cache("a", b"cached")
        assert other.stamps()["a"] == before

    @pytest.mark.parametrize("change", CHANGES)
    def test_a_log_that_changes_gets_another_stamp(
        self, backend: Backend, other: Backend, change: Callable[[Backend], None]
    ) -> None:
        put(backend, "a", [b"1", b"2"])
        before = other.stamps()["a"]
        time.sleep(0.02)  # longer than a clock's resolution
        change(backend)
        assert other.stamps()["a"] != before

    def test_a_deleted_log_has_no_stamp(self, backend: Backend, other: Backend) -> None:
        put(backend, "a", [b"1"])
        backend.delete("a")
        assert other.stamps() == {}

    def test_asking_for_the_shelf_makes_nothing(self, backend: Backend) -> None:
        before = backend.shelf()
        assert before is None or before.parent.is_dir()
        put(backend, "a", [b"1"])
        shelf = backend.shelf()
        assert shelf is None or (shelf.parent.is_dir() and not shelf.exists())
        assert backend.ids() == ["a"]

    def test_what_lies_on_the_shelf_is_no_session(self, backend: Backend) -> None:
        put(backend, "a", [b"1"])
        if (shelf := backend.shelf()) is not None:
            shelf.mkdir(exist_ok=True)
            (shelf / "anything.jsonl").write_bytes(b"x")
        assert (backend.ids(), sorted(backend.stamps())) == (["a"], ["a"])
