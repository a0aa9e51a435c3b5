"""A run that is killed with a batch under way waits for the same batch when it is started again."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doctorglm.translate.cache import Cache

from .batching import BatchServer, running

RUN = """
import sys
from pathlib import Path
from doctorglm.translate.batch import BatchSettings
from doctorglm.translate.cache import Cache
from doctorglm.translate.cost import Prices
from doctorglm.translate.endpoint import Endpoint
from doctorglm.translate.teacher import Teacher, TeacherSettings

with Cache(Path(sys.argv[2])) as cache:
    endpoint = Endpoint(sys.argv[1], cache, prices=Prices(usd_in=1.0, usd_out=1.0))
    batch = BatchSettings(batch=True, batch_poll_s=0.02)
    found = Teacher(endpoint, (), TeacherSettings(together=2), batch).translate(
        [f"The patient number {n} slept well." for n in range(40)]
    )
    print(sum(one.by == "teacher" for one in found))
    endpoint.close()
"""


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with running(BatchServer(polls=3)) as made:
        yield made


def _run(server: BatchServer, cache: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", RUN, server.address, str(cache)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)


WHERE = {
    "before the file is there": ("POST /v1/files", 0),
    "before the batch is there": ("POST /v1/batches", 0),
    "when the batch is there and its answer is not": ("POST /v1/batches", 1),
    "while it waits": ("GET /v1/batches/batch-1", 1),
    "while it reads": ("GET /v1/files/file-2/content", 1),
}
"""What the server does not answer when the run is killed, and how many batches there are then."""


@pytest.mark.parametrize("when", WHERE)
def test_a_batch_is_sent_once_however_the_run_ends(when: str, server: BatchServer, tmp_path: Path) -> None:
    where, batches = WHERE[when]
    reached, killed = threading.Event(), threading.Event()

    def hang(what: str, handler: Any) -> bool:
        if what != where or killed.is_set():
            return False
        if batches and what == "POST /v1/batches":
            with Cache(tmp_path / "c.sqlite") as cache:
                (open_,) = cache.batches("")
            server.make({"endpoint": "/v1/chat/completions", "completion_window": "24h", "input_file_id": open_.file,
                         "metadata": {"doctorglm": open_.mark}})  # fmt: skip
        reached.set()
        killed.wait(20)
        handler.close_connection = True
        return True

    server.before = hang
    first = _run(server, tmp_path / "c.sqlite")
    assert reached.wait(30)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=10)
    assert len(server.batches) == batches
    with Cache(tmp_path / "c.sqlite") as cache:
        assert cache.spent("").open == 20
    killed.set()
    assert _run(server, tmp_path / "c.sqlite").communicate(timeout=30)[0].strip() == "40"
    assert len(server.batches) == 1 and len(server.texts[0]) == 40
    with Cache(tmp_path / "c.sqlite") as cache:
        assert (cache.spent("").requests, cache.spent("").open, cache.batches("")) == (20, 0, [])
