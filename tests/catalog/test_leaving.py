"""What is erased or purged leaves the catalogue too: no query finds it, and no byte of the file holds it."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eventlog.erasure import erase
from eventlog.retention import empty_bin
from eventlog.store import Store, open_store
from tests.catalog.comparing import ALL, assert_true, catalog_of, texts_of
from tests.log.helpers import begin

SECRET = "xylophonist"  # noqa: S105 - it is the point of the test
CHINESE = "機密"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store whose session `s` says the secret in events 3 and 40, in an index of several parts."""
    place = tmp_path / "store"
    begin(place, "a start", f"the {SECRET} of {CHINESE}", session_id="s")
    for number in range(12):
        begin(place, *(f"filler {number} {word}" for word in range(8)), session_id=f"f{number}")
        catalog_of(place).refresh()
    session = open_store(place).open("s")
    session.append_many([{"role": "user", "content": f"more {n}"} for n in range(36)])
    session.append({"role": "user", "content": f"again {SECRET}"})
    assert texts_of(catalog_of(place), SECRET) == {("s", 3, "user"), ("s", 40, "user")}
    assert files_with_it(place) == ["catalog.sqlite3"]
    return place


def files_with_it(place: Path) -> list[str]:
    """Name the files of the cache in which the secret, or its beginning, stands."""
    parts = (b"xyloph", CHINESE.encode())
    files = [path for path in (place / ".cache").iterdir() if path.is_file()]
    return sorted(path.name for path in files if any(part in path.read_bytes() for part in parts))


def purge_it(store: Store) -> None:
    store.purge("s")


def purge_it_from_the_bin(store: Store) -> None:
    store.delete("s")
    assert texts_of(store.catalog(), SECRET) == set()
    store.purge("s")


def purge_a_deletion(store: Store) -> None:
    store.delete("s")
    store.purge_binned(store.binned()[0].name)


def empty_the_bin(store: Store) -> None:
    store.delete("s")
    empty_bin(store, store.binned())


def erase_it(store: Store) -> None:
    erase(store, "s", [3, 40])


WAYS = (purge_it, purge_it_from_the_bin, purge_a_deletion, empty_the_bin, erase_it)
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@each_way
def test_what_is_to_go_leaves_the_file_at_once(place: Path, way: Callable[[Store], None]) -> None:
    way(open_store(place))
    assert files_with_it(place) == []
    assert texts_of(catalog_of(place), SECRET) == texts_of(catalog_of(place), CHINESE) == set()
    assert_true(catalog_of(place), open_store(place))
    assert files_with_it(place) == []


@each_way
def test_it_leaves_a_file_that_others_have_read_meanwhile(
    place: Path, way: Callable[[Store], None]
) -> None:
    script = "import sys; from eventlog.store import open_store\nwhile 1: open_store(sys.argv[1]).search('again')"
    with subprocess.Popen([sys.executable, "-c", script, place], stderr=subprocess.PIPE) as other:
        try:
            way(open_store(place))
        finally:
            other.kill()
    catalog_of(place).refresh()
    open_store(place).catalog().wipe()
    assert texts_of(catalog_of(place), SECRET) == set()
    assert files_with_it(place) == []


@each_way
def test_it_leaves_a_catalogue_that_was_behind(place: Path, way: Callable[[Store], None]) -> None:
    session = open_store(place).open("s")
    for word in ("One", "Two"):
        session.append({"role": "user", "content": word})
        session.set_title(word)
    open_store(place).list()
    way(open_store(place))
    assert files_with_it(place) == []
    assert texts_of(catalog_of(place), SECRET) == set()


def test_where_the_log_went_first_the_next_search_makes_the_index_anew(place: Path) -> None:
    (place / "s.jsonl").unlink()
    assert texts_of(catalog_of(place), SECRET) == set()
    open_store(place).catalog().wipe()
    catalog_of(place).refresh()
    assert files_with_it(place) == []
    assert_true(catalog_of(place), open_store(place))


def test_an_erasure_that_the_catalogue_sees_first_as_an_event_leaves_too(place: Path) -> None:
    kept = place.with_name("kept")
    shutil.copytree(place / ".cache", kept)
    erase(open_store(place), "s", [3, 40])
    shutil.rmtree(place / ".cache")
    kept.rename(place / ".cache")  # as if the process had died before it came to the catalogue
    assert texts_of(catalog_of(place), SECRET) == set()
    catalog_of(place).refresh()
    assert files_with_it(place) == []
    assert_true(catalog_of(place), open_store(place))


def test_a_session_that_was_deleted_is_found_again_when_it_is_restored(place: Path) -> None:
    open_store(place).delete("s")
    assert catalog_of(place).search(SECRET, ALL) == []
    open_store(place).restore("s")
    assert len(catalog_of(place).search(SECRET, ALL)) == 2


def test_a_file_that_cannot_be_changed_is_removed(place: Path) -> None:
    (place / ".cache" / "catalog.sqlite3").write_bytes(f"no database {SECRET}".encode() * 1000)
    open_store(place).purge("s")
    assert files_with_it(place) == []


def test_a_search_in_the_middle_of_a_purge_brings_nothing_back(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(place)
    purge = store.backend.purge

    def search_first(session_id: str, first: Callable[[], None]) -> None:
        assert texts_of(catalog_of(place), SECRET)
        purge(session_id, first)

    monkeypatch.setattr(store.backend, "purge", search_first)
    store.purge("s")
    assert files_with_it(place) == []
    assert_true(catalog_of(place), open_store(place))


def test_words_whose_log_was_gone_first_leave_with_the_next_wiping(place: Path) -> None:
    (place / "s.jsonl").unlink()
    catalog_of(place).refresh()
    assert files_with_it(place) == ["catalog.sqlite3"]
    catalog_of(place).wipe()
    assert files_with_it(place) == []
    assert_true(catalog_of(place), open_store(place))
