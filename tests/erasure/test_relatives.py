"""An erasure names every session, and every deletion in the bin, that may still hold the content."""

from pathlib import Path

import pytest

from eventlog import codec, events
from eventlog.branching import fork
from eventlog.compaction import compact
from eventlog.erasure import Erasure, erase, plan_erasure
from eventlog.repair import repair
from eventlog.store import Store, open_store
from tests.log.helpers import message, say


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a session `s` of four messages, events 2 to 5."""
    store = open_store(tmp_path)
    say(store.create("s"), "one", "two", "three", "mango")
    return store


def named(plan: Erasure) -> tuple[list[str], list[str]]:
    """Return the sessions that are named, and the ids of the deletions."""
    return list(plan.forks), [each.session_id for each in plan.deletions]


def plan(store: Store, session_id: str = "s", seq: int = 5) -> tuple[list[str], list[str]]:
    return named(plan_erasure(store, session_id, [seq]))


def rerun_of(store: Store, session_id: str, version: int, new_id: str) -> None:
    """Begin a session as `rerun` does."""
    told = {"session": session_id, "version": version}
    store.create(new_id).append(events.MetadataSet(metadata={"rerun_of": told}))


def imported(store: Store, new_id: str, foreign_id: str, origin: str | None = None) -> None:
    """Begin a session as an import does."""
    begun = store.create(new_id)
    begun.append(events.SessionImported(format="pi", session=foreign_id, source="x", origin=origin))
    say(begun, "mango")


def test_forks_of_forks_are_named(store: Store) -> None:
    fork(store, "s", new_id="a")
    say(store.open("a"), "more")
    fork(store, "a", new_id="b")
    fork(store, "b", new_id="c")
    assert plan(store) == (["a", "b", "c"], [])


def test_what_was_forked_off_before_it_was_said_is_not_named(store: Store) -> None:
    fork(store, "s", at=4, new_id="early")
    fork(store, "early", new_id="too")
    fork(store, "s", new_id="late")
    fork(store, "late", at=3, new_id="short")
    assert plan(store) == (["late"], [])
    assert plan(store, seq=3) == (["early", "late", "short", "too"], [])


def test_a_fork_in_the_bin_is_named_and_what_came_of_it_too(store: Store) -> None:
    fork(store, "s", new_id="a")
    fork(store, "a", new_id="b")
    store.delete("a")
    assert plan(store) == (["b"], ["a"])


def test_what_came_of_a_fork_that_was_purged_is_named(store: Store) -> None:
    fork(store, "s", new_id="a")
    fork(store, "a", new_id="b")
    fork(store, "b", new_id="c")
    store.purge("a")
    assert plan(store) == (["b", "c"], [])


def test_a_deletion_of_the_same_id_is_named(store: Store) -> None:
    store.delete("s")
    say(store.create("s"), "mango")
    erased = erase(store, "s", [2])
    assert named(erased) == ([], ["s"])
    assert [each.name for each in erased.deletions] == [store.binned()[0].name]


def test_another_session_under_the_id_of_a_deleted_fork_is_not_named(store: Store) -> None:
    fork(store, "s", new_id="a")
    fork(store, "a", new_id="b")
    store.delete("a")
    say(store.create("a"), "apple")
    assert plan(store) == (["b"], ["a"])


def test_a_restored_fork_is_named_as_a_session(store: Store) -> None:
    fork(store, "s", new_id="a")
    store.delete("a")
    store.restore("a")
    assert plan(store) == (["a"], [])


def test_the_origin_of_a_fork_and_its_other_forks_are_named(store: Store) -> None:
    fork(store, "s", new_id="a")
    fork(store, "s", new_id="b")
    fork(store, "s", at=3, new_id="c")
    assert plan(store, "a") == (["b", "s"], [])
    own = store.open("a").append(message("only here"))["seq"]
    assert plan(store, "a", own) == ([], [])


def test_a_rerun_is_named_and_every_fork_of_it(store: Store) -> None:
    rerun_of(store, "s", 5, "again")
    rerun_of(store, "s", 4, "before")
    say(store.open("again"), "mango")
    fork(store, "again", at=3, new_id="fork")
    assert plan(store) == (["again", "fork"], [])


def test_what_was_rerun_is_named_where_the_rerun_is_erased(store: Store) -> None:
    rerun_of(store, "s", 5, "again")
    say(store.open("again"), "mango")
    assert plan(store, "again", 3) == (["s"], [])


def test_an_imported_fork_is_named_though_its_numbers_are_others(store: Store) -> None:
    imported(store, "pi-1", "1")
    imported(store, "pi-2", "2", origin="1")
    imported(store, "pi-3", "3", origin="nowhere")
    assert plan(store, "pi-1", 3) == (["pi-2"], [])
    assert plan(store, "pi-2", 3) == (["pi-1"], [])


def test_a_fork_that_was_rewritten_is_named(store: Store, tmp_path: Path) -> None:
    fork(store, "s", new_id="a")
    say(store.open("a"), "more")
    for title in ("old", "new"):
        store.open("a").append(events.TitleSet(title=title))
    assert compact(store, "a").archive
    fork(store, "s", new_id="b")
    log = tmp_path / "b.jsonl"
    log.write_bytes(log.read_bytes().partition(b"\n")[2])  # its first line is lost
    assert plan(store) == (["a", "b"], [])
    repair(store, "b")
    assert plan(store) == (["a", "b"], [])


@pytest.mark.parametrize(
    "origin",
    ["s", [], {"session": "s"}, {"session": ["s"], "version": 9}, {"session": "s", "version": "9"}],
)
def test_a_header_that_says_nonsense_names_nobody(store: Store, origin: object) -> None:
    session = store.create("odd")
    (block, *_) = store.backend.read(session.id)
    event = codec.parse(block.lines[0])
    line = codec.with_data(event, {**event["data"], "origin": origin})
    with store.backend.rewriting(session.id) as rewriter:
        rewriter.replace(0, [line], lambda _: None)
    assert plan(store) == ([], [])


def test_sessions_that_have_nothing_to_do_with_it_are_not_named(store: Store) -> None:
    say(store.create("other"), "mango")
    fork(store, "other", new_id="its-fork")
    store.create("gone")
    store.delete("gone")
    assert plan(store) == ([], [])
