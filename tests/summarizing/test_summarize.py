"""A summary by the model: what it covers, what is sent then, and how it counts no more."""

import pytest

from eventlog.errors import InvalidEventError, ModelError
from eventlog.model import Model
from eventlog.projections.messages import SUMMARY
from eventlog.session import Session
from eventlog.summarizing import INSTRUCTION, drop_summary, summarize
from eventlog.turn import take_turn
from tests.compaction.logs import put
from tests.http import openai_server as fake
from tests.http.openai_server import OpenAIServer
from tests.log.helpers import said
from tests.projections.building import assistant, call, result, system, user

TOO_LONG = fake.error(400, {"message": "too long", "code": "context_length_exceeded"})


@pytest.fixture
def talk(session: Session) -> Session:
    """A session with instructions and eight messages: events 2 to 10."""
    put(session, system("Be brief."))
    for number in range(4):
        put(session, user(f"q{number}"), assistant(f"a{number}"))
    return session


def sent(server: OpenAIServer, number: int = -1) -> list[str]:
    """Return what the messages of a request said."""
    return [message["content"] for message in server.bodies[number]["messages"]]


def test_the_model_is_asked_about_the_older_messages_alone(
    talk: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.reply("  In short. "))
    event = summarize(talk, model, keep=6)
    assert sent(server) == ["Be brief.", "q0", "a0", INSTRUCTION]
    assert event["type"] == "context.summarized"
    assert event["data"] == {
        "text": "In short.",
        "through": 4,
        "model": fake.MODEL,
        "usage": fake.USAGE,
    }


def test_from_then_on_the_summary_stands_for_them(
    talk: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.reply("In short."))
    summarize(talk, model, keep=2)
    assert said(talk) == ["Be brief.", SUMMARY + "In short.", "q3", "a3"]
    take_turn(talk, model, "and?")
    assert sent(server)[-3:] == ["q3", "a3", "and?"]
    assert len(talk.last_messages(99)) == 11  # the log keeps every word


@pytest.mark.parametrize(
    ("keep", "through"), [(0, 10), (1, 9), (2, 8), (8, 2)], ids=["all", "1", "2", "8"]
)
def test_keep_says_how_many_of_the_newest_stay(
    talk: Session, model: Model, server: OpenAIServer, keep: int, through: int
) -> None:
    server.then(fake.reply("s"))
    assert summarize(talk, model, keep=keep)["data"]["through"] == through


@pytest.mark.parametrize("keep", [9, 10, 1000])
def test_with_nothing_older_there_is_nothing_to_sum_up(
    talk: Session, model: Model, server: OpenAIServer, keep: int
) -> None:
    with pytest.raises(InvalidEventError, match=f"has no more than {keep} messages to keep"):
        summarize(talk, model, keep=keep)
    assert not server.bodies


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_a_tool_call_is_never_split_from_its_results(
    session: Session, model: Model, server: OpenAIServer, keep: int
) -> None:
    put(session, user("q"), assistant(None, call("c"), call("d")), result("c", "1"))
    put(session, result("d", "2"), assistant("a"))
    server.then(fake.reply("s"))
    assert summarize(session, model, keep=keep)["data"]["through"] == (5 if keep == 1 else 2)


def test_a_group_at_the_beginning_cannot_be_split_either(session: Session, model: Model) -> None:
    put(session, assistant(None, call("c")), result("c", "1"))
    with pytest.raises(InvalidEventError):
        summarize(session, model, keep=1)


def test_a_summary_of_a_summary_is_made_from_it_and_what_came_since(
    talk: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.reply("one"), fake.reply("two"))
    summarize(talk, model, keep=4)
    summarize(talk, model, keep=1)
    assert sent(server) == ["Be brief.", SUMMARY + "one", "q2", "a2", "q3", INSTRUCTION]
    assert said(talk) == ["Be brief.", SUMMARY + "two", "a3"]


def test_the_same_is_not_summed_up_twice(talk: Session, model: Model, server: OpenAIServer) -> None:
    server.then(fake.reply("one"))
    summarize(talk, model, keep=2)
    with pytest.raises(InvalidEventError, match="summed up to there already"):
        summarize(talk, model, keep=2)
    assert len(server.bodies) == 1


def test_dropping_a_summary_is_an_event_and_the_messages_are_sent_again(
    talk: Session, model: Model, server: OpenAIServer
) -> None:
    before = said(talk)
    server.then(fake.reply("one"), fake.reply("two"))
    first = summarize(talk, model, keep=4)
    second = summarize(talk, model, keep=2)
    dropped = drop_summary(talk)
    assert (dropped["type"], dropped["data"]) == ("summary.dropped", {"summary": second["seq"]})
    assert said(talk)[1] == SUMMARY + "one"
    assert drop_summary(talk)["data"] == {"summary": first["seq"]}
    assert said(talk) == before
    with pytest.raises(InvalidEventError, match="has no summary to drop"):
        drop_summary(talk)


def test_a_branch_from_before_the_summary_is_sent_whole(
    talk: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.reply("s"))
    summarize(talk, model, keep=2)
    talk.move_head(4)
    assert said(talk) == ["Be brief.", "q0", "a0"]


def test_too_much_for_a_summary_is_halved_until_it_fits(
    talk: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(TOO_LONG, TOO_LONG, fake.reply("s"))
    summarize(talk, model, keep=0)
    assert [len(body["messages"]) for body in server.bodies] == [10, 5, 3]
    assert sent(server) == ["q3", "a3", INSTRUCTION]
    assert talk.messages()[1]["content"] == SUMMARY + "s"


def test_a_half_begins_with_no_result_whose_call_is_cut(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    put(session, user("q"), assistant(None, call("c")), result("c", "1"), user("r"))
    server.then(TOO_LONG, fake.reply("s"))
    summarize(session, model, keep=0)
    assert sent(server) == ["r", INSTRUCTION]


def test_what_never_fits_is_not_summed_up_from_nothing(
    session: Session, model: Model, server: OpenAIServer
) -> None:
    put(session, assistant(None, call("c")), result("c", "1"))
    version = session.version
    server.then(TOO_LONG, fake.reply("made up"))
    with pytest.raises(ModelError) as raised:
        summarize(session, model, keep=0)
    assert raised.value.too_long
    assert (len(server.bodies), session.version) == (1, version)


@pytest.mark.parametrize("answer", [fake.empty(), fake.reply(" \n ")], ids=["empty", "blank"])
def test_an_empty_summary_is_refused(
    talk: Session, model: Model, server: OpenAIServer, answer: fake.Behaviour
) -> None:
    version = talk.version
    server.then(answer)
    with pytest.raises(InvalidEventError, match="the model's summary is empty"):
        summarize(talk, model)
    assert talk.version == version


def test_a_failed_call_leaves_the_session_as_it_is(
    talk: Session, model: Model, server: OpenAIServer
) -> None:
    version = talk.version
    server.then(fake.error(500))
    with pytest.raises(ModelError):
        summarize(talk, model)
    assert talk.version == version


def test_what_a_summary_used_is_counted(talk: Session, model: Model, server: OpenAIServer) -> None:
    server.then(fake.reply("s"))
    summarize(talk, model)
    assert talk.usage.models[fake.MODEL].prompt_tokens == fake.USAGE["prompt_tokens"]


def test_a_summary_can_be_watched_as_it_comes(
    talk: Session, model: Model, server: OpenAIServer
) -> None:
    server.then(fake.reply("word by word", chunks=3))
    pieces: list[str] = []
    summarize(talk, model, say=lambda delta: pieces.append(delta.text))
    assert "".join(pieces) == "word by word"
    assert len(pieces) > 1
