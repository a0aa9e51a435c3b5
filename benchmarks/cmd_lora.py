"""`doctorglm run recipes/cmd-lora.yaml` in an empty folder; needs ../shared beside the project."""

import tempfile
from pathlib import Path

from _record import record

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "cmd-lora"
        command = ["doctorglm", "run", "recipes/cmd-lora.yaml"]
        record([*command, "--out", str(out), "--json"], out, shown=" ".join(command))
