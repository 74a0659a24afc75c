r"""Read JSON values out of a stream: one a line, with damage around them, or the items of an array.

Lines are split on the byte \n and nothing else. A line that is no JSON value is searched for those
in it: two that were glued together, one behind a torn beginning, one among NUL bytes. What is left
over is told with its place. Memory is bounded by the longest line, or the largest item.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from math import isinf
from typing import Any, BinaryIO, NamedTuple

from eventlog import codec
from eventlog.errors import InvalidEventError, TransferError
from eventlog.foreign import Losses
from eventlog.payload import replace_surrogates

LONGEST = 256 << 20
"""A longer line, in bytes, is passed over and told."""

_CHUNK = 1 << 20
_BOM = b"\xef\xbb\xbf"
_START = re.compile(r"[{\[]")
_MOST_STARTS = 1000  # places in one damaged line where a value is looked for
_MOST_READINGS = 8  # how often, all in all, such a line is read for that
_LARGEST = 1 << 63  # a larger number becomes a float, as it does where a line is whole


def _number(text: str) -> int | float:
    return int(text) if len(text) < len(str(_LARGEST)) or abs(int(text)) < _LARGEST else float(text)


_DECODER = json.JSONDecoder(parse_int=_number)
_TEXT = re.compile(rb'(?:[^"\\]+|\\.)*', re.DOTALL)
_QUOTE_OR_NUMBER = re.compile(rb'"|-?[0-9][0-9.eE+-]*')
_LONGEST_NUMBER = 1 << 16


class Record(NamedTuple):
    """A JSON object of a stream: its number from 1, the byte where its line begins, its value."""

    number: int
    offset: int
    value: dict[str, Any]


def read_records(stream: BinaryIO, losses: Losses) -> Iterator[Record]:
    """Give the JSON objects of a stream of lines, in order; count what is read and what is not."""
    for offset, line in _lines(stream, losses):
        values, lost = _values(line)
        if lost:
            losses.unreadable.append((offset, lost))
        for value in values:
            losses.read += 1
            yield Record(losses.read, offset, value)


def read_items(
    start: Callable[[], BinaryIO], losses: Losses, prefix: str = "item"
) -> Iterator[Any]:
    """Give the items of one JSON array, by default of the array that a source is, one at a time.

    `start` gives the stream, and may be asked again; `prefix` is ijson's: "item" for the array
    itself, "chats.item" for one inside an object. Raises TransferError where the JSON ends too
    early or is none; what came before it has been given.
    """
    import ijson  # noqa: PLC0415 - most sources are lines

    given = 0
    for numbers in (_without_bom, _with_smaller_numbers):  # which reads several times as long
        try:
            with start() as stream:
                items = ijson.items(numbers(stream), prefix, use_float=True)
                for item in islice(items, given, None):
                    losses.read += 1
                    given += 1
                    yield item
        except (ijson.JSONError, UnicodeDecodeError, RecursionError) as error:
            if numbers is _without_bom and "overflow" in str(error):
                continue
            raise TransferError("the JSON", None, f"damaged after item {given}: {error}") from error
        return


def read_document(stream: BinaryIO) -> Any:
    """Read one whole JSON value. Raises TransferError if it is none, or larger than 256 MB."""
    data = stream.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise TransferError("the JSON", None, f"one value of more than {LONGEST:,} bytes")
    value = codec.load_json(data.removeprefix(_BOM).strip(b"\0 \t\r\n"))
    if value is None:
        raise TransferError("the JSON", None, "damaged: it is no JSON value")
    return value


def _lines(stream: BinaryIO, losses: Losses) -> Iterator[tuple[int, bytes]]:
    """Give each line that is not empty with its offset; `parts` holds one that goes on."""
    offset = start = 0
    parts: list[bytes] = []
    while chunk := stream.read(_CHUNK):
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            offset += len(piece) + 1
            yield from _line((*parts, piece), start, offset - 1 - start, losses)
            parts, start = [], offset
        offset += len(rest)
        if offset - start > LONGEST:
            parts.clear()  # it is only counted from here on
        else:
            parts.append(rest)
    yield from _line(parts, start, offset - start, losses)


def _line(
    parts: Sequence[bytes], start: int, length: int, losses: Losses
) -> Iterator[tuple[int, bytes]]:
    if length > LONGEST:
        losses.unreadable.append((start, length))
        return
    line = b"".join(parts)
    if line.strip():
        yield start, line


def _values(line: bytes) -> tuple[list[dict[str, Any]], int]:
    """Return the objects of a line, and how many of its bytes belong to none."""
    bare = line.removeprefix(_BOM).strip(b"\0 \t\r")
    if not bare:
        return [], 0
    value = codec.load_json(bare)
    if isinstance(value, dict):
        return [value], 0
    if value is not None:
        return [], len(line)
    found = list(_recovered(bare.replace(b"\0", b"").decode("utf-8", "replace")))
    return [value for value, _ in found], max(len(bare) - sum(size for _, size in found), 0)


def _recovered(text: str) -> Iterator[tuple[dict[str, Any], int]]:
    """Give the whole objects inside a damaged line, in order, each with its size in bytes.

    One that is followed by more than another object is only a part of what was torn around it.
    """
    at = tried = 0
    effort = _MOST_READINGS * len(text) + _CHUNK
    while (match := _START.search(text, at)) and tried < _MOST_STARTS and effort > 0:
        tried += 1
        try:
            value, end = _DECODER.raw_decode(text, match.start())
            value, _ = replace_surrogates(value)
        except (ValueError, RecursionError, InvalidEventError) as error:
            effort -= getattr(error, "pos", at) - at
            at = match.start() + 1
            continue
        effort -= end - at
        whole = end == len(text) or text[end:].lstrip().startswith("{")
        if whole and isinstance(value, dict):
            yield value, len(text[match.start() : end].encode("utf-8", "replace"))
            at = end
        else:
            at = match.start() + 1


def _with_smaller_numbers(stream: BinaryIO) -> BinaryIO:
    """Return JSON whose numbers the parser can read: a larger one is a float, the largest are text."""
    return _Smaller(_without_bom(stream))  # type: ignore[return-value]


class _Smaller:
    """Reads JSON and changes the numbers outside of texts; it holds no more than a number."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._rest = b""  # a number, or half an escape, that the bytes so far end in
        self._is_text = False  # where they end

    def read(self, size: int = -1) -> bytes:
        written = b""
        while not written and (data := self._stream.read(size)):
            data, self._rest = self._rest + data, b""
            written = b"".join(self._passed(data))
        if size and not written:
            written, self._rest = _smaller(self._rest), b""
        return written

    def _passed(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            if self._is_text:
                match = _TEXT.match(data, at)
                end = match.end() if match else at
                self._is_text = data[end : end + 1] != b'"'
                yield data[at:end] if self._is_text else data[at : end + 1]
                if self._is_text:
                    self._rest = data[end:]
                    return
                at = end + 1
                continue
            found = _QUOTE_OR_NUMBER.search(data, at)
            if found is None:
                yield data[at:]
                return
            yield data[at : found.start()]
            at = found.end()
            self._is_text = found[0] == b'"'
            if at == len(data) and not self._is_text:
                self._keep(found[0])
            else:
                yield found[0] if self._is_text else _smaller(found[0])

    def _keep(self, number: bytes) -> None:
        if len(number) > _LONGEST_NUMBER:
            raise TransferError("the JSON", None, "damaged: a number without an end")
        self._rest = number


def _smaller(number: bytes) -> bytes:
    """Return a number that the parser can hold; what is none stays what it is."""
    try:
        if isinstance(_number(number.decode()), int):
            return number
    except ValueError:
        pass  # a fraction, or more digits than Python reads
    try:
        is_beyond = isinf(float(number))
    except ValueError:
        return number
    if is_beyond:
        return b'"%b"' % number
    return number + b".0" if number.lstrip(b"-").isdigit() else number


def _without_bom(stream: BinaryIO) -> BinaryIO:
    class _Skipping:
        first = True

        def read(self, size: int = -1) -> bytes:
            data = stream.read(size)
            if self.first and data:
                self.first = False
                data = data.removeprefix(_BOM) or stream.read(size)
            return data

    return _Skipping()  # type: ignore[return-value]
