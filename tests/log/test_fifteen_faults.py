"""Fifteen faults, each put into a healthy session with a tool call; then it is resumed.

Promised for all of them: the history is whole but for the one record that was truly destroyed, the
next append is kept, the health tells what is wrong, and no byte of the file goes away.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.log.helpers import (
    CONVERSATION,
    change_line,
    converse,
    cut_off,
    kinds,
    lines_of,
    open_session,
    say,
    write_lines,
)

NO_RESULT = {
    **CONVERSATION[3],
    "content": "[interrupted: no result of this tool call was recorded]",
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return converse(tmp_path)


def torn_tail(log: Path) -> None:
    log.write_bytes(log.read_bytes() + b'{"seq":8,"at":"2026-11-22T10:00:00.1')


def no_final_newline(log: Path) -> None:
    cut_off(log, 1)


def two_records_glued(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:4], lines[4] + lines[5], lines[6]])


def torn_and_next_on_one_line(log: Path) -> None:
    lines = lines_of(log)
    write_lines(log, [*lines[:5], lines[6][:90] + lines[5], lines[6]])


def nuls_in_the_middle(log: Path) -> None:
    change_line(log, 5, b"\0" * 4096 + lines_of(log)[4])


def nuls_at_the_end(log: Path) -> None:
    log.write_bytes(log.read_bytes() + b"\0" * 65536)


def garbage_line(log: Path) -> None:
    change_line(log, 4, lines_of(log)[3], b"\x80garbage}{")


def byte_order_mark(log: Path) -> None:
    log.write_bytes(b"\xef\xbb\xbf" + log.read_bytes())


def windows_line_ends(log: Path) -> None:
    log.write_bytes(log.read_bytes().replace(b"\n", b"\r\n"))


def a_record_twice(log: Path) -> None:
    change_line(log, 4, *lines_of(log)[3:4] * 2)


def header_lost(log: Path) -> None:
    change_line(log, 1)


def tool_result_lost(log: Path) -> None:
    change_line(log, 5)


def invalid_utf8_byte(log: Path) -> None:
    change_line(log, 5, lines_of(log)[4].replace(b"blue", b"bl\xffe"))


def lone_surrogate_escape(log: Path) -> None:
    change_line(log, 5, lines_of(log)[4].replace(b"blue", b"\\ud800"))


def zero_bytes(log: Path) -> None:
    log.write_bytes(b"")


WHOLE: list[dict[str, Any]] = CONVERSATION
LOST_RESULT = [*CONVERSATION[:3], NO_RESULT, *CONVERSATION[4:]]

FAULTS: list[tuple[Callable[[Path], None], list[dict[str, Any]], list[str]]] = [
    (torn_tail, WHOLE, ["torn"]),
    (no_final_newline, WHOLE, ["torn"]),
    (two_records_glued, WHOLE, ["damaged"]),
    (torn_and_next_on_one_line, WHOLE, ["damaged"]),
    (nuls_in_the_middle, WHOLE, ["damaged"]),
    (nuls_at_the_end, WHOLE, ["torn"]),
    (garbage_line, WHOLE, ["torn"]),
    (byte_order_mark, WHOLE, []),
    (windows_line_ends, WHOLE, []),
    (a_record_twice, WHOLE, ["damaged"]),
    (header_lost, WHOLE, ["gap"]),
    (tool_result_lost, LOST_RESULT, ["gap"]),
    (invalid_utf8_byte, LOST_RESULT, ["gap", "damaged"]),
    (lone_surrogate_escape, LOST_RESULT, ["gap", "damaged"]),
    (zero_bytes, [], []),
]


@pytest.mark.parametrize(
    ("fault", "left", "found"), FAULTS, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_session_is_resumed_after(
    log: Path,
    fault: Callable[[Path], None],
    left: list[dict[str, Any]],
    found: list[str],
) -> None:
    ok = set(found) <= {"torn"}
    fault(log)
    hurt = log.read_bytes()
    session = open_session(log.parent)
    assert (kinds(session.health), session.health.ok) == (found, ok)
    assert log.read_bytes() == hurt  # looking changes nothing

    say(session, "And now?")
    resumed = [*left, {"role": "user", "content": "And now?"}]
    assert session.messages() == open_session(log.parent).messages() == resumed
    assert log.read_bytes().startswith(hurt)  # nothing is thrown away
    assert open_session(log.parent).health.ok is ok


@pytest.mark.parametrize("fault", [f for f, *_ in FAULTS], ids=lambda f: str(f.__name__))
def test_every_event_appended_after_a_fault_is_there_once(
    log: Path, fault: Callable[[Path], None]
) -> None:
    fault(log)
    for i in range(3):
        say(open_session(log.parent), f"after {i}")
    session = open_session(log.parent)
    assert [m["content"] for m in session.messages()[-3:]] == ["after 0", "after 1", "after 2"]
    seqs = [event["seq"] for event in session.events()]
    assert seqs == sorted(set(seqs))
