"""The report of a recipe: verdict, pictures, tables, answers side by side, how to reproduce."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from doctorglm.curate.page.wording import REASONS, called
from doctorglm.language import Text
from doctorglm.recipe.pipeline import Outcome, shown_systems
from doctorglm.report import strings
from doctorglm.report.blocks import Answer, Answers, Commands, Figure, Number, Page, Question, Table, Verdict
from doctorglm.report.charts import Branch, Difference, curve, flow, intervals
from doctorglm.report.numbers import interval, number, percent
from doctorglm.report.page import write
from doctorglm.report.tokens import ColourName
from doctorglm.runs import read_json
from doctorglm.tune.page import losses

_COLOURS: Mapping[str, ColourName] = {"base": "base", "tuned": "accent", "placebo": "placebo"}
_NAMES = {"base": strings.BASE, "tuned": strings.TUNED, "placebo": strings.PLACEBO}

_PARTS = {
    "pretrain": Text(en="pretraining part", zh="预训练部分"),
    "train": Text(en="training", zh="训练"),
    "valid": Text(en="validation", zh="验证"),
    "test": Text(en="held out for the test", zh="留作测试"),
}


def write_report(outcome: Outcome, command: str) -> Path:
    """Writes `report.html` into the recipe's folder; `command` is what reproduces it."""
    path = outcome.directory / "report.html"
    write(path, _page(outcome, command))
    return path


def results_table(summary: Mapping[str, Any]) -> Table:
    """Base, tuned and placebo, a row per figure, with 95 % intervals."""
    rows = [
        (Text(en="NLL per token (nats)", zh="每 token 的 NLL（nat）"), _measured("nll_per_token", 3)),
        (Text(en="perplexity", zh="困惑度"), _measured("perplexity", 1)),
        (Text(en="repetition (rep-4)", zh="重复率（rep-4）"), _share("repetition")),
        (Text(en="answers that end by themselves", zh="自行结束的回答"), _share("ends_by_itself")),
        (Text(en="answer speed (tokens/s)", zh="回答速度（token/s）"), lambda s: number(s["answer_tokens_per_s"], 0)),
        (Text(en="evaluation (s)", zh="评测用时（s）"), lambda s: number(s["seconds"], 0)),
    ]
    return Table(
        title=Text(en="On the held-out conversations", zh="留出对话上的结果"),
        columns=(Text(en="figure", zh="指标"), *_NAMES.values()),
        rows=[(label, *(show(summary[system]) for system in _NAMES)) for label, show in rows],
        note=Text(
            en=f"n = {summary['tuned']['nll_per_token']['n']} conversations; in brackets 95 % bootstrap intervals. "
            f"All stages together: {number(summary['seconds'], 0)} s, "
            f"peak memory {number(summary['peak_memory_mb'], 0)} MB.",
            zh=f"n = {summary['tuned']['nll_per_token']['n']} 段对话；方括号内为 95 % 自助法区间。"
            f"全部阶段共 {number(summary['seconds'], 0)} 秒，内存峰值 {number(summary['peak_memory_mb'], 0)} MB。",
        ),
    )


def _measured(name: str, digits: int) -> Any:
    return lambda s: f"{number(s[name]['value'], digits)} {interval(s[name]['low'], s[name]['high'], digits)}"


def _share(name: str) -> Any:
    def show(system: Mapping[str, Any]) -> str:
        m = system[name]
        return f"{percent(m['value'])} {interval(100 * m['low'], 100 * m['high'], 1)}"

    return show


def _page(outcome: Outcome, command: str) -> Page:
    gate, out = outcome.summary["gate"], outcome.directory
    return Page(
        title=Text(en=outcome.recipe.title_en, zh=outcome.recipe.title_zh),
        subtitle=Text(
            en=f"{gate['metrics']['nll_per_token']['n']} held-out conversations; base, tuned model and placebo",
            zh=f"{gate['metrics']['nll_per_token']['n']} 段留出对话；基座、微调模型与安慰剂",
        ),
        blocks=[
            _verdict(gate),
            _comparison(gate),
            _losses(out),
            _flow(read_json(out / "curate" / "run.json")["counts"]),
            results_table(outcome.summary),
            _answers(outcome),
            Commands(title=strings.REPRODUCE, lines=[command]),
        ],
    )


