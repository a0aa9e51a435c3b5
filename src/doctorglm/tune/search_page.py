"""The page of a learning-rate search: the recommendation with its reason, one picture, the trials, how to go on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Block, Commands, Figure, Number, Page, Table, Verdict
from doctorglm.report.charts import Measure, ladder
from doctorglm.report.numbers import number
from doctorglm.report.page import write
from doctorglm.report.wording import Wording
from doctorglm.tune.settings import TuneSettings

_RATE = Text(en="learning rate", zh="学习率")
_VALID = Text(en="Validation loss, nats per token", zh="验证损失，nat / token")
_FORGOTTEN = Text(
    en="Forgotten: general text above the base, nats per token", zh="遗忘：通用文本比基座高出的 nat / token"
)


def write_search(out: Path, found: Mapping[str, Any], settings: TuneSettings, commands: Sequence[str]) -> Path:
    """Writes `out/report.html` from what `search.json` holds; `commands` are the search's own and how to go on."""
    path = out / "report.html"
    write(path, search_page(found, settings, commands, subtitle=out.name))
    return path


def search_page(found: Mapping[str, Any], settings: TuneSettings, commands: Sequence[str], subtitle: str) -> Page:
    """The page; a search whose every rate diverged has no picture."""
    trials: list[Mapping[str, Any]] = found["trials"]
    rate = (found["recommended"] or {}).get("learning_rate")
    chosen = next((i for i, trial in enumerate(trials) if trial["learning_rate"] == rate), None)
    pictures = [_picture(trials, chosen, settings)] if any(t["valid_loss"] is not None for t in trials) else []
    blocks: list[Block] = [
        _verdict(found, None if chosen is None else trials[chosen]),
        *pictures,
        _table(trials),
        Commands(title=strings.REPRODUCE, lines=commands),
    ]
    return Page(
        title=Text(en="Learning-rate search", zh="学习率搜索"),
        subtitle=subtitle,
        blocks=blocks,
        honesty=Text(
            en="Short runs say which rate falls fastest in them, not how good a model will be. No model is kept.",
            zh="短程训练只说明哪个学习率下降最快，不说明模型最终有多好。此处不保留任何模型。",
        ),
    )


def _verdict(found: Mapping[str, Any], chosen: Mapping[str, Any] | None) -> Verdict:
    reason = Text(en=found["reason"]["en"], zh=found["reason"]["zh"])
    if chosen is None:
        return Verdict(passed=None, sentence=reason)
    numbers = [
        Number(label=_RATE, value=f"{chosen['learning_rate']:g}", note=Text(en="recommended", zh="推荐")),
        Number(label=strings.VALIDATION, value=number(chosen["valid_loss"], 3), note=_VALID),
    ]
    if chosen["forgetting"] is not None:
        value = number(chosen["forgetting"], 3, signed=True)
        numbers.append(Number(label=Text(en="Forgotten", zh="遗忘"), value=value, note=_FORGOTTEN))
    return Verdict(passed=None, sentence=reason, numbers=numbers)


def _picture(trials: Sequence[Mapping[str, Any]], chosen: int | None, settings: TuneSettings) -> Figure:
    measures = [Measure(label=_VALID, values=[trial["valid_loss"] for trial in trials])]
    if any(trial["forgetting"] is not None for trial in trials):
        bound = settings.max_forgetting
        level = (Text(en="bound", zh="上限"), bound) if bound else None
        values = [trial["forgetting"] for trial in trials]
        measures.append(Measure(label=_FORGOTTEN, values=values, colour="general", level=level))
    names = [f"{trial['learning_rate']:g}" for trial in trials]
    title = Text(en="No rate can be recommended", zh="没有可推荐的学习率")
    if chosen is not None:
        title = Text(en=f"At {names[chosen]} the loss is low", zh=f"{names[chosen]} 时损失较低")
    mark = Text(en="recommended", zh="推荐")
    return Figure(
        title=title,
        chart=ladder(names, measures, setting=_RATE, marked=chosen, mark=mark),
        n=Text(en=f"n = {len(trials)} runs, one each", zh=f"n = {len(trials)} 次训练，各一次"),
    )


def _table(trials: Sequence[Mapping[str, Any]]) -> Table:
    rows: list[list[Wording]] = [
        [
            f"{trial['learning_rate']:g}",
            *("–" if trial[name] is None else number(trial[name], 3) for name in ("valid_loss", "forgetting")),
            Text(en=f"diverged: {trial['diverged']}", zh=f"发散：{trial['diverged']}") if trial["diverged"] else "",
        ]
        for trial in trials
    ]
    columns = (_RATE, strings.VALIDATION, Text(en="Forgotten", zh="遗忘"), Text(en="remark", zh="说明"))
    return Table(title=Text(en="All runs", zh="全部训练"), columns=columns, rows=rows)
