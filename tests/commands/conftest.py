from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.running import KEY, Shell
from tests.http.openai_server import OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A folder with an empty store and no provider."""
    return Shell(tmp_path, {"EVENTLOG_LOCAL_MODEL": str(tmp_path / "none.gguf")})


@pytest.fixture
def talking(shell: Shell, server: OpenAIServer) -> Shell:
    """The same, with the scripted server as the provider."""
    shell.settings |= {
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": KEY,
        "OPENAI_MODEL": "m",
    }
    return shell
