"""A recorded event as one line of bytes, and back: the only place that knows JSON and hashing.

Writer and reader share the layout stated here (docs/format.md has it in full) and nothing else:

    {"seq":7,"at":"…","type":"message.added","data":{…},"prev":"<22>","hash":"<22>"}

`hash` covers every byte of the line before `,"hash":"`, and what follows that has a constant
length, so checking a line is slicing it: no parse, no canonical form. Nothing here knows of files,
of sessions, or of what a damaged line means (chain.py does).
"""

import re
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from struct import iter_unpack
from typing import Any, NamedTuple

import orjson

from eventlog.errors import InvalidEventError
from eventlog.payload import MAX_DEPTH, check_depth, check_finite, replace_surrogates
from eventlog.record import RecordedEvent

MAX_LINE = 16 * 1024 * 1024
"""The longest line a writer makes, in bytes without its newline."""

MAX_SEQ = 2**53 - 1
"""No event has a higher number: beyond it, not every reader of JSON keeps numbers exact."""

FIRST_PREV = "A" * 22
"""The `prev` of line 1, which follows nothing."""

UNKNOWN_PREV = "-" * 22
"""The `prev` of a line that was written after one whose hash could not be read."""

REPLACED = "replaced_surrogates"
"""The member of `data` that counts lone surrogates stored as U+FFFD; absent when there were none."""

ENDING = 33
"""How many bytes of a line its hash does not cover: `,"hash":"<22>"}`."""

SHORTEST = 130
"""No line is shorter than this."""

PLACE = 44
"""How many bytes say where a line is, its `prev` and its `hash`."""

_HASH = slice(-24, -2)  # the 22 characters in `…,"hash":"<22>"}`
_HASH_MARK = b',"hash":"'  # itself in no hash, so a change of it must be looked for
_HASHED = slice(None, -33)  # everything before `,"hash":"`
_PREV_MARK = b',"prev":"'
_PREV_MARKED = slice(-65, -56)
_PREV = slice(-56, -34)  # the 22 characters in `,"prev":"<22>","hash":"<22>"}`
_ENVELOPE = 256  # an upper bound for all of a line but its type, key and data
_MAX_KEY = 256
_USUAL_MEMBERS = 6  # seq, at, type, data, prev, hash
_MAX_TYPE = 64

_AS_GIVEN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME  # refuse them
_URLSAFE = bytes.maketrans(b"+/", b"-_")
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_-]+)+", re.ASCII)
_RECORD_START = b'{"seq":'
_RECORD_END = re.compile(rb',"hash":"[A-Za-z0-9_-]{22}"\}')
_CLAIMED = re.compile(rb"[A-Za-z0-9_-]{22}")
_MAX_STARTS = 64  # how many beginnings are tried for one end inside a damaged line

# What a terminal would act on or an editor take for a line end, in UTF-8: DEL, C1 with NEL,
# U+2028/9, and the bidi controls U+061C, U+200E/F, U+202A-E, U+2066-9.
_UNSAFE = re.compile(
    rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
)


class Draft(NamedTuple):
    """An event that is encoded and checked, and waits only for its place in a session.

    `at` is its time, where that is not when it is recorded; `blobs` what is to be kept before it.
    """

    type: str
    head: bytes
    data: bytes
    at: str | None = None
    blobs: Mapping[str, bytes] | None = None


def encode(type_: str, data: dict[str, Any], *, version: int = 1, key: str | None = None) -> Draft:
    r"""Encode one event, all but its place.

    Lone surrogates become U+FFFD and are counted in `data["replaced_surrogates"]`; characters that
    a terminal would act on are written as `\uXXXX`; a UUID or an enum member is stored as its
    text. Raises InvalidEventError for whatever else could not be read back as it was given: NaN or infinity, integers beyond 64 bits, keys that are not
    text, nesting deeper than 64, a line above 16 MiB.
    """
    head = _head(type_, version)
    if key is not None:
        if not 0 < len(key) <= _MAX_KEY:
            raise InvalidEventError(f"a key has 1 to {_MAX_KEY} characters")
        head += b',"key":' + _dump(key)
    body = _encode_data(data)
    if len(head) + len(body) > MAX_LINE - _ENVELOPE:
        raise InvalidEventError(
            f"{len(body):,} bytes of data; a line holds at most {MAX_LINE:,}: "
            "keep large content in a file and refer to it"
        )
    return Draft(type_, head, body)


def seal(
    draft: Draft, seq: int, at: str, prev: str, batch: tuple[int, int] | None = None
) -> tuple[bytes, str]:
    """Give a draft its place: return the finished line without its newline, and the line's hash."""
    together = b',"batch":[%d,%d]' % batch if batch else b""
    hashed = b'{"seq":%d,"at":"%s",%s%s,"data":%s,"prev":"%s"' % (
        seq, at.encode(), draft.head, together, draft.data, prev.encode(),
    )  # fmt: skip
    own = _hash(hashed)
    return b'%s,"hash":"%s"}' % (hashed, own), own.decode()


