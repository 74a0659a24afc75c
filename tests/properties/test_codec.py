"""Lines: what goes in comes out, and nothing that a terminal or a line reader would trip over."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from itertools import product
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from eventlog import codec
from eventlog.errors import InvalidEventError
from tests.properties.strategies import NASTY, TEXT, TORN_TEXT, json_objects

AT = "2026-11-22T10:00:00.000000Z"
# As text: what a terminal acts on, what an editor ends a line at, what turns the reading direction.
ACTED_ON = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def line_of(data: dict[str, Any], seq: int = 1, key: str | None = None) -> bytes:
    draft = codec.encode("x.app.note", data, key=key)
    return codec.seal(draft, seq, AT, codec.FIRST_PREV)[0]


def nested(depth: int) -> dict[str, Any]:
    """Return an object that nests `depth` levels, itself the first."""
    value: Any = {}
    for level in range(depth - 1):
        value = {"a": value} if level % 2 or level == depth - 2 else [value]
    return {"a": value["a"]} if depth > 1 else {}


def without_surrogates(value: Any) -> Any:
    """Return a JSON value as it is stored: pairs joined, lone surrogates as U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(k): without_surrogates(v) for k, v in value.items()}
    return value


def exact(value: object) -> str:
    """Tell 1 from 1.0 and from True, and 0.0 from -0.0, which == does not."""
    return repr(value)


@given(json_objects(TEXT), st.integers(1, codec.MAX_SEQ), st.none() | TEXT.filter(bool))
def test_what_is_encoded_is_decoded_unchanged(
    data: dict[str, Any], seq: int, key: str | None
) -> None:
    event = codec.decode(line_of(data, seq, key))
    assert event is not None
    assert exact(event["data"]) == exact(data)
    assert (event["seq"], event["at"], event.get("key")) == (seq, AT, key)


@given(json_objects(TORN_TEXT))
@example({"a": "\ud83d\ude00 \ud83d \ufffd"})
def test_lone_surrogates_are_stored_as_the_replacement_and_counted(data: dict[str, Any]) -> None:
    expected = without_surrogates(data)
    lost = repr(expected).count("\ufffd") - repr(data).count("\ufffd")
    assume(lost > 0)
    event = codec.decode(line_of(data))
    assert event is not None
    assert event["data"].pop(codec.REPLACED) >= lost
    assert exact(event["data"]) == exact(expected)


def test_a_surrogate_pair_is_stored_as_its_character() -> None:
    event = codec.decode(line_of({"a": "\ud83d\ude00"}))
    assert event is not None
    assert event["data"] == {"a": "😀"}


def test_a_name_with_a_lone_surrogate_is_stored_with_the_replacement() -> None:
    event = codec.decode(line_of({"a": {chr(0xD800): 1}}))
    assert event is not None
    assert event["data"] == {"a": {"\ufffd": 1}, codec.REPLACED: 1}


def test_names_that_would_become_one_are_refused() -> None:
    with pytest.raises(InvalidEventError):
        line_of({chr(0xD800): 1, chr(0xD801): 2})


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        [float("inf")],
        {"a": -float("inf")},
        2**64,
        -(2**63) - 1,
        {1: "a"},
        b"bytes",
        {1, 2},
        Decimal(1),
    ],
    ids=repr,
)
def test_what_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(InvalidEventError):
        line_of({"a": value})


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int = 1


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        Point(),
    ],
    ids=repr,
)
def test_what_would_be_read_back_as_something_else_is_refused(value: object) -> None:
    with pytest.raises(InvalidEventError):
        line_of({"a": value})


def test_a_uuid_and_an_enum_member_are_stored_as_their_text() -> None:
    event = codec.decode(line_of({"a": UUID(int=1), "b": Colour.RED}))
    assert event is not None
    assert event["data"] == {"a": str(UUID(int=1)), "b": "red"}


