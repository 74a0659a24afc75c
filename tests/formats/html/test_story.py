"""What a page tells: erased, masked and partial things, notes beside the turns, many branches."""

import re
import time
from itertools import pairwise

import pytest

from eventlog.events import ContentErased, ContextSummarized, MetadataSet, TitleSet
from eventlog.formats.html.markdown import is_link, is_picture, letter, markdown
from eventlog.formats.html.page import page
from eventlog.formats.html.picture import picture_html
from eventlog.formats.html.story import tell
from eventlog.redaction import SECRETS
from eventlog.session import Session
from eventlog.store import open_store
from tests.formats.html.sessions import KEY, answer, page_of, rich_session, story_of


def new_session(*contents: str) -> Session:
    session = open_store("memory://").create("s")
    session.append_many([{"role": "user", "content": content} for content in contents])
    return session


def test_turns_follow_each_other_as_in_the_log() -> None:
    session = rich_session()
    story = story_of(session)
    assert [turn.seq for turn in story.turns] == sorted(
        {seq for b in session.branches() for seq in b}
    )
    assert story.head == session.head
    parents = {turn.seq: turn.parent for turn in story.turns}
    assert all(parents[b] == a for branch in session.branches() for a, b in pairwise(branch))


def test_a_page_says_how_many_calls_did_not_tell_their_tokens() -> None:
    session = new_session("hi")
    answer(session, "told")
    assert "did not tell" not in page_of(session)
    answer(session, "untold", usage=None)
    assert "Calls that did not tell their tokens: 1" in page_of(session)


def test_what_is_erased_is_told_by_no_view_even_while_it_is_in_the_log() -> None:
    session = new_session("secret plan")
    secrets = [TitleSet(title="secret title"), MetadataSet(metadata={"k": "secret fact"}),
               ContextSummarized(text="secret sum", through=2)]  # fmt: skip
    seqs = [2, *(session.append(event)["seq"] for event in secrets)]
    session.append(ContentErased(seqs=seqs))
    assert "secret" not in re.sub(
        r"<style.*?</style>|id=\"secrets\"", "", page_of(session), flags=re.DOTALL
    )


def test_secrets_are_masked_in_each_place_that_holds_text() -> None:
    session = new_session(KEY)
    call = {"id": KEY, "function": {"name": KEY, "arguments": f'{{"k": "{KEY}"}}'}}
    session.append(
        {"role": "assistant", "content": None, "reasoning": KEY, "tool_calls": [call], "model": KEY}
    )
    session.append({"role": "tool", "tool_call_id": KEY, "content": KEY, "name": KEY})
    parts = [{"type": "text", "text": KEY}, {"type": KEY, "x": KEY},
             {"type": "image_url", "image_url": {"url": f"https://example.org/?api_key={KEY}", "alt": KEY}}]  # fmt: skip
    session.append({"role": "user", "content": parts})
    session.append_many(
        [
            TitleSet(title=KEY),
            MetadataSet(metadata={KEY: KEY}),
            ContextSummarized(text=KEY, through=2),
        ]
    )
    html = page_of(session)
    assert KEY[:12] not in html
    found = {finding.event for finding in story_of(session).masked}
    assert found == {2, 3, 4, 5, 6, 7, 8}


def test_without_rules_nothing_is_masked() -> None:
    story = tell("s", new_session(KEY).events(), ())
    assert story.masked == ()
    assert KEY in page(story)


def test_a_page_stops_where_its_events_stop() -> None:
    session = rich_session()
    story = tell("s", (event for event in session.events() if event["seq"] <= 5), SECRETS)
    assert [turn.seq for turn in story.turns] == [2, 3, 5]
    assert story.summary.title.startswith("Count lines")


def test_no_events_make_an_empty_page() -> None:
    assert "Nothing was said" in page(tell("s", (), SECRETS))


def test_a_picture_is_drawn_only_where_there_are_branches() -> None:
    assert picture_html(story_of(new_session("a", "b"))) == ""
    html = picture_html(story_of(rich_session()))
    assert html.count("data-goto") == len(story_of(rich_session()).turns)


