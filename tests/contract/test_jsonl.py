from pathlib import Path

from eventlog.backend import Backend
from eventlog.backends.jsonl import JsonlBackend
from eventlog.testing import BackendContract


class TestJsonl(BackendContract):
    def open_backend(self, place: Path) -> Backend:
        return JsonlBackend.at(place / "sessions")
