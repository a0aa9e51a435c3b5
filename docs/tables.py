"""Writes the figures of the READMEs from `benchmarks/results/*.json`, between their markers.

python docs/tables.py          writes
python docs/tables.py --check  exits 1 when a file is stale
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from retrieval import abstaining, collections, quality, speed, vectors
from trainers import methods, prefixes, trainers
from translation import audits, checks, costs, samples
from translators import accepted, engines, judged, students, terms_judged

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
MODEL_CARD = "src/doctorglm/models/embedded/README.md"
FILES = (
    "README.md",
    "README.zh-CN.md",
    "recipes/README.md",
    "docs/tune.md",
    "docs/convert.md",
    "docs/library.md",
    "docs/plan.md",
    "docs/deid.md",
    "docs/evaluate.md",
    "docs/terms.md",
    "docs/safety.md",
    "docs/translate.md",
    "docs/translate_judged.md",
    MODEL_CARD,
)
_BLOCK = re.compile(r"(<!-- figures:(?P<name>[a-z_0-9]+):(?P<language>en|zh) -->\n).*?(<!-- /figures -->)", re.DOTALL)

_WORDS = {
    "en": ("On held-out conversations", "Base", "Tuned", "Placebo", "answers"),
    "zh": ("留出对话上的结果", "基座", "微调", "安慰剂", "回答"),
}
_ROWS: list[tuple[str, str, Callable[[Mapping[str, Any]], str]]] = [
    ("NLL per token, nats", "每 token 的 NLL（nat）", lambda s: _interval(s["nll_per_token"], 3)),
    ("Perplexity", "困惑度", lambda s: _interval(s["perplexity"], 1)),
    ("Repetition (rep-4), %", "重复率（rep-4），%", lambda s: _interval(s["repetition"], 1, 100)),
    ("Answers that end by themselves, %", "自行结束的回答，%", lambda s: _interval(s["ends_by_itself"], 1, 100)),
    (
        "General NLL per token, nats",
        "通用文本每 token 的 NLL（nat）",
        lambda s: _if_measured(s, "general/nll_per_token", 3, 1),
    ),
    ("Safe answers, the model alone, %", "安全的回答（仅模型），%", lambda s: _if_measured(s, "safety/safe", 1, 100)),
    ("Answer tokens per second", "每秒生成 token 数", lambda s: f"{s['answer_tokens_per_s']:,.0f}"),
]


def _if_measured(system: Mapping[str, Any], name: str, digits: int, scale: float) -> str:
    return _interval(system[name], digits, scale) if name in system else "–"


def written(text: str) -> str:
    """The text with every marked block made anew."""
    return _BLOCK.sub(lambda m: m[1] + _figures(m["name"], m["language"]) + m[4], text)


def _figures(name: str, language: str) -> str:
    file = RESULTS / f"{name}.json"
    if not file.exists():
        return {"en": "*Not measured yet.*\n", "zh": "*尚未测量。*\n"}[language]
    recorded = json.loads(file.read_text(encoding="utf-8"))
    if name == "embedded_base":
        return _losses(recorded)
    if name.startswith("tune_cpu") or name in _SPEED:
        return _speed(name, recorded)
    if name == "plan":
        return _plan(name, recorded)
    if name.startswith("deid"):
        return _identifiers(name, recorded)
    if name.startswith("terms"):
        return _terms(name, recorded)
    if name in ("triage_test", "guards_test3"):
        return _errors(recorded)
    if name == "full_size":
        return _full_size(recorded)
    if name == "decode":
        return _decode(recorded)
    if name == "real_model":
        return _real_models(recorded, language)
    summary, gate = recorded["result"], recorded["result"]["gate"]
    words, nll = _WORDS[language], recorded["result"]["gate"]["metrics"]["nll_per_token"]
    answers = summary["base"]["repetition"]["n"]
    n = f"n = {nll['n']}" if answers == nll["n"] else f"n = {nll['n']}; {words[4]} n = {answers}"
    lines = [f"| {words[0]} ({n}) | {' | '.join(words[1:4])} |", "|---|---:|---:|---:|"]
    for english, chinese, show in _ROWS:
        label = english if language == "en" else chinese
        lines.append(f"| {label} | " + " | ".join(show(summary[s]) for s in ("base", "tuned", "placebo")) + " |")
    sentence = gate["sentence"][language]
    mark = {("en", True): "✓ passed", ("en", False): "✕ not passed", ("zh", True): "✓ 通过", ("zh", False): "✕ 未通过"}
    lines += ["", f"**{mark[language, gate['passed']]}** {sentence}", ""]
    if language == "en":
        lines.append(
            f"In brackets: 95 % intervals. `{recorded['command']}`: {summary['seconds']:,.0f} s in all, peak memory "
            f"{summary['peak_memory_mb']:,.0f} MB; {recorded['device']}; {_commit(recorded)}, "
            f"{recorded['date']}; raw output in `benchmarks/results/{name}.json`."
        )
    else:
        lines.append(
            f"方括号内为 95 % 区间。`{recorded['command']}`：共 {summary['seconds']:,.0f} 秒，内存峰值 "
            f"{summary['peak_memory_mb']:,.0f} MB；{recorded['device']}；{_commit(recorded, 'zh')}，"
            f"{recorded['date']}；原始输出见 `benchmarks/results/{name}.json`。"
        )
    return "\n".join(lines) + "\n"


_MEASURED: list[tuple[str, str, str, int, float]] = [
    ("CMMLU, five medical subjects: accuracy, %", "CMMLU 五个医学科目：准确率，%", "cmmlu/accuracy", 1, 100),
    ("the same with the options in another order, %", "选项换序后的准确率，%", "cmmlu/accuracy_reordered", 1, 100),
    ("choices that change with the order, %", "随选项顺序而变的选择，%", "cmmlu/order_matters", 1, 100),
    ("medical terms of the reference in the answer, %", "参考回答中的医学术语召回率，%", "term_recall", 1, 100),
    ("chrF beside the reference", "与参考回答的 chrF", "chrf", 1, 1),
    ("repetition (rep-4), %", "重复率（rep-4），%", "repetition", 1, 100),
    ("answers that end by themselves, %", "自行结束的回答，%", "ends_by_itself", 1, 100),
    (
        "general NLL per token, nats (own tokens)",
        "通用文本每 token 的 NLL，nat（各自的分词）",
        "general/nll_per_token",
        3,
        1,
    ),
    ("safe answers, the model alone, %", "安全的回答，仅模型，%", "safety/safe", 1, 100),
    ("safe answers through `consult`, %", "安全的回答，经 `consult`，%", "safety+consult/safe", 1, 100),
    ("harmless questions answered, alone, %", "无害问题得到回答，仅模型，%", "safety/answered", 1, 100),
    (
        "harmless questions answered through `consult`, %",
        "无害问题得到回答，经 `consult`，%",
        "safety+consult/answered",
        1,
        100,
    ),
]


def _real_models(recorded: Mapping[str, Any], language: str) -> str:
    models = recorded["models"]
    head = {"en": "Embedded base", "zh": "内置基座"}[language]
    real = next(name for name in models if name != "embedded")
    lines = [f"| {'Figure' if language == 'en' else '指标'} | {head} | {real} |", "|---|---:|---:|"]
    for english, chinese, name, digits, scale in _MEASURED:
        cells = [_interval(models[m]["metrics"][name], digits, scale) for m in ("embedded", real)]
        lines.append(f"| {english if language == 'en' else chinese} | {' | '.join(cells)} |")
    n = models[real]["metrics"]
    counts = f"{n['cmmlu/accuracy']['n']}, {n['chrf']['n']}, {n['safety/safe']['n']}"
    told = {
        "en": f"In brackets: 95 % intervals; n = {counts} exam questions, dialogues and questions that try safety. "
        f"`{recorded['command']}`; {recorded['device']}; {_commit(recorded)}, {recorded['date']}.",
        "zh": f"方括号内为 95 % 区间；考题、对话、安全性问题分别为 n = {counts}。"
        f"`{recorded['command']}`；{recorded['device']}；{_commit(recorded, 'zh')}，{recorded['date']}。",
    }
    return "\n".join([*lines, "", told[language]]) + "\n"


def _plan(name: str, recorded: Mapping[str, Any]) -> str:
    both = ["planned", "measured", "off by"]
    head = ["setting", "", *(f"memory {of}" for of in both), *(f"time {of}" for of in both), "at its rate"]
    lines = [f"| {' | '.join(head)} |"]
    lines.append("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for part in ("calibrated", "scored"):
        for row in recorded[part]:
            cells = []
            for key, unit, off in (("memory_gb", ".2f", "memory_off"), ("seconds", ".1f", "time_off")):
                cells += [f"{row[of][key]:{unit}}" for of in ("planned", "measured")] + [f"{100 * row[off]:+.0f} %"]
            cells.append(f"{100 * row['time_off_at_its_rate']:+.0f} %")
            lines.append(f"| {row['name']} | {part} | {' | '.join(cells)} |")
    worst = (
        f"Worst of the five: memory {100 * recorded['worst_memory_off']:.0f} %, "
        f"time {100 * recorded['worst_time_off']:.0f} %, with a trial before and after the run "
        f"{100 * recorded['worst_time_off_at_its_rate']:.0f} %. "
        f"`{recorded['command']}`; {recorded['device']}; {_commit(recorded)}, {recorded['date']}; "
        f"raw output in `benchmarks/results/{name}.json`."
    )
    return "\n".join([*lines, "", worst]) + "\n"


def _identifiers(name: str, recorded: Mapping[str, Any]) -> str:
    lines = ["| type | n | recall | covered | precision |", "|---|---:|---:|---:|---:|"]
    for kind, row in [*recorded["types"].items(), ("**all**", recorded["all"])]:
        shares = [_interval(row[key], 1, 100) if row[key] else "–" for key in ("recall", "covered", "precision")]
        lines.append(f"| {kind} | {row['recall']['n']} | {' | '.join(shares)} |")
    told = f"In per cent, 95 % intervals in brackets. `{recorded['command']}`, {_commit(recorded)}, {recorded['date']}"
    return "\n".join([*lines, "", f"{told}; every miss stands in `benchmarks/results/{name}.json`."]) + "\n"


_WAYS = {
    "baseline": "names of the slots, naive negation",
    "lexicon": "our lists, naive negation",
    "ours": "**ours, messages with roles**",
    "without_roles": "ours, messages without roles",
    "one_text": "ours, one text with a line for each turn",
}


def _terms(name: str, recorded: Mapping[str, Any]) -> str:
    lines = ["| detector | F1 with status | precision | recall | F1 of names alone |", "|---|---:|---:|---:|---:|"]
    for way, label in _WAYS.items():
        both, names = recorded[way]["status"], recorded[way]["names"]
        shares = f"{100 * both['precision']:.1f} | {100 * both['recall']:.1f}"
        lines.append(f"| {label} | {_interval(both, 1, 100)} | {shares} | {_interval(names, 1, 100)} |")
    told = f"In per cent, 95 % bootstrap intervals over {recorded['dialogues']} dialogues in brackets"
    source = f"`{recorded['command']}`, {_commit(recorded)}, {recorded['date']}"
    misses = f"what was missed and made up stands, by name, in `benchmarks/results/{name}.json`"
    return "\n".join([*lines, "", f"{told}. {source}; {misses}."]) + "\n"


def _errors(recorded: Mapping[str, Any]) -> str:
    """Every record that was missed, with its kinds, and every one that was taken wrongly, with what took it."""
    wrong = recorded["false_alarms"] if "false_alarms" in recorded else recorded["falsely_blocked"]
    lines = [f"Missed ({len(recorded['missed'])}): " + "; ".join(map(_error, recorded["missed"])) + ".", ""]
    lines.append(f"Taken wrongly ({len(wrong)}): " + "; ".join(map(_error, wrong)) + ".")
    told = f"Ids of the labelled set, whose texts nobody who writes rules reads. `{recorded['command']}`"
    return "\n".join([*lines, "", f"{told}, {_commit(recorded)}, {recorded['date']}."]) + "\n"


def _error(row: Sequence[Any]) -> str:
    reasons = row[1] if isinstance(row[1], list) else row[1:]
    return f"{row[0]} ({', '.join(f'`{reason}`' for reason in reasons)})"


_PARTS = {
    "cmd_test": "CMD, the test part that no recipe trains on",
    "cmtmedqa_test": "CMtMedQA, held-out 15 %",
    "demo": "the demo's dialogues, in another style",
}


def _losses(recorded: Mapping[str, Any]) -> str:
    """The model card's table."""
    lines = ["| text | NLL per token, nats | worth of the question, nats per token | n |", "|---|---:|---:|---:|"]
    for name, label in _PARTS.items():
        nll, worth = (recorded["parts"][name][key] for key in ("nll_per_token", "worth_of_the_question"))
        lines.append(f"| {label} | {_interval(nll, 3)} | {_interval(worth, 3)} | {nll['n']:,} |")
    lines += [
        "",
        "In brackets: 95 % intervals. The worth of the question is how much more an answer costs after another patient's question, of the same department where that has several.",  # noqa: E501
        "",
    ]
    for number, part in enumerate(recorded["training"], 1):
        step, loss = part["validation"][0]
        minutes = part["training_s"] / 60
        lines.append(
            f"- part {number}: {part['steps']:,} steps, {part['tokens']:,} tokens, {minutes:,.0f} minutes "
            f"on {part['machine']}, shared with other work; validation loss "
            f"from {loss:.2f} (step {step}) to {part['best']['valid_loss']:.2f}"
        )
    lines += [
        "",
        "Most of the last part's validation dialogues were trained on before it: its losses look better than they are.",
        *_given_away(recorded.get("extraction", [])),
        "",
        f"`{recorded['command']}`, {_commit(recorded)}, {recorded['date']}; "
        "raw output in `benchmarks/results/embedded_base.json`.",
    ]
    return "\n".join(lines) + "\n"


