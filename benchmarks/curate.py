"""How fast `doctorglm curate` is, beside its peers, how it grows, and what a large file takes.

    .venv/bin/python benchmarks/curate.py --part stages > benchmarks/results/curate_stages.json

Protocol, written before any run of record. Each part runs alone, on two cores on which nothing else runs, and from a
clean commit. Consultations are generated (_consultations.py) in `--folder`, which is deleted at the end.

- `stages`: 100,000 records of 230 characters. Records and bytes a second of each stage (_stages.py) and of the whole,
  with names by rule.
- `peers`: the same records, in turns, `--repeat` times: the steps of ours that a peer has too (peers/curate_ours.py),
  our whole command with the same filters, datatrove and Data-Juicer (peers/README.md), two processes each. Wall and CPU
  seconds from start to exit, peak memory, and how many records are left. Claim: each of the two peers, with the same
  stages and what it has for Chinese, takes three times as long as ours or longer, in median wall seconds. Peers that
  lack a stage, or that are given a tokenizer of ours in the place of their own, are measured and shown beside it. (The
  claim was narrowed so after a trial: datatrove without its repetition filter and with our characters for words took
  about our CPU time.)
- `growth`: the whole command on 10,000, 100,000 and 1,000,000 records; the ratio of each decade, and the slope of the
  line through the logarithms. Claim: linear, a slope of 1.1 or less of the CPU seconds.
- `large`: the whole command on 1,000,000 records of 1,700 characters, 5 GB. Claim: the memory of all processes together
  stays below 2 GB. Then 50,000 of such records, of which one run is killed by SIGKILL amid reading and once more amid
  comparing, and continued: its files are those of a run that nobody killed.

CPU seconds and memory are those of the whole tree of processes (_processes.py).
"""

import argparse
import hashlib
import itertools
import json
import math
import shutil
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from _consultations import Consultations, clauses
from _processes import Cost, measured
from _record import circumstances
from _stages import by_record, end_to_end
from doctorglm.curate import CurateSettings
from doctorglm.curate.engines import workers
from doctorglm.runs import _versions

HERE = Path(__file__).parent
ROOT = HERE.parent
PROCESSES = 2
SAME = ("filters=length,loops,duplicate", "deidentify=none", "normalise=none", "drop_courtesies=false", "splits=all=1")
ARMS = {
    "ours": ("ours", ""),
    "datatrove": ("datatrove", ""),
    "datatrove, no repetition filter": ("datatrove", "--no-repetition"),
    "datatrove, no repetition filter, characters for words": ("datatrove", "--no-repetition --words characters"),
    "Data-Juicer": ("datajuicer", ""),
    "Data-Juicer, no repetition filter": ("datajuicer", "--no-repetition"),
}
"""The runner, peers/curate_NAME.py, and its settings; those of one word have all stages."""
WHOLE = "ours, the whole command"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=list(PARTS), action="append", help="all when none is given")
    parser.add_argument("--records", type=int, help="of stages and peers (100,000), or of large (1,000,000)")
    parser.add_argument("--characters", type=int, help="of a record (230), or of large (1,700)")
    parser.add_argument("--sizes", default="10000,100000,1000000", help="of growth")
    parser.add_argument("--killed", type=int, default=50_000, help="records of the run that is killed")
    parser.add_argument("--repeat", type=int, default=3, help="turns of peers")
    parser.add_argument("--settings", default="names=rules", help="of growth and large, with spaces between them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/curate-bench"))
    asked = parser.parse_args()
    command = "python benchmarks/curate.py " + " ".join(sys.argv[1:])
    result = circumstances(command.strip(), _versions())
    try:
        for part in asked.part or PARTS:
            asked.folder.mkdir(parents=True, exist_ok=True)
            result[part] = PARTS[part](asked)
            shutil.rmtree(asked.folder)
    finally:
        shutil.rmtree(asked.folder, ignore_errors=True)
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def stages(asked: argparse.Namespace) -> dict[str, Any]:
    source, about = _written(asked, asked.records or 100_000, asked.characters or 230)
    settings = CurateSettings(names="rules")
    with workers(PROCESSES) as engine:
        alone = by_record(source, settings, engine, PROCESSES)
        whole = end_to_end(source, asked.folder / "out", settings, engine)
    return about | {"settings": ["names=rules"], "by_record": alone} | whole


def peers(asked: argparse.Namespace) -> dict[str, Any]:
    source, about = _written(asked, asked.records or 100_000, asked.characters or 230)
    texts = [json.dumps({"id": str(n), "text": _text(line)}, ensure_ascii=False) for n, line in _lines(source)]
    (asked.folder / "texts.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")
    halves = asked.folder / "halves"
    halves.mkdir()
    for number, half in enumerate(_cut(texts)):
        (halves / f"{number}.jsonl").write_text("\n".join(half) + "\n", encoding="utf-8")
    inputs = {
        "ours": source,
        "datatrove": halves,
        "datajuicer": asked.folder / "texts.jsonl",
    }
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in (*ARMS, WHOLE)}
    for _ in range(asked.repeat):
        for name, (runner, settings) in ARMS.items():
            turns[name].append(_ran(name, runner, settings.split(), inputs[runner], asked.folder / "out"))
        turns[WHOLE].append(_curated(source, asked.folder / "out", SAME))
    medians = {name: _median(costs) for name, costs in turns.items()}
    return about | {"settings": list(SAME), "arms": medians, "times_ours": _times(medians), "turns": turns}


