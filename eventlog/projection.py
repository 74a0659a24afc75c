"""A projection: a view of a session that is folded from its events, and can be thrown away.

It is pure: no file, no clock, no network, and the same events always give the same state. An event
type that a projection does not know is passed over.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from eventlog.record import RecordedEvent
from eventlog.upcast import STEPS, upcast

S = TypeVar("S")


@dataclass(frozen=True, eq=False)
class Projection(Generic[S]):
    """A named way to fold events into a state.

    `apply` owns the state that it is given: it may change it, and returns the one that counts. It
    never changes an event. `version` rises whenever the same events would give another state.
    """

    name: str
    version: int
    initial: Callable[[], S]
    apply: Callable[[S, RecordedEvent], S]


def fold(projection: Projection[S], events: Iterable[RecordedEvent], state: S | None = None) -> S:
    """Run a projection over events, from `state` or from its beginning; return the new state.

    Payloads of an older shape are lifted first (upcast.py).
    """
    if state is None:
        state = projection.initial()
    apply = projection.apply
    for event in events:
        if "v" in event or event["type"] in STEPS:
            event = upcast(event)  # noqa: PLW2901 - what follows is about the lifted one
        state = apply(state, event)
    return state
