"""Folders whose calls are watched, fail, kill the process or are written down: one seam, four uses.

They sit where the log's own code makes its file-system calls, and change nothing else.
"""

import os
import signal
from collections.abc import Callable
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from eventlog.backends.jsonl.files import Folder

CALLS = {name for name in vars(Folder) if name[0] != "_"} - {"close", "at", "open_lock"}
"""The calls of the seam. open_lock is not among them: it calls open, which is."""


class Seam(Folder):
    """A folder that hands each call to `through`, also those it makes itself."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        return partial(self.through, name, found) if name in CALLS else found

    def through(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make one call."""
        raise NotImplementedError


class Quick(Folder):
    """A folder that skips the syncs: for checking afterwards, when no more power is cut."""

    def sync(self, file: FileIO) -> None:
        pass

    def sync_folder(self, name: str = ".") -> None:
        pass


class Struck(NamedTuple):
    """The calls that were made under a fault, those that it struck, and those after the first."""

    made: list[str]
    failed: list[str]
    later: list[str]


class Failing(Seam, Quick):
    """Fails call number `at`, counted from 1 since it was armed, once or from then on.

    A write may take `taken` bytes first: then that write is short, and the next call fails.
    `code` None fails nothing: the write is only short.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._taken: int | None = None
        self._mend()

    def arm(
        self, at: int, code: int | None, *, lasting: bool = False, taken: int | None = None
    ) -> None:
        """Fail from now on as the class says."""
        self._mend()
        self._when, self._code, self._lasting, self._taken = at, code, lasting, taken

    def disarm(self) -> Struck:
        """Make all calls work again; return which were made, and which of them failed."""
        struck = Struck(self._made, self._failed, self._made[self._struck :])
        self._mend()
        return struck

    def _mend(self) -> None:
        self._made: list[str] = []
        self._failed: list[str] = []
        self._struck = 0
        self._when, self._code, self._lasting, self._taken = 0, None, False, None

    def through(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make one call, or fail it."""
        self._made.append(name)
        now = len(self._made)
        struck = bool(self._when) and (now >= self._when if self._lasting else now == self._when)
        if struck and self._taken is not None and name == "write":
            taken, self._taken = self._taken, None
            self._when += 1
            file, data = arguments
            return call(file, data[:taken])
        if struck and self._code is not None:
            self._failed.append(name)
            self._struck = self._struck or now
            raise OSError(self._code, os.strerror(self._code))
        return call(*arguments)


class Killing(Seam):
    """Kills its process before call number `at`; a write that is cut leaves `taken` bytes."""

    def __init__(self, path: Path, at: int, taken: int | None = None) -> None:
        super().__init__(path)
        self.made: list[str] = []
        self._when, self._taken = at, taken

    def through(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make one call, unless it is the one."""
        self.made.append(name)
        if len(self.made) == self._when:
            if self._taken is not None and name == "write":
                call(arguments[0], arguments[1][: self._taken])
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments)


class KillingQuick(Killing, Quick):
    """The same without syncs, to which a kill makes no difference."""
