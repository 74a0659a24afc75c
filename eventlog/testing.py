"""The backend contract as a test suite: ours, and that of anybody who writes a backend.

    class TestMine(BackendContract):
        def open_backend(self, place: Path) -> Backend:
            return MyBackend(place / "my.db")

That is all an own backend needs, in a file that pytest collects; with
`pytest.register_assert_rewrite("eventlog.testing")` in its conftest.py, failures show their values.
The first half asks for what backend.py says, the second for what a Store promises on top of it.
Faults that only one kind of storage can have (a full disk, a lost connection) are not tested here.
"""
# ruff: noqa: S101, PLR2004, D102 - tests: they assert, and their names are their sentences

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from eventlog.backend import START, Backend, Durability, Mark
from eventlog.codec import FIRST_PREV
from eventlog.errors import (
    BackendConflictError,
    IdempotencyConflictError,
    InvalidEventError,
    SessionExistsError,
    SessionNotFoundError,
    WrongExpectedVersionError,
)
from eventlog.record import RecordedEvent
from eventlog.session import Session
from eventlog.store import Store

LINES = [b"not JSON", "\u2028 \u0085 \U0001f600 \\".encode(), b" \t\r", b"x" * 3_000_000]
"""Any UTF-8 without a newline are a line."""


class BackendContract:
    """Inherit it as Test…, and say in `open_backend` how your backend is opened."""

    def open_backend(self, place: Path) -> Backend:
        """Open the backend; for another `place`, an empty one.

        For the same place again, the same logs as another process would see; only a backend that
        is neither `shared` nor `durable` may open none.
        """
        raise NotImplementedError

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        backend = self.open_backend(tmp_path)
        yield backend
        backend.close()

    @pytest.fixture
    def other(self, tmp_path: Path, backend: Backend) -> Iterator[Backend]:
        """A second handle on the same logs; the same one where they cannot be shared."""
        other = self.open_backend(tmp_path) if backend.shared else backend
        yield other
        other.close()

    @pytest.fixture
    def store(self, backend: Backend) -> Store:
        return Store(backend)

    @pytest.fixture
    def rival(self, other: Backend) -> Store:
        return Store(other)

    # The protocol: lines and their order.

    @pytest.mark.parametrize("use", ["stat", "read", "delete", "append"])
    def test_a_session_that_is_not_there_is_not_found(self, backend: Backend, use: str) -> None:
        def append(session_id: str) -> None:
            with backend.writing(session_id, create=False):
                pass

        uses: dict[str, Callable[[str], Any]] = {
            "stat": backend.stat,
            "read": lambda session_id: list(backend.read(session_id)),
            "delete": backend.delete,
            "append": append,
        }
        with pytest.raises(SessionNotFoundError) as caught:
            uses[use]("a")
        assert caught.value.session_id == "a"
        assert backend.ids() == []

    def test_lines_are_read_back_byte_for_byte_and_in_order(self, backend: Backend) -> None:
        put(backend, "a", LINES)
        assert read(backend, "a") == LINES

    def test_ids_are_sorted_and_logs_do_not_mix(self, backend: Backend) -> None:
        for session_id in ("b", "a-1", "C", "0", "a"):
            put(backend, session_id, [session_id.encode()])
        assert backend.ids() == ["0", "C", "a", "a-1", "b"]
        assert all(read(backend, name) == [name.encode()] for name in backend.ids())

    def test_stat_tells_size_and_time(self, backend: Backend) -> None:
        put(backend, "a", [b"one"])
        before = backend.stat("a")
        put(backend, "a", [b"three"])
        after = backend.stat("a")
        assert (before.size, after.size) == (4, 10)
        assert after.changed >= before.changed > 1_600_000_000

    def test_what_was_put_at_a_mark_is_all_that_is_read_after_it(self, backend: Backend) -> None:
        mark = put(backend, "a", [b"1", b"2"])
        put(backend, "a", [b"3"])
        put(backend, "a", [b"4", b"5"])
        assert read(backend, "a", mark) == [b"3", b"4", b"5"]

    def test_blocks_are_seamless_and_end_where_put_said(self, backend: Backend) -> None:
        put(backend, "a", [b"%07d" % i * 8 for i in range(60_000)])
        end = put(backend, "a", [b"last"])
        position = 0
        for block in backend.read("a"):
            assert (block.start, block.rest, block.skipped) == (position, b"", 0)
            assert len(block.end.tail) <= 32
            position = block.end.position
        assert position == end.position

    def test_nothing_new_is_one_block_without_lines(self, backend: Backend) -> None:
        end = put(backend, "a", LINES)
        found = [(b.start, b.lines, b.end) for b in backend.read("a", end)]
        assert found == [(end.position, [], end)]

    def test_a_writer_can_read_a_new_log_before_it_has_lines(self, backend: Backend) -> None:
        with backend.writing("a", create=True) as writer:
            assert [(b.lines, b.end) for b in writer.read(START)] == [([], START)]
            writer.put([b"1"], START, "fsync")

    @pytest.mark.parametrize("durability", ["fsync", "os"])
    def test_another_handle_sees_what_was_put(
        self, backend: Backend, other: Backend, durability: Durability
    ) -> None:
        mark = put(backend, "a", [b"1"], durability)
        assert read(other, "a") == [b"1"]
        put(other, "a", [b"2"], durability)
        assert read(backend, "a", mark) == [b"2"]

    @pytest.mark.parametrize("stale", [0, 1])
    def test_put_where_lines_are_conflicts_and_stores_nothing(
        self, backend: Backend, other: Backend, stale: int
    ) -> None:
        marks = [START, put(backend, "a", [b"1"])]
        put(other, "a", [b"2"])
        with backend.writing("a", create=False) as writer, pytest.raises(BackendConflictError):
            writer.put([b"lost"], marks[stale], "fsync")
        assert read(backend, "a") == [b"1", b"2"]

    def test_of_many_writers_none_loses_a_line(self, backend: Backend, other: Backend) -> None:
        def work(worker: int) -> None:
            for i in range(20):
                put((backend, other)[worker % 2], "a", [b"%d-%d" % (worker, i), b"and"])

        at_once(work, 6)
        lines = read(backend, "a")
        assert sorted(lines[::2]) == sorted(b"%d-%d" % (w, i) for w in range(6) for i in range(20))
        assert set(lines[1::2]) == {b"and"}  # batches stay together

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_a_log_that_was_replaced_is_read_from_its_start(
        self, backend: Backend, other: Backend, count: int
    ) -> None:
        mark = put(backend, "a", [b"old 1", b"old 2"])
        other.delete("a")
        new = [b"new %d" % i for i in range(count)]
        put(other, "a", new)
        blocks = list(backend.read("a", mark))
        assert blocks[0].start == 0
        assert [line for block in blocks for line in block.lines] == new

    def test_a_deleted_log_is_gone_for_every_handle(self, backend: Backend, other: Backend) -> None:
        put(backend, "a", [b"1"])
        put(backend, "b", [b"2"])
        backend.delete("a")
        assert backend.ids() == other.ids() == ["b"]
        for handle in (backend, other):
            with pytest.raises(SessionNotFoundError):
                read(handle, "a")

    def test_closing_twice_is_fine(self, backend: Backend) -> None:
        put(backend, "a", [b"1"])
        backend.close()
        backend.close()

    def test_a_durable_log_is_there_after_closing(self, backend: Backend, tmp_path: Path) -> None:
        if not backend.durable:
            pytest.skip("this backend says that it is not durable")
        put(backend, "a", LINES)
        backend.close()
        again = self.open_backend(tmp_path)
        assert (again.ids(), read(again, "a")) == (["a"], LINES)
        again.close()

    # What a Store and its Sessions promise on top.

    def test_a_new_session_begins_one_healthy_chain(self, store: Store) -> None:
        session = store.create("a")
        assert [event["type"] for event in session.events()] == ["session.created"]
        assert (session.version, session.messages(), session.health.ok) == (1, [], True)

    def test_a_session_is_created_once(self, store: Store, rival: Store) -> None:
        store.create("a")
        with pytest.raises(SessionExistsError):
            rival.create("a")
        assert rival.get_or_create("a").version == 1

    def test_of_many_that_create_a_session_one_does(self, store: Store, rival: Store) -> None:
        def create(worker: int) -> int:
            with suppress(SessionExistsError):
                return (store, rival)[worker % 2].create("a").version
            return 0

        assert sum(at_once(create, 8)) == 1
        assert_one_chain(store.open("a"), 1)

    def test_two_handles_in_turn_make_one_chain(self, store: Store, rival: Store) -> None:
        one, two = store.create("a"), rival.open("a")
        for i in range(10):
            say((one, two)[i % 2], f"{i}")
        assert said(one) == said(two) == [f"{i}" for i in range(10)]
        assert_one_chain(one, 11)

    def test_many_threads_on_one_session_make_one_chain(self, store: Store, rival: Store) -> None:
        sessions = [store.create("a"), rival.open("a"), store.open("a")]

        def work(worker: int) -> None:
            for i in range(15):
                say(sessions[worker % 3], f"{worker}-{i}")

        at_once(work, 6)
        assert_one_chain(sessions[0], 91)
        assert sorted(said(sessions[1])) == sorted(f"{w}-{i}" for w in range(6) for i in range(15))

    def test_a_reader_always_sees_a_whole_beginning(self, store: Store, rival: Store) -> None:
        writer, seen = store.create("a"), rival.open("a")
        worker = threading.Thread(target=lambda: [say(writer, f"{i}") for i in range(100)])
        worker.start()
        while worker.is_alive():
            words = said(seen)
            assert words == [f"{i}" for i in range(len(words))]
            assert seen.health.ok
        worker.join()
        assert len(said(seen)) == 100

    def test_the_expected_version_is_accepted(self, store: Store) -> None:
        session = store.create("a")
        assert say(session, "1", expected_version=1)["seq"] == 2
        assert say(session, "2", expected_version=2)["seq"] == 3
        assert say(session, "3", expected_version=None)["seq"] == 4

    @pytest.mark.parametrize("expected", [0, 1, 3])
    def test_another_version_appends_nothing(
        self, store: Store, rival: Store, expected: int
    ) -> None:
        session = store.create("a")
        say(rival.open("a"), "meanwhile")
        with pytest.raises(WrongExpectedVersionError) as caught:
            say(session, "lost", expected_version=expected)
        error = caught.value
        assert (error.session_id, error.expected, error.actual) == ("a", expected, 2)
        assert said(session) == ["meanwhile"]

    def test_of_many_that_expect_a_version_one_appends(self, store: Store, rival: Store) -> None:
        sessions = [store.create("a"), rival.open("a")]

        def work(worker: int) -> int:
            with suppress(WrongExpectedVersionError):
                return say(sessions[worker % 2], f"{worker}", expected_version=1)["seq"]
            return 0

        assert sum(at_once(work, 6)) == 2
        assert_one_chain(sessions[0], 2)

    def test_a_key_again_gives_the_stored_event(self, store: Store, rival: Store) -> None:
        first = say(store.create("a"), "once", key="k")
        say(store.open("a"), "more")
        again = say(rival.open("a"), "once", key="k", expected_version=1)
        assert (first, first["key"]) == (again, "k")
        assert said(store.open("a")) == ["once", "more"]

    def test_a_key_for_something_else_conflicts(self, store: Store, rival: Store) -> None:
        session = store.create("a")
        say(session, "once", key="k")
        with pytest.raises(IdempotencyConflictError) as caught:
            say(rival.open("a"), "other", key="k")
        assert (caught.value.key, caught.value.seq) == ("k", 2)
        assert said(session) == ["once"]

    def test_of_many_with_one_key_one_appends(self, store: Store, rival: Store) -> None:
        store.create("a")

        def work(worker: int) -> int:
            return say((store, rival)[worker % 2].open("a"), "once", key="k")["seq"]

        assert set(at_once(work, 6)) == {2}
        assert said(store.open("a")) == ["once"]

    def test_a_batch_with_a_key_is_appended_once(self, store: Store, rival: Store) -> None:
        batch = [message("1"), message("2")]
        first = store.create("a").append_many(batch, key="k")
        session = rival.open("a")
        assert session.append_many(batch, key="k") == first
        for other in ([message("1")], [*batch, message("3")], [message("1"), message("x")]):
            with pytest.raises(IdempotencyConflictError):
                session.append_many(other, key="k")
        assert said(session) == ["1", "2"]

    def test_a_batch_is_whole_and_numbered(self, store: Store, rival: Store) -> None:
        events = store.create("a").append_many(message(f"{i}") for i in range(3))
        assert [event["seq"] for event in events] == [2, 3, 4]
        assert [event["batch"] for event in events] == [[1, 3], [2, 3], [3, 3]]
        assert list(rival.open("a").events(after=1)) == events

    def test_a_batch_with_one_bad_event_appends_nothing(self, store: Store) -> None:
        session = store.create("a")
        with pytest.raises(InvalidEventError):
            session.append_many([message("good"), {"role": "nobody", "content": "bad"}])
        assert session.append_many([]) == []
        assert (session.version, said(session)) == (1, [])

    def test_follow_gives_what_another_handle_appends(self, store: Store, rival: Store) -> None:
        session = store.create("a")
        news = rival.open("a").follow(after=1, poll=0.001, timeout=5)
        for i in range(5):
            recorded = say(session, f"{i}")
            assert next(news) == recorded

    def test_an_old_handle_sees_a_new_log(self, store: Store, rival: Store) -> None:
        session = store.create("a")
        say(session, "old")
        rival.delete("a")
        with pytest.raises(SessionNotFoundError):
            say(session, "lost")
        say(rival.create("a"), "new")
        assert said(session) == ["new"]
        say(session, "newer")
        assert_one_chain(rival.open("a"), 3)


