"""A stage's directory: whole or not at all, skipped when finished, refused when it is another's."""

import errno
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doctorglm import language, runs
from doctorglm.errors import ConfigError, DataError
from doctorglm.runs import Run, atomic_file, peak_memory_mb, read_json, sha256_file, sha256_tree, write_json

HASH = "ab" * 32


def run(directory: Path, **changes: Any) -> Run:
    values: dict[str, Any] = {"stage": "tune", "settings": {"epochs": 3}, "inputs": {"train.jsonl": HASH}, "seed": 1}
    return Run(directory, **(values | changes))


def names(directory: Path) -> list[str]:
    return sorted(p.name for p in directory.iterdir())


def test_an_error_inside_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    with pytest.raises(ZeroDivisionError), atomic_file(path) as out:
        out.write("half")
        raise ZeroDivisionError
    assert read_json(path) == {"old": 1}
    assert names(tmp_path) == ["a.json"]


_KILLED = """
import sys, time
from pathlib import Path
from doctorglm.runs import atomic_file
with atomic_file(Path(sys.argv[1])) as out:
    out.write("half" * 10_000)
    out.flush()
    print("written", flush=True)
    time.sleep(60)
"""


def test_a_kill_while_writing_leaves_the_old_file_and_the_next_writer_clears_up(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    child = subprocess.Popen([sys.executable, "-c", _KILLED, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"written\n"
    live = [name for name in names(tmp_path) if name != "a.json"]
    write_json(path, {"old": 2})
    assert len(live) == 1 and live[0] in names(tmp_path), "another process is still writing there"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert read_json(path) == {"old": 2}
    write_json(tmp_path / "other.json", 1)
    assert live[0] in names(tmp_path), "only its own temporary files are a writer's business"
    write_json(path, {"new": 1})
    assert names(tmp_path) == ["a.json", "other.json"]


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "er" / "a.json", 1)
    (tmp_path / "open.txt").touch(0o644)
    with atomic_file(tmp_path / "open.txt", "wb") as out:
        out.write(b"\x00\xff")
    assert (tmp_path / "open.txt").read_bytes() == b"\x00\xff"
    for path in (tmp_path / "deep" / "er" / "a.json", tmp_path / "open.txt"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_json_that_no_encoding_can_spoil(tmp_path: Path) -> None:
    under_c = "输出/样例".encode().decode("ascii", "surrogateescape")
    gbk = "样".encode("gbk").decode("utf-8", "surrogateescape")
    value = {"path": under_c, "gbk": gbk, "half": "\ud800", "zh": "头痛", "quote": '"\\'}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value | {"path": "输出/样例", "gbk": "\\xd1\\xf9"}
    assert "头痛" in (tmp_path / "a.json").read_text("utf-8")


@pytest.mark.parametrize("data", [b"{", b"\xff", b"", b"[" * 100_000, b"9" * 5000])
def test_a_damaged_json_file_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.json: not JSON"):
        read_json(tmp_path / "a.json")


def test_missing_files_are_named(tmp_path: Path) -> None:
    for read in (read_json, sha256_file, sha256_tree):
        with pytest.raises(DataError, match="none: no such"):
            read(tmp_path / "none")
    with pytest.raises(DataError, match="no such file"):
        sha256_file(tmp_path)


def test_hashes_by_hand(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "a") == abc
    whole = sha256_tree(tmp_path)
    (tmp_path / "sub").mkdir()
    assert sha256_tree(tmp_path) == whole, "an empty folder holds nothing"
    (tmp_path / "a").rename(tmp_path / "sub" / "a")
    moved = sha256_tree(tmp_path)
    (tmp_path / "sub" / "a").write_bytes(b"abd")
    assert len({whole, moved, sha256_tree(tmp_path)}) == 3, "names and contents count"


def test_the_hash_of_a_folder_does_not_depend_on_the_locale(tmp_path: Path) -> None:
    for name in ("样.txt", "例.txt", "a.txt", "é.txt"):
        (tmp_path / name).write_text(name, "utf-8")
    program = (
        "import sys; from pathlib import Path; from doctorglm.runs import sha256_tree as s; print(s(Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", program, str(tmp_path)],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == sha256_tree(tmp_path), done.stderr[-1000:]


def test_a_finished_run_is_skipped(tmp_path: Path) -> None:
    first = run(tmp_path / "r")
    assert not first.finished
    assert read_json(tmp_path / "r" / "run.json")["status"] == "running"
    first.finish(counts={"read": 2})
    before = (tmp_path / "r" / "run.json").read_bytes()
    second = run(tmp_path / "r")
    assert second.finished and second.record["counts"] == {"read": 2}
    assert (tmp_path / "r" / "run.json").read_bytes() == before


def test_what_a_finished_run_says(tmp_path: Path) -> None:
    one = run(tmp_path)
    one.finish(counts={"read": 2})
    record = read_json(tmp_path / "run.json")
    assert record == one.record
    assert record["settings"] == {"epochs": 3} and record["inputs"] == {"train.jsonl": HASH} and record["seed"] == 1
    assert record["stage"] == "tune" and record["status"] == "finished" and record["seconds"] >= 0
    assert {"python", "torch", "transformers", "doctorglm"} <= record["versions"].keys()
    # two sources: the kernel's high-water mark, and what ru_maxrss says
    kernel = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    assert 0.5 * kernel < record["peak_memory_mb"] <= peak_memory_mb() <= 1.5 * kernel


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"settings": {"epochs": 4}}, "settings.epochs: 3 -> 4"),
        ({"settings": {}}, "settings.epochs: 3 -> None"),
        ({"settings": {"epochs": 3, "rank": 8}}, "settings.rank: None -> 8"),
        ({"inputs": {"train.jsonl": "cd" * 32}}, "inputs.train.jsonl: abababab... -> cdcdcdcd..."),
        ({"inputs": {}}, "inputs.train.jsonl: abababab... -> None"),
        ({"stage": "curate"}, "stage: 'tune' -> 'curate'"),
        ({"seed": 2}, "seed: 1 -> 2"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_another_run_is_refused_with_the_difference(
    tmp_path: Path, changes: dict[str, Any], difference: str, finished: bool
) -> None:
    first = run(tmp_path / "r")
    if finished:
        first.finish()
    else:
        write_json(tmp_path / "r" / "metrics.json", 1)
    before = (tmp_path / "r" / "run.json").read_bytes()
    with pytest.raises(ConfigError) as caught:
        run(tmp_path / "r", **changes)
    assert difference in str(caught.value) and "Use another --out" in str(caught.value)
    language.choose("zh")
    assert "请换一个 --out" in str(caught.value)
    assert (tmp_path / "r" / "run.json").read_bytes() == before
    run(tmp_path / "r")


def test_an_attempt_that_did_nothing_does_not_bind(tmp_path: Path) -> None:
    run(tmp_path / "r", settings={"epochs": "wrong"})
    assert run(tmp_path / "r").record["settings"] == {"epochs": 3}
    assert names(tmp_path / "r") == ["run.json"]


def test_values_that_json_lacks_compare_as_they_are_written(tmp_path: Path) -> None:
    settings = {"adapter": Path("a"), "pair": (1, 2)}
    run(tmp_path, settings=settings).finish()
    assert run(tmp_path, settings=settings).finished


def test_the_time_of_a_killed_run_counts(tmp_path: Path) -> None:
    first = run(tmp_path)
    write_json(tmp_path / "run.json", first.record | {"seconds": 100.0})
    write_json(tmp_path / "checkpoint.json", 1)
    again = run(tmp_path)
    again.finish()
    assert again.record["seconds"] >= 100


def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "r").touch()
    with pytest.raises(ConfigError, match="r is a file, a folder is needed"):
        run(tmp_path / "r")
    language.choose("zh")
    with pytest.raises(ConfigError, match="是文件，这里需要文件夹"):
        run(tmp_path / "r")


@pytest.mark.parametrize(
    "record",
    [[], 3, "x", {}, {"status": "finished"}, {"status": "odd", "settings": {}, "inputs": {}, "seconds": 1},
     {"status": "running", "settings": [], "inputs": {}, "seconds": 1},
     {"status": "running", "settings": {}, "inputs": {}, "seconds": None}],
)  # fmt: skip
def test_a_run_json_that_is_no_record(tmp_path: Path, record: Any) -> None:
    (tmp_path / "run.json").write_text(json.dumps(record), "utf-8")
    with pytest.raises(DataError, match=r"run\.json: damaged"):
        run(tmp_path)
    assert json.loads((tmp_path / "run.json").read_text("utf-8")) == record


def test_a_truncated_run_json(tmp_path: Path) -> None:
    run(tmp_path).finish()
    whole = (tmp_path / "run.json").read_bytes()
    (tmp_path / "run.json").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"run\.json: not JSON"):
        run(tmp_path)


