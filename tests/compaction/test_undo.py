"""Undoing a compaction: every event is back, and what came since stays."""

from collections.abc import Callable
from pathlib import Path

import pytest

from eventlog.compaction import compact, purge_archives, undo
from eventlog.errors import EventLogError
from eventlog.repair import repair
from eventlog.session import Session
from eventlog.store import Store
from tests.compaction.logs import contents_in, events_in, lines_in, put, requests, shown, titled
from tests.log.helpers import change_line, flip, log_of, message
from tests.projections.building import user


def test_every_event_is_back_and_what_was_appended_since_stays(
    store: Store, session: Session
) -> None:
    before = contents_in(store)
    compact(store, "s")
    session.append(message("since"))
    put(session, titled("later"))
    now, sent = shown(store), requests(store)
    undone = undo(store, "s")
    assert undone.events == 8
    assert (shown(store), requests(store)) == (now, sent)
    after = contents_in(store)
    assert {seq: line for seq, line in after.items() if 1 < seq <= max(before)} == {
        seq: line for seq, line in before.items() if seq > 1
    }
    assert sorted(after.keys() - before.keys()) == [max(before) + 1, max(before) + 2]


def test_an_undo_is_a_generation_of_its_own(store: Store, session: Session) -> None:
    compact(store, "s")
    undone = undo(store, "s")
    header = events_in(store)[0]["data"]
    assert (header["generation"], header["from"]["generation"], header["from"]["by"]) == (
        *(2, 1),
        "undo",
    )
    assert undone.generation == 2
    assert undone.archive == store.backend.archives("s")[0].name


def test_what_was_undone_can_be_compacted_and_undone_again(store: Store, session: Session) -> None:
    whole, compacted = contents_in(store), []
    for _ in range(3):
        compact(store, "s")
        compacted.append({seq: line for seq, line in contents_in(store).items() if seq > 1})
        undo(store, "s")
    assert compacted[0] == compacted[1] == compacted[2]
    assert contents_in(store).keys() == whole.keys()


def test_of_two_compactions_the_last_is_undone(store: Store, session: Session) -> None:
    compact(store, "s")
    put(session, titled("a"), titled("b"))
    compact(store, "s")
    assert undo(store, "s").events == 2
    with pytest.raises(EventLogError, match="no compaction to undo"):
        undo(store, "s")


def test_without_a_compaction_there_is_nothing_to_undo(store: Store, session: Session) -> None:
    before = lines_in(store)
    with pytest.raises(EventLogError, match="the last rewrite was no compaction to undo"):
        undo(store, "s")
    assert lines_in(store) == before


def test_a_repair_is_not_undone(files: Store, tmp_path: Path) -> None:
    compact(files, "s")
    change_line(log_of(tmp_path), 3, b"not a line")
    assert repair(files, "s").archive
    before = log_of(tmp_path).read_bytes()
    with pytest.raises(EventLogError, match="the last rewrite was no compaction to undo"):
        undo(files, "s")
    assert log_of(tmp_path).read_bytes() == before


def test_without_its_archive_a_compaction_cannot_be_undone(store: Store, session: Session) -> None:
    compact(store, "s")
    purge_archives(store, "s")
    before = lines_in(store)
    with pytest.raises(EventLogError, match="archive of its compaction is gone"):
        undo(store, "s")
    assert lines_in(store) == before


@pytest.mark.parametrize(
    "hurt", [lambda data: flip(data, -40), lambda data: data[:-60], lambda _: b""]
)
def test_an_archive_that_is_damaged_brings_nothing_back(
    files: Store, tmp_path: Path, hurt: Callable[[bytes], bytes]
) -> None:
    compact(files, "s")
    archive = tmp_path / files.backend.archives("s")[0].name
    archive.write_bytes(hurt(archive.read_bytes()))
    before = log_of(tmp_path).read_bytes()
    with pytest.raises(EventLogError, match="or not what it was"):
        undo(files, "s")
    assert log_of(tmp_path).read_bytes() == before


def test_a_damaged_log_is_not_undone(files: Store, tmp_path: Path) -> None:
    compact(files, "s")
    change_line(log_of(tmp_path), 3, b"not a line")
    with pytest.raises(EventLogError, match="eventlog repair s, first"):
        undo(files, "s")


def test_what_was_torn_before_the_compaction_is_no_hindrance(files: Store, tmp_path: Path) -> None:
    last = lines_in(files)[-1]
    session = files.open("s")
    session.append_many([message("one"), message("two"), message("three")])
    batch = lines_in(files)[-3:]
    torn = [line for line in lines_in(files) if line not in batch] + batch[:2] + [b'{"seq":']
    log_of(tmp_path).write_bytes(b"".join(line + b"\n" for line in torn))
    assert last in lines_in(files)
    put(files.open("s"), user("after"), titled("new"))
    before = shown(files)
    compact(files, "s")
    undo(files, "s")
    assert shown(files) == before


def test_an_event_that_lacked_only_its_newline_comes_back(files: Store, tmp_path: Path) -> None:
    files.open("s").append(message("last"))
    log_of(tmp_path).write_bytes(log_of(tmp_path).read_bytes()[:-1])
    compact(files, "s")
    assert undo(files, "s").events == 8
    assert files.open("s").last_messages(1)[0][1]["content"] == "last"
