"""The report of a translation recipe: the verdict, where conversations went, why, the student's scores, the cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.curate.page.wording import REASONS, called, in_both
from doctorglm.language import Text
from doctorglm.recipe.translation.pipeline import Outcome
from doctorglm.recipe.translation.verdict import accepted, ends_of, reasons, sentence, translators
from doctorglm.report import strings
from doctorglm.report.blocks import Block, Commands, Figure, Number, Page, Table, Verdict
from doctorglm.report.charts import Branch, flow
from doctorglm.report.numbers import number, percent, quantity, share_of
from doctorglm.report.page import write
from doctorglm.report.wording import Wording
from doctorglm.translate.page import HONESTY
from doctorglm.translate.wording import called as named

_WHO = {"teacher": Text(en="teacher", zh="教师"), "student": Text(en="student", zh="学生")}
_STAGES = {
    "curate": Text(en="curate the English", zh="整理英文"),
    "teacher": Text(en="translate the sample", zh="教师翻译样本"),
    "distill": Text(en="train the student", zh="训练学生"),
    "student": Text(en="translate the rest", zh="学生翻译其余"),
    "data": Text(en="curate the Chinese", zh="整理译文"),
}


def write_report(outcome: Outcome, command: str) -> Path:
    """Writes `report.html` into the recipe's folder; `command` is what reproduces it."""
    path = outcome.directory / "report.html"
    write(path, page_of(outcome, command))
    return path


def page_of(outcome: Outcome, command: str) -> Page:
    """All blocks, those of a student only where there is one."""
    found = outcome.summary
    blocks: list[Block | None] = [
        _verdict(found),
        _flow(found),
        _rejected(found),
        _scores(found),
        _cost(found),
        _data(found),
        Commands(title=strings.REPRODUCE, lines=[command], note=_FOLDERS),
    ]
    model = found["teacher"]["model"].partition("#")[2]
    return Page(
        title=Text(en=outcome.recipe.title_en, zh=outcome.recipe.title_zh),
        subtitle=Text(
            en=f"English conversations into Chinese by {model}, and by a student that learned from it",
            zh=f"英文对话译成中文：先由 {model} 翻译样本，再由它教出的学生模型翻译其余",
        ),
        blocks=[block for block in blocks if block is not None],
        honesty=HONESTY,
    )


def results_table(summary: Mapping[str, Any]) -> Table:
    """Who read how many conversations, and how many were accepted."""
    rows: list[Sequence[Wording]] = [
        (
            name,
            number(summary[who]["read"], 0),
            number(summary[who]["translated"], 0),
            share_of(summary[who]["translated"], summary[who]["read"]),
            ends_of(summary[who]["accepted_interval"]),
            number(summary[who]["mended"], 0),
        )
        for who, name in _WHO.items()
        if summary[who] is not None
    ]
    return Table(
        title=Text(en="Conversations, by who translated them", zh="各译者翻译的对话"),
        columns=(
            Text(en="by", zh="译者"), Text(en="read", zh="读入"), Text(en="accepted", zh="采用"),
            strings.SHARE, strings.INTERVAL_95, Text(en="of them mended", zh="其中经修正"),
        ),
        rows=rows,
    )  # fmt: skip


def _verdict(found: Mapping[str, Any]) -> Verdict:
    cost = found["teacher"]["cost"]
    planned = number(cost["planned_usd"], 4)
    return Verdict(
        passed=None if found["distill"] is None else found["passed"],
        sentence=sentence(found),
        reasons=reasons(found),
        numbers=[
            *(_acceptance(found[who], name) for who, name in _WHO.items() if found[who] is not None),
            *([] if found["distill"] is None else [_bar(found["distill"])]),
            Number(
                label=Text(en="Spent", zh="费用"),
                value=f"{number(cost['usd'], 4)}\u202fUSD",
                note=Text(en=f"about {planned} USD were planned", zh=f"计划约 {planned} 美元"),
            ),
        ],
    )


