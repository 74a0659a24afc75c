"""Numbers in an array that its parser cannot hold: the array is read, whatever is around them."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import TransferError
from eventlog.foreign import Losses
from eventlog.sources import find_sources, read_items, read_values, take_sample
from tests.formats.importing import refuse

HUGE = 1 << 70
TALK = '{"messages":[{"role":"user","content":"Why?"}],"n":%s}'


def read(text: str, chunk: int = 1 << 16) -> list[Any]:
    """The items of an array that comes in small pieces."""
    return list(read_items(lambda: _Slow(text.encode(), chunk), Losses()))


class _Slow(io.BytesIO):
    def __init__(self, data: bytes, chunk: int) -> None:
        super().__init__(data)
        self._chunk = chunk

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._chunk if size is None or size < 0 else min(size, self._chunk))


@pytest.mark.parametrize("number", [HUGE, -HUGE, 1 << 63, 10**400, "9" * 5000, "1e999", "-2E+400"])
def test_an_array_with_a_number_that_is_too_large_is_read_whole(
    tmp_path: Path, number: object
) -> None:
    text = "[" + ",".join(TALK % each for each in (1, number, 2)) + "]"
    (tmp_path / "f").write_bytes(gzip.compress(text.encode()))
    [source] = find_sources([str(tmp_path / "f")], refuse)
    assert len(take_sample(source).records) == 3
    losses = Losses()
    assert [value["n"] for value in read_values(source, losses)][::2] == [1, 2]
    assert losses.read == 3


def test_a_number_beyond_64_bits_is_a_float_and_beyond_that_its_text() -> None:
    assert read(f"[{HUGE}, {(1 << 63) - 1}, {-HUGE}]") == [float(HUGE), (1 << 63) - 1, -float(HUGE)]
    assert read(f"[{10**400}, 1e999]") == [str(10**400), "1e999"]


@given(
    st.lists(st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)),
    st.integers(1, 9),
)
def test_nothing_else_is_changed_whatever_the_pieces(values: list[Any], chunk: int) -> None:
    bounded = [float(v) if isinstance(v, int) and abs(v) >= 1 << 63 else v for v in values]
    for text in (json.dumps([*values, HUGE]), json.dumps([*values, HUGE], ensure_ascii=False)):
        assert read(text, chunk) == [*bounded, float(HUGE)]


@pytest.mark.parametrize(
    "text", ["[1, 2", "[1, 1-2]", f"[{HUGE}, 2", f"[{HUGE}, 1-2]", "[" + "9" * 200_000]
)
def test_what_is_no_json_is_still_told(text: str) -> None:
    with pytest.raises(TransferError, match="damaged"):
        read(text)
