"""`doctorglm compare`: base, tuned and placebo on the same held-out items, and the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from doctorglm.errors import ConfigError, DataError
from doctorglm.evaluate.gate import GateSettings, decide, limits, sentence
from doctorglm.evaluate.items import Evaluation, read_evaluation
from doctorglm.evaluate.metrics import definition, differences, effects, value
from doctorglm.evaluate.multiplicity import holm
from doctorglm.evaluate.power import power_note
from doctorglm.evaluate.release import GATE_FILE, beside, is_sealed, seal
from doctorglm.evaluate.statistics import Difference
from doctorglm.runs import Run, read_json, sha256_file, write_json
from doctorglm.settings import plain


def compare(
    base_dir: Path,
    tuned_dir: Path,
    out: Path,
    placebo: Path | None = None,
    settings: GateSettings = GateSettings(),  # noqa: B008 - frozen
) -> dict[str, Any]:
    """Writes `gate.json` into `out`, and beside the adapter's folder where that is at hand; returns what it holds.

    A gate that somebody edited is made anew. Raises DataError where the evaluations are not of the same items, test
    data, base model, sampling or versions.
    """
    base, tuned = read_evaluation(base_dir), read_evaluation(tuned_dir)
    control = read_evaluation(placebo) if placebo else None
    _refuse_unlike(base, tuned)
    if control:
        _refuse_unlike(base, control, optional=True)
        _refuse_no_placebo(base, control)
    inputs = _inputs(base=base, tuned=tuned, placebo=control)
    run = Run(out, stage="compare", settings=plain(settings), inputs=inputs, seed=settings.seed)
    gate: dict[str, Any] = read_json(out / GATE_FILE) if run.finished and (out / GATE_FILE).exists() else {}
    if not is_sealed(gate):
        gate = _gate(base, tuned, control, settings)
        write_json(out / GATE_FILE, gate)
        if not run.finished:
            run.finish(passed=gate["passed"])
    if tuned.adapter and tuned.adapter.is_dir():
        write_json(beside(tuned.adapter), gate)
    return gate


def compare_all(
    base_dir: Path,
    tuned_dirs: Sequence[Path],
    out: Path,
    placebo: Path | None = None,
    settings: GateSettings = GateSettings(),  # noqa: B008 - frozen
) -> dict[str, dict[str, Any]]:
    """name -> gate of every tuned evaluation: one goes into `out`, several into folders of their names within it.

    Raises ConfigError where two have one name or there is none; else as `compare`.
    """
    names = [directory.resolve().name for directory in tuned_dirs]
    if not names or len({*names}) < len(names):
        given = ", ".join(map(str, tuned_dirs)) or "-"
        raise ConfigError(
            en=f"compare: tuned evaluations {given}: give one or more, in folders of different names.",
            zh=f"compare：微调后的评测 {given}：请给出一个或多个，且文件夹名互不相同。",
        )
    if len(names) == 1:
        return {names[0]: compare(base_dir, tuned_dirs[0], out, placebo, settings)}
    return {
        name: compare(base_dir, directory, out / name, placebo, settings)
        for name, directory in zip(names, tuned_dirs, strict=True)
    }


def _gate(base: Evaluation, tuned: Evaluation, control: Evaluation | None, settings: GateSettings) -> dict[str, Any]:
    how: dict[str, Any] = {"resamples": settings.resamples, "seed": settings.seed}
    against_base = differences(tuned, base, **how)
    against_placebo = differences(tuned, control, optional=True, **how) if control else None
    leak = tuned.run.get("leak")
    verdict = decide(against_base, against_placebo, leak, settings)
    gate: dict[str, Any] = {
        "passed": verdict.passed,
        "reasons": [asdict(reason) for reason in verdict.reasons],
        "criteria": [asdict(c) | {"text": asdict(c.text)} for c in verdict.criteria],
        "thresholds": plain(settings),
        "leak": leak,
        "sha256": _hashes(base, tuned, control),
        "metrics": _rows(base, tuned, control, against_base, against_placebo or {}, settings),
    }
    return seal({"sentence": asdict(sentence(gate)), **gate})


def _rows(
    base: Evaluation,
    tuned: Evaluation,
    control: Evaluation | None,
    against_base: Mapping[str, Difference],
    against_placebo: Mapping[str, Difference],
    settings: GateSettings,
) -> dict[str, dict[str, Any]]:
    """The figures, each with its effect size, its p adjusted for their number, and what its n can tell."""
    adjusted, sizes, margins = _adjusted(against_base), effects(tuned, base), limits(settings)
    rows = {}
    for name, found in against_base.items():
        placebo, size = against_placebo.get(name), sizes.get(name)
        rows[name] = {
            "better": definition(name).better,
            "base": value(name, base),
            "tuned": value(name, tuned),
            "placebo": value(name, control) if control and placebo else None,
            **asdict(found),
            "p_holm": adjusted[name],
            "effect": {"kind": size.kind, "value": size.value, "size": asdict(size.size)} if size else None,
            "note": asdict(power_note(found, margins.get(name))),
            "difference_placebo": placebo.difference if placebo else None,
            "low_placebo": placebo.low if placebo else None,
            "high_placebo": placebo.high if placebo else None,
            "p_placebo": placebo.p if placebo else None,
        }
    return rows


def _adjusted(found: Mapping[str, Difference]) -> dict[str, float]:
    """Holm's p of each figure; perplexity is NLL per token by another name, and one test."""
    adjusted = holm({name: d.p for name, d in found.items() if not name.endswith("perplexity")})
    return {name: adjusted[name.replace("perplexity", "nll_per_token")] for name in found}


