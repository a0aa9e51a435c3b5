"""As a process of its own: signals, locales, full disks, a reader that leaves."""

import contextlib
import gc
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from doctorglm import language
from doctorglm.conversation import write_conversations
from doctorglm.runs import read_json

from ..house import consultations, write_table
from .kit import TINY, Said, Scene, environment, files, process


def test_the_locale_chooses_the_language_and_nothing_else(tmp_path: Path) -> None:
    source = write_table(tmp_path / "样例.csv", consultations(20))
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    here = process("curate", source, "--out", tmp_path / "甲", "--json", LANG="zh_CN.UTF-8")
    there = process("curate", source, "--out", tmp_path / "乙", "--json", **ascii_only)
    assert (here.returncode, there.returncode) == (0, 0), there.stderr.decode()[-2000:]
    assert json.loads(here.stdout) | {"out": ""} == json.loads(there.stdout) | {"out": ""}
    assert Path(json.loads(there.stdout)["out"]).name == "乙"
    assert files(tmp_path / "甲") == files(tmp_path / "乙")
    for name in ("train.jsonl", "valid.jsonl", "test.jsonl", "rejected.jsonl"):
        assert (tmp_path / "甲" / name).read_bytes() == (tmp_path / "乙" / name).read_bytes()
    missing = tmp_path / "没有.csv"
    assert (
        process("curate", missing, "--out", tmp_path / "丙", **ascii_only)
        .stderr.decode("utf-8")
        .startswith(f"error: {missing}: no such file")
    )
    zh = process("curate", missing, "--out", tmp_path / "丙", LANG="zh_CN.UTF-8")
    assert zh.returncode == 2 and zh.stderr.decode("utf-8").startswith(f"错误：{missing}：文件不存在")


def _wait_for_lines(path: Path, count: int, child: "subprocess.Popen[bytes]") -> None:
    give_up = time.monotonic() + 120
    while child.poll() is None and time.monotonic() < give_up:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"{path.name} never had {count} lines")


def test_ctrl_c_stops_a_tuning_which_goes_on_when_it_is_started_again(
    scene: Scene, command: Callable[..., Said]
) -> None:
    write_conversations(scene.data / "train.jsonl", consultations(60))
    settings = ("epochs=9", "max_steps=150", "batch_tokens=64", "max_length=128", "validate_every=0")
    settings += ("checkpoint_every_s=0.001",)
    arguments = ["tune", "--base", scene.base, "--data", scene.data, "--out", scene.out, *settings]
    child = subprocess.Popen(
        [sys.executable, "-m", "doctorglm", *map(str, arguments), "--json"],
        env=environment(LANG="zh_CN.UTF-8"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _wait_for_lines(scene.out / "metrics.jsonl", 3, child)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 130
    assert "已中断；再次运行即可继续" in err.decode() and "Traceback" not in err.decode()
    assert json.loads(out)["exit_code"] == 130
    metrics = scene.out / "metrics.jsonl"
    before = metrics.read_bytes()
    assert 3 <= before.count(b"\n") < 150
    assert read_json(scene.out / "run.json")["status"] == "running" and not (scene.out / "adapter").exists()
    assert command(*arguments).code == 0
    # the step in which it was interrupted is done again
    kept = before[: before[:-1].rindex(b"\n") + 1]
    assert metrics.read_bytes().startswith(kept), "what was done is not done again"
    steps = [json.loads(line)["step"] for line in metrics.read_text("utf-8").splitlines()]
    assert steps == list(range(1, 151))
    assert read_json(scene.out / "run.json")["status"] == "finished"


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [300, 6_000, 40_000])
def test_a_file_that_may_not_grow_is_told_and_nothing_is_half_written(
    scene: Scene, command: Callable[..., Said], size: int
) -> None:
    """Stands for a full disk: the record of the run, the checkpoint or the adapter is the first that does not fit."""
    with largest_file(size):
        said = command("--lang", "zh", *scene.tune)
    assert said.code == 2, said.err
    assert re.search(f"错误：{scene.out}/\\S+：文件超过允许的大小", said.err) and "Traceback" not in said.err
    assert not (scene.out / "adapter").exists()
    assert [name for name in files(scene.out) if ".tmp" in name] == []
    assert command(*scene.tune).code == 0, "with room again the same command goes on"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB; the test is skipped where none can be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    gc.collect()  # an error's frames may still hold the run, and the run its folder's lock
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_full_disk(
    scene: Scene, small_disk: Path, command: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, seen_before: bool
) -> None:
    """Too small from the start; or, as when others fill it meanwhile, found out by writing."""
    arguments = ["tune", "--base", scene.base, "--data", scene.data, "--out", small_disk / "out", *TINY]
    told = (("zh", "而磁盘只剩 65.5 kB"), ("en", "and 65.5 kB are free on this disk"))
    if not seen_before:
        monkeypatch.setattr("doctorglm.tune.stage.refuse_no_room", lambda *_: None)
        told = (("zh", "：磁盘已满"), ("en", ": the disk is full"))
    for lang, expected in told:
        said = command("--lang", lang, *arguments, "lora_rank=16")
        assert said.code == 2, said.err
        assert expected in said.err and "Traceback" not in said.err
        assert not (small_disk / "out" / "adapter").exists()
        assert [name for name in files(small_disk) if ".tmp" in name] == []


@pytest.mark.parametrize("arguments", [["--help"], ["zzzz", "--json"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_stdout_that_is_full_or_has_no_reader(arguments: list[str], unbuffered: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    command = [sys.executable, "-m", "doctorglm", *arguments]
    surroundings = environment(PYTHONUNBUFFERED=unbuffered)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, env=surroundings, stdout=full, stderr=subprocess.PIPE, timeout=120)
    expected = b"the disk is full" if "--help" in arguments else b"unknown verb `zzzz`"
    assert done.returncode == 2 and expected in done.stderr and done.stderr.count(b"\n") == 1, done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, env=surroundings, stdout=writer, stderr=subprocess.PIPE, timeout=120)
    os.close(writer)
    assert b"Traceback" not in done.stderr and b"ignored" not in done.stderr
    assert done.returncode == (130 if "--help" in arguments else 2)


def test_results_that_stdout_cannot_take_are_no_success(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    source = write_table(tmp_path / "x.csv", consultations(20))
    command = [sys.executable, "-m", "doctorglm", "curate", str(source), "--out", str(tmp_path / "out"), "--json"]
    surroundings = environment(PYTHONUNBUFFERED="")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, env=surroundings, stdout=full, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 2 and b"the disk is full" in done.stderr and b"ignored" not in done.stderr


def test_limits_are_those_of_this_test_alone() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert language.current() == "en"
