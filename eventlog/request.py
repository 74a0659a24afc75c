"""A message list on its way to a model, with what proves later that it was this one. A plain value."""

from dataclasses import dataclass

from eventlog.projections.messages import Message


@dataclass(frozen=True, slots=True)
class Request:
    """A message list together with what proves it: recorded in `model.called` before a call.

    `version` is the session's version that the list was folded from, `head` the message it ends
    at, `rules` the version of the view's rules, `digest` the hash of the exact list.
    """

    messages: list[Message]
    version: int
    head: int
    limit: int | None
    rules: int
    digest: str
