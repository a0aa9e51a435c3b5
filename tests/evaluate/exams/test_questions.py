"""Exams: each published format gives the same question, what cannot be scored is named, and orders keep the answer."""

import csv
import io
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from doctorglm.errors import DataError
from doctorglm.evaluate.exams.questions import ExamQuestion, OrderKind, ordered, orders, read_exam, shots

STEM = "发热伴咽痛，首选检查是，或应查？"
OPTIONS = {"A": "血常规", "B": "胸片", "C": "心电图, 动态", "D": "胃镜"}
TEXTS = list(OPTIONS.values())
CMB: dict[str, Any] = {
    "exam_type": "医师考试",
    "exam_class": "执业医师",
    "exam_subject": "内科",
    "question": STEM,
    "answer": "A",
    "question_type": "单项选择题",
    "option": OPTIONS | {"E": ""},
}
MEDQA: dict[str, Any] = {
    "question": STEM,
    "options": OPTIONS,
    "answer": "血常规",
    "answer_idx": "A",
    "meta_info": "step1",
}
OURS: dict[str, Any] = {"id": "q-7", "subject": "内科", "question": STEM, "options": OPTIONS, "answer": "A"}
LISTED = [{"key": letter, "value": text} for letter, text in OPTIONS.items()]
LINES = "\n".join(f"{letter} {text}" for letter, text in OPTIONS.items())
ANNOTATED = ["Question", "Options", "Answer", "Explanation"]


