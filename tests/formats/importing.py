"""Helpers for the tests of formats: a source out of a value, and what becomes of it in a store."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eventlog import codec
from eventlog.backends.memory import MemoryBackend
from eventlog.errors import TransferError
from eventlog.foreign import Losses
from eventlog.formats import reader
from eventlog.record import RecordedEvent
from eventlog.sources import Source, find_sources, take_sample
from eventlog.store import Store
from eventlog.told import TOLD
from eventlog.transfer import Imported, import_session

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
"""Other people's files, where they lie beside the project; none of them is part of it."""


@dataclass
class Taken:
    """A store after an import: what was told of each session, and what was lost."""

    store: Store
    imported: list[Imported]
    losses: Losses

    @property
    def added(self) -> int:
        return sum(each.added for each in self.imported)

    def events(self, session: int = 0) -> list[RecordedEvent]:
        return list(self.store.open(self.imported[session].session_id).events())

    def said(self, session: int = 0) -> list[dict[str, Any]]:
        """The messages of all branches, in the order of the log."""
        return [e["data"] for e in self.events(session) if e["type"] == "message.added"]

    def view(self, session: int = 0) -> list[dict[str, Any]]:
        return self.store.open(self.imported[session].session_id).messages()

    def raw(self, session: int = 0) -> list[RecordedEvent]:
        """The records that were kept as they were."""
        events = self.events(session)
        return [e for e in events if e["type"].startswith("x.") and e["type"] != TOLD]


def refuse(error: TransferError) -> None:
    raise error


def write_json(path: Path, value: Any) -> Path:
    path.write_bytes(codec.dump_json(value).encode())
    return path


def sources(path: Path) -> list[Source]:
    return list(find_sources([str(path)], refuse))


def take(path: Path, format_: str, store: Store | None = None) -> Taken:
    """Import what lies under a path, all of it in one format."""
    taken = Taken(store or Store(MemoryBackend()), [], Losses())
    for source in sources(path):
        assert reader(format_).recognize(take_sample(source)), source.name
        for foreign in reader(format_).read(source, taken.losses):
            taken.imported.append(import_session(taken.store, foreign, source.name))
    return taken


def read_all(path: Path, format_: str) -> None:
    """Import a source, if it is in a format; it may be refused, and nothing worse."""
    with suppress(TransferError):
        if recognized(path, format_):
            losses = take(path, format_).losses
            assert losses.read == losses.mapped + losses.raw + losses.left


def recognized(path: Path, format_: str) -> bool:
    return any(reader(format_).recognize(take_sample(source)) for source in sources(path))


def samples_of(folder: str) -> list[Path]:
    """The samples in a folder; the test is skipped where there are none."""
    if not SAMPLES.is_dir():
        pytest.skip("the samples are not here")
    return sorted(path for path in (SAMPLES / folder).iterdir() if path.is_file())


def other_samples(folder: str) -> Iterator[Path]:
    """The samples of all formats but one, as far as they are small."""
    samples_of(folder)
    for path in sorted(SAMPLES.glob("*/*")):
        if path.parent.name != folder and path.stat().st_size < 1 << 20:
            yield path


def assert_whole(taken: Taken) -> None:
    """Fail unless each record that was read is somewhere, and nothing was refused."""
    losses = taken.losses
    assert losses.read == losses.mapped + losses.raw + losses.left
    assert not [refused for each in taken.imported for refused in each.refused]
