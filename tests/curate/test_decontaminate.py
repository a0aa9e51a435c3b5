"""What a benchmark asks and answers is taken out; a question that everybody asks is not."""

import csv
import json
from pathlib import Path

import pytest

from doctorglm.cli import _repeated
from doctorglm.conversation import Conversation, Message
from doctorglm.curate import CurateSettings, curate
from doctorglm.curate.decontaminate import Benchmarks, Item, read_benchmarks
from doctorglm.curate.normal import normalised
from doctorglm.errors import DataError

STOCK = "糖尿病的诊断标准是什么？"
ANSWER = "空腹血糖不低于7.0mmol/L，或餐后两小时血糖不低于11.1mmol/L，伴有典型症状。"
VIGNETTE = (
    "男性，45岁，因胆囊结石行胆囊切除术，手术当日总输入液量4500mL，胃肠减压500mL，T管引流450mL，腹腔引流液50mL，"
    "尿量2500mL，第二天应输入的液体总量是多少"
)


def talk(question: str, answer: str) -> Conversation:
    return Conversation(id="x", messages=(Message("user", question), Message("assistant", answer)))


def benchmark(*pairs: tuple[str, str]) -> Benchmarks:
    return Benchmarks(Item(f"b:{i}", *map(normalised, pair)) for i, pair in enumerate(pairs, 1))


def test_question_and_answer_are_a_leak_and_a_stock_question_is_none() -> None:
    held = benchmark((STOCK, ANSWER))
    match = held.match(talk(f"医生您好，{STOCK}谢谢", f"您好，{ANSWER}"))
    assert match and match.is_leak and (match.place, match.question, match.answer) == ("b:1", 1.0, 1.0)
    stock = held.match(talk(STOCK, "每个人情况不同，请到内分泌科检查后再判断。"))
    assert stock and not stock.is_leak
    assert held.match(talk("高血压怎么办", ANSWER)) is None


def test_a_short_answer_counts_as_a_whole_and_numbers_part_two_items() -> None:
    held = benchmark(("女性生殖腺是哪一个器官", "卵巢"), ("空腹血糖6.8需要服药吗", "不需要"))
    found = held.match(talk("请问女性生殖腺是哪一个器官？", "是卵巢。"))
    assert found and found.is_leak
    other = held.match(talk("空腹血糖16.8需要服药吗", "需要。"))
    assert other is None or not other.is_leak


def test_a_question_that_tells_a_case_is_a_leak_without_its_answer() -> None:
    match = benchmark((VIGNETTE, "3000mL")).match(talk(VIGNETTE + "？", "请咨询主管医生。"))
    assert match and match.is_leak


def test_files_of_choices_pairs_and_dialogues(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",Question,A,B,C,D,Answer\n0,女性生殖腺是,卵巢,前庭大腺,前庭球,乳腺,A\n", "utf-8")
    (tmp_path / "b.jsonl").write_text(
        json.dumps(
            {"question": "哪种药", "options": {"A": "阿司匹林", "B": "华法林"}, "answer": "B"}, ensure_ascii=False
        )
        + "\n"
        + json.dumps({"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]})
        + "\n",
        "utf-8",
    )
    (tmp_path / "LICENSE").write_text("MIT License", "utf-8")
    held = read_benchmarks([tmp_path])
    assert [(i.place.split("/")[-1], i.question, i.answer) for i in held._items] == [
        ("a.csv:2", "女性生殖腺是", "卵巢"),
        ("b.jsonl:1", "哪种药", "华法林"),
        ("b.jsonl:2", "问", "答"),
    ]
    with pytest.raises(DataError, match="LICENSE: no benchmark items"):
        read_benchmarks([tmp_path / "LICENSE"])


def test_curation_names_the_item_and_its_share(tmp_path: Path) -> None:
    (tmp_path / "bench.csv").write_text(f"question,answer\n{STOCK},{ANSWER}\n", "utf-8")
    rows = [(STOCK, ANSWER), (STOCK, "请到内分泌科检查。"), ("头痛三天了怎么办呢？", "多休息，必要时就诊。")]
    source = tmp_path / "x.jsonl"
    source.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in rows), "utf-8")
    run = curate([source], tmp_path / "out", CurateSettings(), decontaminate=[tmp_path / "bench.csv"])
    (rejected,) = map(json.loads, (tmp_path / "out/rejected.jsonl").read_text("utf-8").splitlines())
    assert {k: rejected[k] for k in ("row", "reason", "item", "question", "answer")} == {
        "row": 1,
        "reason": "contaminated",
        "item": "bench.csv:2",
        "question": 1.0,
        "answer": 1.0,
    }
    assert run.record["decontamination"] == {
        "items": 1,
        "stock_questions_kept": 1,
        "files": {"bench.csv": {"items": 1, "hit": 1}},
    }
    assert "1 of 1 items found" in (tmp_path / "out/report.html").read_text("utf-8")
    assert "benchmark bench.csv" in run.record["inputs"]


def test_every_question_of_cmmlu_is_read(shared: Path) -> None:
    folder = shared / "data/benchmarks/cmmlu"
    held = read_benchmarks([folder])
    rows = [row for path in folder.glob("*.csv") for row in csv.DictReader(path.read_text("utf-8").splitlines())]
    assert {i.question for i in held._items} == {normalised(row["Question"]) for row in rows}
    assert {i.answer for i in held._items} == {normalised(row[row["Answer"]]) for row in rows}


def test_a_flag_takes_several_values() -> None:
    given = ["curate", "a.csv", "--decontaminate", "x", "y", "--out", "d", "splits=train=1"]
    expected = ["curate", "a.csv", "--decontaminate", "x", "--decontaminate", "y", "--out", "d", "splits=train=1"]
    assert _repeated("--decontaminate", given) == expected
    assert _repeated("--decontaminate", ["curate", "--decontaminate", "x", "seed=1"]) == [
        "curate", "--decontaminate", "x", "seed=1",
    ]  # fmt: skip
