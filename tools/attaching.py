"""Pictures that go with a message: read from files, told by what they hold, made parts of its content."""

import shlex
from base64 import b64encode
from pathlib import Path
from typing import Any

from eventlog.errors import EventLogError

from .terminal import one_line

LARGEST = 20_000_000
"""How many bytes a picture may have: more is refused by the providers, and sent with every turn."""

_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_ENOUGH = 12  # bytes that tell what it is


def picture_part(path: Path) -> dict[str, Any]:
    """Return a picture as a part of a message's content, as the OpenAI API has it.

    Raises EventLogError for what cannot be read, or is no picture that models are shown.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise EventLogError(f"{one_line(str(path))}: {error.strerror}") from error
    kind = _kind(data[:_ENOUGH])
    if kind is None:
        raise EventLogError(f"{one_line(str(path))} is no PNG, JPEG, GIF or WebP picture")
    if len(data) > LARGEST:
        raise EventLogError(f"{one_line(str(path))} has more than {LARGEST:,} bytes")
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{kind};base64,{b64encode(data).decode()}"},
    }


def has_picture(message: dict[str, Any]) -> bool:
    """Whether a picture is among what a message says."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return any(part.get("type") == "image_url" for part in parts)


def paths_in(line: str) -> list[Path]:
    """Return the paths that a line names, quoted as in a shell. Raises EventLogError."""
    try:
        return [Path(word).expanduser() for word in shlex.split(line)]
    except (ValueError, RuntimeError) as error:  # an open quotation mark; a home that nobody has
        raise EventLogError(f"these are no paths: {error}") from error


def _kind(start: bytes) -> str | None:
    if start[:4] == b"RIFF" and start[8:] == b"WEBP":
        return "image/webp"
    return next((kind for known, kind in _BEGINNINGS.items() if start.startswith(known)), None)
