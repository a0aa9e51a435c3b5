"""Several processes, connected by gloo on this machine's processor, train as one does; one that ends ends all."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from doctorglm import language
from doctorglm.__main__ import main
from doctorglm.conversation import Conversation, Message, write_conversations
from doctorglm.errors import ConfigError
from doctorglm.models import ChatGLMConfig
from doctorglm.runs import sha256_file
from doctorglm.tune import TuneSettings
from doctorglm.tune.checkpoint import hashes
from doctorglm.tune.parallel import refuse_what_cannot_work

DRIVER = Path(__file__).with_name("devices.py")
SETTINGS = {"epochs": 1, "batch_tokens": 250, "validate_every": 2, "checkpoint_every_s": 1e-9, "lora_rank": 2,
            "learning_rate": 0.01, "general": "none", "max_steps": 4}  # fmt: skip
UNEVEN = {"batch_tokens": 90}
"""Steps of one, two or three samples."""
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Tunes into a folder, in one process or several."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as driver:
        assert driver.stdin and driver.stdout

        def tune(base: Path, data: Path, out: Path, processes: int, job: Any = None, **changes: Any) -> dict[str, Any]:
            asked = {"arguments": [str(base), str(data), str(out)], "settings": {**SETTINGS, **changes},
                     "processes": processes, **(job or {})}  # fmt: skip
            driver.stdin.write(json.dumps(asked) + "\n")
            driver.stdin.flush()
            answer: dict[str, Any] = json.loads(driver.stdout.readline())
            return answer

        yield tune
        driver.stdin.close()


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(next(file for name in ("adapter", "model") for file in (out / name).glob("*.safetensors")))


def record(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "run.json").read_text("utf-8"))
    return found


def assert_alike(one: Path, other: Path) -> None:
    """The same but for the order of sums in 32 bits; a mean of means would be off by a hundred times as much."""
    assert [row.keys() for row in rows(one)] == [row.keys() for row in rows(other)]
    for a, b in zip(rows(one), rows(other), strict=True):
        assert (a["step"], a["tokens"], a["learning_rate"]) == (b["step"], b["tokens"], b["learning_rate"])
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-5)
        assert b["grad_norm"] == pytest.approx(a["grad_norm"], rel=1e-4)
        assert b.get("valid_loss", 0) == pytest.approx(a.get("valid_loss", 0), rel=1e-5)
    of_one, of_other = weights(one), weights(other)
    assert of_one.keys() == of_other.keys()
    for name, value in of_one.items():
        torch.testing.assert_close(of_other[name], value, rtol=0, atol=5e-5, msg=name)
    same = ("counts", "best", "stopped", "tokens", "steps", "parameters", "settings", "inputs", "packed")
    a, b = ({name: record(out)[name] for name in same} for out in (one, other))
    for found in (a, b):
        found["best"] = {**found["best"], "valid_loss": round(found["best"]["valid_loss"], 4)}
    assert a == b


CASES: dict[str, tuple[str, dict[str, Any], list[tuple[int, str]]]] = {
    "lora, fused": ("chatglm", {**UNEVEN}, [(3, "none"), (3, "full")]),
    "full": ("qwen", {"method": "full", "learning_rate": 1e-3, "accumulation": 2, "recompute": "full", "max_steps": 3},
             [(2, "none"), (2, "full")]),
    "ptuning": ("qwen", {"method": "ptuning", "prefix_tokens": 4, "packing": False}, [(2, "none"), (2, "full")]),
    "qlora": ("qwen", {"method": "qlora", **UNEVEN}, [(2, "none")]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_same_numbers_as_one_process(
    case: str, run: Run, request: pytest.FixtureRequest, data: Path, tmp_path: Path
) -> None:
    """Also where a step has fewer samples than there are processes."""
    name, changes, teams = CASES[case]
    base = request.getfixturevalue(f"{name}_base")
    assert run(base, data, tmp_path / "one", 1, **changes)["status"] == [0]
    fused = {"lora, fused": 2, "full": 15, "ptuning": 14, "qlora": 2}[case]
    assert record(tmp_path / "one")["fused_layers"] == fused
    for processes, sharding in teams:
        out = tmp_path / f"{processes}-{sharding}"
        answer = run(base, data, out, processes, sharding=sharding, **changes)
        assert answer["status"] == [0] * processes, answer["said"]
        assert answer["said"][1:] == [""] * (processes - 1), "process 0 speaks for all"
        assert_alike(tmp_path / "one", out)
        found = record(out)
        assert (found["processes"], found["sharding"]) == (processes, sharding)
        assert found["fused_layers"] == (0 if sharding == "full" else fused)
        assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in (tmp_path / "one").iterdir())


def left(out: Path) -> dict[str, Any]:
    """All that must be the same, bit by bit."""
    state = hashes(max((out / "checkpoints").glob("step-*.pt")))
    return {
        **{part: state[part] for part in ("identity", "weights", "optimizers", "sampler", "random")},
        "adapter": sha256_file(out / "adapter/adapter_model.safetensors"),
        "rows": [{key: value for key, value in row.items() if key != "seconds"} for row in rows(out)],
        "files": sorted(str(p.relative_to(out)) for p in out.rglob("*")),
    }


def test_one_process_killed_ends_all_and_the_run_goes_on_as_if_nothing_had_happened(
    run: Run, qwen_base: Path, data: Path, tmp_path: Path
) -> None:
    """With dropout, whose numbers each process draws anew for every step. Process 1 leaves the folder alone."""
    dropout = {"lora_dropout": 0.2}
    elsewhere = {"last": [str(data), str(tmp_path / "of process 1")]}
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert run(qwen_base, data, whole, 2, elsewhere, **dropout)["status"] == [0, 0]
    assert not (tmp_path / "of process 1").exists()
    for kill in ([1, "forward", 3], [0, "half-written checkpoint", 1], [1, "half-updated", 1]):
        answer = run(qwen_base, data, out, 2, {"kill": kill}, **dropout)
        assert answer["status"] == ([-9, 130] if kill[0] == 0 else [130, -9])
        assert answer["seconds"] < 20
        if kill[0] == 1:
            assert "another of the 2 processes of this run has ended" in answer["said"][0]
            assert "Give the same command again; it goes on after step" in answer["said"][0]
            assert "Traceback" not in answer["said"][0]
        assert record(out)["status"] == "running" and not (out / "adapter").exists()
    assert run(qwen_base, data, out, 2, **dropout)["status"] == [0, 0]
    assert left(out) == left(whole)
    assert run(qwen_base, data, out, 2, **dropout)["status"] == [0, 0], "a finished run is skipped by all"
    assert left(out) == left(whole)


def test_a_checkpoint_belongs_to_no_number_of_processes(run: Run, qwen_base: Path, data: Path, tmp_path: Path) -> None:
    """Begun in one, gone on with in two that share the weights out, ended in three that do not."""
    out = tmp_path / "out"
    assert run(qwen_base, data, tmp_path / "one", 1)["status"] == [0]
    assert run(qwen_base, data, out, 1, {"kill": [0, "backward", 2]})["status"] == [-9]
    parted = run(qwen_base, data, out, 2, {"kill": [1, "updated", 2]}, sharding="full")
    assert parted["status"] == [130, -9]
    assert "step-00000001.pt: made elsewhere" in parted["said"][0] and "processes: 1 -> 2" in parted["said"][0]
    last = run(qwen_base, data, out, 3)
    assert last["status"] == [0, 0, 0]
    assert "step-00000002.pt: made elsewhere" in last["said"][0] and "processes: 2 -> 3" in last["said"][0]
    assert_alike(tmp_path / "one", out)


def test_all_stop_at_the_same_step_and_keep_the_same_weights(
    run: Run, qwen_base: Path, data: Path, tmp_path: Path
) -> None:
    """Patience and the forgetting meter, with validation shared out among the processes, unevenly."""
    changes = {"validate_every": 1, "learning_rate": 0.3, "schedule": "constant", "patience": 1, "max_steps": 0,
               "epochs": 9, "general": str(data / "valid.jsonl")}  # fmt: skip
    for processes, sharding in ((1, "none"), (2, "none"), (2, "full")):
        out = tmp_path / f"{processes}-{sharding}"
        assert run(qwen_base, data, out, processes, sharding=sharding, **changes)["status"] == [0] * processes
    one = record(tmp_path / "1-none")
    assert one["stopped"]["reason"] == "patience"
    base = json.loads((tmp_path / "1-none/base.json").read_text("utf-8"))
    for other in ("2-none", "2-full"):
        found = record(tmp_path / other)
        assert (found["stopped"]["step"], found["best"]["step"]) == (one["stopped"]["step"], one["best"]["step"])
        assert found["best"]["general_nll"] == pytest.approx(one["best"]["general_nll"], rel=1e-4)
        assert json.loads((tmp_path / other / "base.json").read_text("utf-8")) == base, "summed in one order"


def test_what_goes_wrong_is_said_once(run: Run, qwen_base: Path, data: Path, tmp_path: Path) -> None:
    spoilt = run(qwen_base, data, tmp_path / "nan", 2, {"nan": [1, 2]})
    assert spoilt["status"] == [2, 2] and "loss nan" not in spoilt["said"][1]
    assert "step 2: loss nan" in spoilt["said"][0] and "Traceback" not in spoilt["said"][0]
    (tmp_path / "fewer").mkdir()
    lines = (data / "train.jsonl").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "fewer/train.jsonl").write_text("".join(lines[1:]), "utf-8")
    other = run(qwen_base, data, tmp_path / "other", 2, {"last": [str(tmp_path / "fewer"), str(tmp_path / "other")]})
    assert other["status"] == [2, 2] and "were given" not in other["said"][1]
    assert "were given different bases, data or settings" in other["said"][0]
    assert not (tmp_path / "other").exists()
    apart = run(qwen_base, data, tmp_path / "apart", 2, {"apart": [1, 2]}, max_steps=2, validate_every=9)
    assert apart["status"] == [2, 2] and "copies of the trained weights differ" in apart["said"][0]
    assert not (tmp_path / "apart/adapter").exists()
    alone = run(qwen_base, data, tmp_path / "alone", 2, {"last": [str(tmp_path / "none"), str(tmp_path / "alone")]})
    assert alone["status"] == [130, 2]
    assert "none/train.jsonl: no such file" in alone["said"][1], "what process 1 alone has met, it says"
    assert "another of the 2 processes" in alone["said"][0]


def test_told_to_end_while_another_stands_still(run: Run, qwen_base: Path, data: Path, tmp_path: Path) -> None:
    """As torchrun tells it; no Python code runs in the process then, which waits for the other within torch."""
    answer = run(qwen_base, data, tmp_path / "out", 2, {"stop": [1, 3]})
    assert answer["status"] == [128 + signal.SIGTERM, -signal.SIGKILL]
    assert "Give the same command again; it goes on after step" in answer["said"][0]


def test_what_the_base_answers_is_asked_by_process_0_alone(
    run: Run, qwen_base: Path, data: Path, tmp_path: Path
) -> None:
    """Here all has been answered already; the others hear of it."""
    said = [Conversation(id=f"r{i}", messages=(Message("user", "头疼吗？"), Message("assistant", "多休息。")),
                         meta={"finish": "stop"}) for i in range(2)]  # fmt: skip
    for processes in (1, 2):
        out = tmp_path / str(processes)
        write_conversations(out / "replay.jsonl", said)
        assert run(qwen_base, data, out, processes, replay="self:2", max_steps=2)["status"] == [0] * processes
    assert record(tmp_path / "2")["counts"]["replay"]["conversations"] == 2
    assert_alike(tmp_path / "1", tmp_path / "2")


def test_torchrun(run: Run, qwen_base: Path, data: Path, tmp_path: Path) -> None:
    """Its own processes, of which one is killed; what is left is gone on with, and ends as it would have."""
    out = tmp_path / "out"
    given = [f"{name}={value}" for name, value in {**SETTINGS, "epochs": 40, "max_steps": 0}.items()]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
               "-m", "doctorglm", "--lang", "en", "tune", "--base", str(qwen_base), "--data", str(data),
               "--out", str(out), "--json", *given]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as started:
        while not ((out / "metrics.jsonl").exists() and len(rows(out)) > 2):
            assert started.poll() is None, started.communicate()
            time.sleep(0.05)
        os.kill(_process_1_of(started.pid), signal.SIGKILL)
        killed_at = time.monotonic()
        printed, said = started.communicate(timeout=60)
    assert time.monotonic() - killed_at < 45
    assert started.returncode != 0
    assert "Give the same command again; it goes on after step" in said
    assert "This is a fault of DoctorGLM" not in said
    assert len(printed.splitlines()) <= 1, "process 0 prints its one object, if it is let"
    assert not list(out.rglob(".*.tmp")) and record(out)["status"] == "running"
    reached = len(rows(out))
    changes = {"epochs": 40, "max_steps": 0}
    assert run(qwen_base, data, out, 2, {"kill": [1, "forward", 3]}, **changes)["status"] == [130, -9]
    assert reached <= len(rows(out)) <= reached + 4


def _process_1_of(torchrun: int) -> int:
    """The id of the process that has RANK=1."""
    children = Path(f"/proc/{torchrun}/task/{torchrun}/children").read_text("ascii").split()
    return next(int(c) for c in children if b"\0RANK=1\0" in b"\0" + Path(f"/proc/{c}/environ").read_bytes() + b"\0")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torchrun starts process 1 of 4."""
    for name, value in {
        "RANK": "1",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "4",
        "MASTER_ADDR": "x",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("settings", "processes", "en", "zh"),
    [
        ({}, 1, "there is one process. Start it by torchrun", "只有一个进程"),
        ({"method": "qlora"}, 2, "a base in nf4 is packed", "基座为 nf4 打包权重"),
        ({"optimizer": "muon"}, 2, "optimizer=muon turns whole matrices", "optimizer=muon 需要完整的矩阵"),
        ({"compile": True}, 2, "compile=true is for layers that stay whole", "compile=true 只适用于完整的层"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(settings: Any, processes: int, en: str, zh: str, qwen_base: Path) -> None:
    with pytest.raises(ConfigError, match="sharding=full") as caught:
        refuse_what_cannot_work(str(qwen_base), TuneSettings(sharding="full", **settings), processes)
    assert en in caught.value.text.en and zh in caught.value.text.zh
    assert "sharding=none" in caught.value.text.en or "leave it out" in caught.value.text.en
    refuse_what_cannot_work(str(qwen_base), TuneSettings(**settings), processes)


def test_an_official_int4_folder_is_packed_too(tmp_path: Path) -> None:
    ChatGLMConfig(quantization_bit=4).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="a base in int4 is packed"):
        refuse_what_cannot_work(str(tmp_path), TuneSettings(sharding="full"), 2)


def test_sharding_alone_is_refused_before_weights_are_looked_for(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}', "utf-8")
    rest = ["--data", str(tmp_path), "--out", str(tmp_path / "out"), "sharding=full"]
    assert main(["--lang", "en", "tune", "--base", str(tmp_path), *rest]) == 2
    assert "error: sharding=full: there is one process." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("started")
def test_other_verbs_run_in_one_process(data: Path, tmp_path: Path, capsys: Any) -> None:
    assert main(["--lang", "en", "doctor"]) == 2
    assert "doctor runs in one process, and torchrun has started 4" in capsys.readouterr().err
    language.choose("zh")
    assert (
        main(
            [
                "--lang",
                "zh",
                "tune",
                "--base",
                "embedded",
                "--data",
                str(data),
                "--out",
                str(tmp_path / "s"),
                "--search",
            ]
        )
        == 2
    )
    assert "--search 只在单个进程中运行" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()
