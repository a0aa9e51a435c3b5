"""`doctorglm distill`: a student from pairs, and what it is worth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.cli.output import print_json, tell
from doctorglm.cli.translating import require_installed
from doctorglm.errors import ConfigError
from doctorglm.language import say

NOT_GOOD_ENOUGH = 3


def run_distill(
    files: Sequence[Path], values: Mapping[str, Any], out: Path, *,
    test: Path | None, glossary: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Trains a student; one JSON object, or two lines on stderr. Returns 3 for one that is not good enough."""
    require_installed("student", "ctranslate2", "sacrebleu", "sentencepiece")
    from doctorglm.distill.settings import DistillSettings
    from doctorglm.distill.stage import Job, distill
    from doctorglm.settings import build

    if not files:
        raise ConfigError(en="distill: give PAIRS... and --out DIR.", zh="distill：请给出 PAIRS... 和 --out 文件夹。")
    job = Job(pairs=files, out=out, test=test, glossary=glossary)
    record = distill(job, build(DistillSettings, values, "distill")).record
    found = {name: record[name] for name in ("counts", "training", "test", "good_enough", "faults")}
    print_json({"out": str(out), **found}, as_json)
    tell(_trained(record, out), as_json)
    if record["test"]:
        tell(_measured(record), as_json)
    return 0 if record["good_enough"] is not False else NOT_GOOD_ENOUGH


def _trained(record: Mapping[str, Any], out: Path) -> str:
    counts, training = record["counts"], record["training"]
    return say(
        en=f"{out}/student: {counts['parameters'] / 1e6:.1f}M parameters, {counts['train']:,} pairs, step "
        f"{training['best_step'] or training['steps']:,} of {training['of']:,}, {training['seconds'] / 60:.1f} minutes",
        zh=f"{out}/student：{counts['parameters'] / 1e6:.1f}M 参数，{counts['train']:,} 个句对，第 "
        f"{training['best_step'] or training['steps']:,} 步（共 {training['of']:,} 步），"
        f"{training['seconds'] / 60:.1f} 分钟",
    )


def _measured(record: Mapping[str, Any]) -> str:
    test, faults = record["test"], "; ".join(record["faults"])
    low, high = test["accepted_interval"]
    scored = say(
        en=f"BLEU {test['bleu']:.1f}, chrF {test['chrf']:.1f}; the checks take {test['accepted']:,} of "
        f"{test['sentences']:,} sentences [{low:.0%}, {high:.0%}]",
        zh=f"BLEU {test['bleu']:.1f}，chrF {test['chrf']:.1f}；{test['sentences']:,} 句中有 {test['accepted']:,} 句"
        f"通过检查 [{low:.0%}, {high:.0%}]",
    )
    verdict = say(
        en=f"not good enough ({faults}): keep the teacher, or start from a checkpoint with pretrained=DIR",
        zh=f"不合格（{faults}）：请继续用教师模型，或用 pretrained=文件夹 从检查点开始",
    )
    return f"{scored}\n{verdict}" if faults else scored
