"""A server on loopback with files and batches, that keeps its word as far as a test lets it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .teaching import USAGE, chinese

Line = dict[str, Any]
Spoil = Callable[["BatchServer", dict[str, Any], list[Line]], None]
"""Called with a batch that has ended and the lines of its answer, which it may change."""


def texts_of(line: Line) -> dict[str, str]:
    """The texts by id of a request's line."""
    return {one["id"]: one["text"] for one in json.loads(line["body"]["messages"][-1]["content"])["texts"]}


def answered(line: Line) -> Line:
    """The line of a right answer."""
    content = json.dumps({id_: chinese(text) for id_, text in texts_of(line).items()}, ensure_ascii=False)
    body = {"choices": [{"message": {"content": content}, "finish_reason": "stop"}], "usage": USAGE}
    return {"id": "x", "custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}


def kept(_server: "BatchServer", _batch: dict[str, Any], _lines: list[Line]) -> None:
    """Changes nothing."""


class BatchServer:
    """Files, batches, and whatever was asked of them. A batch has ended when it is asked for the `polls`-th time."""

    def __init__(self, spoil: Spoil = kept, polls: int = 1) -> None:
        self.spoil, self.polls = spoil, polls
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        """`METHOD PATH` of each request."""
        self.before: Callable[[str, BaseHTTPRequestHandler], bool] = lambda _what, _handler: False
        """True where it has answered a request itself."""
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1#tiny"

    @property
    def inputs(self) -> list[list[Line]]:
        """The lines of each batch, in order."""
        return [self.lines(batch["input_file_id"]) for batch in self.batches.values()]

    @property
    def texts(self) -> list[list[str]]:
        """The texts of each batch, in order."""
        return [[text for line in lines for text in texts_of(line).values()] for lines in self.inputs]

    def lines(self, file: str) -> list[Line]:
        return [json.loads(line) for line in self.files[file].splitlines()]

    def file(self, data: bytes) -> str:
        self.files[name := f"file-{len(self.files) + 1}"] = data
        return name

    def make(self, wanted: dict[str, Any]) -> dict[str, Any]:
        assert wanted["endpoint"] == "/v1/chat/completions" and wanted["completion_window"] == "24h"
        batch = wanted | {"id": f"batch-{len(self.batches) + 1}", "object": "batch", "status": "validating", "polls": 0}
        self.batches[batch["id"]] = batch
        return batch

    def poll(self, batch: dict[str, Any]) -> dict[str, Any]:
        batch["polls"] += 1
        if batch["status"] == "validating" and batch["polls"] >= self.polls:
            lines = [answered(line) for line in self.lines(batch["input_file_id"])]
            batch["status"] = "completed"
            self.spoil(self, batch, lines)
            text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
            batch.setdefault("output_file_id", self.file(text.encode()) if lines else None)
        return batch


@contextmanager
def running(server: BatchServer) -> Iterator[BatchServer]:
    """Listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            what = f"{self.command} {self.path.partition('?')[0]}"
            server.asked.append(what)
            if server.before(what, self):
                return
            if what == "POST /v1/files":
                form = b"content-type: " + self.headers["content-type"].encode() + b"\r\n\r\n" + body
                parts = {
                    part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
                    for part in message_from_bytes(form, policy=HTTP).iter_parts()  # type: ignore[attr-defined]
                }
                assert parts["purpose"] == b"batch"
                self.json({"id": server.file(parts["file"]), "object": "file"})
            elif what == "POST /v1/batches":
                self.json(server.make(json.loads(body)))
            elif what == "GET /v1/batches":
                self.json({"object": "list", "data": list(server.batches.values())[::-1], "has_more": False})
            elif what.startswith("GET /v1/batches/"):
                self.json(server.poll(server.batches[self.path.rpartition("/")[2]]))
            elif what.endswith("/content"):
                self.send(server.files[self.path.split("/")[-2]], "application/jsonl")
            else:
                self.send(b'{"error": {"message": "no such path"}}', "application/json", 404)

        do_GET = do_POST  # noqa: N815 - the server's name

        def json(self, said: Any, status: int = 200) -> None:
            self.send(json.dumps(said).encode(), "application/json", status)

        def send(self, body: bytes, kind: str, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    server.port = listening.server_port
    threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
