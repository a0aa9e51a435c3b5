"""Whoever does the work, and however often it was killed, the result is the same to the byte."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doctorglm.curate import CurateSettings, curate
from doctorglm.curate.engines import Inline, Workers, workers
from doctorglm.curate.pairs import Index
from doctorglm.runs import read_json

from .test_stage import files, table

PLAIN = CurateSettings(deidentify="none")
"""De-identification takes its time, and is no other here than in one process."""

RECORDS = 4500
"""More than four chunks of a thousand, so that processes are really started."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    (folder / "a.csv").write_bytes(table(RECORDS, 1))
    (folder / "b.csv").write_bytes(table(700, 2))
    unanswered = [{"instruction": f"{i}号病人怎么办？", "input": "", "output": ""} for i in range(30)]
    (folder / "c.json").write_text(json.dumps(unanswered), "utf-8")
    return folder


@pytest.fixture(scope="module")
def inline(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, Any]]:
    out = tmp_path_factory.mktemp("inline") / "out"
    record = curate([source], out, PLAIN, skip_bad=True, engine=Inline()).record
    return files(out), record["counts"]


def test_two_processes_give_what_one_gives(source: Path, inline: Any, tmp_path: Path) -> None:
    with workers(2) as engine:
        assert isinstance(engine, Workers)
        record = curate([source], tmp_path / "out", PLAIN, skip_bad=True, engine=engine).record
    assert (files(tmp_path / "out"), record["counts"]) == inline
    assert record["counts"]["read"] == RECORDS + 730


def test_ray_gives_what_one_process_gives(source: Path, inline: Any, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'doctorglm[ray]'")
    # in a process of its own: Ray leaves threads and sockets that outlive its shutdown
    program = f"""
import sys
from pathlib import Path
import ray
from doctorglm.curate import CurateSettings, curate
from doctorglm.curate.ray_engine import ray_cluster
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
assert ray.cluster_resources()["CPU"] == 2
with ray_cluster() as engine:
    settings = CurateSettings(deidentify="none")
    curate([Path({str(source)!r})], Path({str(tmp_path / "out")!r}), settings, skip_bad=True, engine=engine)
ray.shutdown()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    assert (files(tmp_path / "out"), read_json(tmp_path / "out/run.json")["counts"]) == inline


def test_a_killed_run_goes_on_where_it_was(source: Path, inline: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = f"""
from pathlib import Path
from doctorglm.curate import CurateSettings, curate
from doctorglm.curate.store import Store
import time
add = Store.add
Store.add = lambda self, outcome: (add(self, outcome), time.sleep(0.5))
curate([Path({str(source)!r})], Path({str(out)!r}), CurateSettings(deidentify="none"), skip_bad=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program])
    _wait(lambda: len(list((out / ".curate").glob("*.json"))) >= 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in (out / ".curate").glob("*.json")}
    assert read_json(out / "run.json")["status"] == "running"

    worked: list[str] = []

    class Watched(Inline):
        def outcomes(self, *args: Any) -> Any:
            for outcome in super().outcomes(*args):
                assert all(path.stat().st_mtime_ns == at for path, at in done.items())
                worked.append(outcome.key)
                yield outcome

    record = curate([source], out, PLAIN, skip_bad=True, engine=Watched()).record
    assert (files(out), record["counts"]) == inline
    assert worked
    assert not {path.stem for path in done} & set(worked)
    assert not (out / ".curate").exists()


def test_what_another_run_left_is_not_used(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Index, "similar", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            curate([source / "b.csv"], out, PLAIN)
    assert list((out / ".curate").glob("*.json"))
    others = CurateSettings(filters=["duplicate"], deidentify="none")
    curate([source / "b.csv"], out, others)
    curate([source / "b.csv"], tmp_path / "fresh", others)
    assert files(out) == files(tmp_path / "fresh")


def _wait(until: Callable[[], bool], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < end
        time.sleep(0.05)
