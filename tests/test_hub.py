"""`fetch` against a hub-shaped server on loopback that breaks off, lies about sizes, and lacks what it should have."""

import hashlib
import io
import json
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.cli.kit import environment

from doctorglm import hub
from doctorglm.errors import ConfigError, DataError
from doctorglm.hub import Known, fetch, known, registry
from doctorglm.runs import read_json

DATA = b"".join(b'{"question": "q%d", "answer": "a"}\n' % i for i in range(30_000))
README = b"# A card\n"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class Hub(ThreadingHTTPServer):
    """Two files of a dataset, and an archive; `breaks` cuts so many answers off, `lies` says another size or hash."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.breaks = 0
        self.lies = ""
        self.asked: Counter[str] = Counter()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("x/data.jsonl", DATA)
        self.files = {"data.jsonl": DATA, "README.md": README, "all.zip": packed.getvalue()}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._file(head=True)

    def do_GET(self) -> None:
        self.server.asked[f"{self.path} {self.headers.get('Range', '')}".strip()] += 1
        if self.path.startswith("/api/datasets/ours/talks"):
            self._api()
        else:
            self._file(head=False)

    def _api(self) -> None:
        sha256 = hashlib.sha256(DATA).hexdigest()
        if self.server.lies == "hash":
            sha256 = "0" * 64
        if "/tree/" in self.path:
            lfs = {"oid": sha256, "size": len(DATA), "pointerSize": 130}
            files = [
                {"type": "file", "path": "README.md", "size": len(README), "oid": _blob(README)},
                {"type": "file", "path": "data.jsonl", "size": len(DATA), "oid": "b" * 40, "lfs": lfs},
            ]
            self._send(json.dumps(files).encode())
        else:
            names = [{"rfilename": "README.md"}, {"rfilename": "data.jsonl"}]
            self._send(json.dumps({"id": "ours/talks", "sha": COMMIT, "private": False, "siblings": names}).encode())

    def _file(self, head: bool) -> None:
        data = self.server.files.get(self.path.split("?")[0].rsplit("/", 1)[-1])
        if data is None or "/missing/" in self.path:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        part = data[start:]
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part) + (7 if self.server.lies == "size" else 0)))
        self.end_headers()
        if head:
            return
        if self.server.breaks and len(part) > 1000:
            self.server.breaks -= 1
            self.wfile.write(part[: len(part) // 2])
            self.close_connection = True
            return
        self.wfile.write(part)
        if self.server.lies == "size":
            self.close_connection = True

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Hub]:
    with Hub() as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield found
        found.shutdown()


_FETCH = """
import sys
from pathlib import Path
from doctorglm.errors import DataError
from doctorglm.hub import Known, fetch
try:
    entry = Known(name="talks", kind="corpus", title="T", licence="MIT", hub="datasets/ours/talks")
    done = fetch(entry, Path(sys.argv[1]), print)
    print(done.record["counts"])
except DataError as error:
    sys.exit(f"DataError: {error}")
"""


def from_hub(server: Hub, out: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the library reads HF_ENDPOINT when it is imported."""
    env = environment() | {"HF_ENDPOINT": server.address, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    env |= {"HF_HOME": str(out.parent / "hf"), **variables}
    command = [sys.executable, "-c", _FETCH, str(out)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_the_registry_says_where_and_under_which_licence() -> None:
    assert {"cmd", "cmtmedqa", "chatglm-6b", "qwen2.5-0.5b", "huatuo-lite", "cmedqa2", "meddialog"} <= registry().keys()
    for entry in registry().values():
        assert entry.licence and entry.title and entry.kind in {"corpus", "model"}
        assert bool(entry.hub) != bool(entry.archive)
    with pytest.raises(ConfigError, match=r"fetch nothing: not known\. There are cmd,"):
        known("nothing")


def test_a_repository_comes_from_the_endpoint_that_the_environment_names(server: Hub, tmp_path: Path) -> None:
    done = from_hub(server, tmp_path / "talks")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "talks/data.jsonl").read_bytes() == DATA
    record = read_json(tmp_path / "talks/run.json")
    assert {f["name"]: f["sha256"] for f in record["files"]} == {
        "README.md": hashlib.sha256(README).hexdigest(),
        "data.jsonl": hashlib.sha256(DATA).hexdigest(),
    }
    asked = server.asked.total()
    assert from_hub(server, tmp_path / "talks").returncode == 0
    assert server.asked.total() == asked, "a finished one asks nobody"


def test_a_repository_that_breaks_off_is_gone_on_with(server: Hub, tmp_path: Path) -> None:
    server.breaks = 1
    done = from_hub(server, tmp_path / "talks")
    if done.returncode:  # the library gave up: the same command again goes on
        done = from_hub(server, tmp_path / "talks")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "talks/data.jsonl").read_bytes() == DATA


