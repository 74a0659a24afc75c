"""Blobs where calls fail, on full and on read-only disks: none is half there, none is trusted blindly."""

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from eventlog.backends.jsonl import JsonlBackend
from eventlog.collecting import collect
from eventlog.errors import BackendLockedError, BackendUnavailableError
from eventlog.session import Session
from eventlog.store import Store, open_store
from tests.crash.conftest import Tally
from tests.crash.disks import NoDiskError, small_memory
from tests.crash.faults import Failing
from tests.crash.operations import check_blobs, open_on, picture, shown, snapshot, told
from tests.log.helpers import begin, open_session

LARGE = bytes(range(256)) * 1200
CODES = (errno.EIO, errno.ENOSPC)
each_code = pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)


def start(place: Path) -> tuple[Failing, Session]:
    """Make a session on a folder whose calls can be made to fail."""
    shutil.rmtree(place, ignore_errors=True)
    folder = Failing(place)
    return folder, open_on(folder).create("s")


def show(session: Session) -> None:
    """Append a large picture."""
    session.append(picture("look", LARGE), key="picture")


def blobs_of(place: Path) -> list[str]:
    """Name all that lies among the blobs."""
    return os.listdir(place / "blobs") if (place / "blobs").exists() else []  # noqa: PTH208


def calls_to_show(place: Path) -> list[str]:
    """Return the calls that an append with a picture makes."""
    folder, session = start(place)
    folder.arm(0, None)
    show(session)
    return folder.disarm().made


def last_of(place: Path, name: str, before: str) -> int:
    """Say which of the calls is the last of a name before the first of another after it."""
    calls = calls_to_show(place)
    end = calls.index(before)
    return max(at for at, call in enumerate(calls[:end], start=1) if call == name)


@each_code
def test_an_append_whose_blob_fails_leaves_no_half_one_and_appends_nothing(
    tmp_path: Path, code: int, states: Tally
) -> None:
    place = tmp_path / "store"
    for at in range(1, len(calls_to_show(place)) + 1):
        folder, session = start(place)
        before = (place / "s.jsonl").read_bytes()
        folder.arm(at, code)
        outcome = told(lambda: show(session))  # noqa: B023 - it is called at once
        folder.disarm()
        assert not [name for name in blobs_of(place) if name.endswith(".new")]
        assert all((place / "blobs" / name).read_bytes() == LARGE for name in blobs_of(place))
        if outcome in ("AppendError not appended", "BackendUnavailableError"):
            assert (place / "s.jsonl").read_bytes() == before
        session = open_session(place)
        show(session)
        assert [shown(m) for m in session.messages()] == [LARGE]
        check_blobs(snapshot(place))
        states.tried += 1


def test_a_blob_whose_sync_failed_is_written_anew(tmp_path: Path) -> None:
    at = last_of(tmp_path / "store", "sync", "rename")
    folder, session = start(tmp_path / "store")
    folder.arm(at, errno.EIO)
    with pytest.raises(BackendUnavailableError):
        show(session)
    assert blobs_of(tmp_path / "store") == []
    folder.arm(0, None)
    show(session)
    assert folder.disarm().made.count("rename") == 1


def test_a_blob_whose_name_was_not_synced_is_written_anew(tmp_path: Path) -> None:
    calls = calls_to_show(tmp_path / "store")
    folder, session = start(tmp_path / "store")
    folder.arm(calls.index("sync_folder", calls.index("rename")) + 1, errno.EIO)
    with pytest.raises(BackendUnavailableError):
        show(session)
    folder.arm(0, None)
    show(session)
    assert folder.disarm().made.count("rename") == 1  # a second sync alone would be told: done
    folder.arm(0, None)
    session.append(picture("the same again", LARGE))
    assert "rename" not in folder.disarm().made


@pytest.mark.root
def test_a_full_disk_appends_no_picture_and_keeps_no_half_of_one(tmp_path: Path) -> None:
    try:
        with small_memory(tmp_path, "256k") as place:
            session = open_store(place / "store").create("s")
            session.append({"role": "user", "content": "one"})
            before = snapshot(place)["store/s.jsonl"]
            with pytest.raises(BackendUnavailableError, match="No space left"):
                show(session)
            assert blobs_of(place / "store") == []
            assert snapshot(place)["store/s.jsonl"] == before
            session.append(picture("small enough", LARGE[: 80 << 10]))
            assert shown(open_session(place / "store").messages()[-1]) == LARGE[: 80 << 10]
    except NoDiskError as error:
        pytest.skip(f"no such disk can be made here: {error}")


def test_a_store_that_may_not_be_written_reads_its_blobs(tmp_path: Path) -> None:
    show(open_store(tmp_path / "store").create("s"))
    shutil.rmtree(tmp_path / "store" / ".locks")
    before = snapshot(tmp_path / "store")
    assert shown(open_session(tmp_path / "store").messages()[0]) == LARGE
    assert snapshot(tmp_path / "store") == before
    assert not (tmp_path / "store" / ".locks").exists()  # reading takes no lock


def test_blobs_are_for_their_owner_alone(tmp_path: Path) -> None:
    show(open_store(tmp_path / "store").create("s"))
    folder = tmp_path / "store" / "blobs"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(blob.stat().st_mode) for blob in folder.iterdir()] == [0o600]


def test_a_blob_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    session = open_store(tmp_path / "store").create("s")
    show(session)
    (blob,) = (tmp_path / "store" / "blobs").iterdir()
    blob.rename(tmp_path / "elsewhere")
    blob.symlink_to(tmp_path / "elsewhere")
    assert "not at hand" in open_session(tmp_path / "store").messages()[0]["content"][1]["text"]
    session.append(picture("again", LARGE))
    assert not blob.is_symlink()
    assert shown(open_session(tmp_path / "store").messages()[0]) == LARGE


def test_a_collector_that_waits_in_vain_drops_nothing(tmp_path: Path) -> None:
    begin(tmp_path)
    backend = JsonlBackend.at(tmp_path, lock_timeout=0)
    with (
        Store(backend).backend.keeping({"0" * 64: b"on its way"}),
        pytest.raises(BackendLockedError),
    ):
        collect(JsonlBackend.at(tmp_path, lock_timeout=0))
    assert backend.blobs() == {"0" * 64: 10}
