"""Both backends do whatever a plain list does, in any order of appends, handles, cuts and reopenings."""

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from eventlog import Session, Store
from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.memory import MemoryBackend
from eventlog.errors import (
    IdempotencyConflictError,
    SessionExistsError,
    SessionNotFoundError,
    WrongExpectedVersionError,
)
from eventlog.projection import fold
from eventlog.projections.messages import MESSAGES, view
from eventlog.record import RecordedEvent
from tests.projections.validity import assert_valid

ID = "s"
TEXTS = st.sampled_from(["", "a", "b", "\u2028", "é\n", '{"seq":1', "x" * 3000])
MESSAGES_SAID = TEXTS.map(lambda text: {"role": "user", "content": text})
KEYS = st.sampled_from(["k1", "k2"])
DURABILITIES = st.sampled_from(["fsync", "os"])
TORN = st.sampled_from([b"{", b'{"seq":2,"at":"20', b"\x00\x00\x00", b"\xff\xfe", b"text"])
WHERE = st.sampled_from(["memory", "jsonl"])


class Fact(NamedTuple):
    """What the list remembers of an event: what it holds, and how it was appended."""

    data: dict[str, Any]
    key: str | None = None
    batch: tuple[int, int] | None = None


def remembered(event: RecordedEvent) -> Fact:
    batch = event.get("batch")
    return Fact(event["data"], event.get("key"), (batch[0], batch[1]) if batch else None)


