"""Messages with something large in them, and what a hand could make of their refs."""

from base64 import b64encode
from typing import Any

from hypothesis import strategies as st

from tests.properties.strategies import SURROGATES, TEXT

SMALL = 24
"""What tests take for large: more bytes than this."""

MEDIA_TYPES = ("image/png", "", "image/svg+xml;charset=utf-8", "a/b;x=\u2028", "text/plain;base64")


def base64(data: bytes) -> str:
    """Encode as data URLs do."""
    return b64encode(data).decode()


def bent(encoded: str) -> list[str]:
    """Return base64 that decodes, or nearly does, and is not what encoding it again gives."""
    return [
        encoded.rstrip("="),
        encoded + "\n",
        encoded.replace("w==", "x=="),
        "=" + encoded,
        encoded + "====",
    ]


BYTES = st.binary(max_size=90)
ENCODED = st.one_of(
    BYTES.map(base64), BYTES.map(base64).flatmap(lambda e: st.sampled_from(bent(e)))
)
URLS = st.builds("data:{};base64,{}".format, st.sampled_from(MEDIA_TYPES), ENCODED)
WORDS = st.one_of(TEXT, st.text(min_size=20, max_size=60), st.lists(SURROGATES | TEXT).map("".join))
LARGE_TEXT = st.one_of(
    URLS, ENCODED, WORDS, URLS.map(lambda url: url + "\u2028"), st.just("data:,")
)

PARTS = st.one_of(
    LARGE_TEXT.map(lambda text: {"type": "text", "text": text}),
    LARGE_TEXT.map(lambda url: {"type": "image_url", "image_url": {"url": url, "detail": "low"}}),
    LARGE_TEXT.map(lambda data: {"type": "input_audio", "input_audio": {"data": data}}),
    LARGE_TEXT.map(lambda data: {"type": "file", "file": {"file_data": data, "filename": "f"}}),
    st.sampled_from(
        [{"type": "image_url", "image_url": None}, {"type": "file", "file": []}, {}, 7]
    ),
)
CONTENT = st.one_of(st.none(), LARGE_TEXT, st.lists(PARTS, max_size=4))
MESSAGES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool"]), "content": CONTENT}
)

A = "a" * 64
ATS = st.sampled_from(
    ["", "/", "content", "/content", "/content/0", "/content/-1/text", "/content/x/text", "/role",
     "/content/0/text", "/content/9/text", "/content/0/image_url/url", "/blobs/0/media_type",
     "/content/" + "9" * 5000, "/content/0/text/0", "//", "/blobs", "x/content", "/content/\uff11/text"]
)  # fmt: skip
NAMES = st.sampled_from([A, A.upper(), "../" + A, A + "/", A[:-1], "", A + "\n", "a" * 65, 7, None])
SIZES = st.sampled_from([-1, 2**70, 1.5, "3", True, None])
PREFIXES: st.SearchStrategy[Any] = st.sampled_from(["", "data:image/png;base64,", 5, None, []])
LIKELY = st.fixed_dictionaries({
    "at": ATS, "sha256": st.just(A), "bytes": st.just(3), "media_type": st.just(f"blobs/{A}"),
})  # fmt: skip
UNLIKELY = st.fixed_dictionaries(
    {
        "at": ATS,
        "sha256": NAMES,
        "bytes": SIZES,
        "media_type": st.sampled_from(["image/png", "\u2028", 3, None]),
    },
    optional={"prefix": PREFIXES},
)
REFS = st.one_of(LIKELY, LIKELY, UNLIKELY, st.sampled_from([None, [], "at", {}, 3]))
PLACED = st.sampled_from([f"blobs/{A}", f"blobs/{A.upper()}", f"blobs/../{A}", "hello"])
HOSTILE_CONTENT = st.one_of(
    PLACED,
    st.lists(
        st.one_of(
            PLACED.map(lambda text: {"type": "text", "text": text}),
            PLACED.map(lambda url: {"type": "image_url", "image_url": {"url": url}}),
        ),
        min_size=1, max_size=3,
    ),
)  # fmt: skip
HOSTILE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant"]),
        "content": HOSTILE_CONTENT,
        "blobs": st.booleans().flatmap(lambda one: REFS if one else st.lists(REFS, max_size=4)),
    }
)
