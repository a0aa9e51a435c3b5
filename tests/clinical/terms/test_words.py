"""The lists themselves, where a term stands, and how long it takes."""

import random

import pytest

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms import find
from doctorglm.clinical.terms.lexicon import LISTS, lexicon
from doctorglm.clinical.terms.words import entries, words


def brute(text: str) -> list[tuple[int, int]]:
    """The longest word without a gap at each place, by trying all of them."""
    plain = [word for word, says in lexicon().said.items() if says]
    found, at = [], 0
    while at < len(text):
        fits = [w for w in plain if text.startswith(w, at) and not w.isascii()]
        if fits:
            found.append((at, at + len(max(fits, key=len))))
        at = found[-1][1] if fits else at + 1
    return found


def test_the_longest_word_is_found_as_by_trying_all() -> None:
    draw = random.Random(0)
    chosen = [w for w, says in lexicon().said.items() if says and not w.isascii() and w[0] not in "没无未"]
    compared = 0
    for _ in range(40):
        text = "".join(draw.choice(["，", "。", draw.choice(chosen)]) for _ in range(12))
        items = lexicon().items(text)
        if not any(item.gap for item in items) and not set("没无未") & set(text):
            assert [(item.start, item.end) for item in items] == brute(text), text
            compared += 1
    assert compared > 20


@pytest.mark.parametrize("name", [*LISTS, "resolved", "cues"])
def test_every_line_of_a_list_has_a_name_and_no_word_twice(name: str) -> None:
    names = [norm for norm, _ in entries(name)]
    assert all(names) and len(names) == len(set(names))
    for norm, called in entries(name):
        assert len(called) == len(set(called)), (norm, [w for w in called if called.count(w) > 1])
        assert not any("：" in word or ":" in word for word in called), norm


def test_a_list_is_found_word_for_word() -> None:
    for name, kind in LISTS.items():
        for norm, called in entries(name):
            for word in {norm, *called} - {""}:
                if "…" in word or len(word) < 2 or word in words("ignored"):
                    continue
                assert (norm, kind) in {(t.norm, t.type) for t in find(word)}, (norm, word)


def test_places_are_code_points_of_the_text_as_it_was() -> None:
    text = "😀İ我ＣＴ做了，發　燒沒有，HeadAche!"
    for term in find(text):
        assert text[term.start : term.end] == term.text
    assert {("CT", "ＣＴ"), ("头痛", "HeadAche")} <= {(t.norm, t.text) for t in find(text)}


def test_folding_keeps_the_length() -> None:
    every = "".join(chr(c) for c in range(0x20, 0x11000) if not 0xD800 <= c < 0xE000)
    assert len(folded(every)) == len(every)
    assert folded("ＡＢＣ發燒，（") == "abc发烧，（"


def test_a_word_with_a_gap_ends_at_a_mark() -> None:
    assert [t.text for t in find("精神一直都比较差")] == ["精神一直都比较差"]
    assert find("精神，他很差") == []
    assert find("精神方面的专家们说成绩非常差") == []


def test_inner_words_of_other_words_are_not_found() -> None:
    assert {t.type for t in find("止咳药、退烧药、过敏原检查")} == {"drug", "test"}
    assert find("scoughing fevers") == []
    assert [t.norm for t in find("我cough了")] == ["咳嗽"]


@pytest.mark.parametrize(
    "piece", ["没有", "精神", "发烧、", "没有咳嗽和发烧以及", "发烧吗？", "我妈", "3岁时", "的", "是不是", "no "]
)
def test_the_time_is_linear(piece: str) -> None:
    """Squared, it would not end here."""
    assert find(piece * (200_000 // len(piece))) is not None
