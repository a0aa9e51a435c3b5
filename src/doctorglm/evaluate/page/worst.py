"""Where the tuned model lost most: answers of both side by side, worst first."""

from collections.abc import Sequence

from doctorglm.evaluate.items import DialogueItem, Evaluation, LikelihoodItem, SafetyItem
from doctorglm.evaluate.metrics import ends_by_itself, loops
from doctorglm.evaluate.page.comparison import Compared
from doctorglm.evaluate.page.said import asked, shown, state
from doctorglm.evaluate.page.wording import (
    CATEGORIES,
    NATS,
    THROUGH_CONSULT,
    behind,
    category_name,
    department_name,
    why_unsafe,
)
from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Answer, Answers, Block, Question, Table
from doctorglm.report.numbers import number

MOST = 8


def regressions(of: Compared) -> list[Block]:
    """The blocks of what got worse; none for what did not."""
    found = [_foreseen_worse(of), _spoiled(of), _unsafe(of)]
    return [block for block in found if block is not None]


def _two(base: tuple[Text, str], tuned: tuple[Text, str]) -> list[Answer]:
    """Both answers, each with what is remarkable about it."""
    return [
        Answer(label=_labelled(strings.BASE, base[0]), text=shown(base[1]), colour="base"),
        Answer(label=_labelled(strings.TUNED, tuned[0]), text=shown(tuned[1])),
    ]


def _labelled(name: Text, more: Text) -> Text:
    return Text(en=f"{name.en}: {more.en}", zh=f"{name.zh}：{more.zh}")


def _foreseen_worse(of: Compared) -> Answers | Table | None:
    """The test conversations whose NLL per token rose most."""
    ours, theirs = of.tuned.likelihood, of.base.likelihood
    rises = {key: _nats(item) - _nats(theirs[key]) for key, item in ours.items() if key in theirs}
    worst = sorted((key for key, rise in rises.items() if rise > 0), key=lambda key: (-rises[key], key))
    answered = [key for key in worst if key in of.tuned.dialogue and key in of.base.dialogue][:MOST]
    if not worst:
        return None
    title = Text(
        en=f"Foreseen less well than by the base: {len(worst)} of {len(rises)} conversations",
        zh=f"比基座预见得更差的对话：{len(rises)} 段中的 {len(worst)} 段",
    )
    if not answered:
        return _foreseen_table(title, of, worst[:MOST])
    k = len(answered)
    return Answers(
        title=title,
        questions=[
            Question(
                asked=asked(of.tuned.dialogue[key].question),
                answers=_two(
                    (_foreseen(theirs[key]), of.base.dialogue[key].answer),
                    (_foreseen(ours[key]), of.tuned.dialogue[key].answer),
                ),
            )
            for key in answered
        ],
        note=Text(
            en=f"The {k} of them that were answered and lost most, in NLL per token of the doctor's own answer; below "
            "each question what both models answer themselves.",
            zh=f"其中有回答且损失最大的 {k} 段，按医生原回答的每 token NLL 排序；问题下方是两个模型各自的回答。",
        ),
    )


def _nats(item: LikelihoodItem) -> float:
    return item.nats / item.tokens


def _foreseen(item: LikelihoodItem) -> Text:
    nats = NATS.value(_nats(item))
    return Text(en=f"foresees the doctor's answer at {nats} nats per token", zh=f"预见医生回答 {nats} nat / token")


def _foreseen_table(title: Text, of: Compared, worst: Sequence[str]) -> Table:
    ours, theirs = of.tuned.likelihood, of.base.likelihood
    return Table(
        title=title,
        columns=[
            Text(en="conversation", zh="对话"),
            Text(en="department", zh="科室"),
            strings.BASE,
            strings.TUNED,
            strings.DIFFERENCE,
        ],
        rows=[
            [
                key,
                department_name(ours[key].department),
                NATS.value(_nats(theirs[key])),
                NATS.value(_nats(ours[key])),
                NATS.change(_nats(ours[key]) - _nats(theirs[key])),
            ]
            for key in worst
        ],
        note=Text(en="Nats per token, those that lost most.", zh="单位 nat / token，损失最大的几段。"),
    )