_HOLDS = """
import sys, time
from pathlib import Path
from doctorglm.runs import Run
run = Run(Path(sys.argv[1]), stage="tune", settings={"epochs": 3}, inputs={"train.jsonl": "ab" * 32}, seed=1)
print("begun", flush=True)
if sys.stdin.readline():
    run.finish()
    print("finished", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has begun the run of `tmp_path / "r"`, and finishes it when it is sent a line."""
    command = [sys.executable, "-c", _HOLDS, str(tmp_path / "r")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "begun\n"
        yield child
        child.kill()


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path, holder: Any) -> None:
    for _ in range(2):
        with pytest.raises(ConfigError) as caught:
            run(tmp_path / "r")
        assert f"r: another doctorglm (process {holder.pid}) is working in this folder. Wait until" in str(caught.value)
    language.choose("zh")
    with pytest.raises(ConfigError, match=f"另一个 doctorglm（进程 {holder.pid}）正在使用该文件夹。请等它结束"):
        run(tmp_path / "r")
    assert names(tmp_path / "r") == ["run.json"]
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not run(tmp_path / "r").finished
    assert names(tmp_path / "r") == ["run.json"], "the lock leaves no file"


def test_another_run_is_named_before_another_process(tmp_path: Path, holder: Any) -> None:
    write_json(tmp_path / "r" / "metrics.json", 1)
    with pytest.raises(ConfigError, match=r"holds another run \(seed: 1 -> 2\)"):
        run(tmp_path / "r", seed=2)