def table(*rows: list[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


def lines(*records: Any) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


FILES = {
    "cmmlu": (table(["", "Question", *"ABCD", "Answer"], ["0", STEM, *TEXTS, "A"]), "exam"),
    "mmlu": (table([STEM, *TEXTS, "A"]), "exam"),
    "mmlu records": (lines({"question": STEM, "subject": "内科", "choices": TEXTS, "answer": 0}), "内科"),
    "cmb": (json.dumps([CMB], ensure_ascii=False, indent=4), "内科"),
    "cmexam": (table(ANNOTATED, [STEM, LINES, "A", "因为"]), "exam"),
    "cmexam records": (lines({"Question": STEM, "Options": LISTED, "Answer": "A"}), "exam"),
    "medqa": (lines(MEDQA), "step1"),
    "medqa list": (lines(MEDQA | {"options": LISTED, "meta_info": "第一章 总论"}), "第一章 总论"),
    "medqa without the letter": (lines({k: v for k, v in MEDQA.items() if k != "answer_idx"}), "step1"),
    "ours": (lines(OURS), "内科"),
}


def put(folder: Path, text: str, name: str = "exam.data", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("form", FILES)
def test_every_format_gives_the_question(tmp_path: Path, form: str) -> None:
    text, subject = FILES[form]
    (question,) = read_exam([put(tmp_path, text)])
    assert (question.stem, question.answer, question.multiple) == (STEM, "A", False)
    assert (list(question.options.items()), question.subject) == (list(OPTIONS.items()), subject)
    assert question.id == ("q-7" if form == "ours" else f"{subject}/1")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("form", ["cmmlu", "mmlu", "cmexam", "medqa"])
def test_encodings_are_proved(tmp_path: Path, form: str, encoding: str) -> None:
    (question,) = read_exam([put(tmp_path, FILES[form][0], encoding=encoding)])
    assert (question.stem, dict(question.options)) == (STEM, OPTIONS)


def test_text_of_two_encodings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "exam.csv"
    path.write_bytes(FILES["cmmlu"][0].encode() + table(["1", STEM, *TEXTS, "A"]).encode("gb18030"))
    with pytest.raises(DataError, match=r"exam.csv: two encodings"):
        read_exam([path])


@pytest.mark.parametrize(
    ("answer", "kind", "letters", "multiple"),
    [
        ("D, B、A", "多项选择题", "ABD", True),
        ("ＡＣ", "多项选择题", "AC", True),
        ("c", "单项选择题", "C", False),
        ("B", "多项选择题", "B", True),
        (["C", "A"], "", "AC", True),
        ("AC", "", "AC", True),
    ],
)
def test_letters_of_an_answer(tmp_path: Path, answer: Any, kind: str, letters: str, multiple: bool) -> None:
    text = json.dumps([CMB | {"answer": answer, "question_type": kind}], ensure_ascii=False)
    (question,) = read_exam([put(tmp_path, text)])
    assert (question.answer, question.multiple) == (letters, multiple)


def test_where_a_question_stands_after_a_cell_of_two_lines(tmp_path: Path) -> None:
    rows = table(["", "Question", *"ABCD", "Answer"], ["0", "一行\n两行", *TEXTS, "B"], ["1", STEM, *TEXTS, "A"])
    first, second = read_exam([put(tmp_path, rows)])
    assert (first.where, second.where) == ("exam.data:2", "exam.data:4")
    assert (first.id, second.id) == ("exam/1", "exam/2")


def test_a_folder_is_read_in_order_without_its_notes(tmp_path: Path) -> None:
    put(tmp_path, '# Exam, of two parts\n\nBy "nobody", 2026\n', "README.md")
    put(tmp_path, FILES["cmmlu"][0], "b.csv")
    put(tmp_path, FILES["mmlu"][0], "a.csv")
    assert [question.subject for question in read_exam([tmp_path])] == ["a", "b"]
    put(tmp_path, table(["name", "age"], ["x", "3"]), "c.csv")
    with pytest.raises(DataError, match=r"c.csv: no exam of a known format: its columns are name, age. .*CMMLU, MMLU"):
        read_exam([tmp_path])


HEAD = ["", "Question", *"ABCD", "Answer"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (table(HEAD, ["0", STEM, *TEXTS, "E"]), r"exam.data:2: the answer 'E' is none of the options ABCD"),
        (table(HEAD, ["0", STEM, "血常规", "", "", "", "A"]), r"exam.data:2: .*at least two options, here are 1"),
        (
            table(HEAD, ["0", STEM, "血常规", "胸片", "血常规", "胃镜", "A"]),
            r"exam.data:2: the option A is there twice",
        ),
        (table(HEAD, ["0", "  ", *TEXTS, "A"]), r"exam.data:2: the question is empty"),
        (table(HEAD, ["0", STEM, *TEXTS, ""]), r"exam.data:2: 1 of 1 questions have no answer \(first: exam/1\)"),
        (table(HEAD, ["0", STEM, *TEXTS]), r"exam.data:2: 6 cells in a table of 7 columns"),
        (table(HEAD) + '0,"没有关上,A,B,C,D,A\n', r"exam.data:2: not a row of a table .* Mend the quotes"),
        (lines(OURS, OURS), r"exam.data:2: the question q-7 is there already, at exam.data:1"),
        (lines(OURS | {"options": [*LISTED, LISTED[0]]}), r"exam.data:1: the option A is there twice"),
        (lines(OURS | {"options": "血常规或胸片"}), r"exam.data:1: the options are written in no way that is known"),
        (
            lines(OURS | {"options": {"甲": "血常规", "乙": "胸片"}}),
            r"exam.data:1: an option's name must be",
        ),
        (lines(OURS, [1, 2]), r"exam.data:2: not a question"),
        (lines({"question": STEM, "answer": "多喝水"}), r"exam.data: no exam of a known format: its columns are quest"),
        (lines({"id": 1, "answer": "A"}), r"exam.data: no exam of a known format: its columns are id, answer"),
        ("", r"exam.data: no exam of a known format: it holds no records"),
    ],
)
def test_what_cannot_be_scored_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_exam([put(tmp_path, text)])


def test_items_without_answer_are_named(tmp_path: Path) -> None:
    bare = {key: value for key, value in CMB.items() if key != "answer"}
    path = put(tmp_path, json.dumps([CMB, *[bare] * 4], ensure_ascii=False))
    with pytest.raises(DataError, match=r"exam.data:2: 4 of 5 .*\(first: 内科/2, 内科/3, 内科/4\).*CMB gives those"):
        read_exam([path])


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_exam([tmp_path / "nowhere.csv"])


def question(number: int, subject: str = "内科", **changes: Any) -> ExamQuestion:
    told = {"options": dict(OPTIONS), "answer": "A", "multiple": False} | changes
    return ExamQuestion(f"{subject}/{number}", subject, f"题{number}", where=f"x:{number}", **told)


def test_shots_are_the_first_of_each_subject_and_not_scored() -> None:
    questions = [question(n, subject) for n in (1, 2, 3) for subject in ("内科", "外科")]
    shown, scored = shots(questions, 2)
    assert {subject: [q.id for q in first] for subject, first in shown.items()} == {
        "内科": ["内科/1", "内科/2"],
        "外科": ["外科/1", "外科/2"],
    }
    assert [q.id for q in scored] == ["内科/3", "外科/3"]
    assert shots(questions, 0) == ({}, questions)
    with pytest.raises(DataError, match="内科 has 3 questions: with 3 of them shown"):
        shots(questions, 3)


@pytest.mark.parametrize("answer", ["A", "D", "AC", "ABCD"])
@pytest.mark.parametrize("order", [*itertools.permutations("ABCD")][::5])
def test_the_answer_follows_its_option(answer: str, order: tuple[str, ...]) -> None:
    asked = question(1, answer=answer, multiple=len(answer) > 1)
    turned = ordered(asked, order)
    assert list(turned.options) == list("ABCD")
    assert [turned.options[letter] for letter in "ABCD"] == [OPTIONS[was] for was in order]
    assert {turned.options[letter] for letter in turned.answer} == {OPTIONS[letter] for letter in answer}
    assert list(turned.answer) == sorted(turned.answer)


def test_orders() -> None:
    asked = question(1)
    assert orders(asked, "given", 0) == [tuple("ABCD")]
    assert orders(asked, "rotations", 0) == [tuple("ABCD"), tuple("BCDA"), tuple("CDAB"), tuple("DABC")]
    assert orders(asked, "shuffled", 0) == orders(asked, "shuffled", 0)
    drawn = Counter(orders(question(n), "shuffled", 0)[1] for n in range(2300))
    assert tuple("ABCD") not in drawn and len(drawn) == 23
    assert max(drawn.values()) < 150  # 100 expected of each, standard deviation 10
    assert sum(orders(question(n), "shuffled", 0) != orders(question(n), "shuffled", 1) for n in range(100)) > 80


@pytest.mark.parametrize("option", ["以上都对", "A和B", "A、C", "All of the above", "none of these", "上述均不是"])
@pytest.mark.parametrize("kind", ["shuffled", "rotations"])
def test_an_option_that_speaks_of_others_stays_in_its_place(option: str, kind: OrderKind) -> None:
    assert orders(question(1, options=OPTIONS | {"D": option}), kind, 0) == [tuple("ABCD")]
    assert len(orders(question(1, options=OPTIONS | {"D": "维生素A"}), kind, 0)) > 1


def test_cmmlu_as_published(shared: Path) -> None:
    folder = shared / "data/benchmarks/cmmlu"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/benchmarks/cmmlu, which is not beside the project")
    questions = read_exam([folder])
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        read = [q for q in questions if q.subject == path.stem]
        assert [(q.stem, q.answer) for q in read] == [(r["Question"].strip(), r["Answer"].strip()) for r in rows]
        assert [list(q.options.values()) for q in read] == [[r[x].strip() for x in "ABCD"] for r in rows]
    assert len({q.id for q in questions}) == len(questions)
