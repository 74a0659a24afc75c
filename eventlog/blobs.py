"""Content too large for a line: kept once, by its hash; the event says where, and what it was.

    "content":"blobs/9f86…","blobs":[{"at":"/content","sha256":"9f86…","bytes":81234,
                                      "media_type":"text/plain"}]

What is set aside is the media of a message's parts and what a tool gave out, once that is LARGE.
A ref's `at` is the JSON Pointer (RFC 6901) of the text that it stands for; where that was base64, the
blob is what it encoded, and `prefix` the text before it. So a message without its blobs is still
a message, and one with them is to the last character what was appended.

It knows values and bytes; where blobs are kept is a backend's business.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from eventlog import codec

LARGE = 64 * 1024
"""Text of more bytes than this is set aside."""

MEMBER = "blobs"
"""The member of `data` that lists the refs; absent where nothing was set aside."""

Payload = dict[str, Any]
Get = Callable[["Ref"], bytes | None]
"""Gives what a ref stands for; None where that is not at hand, or is not what it was."""

_MEDIA = (("image_url", "url"), ("input_audio", "data"), ("file", "file_data"))
_DATA_URL = re.compile(r"data:([^;,]{0,128})[^,]{0,256};base64,", re.ASCII)
_NAMED = re.compile(rb'"sha256"\s*:\s*"([0-9a-f]{64})"')
_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)
_WORDS = re.compile(r"/content(/\d{1,9}/text)?", re.ASCII)
_INDEX = re.compile(r"\d{1,9}", re.ASCII)
_PART = re.compile(r"/content/(\d{1,9})/", re.ASCII)


class Ref(NamedTuple):
    """What stands for a text that was set aside: where it was, and the SHA-256 and size of its blob.

    `prefix`: the text was this and then the blob in base64; None: it is the blob, in UTF-8.
    """

    at: str
    sha256: str
    size: int
    media_type: str
    prefix: str | None = None

    @property
    def place(self) -> str:
        """What stands in its stead in the event."""
        return f"blobs/{self.sha256}"

    @property
    def is_words(self) -> bool:
        """Whether it was said, and is no media."""
        return _WORDS.fullmatch(self.at) is not None

    @property
    def note(self) -> str:
        """What is said where it is not at hand."""
        return f"[{self.size:,} bytes of {self.media_type}, not at hand: {self.place}]"

    def text(self, blob: bytes) -> str:
        """Return the text that was set aside."""
        if self.prefix is None:
            return blob.decode("utf-8", "replace")
        return self.prefix + b64encode(blob).decode()

    def as_json(self) -> Payload:
        """Return it as it stands in an event."""
        told: Payload = {"at": self.at, "sha256": self.sha256, "bytes": self.size}
        told["media_type"] = self.media_type
        return told if self.prefix is None else {**told, "prefix": self.prefix}


def set_aside(data: Payload) -> tuple[Payload, dict[str, bytes]]:
    """Return a message's payload without its large texts, and these as blobs, by their SHA-256.

    The payload given is not changed; with nothing large in it, it is what is returned.
    """
    refs: list[Ref] = []
    kept: dict[str, bytes] = {}
    for at, text in _candidates(data):
        if len(text) * 4 > LARGE and (found := _blob_of(at, text)):
            ref, blob = found
            refs.append(ref)
            kept[ref.sha256] = blob
    if not refs:
        return data, kept
    lean = _with(data, {ref.at: ref.place for ref in refs})
    refs = [*refs_of(data), *refs]  # also what was not at hand when the message was opened
    return {**lean, MEMBER: [ref.as_json() for ref in refs]}, kept


def _candidates(data: Payload) -> Iterator[tuple[str, str]]:
    """Give each text of a message that may be set aside, with its place."""
    content, is_tools = data.get("content"), data.get("role") == "tool"
    if isinstance(content, str):
        if is_tools:
            yield "/content", content
        return
    for number, part in enumerate(content or ()):
        if not isinstance(part, dict):
            continue
        if is_tools and isinstance(text := part.get("text"), str):
            yield f"/content/{number}/text", text
        for kind, member in _MEDIA:
            inner = part.get(kind)
            if isinstance(inner, dict) and isinstance(text := inner.get(member), str):
                yield f"/content/{number}/{kind}/{member}", text


def _blob_of(at: str, text: str) -> tuple[Ref, bytes] | None:
    """Return a large text as a blob; None for one that is not large, or that UTF-8 cannot hold."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return None  # lone surrogates: they are replaced, and counted, in the line
    if len(encoded) <= LARGE:
        return None
    prefix, media_type = _prefix(at, text)
    if prefix is not None and (blob := _decoded(encoded[len(prefix) :])) is not None:
        return Ref(at, _sha256(blob), len(blob), media_type, prefix), blob
    return Ref(at, _sha256(encoded), len(encoded), "text/plain"), encoded


