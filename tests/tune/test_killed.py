"""Killed by SIGKILL at any moment and started again, a run ends bit by bit as one that nobody killed.

On as many threads as a process takes by default. `benchmarks/resume.py` does the same on the embedded base.
"""

import importlib.util
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from doctorglm.runs import sha256_file
from doctorglm.tune.checkpoint import hashes

DRIVER = Path(__file__).with_name("killed.py")
SETTINGS = {"epochs": 2, "batch_tokens": 400, "validate_every": 3, "checkpoint_every_s": 1e-9, "lora_rank": 2,
            "learning_rate": 0.01, "lora_dropout": 0.2, "max_steps": 8}  # fmt: skip
Tune = Callable[..., dict[str, Any]]


def moments() -> list[str]:
    """The names of the driver's moments, read without running it."""
    spec = importlib.util.spec_from_file_location("killed", DRIVER)
    assert spec and spec.loader
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    return list(driver.MOMENTS)


MOMENTS = moments()


def _threads() -> dict[str, str]:
    """The environment of a process that takes as many threads as it does by default."""
    default = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return default | {"OMP_WAIT_POLICY": "PASSIVE"}  # the same sums, without spinning while another has the core


@pytest.fixture(scope="module")
def tuned(qwen_base: Path, data: Path) -> Iterator[Tune]:
    """Tunes in a process of its own, into a folder, killed where that is asked for."""
    with subprocess.Popen(
        [sys.executable, str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_threads(), text=True
    ) as driver:

        def tune(out: Path, kill: Any = None, **changes: Any) -> dict[str, Any]:
            assert driver.stdin and driver.stdout
            arguments = [str(qwen_base), str(data), str(out)]
            job = {"arguments": arguments, "settings": {**SETTINGS, **changes}, "kill": kill}
            driver.stdin.write(json.dumps(job) + "\n")
            driver.stdin.flush()
            answer: dict[str, Any] = json.loads(driver.stdout.readline())
            return answer

        yield tune
        assert driver.stdin
        driver.stdin.close()


@pytest.fixture(scope="module")
def whole(tuned: Tune, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A run that nobody killed, and how often each moment occurred in it."""
    out = tmp_path_factory.mktemp("whole") / "out"
    answer = tuned(out)
    assert answer["status"] == 0
    return out, answer["seen"]


def left(out: Path) -> dict[str, Any]:
    """All that must be the same: hashes of the last state, the adapter, the best weights, the metrics but for time."""
    checkpoints = sorted((out / "checkpoints").iterdir())
    state = hashes(max((out / "checkpoints").glob("step-*.pt")))
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
    record = json.loads((out / "run.json").read_text("utf-8"))
    return {
        "checkpoints": [p.name for p in checkpoints],
        **{part: state[part] for part in ("identity", "weights", "optimizers", "sampler", "random")},
        "adapter": sha256_file(out / "adapter/adapter_model.safetensors"),
        "rows": [{key: value for key, value in row.items() if key != "seconds"} for row in rows],
        "best": record["best"], "tokens": record["tokens"], "status": record["status"],
        "files": sorted(p.name for p in out.iterdir()),
    }  # fmt: skip


GROUPS = [
    ["forward", "backward", "half-updated"],
    ["updated", "validation", "half-written best", "unnamed best"],
    ["named best", "half-written checkpoint", "unnamed checkpoint", "named checkpoint"],
    ["unsynced", "removing", "forward"],
    ["adapter", "adapter named", "finish", "finished"],
]


def test_every_moment_is_tried(whole: tuple[Path, dict[str, int]]) -> None:
    assert set(whole[1]) == set(MOMENTS) == {moment for group in GROUPS for moment in group}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
def test_killed_and_killed_again(
    group: list[str], whole: tuple[Path, dict[str, int]], tuned: Tune, tmp_path: Path
) -> None:
    """In one folder: at a random occurrence of the first moment, at the next occurrence of each of the others."""
    folder, seen = whole
    kills = [(group[0], random.Random(group[0]).randint(1, seen[group[0]])), *((moment, 1) for moment in group[1:])]
    for kill in kills:
        assert tuned(tmp_path / "out", kill)["status"] == -signal.SIGKILL, kill
    last = tuned(tmp_path / "out")
    assert last["status"] == 0
    assert left(tmp_path / "out") == left(folder), kills
    assert group[-1] != "finished" or not last["seen"], "nothing is done when the run was finished"


def test_killed_with_fused_layers(tuned: Tune, tmp_path: Path) -> None:
    """The default: without dropout layers are fused, and what they keep between steps is made from the checkpoint."""
    fused = {"lora_dropout": 0.0}
    assert tuned(tmp_path / "whole", **fused)["status"] == 0
    assert json.loads((tmp_path / "whole/run.json").read_text("utf-8"))["fused_layers"] == 2
    for kill in (["half-updated", 3], ["forward", 2], ["named checkpoint", 1], ["validation", 1]):
        assert tuned(tmp_path / "out", kill, **fused)["status"] == -signal.SIGKILL, kill
    assert tuned(tmp_path / "out", **fused)["status"] == 0
    assert left(tmp_path / "out") == left(tmp_path / "whole")


@pytest.mark.parametrize(
    "method",
    [
        {"method": "ptuning", "prefix_tokens": 5, "prefix_projection": True, "prefix_hidden": 9, "prefix_dropout": 0.2},
        {"method": "qlora", "quantization": "int4"},
    ],
    ids=lambda method: method["method"],
)
def test_killed_with_other_methods(method: dict[str, Any], tuned: Tune, tmp_path: Path) -> None:
    """What is drawn for a prefix, its dropout and the packed weights are the same when it goes on."""
    assert tuned(tmp_path / "whole", **method)["status"] == 0
    for kill in (["forward", 3], ["half-updated", 2], ["half-written checkpoint", 1], ["adapter", 1]):
        assert tuned(tmp_path / "out", kill, **method)["status"] == -signal.SIGKILL, kill
    assert tuned(tmp_path / "out", **method)["status"] == 0
    assert left(tmp_path / "out") == left(tmp_path / "whole")


def test_killed_between_checkpoints_that_are_far_apart(
    whole: tuple[Path, dict[str, int]], tuned: Tune, tmp_path: Path
) -> None:
    """Without any checkpoint yet the run begins again, and passes over the best weights that are there already."""
    far = {"checkpoint_every_s": 9999.0}
    assert tuned(tmp_path / "out", ["forward", 5], **far)["status"] == -signal.SIGKILL
    assert [p.name for p in (tmp_path / "out/checkpoints").iterdir()] == ["best-00000003.pt"]
    assert tuned(tmp_path / "out", **far)["status"] == 0
    one, other = left(tmp_path / "out"), left(whole[0])
    for part in ("weights", "optimizers", "sampler", "random", "adapter", "rows", "best"):
        assert one[part] == other[part]


_HOLDS = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), 2); print(1, flush=True); input()"


def test_two_runs_in_one_folder(whole: tuple[Path, dict[str, int]], tuned: Tune, tmp_path: Path) -> None:
    """The second one is refused and changes nothing; when the first has been killed, it goes on."""
    out = tmp_path / "out"
    assert tuned(out, ["forward", 5])["status"] == -signal.SIGKILL
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None and first.stdout.readline() == "1\n"
        assert tuned(out)["status"] == 2
        assert before == {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
        first.kill()
    assert tuned(out)["status"] == 0
    assert left(out) == left(whole[0])


_FULL = """
import json, os, subprocess, sys
from pathlib import Path
driver, job, folder = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", folder], check=True)
ballast = Path(folder) / "ballast"
def tuned():
    return subprocess.run([sys.executable, driver], input=job, capture_output=True, text=True)
ballast.write_bytes(bytes(540_000))
full = tuned()
left = sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())
ballast.unlink()
again = tuned()
state = {p.name: p.read_bytes().hex() for p in (Path(folder) / "out/adapter").glob("*.safetensors")}
print(json.dumps([full.stdout, full.stderr, left, again.stdout, state]))
"""


def test_a_disk_that_is_really_full(
    whole: tuple[Path, dict[str, int]], qwen_base: Path, data: Path, tmp_path: Path
) -> None:
    """A file system of 700 kB in memory, which only a user who may mount one can have."""
    place = tmp_path / "disk"
    place.mkdir()
    alone = ["unshare", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*alone, "mount", "-t", "tmpfs", "none", str(place)]).returncode:
        pytest.skip("needs the right to mount a file system in a namespace of its own")
    job = {"arguments": [str(qwen_base), str(data), str(place / "out")], "settings": SETTINGS, "kill": None}
    done = subprocess.run(
        [*alone, sys.executable, "-c", _FULL, str(DRIVER), json.dumps(job), str(place)],
        capture_output=True, text=True, check=False, env=_threads(),
    )  # fmt: skip
    full, said, files, again, adapter = json.loads(done.stdout)
    assert json.loads(full)["status"] == 2
    assert "the disk is full" in said and "are needed" in said and "are free on it" in said
    assert not [name for name in files if name.endswith(".tmp")]
    assert [name for name in files if "/step-" in name]
    assert json.loads(again)["status"] == 0
    name = "adapter_model.safetensors"
    assert bytes.fromhex(adapter[name]) == (whole[0] / "adapter" / name).read_bytes()
