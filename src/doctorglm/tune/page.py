"""The page of a tuning run: its curve, what it was trained on, its settings, and the command that repeats it."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Commands, Figure, Number, Page, Prose, Table, Verdict
from doctorglm.report.charts import Series, curve
from doctorglm.report.numbers import number, percent, quantity
from doctorglm.report.page import write
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording
from doctorglm.runs import peak_memory_mb
from doctorglm.tune.forecast import planned_beside_measured
from doctorglm.tune.settings import TuneSettings

_NATS = Text(en="nats per token", zh="nat / token")

MUST_NOT_ADVISE = Prose(
    title=Text(en="This model must not advise anyone", zh="该模型不得用于为任何人提供建议"),
    text=Text(
        en="A falling loss says that the model foresees its data better, not that its answers are right. It has not "
        "been compared with its base and a placebo, it has passed no gate, and no clinician has reviewed what it says."
        "\n\nEvaluate it on held-out conversations and compare before anything else is done with it: "
        "doctorglm evaluate, doctorglm compare.",
        zh="损失下降只说明模型更能预见这些数据，不说明它的回答正确。它尚未与基座和安慰剂比较，没有通过放行检查，"
        "所说内容也未经临床医生审核。\n\n在用于任何其他用途之前，请先在留出的对话上评测并比较："
        "doctorglm evaluate、doctorglm compare。",
    ),
)


def write_page(out: Path, base: str, data: Path, settings: TuneSettings, results: Mapping[str, Any]) -> Path:
    """Writes `out/report.html` from `out/metrics.jsonl` and what goes into `run.json`; returns its path."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    path = out / "report.html"
    write(path, run_page(rows, settings, results, command_of(base, data, out, settings), subtitle=out.name))
    return path


def command_of(base: str, data: Path, out: Path, settings: TuneSettings) -> str:
    """The shell command that makes the same run; settings at their defaults are left out."""
    usual = TuneSettings()
    values = {f.name: getattr(settings, f.name) for f in fields(settings)}
    changed = {name: value for name, value in values.items() if value != getattr(usual, name)}
    method = changed.pop("method", None)
    words = ["doctorglm", "tune", "--base", base, "--data", str(data), "--out", str(out)]
    words += ["--method", method] if method else []
    return shlex.join([*words, *(f"{name}={value}" for name, value in changed.items())])


def run_page(
    rows: Sequence[Mapping[str, Any]], settings: TuneSettings, results: Mapping[str, Any], command: str, subtitle: str
) -> Page:
    """The page; `rows` are those of metrics.jsonl, one at least."""
    return Page(
        title=Text(en=f"Tuning run ({settings.method})", zh=f"微调记录（{settings.method}）"),
        subtitle=subtitle,
        blocks=[
            _verdict(rows, results),
            MUST_NOT_ADVISE,
            _curve(rows, results),
            *_meter(rows, settings, results),
            _data(results),
            *planned_beside_measured(results),
            _settings(settings),
            Commands(title=strings.REPRODUCE, lines=[command]),
        ],
    )


