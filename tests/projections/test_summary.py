"""The row that the session list shows."""

import pytest

from eventlog.projection import fold
from eventlog.projections.summary import NEW_SESSION, SUMMARY, Summary
from tests.projections.building import Fact, assistant, called, moved, record, system, user


def row(*facts: Fact) -> Summary:
    return fold(SUMMARY, record(*facts))


def titled(title: str) -> Fact:
    return "title.set", {"title": title}


def test_a_session_without_a_user_message_is_a_new_session() -> None:
    assert row(system("s"), assistant("a")).title == NEW_SESSION


def test_the_title_is_the_first_user_message() -> None:
    assert row(system("s"), user("first"), user("second")).title == "first"


def test_white_space_in_a_title_becomes_one_blank() -> None:
    assert row(user("  one\n\ttwo\u2028three ")).title == "one two three"


@pytest.mark.parametrize("empty", ["", " \n", [], [{"type": "image_url", "image_url": {}}]])
def test_a_message_without_text_gives_no_title(empty: object) -> None:
    assert row(user(empty), user("words")).title == "words"


def test_the_text_of_content_parts_is_the_title() -> None:
    parts = [{"type": "text", "text": "what is"}, {"type": "image_url"}, {"text": "this?"}]
    assert row(user(parts)).title == "what is this?"


@pytest.mark.parametrize(("length", "end"), [(60, ""), (61, "..."), (9999, "...")])
def test_a_title_is_cut_after_sixty_characters(length: int, end: str) -> None:
    assert row(user("é" * length)).title == "é" * 60 + end


def test_the_title_set_last_counts_whatever_is_said_after() -> None:
    summary = row(user("first"), titled("One"), titled("Two"), user("more"))
    assert (summary.title, summary.titled) == ("Two", True)


def test_a_title_set_before_the_first_message_stays() -> None:
    assert row(titled("Mine"), user("first")).title == "Mine"


def test_a_title_that_is_set_to_that_of_a_new_session_stays() -> None:
    assert row(titled(NEW_SESSION.title()), user("first")).title == NEW_SESSION


def test_messages_count_on_all_branches_and_other_events_do_not() -> None:
    assert row(user("a"), called(), assistant("b"), moved(1), user("c")).messages == 3


def test_times_and_version_are_those_of_the_first_event_and_the_last_use() -> None:
    events = record(user("a"), called(), ("x.app.note", {}))
    summary = fold(SUMMARY, events)
    assert (summary.created, summary.updated) == (events[0]["at"], events[2]["at"])
    assert summary.version == 3


def test_it_was_updated_when_it_was_used_last_and_not_when_it_was_renamed() -> None:
    events = record(user("a"), titled("t"), ("metadata.set", {"metadata": {}}), moved(0))
    summary = fold(SUMMARY, events)
    assert (summary.updated, summary.version) == (events[0]["at"], 4)


def test_the_model_is_the_one_called_last() -> None:
    assert row(called("old"), called("new"), user("a")).model == "new"
