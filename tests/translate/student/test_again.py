"""A sentence that is tried again: other translations, the likeliest first, and a mended text by the best of them."""

from collections.abc import Sequence
from pathlib import Path

from doctorglm.translate.checked import Again, Checked
from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.entry import Entry
from doctorglm.translate.student.bulk import Student, StudentSettings


def again(english: str, turn: int = 1) -> Again:
    return Again(english, "", (), turn)


def test_several_translations_without_signs_and_the_usual_one_among_them(trained: Path) -> None:
    student = Student(trained)
    usual = student.translate(["Hello"])[0].chinese
    found, same = student.again([again("Hello"), again("Hello")])

    assert found == same
    assert 1 < len(found) == len(set(found))
    assert usual in found
    assert not [one for one in found if "<" in one or not one.strip()]


def test_each_sentence_has_its_own(trained: Path) -> None:
    student = Student(trained, StudentSettings(batch_tokens=12))
    alone = [student.again([again(text)])[0] for text in ("Hello", "No")]

    assert student.again([again("Hello"), again("No")]) == alone
    assert alone[0] != alone[1]


def test_terms_are_in_the_first_turn_alone(trained: Path) -> None:
    glossary = [Entry("Hello", ("心绞痛",))]
    student, without = Student(trained, glossary=glossary), Student(trained)

    assert student.again([again("Hello", 2)]) == without.again([again("Hello", 2)])
    assert student.again([again("Hello", 1)]) != without.again([again("Hello", 1)])


def test_a_sentence_longer_than_the_model_can_count_has_none(trained: Path) -> None:
    assert Student(trained).again([again("No " * 2000)]) == [[]]


class Wants:
    """Checks that take one translation of a text and no other."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted

    def faults(self, english: str, chinese: str) -> Sequence[Fault]:
        return [] if chinese == self.wanted else [Fault("term", "term_missing")]


def test_a_text_is_mended_by_a_translation_that_the_search_did_not_put_first(trained: Path) -> None:
    student = Student(trained)
    usual = student.translate(["Hello"])[0].chinese
    other = next(one for one in student.again([again("Hello")])[0] if one != usual)
    (found,) = Checked(student, Wants(other), 2, "student").translate(["Hello"])  # type: ignore[arg-type]

    assert (found.chinese, found.by, found.mended) == (other, "student", 1)
