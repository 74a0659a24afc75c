"""A proof holds the snapshot that is kept against the log, and tells where they disagree."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eventlog import codec, open_store, snapshot
from eventlog.compaction import compact
from eventlog.projections.messages import MESSAGES
from eventlog.replay import prove
from eventlog.session import Session
from eventlog.snapshot import SnapshotCheck, make
from eventlog.store import Store

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(autouse=True)
def waypoints_lie_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_APART", 1)
    monkeypatch.setattr("eventlog.backends.jsonl.reader.CHUNK", 512)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a session `s` of an instruction and 120 messages, and its snapshot."""
    with open_store(tmp_path) as store:
        store.create("s").append({"role": "system", "content": "be brief"})
        talk(store)
        make(store.backend, "s")
        yield store


def talk(store: Store, messages: int = 120) -> Session:
    session = store.open("s")
    for number in range(messages):
        session.append({"role": "user", "content": f"message {number}"}, durability="os")
    return session


def edit(store: Store, change: Edit) -> None:
    """Change what the snapshot says."""
    told = codec.load_json(store.backend.cached("s") or b"")
    change(told)
    store.backend.cache("s", codec.dump_json(told).encode())


def difference(store: Store) -> str | None:
    return prove(store.open("s"), [SnapshotCheck(store.backend, "s")]).difference


def test_a_snapshot_that_is_what_the_log_gives_is_proven(store: Store) -> None:
    assert snapshot.newest_messages(store.backend, "s", 10)
    assert difference(store) is None


def test_a_session_without_a_snapshot_is_proven(store: Store) -> None:
    store.backend.cache("s", b"")
    assert difference(store) is None


def test_what_was_appended_since_is_no_disagreement(store: Store) -> None:
    session = talk(store, 5)
    session.move_head(3)
    assert difference(store) is None


def test_a_snapshot_of_the_log_before_a_compaction_is_none(store: Store) -> None:
    session = store.open("s")
    for title in ("one", "two"):
        session.set_title(title)
    make(store.backend, "s")
    assert compact(store, "s").dropped
    assert store.backend.cached("s")
    assert difference(store) is None


def test_what_comes_while_it_is_proven_is_left_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Session.events

    def meanwhile(self: Session, after: int = 0, **how: Any) -> Any:
        talk(store, 30)
        make(store.backend, "s")
        return events(self, after, **how)

    monkeypatch.setattr(Session, "events", meanwhile)
    assert difference(store) is None


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda told: told["outline"]["opening"][0][1].update(content="be long"),
         "its outline of the events up to 122 is not theirs"),
        (lambda told: told["outline"].update(messages=90),
         "its outline of the events up to 122 is not theirs"),
        (lambda told: told["waypoints"][3].__setitem__(3, "A" * 22), "its waypoint at event "),
        (lambda told: told["waypoints"][3].__setitem__(4, 1), "its waypoint at event "),
        (lambda told: told["waypoints"][3].__setitem__(2, 999),
         "it tells of events that the log does not have"),
        (lambda told: told.update(seq=999), "it tells of events that the log does not have"),
    ],
)  # fmt: skip
def test_an_altered_snapshot_is_told(store: Store, change: Edit, wrong: str) -> None:
    edit(store, change)
    told = difference(store)
    assert told is not None
    assert told.startswith(f"the snapshot and the log disagree: {wrong}")


def test_a_list_that_comes_out_otherwise_by_the_snapshot_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_newest", lambda *_: MESSAGES.initial())
    told = "the snapshot and the log disagree: messages(limit=1) are others when it is used"
    assert difference(store) == told


def test_a_damaged_log_is_told_before_its_snapshot(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "s.jsonl"
    log.write_bytes(log.read_bytes().replace(b"message 50", b"massage 50"))
    assert difference(store) == "the log is damaged: eventlog verify s"
