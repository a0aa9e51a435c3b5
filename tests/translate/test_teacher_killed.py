"""A run that is killed and started again pays nothing twice."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from doctorglm.translate.cache import Cache

from ..engine.serving import Call, Script, Server
from .teaching import asked_texts, faithful

RUN = """
import sys
from pathlib import Path
from doctorglm.translate.cache import Cache
from doctorglm.translate.cost import Prices
from doctorglm.translate.endpoint import Endpoint
from doctorglm.translate.teacher import Teacher, TeacherSettings

with Cache(Path(sys.argv[2])) as cache:
    endpoint = Endpoint(sys.argv[1], cache, prices=Prices(usd_in=1.0, usd_out=1.0))
    teacher = Teacher(endpoint, (), TeacherSettings(together=2, concurrency=2))
    found = teacher.translate([f"The patient number {n} slept well." for n in range(40)])
    print(sum(one.by == "teacher" for one in found))
    endpoint.close()
"""
WORST_ASKED = 2
"""Requests that were under way when the run was killed: as many as go at a time."""


def _run(server: Server, cache: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", RUN, server.address(), str(cache)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_a_run_that_is_killed_and_started_again_pays_nothing_twice(
    serve: Callable[[Script], Server], tmp_path: Path
) -> None:
    killed, enough = threading.Event(), threading.Event()

    def script(call: Call) -> None:
        if len(server.calls) > 10 and not killed.is_set():
            enough.set()
            killed.wait(20)  # these two are never answered
            return
        faithful(call)

    server = serve(script)
    first = _run(server, tmp_path / "c.sqlite")
    assert enough.wait(30)
    while len(server.calls) < 12 and first.poll() is None:
        pass
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=10)
    killed.set()
    lost = asked_texts(server.calls[10:])
    second = _run(server, tmp_path / "c.sqlite")
    assert second.communicate(timeout=30)[0].strip() == "40"
    texts = [text for one in asked_texts(server.calls) for text in one]
    twice = sorted(text for text in set(texts) if texts.count(text) > 1)
    assert twice == sorted(text for one in lost for text in one) and len(lost) == WORST_ASKED
    with Cache(tmp_path / "c.sqlite") as cache:
        spent = cache.spent("")
    assert (spent.requests, spent.open) == (22, 2)  # the two that nobody read stay reserved
