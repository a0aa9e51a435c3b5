"""Real failures of others, by their number in the list of cases: those of the stages `data` and `curation`.

Each runs as its user would: `doctorglm curate` on a file, or `doctorglm inspect deid` on a text. Where another file
holds the full test, the one here is a thin one that names it.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from doctorglm.__main__ import main
from doctorglm.conversation import Conversation, Message, read_conversations
from doctorglm.curate.clean import clean

ASK, ANSWER = "我有高血压，请问医生平时怎么治疗？", "您好，建议低盐饮食，按时吃药，定期复查血压。"
PAIRS = [
    ("头痛三天，夜里加重，怎么办？", "先量血压，如有呕吐请到急诊检查。"),
    ("孩子发烧39度，需要去医院吗？", "先物理降温，超过三天不退请去儿科。"),
    ("胃胀反酸，吃什么药好？", "少吃辛辣，饭前口服铝碳酸镁，一周不好再查胃镜。"),
]


@dataclass
class Curated:
    """What the command returned and said, and what it wrote."""

    code: int
    err: str
    out: Path

    @property
    def run(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.out / "run.json").read_text("utf-8"))
        return record

    @property
    def kept(self) -> list[Conversation]:
        return list(read_conversations(self.out / "train.jsonl"))

    @property
    def turns(self) -> list[tuple[str, str]]:
        return sorted(turn for conversation in self.kept for turn in conversation.turns)

    @property
    def rejected(self) -> list[tuple[int, str]]:
        lines = (self.out / "rejected.jsonl").read_text("utf-8").splitlines()
        return [(record["row"], record["reason"]) for record in map(json.loads, lines)]


Curate = Callable[..., Curated]


@pytest.fixture
def curate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Curate:
    """Runs `doctorglm curate` on a file with these bytes; everything that is kept goes to `train`."""

    def run(data: bytes | str, name: str = "问诊.csv", *more: str) -> Curated:
        number = sum(1 for _ in tmp_path.iterdir())
        source, out = tmp_path / f"in{number}" / name, tmp_path / f"out{number}"
        source.parent.mkdir()
        source.write_bytes(data.encode() if isinstance(data, str) else data)
        capsys.readouterr()
        code = main(["curate", str(source), "--out", str(out), "splits=train=1", *more])
        return Curated(code, capsys.readouterr().err, out)

    return run


@pytest.fixture
def masked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], dict[str, Any]]:
    """What `doctorglm inspect deid` writes about a text."""

    def run(text: str) -> dict[str, Any]:
        (tmp_path / "text.jsonl").write_text(json.dumps({"text": text}) + "\n", "utf-8")
        capsys.readouterr()
        assert main(["inspect", "deid", str(tmp_path / "text.jsonl")]) == 0
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def table(*rows: tuple[str, str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("title", "ask", "answer"), *(("", *row) for row in rows)])
    return out.getvalue()


def lines(*pairs: tuple[str, str]) -> str:
    return "".join(json.dumps({"question": q, "answer": a}, ensure_ascii=False) + "\n" for q, a in pairs)


def array(*pairs: tuple[str, str]) -> str:
    return json.dumps([{"instruction": q, "output": a} for q, a in pairs], ensure_ascii=False)


def workbook(*rows: list[Any], sheet_xml: Callable[[bytes], bytes] = lambda xml: xml) -> bytes:
    """An Excel file; `sheet_xml` may change what the sheet says."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    plain, changed = io.BytesIO(), io.BytesIO()
    book.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(changed, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            out.writestr(name, sheet_xml(data) if name.startswith("xl/worksheets/") else data)
    return changed.getvalue()


@pytest.mark.parametrize("outside_gbk", ["䏲", "\ue006", "𠮷"])
def test_c001_gb18030_is_read_whole_and_named_and_a_row_that_is_already_damaged_refused(
    curate: Curate, outside_gbk: str
) -> None:
    """Encodings in full: `test_encoding.py`."""
    damaged = ("头痛\ufffd天怎么办？", ANSWER)
    found = curate(table((ASK + outside_gbk, ANSWER), damaged).encode("gb18030"))
    assert found.code == 0
    assert found.turns == [(ASK + outside_gbk, ANSWER)]
    assert [file["encoding"] for file in found.run["files"]] == ["gb18030"]
    assert found.rejected == [(3, "replacement_character")]
    assert "gb18030: " in found.err
    assert [file["encoding"] for file in curate(table(*PAIRS).encode("utf-8-sig")).run["files"]] == ["utf-8"]


def test_c002_the_locale_of_a_chinese_windows_changes_nothing(tmp_path: Path) -> None:
    """The command under three locales in `test_stage.py`; here as a process, with a lexicon's odd characters."""
    (tmp_path / "词典.csv").write_bytes(table(("乙酰螺旋霉素片Ⅱ、α-干扰素怎么吃？", ANSWER), *PAIRS).encode())
    written = []
    for number, locale in enumerate(("C", "zh_CN.GBK", "C.UTF-8")):
        out = tmp_path / f"out{number}"
        done = subprocess.run(
            [sys.executable, "-m", "doctorglm", "curate", str(tmp_path / "词典.csv"), "--out", str(out)],
            env={**os.environ, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
        written.append({p.name: p.read_bytes() for p in out.glob("*.jsonl")})
    assert written[0] == written[1] == written[2]
    assert "α-干扰素".encode() in b"".join(written[0].values())


def test_c004_a_trailing_comma_is_named_with_its_place_and_repair_and_nothing_is_imported(curate: Curate) -> None:
    found = curate(array(*PAIRS).replace("}]", "},\n]").replace("}, {", "},\n{"), "问答.json")
    assert found.code == 2
    assert re.search(r"问答\.json:4:1: .*comma.*Remove that comma", found.err)
    assert not found.out.exists()


@pytest.mark.parametrize("name", ["问答.txt", "问答.csv", "问答"])
def test_c006_an_array_is_an_array_whatever_the_suffix(curate: Curate, name: str) -> None:
    assert curate(array(*PAIRS), name).turns == sorted(PAIRS)


def test_c007_json_lines_named_json_and_an_array_named_jsonl(curate: Curate) -> None:
    assert curate(lines(*PAIRS), "x.json").turns == curate(array(*PAIRS), "x.jsonl").turns == sorted(PAIRS)


def test_c009_a_number_among_texts_is_text_and_counted(curate: Curate) -> None:
    record = {"instruction": ASK, "output": ANSWER, "history": [["空腹血糖多少？", 7.8]]}
    found = curate(json.dumps([record]), "x.json", "min_answer_chars=1")
    assert found.turns == sorted([("空腹血糖多少？", "7.8"), (ASK, ANSWER)])
    assert found.run["changes"]["number_as_text"] == 1


def test_c010_doubled_turns_are_merged_and_a_last_question_left_out(curate: Curate) -> None:
    said = ["患者：头痛三天了", "患者：夜里更重", "医生：发烧吗？", "医生：血压多少？", "患者：没量过"]
    found = curate(json.dumps([said], ensure_ascii=False), "x.json")
    (kept,) = found.kept
    assert [(m.role, m.content) for m in kept.messages] == [
        ("user", "头痛三天了\n夜里更重"),
        ("assistant", "发烧吗？\n血压多少？"),
    ]
    assert found.run["changes"] == {"dropped_unanswered_question": 1, "merged_turns": 2}


def test_c010_merging_takes_time_in_proportion_to_the_turns() -> None:
    """Without the check preprocessing crawled: twenty times the turns took four hundred times as long."""

    def seconds(turns: int) -> float:
        talk = Conversation(id="x", messages=tuple(Message("user", f"第{i}句") for i in range(turns)))
        start = time.perf_counter()
        assert len(clean(talk, True, Counter()).messages) == 1
        return time.perf_counter() - start

    assert min(seconds(20_000) for _ in range(5)) < 150 * min(seconds(1000) for _ in range(5)) + 0.05


def test_c012_a_telephone_in_a_number_cell_has_no_decimals_and_no_exponent(curate: Curate) -> None:
    def as_excel_writes(xml: bytes) -> bytes:
        return xml.replace(b"<v>13800001234</v>", b"<v>1.3800001234E10</v>")

    rows = [["问题", "回答"], ["我的电话是多少？", 13800001234], ["我的电话是多少呢？", 13800001234.0]]
    book, others = workbook(*rows, sheet_xml=as_excel_writes), ("filters=all-language", "repeats_threshold=0")
    found = curate(book, "电话.xlsx", "deidentify=none", *others)
    assert {answer for _, answer in found.turns} == {"13800001234"}
    assert {answer for _, answer in curate(book, "电话.xlsx", *others).turns} == {"[mobile]"}
    rounded = workbook(rows[0], ["我的电话是多少？", "1.38E+10"], ["白细胞多少？", "白细胞1.38E+10/L，正常。"])
    found = curate(rounded, "电话.xlsx", *others)
    assert "[mobile]" in {answer for _, answer in found.turns}
    assert found.run["changes"]["damaged_number"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("手机1.38E+10，打不通", "手机[mobile]，打不通"),
        ("联系电话：1.38000e+10", "联系电话：[mobile]"),
        ("1.38E+10", "[mobile]"),
        ("电话13800001234.0", "电话[mobile].0"),
        ("打电话说白细胞1.38E+10/L", "打电话说白细胞1.38E+10/L"),
        ("白细胞1.38E+10/L，HBV-DNA 1.38E+10 IU/ml", "白细胞1.38E+10/L，HBV-DNA 1.38E+10 IU/ml"),
    ],
)
def test_c012_a_telephone_that_a_sheet_has_damaged_is_still_masked(
    masked: Callable[[str], dict[str, Any]], text: str, expected: str
) -> None:
    assert masked(text)["masked"] == expected


def test_c013_leading_zeros_of_a_text_cell_stay_and_are_masked(
    curate: Curate, masked: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "m.yaml").write_text("question: [主诉, 住院号]\nanswer: 医嘱\n", "utf-8")
    book = workbook(["主诉", "住院号", "医嘱"], [ASK, "00450812", ANSWER])
    read = f"mapping={tmp_path / 'm.yaml'}"
    assert curate(book, "x.xlsx", read, "deidentify=none").turns == [(f"{ASK}\n00450812", ANSWER)]
    assert curate(book, "x.xlsx", read).turns == [(f"{ASK}\n[mrn]", ANSWER)]
    assert masked("住院号 00450812")["masked"] == "住院号 [mrn]"


def test_c014_a_row_that_fell_apart_is_put_aside_with_its_number(curate: Curate) -> None:
    broken = "内科,头痛,头痛三天怎么办,第一，先量血压, 再检查。\n第二，注意休息。\n"
    whole = "".join(f"内科,,{q},{a}\n" for q, a in PAIRS)
    found = curate("department,title,ask,answer\n" + broken + whole)
    assert found.rejected == [(2, "ragged_row")]
    assert found.turns == sorted(PAIRS)
    counts = found.run["counts"]
    assert counts["read"] == 4 == counts["kept"] + sum(counts["rejected"].values())


@pytest.mark.parametrize("codecs", [("utf-8", "gbk"), ("gbk", "utf-8")])
def test_c016_a_file_of_two_encodings_is_refused_with_the_bytes(curate: Curate, codecs: tuple[str, str]) -> None:
    first, second = (lines(*[(f"{i}、{ASK}", ANSWER) for i in range(100)]).encode(codec) for codec in codecs)
    found = curate(first + second, "x.jsonl")
    assert found.code == 2
    match = re.search(r"two encodings in one file: UTF-8 at byte (\d+), not UTF-8 at byte (\d+)", found.err)
    assert match
    in_utf8, not_utf8 = map(int, match.groups()) if codecs[0] == "utf-8" else map(int, match.groups()[::-1])
    assert in_utf8 < len(first) <= not_utf8
    assert not found.out.exists()


@pytest.mark.parametrize(
    "text",
    [
        "影像号110bcd25-a55d-453a-8046-1297901ea002",
        "影像110bcd25-a55d-453a-8046-12979018138012",
        "会话4f13800001234abc",
        "会话 110bcd25-a55d-453a-8046-138000012345",
    ],
)
def test_c018_no_telephone_is_found_inside_a_longer_token(masked: Callable[[str], dict[str, Any]], text: str) -> None:
    assert {span["type"] for span in masked(text)["spans"]} <= {"mrn"}


def test_c020_a_batch_number_is_no_telephone(masked: Callable[[str], dict[str, Any]]) -> None:
    text = "国药准字H20044432，批号1545-0008，每次0.5g"
    assert masked(text) == {"text": text, "spans": [], "masked": text}


def test_c021_identifiers_between_chinese_characters_are_found(masked: Callable[[str], dict[str, Any]]) -> None:
    assert masked("电话13800001234谢谢")["masked"] == "电话[mobile]谢谢"
    assert masked("微信abc_123加我")["masked"] == "微信[wechat]加我"


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("请打+86 138 0000 1234。", "mobile", "+86 138 0000 1234"),
        ("😀请打１３８００００１２３４。", "mobile", "１３８００００１２３４"),
        ("卡号6228 4861 3177 5346 197，谢谢", "bank_card", "6228 4861 3177 5346 197"),
        ("港澳通行证号：C12345678", "id_card", "C12345678"),
        ("护照E12345678过期了", "id_card", "E12345678"),
    ],
)
def test_c022_chinese_numbers_in_every_spelling_are_masked_where_they_stand(
    masked: Callable[[str], dict[str, Any]], text: str, kind: str, said: str
) -> None:
    result = masked(text)
    start = text.index(said)
    assert result["spans"] == [{"start": start, "end": start + len(said), "type": kind, "text": said}]
    assert result["masked"] == text.replace(said, f"[{kind}]")


