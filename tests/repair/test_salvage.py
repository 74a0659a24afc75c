"""Each way to bring a record back out of bytes, and that nothing else is ever given."""

from itertools import pairwise
from pathlib import Path

import pytest

from eventlog.salvage import LONGEST_FLIP, Salvaged, salvage
from tests.log.helpers import begin, flip, lines_of


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    return lines_of(begin(tmp_path, "one", "two", "three"))


def brought(*fragments: bytes) -> list[tuple[int, str]]:
    """Return the number of each record that is brought back, and how."""
    return [(each.event["seq"], each.how) for each in salvage(fragments)]


def test_a_record_is_cut_out_of_what_surrounds_it(lines: list[bytes]) -> None:
    (found,) = salvage([b"\x80x{" + lines[1] + b"}garbage"])
    assert (found.line, found.start, found.end) == (lines[1], 3, 3 + len(lines[1]))
    assert (found.event["seq"], found.how) == (2, "cut out of a damaged line")


def test_all_records_that_share_a_line_are_cut_out(lines: list[bytes]) -> None:
    assert [seq for seq, _ in brought(lines[1] + b"x" + lines[2] + lines[3])] == [2, 3, 4]


@pytest.mark.parametrize("at", [1, 50, 120, -30, -1])
@pytest.mark.parametrize("size", [1, 512])
def test_nuls_inside_a_record_are_taken_away(lines: list[bytes], at: int, size: int) -> None:
    hurt = lines[1][:at] + bytes(size) + lines[1][at:]
    assert brought(hurt)[0] == (2, "NUL bytes taken away")


@pytest.mark.parametrize("cuts", [[80], [7, 100], [30, 60, 140]])
def test_torn_pieces_are_put_together(lines: list[bytes], cuts: list[int]) -> None:
    ends = [0, *cuts, len(lines[1])]
    pieces = [lines[1][a:b] for a, b in pairwise(ends)]
    assert (2, "torn halves put together") in brought(*pieces)


def test_more_than_four_pieces_are_not_tried(lines: list[bytes]) -> None:
    pieces = [lines[1][at : at + 30] for at in range(0, len(lines[1]), 30)]
    assert (len(pieces) > 4, brought(*pieces)) == (True, [])


@pytest.mark.parametrize("bit", range(8))
def test_a_byte_that_became_a_newline_is_turned_back(lines: list[bytes], bit: int) -> None:
    was = bytes([0x0A ^ 1 << bit])
    place = lines[1].find(was)
    if place < 0:
        pytest.skip(f"{was!r} is not in the line")
    assert (2, "torn halves put together") in brought(lines[1][:place], lines[1][place + 1 :])


def test_every_bit_of_a_line_is_turned_back(lines: list[bytes]) -> None:
    for place in range(len(lines[1])):
        found = [each.line for each in salvage([flip(lines[1], place, 1 << place % 8)])]
        assert lines[1] in found


@pytest.mark.parametrize("places", [(20, 90), (20, -10), (-30, -10), (-1, -2)])
def test_two_turned_bits_are_not_made_up(lines: list[bytes], places: tuple[int, int]) -> None:
    hurt = flip(flip(lines[1], places[0]), places[1])
    assert brought(hurt) == []


def test_a_long_line_is_not_searched_bit_by_bit(tmp_path: Path) -> None:
    long = lines_of(begin(tmp_path / "long", "x" * LONGEST_FLIP))[1]
    assert brought(flip(long, 1000)) == []
    assert brought(flip(long, -10)) == []


@pytest.mark.parametrize("fragment", [b"", b"{}", b"\0" * 200, b"\xff" * 300, b'{"seq":1}'])
def test_garbage_gives_nothing(fragment: bytes) -> None:
    assert brought(fragment, fragment) == []


def test_the_fragments_that_a_record_came_from_are_named(lines: list[bytes]) -> None:
    found: list[Salvaged] = list(salvage([b"x", lines[1][:50], lines[1][50:]]))
    assert {(each.first, each.fragments, each.end) for each in found} >= {(1, 2, None)}
