"""Whatever is appended is what is read: by the same handle, another one, and after reopening."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eventlog import Store, open_store
from eventlog.events import AppEvent
from tests.properties.strategies import TEXT, TORN_TEXT, json_objects

PAYLOADS = st.lists(json_objects(TEXT), min_size=1, max_size=5)
PARTS = st.lists(TORN_TEXT.map(lambda text: {"type": "text", "text": text}), min_size=1, max_size=3)


def payloads(store: Store) -> list[Any]:
    return [event["data"] for event in store.open("s").events(1)]


@given(PAYLOADS)
def test_payloads_appended_to_a_file_are_read_unchanged(drawn: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with open_store(Path(folder)) as store:
            session = store.create("s")
            returned = [
                session.append(AppEvent(name="x.app.note", data=data), durability="os")["data"]
                for data in drawn
            ]
            assert repr(returned) == repr(drawn)
        with open_store(Path(folder)) as reopened:
            assert repr(payloads(reopened)) == repr(drawn)


@given(PAYLOADS)
def test_a_batch_in_memory_is_read_unchanged(drawn: list[dict[str, Any]]) -> None:
    with open_store("memory://") as store:
        store.create("s").append_many(AppEvent(name="x.app.note", data=data) for data in drawn)
        assert repr(payloads(store)) == repr(drawn)


@given(TEXT | st.lists(TEXT.map(lambda text: {"type": "text", "text": text}), min_size=1))
def test_a_message_is_sent_as_it_was_appended(content: Any) -> None:
    with open_store("memory://") as store:
        session = store.create("s")
        session.append({"role": "user", "content": content})
        assert session.messages() == [{"role": "user", "content": content}]