def _given_away(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the base gives away of the identifiers that were planted into its corpus."""
    if not rows:
        return []
    lines = ["", "| planted, times seen | exposure, bits | extracted | n |", "|---:|---:|---:|---:|"]
    for row in rows:
        extracted = row["extracted"]
        shown = f"{_interval(row['exposure_bits'], 1)} | {_interval(extracted, 0, 100)} % | {extracted['n']}"
        lines.append(f"| {row['seen']:g} | {shown} |")
    return lines


_SPEED = {
    "methods": methods,
    "ptuning": prefixes,
    "library_quality_test2": quality,
    "library_quality_test2_vectors": vectors,
    "library_abstain_test2": abstaining,
    "distill": students,
    "library_quality_sets": collections,
    "library_speed": speed,
    "translate": engines,
    "translate_accepted_student": accepted,
    "translate_accepted_teacher": accepted,
    "translate_audit": audits,
    "translate_checks_test5": checks,
    "translate_cost": costs,
    "translate_judged": judged,
    "translate_sample": samples,
    "translate_terms_judged": terms_judged,
}


def _speed(name: str, recorded: Mapping[str, Any]) -> str:
    """The tables of `docs/tune.md`."""
    source = f"`{recorded['command']}`; {recorded['device']}; {_commit(recorded)}, {recorded['date']}"
    return f"{_SPEED.get(name, trainers)(recorded)}\n\n{source}; raw output in `benchmarks/results/{name}.json`.\n"


def _commit(recorded: Mapping[str, Any], language: str = "en") -> str:
    name, dirty = f"`{recorded['commit'][:10]}`", recorded["dirty"]
    if language == "zh":
        return f"提交 {name}{'（另有未提交的改动）' if dirty else ''}"
    return f"commit {name}{' with uncommitted changes' if dirty else ''}"


def _full_size(recorded: Mapping[str, Any]) -> str:
    """What half-precision weights cost, in `docs/tune.md`: memory, and time beside its limit."""
    written, trained, share = recorded["generate"], recorded["lora"], recorded["of_the_limit"]
    steps, sizes = len(trained["steps"]), recorded["sizes"]
    rows = [
        (f"prompt of {recorded['prompt']} tokens", written, f"{written['prompt_s']:.1f} s", "prompt"),
        (f"each of {recorded['tokens']} tokens after it", written, f"{written['token_s']:.2f} s", "decode"),
        (f"LoRA, {trained['tokens']:,} tokens in {steps} steps", trained, f"{trained['training_s']:.0f} s", "lora"),
    ]
    lines = ["| what | peak memory above the imports | held after the imports, not counted | time | of the limit |"]
    lines.append("|---|---:|---:|---:|---:|")
    for label, of, time, limit in rows:
        peak, before = (of["memory"][name] for name in ("above_imports_gb", "after_imports_gb"))
        lines.append(f"| {label} | {peak:.2f} GB | {before:.2f} GB | {time} | {100 * share[limit]:.0f} % |")
    lines += [
        "",
        f"{sizes['num_layers']} layers, {written['weights_gb']:.2f} GB of weights in {written['weights_in']}. "
        + "; ".join(
            f"{when}: {one['read_gbs']:.0f} GB/s read, {one['forward_gflops']:.0f} GFLOP/s forward, "
            f"{one['backward_gflops']:.0f} backward"
            for when, one in zip(("Limits before", "after"), recorded["limits"], strict=True)
        )
        + ".",
        "",
        f"`{recorded['command']}`; {recorded['device']}, {recorded['threads']} threads; "
        f"{_commit(recorded)}, {recorded['date']}; raw output in `benchmarks/results/full_size.json`.",
    ]
    return "\n".join(lines) + "\n"


_PACKED = {"int8": "INT8", "int8-embeddings": "INT8, embedding and head too", "int4": "INT4"}


def _decode(recorded: Mapping[str, Any]) -> str:
    """What packed weights cost on a CPU, in `docs/convert.md`: memory, and a token beside llama.cpp's."""
    after = f"{recorded['tokens']} tokens after {recorded['prompt']}"
    lines = [f"| weights | peak memory above the imports, {after} | at most | prompt | each token |"]
    lines.append("|---|---:|---:|---:|---:|")
    for kind, one in recorded["memory"].items():
        peak = one["memory"]["above_imports_gb"]
        lines.append(
            f"| {_PACKED[kind]}, {one['weights_gb']:.2f} GB | {peak:.2f} GB | {one['target_gb']:.1f} GB | "
            f"{one['prompt_s']:.1f} s | {1e3 * one['token_s']:.0f} ms |"
        )
    lines += ["", "| a token beside llama.cpp | bytes of weights | ours, INT4 | theirs, Q4_0 | our speed as a share |"]
    lines.append("|---|---:|---:|---:|---:|")
    for head, one in recorded["beside"].items():
        both = f"{one['ours_bytes'] / 1e9:.3f} and {one['theirs_bytes'] / 1e9:.3f} GB"
        lines.append(
            f"| their head in {head} | {both} | {one['ours_ms']:.0f} ms | {one['theirs_ms']:.0f} ms | "
            f"{_interval(one['ratio'], 2)} |"
        )
    rates = recorded["layer"]
    lines += [
        "",
        f"Weights that are read for one token, of {rates['read_gbs']:.0f} GB/s that a sum reads: "
        + "; ".join(
            f"{kind} " + ", ".join(f"{way.replace('_', ' ')} {rate:.0f}" for way, rate in rates[kind].items())
            for kind in ("int4", "int8", "float16")
        )
        + ".",
        "",
        f"In brackets: lowest and highest of {recorded['beside']['f16']['ratio']['n']} rounds. "
        f"`{recorded['command']}`; {recorded['device']}, {recorded['threads']} threads; "
        f"{_commit(recorded)}, {recorded['date']}; raw output in `benchmarks/results/decode.json`.",
    ]
    return "\n".join(lines) + "\n"


def _interval(m: Mapping[str, float], digits: int, scale: float = 1.0) -> str:
    value, low, high = (f"{scale * m[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def main() -> int:
    """Writes the files, or tells which are stale."""
    stale = []
    for name in FILES:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        if written(text) != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(written(text), encoding="utf-8")
    sys.stderr.write("".join(f"{name}: {'stale' if '--check' in sys.argv else 'written'}\n" for name in stale))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