def test_a_long_run_without_a_fork_is_one_stretch_of_the_picture() -> None:
    session = new_session(*map(str, range(100)))
    session.move_head(50)
    session.append({"role": "user", "content": "anew"})
    html = picture_html(story_of(session))
    assert re.findall(r'data-goto="(\d+)"', html) == ["2", "50", "51", "101", "103"]


def rows_of(session: Session) -> int:
    """Count the heights at which the picture has dots."""
    return len(set(re.findall(r'cy="(\d+)" r="[46]"', picture_html(story_of(session)))))


def test_branches_that_do_not_meet_share_a_row_of_the_picture() -> None:
    session = new_session("begin")
    for _ in range(3):
        trunk = session.append({"role": "user", "content": "on"})["seq"]
        session.append({"role": "user", "content": "aside"})
        session.move_head(trunk)
    session.append({"role": "user", "content": "end"})
    assert len(session.branches()) == 4
    assert rows_of(session) == 2


def test_branches_of_one_message_have_a_row_each() -> None:
    session = new_session("begin")
    for _ in range(3):
        session.move_head(2)
        session.append({"role": "user", "content": "anew"})
    assert rows_of(session) == 3


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://example.org/a?b#c", True), ("HTTP://x", True), ("mailto:jo@example.org", True),
        ("javascript:x", False), (" https://x", False), ("//x", False), ("/x", False), ("#e1", False),
        ("data:text/html,x", False), ("ftp://x", False), ("https:x", False), ("file:///x", False),
    ],
)  # fmt: skip
def test_links_lead_to_the_web_and_mail_only(url: str, fine: bool) -> None:  # noqa: FBT001
    assert is_link(url) is fine


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("data:image/png;base64,AAAA", True), ("data:image/webp;base64,AA+/AA==", True),
        ("data:image/svg+xml;base64,AAAA", False), ("data:image/png;base64,AAAA\n", False),
        ('data:image/png;base64,AAAA"x', False), ("data:text/html;base64,AAAA", False), ("https://x/y.png", False),
    ],
)  # fmt: skip
def test_pictures_are_of_kinds_that_cannot_act(url: str, fine: bool) -> None:  # noqa: FBT001
    assert is_picture(url) is fine


def test_markdown_is_rendered_and_html_is_text() -> None:
    assert markdown("a *b* <b>") == "<p>a <em>b</em> &lt;b&gt;</p>\n"
    assert letter("one\ntwo") == "<p>one<br />\ntwo</p>\n"
    assert "<h3>" in markdown("# T")
    assert '<span class="k">def</span>' in markdown("```py\ndef f(): pass\n```")
    assert "<span" not in markdown("```no-such-language\ndef f(): pass\n```")


def test_bare_addresses_become_links_without_the_full_stop() -> None:
    assert 'href="https://a.b/c?d"' in markdown("See https://a.b/c?d.")
    assert markdown("[https://a.b](https://c.d)").count("<a ") == 1


def test_characters_that_hide_or_reorder_are_shown() -> None:
    assert "&lt;U+202E&gt;" in markdown("a\u202eb")
    assert "\x1b" not in markdown("*a*\x1b")


MARKDOWN_TRAPS = ("[", "![", "*a ", "> ", "- ", "`", "<a ", "[a](b", "[a](http://b) ", "_a__", "&#", "[a]: b\n\n[a]", "~~a",
                  "|", "https://", "*_", "a\\\n", "<!--", "[[", "](", "```\n")  # fmt: skip


@pytest.mark.parametrize("unit", MARKDOWN_TRAPS)
def test_no_markdown_takes_long(unit: str) -> None:
    began = time.process_time()
    markdown(unit * (99_000 // len(unit)))
    assert time.process_time() - began < 10


def test_ten_thousand_messages_make_a_page_in_seconds() -> None:
    text = (
        "Some **words** and `code`, as models say it.\n\n1. one\n2. two\n\n" + "More words. " * 20
    )
    session = new_session(*(text for _ in range(10_000)))
    began = time.process_time()
    assert page_of(session).count("<article") == 10_000
    assert time.process_time() - began < 20
