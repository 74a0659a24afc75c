"""What a request opened is held for the next one: within bounds, and never in place of the proof."""

from base64 import b64encode
from pathlib import Path

import pytest

from eventlog import opening
from eventlog.session import Session
from eventlog.store import open_store

IMAGES = [bytes([number]) * 70_000 for number in range(3)]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session in which a user showed three pictures."""
    session = open_store(tmp_path).create("s")
    for image in IMAGES:
        part = {"type": "image_url", "image_url": {"url": url(image)}}
        session.append({"role": "user", "content": [part]})
    return session


def url(image: bytes) -> str:
    return "data:image/png;base64," + b64encode(image).decode()


def shown(session: Session) -> list[str]:
    """Return the pictures of a request, or the notes in their place."""
    parts = [message["content"][0] for message in session.request().messages]
    return [p["image_url"]["url"] if "image_url" in p else p["text"] for p in parts]


def spoil(folder: Path) -> None:
    for blob in (folder / "blobs").iterdir():
        blob.write_bytes(b"something else")


def test_the_next_request_reads_no_blob_again(session: Session, tmp_path: Path) -> None:
    before = shown(session)
    spoil(tmp_path)
    assert shown(session) == before == [url(image) for image in IMAGES]


def test_what_comes_from_the_disk_is_proven_each_time(session: Session, tmp_path: Path) -> None:
    shown(session)
    spoil(tmp_path)
    other = open_store(tmp_path).open("s")
    assert all("not at hand" in text for text in shown(other))
    assert len(other.opener.lost) == len(IMAGES)
    assert all("not at hand" in text for text in shown(other))


def test_no_more_is_held_than_there_is_room_for(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "HELD", 100_000)
    other = open_store(tmp_path).open("s")
    assert shown(other) == [url(image) for image in IMAGES]
    spoil(tmp_path)
    assert ["not at hand" in text for text in shown(other)] == [False, True, True]


def test_what_is_shown_and_not_sent_is_not_held(session: Session, tmp_path: Path) -> None:
    other = open_store(tmp_path).open("s")
    assert len(other.last_messages(3)) == len(list(other.events())) - 1
    spoil(tmp_path)
    assert all("not at hand" in text for text in shown(other))


def test_a_caller_who_changes_a_request_changes_no_other(session: Session) -> None:
    session.messages()[0]["content"][0]["image_url"]["url"] = "changed"
    assert shown(session) == [url(image) for image in IMAGES]
