"""Servers that follow a script, and engines on them."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from doctorglm.engine.http import HttpEngine
from doctorglm.engine.requests import HttpSettings

from .serving import Call, Script, Server

QUICK = {"retries": 0, "pause_s": 0.01, "timeout_s": 10.0}


@contextmanager
def servers() -> Iterator[Callable[[Script], Server]]:
    """What starts a server that answers by a script; all are stopped at the end."""
    running: list[ThreadingHTTPServer] = []

    def start(script: Script) -> Server:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                call = Call(self, body)
                server.calls.append(call)
                try:
                    script(call)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST  # noqa: N815 - a redirect could turn one into the other

            def log_message(self, *_: Any) -> None: ...

        listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        listening.daemon_threads = True
        running.append(listening)
        server = Server(listening.server_port)
        threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        return server

    yield start
    for listening in running:
        listening.shutdown()
        listening.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Script], Server]]:
    """Starts a server that answers by the script; stopped after the test."""
    with servers() as start:
        yield start


@pytest.fixture
def engine() -> Iterator[Callable[..., HttpEngine]]:
    """Opens engines on a server, closed after the test."""
    opened: list[HttpEngine] = []

    def open_(server: Server | str, settings: Mapping[str, Any] | None = None, **arguments: Any) -> HttpEngine:
        address = server if isinstance(server, str) else server.address()
        made = HttpEngine(address, settings=HttpSettings(**QUICK | dict(settings or {})), **arguments)
        opened.append(made)
        return made

    yield open_
    for made in opened:
        made.close()


@pytest.fixture(autouse=True)
def no_request_stays() -> Iterator[None]:
    yield
    deadline = time.monotonic() + 5
    while any(t.name == "request" for t in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [t for t in threading.enumerate() if t.name == "request"]
