"""A compaction on every backend: what is gone, what is not, and who refuses."""

from pathlib import Path

import pytest

from eventlog import codec
from eventlog.compaction import compact, plan_compaction
from eventlog.errors import BackendError, EventLogError, SessionNotFoundError
from eventlog.session import Session
from eventlog.store import Store
from tests.compaction.logs import (
    call_model,
    contents_in,
    events_in,
    lines_in,
    noted,
    put,
    put_batch,
    requests,
    shown,
    titled,
    types_of,
)
from tests.log.helpers import change_line, log_of, message
from tests.projections.building import assistant, moved, streamed, user

DROPPED = {"reply.streamed": 6, "title.set": 2}


def test_superseded_events_are_gone_and_counted(store: Store, session: Session) -> None:
    done = compact(store, "s")
    assert done.dropped == DROPPED
    types = types_of(events_in(store))
    assert types.count("title.set") == 1
    assert "reply.streamed" not in types
    assert types.count("message.added") == 6


def test_every_projection_and_every_request_is_equal(store: Store, session: Session) -> None:
    before = shown(store), requests(store)
    compact(store, "s")
    assert (shown(store), requests(store)) == before
    assert {verdict for *_, verdict, _ in requests(store)} == {"proven"}


def test_kept_events_keep_their_number_time_and_bytes(store: Store, session: Session) -> None:
    put(session, ("x.app.odd", {"big": 2**64 - 1, "z": 1, "a": "\u202e é 🙂", "f": 1e300}))
    before = contents_in(store)
    compact(store, "s")
    after = contents_in(store)
    assert {seq: line for seq, line in after.items() if seq > 1} == {
        seq: before[seq] for seq in after if seq > 1
    }
    assert len(before) - len(after) == sum(DROPPED.values())


def test_the_header_says_what_was(store: Store, session: Session) -> None:
    first, *_, last = events_in(store)
    size = store.backend.stat("s").size
    compact(store, "s")
    header = events_in(store)[0]
    was = {"generation": 0, "version": last["seq"], "hash": last["hash"], "bytes": size}
    assert header["data"] == {
        **first["data"],
        "generation": 1,
        "from": {**was, "by": "compaction"},
    }
    assert header["at"] == first["at"]


def test_compacting_twice_changes_no_byte(store: Store, session: Session) -> None:
    compact(store, "s")
    before, archives = lines_in(store), store.backend.archives("s")
    again = compact(store, "s")
    assert not again.needed
    assert again.archive is None
    assert (lines_in(store), store.backend.archives("s")) == (before, archives)


def test_a_plan_says_what_a_compaction_does_and_changes_nothing(
    store: Store, session: Session
) -> None:
    before = lines_in(store)
    plan = plan_compaction(store, "s")
    assert (plan.dropped, plan.archive, plan.generation) == (DROPPED, None, 0)
    assert lines_in(store) == before
    assert store.backend.archives("s") == []
    done = compact(store, "s")
    assert (done.dropped, done.saved, done.size, done.generation) == (
        *(plan.dropped, plan.saved, plan.size),
        1,
    )


def test_the_bytes_saved_are_those_of_the_lines(store: Store, session: Session) -> None:
    before = contents_in(store)
    lengths = {codec.parse(line)["seq"]: len(line) + 1 for line in lines_in(store)}
    saved = compact(store, "s").saved
    assert saved == sum(lengths[seq] for seq in before.keys() - contents_in(store).keys())


def test_a_batch_that_lost_some_of_its_events_still_counts(store: Store) -> None:
    session = store.create("s")
    put_batch(session, titled("a"), user("b"), titled("c"))
    put_batch(session, user("d"), titled("e"))
    put(session, titled("f"), user("g"))
    before = shown(store)
    assert compact(store, "s").dropped == {"title.set": 3}
    assert shown(store) == before
    assert session.append(message("h"))["seq"] == 9


