"""The head and the branches of a session: moving is an event, and nothing is lost."""

import pytest

from eventlog.errors import InvalidEventError
from eventlog.session import Session
from eventlog.store import Store
from tests.compaction.logs import call_model, events_in, put
from tests.log.helpers import message, said
from tests.projections.building import assistant, moved, streamed, user


def test_each_branch_is_its_messages_from_the_first(session: Session) -> None:
    assert session.branches() == [[2, 3, 4], [2, 3, 6, 7]]
    assert session.head == 7


def test_the_next_message_follows_the_head(store: Store, session: Session) -> None:
    moved_by = session.move_head(4, reason="back")
    assert (moved_by["type"], moved_by["data"]) == ("head.moved", {"to": 4, "reason": "back"})
    session.append(message("f"))
    assert said(store.open("s")) == ["a", "b", "c", "f"]
    assert session.branches() == [[2, 3, 6, 7], [2, 3, 4, 9]]


def test_moving_the_head_to_the_beginning_begins_anew(session: Session) -> None:
    session.move_head(0)
    assert (session.head, said(session)) == (0, [])
    session.append(message("anew"))
    assert said(session) == ["anew"]
    assert [9] in session.branches()


@pytest.mark.parametrize("to", [1, 5, 8, 99, -1])
def test_a_target_that_is_no_message_is_refused(session: Session, to: int) -> None:
    version = session.version
    with pytest.raises(InvalidEventError, match=f"event {to} of session s is no message"):
        session.move_head(to)
    assert (session.version, session.head) == (version, 7)


def test_no_event_is_lost_by_moving(store: Store, session: Session) -> None:
    before = events_in(store)
    for to in (2, 0, 7, 4):
        session.move_head(to)
    assert events_in(store)[: len(before)] == before
    session.move_head(7)
    assert said(session) == ["a", "b", "d", "e"]


def test_a_session_without_messages_has_no_branches(store: Store) -> None:
    session = store.create("t")
    assert (session.branches(), session.head) == ([], 0)


def test_a_partial_reply_that_was_replaced_is_no_branch(store: Store) -> None:
    session = store.create("t")
    put(session, user("a"))
    call = call_model(session)
    put(session, streamed(call, "ha"), moved(2), user("b"), assistant("half", call=call))
    assert session.branches() == [[2, 6, 7]]


def test_a_partial_reply_without_an_end_is_a_branch_like_any(store: Store) -> None:
    session = store.create("t")
    put(session, user("a"))
    call = call_model(session)
    put(session, streamed(call, "ha"))
    session.move_head(2)
    put(session, user("b"))
    assert session.branches() == [[2, 4], [2, 6]]
    assert session.move_head(4)["data"] == {"to": 4}
