"""Pairs in every form they come in, and what is none."""

import json
from pathlib import Path

import pytest

from doctorglm.errors import DataError
from doctorglm.translate.pairs import Pair, read_pairs


def read(folder: Path, *records: object, name: str = "pairs.jsonl") -> list[Pair]:
    (folder / name).write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), "utf-8")
    return list(read_pairs(folder / name))


def test_one_field_and_two(tmp_path: Path) -> None:
    two = {"en_idx": 0, "zh_idx": 0, "en_input": "a", "en_output": "b", "zh_input": "甲", "zh_output": "乙"}
    assert read(tmp_path, {"en": "fever", "zh": "发烧"}, two) == [
        Pair("fever", "发烧", "pairs.jsonl:1:en"),
        Pair("a", "甲", "pairs.jsonl:2:en_input"),
        Pair("b", "乙", "pairs.jsonl:2:en_output"),
    ]


def test_empty_english_is_passed_and_empty_chinese_kept(tmp_path: Path) -> None:
    assert read(tmp_path, {"en": " ", "zh": "发烧"}, {"en": "fever", "zh": ""}) == [
        Pair("fever", "", "pairs.jsonl:2:en")
    ]


def test_a_table_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes("en,zh\r\nfever,您发烧了，请就医。\r\n".encode("gb18030"))
    assert [(one.english, one.chinese) for one in read_pairs(tmp_path / "p.csv")] == [("fever", "您发烧了，请就医。")]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"question": "a", "answer": "b"}, "pairs.jsonl:2: no pair: the record has the keys"),
        ({"en": "a"}, "has a text `en` and no text `zh`"),
        ({"en": "a", "zh": 3}, "has a text `en` and no text `zh`"),
        ({"en_input": "a", "zh": "甲"}, "has a text `en_input` and no text `zh_input`"),
        (3, "pairs.jsonl:2: no pair"),
    ],
)
def test_what_is_no_pair(tmp_path: Path, record: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, {"en": "fever", "zh": "发烧"}, record)


@pytest.mark.parametrize("text", ["", "only words\nand more\n"])
def test_a_file_without_records(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.jsonl").write_text(text, "utf-8")
    with pytest.raises(DataError, match=r"p\.jsonl: no records"):
        list(read_pairs(tmp_path / "p.jsonl"))


def test_a_broken_line_is_told_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"en": "a", "zh": "甲"}\n{"en": "b" "zh"}\n', "utf-8")
    with pytest.raises(DataError, match=r"p\.jsonl:2"):
        list(read_pairs(tmp_path / "p.jsonl"))


def test_a_translated_conversation_is_its_messages_and_its_sentences_where_they_are_known(tmp_path: Path) -> None:
    told = {
        "english": ["I cough. I ache.", "你好", "Rest."],
        "by": ["teacher", "chinese", "student"],
        "sentences": [[["I cough.", "我咳嗽。"], ["I ache.", "我疼。"]], [], []],
    }
    messages = [{"role": "user", "content": zh} for zh in ("我咳嗽。我疼。", "你好", "休息。")]
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps({"id": "c1", "messages": messages, "meta": {"translation": told}}) + "\n")

    found = [(one.english, one.chinese, one.document) for one in read_pairs(path)]

    assert found == [("I cough.", "我咳嗽。", "c1"), ("I ache.", "我疼。", "c1"), ("Rest.", "休息。", "c1")]


@pytest.mark.parametrize(
    ("record", "document"),
    [({"source": "paper-7:12"}, "paper-7"), ({"source": "tatoeba #5 (CM)"}, "tatoeba #5 (CM)"), ({}, ""),
     ({"source": "a:1", "document": "b"}, "b")],
)  # fmt: skip
def test_the_document_of_a_pair_is_told_by_its_record(tmp_path: Path, record: dict[str, str], document: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"en": "Rest.", "zh": "休息。", **record}) + "\n")

    assert [one.document for one in read_pairs(path)] == [document]
