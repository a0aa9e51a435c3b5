"""`doctorglm demo` in an empty folder: what a newcomer sees, with its seconds and its memory."""

import tempfile
from pathlib import Path

from _record import record

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "demo"
        record(["doctorglm", "demo", "--out", str(out), "--json"], out, shown="doctorglm demo --out runs/demo")
