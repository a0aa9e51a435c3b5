"""An OpenAI-compatible server on loopback that says what a test wants it to."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from doctorglm.conversation import Message


def event(text: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One piece of an answer as it goes over the line."""
    delta = {} if text is None else {"content": text}
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk | more, ensure_ascii=False).encode() + b"\n\n"


def usage(tokens: int) -> bytes:
    return b"data: " + json.dumps({"choices": [], "usage": {"completion_tokens": tokens}}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


class Call:
    """One request, and how it is answered."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        self._handler = handler
        self.body = body
        self.path = handler.path
        self.headers = handler.headers

    @property
    def question(self) -> str:
        return str(self.body["messages"][-1]["content"])

    def reply(self, body: bytes, kind: str = "application/json", status: int = 200, **headers: str) -> None:
        self._begin(status, {"content_type": kind, "content_length": str(len(body))} | headers)
        self._handler.wfile.write(body)

    def open(self, **headers: str) -> None:
        """Begins a stream that ends with the connection."""
        self._begin(200, {"content_type": "text/event-stream", "connection": "close"} | headers)

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()

    def write(self, data: bytes) -> None:
        """Raises OSError once the client has hung up."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def say(self, *pieces: str, finish: str = "stop", tokens: int | None = 7) -> None:
        self.open()
        self.write(event(""))
        for piece in pieces:
            self.write(event(piece))
        self.write(event(finish=finish))
        if tokens is not None:
            self.write(usage(tokens))
        self.write(DONE)


Script = Callable[[Call], None]


@dataclass
class Server:
    port: int
    calls: list[Call] = field(default_factory=list)

    def address(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/v1#tiny"


def asked(text: str) -> list[Message]:
    return [Message("user", text)]