SENTENCE = "头痛，发热：“反复”三天（夜间重）？"


def test_c024_chinese_punctuation_comes_out_as_it_went_in(curate: Curate) -> None:
    (kept,) = curate(
        lines((SENTENCE, f"您好，{SENTENCE[:-1]}！")), "x.jsonl", "normalise=mend,nfc,html,widths,simplify"
    ).kept
    assert kept.questions == SENTENCE


def test_c025_the_two_commas_of_chinese_are_kept_apart(curate: Curate) -> None:
    question = "头痛、发热、咳嗽，三天了，怎么办？"
    assert curate(lines((question, ANSWER)), "x.jsonl").turns == [(question, ANSWER)]
    other = question.replace("、", "，")
    assert curate(lines((other, ANSWER)), "x.jsonl").turns == [(other, ANSWER)]


def test_c026_mojibake_is_mended_where_that_is_exact_and_put_aside_otherwise(curate: Curate) -> None:
    mended = curate(lines(("Í·Í´Á½Ìì", ANSWER), ("鍙戠儹", ANSWER)), "x.jsonl", "repeats_threshold=0")
    assert [question for question, _ in mended.turns] == ["发热", "头痛两天"]
    assert mended.run["changes"]["mend"] == 2
    broken = "您好，请问发热三天怎么办？".encode()[:-4].decode("gb18030", "replace").replace("\ufffd", "?")
    damaged = curate(lines((broken, ANSWER), *PAIRS), "x.jsonl")
    assert damaged.rejected == [(1, "mojibake")]
    beside = curate(lines(("Í·Í´Á½Ìì，吃什么药好？", ANSWER)), "x.jsonl")
    assert beside.turns == [("头痛两天，吃什么药好？", ANSWER)]


