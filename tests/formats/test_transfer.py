"""Bringing in what a format tells: in bounded batches, synced at the end, each record once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pytest

from eventlog.backend import Durability, Mark, Writer
from eventlog.backends.memory import MemoryBackend
from eventlog.erasure import erase
from eventlog.events import AppEvent, HeadMoved, TitleSet
from eventlog.foreign import ForeignSession, Said
from eventlog.projection import fold
from eventlog.projections.summary import SUMMARY
from eventlog.store import Store
from eventlog.transfer import Imported, import_session, plan_import, tell


class Watched(MemoryBackend):
    """A backend that notes how durable each write was asked to be, and its size."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[tuple[Durability, int]] = []

    @contextmanager
    def writing(self, session_id: str, *, create: bool) -> Iterator[Any]:
        with super().writing(session_id, create=create) as writer:
            yield Noting(writer, self.writes)


class Noting:
    """A writer that tells what it was asked, and does it."""

    def __init__(self, writer: Writer, writes: list[tuple[Durability, int]]) -> None:
        self.read = writer.read
        self._writer = writer
        self._writes = writes

    def put(self, lines: Sequence[bytes], after: Mark, durability: Durability) -> Mark:
        self._writes.append((durability, sum(map(len, lines))))
        return self._writer.put(lines, after, durability)


def say(number: int, words: str = "word") -> Said:
    return Said(f"m{number}", {"role": "user", "content": words})


def foreign(*said: Said, **members: Any) -> ForeignSession:
    return ForeignSession("other", "s", iter(said), **members)


@pytest.mark.parametrize("count", [1, 198, 199, 200, 399, 400, 401])
def test_the_last_write_of_an_import_is_synced(count: int) -> None:
    backend = Watched()
    import_session(Store(backend), foreign(*map(say, range(count))), "file")
    assert backend.writes[-1][0] == "fsync"


def test_what_waits_to_be_written_is_bounded_in_bytes() -> None:
    backend = Watched()
    words = "x" * (1 << 20)
    import_session(Store(backend), foreign(*(say(i, words) for i in range(30))), "file")
    assert max(size for _, size in backend.writes) < 11 << 20


def test_a_plan_counts_what_an_import_would_add_and_no_more() -> None:
    store = Store(MemoryBackend())
    raw = Said("r1", {"a": 1}, "x.other.note")
    title = Said("title", {"title": "T"}, "title.set")
    assert plan_import(store, foreign(say(1), raw, title)).added == 2
    import_session(store, foreign(say(1), raw, title), "file")
    assert plan_import(store, foreign(say(1), raw, title, say(2))).added == 1


def test_what_was_erased_does_not_come_back_with_the_next_import() -> None:
    store = Store(MemoryBackend())

    def source(*more: Said) -> ForeignSession:
        raw = Said("r1", {"a": "mango"}, "x.other.note")
        title = Said("title", {"title": "mango"}, "title.set")
        return foreign(say(1, "mango"), raw, title, *more)

    session = store.open(import_session(store, source(), "file").session_id)
    kinds = ("message.added", "x.other.note", "title.set")
    erase(store, session.id, [e["seq"] for e in session.events() if e["type"] in kinds])
    assert import_session(store, source(), "file").added == 0
    assert import_session(store, source(say(2)), "file").added == 1
    assert "mango" not in str(list(session.events()))


def test_two_files_of_one_session_add_nothing_when_they_come_again() -> None:
    store = Store(MemoryBackend())

    def bring() -> list[int]:
        one = foreign(say(1), say(2), head=lambda: "m2")
        other = foreign(say(3), say(4), head=lambda: "m4")
        return [import_session(store, each, "file").added for each in (one, other)]

    assert min(bring()) > 0
    assert bring() == [0, 0]


def branches(head: str, **members: Any) -> ForeignSession:
    """A question with two answers; the file names the one that its person is at."""
    answers = [Said(id_, {"role": "assistant", "content": id_}, parent="m1") for id_ in ("a", "b")]
    return foreign(say(1), *answers, head=lambda: head, names_head=True, **members)