def _prefix(at: str, text: str) -> tuple[str | None, str]:
    """Return what comes before the base64 in a text, if it is one, and the media type it tells."""
    if match := _DATA_URL.match(text):
        return match[0], match[1] or "application/octet-stream"
    return ("" if at.endswith("data") else None), "application/octet-stream"


def _decoded(encoded: bytes) -> bytes | None:
    """Return what base64 encodes; None unless encoding it again gives the very same."""
    try:
        blob = b64decode(encoded, validate=True)
    except Base64Error:
        return None
    return blob if b64encode(blob) == encoded else None


def refs_of(data: Payload) -> list[Ref]:
    """Return the refs of a payload, each whose place is in it; others are no refs."""
    listed = data.get(MEMBER)
    if not isinstance(listed, list):
        return []
    return [ref for each in listed if (ref := _ref(each)) and _get(data, ref.at) == ref.place]


def _ref(told: Any) -> Ref | None:
    if not isinstance(told, dict):
        return None
    at, sha256, size = told.get("at"), told.get("sha256"), told.get("bytes")
    media_type, prefix = told.get("media_type"), told.get("prefix")
    if not (isinstance(at, str) and isinstance(sha256, str) and _NAME.fullmatch(sha256)):
        return None
    if type(size) is not int or not isinstance(media_type, str):
        return None
    return Ref(at, sha256, size, media_type, prefix) if isinstance(prefix, str | None) else None


def filled(data: Payload, get: Get) -> Payload:
    """Return a payload with its texts back in their places; what is not at hand stays a ref.

    A payload without refs is itself what is returned.
    """

    def text(ref: Ref) -> str | None:
        blob = get(ref)
        return None if blob is None else ref.text(blob)

    return put_back(data, text)


def put_back(data: Payload, text: Callable[[Ref], str | None]) -> Payload:
    """Return a payload with what `text` gives for each of its refs; one without a text stays a ref."""
    if MEMBER not in data:
        return data
    texts: dict[str, str] = {}
    missing: list[Payload] = []
    for ref in refs_of(data):
        given = text(ref)
        if given is None:
            missing.append(ref.as_json())
        else:
            texts[ref.at] = given
    whole = _with(data, texts)
    del whole[MEMBER]
    return {**whole, MEMBER: missing} if missing else whole


def content_of(message: Payload, get: Get) -> Any:
    """Return a message's content as a model may be sent it: a note where a text is not at hand."""
    whole = filled(message, get)
    content = whole.get("content")
    for ref in refs_of(whole):
        if ref.at == "/content":
            return ref.note
        if isinstance(content, list) and (match := _PART.match(ref.at)):
            note = {"type": "text", "text": ref.note}
            content = [note if i == int(match[1]) else part for i, part in enumerate(content)]
    return content


def noted(message: Payload) -> Any:
    """Return a message's content with a note in the place of each text that was set aside."""
    return content_of(message, lambda _: None) if MEMBER in message else message.get("content")


def names_in(line: bytes) -> set[str]:
    """Return the SHA-256 of every blob that a line names, be the line damaged; perhaps more."""
    if b'"sha256"' not in line:  # nearly every line, and much faster than the pattern
        return set()
    return {name.decode() for name in _NAMED.findall(line)}


def is_name(name: str) -> bool:
    """Whether this may be the name of a blob: a SHA-256 in lower hexadecimal."""
    return _NAME.fullmatch(name) is not None


def is_whole(sha256: str, blob: bytes) -> bool:
    """Whether a blob is what its name says."""
    return _sha256(blob) == sha256


def _sha256(blob: bytes) -> str:
    running = codec.running_hash()
    running.update(blob)
    digest: str = running.hexdigest()
    return digest


def _get(data: Payload, at: str) -> Any:
    value: Any = data
    for step in at.split("/")[1:]:
        if isinstance(value, list) and not _INDEX.fullmatch(step):
            return None
        try:
            value = value[int(step) if isinstance(value, list) else step]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value


def _with(data: Payload, texts: dict[str, str]) -> Payload:
    """Return a payload with other texts at these places, which it has; what is shared is copied."""
    changed = {**data}
    for at, text in texts.items():
        *path, last = at.split("/")[1:]
        inner: Any = changed
        for step in path:
            key: Any = int(step) if isinstance(inner, list) else step
            inner[key] = inner[key].copy()
            inner = inner[key]
        inner[int(last) if isinstance(inner, list) else last] = text
    return changed
