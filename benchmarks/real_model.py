"""What `doctorglm evaluate` says of a real small model and of the embedded base, on two CPU cores.

    python benchmarks/real_model.py --model models/qwen2.5-0.5b --cmmlu cmmlu --folder DIR > results/real_model.json

Protocol, written before any run of record. Suites: the five medical subjects of CMMLU in `--cmmlu`, by likelihood, five
solved questions first (none for the embedded base, whose context holds no five), each question once more with its
options in another order; the demo's held-out dialogues, all by likelihood, the first 104 by id answered greedily in at
most 160 tokens; the shipped `general` and `safety` suites. Nothing was tuned on any of them; the demo's dialogues have
been scored with earlier embedded bases. Figures are those of `summary.json`, with their 95 % intervals. With
`--server`, the same model quantised behind llama.cpp's server answers the same dialogues and safety questions over the
OpenAI API.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.demo import HELD_OUT
from doctorglm.runs import _versions, read_json

SUITE = """kind: choice
name: cmmlu
data: {data}
shots: {shots}
subjects:
  anatomy: 解剖学
  clinical_knowledge: 临床知识
  college_medicine: 大学医学
  nutrition: 营养学
  traditional_chinese_medicine: 中医中药
"""
SETTINGS = ("max_new_tokens=160", "max_length=1024", "batch_size=16", "dialogues=104")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a folder of weights")
    parser.add_argument("--server", help="the same model quantised, behind a server: http://127.0.0.1:PORT/v1#NAME")
    parser.add_argument("--cmmlu", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="for the evaluations; a killed run goes on there")
    asked = parser.parse_args()
    command = f"python benchmarks/real_model.py --model {asked.model.name} --cmmlu {asked.cmmlu.name} --folder DIR"
    result = circumstances(command + (" --server URL" if asked.server else ""), _versions())
    models = {"embedded": ("embedded", 0), asked.model.name: (str(asked.model), 5)}
    if asked.server:
        models["server"] = (asked.server, -1)
    result["models"] = {
        name: measured(model, shots, asked.cmmlu, asked.folder / name) for name, (model, shots) in models.items()
    }
    print(json.dumps(result, ensure_ascii=False, indent=1))


def measured(model: str, shots: int, cmmlu: Path, out: Path) -> dict[str, Any]:
    """The figures of one model, how long they took, and accuracy by subject."""
    out.parent.mkdir(parents=True, exist_ok=True)
    suites = [str(HELD_OUT)]
    if shots >= 0:
        suite = out.parent / f"{out.name}.yaml"
        suite.write_text(SUITE.format(data=cmmlu.resolve(), shots=shots), encoding="utf-8")
        suites.append(str(suite))
    began = time.monotonic()
    command = ["evaluate", "--model", model, "--suite", *suites, "--out", str(out), *SETTINGS]
    subprocess.run([sys.executable, "-m", "doctorglm", *command], check=True)
    run = read_json(out / "run.json")
    return {
        "metrics": read_json(out / "summary.json")["metrics"],
        "counts": run["counts"],
        "shots": max(0, shots),
        "seconds": run["seconds"],
        "peak_memory_mb": run["peak_memory_mb"],
        "here_s": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    main()
