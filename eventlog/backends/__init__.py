"""The places where logs can be kept, one module each, opened by URL from the table below.

A backend knows lines and their order. None of them knows a hash, an event or a projection.
"""

import os
from collections.abc import Callable
from pathlib import Path

from eventlog.backend import Backend
from eventlog.errors import BackendUnavailableError


def open_backend(where: str | os.PathLike[str]) -> Backend:
    """Open the backend that a URL or a path names; a plain path is a folder of JSONL files.

    Raises BackendUnavailableError for a scheme that is not in the table.
    """
    text = os.fspath(where)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return _open_jsonl(Path(text))
    try:
        opener = BY_SCHEME[scheme]
    except KeyError:
        known = ", ".join(f"{name}://" for name in BY_SCHEME)
        raise BackendUnavailableError(
            f"no backend for {scheme}://; use a folder's path or one of {known}"
        ) from None
    return opener(text)


def _open_jsonl(path: Path) -> Backend:
    from .jsonl import JsonlBackend  # noqa: PLC0415

    return JsonlBackend.at(path.expanduser())


def _open_file_url(url: str) -> Backend:
    from urllib.parse import unquote, urlsplit  # noqa: PLC0415 - a path needs no URL's parser

    return _open_jsonl(Path(unquote(urlsplit(url).path)))


def _open_memory(url: str) -> Backend:
    from .memory import MemoryBackend  # noqa: PLC0415

    del url
    return MemoryBackend()


BY_SCHEME: dict[str, Callable[[str], Backend]] = {
    "file": _open_file_url,
    "memory": _open_memory,
}
