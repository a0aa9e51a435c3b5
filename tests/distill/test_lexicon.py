"""A lexicon is mined from the pairs: words whose Chinese is plain, and no others."""

from doctorglm.distill.lexicon import mined
from doctorglm.distill.sentences import SentencePair

from .conftest import THINGS, VERBS, written


def test_words_are_found_with_their_chinese() -> None:
    found = {one.english: one.chinese[0] for one in mined(written(400))}

    assert {word: found.get(word) for word in THINGS} == THINGS
    assert {found.get(word) for word in ("need", "want")} <= set(VERBS.values())


def test_a_word_that_is_rare_or_has_no_chinese_of_its_own_is_left_out() -> None:
    pairs = [SentencePair("The lemon is here.", "柠檬在这里。", "a")] * 2
    pairs += [SentencePair(f"Perhaps so, case {i}.", f"{'甲乙丙丁戊己庚辛壬癸'[i]}例如此。", "b") for i in range(10)]
    found = {one.english for one in mined(pairs)}

    assert "lemon" not in found
    assert "perhaps" not in {one.english for one in mined([*pairs, *written(400)]) if one.chinese[0] not in "例如此"}
