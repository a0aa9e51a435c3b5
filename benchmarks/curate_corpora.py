"""All public corpora beside the project, curated by one command: counts, seconds, memory.

    python benchmarks/curate_corpora.py > benchmarks/results/curate_corpora.json

The corpora lie in `../shared/data/corpora` and are not copied.
"""

import json
import sys
import tempfile
from pathlib import Path

from _record import circumstances
from doctorglm.curate import CurateSettings, curate
from doctorglm.curate.engines import workers

DATA = Path(__file__).parents[2] / "shared/data"
KEPT = (
    "counts",
    "changes",
    "sources",
    "licence",
    "quality",
    "duplicates",
    "overlaps",
    "deid",
    "leak",
    "decontamination",
    "seconds",
)

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, workers(2) as engine:
        benchmarks = [DATA / "benchmarks"]
        out = Path(folder) / "out"
        run = curate([DATA / "corpora"], out, CurateSettings(), decontaminate=benchmarks, skip_bad=True, engine=engine)
    command = (
        "doctorglm curate ../shared/data/corpora --decontaminate ../shared/data/benchmarks --skip-bad --out runs/data"
    )
    found = {"shown": command, **{name: run.record[name] for name in (*KEPT, "peak_memory_mb")}}
    result = circumstances("python benchmarks/curate_corpora.py", run.record["versions"]) | found
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
