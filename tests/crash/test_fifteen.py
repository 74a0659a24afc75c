"""The table of the fifteen faults in README.md is what our code does today."""

import pytest

from tests.crash.conftest import Tally
from tests.crash.fifteen import PAGE, is_resumed, left, rows, table, with_table
from tests.log.helpers import CONVERSATION


def test_a_session_is_resumed_after_all_fifteen_faults(states: Tally) -> None:
    measured = rows()
    states.tried += len(measured)
    assert len(measured) == 15
    assert [name for name, found in measured if not all(map(is_resumed, found))] == []


def test_with_a_copy_a_repair_makes_every_session_whole() -> None:
    assert {found[2] for _, found in rows()} == {"whole"}


def test_the_readme_has_the_table_as_it_is_measured() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page, table()), "run `python -m tests.crash.fifteen`"


@pytest.mark.parametrize("missing", [2, 5])
def test_two_missing_records_are_not_a_resumed_session(missing: int) -> None:
    assert not is_resumed(left(CONVERSATION[: 7 - missing][:-1], told=True))


def test_a_record_missing_without_a_word_is_not_a_resumed_session() -> None:
    assert not is_resumed(left(CONVERSATION[:-1], told=False))
