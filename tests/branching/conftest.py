from pathlib import Path

import pytest

from eventlog.backends.jsonl import JsonlBackend
from eventlog.backends.memory import MemoryBackend
from eventlog.session import Session
from eventlog.store import Store
from tests.compaction.logs import put
from tests.projections.building import assistant, moved, user


@pytest.fixture(params=["files", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    return Store(JsonlBackend.at(tmp_path) if request.param == "files" else MemoryBackend())


@pytest.fixture
def session(store: Store) -> Session:
    """Two branches: a(2) b(3) c(4), and from b another one, d(6) e(7)."""
    session = store.create("s")
    put(session, user("a"), assistant("b"), user("c"), moved(3), user("d"), assistant("e"))
    return session
