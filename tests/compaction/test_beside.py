"""A compaction beside writers, readers and followers: they carry on, and nothing is lost or doubled."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eventlog.backend import START
from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.jsonl.files import Folder
from eventlog.compaction import compact, undo
from eventlog.session import Session
from eventlog.store import Store, open_store
from tests.compaction.logs import events_in, put, shown, titled
from tests.log.helpers import finish, message, run_python
from tests.projections.building import user


def test_an_open_session_carries_on(store: Store, session: Session) -> None:
    before, version = session.messages(), session.version
    compact(store, "s")
    assert session.messages() == before
    assert session.version == version
    assert session.append(message("on"))["seq"] == version + 1
    undo(store, "s")
    assert session.append(message("and on"))["seq"] == version + 2
    assert session.messages() == store.open("s").messages()
    assert session.health.ok


def test_an_append_right_behind_a_compaction_lands_once(store: Store, session: Session) -> None:
    session.messages()
    compact(store, "s")
    put(session, user("new"))
    assert [e["data"]["content"] for e in events_in(store)[-1:]] == ["new"]
    assert store.open("s").health.ok


def test_expected_version_and_keys_hold_over_a_compaction(store: Store, session: Session) -> None:
    stored = session.append(message("once"), key="k")
    compact(store, "s")
    assert session.append(message("once"), key="k")["seq"] == stored["seq"]
    assert session.append(message("next"), expected_version=stored["seq"])["seq"] > stored["seq"]


def test_a_follower_gets_each_event_once(store: Store, session: Session) -> None:
    followed = session.follow(poll=0.001, timeout=5)
    first = [next(followed)["seq"] for _ in range(session.version)]
    compact(store, "s")
    put(session, user("a"))
    undo(store, "s")
    put(session, titled("b"))
    assert [next(followed)["seq"] for _ in range(2)] == [first[-1] + 1, first[-1] + 2]


def test_a_reader_in_the_middle_ends_what_it_began(files: Store) -> None:
    events = files.open("s").events()
    seqs = [next(events)["seq"]]
    compact(files, "s")
    seqs += [event["seq"] for event in events]
    assert seqs == list(range(1, seqs[-1] + 1))


def test_a_reader_with_an_old_mark_begins_anew(store: Store, session: Session) -> None:
    *_, block = store.backend.read("s", START)
    compact(store, "s")
    first = next(iter(store.backend.read("s", block.end)))
    assert first.start == 0
    assert len(first.lines) == len(events_in(store))


class Waiting(Folder):
    """A folder that waits before the new log takes its place."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def rename(self, source: str, target: str) -> None:
        if target == "s.jsonl":
            self.reached.set()
            assert self.go_on.wait(10)
        super().rename(source, target)


def compacting(tmp_path: Path) -> Iterator[None]:
    """Begin a compaction, stop before its rename, and end it when asked again."""
    folder = Waiting(tmp_path)
    thread = threading.Thread(target=compact, args=(Store(JsonlBackend(folder)), "s"))
    thread.start()
    assert folder.reached.wait(10)
    yield
    folder.go_on.set()
    thread.join(10)
    yield


def test_an_append_meanwhile_waits_and_lands_once(files: Store, tmp_path: Path) -> None:
    compaction = compacting(tmp_path)
    next(compaction)
    late = threading.Thread(target=open_store(tmp_path).open("s").append, args=(message("late"),))
    late.start()
    late.join(0.1)
    assert late.is_alive()
    next(compaction)
    late.join(10)
    events = events_in(files)
    assert [e["seq"] for e in events if e["data"].get("content") == "late"] == [events[-1]["seq"]]
    assert files.open("s").health.ok


def test_readers_meanwhile_do_not_wait(files: Store, tmp_path: Path) -> None:
    before = shown(files)
    compaction = compacting(tmp_path)
    next(compaction)
    assert shown(files) == before
    next(compaction)
    assert shown(files) == before


WRITER = """
    import sys
    from eventlog.store import open_store
    session = open_store(sys.argv[1]).open("s")
    for number in range(40):
        session.append({"role": "user", "content": f"w{number}"}, durability="os")
        session.set_title(f"t{number}")
    print("done")
"""

FOLLOWER = """
    import sys
    from eventlog.store import open_store
    for event in open_store(sys.argv[1]).open("s").follow(poll=0.002, timeout=20):
        text = event["data"].get("content")
        if event["type"] == "message.added" and text[0] == "w":
            print(text, flush=True)
            if text == "w39":
                break
"""


def test_other_processes_write_and_follow_through_a_storm_of_compactions(
    files: Store, tmp_path: Path
) -> None:
    followers = [run_python(FOLLOWER, tmp_path) for _ in range(2)]
    writer = run_python(WRITER, tmp_path)
    mine: list[Any] = []
    while writer.poll() is None:
        compact(files, "s")
        mine.append(files.open("s").append(message("mine"), durability="os")["seq"])
    finish(writer)
    wanted = [f"w{number}" for number in range(40)]
    for follower in followers:
        assert finish(follower).split() == wanted
    said = [e["data"].get("content") for e in events_in(files)]
    assert [text for text in said if text and text[0] == "w"] == wanted
    assert said.count("mine") == len(mine) == len(set(mine))
    assert files.open("s").health.where == ()