class Backends(RuleBasedStateMachine):
    """The model is `self.facts`: the events after the first, or None for a session not there."""

    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.memory = MemoryBackend()
        self.facts: list[Fact] | None = None
        self.torn = 0
        self.stores = {name: self.new_store(name) for name in ("memory", "jsonl")}
        self.seen = dict.fromkeys(self.stores, 0)

    def teardown(self) -> None:
        for store in self.stores.values():
            store.close()
        shutil.rmtree(self.folder)

    def new_store(self, where: str) -> Store:
        ticks = (f"2026-11-22T10:00:00.{n:06}Z" for n in itertools.count())
        backend = self.memory if where == "memory" else JsonlBackend.at(self.folder)
        return Store(backend, clock=lambda: next(ticks))

    @property
    def known(self) -> list[Fact]:
        assert self.facts is not None
        return self.facts

    def key_place(self, key: str) -> int | None:
        places = [i for i, fact in enumerate(self.known) if fact.key == key]
        return places[0] if places else None

    # Sessions and handles.

    @precondition(lambda self: self.facts is None)
    @rule()
    def create(self) -> None:
        for store in self.stores.values():
            assert store.create(ID).version == 1
        self.facts = []

    @precondition(lambda self: self.facts is not None)
    @rule()
    def create_again_is_refused(self) -> None:
        for store in self.stores.values():
            with pytest.raises(SessionExistsError):
                store.create(ID)

    @precondition(lambda self: self.facts is not None)
    @rule(target=handles)
    def open_a_handle(self) -> dict[str, Session]:
        return {name: store.open(ID) for name, store in self.stores.items()}

    @precondition(lambda self: self.facts is None)
    @rule()
    def open_what_is_not_there_is_refused(self) -> None:
        for store in self.stores.values():
            with pytest.raises(SessionNotFoundError):
                store.open(ID)

    @rule()
    def reopen_the_stores(self) -> None:
        for name, store in self.stores.items():
            store.close()
            self.stores[name] = self.new_store(name)

    @precondition(lambda self: self.facts is not None)
    @rule()
    def delete(self) -> None:
        for store in self.stores.values():
            store.delete(ID)
        self.facts, self.torn = None, 0
        self.seen = dict.fromkeys(self.stores, 0)

    # Appending.

    @precondition(lambda self: self.facts is not None)
    @rule(handle=handles, message=MESSAGES_SAID, durability=DURABILITIES)
    def append(self, handle: dict[str, Session], message: dict[str, Any], durability: Any) -> None:
        for session in handle.values():
            event = session.append(message, durability=durability)
            assert (event["seq"], event["data"]) == (len(self.known) + 2, message)
        self.known.append(Fact(message))

    @precondition(lambda self: self.facts is not None)
    @rule(handle=handles, batch=st.lists(MESSAGES_SAID, max_size=4))
    def append_many(self, handle: dict[str, Session], batch: list[dict[str, Any]]) -> None:
        for session in handle.values():
            assert [e["data"] for e in session.append_many(batch)] == batch
        self.remember_batch(batch, None)

    def remember_batch(self, batch: list[dict[str, Any]], key: str | None) -> None:
        n = len(batch)
        for i, message in enumerate(batch):
            place = (i + 1, n) if n > 1 else None
            self.known.append(Fact(message, None if i else key, place))

    @precondition(lambda self: self.facts is not None)
    @rule(handle=handles, batch=st.lists(MESSAGES_SAID, min_size=1, max_size=3), key=KEYS)
    def append_with_a_key(
        self, handle: dict[str, Session], batch: list[dict[str, Any]], key: str
    ) -> None:
        first = self.key_place(key)
        if first is None:
            for session in handle.values():
                session.append_many(batch, key=key)
            self.remember_batch(batch, key)
            return
        n = (self.known[first].batch or (1, 1))[1]
        stored = [fact.data for fact in self.known[first : first + n]]
        for session in handle.values():
            if stored == batch:
                assert session.append_many(batch, key=key)[0]["seq"] == first + 2
            else:
                with pytest.raises(IdempotencyConflictError):
                    session.append_many(batch, key=key)

    @precondition(lambda self: self.facts is not None)
    @rule(handle=handles, message=MESSAGES_SAID)
    def append_at_the_right_version(
        self, handle: dict[str, Session], message: dict[str, Any]
    ) -> None:
        for session in handle.values():
            session.append(message, expected_version=len(self.known) + 1)
        self.known.append(Fact(message))

    @precondition(lambda self: self.facts is not None)
    @rule(handle=handles, message=MESSAGES_SAID, off=st.sampled_from([-2, -1, 1, 2]))
    def append_at_a_wrong_version_is_refused(
        self, handle: dict[str, Session], message: dict[str, Any], off: int
    ) -> None:
        for session in handle.values():
            with pytest.raises(WrongExpectedVersionError) as caught:
                session.append(message, expected_version=len(self.known) + 1 + off)
            assert caught.value.actual == len(self.known) + 1

    @precondition(lambda self: self.facts is None)
    @rule(handle=handles, message=MESSAGES_SAID)
    def append_to_what_was_deleted_is_refused(
        self, handle: dict[str, Session], message: dict[str, Any]
    ) -> None:
        for session in handle.values():
            with pytest.raises(SessionNotFoundError):
                session.append(message)

    # Behind the log's back.

    @precondition(lambda self: self.facts is not None)
    @rule(torn=TORN)
    def a_write_is_cut_off(self, torn: bytes) -> None:
        with (self.folder / f"{ID}.jsonl").open("ab") as file:
            file.write(torn)
        self.torn += 1

    # Looking.

    @precondition(lambda self: self.facts is not None)
    @rule(handle=handles, after=st.integers(0, 20), where=WHERE)
    def read(self, handle: dict[str, Session], after: int, where: str) -> None:
        expected = self.known[max(after - 1, 0) :]
        found = [e for e in handle[where].events(after) if e["type"] != "session.created"]
        assert [remembered(event) for event in found] == expected
        assert [event["seq"] for event in found] == list(
            range(max(after, 1) + 1, len(self.known) + 2)
        )

    @precondition(lambda self: self.facts is not None)
    @rule(where=WHERE)
    def follow(self, where: str) -> None:
        session = self.stores[where].open(ID)
        new = list(session.follow(self.seen[where], poll=0, timeout=0))
        assert [event["seq"] for event in new] == list(
            range(self.seen[where] + 1, len(self.known) + 2)
        )
        self.seen[where] = len(self.known) + 1

    @precondition(lambda self: self.facts is not None)
    @rule(handle=handles, limit=st.none() | st.integers(1, 5), where=WHERE)
    def messages_of_a_warm_handle(
        self, handle: dict[str, Session], limit: int | None, where: str
    ) -> None:
        sent = handle[where].messages(limit)
        assert [m["content"] for m in sent] == [f.data["content"] for f in self.known][
            -limit if limit else None :
        ]
        assert_valid(sent)
        assert sent == view(fold(MESSAGES, handle[where].events()), limit)

    @precondition(lambda self: self.facts is not None)
    @rule(handle=handles, where=WHERE)
    def health_and_version(self, handle: dict[str, Session], where: str) -> None:
        health = handle[where].health
        assert health.ok, health
        assert health.torn <= self.torn
        assert handle[where].version == len(self.known) + 1
        assert handle[where].summary.messages == len(self.known)

    @invariant()
    def both_list_the_same_sessions(self) -> None:
        expected = [] if self.facts is None else [(ID, len(self.facts) + 1)]
        for store in self.stores.values():
            assert [(row.id, row.summary.version) for row in store.list()] == expected


TestBackends = Backends.TestCase
