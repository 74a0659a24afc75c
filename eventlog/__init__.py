"""eventlog: every turn of a conversation with a language model, kept as an immutable event.

    import eventlog

    store = eventlog.open_store("./data/sessions")
    session = store.get_or_create("demo")
    session.append({"role": "user", "content": "Hello"})
    session.messages()  # what to send to the model, rebuilt from the log

The names below are the public interface. They are imported when they are first used, so that
listing sessions does not pay for a model client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from eventlog.version import __version__

if TYPE_CHECKING:
    from eventlog import events as events
    from eventlog.chain import Damage, Health
    from eventlog.errors import *  # noqa: F403
    from eventlog.projection import Projection, fold
    from eventlog.record import RecordedEvent
    from eventlog.session import Request, Session
    from eventlog.store import SessionRow, Store, open_store

_HOME = {
    "Damage": "chain",
    "Health": "chain",
    "Projection": "projection",
    "RecordedEvent": "record",
    "Request": "session",
    "Session": "session",
    "SessionRow": "store",
    "Store": "store",
    "fold": "projection",
    "open_store": "store",
}


def __getattr__(name: str) -> Any:
    if name in ("events", "errors", "testing"):
        return import_module(f"eventlog.{name}")
    if name in _HOME:
        return getattr(import_module(f"eventlog.{_HOME[name]}"), name)
    if name.endswith("Error"):
        return getattr(import_module("eventlog.errors"), name)
    raise AttributeError(f"module 'eventlog' has no attribute {name!r}")


__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604