def _verdict(gate: Mapping[str, Any]) -> Verdict:
    nll, ends = gate["metrics"]["nll_per_token"], gate["metrics"]["ends_by_itself"]
    items = Text(en=f"{nll['n']} conversations, paired", zh=f"{nll['n']} 段对话，逐项配对")
    return Verdict(
        passed=gate["passed"],
        sentence=Text(**gate["sentence"]),
        reasons=[Text(**reason) for reason in gate["reasons"]],
        numbers=[
            Number(
                label=Text(en="NLL per token against the base", zh="每 token 的 NLL，相对基座"),
                value=f"{number(nll['difference'], 3, signed=True)} "
                f"{interval(nll['low'], nll['high'], 3, signed=True)}",
                note=items,
            ),
            Number(
                label=Text(en="NLL per token against the placebo", zh="每 token 的 NLL，相对安慰剂"),
                value=f"{number(nll['difference_placebo'], 3, signed=True)} "
                f"{interval(nll['low_placebo'], nll['high_placebo'], 3, signed=True)}",
                note=items,
            ),
            Number(
                label=Text(en="Answers that end by themselves", zh="自行结束的回答"),
                value=percent(ends["tuned"]),
                note=Text(en=f"base: {percent(ends['base'])}", zh=f"基座：{percent(ends['base'])}"),
            ),
        ],
    )


def _comparison(gate: Mapping[str, Any]) -> Figure:
    nll = gate["metrics"]["nll_per_token"]
    against = {"base": "", "placebo": "_placebo"}
    labels = {
        "base": Text(en="tuned − base", zh="微调 − 基座"),
        "placebo": Text(en="tuned − placebo", zh="微调 − 安慰剂"),
    }
    rows = [
        Difference(
            label=labels[other],
            value=nll[f"difference{suffix}"],
            low=nll[f"low{suffix}"],
            high=nll[f"high{suffix}"],
            n=nll["n"],
        )
        for other, suffix in against.items()
    ]
    drop = -100 * nll["difference"] / nll["base"]
    return Figure(
        title=Text(
            en=f"NLL per token changes by {number(-drop, 1, signed=True)} % against the base",
            zh=f"每 token 的 NLL 相对基座变化 {number(-drop, 1, signed=True)} %",
        ),
        chart=intervals(
            rows,
            unit=Text(en="difference, nats per token", zh="差值，nat / token"),
            zero=Text(en="no difference", zh="无差别"),
            better="lower",
        ),
        n=Text(en=f"n = {nll['n']} conversations", zh=f"n = {nll['n']} 段对话"),
    )


def _losses(out: Path) -> Figure:
    rows = [json.loads(line) for line in (out / "tune" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    tuned = read_json(out / "tune" / "run.json")
    best = (tuned["best"]["step"], tuned["best"]["valid_loss"]) if tuned["best"] else None
    first, last = rows[0]["loss"], rows[-1]["loss"]
    return Figure(
        title=Text(
            en=f"The training loss goes from {number(first)} to {number(last)} nats per token",
            zh=f"训练损失从 {number(first)} 到 {number(last)} nat / token",
        ),
        chart=curve(losses(rows, tuned.get("before", {})), unit=Text(en="nats per token", zh="nat / token"), best=best),
        n=Text(en=f"n = {len(rows)} steps", zh=f"n = {len(rows)} 步"),
    )


def _flow(counts: Mapping[str, Any]) -> Figure:
    rejected = [
        Branch(label=called(reason, REASONS), count=n, colour="base") for reason, n in counts["rejected"].items()
    ]
    parts = [Branch(label=_PARTS.get(name, name), count=n) for name, n in counts["splits"].items()]
    kept = Branch(label=Text(en="kept", zh="保留"), count=counts["kept"], parts=parts)
    branches = [kept]
    if rejected:
        total = sum(branch.count for branch in rejected)
        branches.append(Branch(label=Text(en="rejected", zh="剔除"), count=total, parts=rejected, colour="base"))
    return Figure(
        title=Text(
            en=f"{counts['kept']} of {counts['read']} conversations are kept",
            zh=f"{counts['read']} 段对话中保留了 {counts['kept']} 段",
        ),
        chart=flow(Branch(label=Text(en="read", zh="读入"), count=counts["read"], parts=branches)),
        n=Text(en=f"n = {counts['read']} conversations", zh=f"n = {counts['read']} 段对话"),
    )


def _answers(outcome: Outcome) -> Answers:
    return Answers(
        title=Text(en="The same questions, answered by each", zh="同一问题，各自的回答"),
        questions=[
            Question(
                asked=answer["question"],
                answers=[
                    Answer(label=name, text=_with_sources(answer[system]), colour=_COLOURS.get(system, "accent"))
                    for system, name in {**shown_systems(outcome.recipe), **_NAMES}.items()
                ],
            )
            for answer in outcome.answers
        ],
    )


def _with_sources(answer: Mapping[str, Any]) -> str:
    sources = answer.get("sources")
    return f"{answer['text']}\n\n{sources}" if sources else str(answer["text"])
