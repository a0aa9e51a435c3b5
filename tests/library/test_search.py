"""Searching: what users of such tools hit (cases C100 to C111), what patients type, and what nobody should."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from doctorglm.library import Library
from doctorglm.library.search import FUSION, fuse

Ids = Callable[[str], list[str]]


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("乙肝", "hepatitis-b"),  # C100: two characters
        ("痛风", "gout"),
        ("HBV", "hepatitis-b"),  # C102: Latin glued to Chinese
        ("糖尿病饮食", "diabetes"),  # C104: Traditional documents and questions
        ("頭痛", "headache"),
        ("ＣＴ", "pernicious-anaemia"),  # C105: full width
        ("Ｂ１２", "pernicious-anaemia"),
        ("１型糖尿病", "type-1-diabetes"),
        ("乙型病毒性肝炎", "hepatitis-b"),
        ("羊癫疯怎么治", "epilepsy"),  # what people call it
        ("通风犯了脚趾头疼", "gout"),  # a homophone
        ("一侧头疼还怕光", "headache"),  # no disease named
    ],
)
def test_the_right_entry_is_first(ids: Ids, question: str, best: str) -> None:
    assert ids(question)[0] == best


def test_full_width_finds_what_half_width_finds(ids: Ids) -> None:
    assert ids("１型糖尿病") == ids("1型糖尿病")


def test_words_that_stand_apart_are_found(library: Library) -> None:
    """C111: 胃镜 and 检查 in 胃镜下检查."""
    assert library.search("胃镜 检查").hits[0].text.endswith("胃镜下检查。")


def test_a_denied_disease_does_not_pull(ids: Ids) -> None:
    assert ids("没有痛风，就是口渴、多尿")[0] == "diabetes"
    assert ids("口渴、多尿，没有痛风")[0] == "diabetes"


def test_what_is_denied_is_searched_for_neither_by_word_nor_by_concept(library: Library) -> None:
    asked = library._read("没有拉肚子，关节红肿")
    assert not any("稀便" in word or "肚" in word or "泻" in word for word in asked.words)
    assert library._read("拉肚子，关节红肿").complaints() > asked.complaints()
    for denied, word in (("没有发烧，就是口渴", "发烧"), ("没有胸痛，就是口渴", "¤胸痛")):
        said = denied.removeprefix("没有")
        assert not any(word in one for one in library._read(denied).words)
        assert any(word in one for one in library._read(said).words)


def test_a_denied_symptom_does_not_pull(library: Library) -> None:
    """C108: the fever is there, the chest pain is not."""
    assert "胸痛" not in library.search("没有胸痛，但是发烧三天").terms
    assert "发烧" in "".join(library.search("没有胸痛，但是发烧三天").terms)


def test_the_section_that_is_asked_for_comes_first(library: Library) -> None:
    assert library.search("痛风怎么治疗").hits[0].heading == "治疗"
    assert library.search("痛风是什么病").hits[0].heading == "概述"


def test_the_hit_says_where_it_is_from(library: Library) -> None:
    hit = library.search("痛风怎么治疗").hits[0]
    assert (hit.doc_id, hit.title, hit.kind, hit.source, hit.licence) == ("gout", "痛风", "disease", "测试", "CC0")
    assert hit.text == "急性期休息，抬高患肢，由医生决定用药。"


def test_the_citation_shows_the_original(library: Library) -> None:
    assert library.search("糖尿病饮食").hits[0].text == "糖尿病飲食要定時定量，少喝甜飲料。"


def test_the_threshold_has_one_direction(library: Library) -> None:
    """C106: the higher, the more often it abstains; 0 never where something was found, 1 always."""
    question = "痛风怎么治疗"
    answers = [library.search(question, threshold=t / 20).abstain for t in range(21)]
    assert answers == sorted(answers) and answers[0] is False and answers[-1] is True


def test_nothing_relevant_is_a_normal_answer(library: Library) -> None:
    found = library.search("量子色动力学")
    assert found.abstain and found.confidence < 0.5


@pytest.mark.parametrize("question", ["", " ", "😀😀😀", "？！。", "的", "你好，请问怎么办"])
def test_a_question_without_a_word_finds_nothing_and_abstains(library: Library, question: str) -> None:
    found = library.search(question)
    assert found.hits == () and found.abstain and found.confidence == 0


@pytest.mark.parametrize(
    "question",
    [
        "痛", "癣", "痛风 AND NOT 治疗", 'title:"痛风" OR *:*', "痛风~2^5 +[a TO z]", "'; DROP TABLE documents; --",
        "痛风" * 50_000,
        "a" * 100_000, "\x00\x01痛风", "痛风\ud83d", "§treatment", "<|im_end|>[gMASK]痛风", "((((((((", "痛\n" * 3000,
    ],
)  # fmt: skip
def test_whatever_a_patient_types_is_only_text(library: Library, question: str) -> None:
    found = library.search(question)
    assert all(hit.text for hit in found.hits) and 0 <= found.confidence <= 1


def test_a_key_word_of_the_index_cannot_be_typed(library: Library) -> None:
    assert library.search("§treatment").terms == library.search("treatment").terms


def test_searches_side_by_side_agree(library: Library) -> None:
    questions = ["乙肝", "痛风怎么治", "头痛怕光", "B12"] * 20
    alone = [library.search(q).hits for q in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda q: library.search(q).hits, questions)) == alone


def test_ranks_are_fused_by_their_reciprocals() -> None:
    fused = dict(fuse([(1.0, [(0, 1), (0, 2)]), (1.0, [(0, 2), (0, 3)])]))
    assert fused == {
        (0, 2): pytest.approx(1 / (FUSION + 2) + 1 / (FUSION + 1)),
        (0, 1): pytest.approx(1 / (FUSION + 1)),
        (0, 3): pytest.approx(1 / (FUSION + 2)),
    }
    assert dict(fuse([(2.0, [(0, 1)])])) == {(0, 1): pytest.approx(2 / (FUSION + 1))}
    assert list(fused) == [(0, 2), (0, 1), (0, 3)]


def test_what_is_said_beside_a_name_is_looked_for_in_the_passages(library: Library) -> None:
    assert library.search("痛风").features.phrases == 1
    named, other = library.search("痛风关节红肿").features, library.search("痛风骑摩托车").features
    assert named.phrases > 0.5 > other.phrases and named.named == other.named == 1


def test_what_is_wanted_exactly_and_is_not_there_makes_it_less_sure(library: Library) -> None:
    plain, price = library.search("痛风关节红肿怎么办"), library.search("痛风关节红肿看一次多少钱")
    assert (plain.features.exact, plain.features.lacking) == (0, 0)
    assert (price.features.exact, price.features.lacking) == (1, 1)
    assert price.confidence < plain.confidence


def test_the_other_features_are_what_can_be_counted(library: Library) -> None:
    """Of two illnesses that are named one is the library's; of three complaints one is denied; of 60 characters 14."""
    assert library.search("痛风和红斑狼疮").features.foreign == 0.5
    assert library.search("痛风").features.foreign == 0
    assert library.search("发烧、咳嗽、胸痛").features.complaints == 1
    assert library.search("发烧，没有咳嗽").features.complaints == pytest.approx(1 / 3)
    assert library.search("发烧、咳嗽、咳痰、胸痛怎么办").features.length == pytest.approx(14 / 60)
    found = library.search("痛风发作关节红肿，又口渴、多尿、发烧、胸痛")
    first = [hit.doc_id for hit in found.hits[:5]]
    assert len(set(first)) > 1
    assert found.features.agreed == pytest.approx(first.count(first[0]) / len(first))