def decode(line: bytes) -> RecordedEvent | None:
    """Read one line, without its newline; None unless it is exactly one intact record."""
    if _HASH_MARK + _hash(line[_HASHED]) != line[-33:-2]:
        return None
    try:
        record: RecordedEvent = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        _check_memory(error)
        return None
    return record if line[_PREV_MARKED] == _PREV_MARK and _is_whole(record, 0) else None


def decode_run(lines: Sequence[bytes], start: int, seq: int, prev: str) -> list[RecordedEvent]:
    """Decode lines from `lines[start]` for as long as each is intact and follows the one before.

    `seq` is that of the event before `lines[start]`, `prev` that event's hash. Numbers rise, and may
    leave some out where a log was compacted: the hash proves that nothing is missing. This is
    decode() for the usual case, where nothing is wrong: no call per line but the hash and the parse.
    """
    run = lines[start : start + _count_linked(lines, start, prev.encode())]
    records: list[RecordedEvent] = []
    try:
        records += map(orjson.loads, run)
    except orjson.JSONDecodeError as error:  # hashed right, yet no JSON: the run ends before it
        _check_memory(error)
    for number, record in enumerate(records):
        if not _is_whole(record, seq):
            return records[:number]
        seq = record["seq"]
    return records


def _is_whole(record: Any, after: int) -> bool:
    """Whether a parsed line has its members, each of its kind, and a number above `after`."""
    try:
        return bool(
            record["seq"].__class__ is int
            and after < record["seq"] <= MAX_SEQ
            and record["data"].__class__ is dict
            and record["type"].__class__ is str
            and record["at"].__class__ is str
            and (len(record) == _USUAL_MEMBERS or _has_proper_options(record))
        )
    except (KeyError, TypeError, ValueError):
        return False


def _has_proper_options(record: dict[str, Any]) -> bool:
    first, last = record.get("batch", (1, 1))
    return (
        first.__class__ is int is last.__class__
        and 0 < first <= last
        and isinstance(record.get("key", ""), str)
        and record.get("v", 1).__class__ is int
    )


def _count_linked(lines: Sequence[bytes], start: int, last: bytes) -> int:
    """Count the lines from `lines[start]` that hash right and name the hash before them."""
    count, digest_of = 0, sha256
    for line in lines[start:] if start else lines:
        if line[-65:-34] != _PREV_MARK + last:
            break
        own = b2a_base64(digest_of(line[:-33]).digest()[:16], newline=False)
        last = own.translate(_URLSAFE)[:22]
        if line[-33:-2] != _HASH_MARK + last:
            break
        count += 1
    return count


def find_records(line: bytes) -> Iterator[tuple[int, int, RecordedEvent]]:
    """Find intact records inside a line that is not one itself: (start, end, record), in order.

    The hash proves that a record found so is complete; whether it belongs to this place of this
    log is for the caller to prove by `seq` and `prev`.
    """
    free = 0
    for match in _RECORD_END.finditer(line):
        end = match.end()
        start = end
        for _ in range(_MAX_STARTS):
            start = line.rfind(_RECORD_START, free, start)
            if start < 0:
                break
            if (record := decode(line[start:end])) is not None:
                yield start, end, record
                free = end
                break


def looks_finished(line: bytes) -> bool:
    """Whether a line that is not intact still has a whole record's ending.

    A write that was cut off has not; a finished line hit by one fault keeps at least two of the
    three marks that every line ends with. Bytes lost or added among these move them.
    """
    marks = (line[-2:] == b'"}', line[-33:-24] == b',"hash":"', line[-65:-56] == b',"prev":"')
    moved = marks[0] and (b',"hash":"' in line[-64:] or b',"prev":"' in line[-96:])
    return moved or sum(marks) > 1


def claimed_hash(line: bytes) -> str | None:
    """Return the hash that a damaged line says it has, if that is still readable."""
    claim = line[_HASH]
    return claim.decode() if _CLAIMED.fullmatch(claim) else None


def claimed_seq(line: bytes) -> int | None:
    """Return the number that a line says it has, if it begins as one."""
    digits = line[len(_RECORD_START) : line.find(b",", 0, _ENVELOPE)]
    return int(digits) if line.startswith(_RECORD_START) and digits.isdigit() else None


def claimed_digest(line: bytes) -> bytes | None:
    """Return the 16 bytes that a line's hash stands for, if it is readable."""
    claim = claimed_hash(line)
    return urlsafe_b64decode(claim + "==") if claim else None


def with_hash(hashed: bytes) -> bytes:
    """Return the line whose hashed part this is, with the hash that it must have."""
    return b'%s,"hash":"%s"}' % (hashed, _hash(hashed))


def reseal(line: bytes, prev: str) -> tuple[bytes, str]:
    """Make an intact line follow another one: the same bytes but for `prev` and `hash`."""
    hashed = b'%s%s"' % (line[: _PREV.start], prev.encode())
    own = _hash(hashed)
    return b'%s,"hash":"%s"}' % (hashed, own), own.decode()


