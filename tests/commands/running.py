"""Run the installed `eventlog` command, with pipes or in a terminal, as a person would."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from eventlog.session import Session
from eventlog.store import Store, open_store

EVENTLOG = str(Path(sys.executable).with_name("eventlog"))
KEY = "sk-proj-Zq8rT3vXy7LmN2pK4wBd"


@dataclass
class Shell:
    """Where the command runs: a folder, a store in it and an environment."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Path:
        return self.folder / "data" / "sessions"

    @property
    def store(self) -> Store:
        return open_store(self.place)

    @property
    def ids(self) -> list[str]:
        return self.store.ids()

    def session(self, session_id: str) -> Session:
        return self.store.open(session_id)

    def log(self, session_id: str) -> Path:
        return self.place / f"{session_id}.jsonl"

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, **self.settings, **settings}

    def run(
        self, *arguments: str | bytes, says: str | bytes = b"", settings: Mapping[str, str] = {}
    ) -> "Run":
        """Run the command to its end; `says` is what it reads."""
        done = subprocess.run(
            [EVENTLOG, *arguments],
            cwd=self.folder,
            env=self.environment(settings),
            input=says.encode() if isinstance(says, str) else says,
            capture_output=True,
            check=False,
            timeout=60,
        )
        run = Run(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in run.err
        assert KEY not in run.out + run.err
        return run

    @contextmanager
    def start(self, *arguments: str, says: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """Start the command with pipes, to look at it while it runs."""
        with subprocess.Popen(
            [EVENTLOG, *arguments],
            cwd=self.folder,
            env=self.environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            process.stdin.write(says.encode())
            process.stdin.flush()
            try:
                yield process
            finally:
                process.kill()


@dataclass(frozen=True)
class Run:
    """How a run of the command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\-_=>])")
# Makes the terminal on its stdin its own, so that Ctrl-C reaches it, and becomes the command.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """The command in a terminal of 80 columns: type into it, wait for what it shows."""

    def __init__(self, shell: Shell, arguments: Sequence[str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, EVENTLOG, *arguments],
            cwd=shell.folder,
            env=shell.environment({"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._raw = ""
        self._read = 0

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def enter(self, line: str) -> None:
        """Type a line once the prompt is there."""
        self.wait_for("you>")
        self.press(f"{line}\r")

    @property
    def shown(self) -> str:
        """All that was printed, without the escape sequences of line editing."""
        return _ESCAPES.sub("", self._raw).replace("\r", "")

    def wait_for(self, text: str, seconds: float = 8) -> str:
        """Wait until `text` is printed behind what was waited for before; return what is between."""
        deadline = time.monotonic() + seconds
        while (found := self.shown.find(text, self._read)) < 0:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} was not shown:\n{self.shown[self._read :]}"
            if not self._take_in(left):
                raise AssertionError(f"it ended without {text!r}:\n{self.shown[self._read :]}")
        between = self.shown[self._read : found]
        self._read = found + len(text)
        return between

    def end(self, seconds: float = 8) -> int:
        """Wait for the end of the command; return its exit code."""
        while self._take_in(seconds):
            pass
        return self._process.wait(seconds)

    def hang_up(self) -> None:
        """Do what closing the window does."""
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _take_in(self, seconds: float) -> bool:
        """Read what is there; False at the end."""
        if not select.select([self._master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            return False
        self._raw += self._decoder.decode(data)
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        os.close(self._master)
