"""The report of a translation: what was taken and why not the rest, terms worst first, pairs to judge, the cost."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.language import Text
from doctorglm.report.blocks import (
    Block,
    Figure,
    Number,
    Page,
    Table,
    Translations,
    Verdict,
)
from doctorglm.report.charts.bars import Bar, bars
from doctorglm.report.numbers import interval, number, percent, share_of
from doctorglm.report.page import write
from doctorglm.report.wording import Wording
from doctorglm.runs import write_json
from doctorglm.translate.entry import Entry
from doctorglm.translate.marked import not_taken, side_by_side
from doctorglm.translate.terms import Terms
from doctorglm.translate.told import SEED, Told, summary, told
from doctorglm.translate.wording import called

_MOST_TERMS = 25
HONESTY = Text(
    en="These translations are a model's. Rules have read them, no translator and no clinician has: they are for "
    "training and its study, and inform no patient. In an emergency call 120 in China, or your local number, at once.",
    zh="译文由模型生成，只经过规则检查，未经译者或临床医师审校；仅供训练与研究，不能用于告知患者。"
    "如遇急症，请立即拨打 120。",
)


def write_report(out: Path, record: Mapping[str, Any], glossary: Sequence[Entry]) -> None:
    """Writes `report.json` and `report.html` beside the results they are made from."""
    found = told(out, record, glossary)
    write_json(out / "report.json", summary(found))
    write(out / "report.html", page_of(found, Terms(glossary)))


def page_of(found: Told, terms: Terms) -> Page:
    """The verdict, reasons, terms, pairs, cost."""
    blocks: list[Block | None] = [
        _verdict(found),
        _reasons(found),
        _terms(found),
        _wrong(found, terms),
        _drawn(found, terms),
        _rejected(found, terms),
        _cost(found.record),
        _by(found.record),
    ]
    settings = found.record.get("settings", {})
    model = str(settings.get("teacher", "")).partition("#")[2] or "–"
    return Page(
        title=Text(en="What became of the translation", zh="翻译报告"),
        subtitle=Text(en=f"English conversations into Chinese by {model}", zh=f"英文对话译成中文，译者：{model}"),
        blocks=[block for block in blocks if block is not None],
        honesty=HONESTY,
    )


def _verdict(found: Told) -> Verdict:
    counts = found.record.get("counts", {})
    read, taken = counts.get("read", 0), counts.get("translated", 0)
    numbers = [
        Number(
            label=Text(en="Accepted", zh="采用"),
            value=share_of(taken, read),
            note=Text(en=f"{number(taken, 0)} of {number(read, 0)} conversations", zh=f"{number(read, 0)} 段对话中的 "
                      f"{number(taken, 0)} 段"),
        ),
        *(_audited(found.audit) if found.audit else ()),
        _paid(found.record.get("cost", {})),
    ]  # fmt: skip
    sentence = Text(
        en=f"Of {number(read, 0)} conversations {number(taken, 0)} are in Chinese; {number(read - taken, 0)} were left "
        "out rather than taken with a fault.",
        zh=f"{number(read, 0)} 段对话译出 {number(taken, 0)} 段；{number(read - taken, 0)} 段有问题，未采用。",
    )
    return Verdict(passed=None, sentence=sentence, numbers=numbers)


def _audited(audit: Mapping[str, Any]) -> Iterator[Number]:
    n, right = number(audit["term_mentions"], 0), number(audit["term_right"], 0)
    ends = _interval(audit["term_accuracy_interval"])
    yield Number(
        label=Text(en="Terms as the glossary has them", zh="术语与术语表一致"),
        value=percent(audit["term_accuracy"]),
        note=Text(
            en=f"{right} of {n} mentions, 95\u202f% interval {ends}", zh=f"{n} 处中 {right} 处，95\u202f% 区间 {ends}"
        ),
    )
    if audit["number_fidelity"] is not None:
        yield Number(
            label=Text(en="Numbers kept with their units", zh="数字与单位保留"),
            value=percent(audit["number_fidelity"]),
            note=Text(en=f"of {number(audit['numbers'], 0)}", zh=f"共 {number(audit['numbers'], 0)} 个"),
        )


def _paid(cost: Mapping[str, Any]) -> Number:
    planned = cost.get("planned_usd")
    note = (
        Text(
            en=f"for {number(cost.get('requests', 0), 0)} requests",
            zh=f"共 {number(cost.get('requests', 0), 0)} 次请求",
        )
        if planned is None
        else Text(en=f"about {_usd(planned)} planned", zh=f"计划约 {_usd(planned)}")
    )
    return Number(label=Text(en="Cost", zh="费用"), value=_usd(cost.get("usd", 0.0)), note=note)


def _interval(ends: Sequence[float]) -> str:
    return interval(100 * ends[0], 100 * ends[1], digits=1)


def _usd(usd: float) -> str:
    return f"{number(usd, 2 if usd >= 1 or not usd else 4)} USD"


def _reasons(found: Told) -> Figure | None:
    counts = {reason: n for reason, n in found.record.get("counts", {}).get("rejected", {}).items() if n}
    if not counts:
        return None
    read, out = found.record["counts"].get("read", 0), sum(counts.values())
    most = called(max(counts, key=lambda reason: counts[reason]))
    en, zh = (most, most) if isinstance(most, str) else (most.en, most.zh)
    messages = number(sum(found.messages.values()), 0)
    return Figure(
        title=Text(
            en=f"{number(out, 0)} were left out, most often because: {en}",
            zh=f"剔除 {number(out, 0)} 段，最常见的原因：{zh}",
        ),
        chart=bars(
            [Bar(label=called(reason), count=n) for reason, n in counts.items()],
            name=Text(en="reason", zh="原因"),
            whole=read,
            colour="base",
        ),
        n=Text(en=f"shares of {number(read, 0)} conversations read", zh=f"占比以读入的 {number(read, 0)} 段对话为准"),
        note=Text(
            en=f"The first reason of each conversation; {messages} reasons in all stand in rejected.jsonl.",
            zh=f"每段对话计第一个原因；rejected.jsonl 中共有 {messages} 条原因。",
        ),
    )


def _terms(found: Told) -> Table | None:
    if found.audit is None:
        return None
    worst = found.audit["worst_terms"]
    rows: list[Sequence[Wording]] = [
        (
            row["term"],
            "、".join(row["accepted"]),
            number(row["mentions"], 0),
            percent(row["share"]),
            _interval(row["interval"]),
            f"{row['instead']['text']} ({row['instead']['fields']}/{row['instead']['of']})" if row["instead"] else "–",
        )
        for row in worst[:_MOST_TERMS]
    ]
    right = sum(row["right"] == row["mentions"] for row in worst)
    n = number(found.counted, 0)
    return Table(
        title=Text(en="Terms, the worst first", zh="术语表，最差的在前"),
        columns=(
            Text(en="term", zh="术语"), Text(en="accepted", zh="认可的译法"), Text(en="mentions", zh="提及"),
            Text(en="right", zh="正确"), Text(en="95\u202f% interval", zh="95\u202f% 区间"),
            Text(en="often instead", zh="常见的替代"),
        ),
        rows=rows,
        note=Text(
            en=f"Counted on {n} accepted conversations. {number(right, 0)} of {number(len(worst), 0)} terms are right "
            "wherever they stand. What stands instead is a guess from counts.",
            zh=f"在 {n} 段采用的对话上统计。{number(len(worst), 0)} 个术语中有 {number(right, 0)} 个处处正确。"
            "“常见的替代”由计数推测。",
        ),
        wide=True,
    )  # fmt: skip


def _wrong(found: Told, terms: Terms) -> Translations | None:
    if not found.wrong or found.audit is None:
        return None
    instead = {row["term"]: row["instead"]["text"] for row in found.audit["worst_terms"] if row["instead"]}
    return Translations(
        title=Text(en="Where the Chinese has none of the accepted words", zh="译文与术语表不一致之处"),
        pairs=[side_by_side(pair, terms, instead) for _, pair in found.wrong],
        note=Text(
            en="One accepted message for each of the worst terms. A line stands under terms, a tint behind accepted "
            "words, a wave under what often stands in their place. It may be a good word that the glossary lacks.",
            zh="每个最差术语举一条采用的消息。下划线：术语；底色：认可的译法；波浪线：常见的替代。"
            "替代的词也可能是正确的，只是术语表没有收。",
        ),
    )


def _drawn(found: Told, terms: Terms) -> Translations | None:
    if not found.drawn:
        return None
    return Translations(
        title=Text(en="Judge for yourself: accepted, drawn at random", zh="随机抽取的采用样例，可自行判断"),
        pairs=[side_by_side(pair, terms, {}) for pair in found.drawn],
        note=Text(en=f"Seed {SEED}; nothing was chosen by hand.", zh=f"随机种子 {SEED}，未经人工挑选。"),
    )


def _rejected(found: Told, terms: Terms) -> Translations | None:
    shown = [
        (reason, one) for reason in found.messages for one in found.rejected.get(reason, ()) if one.english.strip()
    ]
    if not shown:
        return None
    return Translations(
        title=Text(en="What was not taken", zh="未采用的样例"),
        pairs=[not_taken(reason, one, terms) for reason, one in shown],
        note=Text(en="A few of each reason, drawn at random.", zh="每种原因随机抽取几条。"),
    )


def _cost(record: Mapping[str, Any]) -> Table:
    cost = record.get("cost", {})
    rows: list[tuple[Wording, Wording]] = [
        (Text(en="spent", zh="已用"), _usd(cost.get("usd", 0.0))),
        (Text(en="requests", zh="请求"), number(cost.get("requests", 0), 0)),
    ]
    known: tuple[tuple[str, Text], ...] = (
        ("planned_usd", Text(en="planned, about", zh="计划约")),
        ("planned_usd_at_most", Text(en="planned, at most without repetitions", zh="计划上限（不计重试）")),
        ("budget_usd", Text(en="budget", zh="预算")),
        ("usd_in", Text(en="a million tokens sent", zh="每百万输入 token")),
        ("usd_out", Text(en="a million tokens answered", zh="每百万输出 token")),
    )
    rows += [(name, _usd(cost[key])) for key, name in known if cost.get(key) is not None]
    if cost.get("price_share", 1.0) < 1:
        rows.append((Text(en="paid of the prices, by batches", zh="批处理按价格的"), percent(cost["price_share"], 0)))
    return Table(
        title=Text(en="Cost, planned and spent", zh="费用：计划与实际"),
        columns=(Text(en="what", zh="项目"), Text(en="amount", zh="数额")),
        rows=rows,
        note=Text(
            en="Counted from the tokens that the server told; requests without a count at their worst.",
            zh="按服务器报告的 token 数计算；没有报告的请求按上限计。",
        ),
    )


def _by(record: Mapping[str, Any]) -> Table | None:
    """Who translated, with which prompt and glossary."""
    settings, glossary = record.get("settings", {}), record.get("glossary", {})
    rows: list[tuple[Wording, Wording]] = [
        (name, str(settings[key]))
        for key, name in (
            ("teacher", Text(en="teacher", zh="教师模型")),
            ("prompt", Text(en="version of the prompt", zh="提示词版本")),
            ("tries", Text(en="tries", zh="最多尝试")),
        )
        if key in settings
    ]
    rows.append((Text(en="rows of the glossary", zh="术语表条数"), number(glossary.get("rows", 0), 0)))
    rows += [(f"{name}", number(n, 0)) for name, n in glossary.get("licences", {}).items()]
    return Table(
        title=Text(en="By whom and with what", zh="译者与术语表"),
        columns=(Text(en="what", zh="项目"), Text(en="value", zh="值")),
        rows=rows,
    )