def bring(store: Store, head: str, source: str = "file", **members: Any) -> Imported:
    return import_session(store, branches(head, **members), source)


def shown(store: Store) -> str:
    return str(store.open("other-s").messages()[-1]["content"])


def test_a_session_follows_its_source_to_and_fro() -> None:
    store = Store(MemoryBackend())
    for head in ("a", "b", "a", "b"):
        assert bring(store, head).added > 0
        assert shown(store) == head
        assert bring(store, head).added == 0


def test_what_was_said_here_stays_and_that_is_told_once() -> None:
    store = Store(MemoryBackend())
    bring(store, "a")
    store.open("other-s").append({"role": "user", "content": "Mine."})
    assert bring(store, "b").stays
    assert shown(store) == "Mine."
    assert not bring(store, "b").stays


@pytest.mark.parametrize("to", [0, 3])
def test_a_session_that_was_rewound_here_stays_there(to: int) -> None:
    store = Store(MemoryBackend())
    bring(store, "a")
    session = store.open("other-s")
    session.append(HeadMoved(to=to))
    before = session.head
    assert bring(store, "b").stays
    assert bring(store, "a").stays
    assert store.open("other-s").head == before


def test_two_files_that_are_at_two_branches_move_nothing_when_they_come_again() -> None:
    store = Store(MemoryBackend())
    assert min(bring(store, "a", "one").added, bring(store, "b", "two").added) > 0
    assert [bring(store, "a", "one").added, bring(store, "b", "two").added] == [0, 0]
    assert bring(store, "b", "one").added > 0


def test_an_older_file_moves_and_renames_nothing() -> None:
    store = Store(MemoryBackend())
    bring(store, "b", "new", title="New", updated="2026-02-01T00:00:00.000000Z")
    bring(store, "a", "old", title="Old", updated="2026-01-01T00:00:00.000000Z")
    assert (shown(store), store.open("other-s").title) == ("b", "New")


def test_an_import_that_was_killed_before_its_end_is_gone_on_with() -> None:
    store = Store(MemoryBackend())
    bring(store, "b")
    grown = branches("b").said
    killed = ForeignSession("other", "s", chain(grown, [Said("c", say(3).data, parent="a")]))
    import_session(store, killed, "file")
    assert not bring(store, "b", "copy").stays
    assert bring(store, "a").added > 0
    assert shown(store) == "a"


def test_what_a_source_tells_of_the_whole_has_the_time_of_what_was_said_last() -> None:
    store = Store(MemoryBackend())
    said = [
        Said(f"m{n}", {"role": "user", "content": "a"}, at=f"2020-01-0{n}T00:00:00Z")
        for n in (2, 3)
    ]
    members = {"created": "2010-01-01T00:00:00Z", "names_head": True}
    import_session(store, foreign(*said, head=lambda: "m3", **members), "file")
    done = import_session(store, foreign(*said, head=lambda: "m2", **members), "file")
    summary = fold(SUMMARY, store.open(done.session_id).recorded())
    assert summary.updated.startswith("2020-01-03")


def test_a_title_that_comes_back_is_the_title_again() -> None:
    store = Store(MemoryBackend())
    for title in ("One", "Two", "One"):
        bring(store, "a", title=title)
        assert store.open("other-s").title == title
    store.open("other-s").append(TitleSet(title="Mine"))
    assert bring(store, "a", title="One").added == 0


def test_a_note_that_somebody_else_wrote_stops_no_import() -> None:
    store = Store(MemoryBackend())
    bring(store, "a")
    odd = AppEvent(name="x.import.told", data={"source": [], "head": {"a": 1}})
    store.open("other-s").append(odd)
    bring(store, "b")
    assert shown(store) == "b"


def test_a_telling_has_the_branch_and_the_whole() -> None:
    store = Store(MemoryBackend())
    one, two, three = say(1), say(2), Said("m3", {"role": "user", "content": "c"}, parent="m1")
    imported = import_session(store, foreign(one, two, three), "file")
    told = tell(store.open(imported.session_id))
    assert len(list(told.messages)) == 2
    assert sum(event["type"] == "message.added" for event in told.whole) == 3