def _verdict(rows: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> Verdict:
    steps, best = results["steps"], results["best"]
    first, last = number(rows[0]["loss"]), number(rows[-1]["loss"])
    sentence = Text(
        en=f"The training loss went from {first} to {last} nats per token in {steps} steps; no data to validate on.",
        zh=f"训练损失在 {steps} 步内从 {first} 变为 {last} nat / token；没有验证数据。",
    )
    loss = Number(label=Text(en="Last training loss", zh="最后的训练损失"), value=last, note=_NATS)
    if best is not None:
        lowest = number(best["valid_loss"])
        sentence = Text(
            en=f"The validation loss is lowest after step {best['step']} of {steps}, at {lowest} nats per token; "
            "the weights of that step were kept.",
            zh=f"验证损失在第 {best['step']} 步（共 {steps} 步）最低，为 {lowest} nat / token；保留的是该步的权重。",
        )
        if "stopped" in results:
            sentence = Text(en=results["stopped"]["en"], zh=results["stopped"]["zh"])
        loss = Number(label=Text(en="Best validation loss", zh="最佳验证损失"), value=lowest, note=_NATS)
    return Verdict(
        passed=None, sentence=sentence, numbers=[loss, *_forgotten(results), _speed(results), _time(results)]
    )


def _forgotten(results: Mapping[str, Any]) -> list[Number]:
    """The forgetting meter where it was read."""
    if not results.get("forgetting"):
        return []
    return [
        Number(
            label=Text(en="Forgotten", zh="遗忘"),
            value=number(results["forgetting"]["kept"], 3, signed=True),
            note=Text(en="nats per token of general text, against the base", zh="nat / token，通用文本，与基座相比"),
        )
    ]


def _speed(results: Mapping[str, Any]) -> Number:
    return Number(
        label=Text(en="Speed", zh="速度"),
        value=number(results["tokens_per_s"], 0),
        note=Text(en="tokens per second, padding not counted", zh="token / 秒，不计填充"),
    )


def _time(results: Mapping[str, Any]) -> Number:
    minutes, seconds = divmod(round(results["training_s"]), 60)
    memory = quantity(peak_memory_mb() / 1000, "GB", 1)
    return Number(
        label=Text(en="Time", zh="用时"),
        value=f"{minutes}:{seconds:02d}",
        note=Text(en=f"minutes and seconds; {memory} peak memory", zh=f"分:秒；内存峰值 {memory}"),
    )


def _curve(rows: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> Figure:
    best, counts, before = results["best"], results["counts"], results.get("before", {})
    title = Text(en=f"The training loss over {len(rows)} steps", zh=f"{len(rows)} 步的训练损失")
    if best is not None:
        step = best["step"]
        falls = step == results["steps"]
        title = Text(
            en="The validation loss falls to the end" if falls else f"The validation loss falls until step {step}",
            zh="验证损失一直下降到最后" if falls else f"验证损失下降到第 {step} 步为止",
        )
    return Figure(
        title=title,
        chart=curve(
            losses(rows, before),
            unit=_NATS,
            best=(best["step"], best["valid_loss"]) if best else None,
            reference=_of_the_base(before),
        ),
        n=_sizes(counts),
    )


def losses(rows: Sequence[Mapping[str, Any]], before: Mapping[str, Any]) -> list[Series]:
    """The curves of a run's metrics: trained on, validated on, general text; `before` has the base's at step 0."""
    series = [Series(label=strings.TRAINING, points=[(row["step"], row["loss"]) for row in rows], colour="training")]
    of_validation: tuple[tuple[str, Text, ColourName], ...] = (
        ("valid_loss", strings.VALIDATION, "accent"),
        ("general_nll", strings.GENERAL, "general"),
    )
    for name, label, paint in of_validation:
        points = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
        if points:
            first = [(0, before[name])] if before.get(name) is not None else []
            series.append(Series(label=label, points=[*first, *points], colour=paint))
    return series


def _of_the_base(before: Mapping[str, Any]) -> tuple[Text, float] | None:
    """The level above which general text is being forgotten."""
    level = before.get("general_nll")
    return None if level is None else (Text(en="Base, general", zh="基座，通用"), level)


def _sizes(counts: Mapping[str, Any]) -> Text:
    trained, held_out = counts["conversations"], counts.get("valid", {}).get("conversations", 0)
    en = f"n = {trained} conversations to train on, {held_out} to validate on"
    zh = f"n = {trained} 段训练对话，{held_out} 段验证对话"
    if "general" in counts:
        general = counts["general"]["conversations"]
        en, zh = f"{en}, {general} of general text", f"{zh}，{general} 段通用对话"
    return Text(en=en, zh=zh)


def _meter(rows: Sequence[Mapping[str, Any]], settings: TuneSettings, results: Mapping[str, Any]) -> list[Figure]:
    """The forgetting meter over the steps, with the bound; nothing where it was not read."""
    points = [(row["step"], row["forgetting"]) for row in rows if "forgetting" in row]
    if not points:
        return []
    kept, bound = results["forgetting"]["kept"], settings.max_forgetting
    value = number(abs(kept), 3)
    label = Text(en="Forgotten", zh="遗忘")
    return [
        Figure(
            title=Text(
                en=f"What is kept foresees general text {value} nats per token {'worse' if kept > 0 else 'better'}",
                zh=f"保留的权重对通用文本的预测{'差' if kept > 0 else '好'}了 {value} nat / token",
            ),
            chart=curve(
                [Series(label=label, points=[(0, 0.0), *points], colour="general")],
                unit=Text(en="nats per token above the base", zh="比基座高出的 nat / token"),
                best=(results["best"]["step"], kept) if results["best"] else None,
                reference=(Text(en="Bound", zh="上限"), bound) if bound else None,
                digits=3,
            ),
            n=Text(
                en=f"n = {results['counts']['general']['conversations']} general conversations",
                zh=f"n = {results['counts']['general']['conversations']} 段通用对话",
            ),
        )
    ]


def _data(results: Mapping[str, Any]) -> Table:
    counts, parameters = results["counts"], results["parameters"]
    rows: list[tuple[Wording, str]] = [
        (Text(en="conversations", zh="对话"), number(counts["conversations"], 0)),
        (Text(en="training sequences", zh="训练序列"), number(counts["samples"], 0)),
        (Text(en="tokens learned in one pass", zh="每轮学习的 token"), number(counts["supervised_tokens"], 0)),
        *((_rejected(reason), number(n, 0)) for reason, n in counts["rejected"].items()),
        *_replay(counts),
        (Text(en="weights trained", zh="训练的权重"), number(parameters["trainable"], 0)),
        (
            Text(en="share of all weights", zh="占全部权重"),
            percent(parameters["trainable"] / parameters["all"]),
        ),
    ]
    return Table(
        title=Text(en="What was trained, and on what", zh="训练了什么，用什么训练"),
        columns=(Text(en="what", zh="项目"), strings.COUNT),
        rows=rows,
    )


def _replay(counts: Mapping[str, Any]) -> list[tuple[Wording, str]]:
    """What was mixed in, where something was."""
    replay = counts.get("replay")
    if not replay:
        return []
    return [
        (Text(en="general conversations replayed", zh="回放的通用对话"), number(replay["conversations"], 0)),
        (Text(en="their share of the tokens learned", zh="占所学 token"), percent(replay["share"])),
        *((_rejected(reason), number(n, 0)) for reason, n in replay["rejected"].items()),
    ]


def _rejected(reason: str) -> Text:
    words = reason.split()
    zh = {"empty answer": "回答为空", "refused by the chat template": "对话模板不接受"}.get(reason, reason)
    if reason.startswith("longer than "):
        zh = f"超过 {words[2]} 个 token"
    if reason.startswith("own answer: "):
        zh = f"基座作答未正常结束（{words[2]}）"
    return Text(en=f"answers rejected: {reason}", zh=f"剔除的回答：{zh}")


def _settings(settings: TuneSettings) -> Table:
    usual, unused = TuneSettings(), settings.without_effect()
    rows = [
        (f.name, _written(getattr(settings, f.name)), _remark(f.name, getattr(usual, f.name), settings, unused))
        for f in fields(settings)
    ]
    columns = (Text(en="setting", zh="名称"), Text(en="value", zh="值"), Text(en="remark", zh="说明"))
    return Table(title=Text(en="Settings", zh="设置"), columns=columns, rows=rows)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _remark(name: str, usual: Any, settings: TuneSettings, unused: Sequence[str]) -> Wording:
    if name in unused:
        return Text(en="not used in this run", zh="本次未使用")
    if getattr(settings, name) == usual:
        return Text(en="default", zh="默认")
    return Text(en=f"changed; default {_written(usual)}", zh=f"已更改；默认 {_written(usual)}")
