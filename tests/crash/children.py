"""Children that carry out one operation and are killed, or failed, by this process or by the kernel.

A nursery is a Python that has imported everything; it forks a child for each operation, which is
cheap. strace may hold on to the child before it begins: then the kernel itself counts its system
calls, and kills it at one of them or makes one fail.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import zstandard  # noqa: F401 - before a child is watched, which would import it

from eventlog.backends.memory import MemoryBackend
from eventlog.store import Store
from tests.crash.faults import Killing, KillingQuick
from tests.crash.operations import (
    NOW,
    OPERATIONS,
    PICTURE,
    handle,
    open_on,
    picture,
    stand_still,
    throw,
    told,
)
from tests.log.helpers import message

NOT_FILES = "!mmap,munmap,brk,mprotect,madvise,rt_sigaction,rt_sigprocmask,futex,getrandom,read"
"""What strace watches: every system call that may have to do with a file."""

OUTCOMES = [
    "killed",
    "done",
    "AppendError not appended",
    "AppendError unknown",
    "BackendUnavailableError",
    "BackendLockedError",
    "SessionExistsError",
    "SessionNotFoundError",
    "BackendError",
    "raw OSError",
]
"""What a child's caller may be told; the child's exit status is the number of it."""

_PR_SET_PTRACER, _ANYBODY = 0x59616D61, -1
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")


@dataclass(frozen=True)
class Life:
    """How a child fared: what its caller was told ("killed" if nothing), which calls it made.

    `calls` are those at the seam, or the system calls where strace looked on.
    """

    told: str
    calls: list[str]


class Nursery:
    """Forks children; a context manager."""

    def __enter__(self) -> Self:
        root = Path(__file__).parents[2]
        self._parent = subprocess.Popen(
            [sys.executable, "-c", "from tests.crash.children import nurse; nurse()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(root)},
            bufsize=0,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._parent.stdin
        assert self._parent.stdout
        self._parent.stdin.close()
        self._parent.wait(10)
        self._parent.stdout.close()

    def live(
        self,
        operation: str,
        place: Path,
        at: int = 0,
        *,
        taken: int | None = None,
        strace: str = "",
        now: str = NOW,
    ) -> Life:
        """Let a child carry out an operation; kill it before call `at` of the seam.

        `taken` and `now` are as in Killing and open_on. `strace` is what to inject: "fdatasync:signal=KILL:when=1"; "none" only looks on.
        """
        self._say(
            json.dumps([operation, str(place), at, taken, now, bool(strace)]).encode() + b"\n"
        )
        pid = int(self._hear())
        watcher = _Watcher(pid, place.parent / "strace.out", strace) if strace else None
        self._say(b"g")
        calls: list[str] = []
        while (line := self._hear().split())[:1] != ["end"]:
            calls = line  # none, where the first thing that failed was not at the seam
        return Life(OUTCOMES[int(line[1])], watcher.calls() if watcher else calls)

    def _say(self, data: bytes) -> None:
        assert self._parent.stdin
        self._parent.stdin.write(data)

    def _hear(self) -> str:
        assert self._parent.stdout
        line = b""
        while not line.endswith(b"\n"):
            more = self._parent.stdout.read(1)
            assert more, "the nursery died"
            line += more
        return line.decode().strip()


class _Watcher:
    """strace, attached to one process."""

    def __init__(self, pid: int, notes: Path, inject: str) -> None:
        command = [str(shutil.which("strace")), "-p", str(pid), "-o", str(notes)]
        command += ["-e", f"trace={NOT_FILES}", "-e", "signal=none"]
        command += [] if inject == "none" else ["-e", f"inject={inject}"]
        self._notes = notes
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr
        said = self._process.stderr.readline()
        assert "attached" in said, said

    def calls(self) -> list[str]:
        """Return the system calls that were made, once the process is gone."""
        self._process.communicate(timeout=30)
        found = map(_CALL.match, self._notes.read_text(encoding="utf-8").splitlines())
        return [match[1] for match in found if match]


def strace_works() -> str:
    """Return why strace cannot be used here; "" if it can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    child = os.getpid()
    try:
        with subprocess.Popen([sys.executable, "-c", f"{_ALLOW}; input()"], stdin=-1) as process:
            child = process.pid
            command = [str(shutil.which("strace")), "-p", str(child), "-o", os.devnull]
            with subprocess.Popen(command, stderr=-1, text=True) as watcher:
                assert watcher.stderr
                said = watcher.stderr.readline()
                process.kill()
    except OSError as error:
        return str(error)
    return "" if "attached" in said else said.strip()


_ALLOW = f"import ctypes; ctypes.CDLL(None).prctl({_PR_SET_PTRACER}, {_ANYBODY})"


# The other side: what runs inside the nursery.


def nurse() -> None:
    """Fork a child for each order that comes in, until no more come."""
    stand_still()
    said = [message("so that all is imported"), picture("this too", PICTURE)]
    Store(MemoryBackend()).create().append_many(said)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
    while order := os.read(0, 4096):
        child = os.fork()
        if child == 0:
            *words, syncs = json.loads(order)
            _live(*words, syncs=syncs)
        _, status = os.waitpid(child, 0)
        os.write(1, b"end %d\n" % (os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0))


def _live(operation: str, place: str, at: int, taken: int | None, now: str, *, syncs: bool) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYBODY, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    watched = (Killing if syncs else KillingQuick)(Path(place), at, taken)
    throw(now[11:13])
    store = open_on(watched, now)
    session: Any = handle(store)
    os.write(1, f"{os.getpid()}\n".encode())
    os.read(0, 1)
    words = told(lambda: OPERATIONS[operation].run(store, session))
    with suppress(OSError):  # where every write is made to fail
        os.write(1, f"{' '.join(watched.made)}\n".encode())
    os._exit(OUTCOMES.index(words))
