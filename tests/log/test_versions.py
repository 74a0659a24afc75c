"""Logs and events of other versions: kept, read where possible, never called damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventlog import codec
from eventlog.errors import UnsupportedFormatError
from eventlog.events import AppEvent
from eventlog.session import Session
from eventlog.store import open_store
from tests.log.helpers import begin, change_line, lines_of, open_session, rehash, said, say, walk

AT = "2026-11-22T10:00:00.000000Z"


def change_header(log: Path, **members: Any) -> None:
    """Write other members into a header, and the hash that fits them."""
    header = json.loads(lines_of(log)[0])
    header["data"].update(members)
    line = json.dumps(header, separators=(",", ":")).encode()
    change_line(log, 1, rehash(line))


def append_raw(log: Path, type_: str, data: dict[str, Any], version: int = 1) -> None:
    """Append an event that this version would not write, in its place in the chain."""
    last = walk(log)[-1]
    draft = codec.encode(type_, data, version=version)
    line, _ = codec.seal(draft, last["seq"] + 1, AT, last["hash"])
    log.write_bytes(log.read_bytes() + line + b"\n")


USES: dict[str, Callable[[Session], object]] = {
    "messages": Session.messages,
    "events": lambda session: list(session.events()),
    "append": lambda session: say(session, "lost"),
    "health": lambda session: session.health,
    "title": lambda session: session.title,
}


@pytest.mark.parametrize("newer", [{"format": 2}, {"incompat": ["zstd"]}], ids=["format", "flag"])
@pytest.mark.parametrize("use", USES)
def test_a_log_of_a_newer_format_is_called_newer_and_left_alone(
    tmp_path: Path, newer: dict[str, Any], use: str
) -> None:
    log = begin(tmp_path)
    change_header(log, **newer)
    before, session = log.read_bytes(), open_session(tmp_path)
    with pytest.raises(UnsupportedFormatError, match="newer eventlog"):
        USES[use](session)
    assert log.read_bytes() == before


def test_a_log_of_a_newer_format_is_listed_with_its_problem(tmp_path: Path) -> None:
    change_header(begin(tmp_path, session_id="new"), format=2)
    begin(tmp_path, "Hello", session_id="old")
    rows = {row.id: row for row in open_store(tmp_path).list()}
    assert "upgrade" in (rows["new"].problem or "")
    assert (rows["old"].problem, rows["old"].summary.title) == (None, "Hello")


def test_a_flag_that_asks_for_nothing_is_no_obstacle(tmp_path: Path) -> None:
    change_header(begin(tmp_path), compat=["index"], note="more members than we know")
    say(open_session(tmp_path), "one")
    assert said(open_session(tmp_path)) == ["one"]


@pytest.mark.parametrize("type_", ["message.starred", "x.app.noted", "future"])
def test_an_unknown_event_type_is_kept_and_skipped(tmp_path: Path, type_: str) -> None:
    log = begin(tmp_path, "one")
    append_raw(log, type_ if "." in type_ else "future.thing", {"any": [1, None]})
    say(open_session(tmp_path), "two")
    session = open_session(tmp_path)
    assert (said(session), session.health.where) == (["one", "two"], ())
    assert next(session.events(after=2))["data"] == {"any": [1, None]}


def test_a_newer_payload_is_kept_and_left_out_of_the_view(tmp_path: Path) -> None:
    log = begin(tmp_path, "one")
    append_raw(log, "message.added", {"speaker": "user", "words": "two"}, version=9)
    say(open_session(tmp_path), "three")
    session = open_session(tmp_path)
    assert (said(session), session.health.ok) == (["one", "three"], True)
    assert list(session.events())[2]["v"] == 9


def test_an_applications_own_event_is_read_back(tmp_path: Path) -> None:
    begin(tmp_path)
    recorded = open_session(tmp_path).append(AppEvent(name="x.note", data={"a": [1, {"b": None}]}))
    assert list(open_session(tmp_path).events(after=1)) == [recorded]
    assert (recorded["type"], recorded["data"]) == ("x.note", {"a": [1, {"b": None}]})


def test_a_log_copied_under_another_name_is_read_there(tmp_path: Path) -> None:
    log = begin(tmp_path, "one")
    (tmp_path / "copy.jsonl").write_bytes(log.read_bytes())
    say(open_session(tmp_path, "copy"), "two")
    assert said(open_session(tmp_path, "copy")) == ["one", "two"]
    assert said(open_session(tmp_path)) == ["one"]
