"""Nothing is dropped that any log, archive, quarantine or deletion names, whatever moves meanwhile."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from eventlog.backend import Backend
from eventlog.backends.jsonl import JsonlBackend
from eventlog.branching import fork
from eventlog.collecting import collect, plan_collection
from eventlog.compaction import compact, undo
from eventlog.errors import BackendLockedError
from eventlog.events import TitleSet
from eventlog.repair import repair
from eventlog.store import Store, open_store
from tests.log.helpers import CALL, change_line, flip, lines_of, log_of, rehash

OUTPUT = "a line of output\n" * 5000
NAME = hashlib.sha256(OUTPUT.encode()).hexdigest()
UNUSED = hashlib.sha256(b"unused").hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with session s, which names a blob, and another blob that nothing names."""
    store = open_store(tmp_path)
    give_out(store, "s")
    with store.backend.keeping({UNUSED: b"unused"}):
        return store


def give_out(store: Store, session_id: str) -> None:
    """Make a session where a tool gave out much, and where something can be compacted."""
    session = store.create(session_id)
    session.append({"role": "assistant", "content": None, "tool_calls": [CALL]})
    session.append({"role": "tool", "tool_call_id": "c1", "content": OUTPUT})
    session.append_many([TitleSet(title="one"), TitleSet(title="two")])


def said(store: Store, session_id: str = "s") -> Any:
    return store.open(session_id).messages()[1]["content"]


def kept(store: Store) -> set[str]:
    return set(store.backend.blobs())


def test_only_what_nothing_names_is_dropped(store: Store) -> None:
    assert plan_collection(store.backend).unused == {UNUSED: 6}
    assert kept(store) == {NAME, UNUSED}
    done = collect(store.backend)
    assert (done.unused, done.size, done.dropped) == ({UNUSED: 6}, 6, True)
    assert (kept(store), said(store)) == ({NAME}, OUTPUT)


def test_what_is_in_the_bin_keeps_its_blobs(store: Store) -> None:
    store.delete("s")
    collect(store.backend)
    store.restore("s")
    assert said(store) == OUTPUT


def only_copies_name_it(store: Store, folder: Path) -> None:
    """Leave nothing but an archive that names the blob."""
    archive = compact(store, "s").archive
    assert archive is not None
    lines = lines_of(log_of(folder))
    log_of(folder).write_bytes(lines[0] + b"\n")  # nothing but its first line


def test_an_archive_keeps_what_only_it_names(store: Store, tmp_path: Path) -> None:
    only_copies_name_it(store, tmp_path)
    collect(store.backend)
    assert kept(store) == {NAME}


def test_an_archive_in_the_bin_keeps_what_only_it_names(store: Store, tmp_path: Path) -> None:
    only_copies_name_it(store, tmp_path)
    store.delete("s")
    collect(store.backend)
    assert kept(store) == {NAME}


def test_a_quarantine_keeps_what_only_it_names(store: Store, tmp_path: Path) -> None:
    line = lines_of(log_of(tmp_path))[2]
    change_line(log_of(tmp_path), 3, flip(flip(line, 60), 90))
    assert repair(store, "s").quarantine
    for archive in (tmp_path / ".archive").iterdir():
        archive.unlink()
    assert NAME.encode() not in log_of(tmp_path).read_bytes()
    collect(store.backend)
    assert kept(store) == {NAME}


def test_nothing_is_dropped_while_a_log_is_damaged(store: Store, tmp_path: Path) -> None:
    change_line(log_of(tmp_path), 2)
    done = collect(store.backend)
    assert (done.unread, done.dropped) == (("s",), False)
    assert kept(store) == {NAME, UNUSED}


def test_nothing_is_dropped_while_a_log_in_the_bin_is_damaged(store: Store, tmp_path: Path) -> None:
    change_line(log_of(tmp_path), 2)
    store.delete("s")
    assert collect(store.backend).unread == (store.binned()[0].name,)
    assert kept(store) == {NAME, UNUSED}


def test_nothing_is_dropped_while_an_archive_cannot_be_read(store: Store, tmp_path: Path) -> None:
    archive = compact(store, "s").archive
    assert archive is not None
    path = tmp_path / archive
    path.write_bytes(path.read_bytes()[:-20])
    assert collect(store.backend).unread == (archive,)
    assert kept(store) == {NAME, UNUSED}


def test_nothing_is_dropped_while_a_log_is_of_a_newer_format(store: Store, tmp_path: Path) -> None:
    store.create("newer")
    log = log_of(tmp_path, "newer")
    change_line(log, 1, rehash(lines_of(log)[0].replace(b'"format":1', b'"format":9')))
    assert collect(store.backend).unread == ("newer",)
    assert kept(store) == {NAME, UNUSED}


