"""Make the golden logs of the format that is written today: once for each format, by hand.

    python -m tests.log.make_golden data/golden

Everything that would differ from run to run is fixed here. A golden log is never made anew or
edited: test_golden.py holds its sha256, and every later version reads it.
"""

import itertools
import sys
from base64 import b64encode
from pathlib import Path
from unittest import mock

from eventlog import events
from eventlog.backends.jsonl import JsonlBackend
from eventlog.record import FORMAT
from eventlog.store import Store

SALT = "Z29sZGVuLXNhbHQtMTYtYg"
CALLS = [
    events.ToolCall(id=f"c{i}", function=events.ToolFunction(name="look", arguments=f'{{"n":{i}}}'))
    for i in (1, 2)
]
USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
TRICKY = (
    'NUL \0 DEL \x7f NEL \x85 LS \u2028 PS \u2029 RLO \u202e ESC \x1b BOM \ufeff 中文 👩‍👩‍👧 \\ " é'
)


def tell(store: Store) -> None:
    """Append every type of event to one session."""
    session = store.create(f"format-{FORMAT}")
    add = session.append
    add({"role": "system", "content": "Be brief."})
    add({"role": "user", "content": "What is\n up?"}, key="turn-1")
    called = add(events.ModelCalled(
        model="m-1", provider="openai", parameters={"temperature": 0.5}, version=3, head=3,
        rules=1, messages=2, digest="AAAAAAAAAAAAAAAAAAAAAA",
    ))["seq"]  # fmt: skip
    add(events.ReplyStreamed(call=called, text="Let me ", reasoning="hm"))
    add(events.ReplyStreamed(call=called, text="look."))
    add(events.MessageAdded(
        role="assistant", content="Let me look.", tool_calls=CALLS, call=called, model="m-1-0601",
        usage=USAGE, finish_reason="tool_calls", reasoning="hm, look",
    ))  # fmt: skip
    session.append_many([
        {"role": "tool", "tool_call_id": "c1", "content": "blue"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "wide"}]},
    ], key="results-1")  # fmt: skip
    add(
        {
            "role": "user",
            "content": TRICKY,
            "name": "ann",
            "x_note": {"n": [2**64 - 1, -(2**63), 1e-7]},
        }
    )
    add({"role": "user", "content": "lone \ud800 surrogate"})
    failed = add(events.ModelCalled(
        model="m-2", provider="ark", version=11, head=11, limit=20, rules=1, messages=8,
        digest="BBBBBBBBBBBBBBBBBBBBBB",
    ))["seq"]  # fmt: skip
    add(events.ReplyStreamed(call=failed, text="It is"))
    add(events.ModelFailed(call=failed, reason="connection cut", retryable=True, status=502))
    add(events.HeadMoved(to=10, reason="retry"))
    add({"role": "user", "content": "And a secret: 1234."})
    add(events.ContentErased(seqs=[16], reason="secret"))
    add(
        events.ContextSummarized(text="The sky was looked at.", through=9, model="m-1", usage=USAGE)
    )
    add(events.MetadataSet(metadata={"project": "sky", "tags": ["a", None]}))
    add(events.TitleSet(title="The sky"))
    add(events.SessionForked(session="elsewhere", version=7))
    add(events.AppEvent(name="x.app.noted", data={"any": {"thing": [True, None, ""]}}))
    add(events.MessageAdded(role="assistant", content="Cut", status="interrupted"))
    add({"role": "user", "content": "Go on."})


PICTURE = bytes(range(256)) * 200
OUTPUT = "".join(f"line {number} \u2028 é\n" for number in range(4200))


def tell_with_blobs(store: Store) -> None:
    """Append what is too large for a line to a session of its own."""
    session = store.create(f"format-{FORMAT}-blobs")
    url = f"data:image/png;base64,{b64encode(PICTURE).decode()}"
    shown = {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
    session.append({"role": "user", "content": [{"type": "text", "text": "What is it?"}, shown]})
    session.append(events.MessageAdded(role="assistant", content=None, tool_calls=CALLS[:1]))
    session.append({"role": "tool", "tool_call_id": "c1", "content": OUTPUT})


def make(place: Path) -> None:
    """Write the golden logs into a folder, where they must not be yet."""
    ticks = itertools.count()
    clock = lambda: f"2026-11-22T10:00:{next(ticks):02d}.123456Z"  # noqa: E731
    with (
        mock.patch("secrets.token_urlsafe", return_value=SALT),
        mock.patch("eventlog.store.__version__", "0.1.0"),
    ):
        tell(Store(JsonlBackend.at(place), clock=clock))
        tell_with_blobs(Store(JsonlBackend.at(place), clock=clock))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
