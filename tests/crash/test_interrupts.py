"""A KeyboardInterrupt at any opcode of our code leaks nothing, half-tells nothing; a retry writes once.

A real Ctrl-C is delivered at fewer places (after a call, at a jump back): what holds at every opcode
holds there too. What comes after the one interrupt, clean-up included, runs uninterrupted.
"""

import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import pytest

import eventlog
from tests.crash.conftest import Tally
from tests.crash.deeds import DEEDS, DESCRIPTORS, Deed, check, open_files, scratch

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # what was open when interrupted
QUICK = 40  # opcodes of a deed that are tried, beside those that handle locks and descriptors
DELICATE = ("writer.py", "files.py", "lock.py", "rewriter.py", "blobs.py")
OURS = str(Path(eventlog.__file__).parent) + os.sep


class Interrupter:
    """Watches our opcodes, and raises at number `at`, which counts from 0; None: at none.

    `files` has the file of each opcode that was passed.
    """

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.files: list[str] = []

    def __enter__(self) -> Self:
        sys.settrace(self._enter)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.settrace(None)

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes = True
        return self._step

    def _step(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "opcode":
            self.files.append(frame.f_code.co_filename)
            if len(self.files) - 1 == self.at:
                raise KeyboardInterrupt
        return self._step


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts descriptors in /proc/self/fd")
@pytest.mark.parametrize("prepare", DEEDS, ids=lambda deed: deed.__name__)
def test_an_interrupt_at_any_opcode_leaks_nothing_and_half_tells_nothing(
    prepare: Callable[[Path], Deed],
    rng: random.Random,
    states: Tally,
    monkeypatch: pytest.MonkeyPatch,
    *,
    exhaustive: bool,
) -> None:
    # Python drops an interrupt that comes while a generator is closed; pytest would keep its frames.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    with scratch() as folder:
        files = _opcodes(prepare, folder / "whole")
        for at in _chosen(files, rng, exhaustive=exhaustive):
            _interrupt_and_check(prepare, folder / "log", at)
            states.tried += 1
            shutil.rmtree(folder / "log")


def _interrupt_and_check(prepare: Callable[[Path], Deed], folder: Path, at: int) -> None:
    before = open_files()
    deed = prepare(folder)
    check(deed, before, done=not _interrupted(deed, at))
    deed.store.close()


def _opcodes(prepare: Callable[[Path], Deed], folder: Path) -> list[str]:
    """Return the file of each opcode of a deed; done a few times, as first times differ."""
    files: list[str] = []
    for time in range(3):
        deed = prepare(folder / f"{time}")
        with Interrupter() as watched:
            deed.act()
        files = watched.files
    return files


def _chosen(files: list[str], rng: random.Random, *, exhaustive: bool) -> Iterator[int]:
    step = 1 if exhaustive else max(1, len(files) // QUICK)
    offset = rng.randrange(step)
    for at, file in enumerate(files):
        if at % step == offset or (file.endswith(DELICATE) and (exhaustive or at % 6 == 0)):
            yield at


def _interrupted(deed: Deed, at: int) -> bool:
    """Do a deed with an interrupt; say whether it came.

    Raised where no real one can be, it may leave Python in the handling of an earlier exception,
    which would be the context of all later ones. A generator takes that state away with it.
    """
    return next(_in_a_generator(deed, at))


def _in_a_generator(deed: Deed, at: int) -> Iterator[bool]:
    yield _is_interrupted(deed, at)


def _is_interrupted(deed: Deed, at: int) -> bool:
    try:
        with Interrupter(at):
            deed.act()
    except KeyboardInterrupt:
        return True
    return False
