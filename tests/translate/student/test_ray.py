"""Two workers of a Ray cluster say what this process says, in the same order; Ray is gone afterwards."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from doctorglm.translate.checked import Again
from doctorglm.translate.student.bulk import Student, StudentSettings

from .tiny import english


def test_a_cluster_of_two_workers_says_the_same(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'doctorglm[ray]'")
    seed = random.Random(6)
    texts = [*(english(seed) for _ in range(120)), "Hello\n\n- No\n", "", "头痛"]
    (tmp_path / "texts.json").write_text(json.dumps(texts), "utf-8")
    # in a process of its own: Ray leaves threads and sockets that outlive its shutdown
    program = f"""
import json, os, sys
from pathlib import Path
import ray
from doctorglm.translate.checked import Again
from doctorglm.translate.student import ray_engine
from doctorglm.translate.student.bulk import Student, StudentSettings

class Worker(ray_engine.Worker):
    def __call__(self, rows):
        Path({str(tmp_path)!r}, "worker-" + str(os.getpid())).touch()
        import time; time.sleep(0.2)  # so that the other has something to do
        return super().__call__(rows)

ray_engine.Worker = Worker
real, told = ray.init, []
def init(**how):  # Ray's own switch is set there
    told.append((how["include_dashboard"], os.environ.get("RAY_USAGE_STATS_ENABLED")))
    return real(num_cpus=2, **how)
ray.init = init
texts = json.loads(Path({str(tmp_path / "texts.json")!r}).read_text("utf-8"))
with ray_engine.ray_engine() as engine:
    assert told == [(False, "0")]
    student = Student(Path({str(trained)!r}), StudentSettings(batch_tokens=40), engine=engine)
    said = [[one.chinese, one.by, one.reason] for one in student.translate(texts)]
    workers = len(list(Path({str(tmp_path)!r}).glob("worker-*")))
    others = student.again([Again(text, "", (), 1) for text in texts[:20]])
    assert student.translate([""])[0].by == "empty"
assert not ray.is_initialized()
Path({str(tmp_path / "said.json")!r}).write_text(json.dumps([said, others, workers]), "utf-8")
"""
    environment = {k: v for k, v in os.environ.items() if k not in ("RAY_USAGE_STATS_ENABLED", "RAY_ADDRESS")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    said, others, workers = json.loads((tmp_path / "said.json").read_text("utf-8"))
    student = Student(trained, StudentSettings(batch_tokens=40))
    assert said == [[one.chinese, one.by, one.reason] for one in student.translate(texts)]
    assert others == student.again([Again(text, "", (), 1) for text in texts[:20]])
    assert workers == 2
