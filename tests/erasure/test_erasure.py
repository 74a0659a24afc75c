"""Erased content is gone from every file of the store; its place, and all else, stays."""

from pathlib import Path

import pytest

from eventlog import events
from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.jsonl.files import Folder
from eventlog.branching import fork
from eventlog.compaction import compact
from eventlog.erasure import erase, plan_erasure
from eventlog.errors import InvalidEventError
from eventlog.replay import calls, prove
from eventlog.session import Session
from eventlog.store import Store, open_store
from tests.log.helpers import alter

SECRET = "the password is mango"  # noqa: S105 - it is the point of the test


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def record_call(session: Session) -> int:
    """Record a call with all that the session holds; return its `seq`."""
    sent = session.request()
    called = events.ModelCalled(
        model="m", provider="p", version=sent.version, head=sent.head, rules=sent.rules,
        messages=len(sent.messages), digest=sent.digest,
    )  # fmt: skip
    return session.append(called)["seq"]


@pytest.fixture
def session(store: Store) -> Session:
    """Events: 2 a question, 3 a call, 4 a checkpoint, 5 the answer with the secret, 6 thanks."""
    session = store.create("s")
    session.append({"role": "user", "content": "what is it?"})
    call = record_call(session)
    session.append(events.ReplyStreamed(call=call, text=SECRET))
    session.append({"role": "assistant", "content": SECRET, "call": call})
    session.append({"role": "user", "content": "thanks"})
    return session


def files_with(place: Path, text: str) -> list[str]:
    found = [path for path in place.rglob("*") if path.is_file()]
    return sorted(path.name for path in found if text.encode() in path.read_bytes())


def test_the_content_is_in_no_file_and_its_place_stays(
    store: Store, session: Session, tmp_path: Path
) -> None:
    erase(store, "s", [5], reason="a mistake")
    assert files_with(tmp_path, "mango") == []
    assert [m["content"] for m in session.messages()] == ["what is it?", "[erased]", "thanks"]
    assert [e["seq"] for e in session.events()] == [1, 2, 3, 4, 5, 6, 7]


def test_the_checkpoints_of_a_reply_go_with_it(store: Store, session: Session) -> None:
    assert plan_erasure(store, session.id, [5]).seqs == (4, 5)


def test_archives_that_hold_it_go_too(store: Store, session: Session) -> None:
    compact(store, "s")
    done = erase(store, "s", [5])
    assert [name for name in done.copies if ".archive" in name]
    assert store.backend.archives("s") == []


def test_a_plan_changes_nothing(store: Store, session: Session, tmp_path: Path) -> None:
    before = (tmp_path / "s.jsonl").read_bytes()
    plan_erasure(store, "s", [5])
    assert (tmp_path / "s.jsonl").read_bytes() == before


def test_forks_that_keep_it_are_named(store: Store, session: Session) -> None:
    fork(store, "s", new_id="copy")
    assert erase(store, "s", [5]).forks == ("copy",)


def test_a_tool_call_and_its_result_still_fit(store: Store, session: Session) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": "mango"}'}}
    asked = session.append({"role": "assistant", "content": None, "tool_calls": [call]})
    session.append({"role": "tool", "tool_call_id": "a", "content": "42"})
    erase(store, "s", [asked["seq"]])
    sent = session.messages()
    assert sent[-1] == {"role": "tool", "tool_call_id": "a", "content": "42"}
    assert sent[-2]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_what_was_sent_before_is_proven_and_what_held_it_is_said_to_be_unprovable(
    store: Store, session: Session
) -> None:
    record_call(session)
    erase(store, "s", [5])
    assert [call.verdict for call in calls(session)] == ["proven", "unprovable"]
    assert prove(session).ok


def test_a_call_on_another_branch_is_still_held_to_what_was_sent(
    store: Store, session: Session, tmp_path: Path
) -> None:
    session.move_head(2)
    session.append({"role": "user", "content": "other words"})
    record_call(session)
    erase(store, "s", [5])
    assert [call.verdict for call in calls(session)] == ["proven", "proven"]
    alter(tmp_path / "s.jsonl", 8, "other words", "worse words")
    assert [call.verdict for call in calls(store.open("s"))] == ["proven", "differs"]


def test_the_log_is_healthy_and_goes_on(store: Store, session: Session) -> None:
    erase(store, "s", [5])
    assert not session.health.where
    assert session.append({"role": "user", "content": "more"})["seq"] == 8


def test_erasing_twice_is_the_same(store: Store, session: Session) -> None:
    erase(store, "s", [5])
    erase(store, "s", [5])
    assert [m["content"] for m in session.messages()] == ["what is it?", "[erased]", "thanks"]


@pytest.mark.parametrize("seq", [1, 3, 99])
def test_what_holds_no_content_is_refused(store: Store, session: Session, seq: int) -> None:
    with pytest.raises(InvalidEventError):
        erase(store, "s", [seq])
    assert session.version == 6


class Dying(Folder):
    """A folder on a file system without links, whose process is killed at the end of a copy."""

    def link(self, source: str, target: str) -> None:
        self._copy(source, target)

    def rename(self, source: str, target: str) -> None:
        if source.endswith(".part"):
            raise KeyboardInterrupt
        super().rename(source, target)


def test_what_a_killed_copy_left_of_an_archive_is_removed_too(
    store: Store, session: Session, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        compact(Store(JsonlBackend(Dying(tmp_path))), "s")
    (left,) = (tmp_path / ".archive").iterdir()
    assert (left.suffix, b"mango" in left.read_bytes()) == (".part", True)
    erase(store, "s", [5])
    assert files_with(tmp_path, "mango") == []


def test_what_was_left_of_a_session_with_a_like_name_stays(
    store: Store, session: Session, tmp_path: Path
) -> None:
    compact(store, "s")
    other = tmp_path / ".archive" / "s-2.g0.jsonl.part"
    other.write_bytes(b"mango")
    erase(store, "s", [5])
    assert other.exists()


@pytest.mark.parametrize(
    "left",
    [
        ".archive/s.g0.jsonl.new",
        ".archive/s.g0.jsonl.part",
        ".quarantine/s.g0.jsonl.part",
        ".cache/s.new",
    ],
)
def test_what_a_killed_process_left_of_a_copy_is_removed_too(
    store: Store, session: Session, tmp_path: Path, left: str
) -> None:
    compact(store, "s")
    path = tmp_path / left
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"mango")
    erase(store, "s", [5])
    assert not path.exists()
