"""A request with a picture is proven by the log and the blob; without the blob nothing is claimed."""

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from eventlog.events import ModelCalled
from eventlog.model import Model
from eventlog.replay import calls, find_call, prove
from eventlog.session import Session
from eventlog.store import Store, open_store
from eventlog.turn import take_turn
from tests.http.openai_server import OpenAIServer
from tests.log.helpers import alter, log_of
from tests.replay.test_memory import MB, peak

PICTURE = bytes(range(256)) * 300


def shown(picture: bytes) -> dict[str, Any]:
    url = f"data:image/png;base64,{b64encode(picture).decode()}"
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    return {"role": "user", "content": parts}


@pytest.fixture
def asked(session: Session, model: Model) -> Session:
    """A session where a model was asked about a picture."""
    session.append(shown(PICTURE))
    take_turn(session, model, None)
    return session


def blob_of(tmp_path: Path) -> Path:
    return tmp_path / "blobs" / hashlib.sha256(PICTURE).hexdigest()


def fresh(tmp_path: Path) -> Session:
    return open_store(tmp_path).open("s")


def test_a_request_with_a_picture_is_proven(
    asked: Session, server: OpenAIServer, tmp_path: Path
) -> None:
    for session in (asked, fresh(tmp_path)):
        proof = prove(session)
        assert (proof.calls, proof.proven, proof.difference) == (1, 1, None)
    (call,) = calls(fresh(tmp_path))
    assert call.messages == server.bodies[0]["messages"] == [shown(PICTURE)]


@pytest.mark.parametrize("left", [None, PICTURE[:-1], b""])
def test_without_the_whole_picture_it_is_unprovable_and_not_wrong(
    asked: Session, tmp_path: Path, left: bytes | None
) -> None:
    blob_of(tmp_path).unlink()
    if left is not None:
        blob_of(tmp_path).write_bytes(left)
    for session in (asked, fresh(tmp_path)):
        proof = prove(session)
        assert (proof.proven, proof.unprovable, proof.difference) == (0, 1, None)
    call = find_call(fresh(tmp_path), 1)
    assert call is not None
    assert call.reason == f"blobs/{blob_of(tmp_path).name} is missing or not whole"


def test_a_change_elsewhere_still_differs(asked: Session, tmp_path: Path) -> None:
    alter(log_of(tmp_path), 2, "What is this?", "What is that?")
    proof = prove(fresh(tmp_path))
    assert (proof.proven, proof.unprovable) == (0, 0)
    assert str(proof.difference).startswith("call 1 ")


def test_a_proof_holds_the_blobs_of_one_request_at_a_time(
    session: Session, store: Store, tmp_path: Path
) -> None:
    for number in range(24):
        session.append(shown(bytes([number]) * MB))
        asked = session.request(limit=1)
        session.append(
            ModelCalled(
                model="m", provider="openai", version=asked.version, head=asked.head, limit=1,
                rules=asked.rules, messages=1, digest=asked.digest,
            )
        )  # fmt: skip
    assert sum(store.backend.blobs().values()) == 24 * MB
    assert prove(fresh(tmp_path)).proven == 24
    one = peak(lambda: find_call(fresh(tmp_path), 24))
    assert peak(lambda: prove(fresh(tmp_path))) < one + 2 * MB < 24 * MB


@pytest.mark.parametrize("also", [None, bytes(100_000)])
def test_a_request_with_a_note_stays_proven_once_the_picture_is_back(
    session: Session, model: Model, tmp_path: Path, also: bytes | None
) -> None:
    session.append(shown(PICTURE))
    if also is not None:
        session.append(shown(also))
    blob_of(tmp_path).unlink()
    take_turn(fresh(tmp_path), model, None)
    blob_of(tmp_path).write_bytes(PICTURE)
    proof = prove(fresh(tmp_path))
    assert (proof.calls, proof.proven, proof.difference) == (1, 1, None)
    (call,) = calls(fresh(tmp_path))
    assert "not at hand" in str(call.messages)
