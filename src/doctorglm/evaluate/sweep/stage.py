"""`doctorglm evaluate --sweep`: the sweep of one model as a stage, in the folder `sweep` of its evaluation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from doctorglm.conversation import read_conversations
from doctorglm.errors import ConfigError
from doctorglm.evaluate.journal import Journal
from doctorglm.evaluate.safety import read_questions
from doctorglm.evaluate.subject import identity_of, subject_of
from doctorglm.evaluate.suites import HERE, SafetySuite, data_of, suites_of
from doctorglm.evaluate.sweep.grid import SweepSettings, samplings
from doctorglm.evaluate.sweep.sweeping import SWEEP_FILE, sweep
from doctorglm.language import Text
from doctorglm.models.quantized.formats import Quantization
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, read_json, sha256_file
from doctorglm.settings import plain

_JOURNAL = "finished.jsonl"


def sweep_stage(
    model: str,
    suites: Sequence[str | Path],
    out: Path,
    settings: SweepSettings,
    *,
    adapter: Path | None = None,
    allow_remote: bool = False,
    quantization: Quantization | Literal["none"] | None = None,
) -> dict[str, Any]:
    """Sweeps over the test conversations among `suites` and the safety questions; returns what `sweep.json` holds.

    Leaves `sweep.json`, `sampling.json` (and once more beside the adapter) and `run.json` in `out`; a finished one is
    read again. Raises ConfigError without test conversations.
    """
    found = suites_of(list(dict.fromkeys(map(str, suites))))
    tests = [path for suite in found if suite.name == "dialogue" for path in data_of(suite)]
    if not tests:
        raise ConfigError(
            en="--sweep needs test conversations: give a .jsonl of them with --suite.",
            zh="--sweep 需要测试对话：请用 --suite 给出 .jsonl 文件。",
        )
    tried = [path for suite in found if isinstance(suite, SafetySuite) for path in data_of(suite)]
    tried = tried or [HERE / "safety.jsonl"]
    inputs = {**identity_of(model, adapter), "test": sha256_file(tests[0]), "safety": sha256_file(tried[0])}
    recorded = {"model": model, "adapter": str(adapter) if adapter else None, **plain(settings)}
    recorded |= {"quantization": quantization} if quantization else {}
    run = Run(out, stage="sweep", settings=recorded, inputs=inputs, seed=settings.seed)
    if run.finished:
        done: dict[str, Any] = read_json(out / SWEEP_FILE)
        return done
    subject = subject_of(model, adapter, allow_remote=allow_remote, quantization=quantization)
    journal = Journal(out / _JOURNAL, subject.identity)
    conversations = [c for path in tests for c in read_conversations(path)]
    with progress_line(Text(en="sweep", zh="采样扫描"), float(len(samplings(settings)))) as line:
        swept = sweep(
            subject, conversations, read_questions(tried), out, settings, journal, line, adapter=adapter
        )  # fmt: skip
    journal.remove()
    run.finish(recommended=swept["recommended"], cells=len(swept["grid"]))
    return swept
