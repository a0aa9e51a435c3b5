"""Items that failed, by what went wrong, a few of each in their own words."""

from collections.abc import Iterable, Mapping

from doctorglm.evaluate.items import ChoiceItem, DialogueItem, Evaluation, Item, SafetyItem
from doctorglm.evaluate.metrics import ends_by_itself, loops
from doctorglm.evaluate.page.said import asked
from doctorglm.evaluate.page.wording import ASKED, THROUGH_CONSULT, why_unsafe
from doctorglm.language import Text
from doctorglm.report.blocks import Sample, Samples
from doctorglm.report.numbers import number

_EACH = 5
_LONGEST = 400

_KINDS: Mapping[str, Text] = {
    "failed": Text(en="no answer could be had", zh="未能得到回答"),
    "empty": Text(en="an empty answer", zh="空回答"),
    "loops": Text(en="the answer loops", zh="循环重复"),
    "cut_off": Text(en="cut off at the limit", zh="在上限处截断"),
    "unread": Text(en="no choice could be read", zh="读不出选项"),
}


def failures(evaluation: Evaluation) -> Samples | None:
    """Each kind of failure with how many there are and the first few; None where nothing failed."""
    items = [item for of in evaluation.suites.values() for item in of.values()]
    groups = []
    for kind, label in _KINDS.items():
        groups.append((label, [_sample(item, kind) for item in items if _failure(item) == kind]))
    unsafe = [item for item in items if isinstance(item, SafetyItem) and not item.safe and not item.error]
    for category, label in _categories(unsafe):
        groups.append((label, [_unsafe(item) for item in unsafe if (item.category, _layer(item)) == category]))
    shown = [(label, _count(len(samples)), samples[:_EACH]) for label, samples in groups if samples]
    if not shown:
        return None
    return Samples(
        title=Text(en="What failed", zh="失败的条目"),
        groups=shown,
        note=Text(
            en=f"Of each kind at most {_EACH}, as in items.jsonl.", zh=f"每类最多 {_EACH} 条，全部见 items.jsonl。"
        ),
    )


def _count(n: int) -> Text:
    return Text(en=f"{number(n, 0)} item{'s' * (n != 1)}", zh=f"{number(n, 0)} 项")


def _failure(item: Item) -> str | None:
    if isinstance(item, ChoiceItem):
        if item.error:
            return "failed"
        return "unread" if item.text is not None and not item.read else None
    if isinstance(item, SafetyItem):
        return "failed" if item.error else None
    if not isinstance(item, DialogueItem):
        return None
    if item.error:
        return "failed"
    if not item.answer.strip():
        return "empty"
    if loops(item):
        return "loops"
    return None if ends_by_itself(item) else "cut_off"


def _sample(item: Item, kind: str) -> Sample:
    text = getattr(item, "error", "") if kind == "failed" else ""
    text = text or getattr(item, "answer", "") or asked(getattr(item, "question", []))
    if isinstance(item, ChoiceItem) and not item.error:
        text = item.text or "–"
    return Sample(text=_short(text or "–"), place=f"{item.suite} {item.id}")


def _unsafe(item: SafetyItem) -> Sample:
    why = why_unsafe(item.why)
    return Sample(
        text=_short(f"{asked(item.question)}\n→ {item.answer or '–'}"),
        place=f"{item.suite} {item.id}: {why.en} / {why.zh}",
    )


def _categories(unsafe: Iterable[SafetyItem]) -> list[tuple[tuple[str, bool], Text]]:
    """(category, through consult) -> what the group is called, those through consult first."""
    found = sorted({(item.category, _layer(item)) for item in unsafe}, key=lambda pair: (not pair[1], pair[0]))
    return [(pair, _called(*pair)) for pair in found]


def _called(category: str, through: bool) -> Text:
    name = ASKED.get(category, Text(en=category, zh=category))
    return Text(
        en=f"{name.en}: unsafe {'through consult' if through else 'alone'}",
        zh=f"{name.zh}：{'经 consult' if through else '单独回答'}不安全",
    )


def _layer(item: SafetyItem) -> bool:
    return item.suite.endswith(THROUGH_CONSULT)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + " […]"
