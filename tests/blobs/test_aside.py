"""What is set aside comes back to the last character; what a hand makes of a ref opens nothing."""

import hashlib
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventlog import blobs
from eventlog.blobs import Ref, content_of, filled, noted, refs_of, set_aside
from tests.blobs.values import HOSTILE, MESSAGES, SMALL, A, base64, bent
from tests.projections.validity import assert_valid

RAW = bytes(range(256))


@pytest.fixture(autouse=True, scope="module")
def small() -> Any:
    """Let little count as large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blobs, "LARGE", SMALL)
        yield


def image(url: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@given(MESSAGES)
def test_what_was_set_aside_comes_back_as_it_was(message: dict[str, Any]) -> None:
    before = deepcopy(message)
    lean, kept = set_aside(message)
    assert message == before
    assert filled(lean, lambda ref: kept[ref.sha256]) == before
    assert {ref.sha256 for ref in refs_of(lean)} == set(kept)
    assert all(sha256(blob) == name for name, blob in kept.items())


@given(MESSAGES)
def test_what_is_not_at_hand_stays_a_ref_that_can_be_filled_later(message: dict[str, Any]) -> None:
    lean, kept = set_aside(message)
    assert filled(lean, lambda _: None) == lean
    first = next(iter(kept), None)
    partly = filled(lean, lambda ref: kept[ref.sha256] if ref.sha256 == first else None)
    assert filled(partly, lambda ref: kept[ref.sha256]) == message


def test_base64_is_kept_decoded_with_what_was_before_it() -> None:
    lean, kept = set_aside(image(f"data:image/png;base64,{base64(RAW)}"))
    (ref,) = refs_of(lean)
    assert kept == {sha256(RAW): RAW}
    assert ref == Ref("/content/0/image_url/url", sha256(RAW), 256, "image/png",
                      "data:image/png;base64,")  # fmt: skip
    assert lean["content"][0]["image_url"]["url"] == f"blobs/{sha256(RAW)}"


def test_a_data_url_with_parameters_keeps_them() -> None:
    url = f"data:text/csv;charset=utf-8;base64,{base64(RAW)}"
    lean, kept = set_aside(image(url))
    assert (list(kept.values()), refs_of(lean)[0].media_type) == ([RAW], "text/csv")
    assert filled(lean, lambda ref: kept[ref.sha256]) == image(url)


@pytest.mark.parametrize("encoded", bent(base64(RAW)))
def test_base64_that_would_come_back_otherwise_is_kept_as_text(encoded: str) -> None:
    url = f"data:image/png;base64,{encoded}"
    assert list(set_aside(image(url))[1].values()) == [url.encode()]


def test_a_tool_s_output_is_kept_as_text_and_a_user_s_text_stays() -> None:
    text = "ä\u2028" * SMALL
    lean, kept = set_aside({"role": "tool", "tool_call_id": "c", "content": text})
    assert list(kept.values()) == [text.encode()]
    assert refs_of(lean)[0].prefix is None
    said = {"role": "user", "content": text}
    assert set_aside(said) == (said, {})
    assert set_aside(said)[0] is said


def test_exactly_as_much_as_is_allowed_stays_in_the_line() -> None:
    output = {"role": "tool", "tool_call_id": "c", "content": "x" * SMALL}
    assert set_aside(output) == (output, {})
    assert set_aside({**output, "content": "x" * (SMALL + 1)})[1]


def test_text_with_a_lone_surrogate_stays_in_the_line() -> None:
    output = {"role": "tool", "tool_call_id": "c", "content": "\ud800" + "x" * SMALL}
    assert set_aside(output) == (output, {})


def test_one_picture_twice_is_one_blob() -> None:
    url = f"data:image/png;base64,{base64(RAW)}"
    message = image(url)
    message["content"] *= 2
    lean, kept = set_aside(message)
    assert (len(kept), len(refs_of(lean))) == (1, 2)
    assert filled(lean, lambda ref: kept[ref.sha256]) == message


def refs(*told: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"sha256": A, "bytes": 3, "media_type": "image/png", **each} for each in told]


@given(data=HOSTILE, there=st.booleans())
@example(data={"role": "user", "content": [{"type": "text", "text": f"blobs/{A}"}],
          "blobs": refs({"at": "/content/-1/text"}, {"at": "/content/0/text"})}, there=True)  # fmt: skip
@example(data={"role": "user", "content": "hello", "blobs": refs({"at": "/content/9/text"})},
         there=True)  # fmt: skip
@example(data={"role": "user", "content": f"blobs/{A}", "blobs": refs({"at": "/content"}) * 2},
         there=False)  # fmt: skip
def test_a_payload_that_a_hand_edited_opens_blobs_alone(
    data: dict[str, Any], *, there: bool
) -> None:
    before, asked = deepcopy(data), []

    def get(ref: Ref) -> bytes | None:
        asked.append(ref.sha256)
        return b"\xffhi" if there else None

    filled(data, get)
    content = content_of(data, get)
    noted(data)
    assert set(asked) <= {A}
    assert data == before
    assert_valid([{"role": data["role"], "content": content}])


@pytest.mark.parametrize("name", [A.upper(), f"../{A}", f"{A}\n", A[1:], f"{A}a"])
def test_a_ref_that_is_no_sha256_is_none(name: str) -> None:
    (told,) = refs({"at": "/content"})
    data = {"role": "user", "content": f"blobs/{name}", "blobs": [{**told, "sha256": name}]}
    assert refs_of(data) == []


@pytest.mark.parametrize("index", ["-1", "+0", " 0", "\uff10", "0" * 10, ""])
def test_a_place_in_a_list_is_a_number_of_digits_alone(index: str) -> None:
    (told,) = refs({"at": f"/content/{index}/image_url/url"})
    assert refs_of({**image(f"blobs/{A}"), "blobs": [told]}) == []
    assert refs_of({**image(f"blobs/{A}"), "blobs": refs({"at": "/content/0/image_url/url"})})


def test_a_line_names_its_blobs_also_where_it_is_damaged() -> None:
    line = b'xx{"seq":1,"da\xffta":{"blobs":[{"at":"/content","sha256":"' + A.encode() + b'","by'
    assert blobs.names_in(line) == {A}
    assert blobs.names_in(b'"sha256":"' + A.upper().encode() + b'"') == set()


def test_what_was_not_at_hand_stays_a_ref_beside_what_is_set_aside_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blobs, "LARGE", 100)  # more than a ref's place
    parts = [{"type": "text", "text": letter * 200} for letter in "ab"]
    lean, kept = set_aside({"role": "tool", "content": parts})
    half = filled(lean, lambda ref: kept[ref.sha256] if ref.at == "/content/1/text" else None)
    again, _ = set_aside(half)
    assert filled(again, lambda ref: kept[ref.sha256])["content"] == parts
