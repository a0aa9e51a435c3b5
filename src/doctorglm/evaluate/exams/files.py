"""The files in which exams are published, recognised by their columns and never by their names.

- CMMLU (arXiv 2306.09212): a table with an index, `Question,A,B,C,D,Answer`; the subject is the file's name.
- MMLU (arXiv 2009.03300): a table without header: question, options, letter; or records of `question, choices, answer`
  (the number of the right choice, from 0) and `subject`.
- CMB-Exam (arXiv 2308.08833): records of `exam_type, exam_class, exam_subject, question, answer, question_type, option`
  (letter to text, some of them empty); its test split has no answers.
- CMExam (arXiv 2306.03030): a table or records of `Question, Options, Answer`; the options are lines `A text`, or a
  list of `key, value`.
- MedQA (arXiv 2009.13081): records of `question, options` (letter to text, or a list of `key, value`), `answer` (the
  text), `answer_idx` (the letter) and `meta_info` (US: the step; Mainland: the chapter), which is the subject.
- Ours: records of `id, subject, question, options, answer`, and `multiple` where several may be right.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from doctorglm.errors import DataError
from doctorglm.files.archives import Content, contents
from doctorglm.files.encoding import prove
from doctorglm.files.formats import format_of
from doctorglm.files.found import SourceFile, find_files

FORMATS = "CMMLU, MMLU, CMB, CMExam, MedQA; {id, subject, question, options, answer}"
_OPTIONS, _ANSWERS = ("options", "option", "choices"), ("answer_idx", "answer")
_SUBJECTS = ("subject", "exam_subject", "meta_info")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTER = re.compile("[a-z]")
_OPTION_LINE = re.compile(r"\s*([A-Za-z])(?:\s*[.．、:：)）]\s*|\s+)(.*)")
_DATA_SUFFIXES = {".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xlsx"}
_NOT_RECORDS = {"table", "text", "spoken lines"}
"""What `curate` calls text that is no JSON: an exam without header looks like any of these."""
_NAMED = 3
_MAX_CELL = 1 << 24

Record = tuple[int, Mapping[str, Any]]
"""A line or number, and the fields by their names in lower case."""


@dataclass(frozen=True, slots=True)
class ExamQuestion:
    """A question with its options by letter, and the letters of the right ones, sorted: "A", or "ABD"."""

    id: str
    subject: str
    stem: str
    options: Mapping[str, str]
    answer: str
    multiple: bool
    """Whether several options may be right, as the file says or as the answer shows."""
    where: str
    """file:line; in a JSON array or a parquet file the number of the record in place of the line."""


def read_exam(paths: Sequence[Path]) -> list[ExamQuestion]:
    """The questions of files or folders, in order; a question's subject is the file's stem where the file names none.

    Raises DataError with file and line for what is no exam, for a question that cannot be scored, and for an id that
    is there twice.
    """
    questions = _read_files(paths)
    seen: dict[str, str] = {}
    for question in questions:
        if question.id in seen:
            raise _twice(question, seen[question.id])
        seen[question.id] = question.where
    return questions


def _twice(question: ExamQuestion, first: str) -> DataError:
    return DataError(
        en=f"{question.where}: the question {question.id} is there already, at {first}. Give each question its own "
        "`id`, and of an exam with several parts (dev, test) give one part, or name their files differently.",
        zh=f"{question.where}：题目 {question.id} 已经出现过，在 {first}。请给每题一个自己的 `id`；"
        "分成几部分（dev、test）的考试请只给一部分，或让文件名不同。",
    )


def _read_files(paths: Sequence[Path]) -> list[ExamQuestion]:
    questions: list[ExamQuestion] = []
    for file in find_files(paths):
        for content in contents(file.path, file.name):
            questions += _read(content, file)
    if not questions:
        places = ", ".join(str(path) for path in paths)
        raise DataError(
            en=f"{places}: no exam questions. The formats that are read: {FORMATS}.",
            zh=f"{places}：没有考题。能读取的格式：{FORMATS}。",
        )
    return questions


def _read(content: Content, file: SourceFile) -> list[ExamQuestion]:
    records = list(_records(content))
    if not records or not any(_is_question(fields) for _, fields in records):
        if file.given or PurePosixPath(content.name).suffix.lower() in _DATA_SUFFIXES:
            raise _unknown(content.name, list(records[0][1]) if records else [])
        return []  # a licence or a note beside the exam
    subject = PurePosixPath(content.name).stem
    questions, unanswered = [], []
    for row, (number, fields) in enumerate(records, 1):
        question = _question(fields, f"{content.name}:{number}", subject, row)
        questions.append(question)
        if not question.answer:
            unanswered.append(question)
    if unanswered:
        raise _no_answers(unanswered, len(questions))
    return questions


def _records(content: Content) -> Iterator[Record]:
    form = format_of(content, lambda _: True)
    if form.form in _NOT_RECORDS:
        yield from _table(content)
        return
    for row in form.rows():
        if row.fields is None:
            raise _no_record(f"{content.name}:{row.number}")
        yield row.number, row.fields


def _table(content: Content) -> Iterator[Record]:
    """The rows of a table; one that begins with a question has the header of MMLU, which is left out there."""
    csv.field_size_limit(_MAX_CELL)
    codec = prove(content.open, content.name)
    with io.TextIOWrapper(content.open(), encoding=codec, newline="") as stream:
        reader = csv.reader(stream, strict=True)
        names: list[str] = []
        ended = 0
        while cells := _next(reader, content.name, ended + 1):
            begun, ended = ended + 1, reader.line_num
            if cells == [""]:
                continue
            if not names:
                cells[0] = cells[0].lstrip("\ufeff")
                names = _header(cells)
                if not _is_unnamed(cells):
                    if not _is_question(dict.fromkeys(names, "")):
                        yield begun, dict.fromkeys(names, "")  # of no format: its columns are told
                        return
                    continue
            if len(cells) != len(names):
                raise _ragged(f"{content.name}:{begun}", len(cells), len(names))
            yield begun, dict(zip(names, cells, strict=True))


def _next(reader: Any, name: str, line: int) -> list[str]:
    """The next row, of an empty line one empty cell; [] at the end."""
    try:
        return next(reader) or [""]
    except StopIteration:
        return []
    except csv.Error as error:
        raise DataError(
            en=f"{name}:{line}: not a row of a table ({error}). Mend the quotes of this row.",
            zh=f"{name}:{line}：不是表格的一行（{error}）。请修正这一行的引号。",
        ) from None


def _header(cells: Sequence[str]) -> list[str]:
    if _is_unnamed(cells):
        return ["question", *_LETTERS[: len(cells) - 2].lower(), "answer"]
    return [cell.strip().lower() for cell in cells]


def _is_unnamed(cells: Sequence[str]) -> bool:
    """True for a row of MMLU: a question, options, and the letter of one of these."""
    options = len(cells) - 2
    return 2 <= options <= len(_LETTERS) and cells[-1].strip() in list(_LETTERS[:options]) and len(cells[0]) > 0


def _is_question(fields: Mapping[str, Any]) -> bool:
    lettered = "a" in fields and "b" in fields
    asked = "question" in fields and (lettered or any(key in fields for key in _OPTIONS))
    return asked and (not lettered or "answer" in fields or "answer_idx" in fields)


def _question(fields: Mapping[str, Any], where: str, stem: str, row: int) -> ExamQuestion:
    options = _options(fields, where)
    asked = _text(fields.get("question"))
    if not asked:
        raise DataError(
            en=f"{where}: the question is empty. Write it, or take the row out.",
            zh=f"{where}：题干是空的。请补上，或删去这一行。",
        )
    subject = next((text for key in _SUBJECTS if (text := _text(fields.get(key)))), stem)
    answer = _answer(fields, options, where)
    said = _text(fields.get("question_type")).startswith("多项") or fields.get("multiple") is True
    own = _text(fields.get("id")) if "subject" in fields else ""
    return ExamQuestion(own or f"{subject}/{row}", subject, asked, options, answer, said or len(answer) > 1, where)


def _options(fields: Mapping[str, Any], where: str) -> dict[str, str]:
    """Letter to text, in the order of the letters; those without text are left out."""
    pairs = [(letter, _text(value)) for letter, value in _pairs(fields, where)]
    pairs = [(letter, text) for letter, text in pairs if text]
    letters, texts = [letter for letter, _ in pairs], [text for _, text in pairs]
    twice = next((x for x in letters if letters.count(x) > 1), "") or next(
        (letter for letter, text in pairs if texts.count(text) > 1), ""
    )
    if twice:
        raise DataError(
            en=f"{where}: the option {twice} is there twice. Keep one of the two.",
            zh=f"{where}：选项 {twice} 出现了两次。请保留其中一个。",
        )
    if len(pairs) < 2:
        raise DataError(
            en=f"{where}: a question needs at least two options, here are {len(pairs)}. Add them, or take the row out.",
            zh=f"{where}：一道题至少要有两个选项，这里有 {len(pairs)} 个。请补上，或删去这一行。",
        )
    return dict(sorted(pairs))


def _pairs(fields: Mapping[str, Any], where: str) -> list[tuple[str, Any]]:
    """Letter and text of each option, in whichever way they are written."""
    given = next((fields[key] for key in _OPTIONS if fields.get(key)), None)
    if given is None:
        return [(name.upper(), value) for name, value in fields.items() if _LETTER.fullmatch(name)]
    if isinstance(given, str):
        lines = [_OPTION_LINE.fullmatch(line) for line in given.splitlines() if line.strip()]
        if lines and all(lines):
            return [(line[1].upper(), line[2]) for line in lines if line]
    if isinstance(given, Mapping):
        return [(_letter(key, where), text) for key, text in given.items()]
    if isinstance(given, list) and given and all(isinstance(one, Mapping) for one in given):
        return [(_letter(one.get("key"), where), one.get("value")) for one in given]
    if isinstance(given, list) and all(isinstance(one, str) for one in given) and len(given) <= len(_LETTERS):
        return list(zip(_LETTERS, given, strict=False))
    raise DataError(
        en=f"{where}: the options are written in no way that is known: an object of letter and text, a list, or lines "
        "that begin with a letter. Write them so.",
        zh=f"{where}：选项的写法无法识别：应是字母到文字的对象、列表，或以字母开头的行。请改成其中一种。",
    )


def _letter(key: Any, where: str) -> str:
    letter = unicodedata.normalize("NFKC", str(key)).strip().upper()
    if len(letter) == 1 and letter in _LETTERS:
        return letter
    raise DataError(
        en=f"{where}: an option's name must be one letter from A to Z. Rename it.",
        zh=f"{where}：选项的名称应是 A 到 Z 的一个字母。请改名。",
    )


def _answer(fields: Mapping[str, Any], options: Mapping[str, str], where: str) -> str:
    """The letters of the right options, sorted; "" where the file gives none."""
    given = next((fields[key] for key in _ANSWERS if fields.get(key) not in (None, "")), "")
    if isinstance(given, int) and not isinstance(given, bool) and isinstance(fields.get("choices"), list):
        given = _LETTERS[given] if 0 <= given < len(_LETTERS) else str(given)
    text = "".join(map(str, given)) if isinstance(given, list) else _text(given)
    if not text or text.lower() == "nan":
        return ""
    letters = re.sub(r"[\s,、;/|]", "", unicodedata.normalize("NFKC", text)).upper()
    named = next((letter for letter, option in options.items() if option == text), "")
    chosen = named or letters
    if not set(chosen) <= set(options):
        raise DataError(
            en=f"{where}: the answer {text[:20]!r} is none of the options {''.join(options)}. Mend the answer.",
            zh=f"{where}：答案 {text[:20]!r} 不在选项 {''.join(options)} 中。请修正答案。",
        )
    return "".join(sorted(set(chosen)))


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool) else str(value).strip()


def _no_answers(questions: Sequence[ExamQuestion], of: int) -> DataError:
    ids = ", ".join(question.id for question in questions[:_NAMED])
    return DataError(
        en=f"{questions[0].where}: {len(questions)} of {of} questions have no answer (first: {ids}). Take a part of "
        "the exam that has them, or write them into `answer`: CMB gives those of its test part in a file of its own.",
        zh=f"{questions[0].where}：{of} 题中有 {len(questions)} 题没有答案（前几题：{ids}）。"
        "请用带答案的部分，或把答案写进 `answer`：CMB 测试集的答案在另一个文件里。",
    )


def _unknown(name: str, keys: Sequence[str]) -> DataError:
    told = ", ".join(key[:20] for key in keys[:8])
    en, zh = (f"its columns are {told}", f"其列为 {told}") if told else ("it holds no records", "其中没有记录")
    return DataError(
        en=f"{name}: no exam of a known format: {en}. The formats that are read: {FORMATS}.",
        zh=f"{name}：不是认识的考试格式：{zh}。能读取的格式：{FORMATS}。",
    )


def _no_record(where: str) -> DataError:
    return DataError(
        en=f"{where}: not a question: a record must be a JSON object. Mend it, or take it out.",
        zh=f"{where}：不是考题：记录应是 JSON 对象。请修正，或删去。",
    )


def _ragged(where: str, cells: int, columns: int) -> DataError:
    return DataError(
        en=f"{where}: {cells} cells in a table of {columns} columns. Put quotes around what holds a comma.",
        zh=f"{where}：有 {cells} 格，而表格有 {columns} 列。含逗号的内容请加引号。",
    )
