"""What is to be said of a translation recipe's end, in one sentence and its reasons: terminal and page say the same."""

from collections.abc import Mapping, Sequence
from typing import Any

from doctorglm.language import Text
from doctorglm.report.numbers import interval, number, percent


def sentence(summary: Mapping[str, Any]) -> Text:
    """Whether the student was good enough, and what there is to tune on."""
    kept = sum(summary["data"]["splits"].values())
    n = number(kept, 0)
    if summary["distill"] is None:
        return Text(
            en=f"The teacher translated all that there is, and no student was needed: {n} conversations to tune on.",
            zh=f"教师模型已译完全部内容，无需学生模型：可用于微调的对话 {n} 段。",
        )
    if not summary["passed"]:
        return Text(
            en=f"The student is not good enough, and nothing of it was taken: {n} conversations to tune on, the "
            "teacher's alone.",
            zh=f"学生模型不合格，未采用其任何译文：可用于微调的对话 {n} 段，全部由教师模型翻译。",
        )
    by = translators(summary)
    return Text(
        en=f"The student is good enough: {n} conversations to tune on, {number(by['teacher'], 0)} by the teacher and "
        f"{number(by['student'], 0)} by the student.",
        zh=f"学生模型合格：可用于微调的对话 {n} 段，其中教师翻译 {number(by['teacher'], 0)} 段，"
        f"学生翻译 {number(by['student'], 0)} 段。",
    )


def reasons(summary: Mapping[str, Any]) -> Sequence[Text]:
    """Where the student is not good enough: which measure failed, and what remains; else nothing."""
    return [] if summary["passed"] else [_failed(summary), _REMAINS]


def translators(summary: Mapping[str, Any]) -> dict[str, int]:
    """The conversations of all parts, by who translated them."""
    parts = summary["data"]["by"].values()
    return {who: sum(part.get(who, 0) for part in parts) for who in ("teacher", "student", "nobody")}


_REMAINS = Text(
    en="What remains: a larger sample by the teacher (sample=N, budget=USD), or a student that starts from a local "
    "opus-mt-en-zh (distill.pretrained=FOLDER distill.tags=false). Both need another --out; with "
    "cache=OUT/teacher/.cache.sqlite nothing is paid twice.",
    zh="可选的办法：让教师翻译更大的样本（sample=N、budget=美元），或让学生从本地的 opus-mt-en-zh 开始"
    "（distill.pretrained=文件夹 distill.tags=false）。两者都要换一个 --out；加上 "
    "cache=OUT/teacher/.cache.sqlite 可避免重复付费。",
)


def _failed(summary: Mapping[str, Any]) -> Text:
    scored = summary["distill"]
    test, least = scored["test"], percent(scored["least_accepted"], 0)
    if scored["good_enough"]:
        rest = number(summary["teacher"]["rest"], 0)
        return Text(
            en=f"It reached the bar on the held-out pairs, but the checks took none of its {rest} conversations.",
            zh=f"它在留出句对上达标，但其 {rest} 段对话无一通过检查。",
        )
    share, ends = accepted(test)
    taken, n = number(test["accepted"], 0), number(test["sentences"], 0)
    return Text(
        en=f"The checks take {taken} of {n} held-out sentences, {share} {ends}; the lower end has to reach {least} "
        "(distill.least_accepted).",
        zh=f"{n} 个留出句中有 {taken} 句通过检查，{share} {ends}；区间下限须达到 {least}（distill.least_accepted）。",
    )


def accepted(test: Mapping[str, Any]) -> tuple[str, str]:
    """The share of the held-out sentences that the checks take, and its 95 % interval in per cent."""
    return percent(test["accepted"] / test["sentences"]), ends_of(test["accepted_interval"])


def ends_of(both: Sequence[float]) -> str:
    """An interval of shares, in per cent."""
    low, high = both
    return interval(100 * low, 100 * high, 1)
