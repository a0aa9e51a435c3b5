"""Where a sentence ends and where it does not; the text is the same again when nothing was translated."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.translate.student.sentences import LONGEST_CHARS, pieces, rebuilt


def sentences(text: str) -> list[str]:
    return [part.text for part in pieces(text) if part.text.strip()]


@pytest.mark.parametrize(
    "text",
    [
        "I saw Dr. Smith and Mrs. Jones yesterday",
        "Take 5 mg. daily",
        "Take it b.i.d. with food",
        "Fruit, e.g. apples, i.e. what is fresh",
        "See Fig. 1 and Figs. 2 of vol. 3",
        "It is 37.5 degrees and 1.25 mg",
        "Room No. 5 on the left",
        "J. R. Smith wrote it",
        "at 9 a.m. every day",
        "two tabs. twice a day, p.o. and i.v. alike",
        "it was approx. Three days ago",
        "In Fig. A the U.S. guideline of the dept. Of Health",
        "In the following order: 1. Rest",
        "visit www.example.org for more",
    ],
)
def test_no_end(text: str) -> None:
    assert sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I have a fever. It hurts.", ["I have a fever.", "It hurts."]),
        ("i have fever. it hurts. why?", ["i have fever.", "it hurts.", "why?"]),
        ("Take 500 mg. Then rest.", ["Take 500 mg.", "Then rest."]),
        ("Is it bad?! Tell me...please... Now", ["Is it bad?!", "Tell me...please...", "Now"]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("I have a fever.It hurts.", ["I have a fever.", "It hurts."]),
        ("He is 39. He smokes.", ["He is 39.", "He smokes."]),
        ("No. I did not.", ["No.", "I did not."]),
        ("It is 37.5. Good.", ["It is 37.5.", "Good."]),
        ("我发烧。Is it bad?", ["我发烧。", "Is it bad?"]),
        ("Go to bed at 9 p.m. Drink water.", ["Go to bed at 9 p.m.", "Drink water."]),
    ],
)
def test_an_end(text: str, wanted: list[str]) -> None:
    assert sentences(text) == wanted


def test_lines_of_a_list_keep_their_marks_and_stand_alone() -> None:
    text = "Take:\n\n- Aspirin 100 mg\n  * Rest\n1. First\n2) Second\n(a) Third\n• Fourth\n1.5 mg each\n"
    spoken = [part.text for part in pieces(text) if part.spoken]
    assert spoken == ["Take:", "Aspirin 100 mg", "Rest", "First", "Second", "Third", "Fourth", "1.5 mg each"]
    kept = "".join("" if part.spoken else part.text for part in pieces(text))
    assert kept == "-   * 1. 2) (a) • "


def test_lines_stay_lines_and_no_blank_stands_between_chinese_sentences() -> None:
    text = "I am ill. Help me!  \n\n- Take 5 mg. \r\n120/80\n"
    assert rebuilt(pieces(text), ["我病了。", "救我！", "服5毫克。"]) == "我病了。救我！  \n\n- 服5毫克。 \r\n120/80\n"
    assert rebuilt(pieces("So BMI is 22. X is 5."), ["BMI为22", "X为5。"]) == "BMI为22 X为5。"


def test_what_has_no_words_or_is_chinese_stays() -> None:
    parts = pieces("120/80.\n头痛\n---\nOk")
    assert [(part.text, part.spoken) for part in parts] == [
        ("120/80.", False), ("头痛", False), ("---", False), ("Ok", True)]  # fmt: skip


def test_a_long_sentence_is_cut_at_clauses_or_between_words_and_nothing_is_lost() -> None:
    clauses = ", ".join(f"the {number}th symptom that I have had for weeks" for number in range(30)) + "."
    found = sentences(clauses)
    assert all(len(part) <= LONGEST_CHARS for part in found) and len(found) > 2
    assert all(part.endswith(",") for part in found[:-1])
    words = "word " * 10_000
    assert all(len(part) <= LONGEST_CHARS for part in sentences(words))
    assert "".join(part.text + part.behind for part in pieces(words)) == words
    assert max(map(len, sentences("x" * 5000))) == LONGEST_CHARS


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="aB1 .,!?\n\r\t-*)(•。é，\u00a0\u2028", max_size=80) | st.text(max_size=60))
def test_the_pieces_are_the_text(text: str) -> None:
    parts = pieces(text)
    assert "".join(part.text + part.behind for part in parts) == text
    spoken = [part.text for part in parts if part.spoken]
    said = rebuilt(parts, spoken)
    assert said.count("\n") == text.count("\n")
    assert all(part.strip() for part in spoken)


def test_fifty_thousand_characters_take_no_time() -> None:
    for text in ("a, b. " * 9000, "." * 50_000, "a" * 50_000, " " * 50_000, "a.b" * 17_000, "( " * 25_000):
        assert "".join(part.text + part.behind for part in pieces(text)) == text