def place_of(line: bytes) -> bytes:
    """Return where a line says that it is: its `prev` and its `hash`, 44 bytes."""
    return line[_PREV] + line[_HASH]


def are_moved(lines: Sequence[bytes], prev: bytes, places: bytes) -> bool:
    """Whether lines follow `prev` in one chain, and are what they were at the places they had.

    `places` holds for each line what place_of() told of it there. A line is hashed twice.
    """
    if len(places) != PLACE * len(lines):
        return False
    for line, (old_prev, old_hash) in zip(lines, iter_unpack("22s22s", places), strict=True):
        here = sha256(line[: _PREV.start])
        there = here.copy()
        here.update(b'%s"' % prev)
        there.update(b'%s"' % old_prev)
        own = _encode_digest(here.digest())
        if line[_PREV.start :] != b'%s","hash":"%s"}' % (prev, own):
            return False
        if _encode_digest(there.digest()) != old_hash:
            return False
        prev = own
    return True


def with_data(event: RecordedEvent, data: dict[str, Any]) -> bytes:
    """Return an event's line with another payload, in the same place."""
    draft = encode(event["type"], data, version=event.get("v", 1), key=event.get("key"))
    batch = event.get("batch")
    place = (event["seq"], event["at"], event["prev"], (batch[0], batch[1]) if batch else None)
    return seal(draft, *place)[0]


def content_of(line: bytes) -> bytes:
    """Return all that an intact line holds but its place in the chain."""
    return line[: _PREV.start]


def parse(line: bytes) -> RecordedEvent:
    """Read a line that is known to be intact."""
    record: RecordedEvent = orjson.loads(line)
    return record


def is_payload_of(draft: Draft, event: RecordedEvent) -> bool:
    """Whether a recorded event holds just what a draft would."""
    return draft.type == event["type"] and orjson.loads(draft.data) == event["data"]


def seal_edited(line: bytes) -> tuple[bytes, RecordedEvent, str] | None:
    """Make a proper line of one that a person edited: (line, what it holds, the hash it had).

    None where it does not say what it is. No hash proves it: that the person wants it is enough.
    """
    told = load_json(line)
    if not isinstance(told, dict):
        return None
    try:
        batch = told.get("batch")
        draft = encode(told["type"], told["data"], version=told.get("v", 1), key=told.get("key"))
        place = (told["seq"], told["at"], told["prev"], tuple(batch) if batch else None)
        edited, _ = seal(draft, *place)
        event = decode(edited)
        return (edited, event, told["hash"]) if event else None
    except (KeyError, TypeError, ValueError, AttributeError, InvalidEventError):
        return None


def load_json(text: bytes | str) -> Any:
    """Read any JSON; None if it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def digest(value: object) -> str:
    """Hash any JSON value, member order aside: 22 characters, as in a line."""
    return _hash(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).decode()


def running_hash() -> Any:
    """Return a SHA-256 that grows with update(); hexdigest() gives it."""
    return sha256()


def is_json(text: str) -> bool:
    """Whether a text is JSON."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def dump_json(value: object, *, pretty: bool = False) -> str:
    """Return JSON text for a person or another program; never for a log."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 if pretty else 0).decode()


@lru_cache(maxsize=256)
def _head(type_: str, version: int) -> bytes:
    if len(type_) > _MAX_TYPE or not _TYPE.fullmatch(type_):
        raise InvalidEventError(
            f"{type_!r} is not an event type: use dotted lower case, as in 'x.note.added'"
        )
    return b'"type":"%s"' % type_.encode() + (b',"v":%d' % version if version > 1 else b"")


def _hash(hashed: bytes) -> bytes:
    return _encode_digest(sha256(hashed).digest())


def _encode_digest(digest: bytes) -> bytes:
    return b2a_base64(digest[:16], newline=False).translate(_URLSAFE)[:22]


def _check_memory(error: orjson.JSONDecodeError) -> None:
    """Tell a lack of memory, which orjson reports as bad JSON, from a line that is damaged."""
    if error.msg.startswith("Not enough memory"):
        raise MemoryError(error.msg) from error


def _encode_data(data: dict[str, Any]) -> bytes:
    try:
        body = _dump(data)
    except InvalidEventError:
        clean, replaced = replace_surrogates(data)
        body = _dump({**clean, REPLACED: replaced} if replaced else clean)
    if body.count(b"{") + body.count(b"[") >= MAX_DEPTH:
        check_depth(data)
    if b"null" in body:  # orjson writes NaN and infinity as null
        check_finite(data)
    return body


def _dump(value: object) -> bytes:
    try:
        body = orjson.dumps(value, option=_AS_GIVEN)
    except TypeError as error:
        raise InvalidEventError(str(error)) from None
    if body.isascii() and b"\x7f" not in body:
        return body
    return _UNSAFE.sub(lambda match: b"\\u%04x" % ord(match[0].decode()), body)
