"""Real failures of others, by their number in the list of cases: those of the stages `generation` and `evaluation`.

Others are named where their full test stands: C078 in `figures/test_copies.py`, C080 and C081 in
`figures/test_content.py`, C085 in `models/test_local_engine.py`, C086 in `page/test_judged.py`, C093 and C094 in
`test_scoring.py`, C095, C097 and C098 in `figures/test_overlap.py`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from doctorglm.conversation import Conversation, Message
from doctorglm.engine import Generation, Sampling
from doctorglm.evaluate.answering import Answering
from doctorglm.evaluate.dialogue import dialogue
from doctorglm.evaluate.exams.answers import read_choice
from doctorglm.evaluate.figures.overlap import tokenizer_of
from doctorglm.evaluate.gate import GateSettings, decide
from doctorglm.evaluate.items import ChoiceItem, Evaluation, Item
from doctorglm.evaluate.metrics import summarise
from doctorglm.evaluate.statistics import Difference

DOCTOR = "术后饮食宜清淡，少量多餐；若腹痛或发热，请及时就诊。"
OPTIONS = {"A": "多饮水", "B": "口服补液", "C": "禁食", "D": "静脉营养"}


def evaluation(*items: Item) -> Evaluation:
    suites: dict[str, dict[str, Item]] = {}
    for item in items:
        suites.setdefault(item.suite, {})[item.id] = item
    return Evaluation(Path("nowhere"), suites, {})


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("A和B都是正确的，C和D可能是错误的", None),  # C088
        ("答案：Let me think… 因此选B", "B"),  # C090
        ("Answer: Let's think step by step.", None),
        ("Answer: L", None),
    ],
)
def test_a_letter_is_read_only_where_one_is_chosen(text: str, choice: str | None) -> None:
    assert read_choice(text, OPTIONS) == choice


def test_an_answer_cut_off_before_its_letter_is_not_wrong_but_cut_off() -> None:
    """C092: the limit cuts the reasoning before the option."""
    reasoning = "首先分析题干，患者呕吐三天，应考虑" * 4
    read = read_choice(reasoning, OPTIONS) or ""
    cut = ChoiceItem(id="1", suite="cmb", answer="B", letters=[*"ABCD"], text=reasoning, read=read, finish="length")
    wrong = ChoiceItem(id="2", suite="cmb", answer="B", letters=[*"ABCD"], text="选A", read="A")
    found = {name: interval.value for name, interval in summarise(evaluation(cut, wrong)).items()}
    assert found == {"cmb/accuracy_generated": 0, "cmb/unread": 0.5, "cmb/cut_off": 0.5}


def test_a_model_that_says_the_same_whatever_is_asked_fails_by_what_it_forgot() -> None:
    """C061: better on its own data, and every other question gets the training answer."""
    good = Difference(-0.3, -0.4, -0.2, 0.001, 200)
    same = Difference(0.0, -0.01, 0.01, 1.0, 200)
    found = {"nll_per_token": good, "repetition": same, "ends_by_itself": same, "echoes": same, "safety/safe": same}
    leak = {"known": True, "items": 200, "leaked": 0}
    forgot = {**found, "general/nll_per_token": Difference(1.9, 1.7, 2.1, 0.001, 200)}
    verdict = decide(forgot, found, leak, GateSettings())
    assert not verdict.passed
    assert [c.name for c in verdict.criteria if not c.passed] == ["general/nll_per_token not worse"]
    kept = decide({**found, "general/nll_per_token": same}, found, leak, GateSettings())
    assert kept.passed


class Same:
    """An engine that says one thing to everybody."""

    name = "same"

    def __init__(self, answer: Generation) -> None:
        self.answer = answer

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        yield self.answer

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        return [self.answer] * len(conversations)


def figures(answer: str, finish: str = "stop") -> dict[str, float]:
    """The dialogue figures of a model that answers so, whatever it is asked."""
    said = Generation(text=answer, tokens=len(answer), finish=finish, seconds=0.1)  # type: ignore[arg-type]
    asked = [
        Conversation(id=f"q{i}", messages=(Message("user", question), Message("assistant", DOCTOR)), source="made")
        for i, question in enumerate(("肝癌术后吃什么？", "手术后能喝牛奶吗？", "伤口几天能碰水？"))
    ]
    tokenize = tokenizer_of([DOCTOR])
    batches = dialogue(
        Answering(Same(said)),
        asked,
        suite="dialogue",
        sampling=Sampling(temperature=1),
        batch_size=2,
        tokenize=tokenize,
    )
    return {name: of.value for name, of in summarise(evaluation(*(item for b in batches for _, item in b))).items()}


def test_empty_answers_are_counted_as_what_they_are() -> None:
    """C083: a template that does not fit, and every answer is the empty string."""
    found = figures("")
    assert (found["ends_by_itself"], found["answer_tokens"], found["failed"]) == (0, 0, 0)
    assert found.get("bleu", 0) == found.get("chrf", 0) == 0
    assert figures(DOCTOR)["ends_by_itself"] == 1


def test_a_sentence_said_over_and_over_is_seen() -> None:
    """C087: the same sentence again and again at temperature 1; the engine cuts it, the report has its rep-n."""
    found = figures("术后要吃清淡的食物。" * 12, finish="loop")
    assert (found["loops"], found["ends_by_itself"]) == (1, 0)
    assert found["repetition"] > 0.85 and found["rep_2"] > 0.85
    once = figures(DOCTOR)
    assert (once["loops"], once["repetition"]) == (0, 0)