def test_a_finished_run_is_anybodys(tmp_path: Path, holder: Any) -> None:
    """Its process may live on, as that of a recipe does."""
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "finished\n"
    assert run(tmp_path / "r").finished


def test_one_process_may_open_its_directory_again(tmp_path: Path) -> None:
    """Every stage does: it looks at the record first, and begins when there is something to do."""
    command = [sys.executable, "-c", _HOLDS, str(tmp_path / "r")]
    looked, begun = run(tmp_path / "r"), run(tmp_path / "r")
    assert not looked.finished
    del looked
    refused = subprocess.run(command, input="\n", capture_output=True, text=True, timeout=120)
    assert "another doctorglm" in refused.stderr and refused.returncode == 1
    del begun
    taken = subprocess.run(command, input="\n", capture_output=True, text=True, timeout=120)
    assert "begun" in taken.stdout


def test_a_run_that_another_process_finished_while_this_one_looked_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = runs._lock_of

    def later(directory: Path) -> Any:
        monkeypatch.setattr(runs, "_lock_of", real)
        run(directory).finish(counts={"read": 3})
        return real(directory)

    monkeypatch.setattr(runs, "_lock_of", later)
    assert run(tmp_path / "r").record["counts"] == {"read": 3}


@pytest.mark.parametrize(
    ("numbers", "left"), [([errno.EBADF], [".lock", "run.json"]), ([errno.EBADF, errno.ENOLCK], [])]
)
def test_disks_that_cannot_lock_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, numbers: list[int], left: list[str]
) -> None:
    """NFS locks files that are open for writing alone; some clusters' disks lock nothing, and that is said."""
    real, refusals = fcntl.flock, iter(numbers)

    def flock(descriptor: int, operation: int) -> None:
        if number := next(refusals, None):
            raise OSError(number, os.strerror(number))
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    first = run(tmp_path / "r")
    assert ("this disk has no locks" in capsys.readouterr().err) == (len(numbers) == 2)
    assert not left or names(tmp_path / "r") == left
    first.finish()
