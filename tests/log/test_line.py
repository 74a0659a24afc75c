"""The line, byte by byte, against the format as it is written down."""

import json
import re
from pathlib import Path

import pytest

from eventlog import codec
from eventlog.store import open_store
from tests.log.helpers import begin, hash_of, lines_of, open_session, walk

AT = "2026-11-22T10:00:00.123456Z"
PREV = "P" * 22


def seal(draft: codec.Draft, batch: tuple[int, int] | None = None) -> bytes:
    return codec.seal(draft, 7, AT, PREV, batch)[0]


def test_a_line_is_laid_out_as_the_format_says() -> None:
    line = seal(codec.encode("message.added", {"role": "user", "content": "Hi"}))
    assert line[:-24] == (
        b'{"seq":7,"at":"2026-11-22T10:00:00.123456Z","type":"message.added",'
        b'"data":{"role":"user","content":"Hi"},"prev":"PPPPPPPPPPPPPPPPPPPPPP","hash":"'
    )
    assert line[-24:] == hash_of(line).encode() + b'"}'


def test_optional_members_come_between_type_and_data() -> None:
    line = seal(codec.encode("x.a", {}, version=3, key="k\n"), (1, 2))
    assert b'"type":"x.a","v":3,"key":"k\\n","batch":[1,2],"data":{},"prev":' in line


def test_version_1_is_not_written() -> None:
    assert b'"v"' not in seal(codec.encode("x.a", {}, version=1))


def test_seal_returns_the_hash_that_the_line_ends_with() -> None:
    line, own = codec.seal(codec.encode("x.a", {"n": 1}), 7, AT, PREV)
    assert (own, len(own)) == (hash_of(line), 22)
    assert line.endswith(b',"hash":"%s"}' % own.encode())


def test_hash_is_unpadded_base64url_of_16_bytes() -> None:
    hashes = {codec.seal(codec.encode("x.a", {"n": n}), 1, AT, PREV)[1] for n in range(200)}
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{21}[AQgw]", each) for each in hashes)
    assert re.search("[_-]", "".join(hashes))  # neither + nor /


def test_the_first_line_of_a_log_is_its_header(tmp_path: Path) -> None:
    header = json.loads(lines_of(begin(tmp_path))[0])
    assert list(header) == ["seq", "at", "type", "data", "prev", "hash"]
    assert (header["seq"], header["type"], header["prev"]) == (1, "session.created", "A" * 22)
    data = header["data"]
    assert [data[n] for n in ("format", "compat", "incompat", "session", "generation")] == [
        1, [], [], "s", 0,
    ]  # fmt: skip
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", data["salt"])


def test_no_two_sessions_share_a_salt(tmp_path: Path) -> None:
    logs = [begin(tmp_path, session_id=f"s{i}") for i in range(5)]
    assert len({json.loads(lines_of(log)[0])["data"]["salt"] for log in logs}) == 5


def test_the_time_is_utc_with_microseconds(tmp_path: Path) -> None:
    event = json.loads(lines_of(begin(tmp_path))[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["at"])


def test_every_line_follows_the_one_before(tmp_path: Path) -> None:
    log = begin(tmp_path, "one", "two")
    open_session(tmp_path).append_many([{"role": "user", "content": c} for c in "abc"], key="k")
    events = walk(log)
    assert [event.get("batch") for event in events[3:]] == [[1, 3], [2, 3], [3, 3]]
    assert [event.get("key") for event in events[3:]] == ["k", None, None]


def test_append_returns_what_the_file_holds(tmp_path: Path) -> None:
    session = open_store(tmp_path).create("s")
    recorded = session.append({"role": "user", "content": "Hi"}, key="k")
    assert recorded == walk(tmp_path / "s.jsonl")[-1]


@pytest.mark.parametrize("at", [0, 8, 60, 80, -90, -60, -57, -40, -30, -20, -2, -1])
def test_a_line_with_one_bit_changed_is_no_record(at: int) -> None:
    line = seal(codec.encode("message.added", {"role": "user", "content": "Hi"}))
    assert codec.decode(line)
    for bit in range(8):
        changed = bytearray(line)
        changed[at] ^= 1 << bit
        assert codec.decode(bytes(changed)) is None


@pytest.mark.parametrize("line", [b"", b"{}", b"x" * 40, b'"}' * 40, b"\0" * 100, b"[1]" * 30])
def test_what_is_no_line_is_no_record(line: bytes) -> None:
    assert codec.decode(line) is None


@pytest.mark.parametrize("cut", [1, 2, 20, 33, 57])
def test_a_line_that_is_cut_is_no_record(cut: int) -> None:
    line = seal(codec.encode("x.a", {"n": 1}))
    assert codec.decode(line[:-cut]) is codec.decode(line[cut:]) is None
