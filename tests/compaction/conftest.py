from pathlib import Path

import pytest

from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.memory import MemoryBackend
from eventlog.session import Session
from eventlog.store import Store, open_store
from tests.compaction.logs import take_turns


@pytest.fixture(params=["files", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    return Store(JsonlBackend.at(tmp_path) if request.param == "files" else MemoryBackend())


@pytest.fixture
def session(store: Store) -> Session:
    """A session of three turns, of which eight events are superseded."""
    session = store.create("s")
    take_turns(session)
    return session


@pytest.fixture
def files(tmp_path: Path) -> Store:
    """A store of files with that session in it."""
    store = open_store(tmp_path)
    take_turns(store.create("s"))
    return store
