"""Words, bigrams and what is left of a question: each against what a reader would write down."""

from doctorglm.library.analysis import bigrams_of, content_of, runs_of, stem, words_of


def test_latin_that_touches_chinese_is_a_run_of_its_own() -> None:
    assert runs_of("复查HBV-DNA后转阴") == ["复查", "hbv", "dna", "后转阴"]


def test_widths_case_and_traditional_characters_are_folded() -> None:
    assert runs_of("ＣＴ、Ｂ１２，糖尿病飲食；頭痛") == ["ct", "b12", "糖尿病饮食", "头痛"]


def test_numbers_keep_their_point() -> None:
    assert runs_of("尿酸 420.5 μmol/L") == ["尿酸", "420.5", "μmol", "l"]


def test_bigrams_of_runs() -> None:
    assert bigrams_of(["糖尿病", "b12", "癣"]) == ["糖尿", "尿病", "b12", "癣"]


def test_words_keep_every_character_once() -> None:
    words = words_of(["乙型肝炎患者", "hbv", "饮食"])
    assert sorted("".join(words)) == sorted("乙型肝炎患者hbv饮食")
    assert "饮食" in words and "hbv" in words


def test_english_words_meet_in_their_stem() -> None:
    assert stem("treatments") == stem("treatment") == "treatment"
    assert stem("headaches") == stem("headache") == "headach"
    assert stem("b12") == "b12"


def test_a_question_is_left_with_what_it_is_about() -> None:
    assert content_of("请问一下医生，我得了痛风怎么办？") == ["痛风"]
    assert content_of("what is the treatment for gout?") == ["treatment", "gout"]
    assert content_of("你好，请问怎么办？") == []


def test_no_text_is_a_word() -> None:
    assert runs_of("😀😀！？……") == [] and words_of([]) == [] and bigrams_of([]) == []
