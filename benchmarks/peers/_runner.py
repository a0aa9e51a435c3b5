"""How a runner is started: once for one row, or once for all, with a fork for every row.

What a runner imports takes longer than many a row; forked from one process that has imported it and computed nothing,
each row has a process, a seed and a memory of its own, and none of that waiting.
"""

import json
import os
import select
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from _common import Job, job_of, parsed

_MOST = 300
"""Characters of an error that are told."""


def run(defaults: Mapping[str, Any], main: Callable[[Job], None]) -> None:
    """Calls `main` for the job of the command line; with `--serve`, for each one that stdin has as a line of JSON.

    A line is {"work", "settings", "limit", "timeout_s"}; answered is a line, what `main` reports or {"failed": why}.
    """
    given = parsed(defaults)
    if not given.serve:
        main(job_of(defaults, given.work, given.settings, given.limit))
        return
    answers = os.dup(1)
    for line in sys.stdin:
        asked = json.loads(line)
        os.write(answers, (json.dumps(_forked(defaults, main, asked)) + "\n").encode())


def _forked(defaults: Mapping[str, Any], main: Callable[[Job], None], asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a child reports; why it did not where it failed or took longer than `timeout_s`."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        _child(defaults, main, asked, into)
    os.close(into)
    said, in_time = _said(out, asked["timeout_s"])
    if not in_time:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not in_time:
        return {"failed": f"took longer than {asked['timeout_s']} s"}
    if not said:
        return {"failed": f"ended without a word, by signal {os.WTERMSIG(status)}"}
    answer: dict[str, Any] = json.loads(said)
    return answer


def _child(defaults: Mapping[str, Any], main: Callable[[Job], None], asked: Mapping[str, Any], into: int) -> None:
    """Never returns; of an error the first line is told, and what libraries say on stderr is not kept."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        main(job_of(defaults, asked["work"], asked["settings"], asked["limit"], answer_to=into))
    except BaseException as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        told = f"{type(error).__name__}: {lines[0] if lines else ''}"[:_MOST]
        os.write(into, json.dumps({"failed": told}).encode())
    finally:
        os._exit(0)


def _said(pipe: int, timeout_s: float) -> tuple[bytes, bool]:
    """All that comes through the pipe until it is closed, and whether that was in time."""
    parts = []
    while True:
        ready, _, _ = select.select([pipe], [], [], timeout_s)
        part = os.read(pipe, 2**16) if ready else b""
        if not part:
            os.close(pipe)
            return b"".join(parts), bool(ready)
        parts.append(part)
