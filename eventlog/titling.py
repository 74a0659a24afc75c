"""Let the model find a title for a session, from how it began and where it is.

It is asked once, with little: not the messages, but an excerpt of the first and the last of them.
The title and what it used are one event. What titles are shown where is not known here.
"""

import re
from typing import Any

from eventlog.errors import InvalidEventError, ModelError
from eventlog.events import TitleSet, make_event
from eventlog.model import Model, Reply
from eventlog.projections.messages import MESSAGES, Message, last_messages
from eventlog.projections.summary import first_line
from eventlog.record import RecordedEvent
from eventlog.session import Session

INSTRUCTION = (
    "Give the conversation below a title: at most 60 characters, in the user's language, that says "
    "what it is about. Answer with the title alone, without quotation marks."
)

FIRST, LAST = 4, 4
"""How many messages of the beginning and of the end the model is shown."""

LONGEST = 600
"""How many characters of each."""

SHORTEST = 200
"""An excerpt of fewer characters is not halved again."""

_CUT = " …"
_THOUGHT = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_BOLD = re.compile(r"\*\*(.+?)\*\*|__(.+?)__")
_LABEL = re.compile(
    r"(title|titel|titre|título|titolo|标题|標題|タイトル|제목)\s*[:\uff1a]\s*", re.IGNORECASE
)
_CLOSING = {
    **{mark: mark for mark in "\"'`*_"},
    "“": "”",
    "„": "“”",
    "\u2018": "\u2019",
    "«": "»",
    "»": "«",
    "「": "」",
    "『": "』",
    "《": "》",
}
_NO_WORDS = frozenset("\"'`*_#>-=~. ")


def suggest_title(session: Session, model: Model) -> RecordedEvent:
    """Ask the model for a title and set it; return the event, with the model and its usage.

    Raises InvalidEventError if nothing was said yet or the answer holds no title, ModelError if the
    call fails: the session is then as it was.
    """
    excerpt = _excerpt(session)
    if not excerpt:
        raise InvalidEventError(f"nothing was said in session {session.id} that could be a title")
    reply = _ask(model, excerpt)
    title = cleaned(reply.text)
    if not title:
        raise InvalidEventError("the model gave no title: try again, or another model")
    told = {"model": reply.model, "usage": reply.usage}
    members = {name: value for name, value in told.items() if value is not None}
    return session.append(make_event(TitleSet, title=title, **members))


def _ask(model: Model, excerpt: str) -> Reply:
    """Ask for the title; where even the excerpt does not fit, with half of it, and so on."""
    asked = {"role": "user", "content": f"{INSTRUCTION}\n\n{excerpt}"}
    try:
        with model.stream([asked]) as stream:
            for _ in stream:
                pass
    except ModelError as error:
        if not error.too_long or len(excerpt) < SHORTEST:
            raise
    else:
        return stream.reply
    return _ask(model, excerpt[: len(excerpt) // 2])


def cleaned(answer: str) -> str:
    """Return the title in a model's answer: one line, without what models put around it."""
    lines = list(filter(None, map(_bare, _THOUGHT.sub("", answer).splitlines())))
    titles = [line for line in lines if not line.endswith((":", "\uff1a"))]  # "Here is a title:"
    return first_line(next(iter(titles or lines), ""))


def _bare(line: str) -> str:
    """Take off marks of Markdown, quotation marks, a label and the dot at the end."""
    line = _BOLD.sub(lambda found: found[1] or found[2], line.strip().lstrip("#>").strip())
    if _NO_WORDS.issuperset(line):
        return ""
    before = None
    while line != before:
        before = line
        label = _LABEL.match(line)
        line = _without_quotes(line[label.end() :] if label else line).strip()
        line = line if line.endswith("..") else line.removesuffix(".").removesuffix("。")
    return line


def _without_quotes(line: str) -> str:
    first, inner, last = line[:1], line[1:-1], line[1:][-1:]
    quoted = last and last in _CLOSING.get(first, "") and first not in inner and last not in inner
    return inner if quoted else line


def _excerpt(session: Session) -> str:
    """Return what people and the model said first and last, each cut."""
    said = last_messages(session.project(MESSAGES), session.version)  # no blob holds any of it
    lines = [_line(message) for _, message in said]
    told = [line for line in lines if line]
    if len(told) > FIRST + LAST:
        told = [*told[:FIRST], "…", *told[-LAST:]]
    return "\n\n".join(told)


def _line(message: Message) -> str:
    if message["role"] not in ("user", "assistant"):
        return ""
    text = " ".join(_text(message.get("content")).split())
    if len(text) > LONGEST:
        text = text[:LONGEST] + _CUT
    return f"{message['role']}: {text}" if text else ""


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(p["text"] for p in content if isinstance(p.get("text"), str))
    return content or ""