def _ran(name: str, runner: str, settings: list[str], source: Path, out: Path) -> dict[str, Any]:
    """The cost of a runner, and what it says of the records."""
    own = ROOT / f".venv-{runner}" / "bin/python"
    python = sys.executable if runner == "ours" else str(own)
    command = [python, str(HERE / f"peers/curate_{runner}.py"), "--workers", str(PROCESSES), *settings]
    cost = _run(name, [*command, "--source", str(source), "--out", str(out)])
    shutil.rmtree(out)
    return cost.told() | json.loads(cost.output.splitlines()[-1])


def _times(medians: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """How many times as long as ours each of the others takes."""
    return {
        name: {what: round(cost[what] / medians["ours"][what], 2) for what in ("seconds", "cpu_seconds")}
        for name, cost in medians.items()
        if name != "ours"
    }


def growth(asked: argparse.Namespace) -> dict[str, Any]:
    rows = []
    for records in map(int, asked.sizes.split(",")):
        source, about = _written(asked, records, asked.characters or 230)
        rows.append(about | _curated(source, asked.folder / "out", asked.settings.split()))
        source.unlink()
    measures = ("seconds", "cpu_seconds", "peak_memory_mb")
    return {
        "settings": asked.settings.split(),
        "rows": rows,
        "ratios": {name: [round(b[name] / a[name], 2) for a, b in itertools.pairwise(rows)] for name in measures},
        "slopes": {name: _slope([(row["records"], row[name]) for row in rows]) for name in measures},
    }


def large(asked: argparse.Namespace) -> dict[str, Any]:
    characters = asked.characters or 1_700
    source, about = _written(asked, asked.records or 1_000_000, characters)
    whole = about | _curated(source, asked.folder / "out", asked.settings.split())
    source.unlink()
    source, about = _written(asked, asked.killed, characters)
    return {
        "settings": asked.settings.split(),
        "whole": whole,
        "killed": about | _killed(source, asked.folder, asked.settings.split()),
    }


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "stages": stages,
    "peers": peers,
    "growth": growth,
    "large": large,
}


def _written(asked: argparse.Namespace, records: int, characters: int) -> tuple[Path, dict[str, Any]]:
    """A file of generated records, and what results say of it."""
    made, source = Consultations(clauses(), asked.seed, characters), asked.folder / f"{records}.jsonl"
    started = time.monotonic()
    size = made.write(source, records)
    _say(f"{records:,} records, {size / 1e6:,.0f} MB, generated in {time.monotonic() - started:.0f} s")
    kinds = Counter(map(made.kind, range(records)))
    return source, {"records": records, "bytes": size, "characters": characters, "copies": dict(sorted(kinds.items()))}


def _curated(source: Path, out: Path, settings: Sequence[str]) -> dict[str, Any]:
    """The whole command's cost and counts."""
    cost = _run("curate", _command(source, out, settings))
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    shutil.rmtree(out)
    counts = record["counts"]
    return cost.told() | {"kept": counts["kept"], "removed": counts["rejected"], "leak": record["leak"]}


def _command(source: Path, out: Path, settings: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "doctorglm", "curate", str(source), "--out", str(out), *settings]


def _killed(source: Path, folder: Path, settings: Sequence[str]) -> dict[str, Any]:
    """A run that is killed twice beside one that is not."""
    whole, killed = folder / "whole", folder / "killed"
    _run("not killed", _command(source, whole, settings))
    chunks = json.loads((whole / "run.json").read_text(encoding="utf-8"))["counts"]["read"] / 1000

    def done() -> int:
        return len(list((killed / ".curate").glob("*.json")))

    amid_reading = measured(_command(source, killed, settings), until=lambda: done() >= chunks / 2)
    left = done()
    # nothing is written in the folder while records are compared but files without a name
    amid_comparing = measured(
        _command(source, killed, settings), until=lambda: done() >= chunks and _is_comparing(killed)
    )
    _run("continued", _command(source, killed, settings))
    hashes = [_hashes(out) for out in (whole, killed)]
    return {
        "exit_codes": [amid_reading.returncode, amid_comparing.returncode],
        "chunks": math.ceil(chunks),
        "chunks_done_when_killed": left,
        "same_files": hashes[0] == hashes[1],
        "sha256": hashes[0],
    }


def _is_comparing(out: Path) -> bool:
    newest = max(path.stat().st_mtime for path in (out / ".curate").glob("*.json"))
    return time.time() - newest > 1


def _hashes(out: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(out.glob("*.jsonl"))}


def _run(name: str, command: list[str]) -> Cost:
    cost = measured(command)
    _say(f"{name}: {cost.told()}")
    if cost.returncode:
        sys.exit(f"{name} ended with {cost.returncode}")
    return cost


def _median(costs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    numbers = {name: statistics.median(cost[name] for cost in costs) for name in ("seconds", "cpu_seconds")}
    return costs[0] | numbers | {"peak_memory_mb": max(cost["peak_memory_mb"] for cost in costs)}


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the least squares' line through the logarithms."""
    return round(statistics.linear_regression(*zip(*[map(math.log, point) for point in points], strict=True)).slope, 3)


def _lines(source: Path) -> enumerate[str]:
    return enumerate(source.read_text(encoding="utf-8").splitlines())


def _text(line: str) -> str:
    record = json.loads(line)
    return f"{record['question']}\n{record['answer']}"


def _cut(texts: list[str]) -> list[list[str]]:
    """In as many parts as there are processes."""
    size = -(-len(texts) // PROCESSES)
    return [texts[at : at + size] for at in range(0, len(texts), size)]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
