"""The example in docs/format.md is a log, its hashes are right, and the limits are the code's."""

import base64
import hashlib
import json
import re

import pytest

from eventlog import blobs as blobs_of
from eventlog import codec, payload
from eventlog.backends.jsonl import reader
from eventlog.chain import _TRUSTED_RUN, Chain
from eventlog.events import KINDS
from eventlog.store import SESSION_ID
from tests.docs.pages import blocks, text_of

PAGE = "docs/format.md"
EXAMPLE = [line.encode() for line in blocks(PAGE, "jsonl")[0].splitlines()]
README_LINES = [line.encode() for line in blocks("README.md", "jsonl")[0].splitlines()]


@pytest.mark.parametrize("line", EXAMPLE + README_LINES)
def test_the_hash_of_an_example_line_is_right(line: bytes) -> None:
    hashed, _, rest = line.partition(b',"hash":"')
    own = base64.urlsafe_b64encode(hashlib.sha256(hashed).digest()[:16]).rstrip(b"=")
    assert rest == own + b'"}'
    assert codec.decode(line) == json.loads(line)


def test_the_example_is_a_log_that_is_well() -> None:
    chain = Chain("demo")
    events = chain.feed(EXAMPLE)
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    assert chain.health() == type(chain.health())(bytes=sum(map(len, EXAMPLE)) + len(EXAMPLE))


def test_the_readme_shows_a_line_of_the_example() -> None:
    assert set(README_LINES) < set(EXAMPLE)


def test_the_calculation_on_the_page_prints_its_comment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (block,) = blocks(PAGE, "python")
    exec(compile(block, PAGE, "exec"), {})  # noqa: S102 - the block is ours
    assert capsys.readouterr().out.strip() == block.rstrip().rpartition("# ")[2]


def test_the_limits_are_those_of_the_code() -> None:
    text = text_of(PAGE)
    assert f"| {codec.MAX_LINE >> 20} MiB; nesting {payload.MAX_DEPTH} deep" in text
    assert f"| {reader.LONGEST >> 20} MiB; logs are read in blocks" in text
    assert f"believed at its {_TRUSTED_RUN:,}th line" in text
    assert f"texts of more than {blobs_of.LARGE >> 10} KiB" in text
    assert codec.FIRST_PREV == "A" * 22
    assert codec.UNKNOWN_PREV == "-" * 22
    assert f"`{SESSION_ID.pattern}`" in text
    assert f"`{codec._TYPE.pattern}`" in text


def test_every_type_of_event_is_named() -> None:
    named = set(re.findall(r"`([a-z]+\.[a-z]+)`", text_of(PAGE)))
    assert {kind.type for kind in KINDS} <= named
