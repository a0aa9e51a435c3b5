"""A plan as tables for the terminal."""

import math
from collections.abc import Iterator, Mapping

from doctorglm.language import Text
from doctorglm.plan.memory import AS_STORED, Parts
from doctorglm.plan.planning import Estimate, Plan
from doctorglm.report.blocks import Table
from doctorglm.report.numbers import number
from doctorglm.report.wording import Wording

_PARTS = {
    "weights": Text(en="weights", zh="权重"),
    "adapter": Text(en="adapter or prefix", zh="适配器或前缀"),
    "gradients": Text(en="gradients", zh="梯度"),
    "optimizer": Text(en="optimizer", zh="优化器"),
    "activations": Text(en="activations", zh="激活值"),
    "logits": Text(en="logits", zh="logits"),
    "workspace": Text(en="workspace and overhead", zh="工作区与开销"),
    "total": Text(en="in all", zh="合计"),
}
_YES, _NO = Text(en="yes", zh="能"), Text(en="no", zh="不能")


def tables(of: Plan) -> Iterator[Table]:
    """Memory by part, quantised variants, cards, and the paper's price beside ours."""
    yield _memory(of)
    if len(of.variants) > 1:
        yield _estimates(
            Text(en="Weights held otherwise, on the same device", zh="同一设备上，权重的其他存储方式"),
            Text(en="weights", zh="权重"),
            {_held(of, one): one for one in of.variants},
        )
    yield _estimates(Text(en="Cards", zh="各种显卡"), Text(en="card", zh="显卡"), of.cards)
    yield _paper(of)


def sentence(of: Plan) -> str:
    """Whether it fits, how long it takes and what it costs."""
    one, method = of.chosen, of.settings.method
    total, free = number(one.memory.total / 1e9, 2), number(of.device.memory / 1e9, 2)
    time, cost = duration(one.seconds.total), "" if one.usd is None else f", {number(one.usd, 2)} USD"
    head = f"{of.base.name}, {method}, {of.device.name}"
    batch = of.batch_tokens or 0
    return str(
        Text(
            en=f"{head}: {'fits' if one.fits else 'does not fit'} ({total} of {free} GB, recompute={one.saving}); "
            f"{of.work.steps} steps, {time}{cost}. The largest batch_tokens that fits: {batch or 'none'}.",
            zh=f"{head}：{'放得下' if one.fits else '放不下'}（{total} / {free} GB，recompute={one.saving}）；"
            f"{of.work.steps} 步，{time}{cost}。放得下的最大 batch_tokens：{batch or '无'}。",
        )
    )


def advice(of: Plan) -> str:
    """What would make it fit, where it does not; empty where it does."""
    if of.chosen.fits:
        return ""
    over = number((of.chosen.memory.total - of.device.memory * 0.95) / 1e9, 2)
    smaller = [one for one in of.variants if one.fits]
    cards = [name for name, one in of.cards.items() if one.fits]
    ways = [f"batch_tokens={of.batch_tokens}"] if of.batch_tokens else []
    ways += [f"--method qlora quantization={smaller[0].weights}"] if smaller and smaller[0].weights != AS_STORED else []
    ways += [f"--device {cards[-1]}"] if cards else []
    listed = ", ".join(ways) or "-"
    return str(Text(en=f"{over} GB too much. What would fit: {listed}.", zh=f"超出 {over} GB。可行的办法：{listed}。"))


def duration(seconds: float) -> str:
    """Hours, minutes or seconds, whichever reads best."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{number(seconds / size, 1)} {unit}"
    return f"{number(seconds, 1)} s"


def _memory(of: Plan) -> Table:
    parts = of.chosen.memory.in_gb()
    return Table(
        title=Text(en="Memory, GB (10^9 bytes)", zh="内存，GB（10^9 字节）"),
        columns=(Text(en="part", zh="部分"), Text(en="GB", zh="GB")),
        rows=[(_PARTS[name], number(value, 3)) for name, value in parts.items()],
    )


def _held(of: Plan, one: Estimate) -> str:
    return ("bfloat16" if of.device.half else "float32") if one.weights == AS_STORED else one.weights


def _estimates(title: Text, first: Text, of: Mapping[str, Estimate]) -> Table:
    columns = (
        first,
        Text(en="GB", zh="GB"),
        Text(en="fits", zh="放得下"),
        Text(en="recompute", zh="重算"),
        Text(en="time", zh="时间"),
        Text(en="USD", zh="美元"),
    )
    rows = [
        (
            name,
            number(one.memory.total / 1e9, 2),
            _YES if one.fits else _NO,
            one.saving,
            duration(one.seconds.total),
            "–" if one.usd is None else number(one.usd, 2),
        )
        for name, one in of.items()
    ]
    return Table(title=title, columns=columns, rows=rows)


def _paper(of: Plan) -> Table:
    def shown(value: float, name: str, inferred: tuple[str, ...], digits: int = 2) -> str:
        return "–" if math.isnan(value) else number(value, digits) + (" *" if name in inferred else "")

    rows: list[tuple[Wording, ...]] = [
        (
            row.reading,
            shown(row.pairs, "pairs", row.inferred, 0),
            *(shown(getattr(row, name), name, row.inferred) for name in ("hours", "usd", "usd_per_hour")),
        )
        for row in of.paper
    ]
    return Table(
        title=Text(
            en="100,000 pairs, beside the paper (arXiv 2304.01097)", zh="十万对问答，与论文对照（arXiv 2304.01097）"
        ),
        columns=(
            Text(en="whose", zh="来源"),
            Text(en="pairs", zh="问答对"),
            Text(en="hours", zh="小时"),
            Text(en="USD", zh="美元"),
            Text(en="USD/h", zh="美元/小时"),
        ),
        rows=rows,
        note=Text(
            en="* inferred: the paper states 18.75 USD for 100,000 pairs and 13 h for its run on one A100 80G, and no "
            "price an hour",
            zh="* 为推断值：论文只说十万对 18.75 美元、在一张 A100 80G 上运行 13 小时，没有说每小时单价",
        ),
    )


def of_parts(parts: Parts) -> list[tuple[Text, str]]:
    """Every part with its GB."""
    return [(_PARTS[name], number(value, 3)) for name, value in parts.in_gb().items()]
