"""What is held out is held out by whole documents, and nothing of it is known from elsewhere."""

from doctorglm.distill.held_out import split, without
from doctorglm.distill.sentences import SentencePair

PAIRS = [SentencePair(f"Sentence {i} of {d}.", f"第{d}篇第{i}句。", f"doc-{d}") for d in range(40) for i in range(5)]


def test_documents_are_never_divided() -> None:
    train, valid = split(PAIRS, 0.1, 0)

    assert {one.document for one in train} & {one.document for one in valid} == set()
    assert len(valid) == 20
    assert len(train) == 180


def test_another_seed_holds_out_other_documents_and_the_same_seed_the_same() -> None:
    assert split(PAIRS, 0.1, 0) == split(list(PAIRS), 0.1, 0)
    assert split(PAIRS, 0.1, 0)[1] != split(PAIRS, 0.1, 1)[1]


def test_a_document_larger_than_the_share_is_trained_on() -> None:
    large = [SentencePair(f"Word {i}.", f"词{i}。", "large") for i in range(1000)]
    _, valid = split([*large, *PAIRS], 0.05, 0)

    assert "large" not in {one.document for one in valid}
    assert len(valid) == 60


def test_a_sentence_that_is_held_out_stands_nowhere_in_the_training() -> None:
    twice = [*PAIRS, *(SentencePair(one.english.upper(), "别的译文", "copy") for one in PAIRS)]
    train, valid = split(twice, 0.05, 0)

    assert not {one.english.lower() for one in train} & {one.english.lower() for one in valid}


def test_marks_and_case_do_not_make_another_sentence() -> None:
    test = [SentencePair("Fever, and cough.", "发烧，咳嗽。", "t")]

    assert without([SentencePair("fever and COUGH", "发热和咳嗽", "a")], test) == []
    assert without([SentencePair("High fever", "发烧 咳嗽", "a")], test) == []
    assert without([SentencePair("High fever", "高烧", "a")], test) == [SentencePair("High fever", "高烧", "a")]
