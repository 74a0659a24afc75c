"""A catalogue that says what its log does not is told so; one that is behind, or not there, is not."""

import sqlite3
import time
from pathlib import Path

import pytest

from eventlog.repair import repair
from eventlog.store import open_store
from eventlog.verify import verify
from tests.catalog.comparing import ALL, catalog_of, read_rows, read_texts, rows_of, texts_of
from tests.log.helpers import begin, change_line, flip, lines_of, log_of


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with a settled session and a catalogue that is up to date."""
    place = tmp_path / "store"
    begin(place, "an apple", "a banana")
    time.sleep(0.15)
    catalog_of(place).refresh()
    return place


def alter(place: Path, statement: str) -> None:
    database = sqlite3.connect(place / ".cache" / "catalog.sqlite3")
    assert database.execute(statement).rowcount > 0
    database.commit()
    database.close()


def test_a_true_catalogue_agrees(place: Path) -> None:
    assert catalog_of(place).disagreement("s") is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE sessions SET title = 'Other'", "row"),
        ("UPDATE sessions SET messages = 3", "row"),
        ("UPDATE sessions SET metadata = '{\"a\":1}'", "row"),
        ("INSERT INTO labels SELECT key, 'tag', 'x', 'x' FROM sessions", "row"),
        ("UPDATE said SET fingerprint = 1 WHERE seq = 3", "text of event 3"),
        ("UPDATE said SET seq = 9 WHERE seq = 3", "text of event"),
        ("DELETE FROM said WHERE seq = 2", "text of event 2"),
        ("UPDATE said SET role = 5 WHERE seq = 2", "text of event 2"),
        ("UPDATE sessions SET health = 'x'", "damaged"),
    ],
)  # fmt: skip
def test_what_was_altered_is_told(place: Path, change: str, told: str) -> None:
    alter(place, change)
    assert told in str(catalog_of(place).disagreement("s"))


def damage_before_the_mark(place: Path) -> None:
    """Turn a bit of a line that was read, and let the log grow before anybody looks."""
    log = log_of(place)
    change_line(log, 2, flip(lines_of(log)[1], 90))
    open_store(place).open("s").append({"role": "user", "content": "later"})
    time.sleep(0.15)  # until a list takes the log's stamp for its last


def test_damage_behind_a_mark_is_listed_once_a_verification_found_it(place: Path) -> None:
    damage_before_the_mark(place)
    assert catalog_of(place).sessions(ALL).ill == []  # read on from the mark, as it only grew
    assert not verify(open_store(place), "s").health.ok
    assert catalog_of(place).sessions(ALL).ill == ["s"]
    assert catalog_of(place).disagreement("s") is None


def test_a_sound_log_is_not_read_anew_for_being_verified(place: Path) -> None:
    alter(place, "UPDATE sessions SET title = 'Other'")
    assert verify(open_store(place), "s").health.ok
    assert rows_of(catalog_of(place))["s"].summary.title == "Other"


def test_what_a_repair_mended_is_listed_as_its_log_says(place: Path) -> None:
    damage_before_the_mark(place)
    catalog_of(place).refresh()
    repair(open_store(place), "s")
    assert rows_of(catalog_of(place)) == read_rows(open_store(place))
    assert texts_of(catalog_of(place)) == set(read_texts(open_store(place)))


def test_a_file_that_is_none_is_told(place: Path) -> None:
    (place / ".cache" / "catalog.sqlite3").write_bytes(b"text" * 5000)
    assert "damaged" in str(catalog_of(place).disagreement("s"))


def test_what_claims_nothing_is_not_asked(place: Path) -> None:
    alter(place, "UPDATE sessions SET title = 'Other'")
    open_store(place).open("s").append({"role": "user", "content": "later"})
    assert catalog_of(place).disagreement("s") is None
    assert catalog_of(place).disagreement("nobody") is None
    for file in (place / ".cache").iterdir():
        file.unlink()
    assert catalog_of(place).disagreement("s") is None
