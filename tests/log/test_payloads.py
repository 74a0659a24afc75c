"""What goes in comes out equal; what could not is refused before a byte is written."""

import dataclasses
import datetime as dt
import json
import math
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from eventlog import codec
from eventlog.errors import InvalidEventError
from eventlog.events import AppEvent
from eventlog.session import Session
from eventlog.store import open_store
from tests.log.helpers import begin, lines_of, message, open_session, said, say, walk

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = [chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return open_store(tmp_path).create("s")


def note(data: dict[Any, Any]) -> AppEvent:
    return AppEvent(name="x.note", data=data)


def nest(depth: int) -> dict[str, Any]:
    """Nest so deep that the line, whose own object is level 1 and whose data level 2, has `depth`."""
    value: Any = 1
    for _ in range(depth - 2):
        value = [value]
    return {"value": value}


@pytest.mark.parametrize("character", [*CONTROLS, *BIDI], ids=lambda c: f"U+{ord(c):04X}")
def test_a_character_terminals_act_on_is_escaped_and_read_back(character: str) -> None:
    text = f"a{character}b{character}"
    line = codec.encode("x.note", {"text": text}).data
    assert json.loads(line) == {"text": text}
    assert character.encode() not in line
    if ord(character) >= 0x7F:
        assert line == b'{"text":"a\\u%04xb\\u%04x"}' % (ord(character), ord(character))


def test_no_line_holds_a_raw_control_or_format_character_that_moves_text() -> None:
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000)]))
    written = codec.encode("x.note", {"text": everything}).data.decode()
    assert json.loads(written)["text"] == everything
    bad = {c for c in written if unicodedata.category(c) == "Cc"} | (set(written) & set(BIDI))
    assert bad == set()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0",
        "a\0b",
        "\u0085",
        "\u2028",
        "\r\n",
        "\x1b[31m",
        "\ufeff",
        "\ufffd",
        "👩‍👩‍👧 🇨🇭",
        "e\u0301",
        "中文",
        "\\u2028",
    ],
)
def test_text_of_a_message_is_read_back_equal(session: Session, tmp_path: Path, text: str) -> None:
    session.append({"role": "user", "content": text})
    session.append({"role": "user", "content": f"{text} and"})
    assert said(open_session(tmp_path)) == [text, f"{text} and"]
    assert len(walk(tmp_path / "s.jsonl")) == 3


@pytest.mark.parametrize(
    ("text", "stored", "count"),
    [
        ("a\ud800b", "a\ufffdb", 1),
        ("\udc00\ud800", "\ufffd\ufffd", 2),
        ("\ufffd\udfff", "\ufffd\ufffd", 1),
        ("\ud83d\ude00\ud83d", "\U0001f600\ufffd", 1),
    ],
)
def test_a_lone_surrogate_is_replaced_and_marked(
    session: Session, tmp_path: Path, text: str, stored: str, count: int
) -> None:
    recorded = say(session, text)
    assert recorded["data"]["replaced_surrogates"] == count
    assert said(open_session(tmp_path)) == [stored]


def test_a_surrogate_pair_is_the_character_it_stands_for_and_not_marked(session: Session) -> None:
    recorded = say(session, "\ud83d\ude00")
    assert recorded["data"] == message("\U0001f600")


def test_surrogates_are_replaced_at_any_depth_and_in_names(session: Session) -> None:
    recorded = session.append(note({"a\ud800": [{"b": ("\udc00", 1)}]}))
    assert recorded["data"] == {"a\ufffd": [{"b": ["\ufffd", 1]}], "replaced_surrogates": 2}


def test_names_that_would_become_one_by_replacing_are_refused(session: Session) -> None:
    with pytest.raises(InvalidEventError):
        session.append(note(dict.fromkeys(["\ud800", "\ud801"], 1)))


