"""A check looks at each blob once, and says of every event that names it what is wrong with it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from eventlog.backends.memory import MemoryBackend
from eventlog.checking import Blobs, Lost, Named, Names
from eventlog.record import RecordedEvent
from eventlog.store import Store, open_store
from eventlog.verify import verify
from tests.blobs.test_collecting import NAME, OUTPUT, give_out


class Counting(MemoryBackend):
    """A backend that counts the blobs that are read."""

    reads = 0

    def blob(self, name: str) -> bytes | None:
        self.reads += 1
        return super().blob(name)


def named(store: Store, *session_ids: str) -> list[Named]:
    return [each for name in session_ids for each in verify(store, name).named]


def names(*facts: tuple[str, Any]) -> list[Named]:
    """Return what events of these types and payloads name."""
    found = Names()
    found.see(record(facts))
    return list(found)


def record(facts: Iterable[tuple[str, Any]]) -> list[RecordedEvent]:
    return [
        {"seq": seq, "at": "", "type": kind, "data": data, "prev": "", "hash": ""}
        for seq, (kind, data) in enumerate(facts, start=1)
    ]


REF = {"at": "/content", "sha256": NAME, "bytes": 3, "media_type": "text/plain"}
GIVEN = ("message.added", {"role": "tool", "tool_call_id": "c", "content": f"blobs/{NAME}",
                           "blobs": [REF]})  # fmt: skip


def test_each_blob_is_read_once_and_its_bytes_are_told() -> None:
    backend = Counting()
    store, told = Store(backend), list[int]()
    for session_id in ("a", "b"):
        give_out(store, session_id)
    blobs, wanted = Blobs(backend), named(store, "a", "b")
    assert (len(wanted), blobs.size_of(wanted)) == (2, len(OUTPUT))
    assert blobs.lost(wanted[:1], told.append) == blobs.lost(wanted[1:], told.append) == ()
    assert (backend.reads, told, blobs.size_of(wanted)) == (1, [len(OUTPUT)], 0)


def test_every_event_that_names_a_lost_blob_is_told(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for session_id in ("a", "b"):
        give_out(store, session_id)
    (tmp_path / "blobs" / NAME).unlink()
    lost = Lost(3, NAME, len(OUTPUT), "text/plain", "missing", "it is not there")
    assert Blobs(store.backend).lost(named(store, "a", "b")) == (lost, lost)


def test_what_is_erased_names_nothing() -> None:
    assert [each.seq for each in names(GIVEN)] == [1]
    assert names(GIVEN, ("content.erased", {"seqs": [1]})) == []


@pytest.mark.parametrize("data", [{}, {"seqs": 1}, {"seqs": [[]]}, {"seqs": None}])
def test_an_erasure_of_no_sense_erases_nothing(data: dict[str, Any]) -> None:
    assert [each.seq for each in names(GIVEN, ("content.erased", data))] == [1]


def test_only_messages_have_refs() -> None:
    assert names(("x.app.noted", GIVEN[1]), ("metadata.set", GIVEN[1])) == []
