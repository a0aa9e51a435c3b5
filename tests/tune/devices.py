"""Tunes in several processes that begin as torchrun begins them, for `test_devices.py`.

A line of JSON on stdin asks for one run: `arguments` of `tune` (base, data, out), `settings`, the number of `processes`,
and what shall happen: `kill`: null, or [process, moment, which of its occurrences] as in `killed.py`; `data_of_last`:
another folder of data for the last process; `nan`: [process, step] whose loss is not a number. After it a line of JSON
on stdout has `status` of each process (-9: killed), what each said on stderr, and the seconds after the first had
ended. Each process is a fork of this one, which has imported everything and computed nothing.
"""

import importlib.util
import json
import os
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import peft  # noqa: F401
import torch
import torch.distributed.fsdp
import torch.distributed.tensor  # noqa: F401
from accelerate import Accelerator  # noqa: F401

from doctorglm import cli  # noqa: F401
from doctorglm.errors import DoctorGLMError
from doctorglm.tune import TuneSettings, compiled, loop, stage, tune

_found = importlib.util.spec_from_file_location("killed", Path(__file__).with_name("killed.py"))
assert _found and _found.loader
killed = importlib.util.module_from_spec(_found)
_found.loader.exec_module(killed)


def _begin(job: dict[str, Any], number: int) -> None:
    """What happens in one process."""
    kill, base_data_out = job.get("kill"), list(job["arguments"])
    if kill and kill[0] == number:
        killed.watch(killed.Moments(kill[1:]))
    if job.get("data_of_last") and number == job["processes"] - 1:
        base_data_out[1] = job["data_of_last"]
    if job.get("nan") and number == job["nan"][0]:
        _spoil(job["nan"][1])
    # the page and the plan have their own tests, and take longer than this run
    stage._write_page = lambda *_: "report.html"
    stage.planned = lambda *_, **__: None
    compiled._BACKEND = "aot_eager"
    base, data, out = base_data_out
    tune(base, Path(data), Path(out), TuneSettings(**job["settings"]))


def _spoil(step: int) -> None:
    """The loss of a step, from 1, is not a number."""
    real, done = loop._backward, []

    def spoilt(model: Any, batches: Any, *rest: Any) -> Any:
        done.append(1)
        if len(done) == step:
            with torch.no_grad():
                next(p for p in model.parameters() if p.requires_grad).fill_(float("nan"))
        return real(model, batches, *rest)

    loop._backward = spoilt


def _process(job: dict[str, Any], number: int, port: int, said: int) -> int:
    """Begins one process, and returns its id here."""
    child = os.fork()
    if child:
        return child
    os.dup2(said, 2)
    count = job["processes"]
    if count > 1:
        os.environ |= {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(count),
                       "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}  # fmt: skip
    status = 1
    try:
        _begin(job, number)
        status = 0
    except DoctorGLMError as refused:
        status = refused.exit_code
        sys.stderr.write(f"{refused}\n")
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _run(job: dict[str, Any]) -> dict[str, Any]:
    port, processes = _free_port(), job["processes"]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) for number in range(processes)]
        started = {}
        for number, file in enumerate(files):
            with file.open("wb") as said:
                started[_process(job, number, port, said.fileno())] = number
        status: dict[int, int] = {}
        first_end = None
        while len(status) < processes:
            child, ended = os.waitpid(-1, 0)
            first_end = first_end or time.monotonic()
            status[started[child]] = os.waitstatus_to_exitcode(ended)
        seconds = time.monotonic() - (first_end or 0)
        said_by = [file.read_text("utf-8") for file in files]
    return {"status": [status[n] for n in range(processes)], "said": said_by, "seconds": seconds}


def main() -> None:
    """Serves jobs until stdin ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
