"""How much is done for a long text: it grows with its length, not with its square; counted, not timed."""

import random
from collections import Counter

import pytest

from doctorglm.translate.checks import align, amounts, words
from doctorglm.translate.checks.check import Checks
from doctorglm.translate.checks.reading import Chinese
from doctorglm.translate.glossary import own_glossary

_ILLNESSES = (("asthma", "哮喘"), ("gout", "痛风"), ("migraine", "偏头痛"), ("psoriasis", "银屑病"))


def long_text(sentences: int, stop: str = ". ", end: str = "。") -> tuple[str, str]:
    """A list of patients in both languages, every line another."""
    chance = random.Random(3)
    rows = [(i, chance.randint(2, 9999), *chance.choice(_ILLNESSES)) for i in range(2, sentences + 2)]
    english = "".join(f"Patient {i} took {mg} mg of ibuprofen for {illness}{stop}" for i, mg, illness, _ in rows)
    return english, "".join(f"患者 {i} 因{illness}服用了布洛芬 {mg} 毫克{end}" for i, mg, _, illness in rows)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the inner steps are taken."""
    counts: Counter[str] = Counter()

    def count(owner: object, name: str) -> None:
        inner = getattr(owner, name)

        def outer(*args: object) -> object:
            counts[name] += 1
            return inner(*args)

        monkeypatch.setattr(owner, name, outer)

    for owner, name in (
        (align, "_likeness"),
        (Chinese, "between"),
        (amounts, "_same"),
        (amounts, "_equal"),
        (words.Phrases, "_looked_up"),
    ):
        count(owner, name)
    return counts


@pytest.mark.parametrize(("stop", "end"), [(". ", "。"), (", ", "，")])
def test_twice_the_text_is_twice_the_work(counted: Counter[str], stop: str, end: str) -> None:
    work = []
    for sentences in (250, 500):
        counted.clear()
        checks = Checks(own_glossary())
        assert checks.faults(*long_text(sentences, stop, end)) == []
        work.append(dict(counted))
    assert {name: work[1].get(name, 0) <= 2.2 * times + 50 for name, times in work[0].items()} == dict.fromkeys(
        work[0], True
    )


def test_sentences_are_aligned_in_a_band(counted: Counter[str]) -> None:
    """40 sentences against 39: seven beads at most for each of 40 x 10 cells, besides the order's pairs."""
    english, chinese = long_text(40)
    Checks(own_glossary()).faults(english, chinese[: chinese.rindex("患者")])
    assert 0 < counted["_likeness"] <= 7 * 40 * 10


def test_more_sentences_than_are_aligned_are_not_compared(counted: Counter[str]) -> None:
    english, chinese = long_text(300)
    Checks(own_glossary()).faults(english, chinese[: chinese.rindex("患者")])
    assert counted["_likeness"] == 0


def test_what_was_read_is_dropped_between_texts() -> None:
    checks = Checks(own_glossary())
    for i in range(60):
        checks.faults(f"He took {i} tablets.", f"他吃了 {i} 片。")
    assert len(checks._reader._english) <= 20 and len(checks._reader._chinese) <= 20
