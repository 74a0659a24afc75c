"""An OpenAI-compatible server by script: real HTTP and real SSE on a real socket, and every fault.

Each request takes the next behaviour of the script, or the echo when there is none left: it
answers with the last message's own text. What was asked is kept in `requests`.
"""

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

JsonObject = dict[str, Any]
ID = "chatcmpl-1"
MODEL = "scripted-1"
USAGE: JsonObject = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@dataclass(frozen=True)
class Request:
    """What a client sent; header names are in lower case, the body is decoded JSON or None."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Exchange:
    """One request with the means to answer it; a behaviour is a function of it."""

    def __init__(self, handler: BaseHTTPRequestHandler, request: Request) -> None:
        self.request = request
        self._handler = handler
        self._chunked = False

    def send_json(
        self, status: int, body: object, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_bytes(status, json.dumps(body).encode(), "application/json", headers)

    def send_bytes(
        self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._begin(status, kind, {"Content-Length": str(len(body)), **(headers or {})})
        self._handler.wfile.write(body)

    def begin_events(self) -> None:
        self._begin(200, "text/event-stream", {"Transfer-Encoding": "chunked"})
        self._chunked = True

    def send_event(self, data: object) -> None:
        """Send one SSE event, as its own HTTP chunk and in its own write."""
        text = data if isinstance(data, str) else json.dumps(data)
        self._send_chunk(f"data: {text}\n\n".encode())

    def end_events(self) -> None:
        self._send_chunk(b"")

    def reset(self) -> None:
        """Cut the connection as a crash does: no terminator, and a TCP reset."""
        self._handler.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._handler.connection.shutdown(socket.SHUT_RD)
        self._handler.close_connection = True

    def client_is_gone(self) -> bool:
        """Whether the client has closed its side of the connection."""
        try:
            return not self._handler.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def _begin(self, status: int, kind: str, headers: Mapping[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def _send_chunk(self, data: bytes) -> None:
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self._handler.wfile.flush()


Behaviour = Callable[[Exchange], None]


def chunk(delta: JsonObject, finish_reason: str | None = None) -> JsonObject:
    """Make the body of one stream event."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": ID, "object": "chat.completion.chunk", "model": MODEL, "choices": [choice]}


def stream(
    deltas: Iterable[JsonObject],
    *,
    finish_reason: str | None = "stop",
    usage: JsonObject | None = USAGE,
    delay: float = 0.0,
) -> Behaviour:
    """Stream `deltas` one by one; without a `finish_reason` the stream just ends there."""

    def behave(exchange: Exchange) -> None:
        exchange.begin_events()
        for delta in deltas:
            exchange.send_event(chunk(delta))
            time.sleep(delay)
        if finish_reason is not None:
            exchange.send_event(chunk({}, finish_reason))
            options = exchange.request.body.get("stream_options") or {}
            if usage is not None and options.get("include_usage"):
                exchange.send_event({**chunk({}), "choices": [], "usage": usage})
            exchange.send_event("[DONE]")
        exchange.end_events()

    return behave


def reply(text: str, *, chunks: int = 3, delay: float = 0.0) -> Behaviour:
    """Stream `text` in about so many chunks of equal length."""
    return stream(({"content": piece} for piece in split(text, chunks)), delay=delay)