def put(
    backend: Backend, session_id: str, lines: Sequence[bytes], durability: Durability = "fsync"
) -> Mark:
    """Append lines at the end of a log, wherever that is, and begin it if it is not there."""
    with backend.writing(session_id, create=True) as writer:
        while True:
            *_, last = writer.read(START)
            try:
                return writer.put(lines, last.end, durability)
            except BackendConflictError:
                continue


def read(backend: Backend, session_id: str, after: Mark = START) -> list[bytes]:
    """Read all lines after a mark."""
    return [line for block in backend.read(session_id, after) for line in block.lines]


def message(text: str) -> dict[str, Any]:
    """Make a user message."""
    return {"role": "user", "content": text}


def say(session: Session, text: str, **how: Any) -> RecordedEvent:
    """Append a user message."""
    return session.append(message(text), **how)


def said(session: Session) -> list[Any]:
    """Return what the messages say."""
    return [m["content"] for m in session.messages()]


def at_once(work: Callable[[int], Any], workers: int) -> list[Any]:
    """Run `work(0)`, `work(1)` … at the same time; return what they return, raise what they raise."""
    barrier = threading.Barrier(workers)

    def run(worker: int) -> Any:
        barrier.wait()
        return work(worker)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(run, range(workers)))


def assert_one_chain(session: Session, version: int) -> None:
    """Check that a session is `version` events, each following the one before."""
    prev, seq = FIRST_PREV, 0
    for seq, event in enumerate(session.events(), start=1):
        assert (event["seq"], event["prev"]) == (seq, prev)
        prev = event["hash"]
    assert seq == version
    assert session.health.where == ()
