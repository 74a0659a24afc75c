from pathlib import Path

from eventlog.backend import Backend
from eventlog.backends.memory import MemoryBackend
from eventlog.testing import BackendContract


class TestMemory(BackendContract):
    def open_backend(self, place: Path) -> Backend:
        assert place.is_dir()  # memory needs no place
        return MemoryBackend()
