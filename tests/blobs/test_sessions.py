"""A session with blobs is what was appended; without them it is still one, and says what is gone."""

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from eventlog.backends.memory import MemoryBackend
from eventlog.errors import IdempotencyConflictError
from eventlog.session import Session
from eventlog.store import Store, open_store
from tests.log.helpers import CALL
from tests.projections.validity import assert_valid

PICTURE = bytes(range(256)) * 300
OUTPUT = "a line of output\n" * 5000
URL = f"data:image/png;base64,{b64encode(PICTURE).decode()}"
SHOWN: dict[str, Any] = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": URL}},
    ],
}
CALLED: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [CALL]}
GIVEN: dict[str, Any] = {"role": "tool", "tool_call_id": "c1", "content": OUTPUT}
SAID = [SHOWN, CALLED, GIVEN]


@pytest.fixture(params=["files", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(tmp_path) if request.param == "files" else Store(MemoryBackend())


@pytest.fixture
def session(store: Store) -> Session:
    session = store.create("s")
    session.append_many(SAID)
    return session


def sha256(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


def lose(store: Store, blob: bytes) -> None:
    """Let a blob be gone."""
    with store.backend.dropping() as drop:
        drop(sha256(blob))


def note(blob: bytes, media_type: str) -> str:
    return f"[{len(blob):,} bytes of {media_type}, not at hand: blobs/{sha256(blob)}]"


def test_what_is_appended_is_what_is_returned_and_read(store: Store) -> None:
    session = store.create("s")
    assert [event["data"] for event in session.append_many(SAID)] == SAID
    assert session.messages() == store.open("s").messages() == SAID
    assert [event["data"] for event in session.events(1)] == SAID
    assert set(store.backend.blobs()) == {sha256(PICTURE), sha256(OUTPUT.encode())}


def test_the_lines_hold_refs_and_nothing_large(store: Store, session: Session) -> None:
    assert store.backend.stat("s").size < 3000
    shown = next(session.recorded(1))["data"]
    assert shown["content"][1]["image_url"]["url"] == f"blobs/{sha256(PICTURE)}"
    assert [ref["at"] for ref in shown["blobs"]] == ["/content/1/image_url/url"]


def test_a_missing_blob_is_a_note_in_a_valid_request(store: Store, session: Session) -> None:
    lose(store, PICTURE)
    lose(store, OUTPUT.encode())
    messages = store.open("s").messages()
    assert_valid(messages, spoken=True)
    assert messages[0]["content"][1] == {"type": "text", "text": note(PICTURE, "image/png")}
    assert messages[2]["content"] == note(OUTPUT.encode(), "text/plain")
    session.messages()
    assert set(session.opener.lost) == {sha256(PICTURE), sha256(OUTPUT.encode())}


def test_a_damaged_blob_is_a_note_and_appending_the_same_again_heals_it(tmp_path: Path) -> None:
    session = open_store(tmp_path).create("s")
    session.append(SHOWN)
    path = tmp_path / "blobs" / sha256(PICTURE)
    path.write_bytes(PICTURE[:-1] + b"?")
    assert session.messages()[0]["content"][1]["text"] == note(PICTURE, "image/png")
    session.append(SHOWN)
    assert session.messages() == [SHOWN, SHOWN]
    assert (session.opener.lost, path.read_bytes()) == ({}, PICTURE)


def test_an_event_without_its_blob_is_given_with_its_ref(store: Store, session: Session) -> None:
    lose(store, PICTURE)
    event = next(store.open("s").events(1))
    assert event == next(session.recorded(1))


def test_a_limit_opens_only_what_it_sends(store: Store, session: Session) -> None:
    lose(store, PICTURE)
    session.append({"role": "user", "content": "Go on."})
    for handle in (store.open("s"), session):
        assert handle.messages(limit=1) == [{"role": "user", "content": "Go on."}]
        assert handle.opener.lost == {}
        assert handle.messages(limit=3)[1] == GIVEN
        assert handle.opener.lost == {}


def test_a_key_s_retry_returns_the_stored_event_whole(store: Store) -> None:
    session = store.create("s")
    first = session.append(SHOWN, key="k")
    assert store.open("s").append(SHOWN, key="k") == first
    assert first["data"] == SHOWN
    assert session.messages() == [SHOWN]


def test_a_key_s_retry_with_another_picture_conflicts(store: Store) -> None:
    session = store.create("s")
    session.append(GIVEN | {"role": "tool"}, key="k")
    with pytest.raises(IdempotencyConflictError):
        session.append(GIVEN | {"content": OUTPUT + "."}, key="k")
    assert session.version == 2


def test_a_member_of_that_name_of_somebody_else_is_kept_and_opens_nothing(store: Store) -> None:
    session = store.create("s")
    session.append(SHOWN)
    theirs = [{"at": "/content", "sha256": sha256(PICTURE), "bytes": 3, "media_type": "image/png"}]
    words = f"blobs/{sha256(PICTURE)}"
    event = session.append({"role": "user", "content": words, "blobs": theirs})
    assert event["data"] == {"role": "user", "content": words, "extra": {"blobs": theirs}}
    assert session.messages()[1] == {"role": "user", "content": words}


def test_a_ref_that_a_hand_wrote_into_a_path_reads_no_file(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    store.create("s").append(SHOWN)
    (tmp_path / "secret").write_bytes(PICTURE)
    for name in ("../../secret", "/etc/passwd", "", ".", sha256(PICTURE).upper()):
        assert store.backend.blob(name) is None