def _acceptance(run: Mapping[str, Any], name: Text) -> Number:
    taken, read, ends = number(run["translated"], 0), number(run["read"], 0), ends_of(run["accepted_interval"])
    return Number(
        label=Text(en=f"Accepted of the {name.en}'s", zh=f"{name.zh}译文采用率"),
        value=share_of(run["translated"], run["read"]),
        note=Text(
            en=f"{taken} of {read} conversations, 95\u202f% interval {ends}",
            zh=f"{read} 段对话中 {taken} 段，95\u202f% 区间 {ends}",
        ),
    )


def _bar(scored: Mapping[str, Any]) -> Number:
    share, ends = accepted(scored["test"])
    least = percent(scored["least_accepted"], 0)
    return Number(
        label=Text(en="Held-out sentences that the checks take", zh="留出句通过检查的比例"),
        value=share,
        note=Text(en=f"95\u202f% interval {ends}, from {least} on", zh=f"95\u202f% 区间 {ends}，下限须达 {least}"),
    )


def _flow(found: Mapping[str, Any]) -> Figure:
    """The conversations that were curated: whose they became, and what was left out."""
    teacher, student, rest = found["teacher"], found["student"], found["teacher"]["rest"]
    branches = [_branch(teacher, Text(en="the teacher's sample", zh="教师的样本"))]
    if student is not None:
        branches.append(_branch(student, Text(en="the student's rest", zh="学生翻译的其余")))
    elif rest:
        branches.append(Branch(label=Text(en="not translated", zh="未翻译"), count=rest, colour="base"))
    whole = sum(branch.count for branch in branches)
    taken = teacher["translated"] + (student["translated"] if student else 0)
    return Figure(
        title=Text(
            en=f"{number(taken, 0)} of {number(whole, 0)} conversations are in Chinese",
            zh=f"{number(whole, 0)} 段对话中 {number(taken, 0)} 段已译成中文",
        ),
        chart=flow(Branch(label=Text(en="in English", zh="英文"), count=whole, parts=branches)),
        n=Text(en=f"n = {number(whole, 0)} conversations", zh=f"n = {number(whole, 0)} 段对话"),
    )


def _branch(run: Mapping[str, Any], label: Text) -> Branch:
    parts = [
        Branch(label=Text(en="accepted", zh="采用"), count=run["translated"]),
        Branch(label=Text(en="left out", zh="未采用"), count=run["read"] - run["translated"], colour="base"),
    ]
    return Branch(label=label, count=run["read"], parts=[part for part in parts if part.count])


def _rejected(found: Mapping[str, Any]) -> Table | None:
    """Why conversations were left out; the first reason of each."""
    whose = {who: name for who, name in _WHO.items() if found[who] is not None}
    counts = {who: found[who]["rejected"] for who in whose}
    every = [reason for reason, _ in sum((Counter(of) for of in counts.values()), Counter[str]()).most_common()]
    if not every:
        return None
    return Table(
        title=Text(en="Why conversations were left out", zh="未采用的原因"),
        columns=(Text(en="first reason", zh="首个原因"), *whose.values()),
        rows=[(named(reason), *(number(counts[who].get(reason, 0), 0) for who in whose)) for reason in every],
        note=Text(
            en="All reasons, with what was rejected, stand in rejected.jsonl of each folder, and in its report.html.",
            zh="全部原因及被剔除的译文见各文件夹的 rejected.jsonl 与 report.html。",
        ),
    )


