from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog.model import Model
from eventlog.provider import Provider
from eventlog.session import Session
from eventlog.store import Store, open_store
from tests.http.openai_server import OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def model(server: OpenAIServer) -> Iterator[Model]:
    with Model(Provider("compatible", "m", server.base_url), max_retries=0) as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


@pytest.fixture
def session(store: Store) -> Session:
    return store.create("s")
