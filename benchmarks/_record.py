"""What a result is printed with: commit, versions, device, command."""

import json
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import torch


def record(command: list[str], out: Path, *, shown: str) -> None:
    """Runs a verb of the command line and prints its JSON with its circumstances; exits as the verb did, but 3 is data.

    `shown` is the command as a reader types it.
    """
    verb = [sys.executable, "-m", "doctorglm", *command[1:]]
    done = subprocess.run(verb, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(done.returncode)
    stages = {
        str(p.parent.relative_to(out)): json.loads(p.read_text(encoding="utf-8")) for p in sorted(out.rglob("run.json"))
    }
    kept = ("counts", "seconds", "peak_memory_mb", "tokens_per_s", "training_s", "steps", "best", "settings")
    versions = next(iter(stages.values()))["versions"]
    result = circumstances(shown, versions) | {
        "exit_code": done.returncode,
        "result": json.loads(done.stdout),
        "stages": {name: {k: stage[k] for k in kept if k in stage} for name, stage in stages.items()},
    }
    text = json.dumps(result, ensure_ascii=False, indent=1)
    sys.stdout.write(text.replace(str(out), f"runs/{out.name}") + "\n")  # not a folder of this machine


def circumstances(command: str, versions: dict[str, str]) -> dict[str, Any]:
    """What every result says of how it came about."""
    return {
        "command": command,
        "date": date.today().isoformat(),
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "device": f"{platform.machine()}, {os.cpu_count()} CPU cores, {_gpu()}",
        "versions": versions,
    }


def _gpu() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()