def test_another_hash_than_the_announced_one_is_refused(server: Hub, tmp_path: Path) -> None:
    server.lies = "hash"
    done = from_hub(server, tmp_path / "talks")
    assert "DataError: fetch talks: data.jsonl is not what its source announced" in done.stderr
    assert not (tmp_path / "talks/data.jsonl").exists()
    assert read_json(tmp_path / "talks/run.json")["status"] == "running"
    server.lies = ""
    assert from_hub(server, tmp_path / "talks").returncode == 0


def test_offline_uses_what_is_there_or_says_that_nothing_is(server: Hub, tmp_path: Path) -> None:
    done = from_hub(server, tmp_path / "talks", HF_HUB_OFFLINE="1")
    assert "DataError: fetch talks:" in done.stderr
    assert server.asked.total() == 0


def archive(server: Hub, *paths: str, sha256: str = "") -> Known:
    addresses = tuple(f"{server.address}{path}" for path in paths)
    return Known(name="talks", kind="corpus", title="T", licence="MIT", home="h", archive=addresses, sha256=sha256)


def test_an_archive_goes_on_where_it_broke_off(server: Hub, tmp_path: Path) -> None:
    server.breaks = 2
    run = fetch(archive(server, "/all.zip"), tmp_path / "out", lambda *_: None)
    assert (tmp_path / "out/talks.zip").read_bytes() == server.files["all.zip"]
    assert run.record["files"][0]["sha256"] == hashlib.sha256(server.files["all.zip"]).hexdigest()
    assert sum(1 for asked in server.asked if "bytes=" in asked) == 2
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_mirror_that_has_it_not_is_passed_by(server: Hub, tmp_path: Path) -> None:
    fetch(archive(server, "/missing/all.zip", "/all.zip"), tmp_path / "out", lambda *_: None)
    assert (tmp_path / "out/talks.zip").exists()


def test_a_mirror_in_front(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCTORGLM_MIRROR", f"{server.address}/mirror")
    entry = Known(name="t", kind="corpus", title="T", licence="MIT", archive=("https://nowhere.invalid/all.zip",))
    fetch(entry, tmp_path / "out", lambda *_: None)
    assert any(asked.startswith("/mirror/https://nowhere.invalid/all.zip") for asked in server.asked)


def test_a_size_that_is_a_lie_and_a_wrong_hash_are_refused(server: Hub, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not what its source announced"):
        fetch(archive(server, "/all.zip", sha256="0" * 64), tmp_path / "a", lambda *_: None)
    assert not (tmp_path / "a/talks.zip").exists()
    server.lies = "size"
    with pytest.raises(DataError, match=r"does not give it .* bytes came|IncompleteRead"):
        fetch(archive(server, "/all.zip"), tmp_path / "b", lambda *_: None)
    assert not (tmp_path / "b/talks.zip").exists()


def test_the_licence_must_be_accepted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "doctorglm", "--lang", "en", "fetch", "alpaca-zh", "--out", str(tmp_path / "x")]
    done = subprocess.run(
        command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Licence: CC BY-NC 4.0" in done.stderr
    assert "was not accepted" in done.stderr
    assert not (tmp_path / "x").exists()


def test_what_is_known_is_listed() -> None:
    command = [sys.executable, "-m", "doctorglm", "fetch", "--json"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert {entry["name"] for entry in json.loads(done.stdout)["known"]} == set(hub.registry())
