"""What the conversations are like: why some were left out, lengths, departments, quality, copies, changes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from doctorglm.curate.page.wording import CHANGES, CONVERSATIONS, QUALITY, REASONS, called, in_both
from doctorglm.language import Text
from doctorglm.report.blocks import Figure, Sample, Samples
from doctorglm.report.charts import Bar, Histogram, bars, histograms, median, shares
from doctorglm.report.numbers import number, percent, share_of
from doctorglm.report.tokens import ColourName

_MOST_SAMPLES = 5
_QUESTION = Text(en="Questions", zh="问题")
_ANSWER = Text(en="Answers", zh="回答")


def reasons(record: Mapping[str, Any]) -> Figure | None:
    """How many were left out for which reason."""
    counts = record.get("counts", {})
    rejected = {reason: n for reason, n in counts.get("rejected", {}).items() if n}
    if not rejected:
        return None
    whole, read = sum(rejected.values()), counts.get("read", 0)
    main = in_both(called(max(rejected, key=lambda reason: rejected[reason]), REASONS))
    share = share_of(max(rejected.values()), whole)
    return Figure(
        title=Text(
            en=f"{number(whole, 0)} were left out, {share} of them for: {main.en}",
            zh=f"剔除 {number(whole, 0)} 段，其中 {share} 因为：{main.zh}",
        ),
        chart=bars(
            [Bar(label=called(reason, REASONS), count=n) for reason, n in rejected.items()],
            name=Text(en="reason", zh="原因"),
            whole=read,
            colour="base",
        ),
        n=Text(en=f"shares of {number(read, 0)} conversations read", zh=f"占比以读入的 {number(read, 0)} 段对话为准"),
        note=Text(
            en="The first reason that holds is the one that counts.", zh="同时符合多个原因时，计最先判定的一个。"
        ),
    )


def masked_samples(record: Mapping[str, Any], samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> Samples | None:
    """A few records for every reason, so that a reader can judge the rule."""
    rejected = record.get("counts", {}).get("rejected", {})
    chosen = {reason: shown for reason, shown in samples.items() if shown}
    if not chosen:
        return None
    ordered = sorted(chosen, key=lambda reason: (-rejected.get(reason, 0), reason))
    return Samples(
        title=Text(en="Judge for yourself: samples of what was left out", zh="剔除的样例，可自行判断"),
        groups=[
            (
                called(reason, REASONS),
                Text(
                    en=f"{min(len(chosen[reason]), _MOST_SAMPLES)} of {number(rejected.get(reason, 0), 0)}",
                    zh=f"{number(rejected.get(reason, 0), 0)} 段中的 {min(len(chosen[reason]), _MOST_SAMPLES)} 段",
                ),
                [
                    Sample(text=str(one.get("evidence", "")), place=f"{one.get('source', '')} · {one.get('id', '')}")
                    for one in chosen[reason][:_MOST_SAMPLES]
                ],
            )
            for reason in ordered
        ],
        note=Text(en="Identifiers are masked, and the words are cut short.", zh="标识信息已去除，文字有删节。"),
    )


def departments(record: Mapping[str, Any]) -> Figure | None:
    """How many of the kept ones are of which department."""
    of = {name: n for name, n in (record.get("departments") or {}).items() if n}
    named = {name: n for name, n in of.items() if name}
    if not named:
        return None
    whole, first = sum(of.values()), max(named, key=lambda name: named[name])
    unnamed = whole - sum(named.values())
    others = number(unnamed, 0), share_of(unnamed, whole)
    return Figure(
        title=Text(
            en=f"{len(named)} departments; the largest is {first} with {share_of(named[first], whole)}",
            zh=f"共 {len(named)} 个科室，最多的是{first}，占 {share_of(named[first], whole)}",
        ),
        chart=bars(
            [Bar(label=name, count=n) for name, n in named.items()], name=Text(en="department", zh="科室"), whole=whole
        ),
        n=Text(en=f"n = {number(whole, 0)} conversations kept", zh=f"n = {number(whole, 0)} 段保留的对话"),
        note=Text(en=f"{others[0]} ({others[1]}) state none.", zh=f"另有 {others[0]} 段（{others[1]}）未注明科室。")
        if unnamed
        else None,
    )


def lengths(record: Mapping[str, Any]) -> Figure | None:
    """Characters of questions and answers."""
    of = record.get("lengths") or {}
    kinds: tuple[tuple[str, Text, ColourName], ...] = (
        ("question", _QUESTION, "training"),
        ("answer", _ANSWER, "accent"),
    )
    rows = [
        Histogram(label=label, edges=of[name]["edges"], counts=of[name]["counts"], colour=colour)
        for name, label, colour in kinds
        if name in of and sum(of[name]["counts"])
    ]
    if not rows:
        return None
    middle = number(median(rows[-1], log=True) or 0, 0)
    who = in_both(rows[-1].label)
    drawn = [(in_both(row.label), number(sum(row.counts), 0)) for row in rows]
    return Figure(
        title=Text(
            en=f"Half of the {who.en.lower()} are shorter than about {middle} characters",
            zh=f"半数{who.zh}短于约 {middle} 个字符",
        ),
        chart=histograms(rows, unit=Text(en="characters, by powers of ten", zh="字符数（对数刻度）"), log=True),
        n=Text(
            en="n = " + " and ".join(f"{n} {label.en.lower()}" for label, n in drawn),
            zh="n = " + "、".join(f"{n} 个{label.zh}" for label, n in drawn),
        ),
    )


def turns(record: Mapping[str, Any]) -> Figure | None:
    """How many exchanges the conversations have."""
    of = _by_size((record.get("lengths") or {}).get("turns"))
    if not of:
        return None
    whole, several = sum(of.values()), sum(n for turns, n in of.items() if turns > 1)
    return Figure(
        title=Text(
            en=f"{share_of(several, whole)} of the conversations go over several exchanges",
            zh=f"{share_of(several, whole)} 的对话不止一问一答",
        ),
        chart=bars(
            _size_bars(of), name=Text(en="exchanges", zh="问答轮数"), count=CONVERSATIONS, whole=whole, in_order=True
        ),
        n=Text(en=f"n = {number(whole, 0)} conversations kept", zh=f"n = {number(whole, 0)} 段保留的对话"),
        note=Text(en="By the number of exchanges, a question and its answer each.", zh="按轮数统计，一问一答为一轮。"),
    )


def quality(record: Mapping[str, Any]) -> Figure | None:
    """The score of the kept ones, and how many ask back."""
    of = record.get("quality") or {}
    if not of.get("counts") or not sum(of["counts"]):
        return None
    row = Histogram(label=Text(en="Quality score", zh="质量分"), edges=of["edges"], counts=of["counts"])
    middle, whole = number(median(row) or 0, 2), number(sum(of["counts"]), 0)
    asks = of.get("asks_back")
    note = None
    if asks:
        share, answers = percent(asks["conversations"]), percent(asks["answers"])
        note = Text(
            en=f"In {share} of the conversations the doctor asks back, in {answers} of all answers.",
            zh=f"{share} 的对话中医生有追问；追问占全部回答的 {answers}。",
        )
    return Figure(
        title=Text(
            en=f"Half of the kept conversations score above about {middle}", zh=f"半数保留的对话质量分高于约 {middle}"
        ),
        chart=histograms([row], unit=Text(en="score, 0 to 1", zh="分数（0 到 1）"), digits=2),
        n=Text(en=f"n = {whole} conversations kept", zh=f"n = {whole} 段保留的对话"),
        note=note,
    )


def quality_parts(record: Mapping[str, Any]) -> Figure | None:
    """The mean of each part of the score."""
    parts = (record.get("quality") or {}).get("parts") or {}
    if not parts or not all(0 <= mean <= 1 for mean in parts.values()):
        return None
    lowest = min(parts, key=lambda name: parts[name])
    name, value = in_both(called(lowest, QUALITY)), number(parts[lowest], 2)
    return Figure(
        title=Text(en=f"The weakest part of the score is {name.en}", zh=f"质量分中最低的一项是“{name.zh}”"),
        chart=shares(
            [(called(part, QUALITY), parts[part]) for part in sorted(parts, key=lambda part: -parts[part])],
            name=Text(en="part", zh="分项"),
            value=Text(en="mean", zh="均值"),
        ),
        n=Text(en=f"means, from 0 to 1; the lowest is {value}", zh=f"各项均值，0 到 1；最低为 {value}"),
    )


def changes(record: Mapping[str, Any]) -> Figure | None:
    """What cleaning did to the kept ones."""
    of = {kind: n for kind, n in (record.get("changes") or {}).items() if n}
    if not of:
        return None
    whole = number(sum(of.values()), 0)
    return Figure(
        title=Text(en=f"Cleaning made {whole} changes", zh=f"清洗共改动 {whole} 处"),
        chart=bars([Bar(label=called(k, CHANGES), count=n) for k, n in of.items()], name=Text(en="change", zh="改动")),
        n=Text(en=f"n = {whole} changes to kept conversations", zh=f"n = 保留对话中的 {whole} 处改动"),
        note=Text(
            en="Punctuation, units, ranges and doses stay as they came in.", zh="标点、单位、范围和剂量保持原样。"
        ),
    )


def duplicates(record: Mapping[str, Any]) -> Figure | None:
    """How many near copies stand together among the kept ones."""
    copies = record.get("duplicates") or {}
    sizes = _by_size(copies.get("cluster_sizes"))
    if not sizes:
        return None
    clusters, kept = number(sum(sizes.values()), 0), sum(size * n for size, n in sizes.items())
    exact, near = number(copies.get("exact", 0), 0), number(copies.get("near", 0), 0)
    alone = share_of(sizes.get(1, 0), kept)
    return Figure(
        title=Text(
            en=f"{alone} of the kept conversations have no near copy among the others",
            zh=f"{alone} 的保留对话没有近似的另一段",
        ),
        chart=bars(
            _size_bars(sizes),
            name=Text(en="conversations in the cluster", zh="组内对话数"),
            count=Text(en="clusters", zh="组数"),
            whole=sum(sizes.values()),
            in_order=True,
        ),
        n=Text(
            en=f"n = {clusters} clusters, by how many conversations stand in each",
            zh=f"n = {clusters} 组，按组内对话数",
        ),
        note=Text(
            en=f"Left out before: {exact} exact and {near} near copies. A cluster is never divided between the parts.",
            zh=f"此前已剔除完全重复 {exact} 段、近似重复 {near} 段。同组对话不会分到不同部分。",
        ),
    )


def _by_size(counts: Mapping[str, int] | None) -> dict[int, int]:
    """Counts by size in order, `10+` among the tens; without those that are zero."""
    of: Counter[int] = Counter()
    for size, n in (counts or {}).items():
        of[int(size.rstrip("+"))] += n
    return {size: of[size] for size in sorted(of) if of[size]}


def _size_bars(counts: Mapping[int, int]) -> list[Bar]:
    """A bar for each size below ten, and one for the rest."""
    rows = [Bar(label=str(size), count=n) for size, n in counts.items() if size < _LARGE]
    if more := sum(n for size, n in counts.items() if size >= _LARGE):
        rows.append(Bar(label=Text(en="10 or more", zh="10 及以上"), count=more))
    return rows


_LARGE = 10
