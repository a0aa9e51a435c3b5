"""Tunes in processes that SIGKILL themselves at a chosen moment, for `test_killed.py` and `benchmarks/resume.py`.

Product code has no hook for this: the functions at which a process may end are wrapped here. A line of JSON on stdin
asks for one process: `arguments` of `tune` (base, data, out), `settings`, and `kill`: null, or the name of a moment and
which of its occurrences, or "clock" and the seconds after the start. After each a line of JSON on stdout has `status`
(-9: killed; else the exit code) and how often every moment occurred. Each process is a fork of this one, which has
imported everything and computed nothing.
"""

import json
import os
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft  # noqa: F401
import torch

from doctorglm.errors import DoctorGLMError
from doctorglm.runs import Run
from doctorglm.tune import TuneSettings, loop, stage, tune

MOMENTS = {
    "forward": "during a step: before a forward pass",
    "backward": "during a step: after gradients, before the weights change",
    "half-updated": "during a step: some of the weights changed, others not",
    "updated": "during a step: all weights changed, the step not counted",
    "validation": "during a validation",
    "half-written checkpoint": "half of a checkpoint's bytes written",
    "half-written best": "half of the bytes of the best weights written",
    "unsynced": "a file written, not yet on the disk (before fsync)",
    "unnamed checkpoint": "a checkpoint on the disk, before its rename",
    "named checkpoint": "a checkpoint renamed, before its folder is on the disk",
    "unnamed best": "the best weights on the disk, before their rename",
    "named best": "the best weights renamed, before the step is counted",
    "removing": "while older checkpoints are removed",
    "adapter": "during the adapter's save: written, before its rename",
    "adapter named": "during the adapter's save: renamed, before the run is finished",
    "finish": "run.json on the disk as finished, before its rename",
    "finished": "run.json renamed: the last rename of the run",
}


class Moments:
    """Counts what happens, and ends the process when it is time."""

    def __init__(self, kill: list[Any] | None) -> None:
        self._kill = tuple(kill) if kill else None
        self.seen: Counter[str] = Counter()

    def reach(self, moment: str, prepare: Callable[[], Any] = lambda: None) -> None:
        """One more occurrence; `prepare` brings about what the disk or the memory is like then."""
        assert moment in MOMENTS
        self.seen[moment] += 1
        if self._kill == (moment, self.seen[moment]):
            prepare()
            os.kill(os.getpid(), signal.SIGKILL)


def watch(moments: Moments) -> None:
    """Wraps the functions of a run."""
    _watch_steps(moments)
    _watch_files(moments)


def _watch_steps(moments: Moments) -> None:
    forward, update = loop.token_nats, loop._update

    def watched_forward(model: Any, batch: Any, *rest: Any) -> Any:
        moments.reach("forward" if torch.is_grad_enabled() else "validation")
        return forward(model, batch, *rest)

    def half_update(optimizers: list[torch.optim.Optimizer]) -> None:
        parameters = [p for o in optimizers for group in o.param_groups for p in group["params"]]
        for parameter in parameters[::2]:
            parameter.grad = None
        update(optimizers)

    def watched_update(optimizers: list[torch.optim.Optimizer]) -> None:
        moments.reach("backward")
        moments.reach("half-updated", lambda: half_update(optimizers))
        update(optimizers)
        moments.reach("updated")

    loop.token_nats, loop._update = watched_forward, watched_update


def _kind_of(path: str) -> str | None:
    name = Path(path).name.lstrip(".")
    return "checkpoint" if name.startswith("step-") else "best" if name.startswith("best-") else None


def _watch_files(moments: Moments) -> None:
    save, sync, rename, unlink = torch.save, os.fsync, os.replace, os.unlink
    finishing = False
    finish = Run.finish

    def half_save(state: Any, out: Any) -> None:
        save(state, out)
        out.flush()
        os.truncate(out.fileno(), out.tell() // 2)

    def watched_save(state: Any, out: Any) -> None:
        name = str(Path(f"/proc/self/fd/{out.fileno()}").readlink())
        if kind := _kind_of(name):
            moments.reach(f"half-written {kind}", lambda: half_save(state, out))
        save(state, out)

    def watched_sync(descriptor: int) -> None:
        moments.reach("unsynced")
        sync(descriptor)

    def watched_rename(source: Any, target: Any) -> None:
        kind = _kind_of(str(target))
        name = Path(target).name
        moment = f"unnamed {kind}" if kind else "adapter" if name in ("adapter", "model") else None
        moment = "finish" if finishing and name == "run.json" else moment
        if moment:
            moments.reach(moment)
        rename(source, target)
        if moment:
            moments.reach({"finish": "finished", "adapter": "adapter named"}.get(moment, moment.removeprefix("un")))

    def watched_unlink(path: Any, *rest: Any, **named: Any) -> None:
        if str(path).endswith(".pt"):
            moments.reach("removing")
        unlink(path, *rest, **named)

    def watched_finish(run: Run, **results: Any) -> None:
        nonlocal finishing
        finishing = True
        finish(run, **results)

    torch.save, os.fsync, os.replace, os.unlink = watched_save, watched_sync, watched_rename, watched_unlink
    Run.finish = watched_finish  # type: ignore[method-assign]


def _run(job: dict[str, Any], counts: int) -> None:
    """One run in a forked process, which writes how often each moment occurred to the descriptor `counts`."""
    kill = job["kill"]
    moments = Moments(kill)
    watch(moments)
    if kill and kill[0] == "clock":
        threading.Timer(kill[1], os.kill, (os.getpid(), signal.SIGKILL)).start()
    # the page has its own tests, and takes longer than this run
    stage._write_page = lambda *_: "report.html"
    base, data, out = job["arguments"]
    tune(base, Path(data), Path(out), TuneSettings(**job["settings"]))
    os.write(counts, json.dumps(moments.seen).encode())


def main() -> None:
    """Serves jobs until stdin ends."""
    for line in sys.stdin:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            status = 1
            try:
                _run(json.loads(line), writer)
                status = 0
            except DoctorGLMError as refused:
                status = refused.exit_code
                sys.stderr.write(f"{refused}\n")
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        os.close(writer)
        with os.fdopen(reader, "rb") as counted:
            seen = counted.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(json.dumps({"status": status, "seen": json.loads(seen or b"{}")}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