def _hashes(base: Evaluation, tuned: Evaluation, control: Evaluation | None) -> dict[str, str | None]:
    return {
        "base": base.base,
        "adapter": tuned.model,
        "placebo": control.model if control else None,
        **tuned.test_hashes,
    }


def _inputs(**evaluations: Evaluation | None) -> dict[str, str]:
    found = {name: evaluation for name, evaluation in evaluations.items() if evaluation}
    items = {f"{name}_items": sha256_file(e.directory / "items.jsonl") for name, e in found.items()}
    return items | {f"{name}_model": evaluation.model for name, evaluation in found.items()}


def _refuse_unlike(base: Evaluation, other: Evaluation, *, optional: bool = False) -> None:
    """Raises DataError, naming the difference, unless both were measured on the same data in the same way.

    A placebo may have been measured on fewer suites.
    """
    hashes = base.test_hashes
    if optional:
        hashes = {name: digest for name, digest in hashes.items() if name in other.test_hashes or name == "test"}
    unlike = _unequal(hashes, other.test_hashes)
    if other.model != other.base and other.base != base.base:
        unlike["base"] = (base.base, other.base)
    unlike |= _unequal(_sampling(base), _sampling(other)) | _unequal(_versions(base), _versions(other))
    for name, (first, second) in unlike.items():
        raise DataError(
            en=f"{base.directory} and {other.directory} cannot be compared: `{name}` is {first!r} in the one and "
            f"{second!r} in the other. Evaluate both with the same base, data and settings.",
            zh=f"{base.directory} 与 {other.directory} 不能比较：`{name}` 分别为 {first!r} 与 {second!r}。"
            "请用相同的基座模型、数据和设置评测两者。",
        )


def _refuse_no_placebo(base: Evaluation, control: Evaluation) -> None:
    if control.model == base.model:
        raise DataError(
            en=f"{control.directory} is no placebo: it is the base model itself. Tune on permuted answers and "
            "evaluate that adapter.",
            zh=f"{control.directory} 不是安慰剂对照：它就是基座模型。请用打乱的回答微调，再评测那个适配器。",
        )


def _sampling(evaluation: Evaluation) -> dict[str, Any]:
    """The settings that decide what an answer looks like; batch sizes and places do not."""
    settings = evaluation.run.get("settings", {})
    named = ("dtype", "sampling", "max_new_tokens", "temperature", "top_p", "repetition_penalty", "seed", "max_length")
    return {name: settings.get(name) for name in named}


def _versions(evaluation: Evaluation) -> dict[str, Any]:
    """The versions of what generates and scores; two of them may differ in the last digits, or in what they count."""
    versions = evaluation.run.get("versions", {})
    named = {f"version of {name}": versions.get(name) for name in ("doctorglm", "torch", "transformers", "peft")}
    return named | {f"signature of {name}": sign for name, sign in evaluation.run.get("signatures", {}).items()}


def _unequal(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (first.get(name), second.get(name))
        for name in sorted({*first, *second})
        if first.get(name) != second.get(name)
    }