def _scores(found: Mapping[str, Any]) -> Table | None:
    """The student on the held-out pairs, beside the bar where there is one."""
    if found["distill"] is None:
        return None
    scored, test = found["distill"], found["distill"]["test"]
    share, ends = accepted(test)
    rows: list[Sequence[Wording]] = [
        (Text(en="sentences that the checks take", zh="通过检查的句子"), share, ends,
         Text(en=f"lower end at least {percent(scored['least_accepted'], 0)}",
              zh=f"下限不低于 {percent(scored['least_accepted'], 0)}")),
        (Text(en="terms as the glossary has them", zh="术语与术语表一致"), *_share(test, "term_accuracy"), "–"),
        (Text(en="numbers kept with their units", zh="数字与单位保留"), *_share(test, "number_fidelity"), "–"),
        (Text(en="sentences told as flipped", zh="疑似否定颠倒的句子"),
         share_of(test["negation_flips"], test["sentences"]), ends_of(test["negation_flip_share_interval"]), "–"),
        (Text(en="BLEU", zh="BLEU"), number(test["bleu"], 1), "–", "–"),
        (Text(en="chrF", zh="chrF"), number(test["chrf"], 1), "–", "–"),
        (Text(en="sentences without a translation", zh="没有译出的句子"), number(test["failed"], 0), "–", "–"),
    ]  # fmt: skip
    counts, n = scored["counts"], number(test["sentences"], 0)
    size, pairs = number(counts["parameters"] / 1e6, 1), number(counts["train"], 0)
    return Table(
        title=Text(en="The student on pairs that it never saw", zh="学生模型在未见过的句对上"),
        columns=(Text(en="measure", zh="指标"), strings.VALUE, strings.INTERVAL_95, Text(en="bar", zh="门槛")),
        rows=rows,
        note=Text(
            en=f"n = {n} sentences of whole documents held out; {size} million parameters, trained on {pairs} pairs.",
            zh=f"n = {n} 句，来自整篇留出的文档；{size} 百万参数，训练用句对 {pairs} 个。",
        ),
    )


def _share(test: Mapping[str, Any], name: str) -> tuple[str, str]:
    """A share and its interval; dashes where nothing was counted."""
    return ("–", "–") if test[name] is None else (percent(test[name]), ends_of(test[f"{name}_interval"]))


def _cost(found: Mapping[str, Any]) -> Table:
    cost, seconds = found["teacher"]["cost"], found["seconds"]
    rows: list[Sequence[Wording]] = [
        (Text(en="planned, about", zh="计划约"), _usd(cost["planned_usd"])),
        (Text(en="planned, at most without repetitions", zh="计划上限（不计重试）"), _usd(cost["planned_usd_at_most"])),
        (Text(en="spent", zh="已用"), _usd(cost["usd"])),
        (Text(en="budget", zh="预算"), "–" if cost["budget_usd"] is None else _usd(cost["budget_usd"])),
        (Text(en="requests", zh="请求"), number(cost["requests"], 0)),
        *((name, _hours(seconds[stage])) for stage, name in _STAGES.items() if stage in seconds),
        (Text(en="all stages", zh="全部阶段"), _hours(seconds["all"])),
    ]
    return Table(
        title=Text(en="Cost, planned and spent, and hours", zh="费用（计划与实际）与用时"),
        columns=(Text(en="what", zh="项目"), Text(en="amount", zh="数额")),
        rows=rows,
        note=Text(
            en="The teacher alone is paid. Hours are those that the stages took here, other work beside them included.",
            zh="只有教师模型收费。用时为各阶段在本机的实际时间，含同时进行的其他任务的影响。",
        ),
    )


def _usd(value: float) -> str:
    return quantity(value, "USD", 4)


def _hours(seconds: float) -> str:
    return quantity(seconds / 3600, "h", 2)


def _data(found: Mapping[str, Any]) -> Table:
    data, by = found["data"], translators(found)
    whose = [who for who in _WHO if by[who]]
    rows: list[Sequence[Wording]] = [
        (f"{part}.jsonl", number(count, 0), *(number(data["by"][part].get(who, 0), 0) for who in whose))
        for part, count in data["splits"].items()
    ]
    for reason, n in data["rejected"].items():
        name = in_both(called(reason, REASONS))
        left_out = Text(en=f"left out: {name.en}", zh=f"剔除：{name.zh}")
        rows.append((left_out, number(n, 0), *("–" for _ in whose)))
    return Table(
        title=Text(en="What is in data/, ready for tune", zh="data/ 的内容，可直接用于 tune"),
        columns=(Text(en="part", zh="部分"), Text(en="conversations", zh="对话"), *(_WHO[who] for who in whose)),
        rows=rows,
        note=Text(
            en="Each conversation keeps its English, its translator and its sentences in meta.translation.",
            zh="每段对话的 meta.translation 中保留英文原文、译者和逐句对照。",
        ),
    )


_FOLDERS = Text(
    en="Each folder has a report of its own: curate, teacher, student, data.",
    zh="curate、teacher、student、data 各文件夹中另有各自的报告。",
)