def test_numbers_at_the_limits_are_read_back_equal(session: Session, tmp_path: Path) -> None:
    data = {"n": [2**64 - 1, -(2**63), 2**53 + 1, 0.1, 1e308, 5e-324, -0.0, True, None]}
    session.append(note(data))
    *_, event = open_session(tmp_path).events()
    assert repr(event["data"]) == repr(data)


@dataclasses.dataclass
class Reading:
    value: float


@pytest.mark.parametrize(
    "data",
    [
        {"n": math.nan},
        {"n": math.inf},
        {"n": [1, {"m": (-math.inf,)}]},
        {"null": None, "n": math.nan},
        {"n": Reading(math.nan)},
        {"n": Reading(1.0)},
        {"n": 2**64},
        {"n": -(2**63) - 1},
        {"n": 10**400},
        {"n": {1: "one"}},
        {"n": {None: 1}},
        {"n": {1, 2}},
        {"n": b"bytes"},
        {"n": object()},
        {"n": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
        nest(65),
        nest(300),
        nest(5000),
        {"text": "\ud800", "n": math.nan},
        {"text": "\ud800", "deep": nest(70)},
    ],
)
def test_what_could_not_be_read_back_is_refused_before_a_byte_is_written(
    session: Session, tmp_path: Path, data: dict[Any, Any]
) -> None:
    before = (tmp_path / "s.jsonl").read_bytes()
    with pytest.raises(InvalidEventError):
        session.append_many([note({"good": 1}), note(data)])
    assert (tmp_path / "s.jsonl").read_bytes() == before
    assert session.version == 1


def test_data_that_holds_itself_is_refused(session: Session) -> None:
    data: dict[str, Any] = {}
    data["self"] = data
    with pytest.raises(InvalidEventError):
        session.append(note(data))


def test_nesting_of_64_is_read_back(session: Session, tmp_path: Path) -> None:
    data = {**nest(64), "beside": [{}] * 9}
    session.append(note(data))
    *_, event = open_session(tmp_path).events()
    assert event["data"] == data


def test_brackets_in_text_are_no_nesting(session: Session, tmp_path: Path) -> None:
    say(session, "[{" * 200)
    assert said(open_session(tmp_path)) == ["[{" * 200]


@pytest.mark.parametrize(
    "name", ["Note.a", "note", "x.", ".x", "x..a", "x.a\n", "x.ä", 'x."', "x. a", "x." + "a" * 63]
)
def test_a_type_that_is_no_dotted_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidEventError):
        codec.encode(name, {})


@pytest.mark.parametrize("key", ["", "k" * 257, "\ud800"])
def test_a_key_that_is_none_is_refused(session: Session, key: str) -> None:
    with pytest.raises(InvalidEventError):
        session.append(message("lost"), key=key)
    assert session.version == 1


def test_a_message_of_10_mb_is_read_back(session: Session, tmp_path: Path) -> None:
    text = "0123456789é" * 1_000_000
    say(session, text, "next")
    assert said(open_session(tmp_path)) == [text, "next"]


def test_a_line_above_16_mib_is_refused_before_a_byte_is_written(tmp_path: Path) -> None:
    log = begin(tmp_path, "one")
    before = log.read_bytes()
    with pytest.raises(InvalidEventError, match="large"):
        say(open_session(tmp_path), "x" * (16 << 20))
    assert log.read_bytes() == before


def test_escapes_count_for_the_length_of_a_line(session: Session) -> None:
    with pytest.raises(InvalidEventError):
        say(session, "\u2028" * (3 << 20))  # 9 MiB as it is, 18 MiB escaped


def test_the_longest_line_a_writer_makes_is_within_16_mib(tmp_path: Path) -> None:
    log, size = begin(tmp_path), (16 << 20) - 700
    open_session(tmp_path).append(message("x" * size), key="k" * 100)
    assert 16 << 20 > len(lines_of(log)[-1]) > size
    assert said(open_session(tmp_path)) == ["x" * size]