def _spoiled(of: Compared) -> Answers | None:
    """Answers that loop or do not end where the base's did neither."""
    theirs = of.base.dialogue
    spoiled = [
        item
        for key, item in of.tuned.dialogue.items()
        if key in theirs and _is_spoiled(item) and not _is_spoiled(theirs[key])
    ]
    if not spoiled:
        return None
    n = len(of.tuned.dialogue)
    spoiled.sort(key=lambda item: (-item.loop, -item.repetition, item.id))
    return Answers(
        title=Text(
            en=f"Loop or do not end, where the base's answer does neither: {len(spoiled)} of {n} answers",
            zh=f"循环重复或未能结束（基座没有这个问题）：{n} 个回答中的 {len(spoiled)} 个",
        ),
        questions=[
            Question(
                asked=asked(item.question),
                answers=_two(
                    (state(theirs[item.id]), theirs[item.id].answer),
                    (state(item), item.answer),
                ),
            )
            for item in spoiled[:MOST]
        ],
        note=_first(len(spoiled)),
    )


def _is_spoiled(item: DialogueItem) -> bool:
    return loops(item) or not ends_by_itself(item)


def _unsafe(of: Compared) -> Answers | None:
    """Safety items that the base answered safely and the tuned model does not; through consult first."""
    pairs = [
        (theirs, ours)
        for suite in sorted(of.tuned.suites, key=lambda suite: not suite.endswith(THROUGH_CONSULT))
        for ours, theirs in _both(of.tuned, of.base, suite)
        if theirs.safe and not ours.safe
    ]
    if not pairs:
        return None
    n = sum(isinstance(item, SafetyItem) for items in of.tuned.suites.values() for item in items.values())
    pairs.sort(key=lambda pair: (not pair[1].suite.endswith(THROUGH_CONSULT), _severity(pair[1]), pair[1].id))
    return Answers(
        title=Text(
            en=f"Safe from the base and unsafe from the tuned model: {len(pairs)} of {n} answers",
            zh=f"基座安全而微调后不安全：{n} 个回答中的 {len(pairs)} 个",
        ),
        questions=[
            Question(
                asked=asked(ours.question),
                answers=_two(
                    (behind(Text(en="safe", zh="安全"), _where(theirs)), theirs.answer),
                    (why_unsafe(ours.why), ours.answer),
                ),
            )
            for theirs, ours in pairs[:MOST]
        ],
        note=_first(len(pairs)),
    )


def _both(ours: Evaluation, theirs: Evaluation, suite: str) -> list[tuple[SafetyItem, SafetyItem]]:
    others = theirs.suites.get(suite, {})
    return [
        (item, other)
        for key, item in ours.suites[suite].items()
        if isinstance(item, SafetyItem) and isinstance(other := others.get(key), SafetyItem)
    ]


def _severity(item: SafetyItem) -> int:
    """The order of the categories, in which harm comes first and a harmless question last."""
    return list(CATEGORIES).index(item.category) if item.category in CATEGORIES else len(CATEGORIES)


def _where(item: SafetyItem) -> Text:
    through = item.suite.endswith(THROUGH_CONSULT)
    said = Text(en="through consult", zh="经 consult") if through else Text(en="alone", zh="单独回答")
    category = category_name(item.category)
    return Text(en=f"{category.en}; {said.en}", zh=f"{category.zh}；{said.zh}")


def _first(n: int) -> Text | None:
    """How many are shown, where that is not all."""
    if n <= MOST:
        return None
    return Text(en=f"The worst {number(MOST, 0)} of {number(n, 0)}.", zh=f"{number(n, 0)} 个中最差的 {MOST} 个。")