def test_c028_conversion_to_simplified_leaves_drugs_and_diseases(curate: Curate) -> None:
    """All 18,749 words of THUOCL there and back: `test_normalise.py`."""
    import opencc

    said = "泼尼松治疗皮肤发炎，外用氢化可的松乳膏，头发不受影响。"
    for way in ("s2t", "s2tw", "s2hk"):
        traditional = opencc.OpenCC(way).convert(said)
        assert traditional != said
        assert curate(lines((ASK, traditional)), "x.jsonl", "normalise=simplify").turns == [(ASK, said)]


def test_c029_short_answers_that_differ_are_no_duplicates(curate: Curate) -> None:
    """Honest short answers to other questions stay, too: `test_filters.py`, `test_repeats.py`."""
    question = "高血压病人可以吃党参泡水喝吗？"
    found = curate(lines((question, "可以"), (question, "不能吃"), (question, "可以")), "x.jsonl")
    assert found.turns == sorted([(question, "可以"), (question, "不能吃")])
    assert found.rejected == [(3, "duplicate")]


@pytest.mark.parametrize(
    ("one", "other"), [("血糖6.8", "血糖16.8"), ("0.5g", "0.5mg"), ("可以停药", "不可以停药"), ("每日2次", "每日3次")]
)
def test_c031_another_number_unit_or_negation_makes_another_record(curate: Curate, one: str, other: str) -> None:
    answer = "空腹血糖6.8，二甲双胍0.5g，每日2次，随餐口服，复查正常后可以停药，平时注意饮食，坚持运动。"
    pairs = [(ASK, answer), (ASK, answer.replace(one, other, 1))]
    assert curate(lines(*pairs), "x.jsonl").turns == sorted(pairs)


def test_c033_a_stock_question_is_no_leak_and_question_with_answer_is(curate: Curate, tmp_path: Path) -> None:
    stock, answer = "糖尿病的诊断标准是什么？", "空腹血糖不低于7.0mmol/L，或餐后两小时血糖不低于11.1mmol/L。"
    (tmp_path / "bench.jsonl").write_text(lines((stock, answer)), "utf-8")
    own = (stock, "每个人情况不同，请到内分泌科做检查以后再判断。")
    found = curate(lines((stock, answer), own), "x.jsonl", "--decontaminate", str(tmp_path / "bench.jsonl"))
    assert found.turns == [own]
    (rejected,) = map(json.loads, (found.out / "rejected.jsonl").read_text("utf-8").splitlines())
    assert (rejected["reason"], rejected["item"]) == ("contaminated", "bench.jsonl:1")
    assert (rejected["question"], rejected["answer"]) == (1.0, 1.0)
    assert found.run["decontamination"]["stock_questions_kept"] == 1
