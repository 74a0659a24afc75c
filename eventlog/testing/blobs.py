"""The contract of blobs: kept once by what they hold, and dropped only while nobody keeps any."""

import threading

import pytest

from eventlog import codec
from eventlog.backend import Backend
from eventlog.collecting import collect
from eventlog.errors import SessionNotFoundError
from eventlog.session import Session
from eventlog.store import Store

from .deeds import at_once, message, put, put_aside, read, replace, say
from .opening import Opening

BLOBS = [b"", b"one", b"\0\xff\r\n\n", b"x" * 3_000_000]
"""Any bytes are a blob."""
LONG = "what a tool gave out, and more of it " * 3000


class BlobsContract(Opening):
    """Keeping, reading and dropping blobs, by any handle; and what a Store promises with them."""

    def test_there_are_no_blobs_at_first(self, backend: Backend) -> None:
        assert (backend.blobs(), backend.blob(name_of(b"one"))) == ({}, None)

    def test_a_blob_is_kept_as_it_is_and_seen_by_all(
        self, backend: Backend, other: Backend
    ) -> None:
        names = [keep(backend, blob) for blob in BLOBS]
        for handle in (backend, other):
            assert [handle.blob(name) for name in names] == BLOBS
            assert handle.blobs() == {n: len(b) for n, b in zip(names, BLOBS, strict=True)}

    def test_a_blob_is_there_before_what_names_it_is_stored(
        self, backend: Backend, other: Backend
    ) -> None:
        with backend.keeping({name_of(b"one"): b"one"}):
            assert other.blob(name_of(b"one")) == b"one"

    def test_a_blob_kept_twice_is_there_once(self, backend: Backend, other: Backend) -> None:
        names = {keep(backend, b"one"), keep(other, b"one")}
        assert other.blobs() == dict.fromkeys(names, 3)

    def test_a_blob_that_is_not_what_it_was_is_written_anew(
        self, backend: Backend, other: Backend
    ) -> None:
        with backend.keeping({name_of(b"one"): b"on"}):
            pass  # as if its end were lost
        keep(other, b"one")
        assert (backend.blob(name_of(b"one")), backend.blobs()) == (b"one", {name_of(b"one"): 3})

    def test_blobs_stay_when_what_was_to_name_them_fails(self, backend: Backend) -> None:
        with pytest.raises(ZeroDivisionError), backend.keeping({name_of(b"one"): b"one"}):
            _ = 1 / 0
        assert backend.blob(name_of(b"one")) == b"one"
        drop(backend, name_of(b"one"))  # and nobody holds it any more

    @pytest.mark.parametrize("name", ["", "one", "../a", "0" * 63, "A" * 64, "a.jsonl"])
    def test_what_is_no_name_of_a_blob_is_none(self, backend: Backend, name: str) -> None:
        put(backend, "a", [b"1"])
        keep(backend, b"one")
        assert backend.blob(name) is None

    def test_a_dropped_blob_is_gone_and_the_others_stay(
        self, backend: Backend, other: Backend
    ) -> None:
        gone, stays = keep(backend, b"one"), keep(backend, b"two")
        drop(other, gone)
        for handle in (backend, other):
            assert (handle.blob(gone), handle.blobs()) == (None, {stays: 3})

    def test_what_is_not_there_can_be_dropped(self, backend: Backend) -> None:
        drop(backend, name_of(b"one"), name_of(b"two"))
        assert backend.blobs() == {}

    def test_a_dropped_blob_can_be_kept_again(self, backend: Backend, other: Backend) -> None:
        drop(backend, keep(backend, b"one"))
        keep(other, b"one")
        assert backend.blob(name_of(b"one")) == b"one"

    def test_who_drops_waits_until_nobody_keeps_any(self, backend: Backend, other: Backend) -> None:
        dropped = threading.Event()

        def drop_it() -> None:
            drop(other, name_of(b"one"))
            dropped.set()

        dropping = threading.Thread(target=drop_it)
        with backend.keeping({name_of(b"one"): b"one"}):
            dropping.start()
            assert not dropped.wait(0.2)
            assert backend.blob(name_of(b"one")) == b"one"
        dropping.join()
        assert backend.blobs() == {}

    def test_who_keeps_waits_until_nobody_drops(self, backend: Backend, other: Backend) -> None:
        kept = threading.Event()

        def keep_it() -> None:
            keep(other, b"one")
            kept.set()

        keeping = threading.Thread(target=keep_it)
        with backend.dropping():
            keeping.start()
            assert not kept.wait(0.2)
            assert backend.blobs() == {}
        keeping.join()
        assert backend.blob(name_of(b"one")) == b"one"

    def test_many_keep_blobs_at_once(self, backend: Backend) -> None:
        def work(worker: int) -> str:
            for n in range(20):
                keep(backend, b"the same %d" % n)
            return keep(backend, b"own %d" % worker)

        own = at_once(work, 4)
        assert len(backend.blobs()) == 24
        assert set(own) < set(backend.blobs())

    def test_a_blob_inside_a_keeping_can_be_named_by_a_log(self, backend: Backend) -> None:
        with backend.keeping({name_of(b"one"): b"one"}):
            put(backend, "a", [b"1"])
        assert (read(backend, "a"), backend.ids()) == ([b"1"], ["a"])

    def test_every_copy_is_named_with_its_holder(self, backend: Backend, other: Backend) -> None:
        for session_id in ("a", "b"):
            put(backend, session_id, [b"first"])
            put_aside(backend, session_id, [b"aside"])
            replace(backend, session_id, [b"second"])
        backend.delete("b")
        (binned,) = other.binned()
        found = sorted((copy.holder, *other.read_copy(copy.name)) for copy in other.every_copy())
        assert found == sorted(
            (holder, line) for holder in ("a", binned.name) for line in (b"aside", b"first")
        )

    def test_a_copy_that_is_gone_is_not_found(self, backend: Backend) -> None:
        put(backend, "a", [b"1"])
        replace(backend, "a", [b"2"])
        (copy,) = backend.every_copy()
        backend.purge("a")
        assert backend.every_copy() == []
        with pytest.raises(SessionNotFoundError):
            list(backend.read_copy(copy.name))

    def test_more_blobs_are_kept_while_others_are_held(self, backend: Backend) -> None:
        with backend.keeping({name_of(b"one"): b"one"}) as keep:
            keep({name_of(b"two"): b"two"})
            assert backend.blob(name_of(b"two")) == b"two"
        assert sorted(backend.blobs().values()) == [3, 3]

    def test_what_comes_first_when_a_session_is_purged_sees_it_whole(
        self, backend: Backend
    ) -> None:
        seen: list[list[str]] = []
        put(backend, "a", [b"1"])
        backend.purge("a", lambda: seen.append(backend.ids()))
        put(backend, "b", [b"1"])
        backend.delete("b")
        (binned,) = backend.binned()
        backend.purge_binned(binned.name, lambda: seen.append([b.name for b in backend.binned()]))
        assert seen == [["a"], [binned.name]]

    def test_nothing_comes_first_where_there_is_nothing_to_purge(self, backend: Backend) -> None:
        seen: list[bool] = []
        for purge in (backend.purge, backend.purge_binned):
            with pytest.raises(SessionNotFoundError):
                purge("none.1", lambda: seen.append(True))
        assert seen == []

    def test_large_content_is_read_back_as_it_was_said(self, store: Store, rival: Store) -> None:
        said = give_out(store.create("a"))
        assert rival.open("a").messages() == said
        assert len(store.backend.blobs()) == 1

    def test_collecting_drops_just_what_nothing_refers_to(self, store: Store) -> None:
        said = give_out(store.create("a"))
        unused = keep(store.backend, b"one")
        assert collect(store.backend).unused == {unused: 3}
        assert (store.open("a").messages(), len(store.backend.blobs())) == (said, 1)

    def test_a_blob_is_kept_as_long_as_any_session_refers_to_it(
        self, store: Store, rival: Store
    ) -> None:
        said, _, _ = [give_out(store.create(session_id)) for session_id in ("a", "b", "c")]
        rival.purge("a")
        store.delete("b")
        rival.purge("c")
        collect(store.backend)
        assert len(store.backend.blobs()) == 1
        store.restore("b")
        assert rival.open("b").messages() == said
        rival.purge("b")
        assert store.backend.blobs() == {}


def name_of(blob: bytes) -> str:
    """Return the name that a blob is kept by."""
    running = codec.running_hash()
    running.update(blob)
    return str(running.hexdigest())


def keep(backend: Backend, blob: bytes) -> str:
    """Keep one blob; return its name."""
    with backend.keeping({name_of(blob): blob}):
        return name_of(blob)


def drop(backend: Backend, *names: str) -> None:
    """Drop blobs."""
    with backend.dropping() as drop_one:
        for name in names:
            drop_one(name)


def give_out(session: Session) -> list[dict[str, object]]:
    """Let a tool give out much; return what the session says then."""
    function = {"name": "look", "arguments": "{}"}
    calls = [{"id": "c", "type": "function", "function": function}]
    say(session, "Look.")
    session.append({"role": "assistant", "content": None, "tool_calls": calls})
    session.append({"role": "tool", "tool_call_id": "c", "content": LONG})
    return [
        message("Look."),
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c", "content": LONG},
    ]