def test_a_purge_leaves_what_another_session_names(store: Store) -> None:
    give_out(store, "t")
    store.purge("s")
    assert said(store, "t") == OUTPUT
    store.delete("t")
    store.purge_binned(store.binned()[0].name)
    assert NAME not in kept(store)


class Moving:
    """A backend where something is done just before its nth call that looks or reads."""

    LOOKING = ("binned", "stamps", "every_copy", "read", "read_copy", "read_binned", "dropping")

    def __init__(self, backend: Backend, deeds: Mapping[int, Callable[[], object]]) -> None:
        self._backend, self._deeds, self.calls = backend, deeds, 0

    def __getattr__(self, name: str) -> Any:
        if name in self.LOOKING:
            self.calls += 1
            with suppress(BackendLockedError):  # refused, as the blobs' lock is held
                self._deeds.get(self.calls, int)()
        return getattr(self._backend, name)


def forked(store: Store) -> None:
    fork(store, "s", new_id="f")
    store.purge("s")


def compacted_and_back(store: Store) -> None:
    compact(store, "s")
    undo(store, "s")


MOVES: dict[str, list[Callable[[Store], object]]] = {
    "deleted": [lambda store: store.delete("s")],
    "deleted and restored": [lambda store: store.delete("s"), lambda store: store.restore("s")],
    "forked, and the origin purged": [forked],
    "compacted": [lambda store: compact(store, "s")],
    "compacted and undone": [compacted_and_back],
    "said again in another session": [lambda store: give_out(store, "t")],
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("first", range(1, 10))
def test_whatever_moves_between_two_looks_keeps_its_blobs(
    store: Store, tmp_path: Path, move: str, first: int
) -> None:
    backend = JsonlBackend.at(tmp_path)
    backend.lock_timeout = 0.0
    mover = Store(backend)
    for gap in range(1, 6) if len(MOVES[move]) > 1 else [1]:
        deeds = {first + gap * i: partial(deed, mover) for i, deed in enumerate(MOVES[move])}
        collect(cast("Backend", Moving(store.backend, deeds)))
        for each in store.binned():
            store.restore(each.session_id)
        assert {said(store, name) for name in store.ids()} == {OUTPUT}


def test_an_archive_that_comes_and_goes_keeps_what_only_it_names(
    store: Store, tmp_path: Path
) -> None:
    only_copies_name_it(store, tmp_path)
    for away in range(1, 14):
        for back in range(away + 1, away + 6):
            deeds = {away: lambda: store.delete("s"), back: lambda: store.restore("s")}
            collect(cast("Backend", Moving(store.backend, deeds)))
            for each in store.binned():
                store.restore(each.session_id)
            assert NAME in kept(store), (away, back)


def test_half_a_blob_goes_also_where_no_whole_one_is(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.create("s")
    half = tmp_path / "blobs" / f"{NAME}.0123456789abcdef.new"
    half.parent.mkdir()
    half.write_bytes(b"half")
    assert collect(store.backend).unused == {}
    assert not half.exists()


def test_to_collect_where_no_store_is_makes_none(tmp_path: Path) -> None:
    collect(open_store(tmp_path / "none").backend)
    assert not (tmp_path / "none").exists()


def hasty(folder: Path) -> Store:
    return Store(JsonlBackend.at(folder, lock_timeout=0.05))


def test_a_purge_that_is_refused_drops_nothing(store: Store, tmp_path: Path) -> None:
    with store.backend.rewriting("s"), pytest.raises(BackendLockedError):
        hasty(tmp_path).purge("s")
    assert said(store) == OUTPUT


@pytest.mark.parametrize("binned", [False, True], ids=["in its place", "in the bin"])
def test_while_a_session_is_purged_nobody_restores_or_forks_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, binned: bool
) -> None:
    def interfere(what: Callable[..., None], *given: Any) -> None:
        other = hasty(tmp_path)
        with pytest.raises(BackendLockedError):
            other.restore("s") if binned else fork(other, "s", new_id="copy")
        what(*given)

    if binned:
        store.delete("s")
    for name in ("purge", "purge_binned"):
        monkeypatch.setattr(store.backend, name, partial(interfere, getattr(store.backend, name)))
    if binned:
        store.purge_binned(store.binned()[0].name)
    else:
        store.purge("s")
    assert (store.ids(), store.binned(), kept(store)) == ([], [], set())


def test_an_archive_whose_ref_has_a_turned_bit_keeps_its_blob(store: Store, tmp_path: Path) -> None:
    only_copies_name_it(store, tmp_path)
    (copy,) = store.backend.every_copy()
    lines = list(store.backend.read_copy(copy.name))
    (tmp_path / copy.name).unlink()
    turned = b"\n".join(lines).replace(b'"sha256":"' + NAME[:8].encode(), b'"sha256":"00000000')
    (tmp_path / copy.name.removesuffix(".zst")).write_bytes(turned + b"\n")
    collect(store.backend)
    assert kept(store) == {NAME}
