"""Tunes in several processes that begin as torchrun begins them, for `test_devices.py`.

A line of JSON on stdin asks for one run: `arguments` of `tune` (base, data, out), `settings`, how many `processes`, and
what shall happen: `kill`: [process, moment, which of its occurrences] as in `killed.py`; `nan`: [process, step] whose
weights are not numbers; `apart`: [process, step] whose weights are no longer those of the others; `stop`: [process,
step] that stands still there, whereupon process 0 is told to end, and the one that stands is killed; `last`: the last
process's own data and out. After it a line of JSON on stdout has `status` of each process (-9: killed), what each
`said` on stderr, and the `seconds` from the first one's end to the last one's.
Each process is a fork of this one, which has imported everything and computed nothing.
"""

import importlib.util
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import peft  # noqa: F401
import torch
import torch.distributed.fsdp
import torch.distributed.tensor
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
    kill, (base, data, out) = job.get("kill"), job["arguments"]
    if kill and kill[0] == number:
        killed.watch(killed.Moments(kill[1:]))
    if number == job["processes"] - 1:
        data, out = job.get("last") or (data, out)
    if job.get("nan") and number == job["nan"][0]:
        _before_step(job["nan"][1], _spoil)
    if job.get("apart") and number == job["apart"][0]:
        _before_step(job["apart"][1], _move)
    if job.get("stop") and number == job["stop"][0]:
        _before_step(job["stop"][1], lambda _: os.kill(os.getpid(), signal.SIGSTOP))
    # the page and the plan have their own tests, and take longer than this run
    stage._write_page = lambda *_: "report.html"
    stage.planned = lambda *_, **__: None
    compiled._BACKEND = "aot_eager"
    tune(base, Path(data), Path(out), TuneSettings(**job["settings"]))


def _before_step(step: int, happens: Any) -> None:
    """Has something done to the model before a step, counted from 1."""
    real, done = loop._backward, []

    def stepped(model: Any, *rest: Any) -> Any:
        done.append(1)
        if len(done) == step:
            happens(model)
        return real(model, *rest)

    loop._backward = stepped


def _spoil(model: Any) -> None:
    with torch.no_grad():
        next(p for p in model.parameters() if p.requires_grad).fill_(float("nan"))


def _move(model: Any) -> None:
    """By the last bits of one number."""
    with torch.no_grad():
        next(p for p in model.parameters() if p.requires_grad).flatten()[0] += 1e-6


def _process(job: dict[str, Any], number: int, port: int, said: int) -> int:
    """Begins one process, and returns its id here."""
    child = os.fork()
    if child:
        return child
    os.dup2(said, 2)
    if job["processes"] > 1:
        names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE")
        values = (number, number, job["processes"], "127.0.0.1", port, True)
        os.environ.update({name: str(value) for name, value in zip(names, values, strict=True)})
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


def _run(job: dict[str, Any]) -> dict[str, Any]:
    # torchrun's own store outlives the processes too
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    port, processes = store.port, job["processes"]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) for number in range(processes)]
        started = {}
        for number, file in enumerate(files):
            with file.open("wb") as said:
                started[_process(job, number, port, said.fileno())] = number
        status, ends = _ends(started)
        said_by = [file.read_text("utf-8") for file in files]
    return {"status": [status[n] for n in range(processes)], "said": said_by, "seconds": ends[-1] - ends[0]}


def _ends(started: dict[int, int]) -> tuple[dict[int, int], list[float]]:
    """How each process ended, and when."""
    status: dict[int, int] = {}
    ends: list[float] = []
    first = next(iter(started))
    while len(status) < len(started):
        child, ended = os.waitpid(-1, os.WUNTRACED)
        if os.WIFSTOPPED(ended):
            os.kill(first, signal.SIGTERM)
            os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
            os.kill(child, signal.SIGKILL)
            continue
        ends.append(time.monotonic())
        status[started[child]] = os.waitstatus_to_exitcode(ended)
    return status, ends


def main() -> None:
    """Serves jobs until stdin ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