def split(text: str, pieces: int) -> list[str]:
    """Cut `text` into about so many pieces."""
    size = max(1, -(-len(text) // pieces))
    return [text[i : i + size] for i in range(0, len(text), size)]


def echo(exchange: Exchange) -> None:
    """Reply with the text of the last message."""
    content = exchange.request.body["messages"][-1].get("content") or ""
    reply(content if isinstance(content, str) else json.dumps(content))(exchange)


def think(reasoning: str, text: str, *, member: str = "reasoning_content") -> Behaviour:
    """Stream the reasoning under the name that some servers use for it, then the text."""
    thoughts = [{member: piece} for piece in split(reasoning, 2)]
    return stream([*thoughts, *({"content": piece} for piece in split(text, 2))])


def call_tools(*calls: tuple[str, str, str]) -> Behaviour:
    """Call tools, each an (id, name, arguments); the arguments come in fragments, interleaved."""
    heads = [
        {"index": i, "id": id_, "type": "function", "function": {"name": name, "arguments": ""}}
        for i, (id_, name, _) in enumerate(calls)
    ]
    tails = [
        {"index": i, "function": {"arguments": piece}}
        for step in range(3)
        for i, (_, _, arguments) in enumerate(calls)
        for piece in split(arguments, 3)[step : step + 1]
    ]
    deltas = [{"tool_calls": [fragment]} for fragment in [*heads, *tails]]
    return stream(deltas, finish_reason="tool_calls")


def error(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Refuse with `status`; a text or an object as the server's own words."""
    said = {"message": body} if isinstance(body, str) else body

    def behave(exchange: Exchange) -> None:
        exchange.send_json(status, {"error": said or {"message": f"status {status}"}}, headers)

    return behave


def too_many(retry_after: str) -> Behaviour:
    """Refuse with 429 and say when to come back."""
    return error(429, "Rate limit reached", {"Retry-After": retry_after})


def page(html: str, status: int = 200) -> Behaviour:
    """Answer with a web page, as a proxy or a wrong address does."""

    def behave(exchange: Exchange) -> None:
        exchange.send_bytes(status, html.encode(), "text/html")

    return behave


def empty() -> Behaviour:
    """Stream a whole reply without a word in it."""
    return stream([{"role": "assistant", "content": ""}])


def cut_after(text: str, *, chunks: int) -> Behaviour:
    """Stream so many chunks of `text`, one character each, then cut the connection."""

    def behave(exchange: Exchange) -> None:
        exchange.begin_events()
        for character in text[:chunks]:
            exchange.send_event(chunk({"content": character}))
        exchange.reset()

    return behave


def break_off(text: str, said: object) -> Behaviour:
    """Stream `text`, then an error event in the place of the end."""

    def behave(exchange: Exchange) -> None:
        exchange.begin_events()
        exchange.send_event(chunk({"content": text}))
        exchange.send_event({"error": said})
        exchange.end_events()

    return behave


def refuse_stream_options(then: Behaviour) -> Behaviour:
    """Refuse `stream_options` with 400, as older servers do; else behave as told."""

    def behave(exchange: Exchange) -> None:
        if "stream_options" in exchange.request.body:
            error(400, "Unrecognized request argument supplied: stream_options")(exchange)
        else:
            then(exchange)

    return behave


@dataclass
class Slow:
    """Send a chunk every `interval` seconds until `go_on` is set, then end; notice who leaves."""

    interval: float = 0.02
    word: str = "tick "
    go_on: threading.Event = field(default_factory=threading.Event)
    client_left: threading.Event = field(default_factory=threading.Event)

    def __call__(self, exchange: Exchange) -> None:
        exchange.begin_events()
        while not self.go_on.wait(self.interval):
            if exchange.client_is_gone():
                self.client_left.set()
                return
            exchange.send_event(chunk({"content": self.word}))
        exchange.send_event(chunk({"content": "end"}))
        exchange.send_event(chunk({}, "stop"))
        exchange.send_event("[DONE]")
        exchange.end_events()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Let clients go as they like: only a fault of ours is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class OpenAIServer:
    """The server; use it as a context manager. `then` adds behaviours to the script."""

    def __init__(self, *script: Behaviour, models: Sequence[str] = (MODEL,)) -> None:
        self.requests: list[Request] = []
        self.models = list(models)
        self._script = list(script)
        self._lock = threading.Lock()
        self._server = _Listener(("127.0.0.1", 0), self._handler_class())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the chat requests alone."""
        return [request.body for request in self.requests if request.method == "POST"]

    def then(self, *behaviours: Behaviour) -> None:
        with self._lock:
            self._script.extend(behaviours)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, exchange: Exchange) -> None:
        with self._lock:
            self.requests.append(exchange.request)
            is_chat = exchange.request.method == "POST"
            behaviour = self._script.pop(0) if is_chat and self._script else None
        if behaviour is not None:
            behaviour(exchange)
        elif is_chat:
            echo(exchange)
        else:
            listed = [{"id": name, "object": "model"} for name in self.models]
            exchange.send_json(200, {"object": "list", "data": listed})

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # each event leaves at once

            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                self._answer(json.loads(self.rfile.read(length)))

            def _answer(self, body: object) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                try:
                    server.answer(Exchange(self, request))
                except ConnectionError:  # the client has left
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                pass

        return Handler
