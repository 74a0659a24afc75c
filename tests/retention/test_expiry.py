"""Sessions expire by their last use, never by a guess, and never while somebody uses them."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from eventlog.backend import Backend
from eventlog.backends.jsonl import JsonlBackend
from eventlog.catalog import Catalog, Watch, unwatched
from eventlog.collecting import Collected
from eventlog.compaction import compact
from eventlog.events import AppEvent, MessageAdded, MetadataSet, ModelFailed, TitleSet
from eventlog.retention import empty_bin, expire, old_in_bin
from eventlog.store import Store
from tests.log.helpers import change_line, cut_off, lines_of, log_of, message, rehash, said
from tests.retention.aging import LIMIT, NOW, begin, ids, on_day, plan, reasons, stamp


def test_what_was_unused_for_longer_expires_the_longest_unused_first(backend: Backend) -> None:
    for session_id, days in (("a", 31), ("b", 400), ("c", 29), ("d", 30)):
        begin(backend, session_id, days)
    found = plan(backend)
    assert (ids(found.expired), found.kept, found.young) == (["b", "a"], (), 2)
    first = found.expired[0]
    assert (first.title, first.age) == ("hello b", timedelta(days=400))
    assert (first.size, first.used) == (backend.stat("b").size, NOW - timedelta(days=400))


def test_a_plan_changes_nothing(files: JsonlBackend, tmp_path: Path) -> None:
    begin(files, "a", 31)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    plan(files)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_expired_is_in_the_bin_and_comes_back(backend: Backend) -> None:
    begin(backend, "a", 31)
    begin(backend, "b", 1)
    store = Store(backend)
    done = expire(store, plan(backend))
    assert (ids(done.expired), store.ids()) == (["a"], ["b"])
    store.restore("a")
    assert (store.ids(), store.binned()) == (["a", "b"], [])
    assert said(store.open("a")) == ["hello a", "and more"]


def test_the_age_is_the_newest_events_and_not_the_files(
    files: JsonlBackend, tmp_path: Path
) -> None:
    begin(files, "old", 100)
    begin(files, "young", 1)
    os.utime(log_of(tmp_path, "young"), (0, 0))  # as after a copy that kept another time
    os.utime(log_of(tmp_path, "old"))
    assert ids(plan(files).expired) == ["old"]


@pytest.mark.parametrize("label", [{"tags": ["work"]}, {"pinned": False}])
def test_a_label_is_no_use_for_expiry_nor_for_the_list(
    backend: Backend, label: dict[str, Any]
) -> None:
    begin(backend, "a", 40)
    begin(backend, "b", 35)
    relabelled = on_day(backend, 1).open("a")
    relabelled.append(MetadataSet(metadata=label))
    relabelled.append(TitleSet(title="Other"))
    relabelled.move_head(2)
    found = plan(backend)
    assert [(aged.session_id, aged.age.days) for aged in found.expired] == [("a", 40), ("b", 35)]
    assert [row.id for row in Store(backend).list()] == ["b", "a"]


@pytest.mark.parametrize(
    "use",
    [
        MessageAdded(role="user", content="x"),
        ModelFailed(call=9, reason="no", retryable=False),
        AppEvent(name="x.app.note", data={}),
    ],
)
def test_what_is_said_called_or_noted_by_an_application_is_a_use(
    backend: Backend, use: Any
) -> None:
    begin(backend, "a", 40)
    on_day(backend, 1).open("a").append(use)
    assert (plan(backend).expired, plan(backend).young) == ((), 1)


def test_a_label_of_the_future_keeps_a_session(backend: Backend) -> None:
    begin(backend, "a", 40)
    on_day(backend, -1).open("a").append(TitleSet(title="Other"))
    assert "an event of the future" in reasons(plan(backend))["a"]


def test_a_session_that_was_used_again_is_young(backend: Backend) -> None:
    begin(backend, "a", 400)
    on_day(backend, 1).open("a").append(message("again"))
    assert plan(backend).young == 1


def test_an_earlier_event_with_a_later_time_counts(backend: Backend) -> None:
    begin(backend, "a", 1)
    on_day(backend, 400).open("a").append(message("the clock was set back"))
    assert plan(backend).young == 1


def test_pinned_sessions_stay_unless_asked_for(backend: Backend) -> None:
    for session_id in "ab":
        begin(backend, session_id, 40)
        on_day(backend, 40).open(session_id).append(MetadataSet(metadata={"pinned": True}))
    on_day(backend, 39).open("b").append(MetadataSet(metadata={"pinned": None}))
    assert (ids(plan(backend).expired), reasons(plan(backend))) == (["b"], {"a": "it is pinned"})
    assert ids(plan(backend, pinned=True).expired) == ["a", "b"]


@pytest.mark.parametrize("where", ["last", "before"])
def test_an_event_of_the_future_keeps_a_session(backend: Backend, where: str) -> None:
    begin(backend, "a", 400)
    on_day(backend, -1).open("a").append(message("tomorrow"))
    if where == "before":
        on_day(backend, 300).open("a").append(message("the clock was set right"))
    found = plan(backend, pinned=True)
    assert (found.expired, found.young) == ((), 0)
    assert "2026-06-02 12:00 UTC: was the clock set back?" in reasons(found)["a"]


def hurt(log: Path) -> None:
    change_line(log, 2, b"garbage")


def empty(log: Path) -> None:
    log.write_bytes(b"")


def make_newer(log: Path) -> None:
    line = lines_of(log)[0].replace(b'"format":1', b'"format":9')
    change_line(log, 1, rehash(line))


def spoil_time(log: Path) -> None:
    line = lines_of(log)[-1].replace(stamp(400).encode(), b"some time ago")
    change_line(log, -1, rehash(line))


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (hurt, "it is damaged: eventlog repair a"),
        (empty, "it is empty"),
        (make_newer, "it cannot be read: "),
        (spoil_time, "the time of an event cannot be read"),
    ],
)
def test_a_session_whose_age_cannot_be_told_stays_and_is_told(
    files: JsonlBackend, tmp_path: Path, harm: Callable[[Path], None], why: str
) -> None:
    begin(files, "a", 400)
    begin(files, "b", 400)
    harm(log_of(tmp_path, "a"))
    found = plan(files, pinned=True)
    assert ids(found.expired) == ["b"]
    assert reasons(found)["a"].startswith(why)


def test_a_write_that_was_cut_off_is_no_reason_to_stay(files: JsonlBackend, tmp_path: Path) -> None:
    begin(files, "a", 400)
    with log_of(tmp_path, "a").open("ab") as log:
        log.write(b'{"seq":3,"at":"20')
    assert ids(expire(Store(files), plan(files)).expired) == ["a"]


def test_a_last_event_without_its_newline_counts(files: JsonlBackend, tmp_path: Path) -> None:
    begin(files, "a", 400)
    on_day(files, 1).open("a").append(message("again"))
    cut_off(log_of(tmp_path, "a"), 1)
    assert plan(files).young == 1


def append(backend: Backend) -> None:
    on_day(backend, 0).open("a").append(message("I am here"))


def pin(backend: Backend) -> None:
    on_day(backend, 40).open("a").append(MetadataSet(metadata={"pinned": True}))


def shrink(backend: Backend) -> None:
    for title in ("one", "two"):
        on_day(backend, 40).open("a").set_title(title)
    compact(Store(backend), "a")


@pytest.mark.parametrize("use", [append, pin, shrink])
def test_a_session_that_is_used_after_the_plan_stays(
    backend: Backend, use: Callable[[Backend], None]
) -> None:
    begin(backend, "a", 40)
    planned = plan(backend)
    use(backend)
    done = expire(Store(backend), planned)
    assert (done.expired, reasons(done)) == ((), {"a": "it was changed just now"})
    assert (backend.ids(), backend.binned()) == (["a"], [])


def test_a_session_that_was_deleted_after_the_plan_is_told(backend: Backend) -> None:
    begin(backend, "a", 40)
    planned = plan(backend)
    backend.delete("a")
    assert reasons(expire(Store(backend), planned)) == {"a": "somebody else deleted it just now"}
    assert len(backend.binned()) == 1


def test_a_session_that_somebody_holds_stays_and_the_others_go(files: JsonlBackend) -> None:
    for session_id in "abc":
        begin(files, session_id, 40)
    with JsonlBackend(files.folder).writing("b", create=False):
        done = expire(Store(files), plan(files))
    assert (ids(done.expired), ids(done.failed)) == (["a", "c"], ["b"])
    assert "another writer holds" in done.failed[0].why
    assert files.ids() == ["b"]


def rename_to(place: Path, days_ago: float) -> str:
    """Give the one deletion another time."""
    (entry,) = (place / ".bin").iterdir()
    nanoseconds = int((NOW.timestamp() - days_ago * 86400) * 1e9)
    entry.rename(entry.with_name(f"a.{nanoseconds}"))
    return f"a.{nanoseconds}"


def test_the_bin_is_emptied_by_the_time_of_deletion(files: JsonlBackend, tmp_path: Path) -> None:
    begin(files, "a", 400)
    files.delete("a")
    store = Store(files)
    rename_to(tmp_path, 30)
    assert old_in_bin(store, LIMIT, NOW) == ([], [])
    name = rename_to(tmp_path, 31)
    os.utime(tmp_path / ".bin" / name)
    (old,), _ = old_in_bin(store, LIMIT, NOW)
    assert (old.name, empty_bin(store, [old]), store.binned()) == (
        name,
        ([old], [], Collected()),
        [],
    )
    assert empty_bin(store, [old]) == ([], [], Collected())


class Watched(Store):
    """A store that counts how often its catalogue is opened."""

    opened = 0

    def catalog(self, watch: Watch = unwatched) -> Catalog:
        self.opened += 1
        return super().catalog(watch)


def test_the_catalogue_is_wiped_once_for_many_deletions(files: JsonlBackend) -> None:
    for number in range(3):
        begin(files, f"s{number}", 40)
    expire(Store(files), plan(files))
    store = Watched(files)
    assert len(empty_bin(store, store.binned())[0]) == 3
    assert (store.binned(), store.opened) == ([], 1)


def test_what_was_deleted_in_the_future_stays_in_the_bin(
    files: JsonlBackend, tmp_path: Path
) -> None:
    begin(files, "a", 400)
    files.delete("a")
    name = rename_to(tmp_path, -1)
    old, (kept,) = old_in_bin(Store(files), LIMIT, NOW)
    assert (old, kept.title) == ([], name)
    assert "was the clock set back?" in kept.why