@pytest.mark.parametrize("depth", [1, 2, 62, 63])
def test_nesting_up_to_the_limit_is_decoded_unchanged(depth: int) -> None:
    event = codec.decode(line_of(nested(depth)))
    assert event is not None
    assert event["data"] == nested(depth)


@pytest.mark.parametrize("depth", [64, 65, 200, 255, 5000])
def test_nesting_beyond_the_limit_is_refused(depth: int) -> None:
    with pytest.raises(InvalidEventError):
        line_of(nested(depth))


@given(json_objects(TORN_TEXT))
@example({text: text for text in NASTY})
def test_a_line_has_nothing_that_a_terminal_acts_on_and_no_newline(data: dict[str, Any]) -> None:
    found = ACTED_ON.search(line_of(data).decode())
    assert found is None, found


@given(json_objects(TEXT), TEXT.filter(bool))
def test_a_key_is_as_safe_as_the_data(data: dict[str, Any], key: str) -> None:
    assert not ACTED_ON.search(line_of(data, key=key).decode())


@given(json_objects(TEXT), st.data())
def test_a_line_with_one_hashed_byte_changed_is_not_decoded(
    data: dict[str, Any], draw: st.DataObject
) -> None:
    line = bytearray(line_of(data))
    line[draw.draw(st.integers(0, len(line) - 34))] ^= draw.draw(st.integers(1, 255))
    assert codec.decode(bytes(line)) is None


def test_a_line_with_one_byte_of_its_end_changed_is_not_decoded() -> None:
    for place, mask in product(range(-33, 0), range(1, 256)):
        line = bytearray(line_of({"a": 1}))
        line[place] ^= mask
        assert codec.decode(bytes(line)) is None, line[-33:]
        assert codec.decode_run([bytes(line)], 0, 0, codec.FIRST_PREV) == [], line[-33:]


@given(json_objects(TEXT), st.data())
def test_a_cut_line_is_not_decoded(data: dict[str, Any], draw: st.DataObject) -> None:
    line = line_of(data)
    assert codec.decode(line[: draw.draw(st.integers(0, len(line) - 1))]) is None


LINES = st.builds(line_of, json_objects(TEXT), st.integers(1, 99))
PIECES = st.lists(
    st.one_of(
        LINES,
        st.binary(max_size=30),
        LINES.flatmap(lambda line: st.integers(0, len(line)).map(lambda n: line[:n])),
        LINES.flatmap(lambda line: st.integers(0, len(line)).map(lambda n: line[n:])),
        st.just(b'{"seq":'),
    ),
    max_size=6,
)


@given(PIECES)
def test_whatever_is_found_in_a_damaged_line_is_a_record_by_itself(pieces: list[bytes]) -> None:
    fused, free = b"".join(pieces), 0
    for start, end, record in codec.find_records(fused):
        assert free <= start < end <= len(fused)
        assert codec.decode(fused[start:end]) == record
        free = end


@given(st.lists(LINES, min_size=1, max_size=5), st.binary(max_size=20))
def test_every_whole_record_in_a_fused_line_is_found(lines: list[bytes], between: bytes) -> None:
    assume(b'"}' not in between)
    fused = between.join(lines)
    assert [fused[start:end] for start, end, _ in codec.find_records(fused)] == lines


@given(st.binary(max_size=300))
def test_no_bytes_make_decoding_raise(garbage: bytes) -> None:
    assert codec.decode(garbage) is None
    assert list(codec.find_records(garbage)) == []
    assert codec.decode_run([garbage], 0, 0, codec.FIRST_PREV) == []


@given(json_objects(TEXT), json_objects(TEXT))
def test_a_digest_depends_on_the_value_and_not_on_its_order(
    data: dict[str, Any], other: dict[str, Any]
) -> None:
    assert codec.digest(dict(reversed(data.items()))) == codec.digest(data)
    same = orjson.dumps(data, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        other, option=orjson.OPT_SORT_KEYS
    )
    assert (codec.digest(data) == codec.digest(other)) == same
