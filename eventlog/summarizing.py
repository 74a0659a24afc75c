"""Let the model sum up the older turns, so that a long conversation fits its context again.

The summary is an event: the log keeps every word, the model is sent the summary and the turns after
it, and dropping the summary is an event too.
"""

from collections.abc import Callable
from copy import copy

from eventlog.errors import InvalidEventError, ModelError
from eventlog.events import ContextSummarized, SummaryDropped, make_event
from eventlog.model import Delta, Model, Reply
from eventlog.projections.messages import MESSAGES, Conversation, Message, view
from eventlog.record import RecordedEvent
from eventlog.session import Session

KEEP = 6
"""How many of the newest messages stay as they are."""

INSTRUCTION = (
    "Summarize the conversation so far for your own later use: facts, names, decisions, open "
    "questions, and what the user wants. Write in the user's language, in at most 200 words."
)


def summarize(
    session: Session,
    model: Model,
    *,
    keep: int = KEEP,
    say: Callable[[Delta], None] = lambda _: None,
) -> RecordedEvent:
    """Ask the model for a summary of all but the newest `keep` messages; return it as recorded.

    A tool call is never split from its results. From then on messages() sends the summary in their
    place. Raises InvalidEventError if there is nothing to sum up, ModelError if the call fails.
    """
    through, messages = _older(session, keep)
    reply = _ask(model, messages, say)
    if not reply.text.strip():
        raise InvalidEventError("the model's summary is empty: try again, or another model")
    summary = {"text": reply.text.strip(), "through": through}
    told = {"model": reply.model, "usage": reply.usage}
    summary |= {name: value for name, value in told.items() if value is not None}
    return session.append(make_event(ContextSummarized, **summary))


def _ask(model: Model, messages: list[Message], say: Callable[[Delta], None]) -> Reply:
    """Ask for the summary; where even that does not fit, without the oldest half, and so on."""
    try:
        with model.stream([*messages, {"role": "user", "content": INSTRUCTION}]) as stream:
            for delta in stream:
                say(delta)
    except ModelError as error:
        half = _newer_half(messages)
        if not (error.too_long and half):
            raise
    else:
        return stream.reply
    return _ask(model, half, say)


def _newer_half(messages: list[Message]) -> list[Message]:
    """Return the newer half, begun with no tool result; nothing of a single message."""
    half = messages[(len(messages) + 1) // 2 :]
    while half and half[0]["role"] == "tool":
        half = half[1:]
    return half


def drop_summary(session: Session) -> RecordedEvent:
    """Let the newest summary count no more. Raises InvalidEventError if there is none."""
    summaries = session.project(MESSAGES).summaries
    if not summaries:
        raise InvalidEventError(f"session {session.id} has no summary to drop")
    return session.append(SummaryDropped(summary=summaries[-1][0]))


def _older(session: Session, keep: int) -> tuple[int, list[Message]]:
    """Return the last message to be covered, and the list that says all up to it."""
    state = session.project(MESSAGES)
    path = [number for part in state.path() for number in part if state.nodes[number] is not None]
    cut = _whole_groups(state, path, len(path) - keep)
    if cut < 1:
        raise InvalidEventError(f"session {session.id} has no more than {keep} messages to keep")
    older = copy(state)
    older.head = path[cut - 1]
    through = state.seqs[older.head]
    if any(covered == through for _, covered, _ in state.summaries):
        raise InvalidEventError(f"session {session.id} is summed up to there already")
    return through, view(older, opened=session.opener.content)


def _whole_groups(state: Conversation, path: list[int], cut: int) -> int:
    """Move a cut back until no tool result is behind it whose call is before it."""
    while cut > 0 and cut < len(path) and _is_result(state, path[cut]):
        cut -= 1
    return cut


def _is_result(state: Conversation, number: int) -> bool:
    message = state.nodes[number]
    return message is not None and message["role"] == "tool"
