"""What a source is made of, told by its content: never by its name, and never by its first line only."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from eventlog import codec
from eventlog.errors import TransferError
from eventlog.foreign import Losses

from .database import open_database
from .finding import Source
from .records import Record, read_document, read_items, read_records

LOOKED_AT = 50
"""How many records a format is recognized by, at most."""

_LOOKED_INTO = 8 << 20  # bytes of lines that these are taken from: they may hold images

Kind = Literal["lines", "array", "object", "sqlite", "text"]
_SQLITE = b"SQLite format 3\0"
_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a source.

    `kind`: JSON objects a line, one JSON array, one JSON object, an SQLite database, or other text.
    `records` are the first objects (of an array its first items, of an object itself), `tables`
    a database's tables with their columns, `text` the first characters.
    """

    kind: Kind
    records: tuple[Any, ...] = ()
    tables: dict[str, frozenset[str]] | None = None
    text: str = ""


def take_sample(source: Source) -> Sample:
    """Look at the beginning of a source. Raises TransferError where it cannot be read."""
    with source.start() as stream:
        head = stream.read(_HEAD)
    if head.startswith(_SQLITE):
        return Sample("sqlite", tables=_tables(source))
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\0 \t\r\n")
    text = bare.decode("utf-8", "replace")
    if bare.startswith(b"["):
        return Sample("array", tuple(islice(_until_damage(source), LOOKED_AT)), text=text)
    with source.start() as stream:
        records = tuple(islice(_begun(read_records(stream, Losses())), LOOKED_AT))
    if bare.startswith(b"{") and (len(records) <= 1 or _goes_on(bare)):
        with source.start() as stream, suppress(TransferError):
            document = read_document(stream)
            if isinstance(document, dict):
                return Sample("object", (document,), text=text)
    return Sample("lines", records, text=text) if records else Sample("text", text=text)


def _goes_on(text: bytes) -> bool:
    """Whether what begins on the first line goes on behind it: one value, written on many lines."""
    first, newline, _ = text.partition(b"\n")
    return bool(newline) and not codec.is_json(first.decode("utf-8", "replace"))


def read_values(source: Source, losses: Losses) -> Iterator[Any]:
    """Give the JSON values that a source is made of: the items of its array, its one object, or one a line.

    Raises TransferError, with the source's name, where it cannot be read on.
    """
    kind = take_sample(source).kind
    try:
        if kind == "array":
            yield from read_items(source.start, losses)
            return
        with source.start() as stream:
            if kind == "object":
                losses.read += 1
                yield read_document(stream)
            else:
                yield from (record.value for record in read_records(stream, losses))
    except TransferError as error:
        raise TransferError(source.name, error.line, error.reason) from error


def _begun(records: Iterator[Record]) -> Iterator[Any]:
    """Give the records that begin within the first few megabytes of them."""
    start = None
    for record in records:
        start = record.offset if start is None else start
        if record.offset - start > _LOOKED_INTO:
            return
        yield record.value


def _until_damage(source: Source) -> Iterator[Any]:
    with suppress(TransferError):
        yield from read_items(source.start, Losses())


def _tables(source: Source) -> dict[str, frozenset[str]]:
    with open_database(source) as database:
        return database.tables
