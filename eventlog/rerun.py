"""Say the same things to another model: a new session with a session's user turns, answered anew."""

from collections.abc import Callable

from eventlog.events import MetadataSet
from eventlog.model import Model
from eventlog.projections.messages import Message
from eventlog.session import Session
from eventlog.turn import take_turn

_SAID_BY_PEOPLE = frozenset(("user", "system", "developer"))


def turns_of(session: Session, until: int | None = None) -> list[Message]:
    """Return what people said on the current branch, up to event `until`: text and instructions."""
    messages = session.last_messages(session.version)
    return [
        {"role": message["role"], "content": message["content"]}
        for seq, message in messages
        if message["role"] in _SAID_BY_PEOPLE and (until is None or seq <= until)
    ]


def rerun(
    origin: Session,
    into: Session,
    model: Model,
    *,
    until: int | None = None,
    begin: Callable[[Message], None] = lambda _: None,
) -> None:
    """Say a session's user turns to a model, one by one, in a session that was just begun.

    Its metadata then names the origin as `rerun_of`. What the first model and its tools said is not
    repeated: tools are not run. `begin` is called before each turn. Raises ModelError where a call
    fails: the new session then ends there.
    """
    told = {"session": origin.id, "version": origin.version if until is None else until}
    into.append(MetadataSet(metadata={"rerun_of": told}))
    for message in turns_of(origin, until):
        begin(message)
        if message["role"] == "user":
            take_turn(into, model, message)
        else:
            into.append(message)