def test_an_append_that_is_tried_again_after_a_compaction_is_still_known(store: Store) -> None:
    session = store.create("s")
    facts = (titled("a"), user("b"), noted(a=1))
    stored = put(session, *facts, key="k")
    put(session, titled("c"), titled("d"), noted(a=2))
    assert compact(store, "s").dropped == {"title.set": 1}
    again = put(store.open("s"), *facts, key="k")
    assert [event["seq"] for event in again] == [event["seq"] for event in stored]
    assert store.open("s").version == stored[-1]["seq"] + 3


def test_a_log_whose_head_moves_to_nothing_is_compacted(store: Store) -> None:
    session = store.create("s")
    put(session, user("a"), user("b"), moved(2), moved(77), titled("c"), titled("d"))
    before = shown(store)
    assert compact(store, "s").dropped == {"title.set": 1}
    assert shown(store) == before


def test_what_a_call_saw_of_another_reply_can_be_rebuilt(store: Store) -> None:
    session = store.create("s")
    put(session, user("a"))
    first = call_model(session)
    put(session, streamed(first, "half"))
    call_model(session)
    put(session, streamed(first, " and half"), assistant("half and half", call=first))
    assert compact(store, "s").dropped == {"reply.streamed": 1}
    _, second = requests(store)
    assert second[2][1]["content"].startswith("half\n")
    assert second[3] == "proven"


def test_an_empty_session_and_one_with_nothing_superseded_are_left_alone(store: Store) -> None:
    store.create("s").append(message("a"))
    store.create("t")
    before = lines_in(store), lines_in(store, "t")
    assert not compact(store, "s").needed
    assert not compact(store, "t").needed
    assert (lines_in(store), lines_in(store, "t")) == before


def test_a_session_that_is_not_there_is_told(store: Store) -> None:
    for work in (compact, plan_compaction):
        with pytest.raises(SessionNotFoundError):
            work(store, "s")


def test_a_log_that_was_compacted_is_compacted_again_after_more_turns(
    store: Store, session: Session
) -> None:
    compact(store, "s")
    put(session, titled("new"))
    before = shown(store)
    done = compact(store, "s")
    assert (done.dropped, done.generation) == ({"title.set": 1}, 2)
    assert shown(store) == before
    assert [archive.generation for archive in store.backend.archives("s")] == [1, 0]


# Files alone


def test_a_damaged_log_is_refused_with_the_next_step(files: Store, tmp_path: Path) -> None:
    change_line(log_of(tmp_path), 3, b'{"seq":3,"not":"intact"}')
    before = log_of(tmp_path).read_bytes()
    for work in (compact, plan_compaction):
        with pytest.raises(EventLogError, match="is damaged: eventlog repair s, first"):
            work(files, "s")
    assert log_of(tmp_path).read_bytes() == before


def test_a_write_that_was_cut_off_is_no_damage_and_goes(files: Store, tmp_path: Path) -> None:
    before = shown(files)
    with log_of(tmp_path).open("ab") as log:
        log.write(b'{"seq":99,"at":"20')
    assert compact(files, "s").needed
    assert shown(files) == before
    assert log_of(tmp_path).read_bytes().endswith(b'"}\n')


def test_an_event_that_lacks_only_its_newline_is_kept(files: Store, tmp_path: Path) -> None:
    files.open("s").append(message("last"))
    log = log_of(tmp_path)
    log.write_bytes(log.read_bytes()[:-1])
    assert files.open("s").last_messages(1)[0][1]["content"] != "last"
    compact(files, "s")
    assert files.open("s").last_messages(1)[0][1]["content"] == "last"


def test_the_new_log_is_for_its_owner_alone_and_nothing_is_left_beside(
    files: Store, tmp_path: Path
) -> None:
    compact(files, "s")
    assert log_of(tmp_path).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["s.jsonl"]


def test_a_new_log_that_would_show_something_else_is_refused(
    files: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = log_of(tmp_path).read_bytes()
    monkeypatch.setattr(
        "eventlog.projections.superseded.Superseded.droppable", lambda _: {2: "message.added"}
    )
    with pytest.raises(BackendError, match="would change its messages; the log stays as it was"):
        compact(files, "s")
    assert log_of(tmp_path).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["s.jsonl"]
    assert files.backend.archives("s") == []
