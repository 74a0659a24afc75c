"""Projections over any sequence of events: one answer by every way, and always a valid request."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.projection import Projection, fold
from eventlog.projections.keys import KEYS
from eventlog.projections.messages import MESSAGES, Conversation, view
from eventlog.projections.summary import SUMMARY
from eventlog.projections.usage import USAGE
from eventlog.record import RecordedEvent
from tests.projections.validity import assert_valid
from tests.properties.reference import Tree, reference
from tests.properties.strategies import KEYED_LOGS, LOGS

LIMITS = st.integers(1, 40)
PROJECTIONS: list[Projection[Any]] = [MESSAGES, SUMMARY, USAGE, KEYS]
by_name = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: p.name)


def shown(state: Any) -> Any:
    """Return all that a state holds, comparable."""
    if isinstance(state, Conversation):
        return {name: copy.deepcopy(getattr(state, name)) for name in Conversation.__slots__}
    return state


def somebody_speaks(events: list[RecordedEvent]) -> bool:
    return any(node.said["role"] == "user" for node in Tree(events).path())


@by_name
@given(events=KEYED_LOGS)
def test_replay_equals_the_incremental_fold_at_every_split(
    projection: Projection[Any], events: list[RecordedEvent]
) -> None:
    whole = shown(fold(projection, events))
    for split in range(len(events) + 1):
        state = fold(projection, events[split:], fold(projection, events[:split]))
        assert shown(state) == whole


@by_name
@given(events=KEYED_LOGS)
def test_folding_one_by_one_equals_replay_and_changes_no_event(
    projection: Projection[Any], events: list[RecordedEvent]
) -> None:
    before, state = copy.deepcopy(events), projection.initial()
    for event in events:
        state = fold(projection, [event], state)
    assert shown(state) == shown(fold(projection, events))
    assert events == before


@given(LOGS)
def test_the_list_of_every_prefix_is_valid(events: list[RecordedEvent]) -> None:
    state = MESSAGES.initial()
    for count, event in enumerate(events, start=1):
        state = fold(MESSAGES, [event], state)
        assert_valid(view(state), spoken=somebody_speaks(events[:count]))


@given(LOGS, LIMITS)
def test_the_list_is_valid_at_any_limit(events: list[RecordedEvent], limit: int) -> None:
    assert_valid(view(fold(MESSAGES, events), limit), spoken=somebody_speaks(events))


@given(LOGS)
def test_the_list_is_that_of_the_slow_reference(events: list[RecordedEvent]) -> None:
    assert view(fold(MESSAGES, events)) == reference(events)


@given(LOGS, LIMITS)
def test_the_list_at_a_limit_is_that_of_the_slow_reference(
    events: list[RecordedEvent], limit: int
) -> None:
    assert view(fold(MESSAGES, events), limit) == reference(events, limit)


@given(LOGS, LIMITS)
def test_a_limit_is_exceeded_by_one_newest_group_only(
    events: list[RecordedEvent], limit: int
) -> None:
    sent = view(fold(MESSAGES, events), limit)
    results = len(sent) - max([i for i, m in enumerate(sent) if m["role"] != "tool"], default=0)
    assert len(sent) <= max(limit, limit - 1 + results)


@given(LOGS, LIMITS)
def test_looking_changes_no_state(events: list[RecordedEvent], limit: int) -> None:
    state = fold(MESSAGES, events)
    before = shown(state)
    for message in view(state) + view(state, limit):
        message.clear()
    assert shown(state) == before
