"""Tables of entries in every form and encoding: columns by their names or a mapping, cells as lists and escapes."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pyarrow
import pytest
from pyarrow import parquet

from doctorglm.errors import ConfigError, DataError
from doctorglm.library.document import Document
from doctorglm.library.importers import read_mapping

from .kit import keys, read, told, write

ROWS = [
    {
        "疾病名称": "痛风",
        "别名": "痛风病、gout",
        "就诊科室": "风湿科",
        "病因": "尿酸太高。",
        "症状": "关节疼。",
        "治疗方法": "少喝酒。",
    },
    {
        "疾病名称": "乙型病毒性肝炎",
        "别名": "乙肝|HBV",
        "就诊科室": "感染科",
        "病因": "病毒。",
        "症状": "乏力。",
        "治疗方法": "抗病毒。",
    },
]


def as_csv(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_excel(rows: list[dict[str, str]]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in ([*rows[0]], *([*row.values()] for row in rows)):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def as_parquet(rows: list[dict[str, str]]) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), out)
    return out.getvalue()


FILES = {
    "a.csv": as_csv(ROWS).encode("gb18030"),
    "utf16.csv": as_csv(ROWS).encode("utf-16"),
    "bom.csv": as_csv(ROWS).encode("utf-8-sig"),
    "a.tsv": as_csv(ROWS, "\t").encode(),
    "a.json": json.dumps(ROWS, ensure_ascii=False).encode(),
    "a.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode("gb18030"),
    "a.xlsx": as_excel(ROWS),
    "a.parquet": as_parquet(ROWS),
    "a.txt": as_csv(ROWS).encode(),
    "a": as_csv(ROWS).encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_a_table_in_every_form(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    (gout, hepatitis), skipped = read(tmp_path / name)
    assert skipped == []
    assert (gout.title, gout.aliases, gout.department, gout.kind) == ("痛风", ("痛风病", "gout"), "风湿科", "disease")
    assert told(gout) == {"病因": "尿酸太高。", "症状": "关节疼。", "治疗方法": "少喝酒。"}
    assert keys(gout) == ["causes", "symptoms", "treatment"]
    assert (hepatitis.title, hepatitis.aliases) == ("乙型病毒性肝炎", ("乙肝", "HBV"))


def test_ids_are_stable_and_one_for_each_row(tmp_path: Path) -> None:
    twice = [*ROWS, ROWS[0]]
    path = write(tmp_path / "a.csv", as_csv(twice))
    ids = [document.id for document in read(path)[0]]
    assert ids == [document.id for document in read(path)[0]]
    assert len(set(ids)) == 3 and ids[0].startswith("痛风-") and ids[2].startswith("痛风-")
    assert read(write(tmp_path / "b" / "a.csv", as_csv(ROWS[:1])))[0][0].id == ids[0]
    assert read(write(tmp_path / "b.csv", as_csv(ROWS[:1])))[0][0].id != ids[0]


def test_given_ids(tmp_path: Path) -> None:
    rows = [{"id": "gout", **ROWS[0]}, {"id": "17", **ROWS[1]}]
    assert [d.id for d in read(write(tmp_path / "肝病.csv", as_csv(rows)))[0]] == ["gout", "肝病-17"]
    rows[1]["id"] = "gout"
    with pytest.raises(DataError, match=r"b\.csv:3: the id 'gout' stands at b\.csv:2 already"):
        read(write(tmp_path / "b.csv", as_csv(rows)))


DRUGS = [
    {
        "通用名": "氯沙坦",
        "商品名": "科素亚；促红细胞生成素",
        "适应症": "高血压。",
        "用法用量": "遵医嘱。",
        "不良反应": "头晕。",
        "禁忌": "孕妇。",
        "批准文号": "x",
    }
]


def test_a_drug_without_the_alias_that_is_another_drug(tmp_path: Path) -> None:
    (drug,), skipped = read(write(tmp_path / "a.csv", as_csv(DRUGS)))
    assert (drug.title, drug.aliases, drug.kind) == ("氯沙坦", ("科素亚",), "drug")
    assert keys(drug) == ["uses", "dosage", "side_effects", "contraindications"]
    assert [one.where for one in skipped] == ["a.csv", "a.csv:2"]
    assert "批准文号" in skipped[0].reason.zh and "促红细胞生成素" in skipped[1].reason.zh


def test_english_columns_lists_and_escapes(tmp_path: Path) -> None:
    names = ["idx", "disease", "Symptom", "reason", "TestsAndProcedures", "commonMedications"]
    cells = [
        "0",
        "Turner syndrome",
        """['Groin mass', "Crohn's pain"]""",
        r" Ullrich\xe2\x80\x93Turner; the child\'s growth \xff. ",
        "['X-ray', 'Blood test (CBC)']",
        "[]",
    ]
    text = as_csv([dict(zip(names, cells, strict=True))])
    (document,), skipped = read(write(tmp_path / "a.csv", text))
    assert skipped == []
    assert told(document) == {
        "Symptoms": "Groin mass、Crohn's pain",
        "Causes": "Ullrich–Turner; the child's growth \\xff.",
        "Diagnosis": "X-ray、Blood test (CBC)",
    }
    assert (document.title, document.kind) == ("Turner syndrome", "disease")


def test_json_with_lists_and_short_names(tmp_path: Path) -> None:
    record = {
        "_id": {"$oid": "5bb5"},
        "name": "百日咳",
        "desc": "呼吸道传染病。",
        "symptom": ["痉咳", "鸡鸣样吸气声"],
        "cure_department": ["儿科", "小儿内科"],
        "cause": "百日咳杆菌。",
        "prevent": "接种疫苗。",
        "cure_way": ["药物治疗", "支持性治疗"],
        "yibao_status": "否",
    }
    (document,), (skipped,) = read(write(tmp_path / "medical.json", json.dumps(record, ensure_ascii=False)))
    assert (document.title, document.department) == ("百日咳", "儿科、小儿内科")
    assert [section.text for section in document.sections] == [
        "呼吸道传染病。",
        "痉咳、鸡鸣样吸气声",
        "百日咳杆菌。",
        "接种疫苗。",
        "药物治疗、支持性治疗",
    ]
    assert keys(document) == ["overview", "symptoms", "causes", "prevention", "treatment"]
    assert "yibao_status" in skipped.reason.en and document.id.startswith("百日咳-")


def test_rows_that_give_nothing_are_named(tmp_path: Path) -> None:
    rows = [ROWS[0], {**ROWS[0], "疾病名称": " "}, {**dict.fromkeys(ROWS[0], "暂无"), "疾病名称": "空病"}]
    text = as_csv(rows) + "多,一,格,的,行,在,此\n" + as_csv(ROWS[:1]).splitlines()[0] + "\n"
    documents, skipped = read(write(tmp_path / "a.csv", text))
    assert [document.title for document in documents] == ["痛风"]
    told_of = {one.where: one.reason.en.split(".")[0] for one in skipped}
    assert told_of == {
        "a.csv:3": "no title",
        "a.csv:4": "'空病' has a title and no text",
        "a.csv:5": "more or fewer cells than columns",
        "a.csv:6": "the header stands here again",
    }


def test_a_mapping_names_the_columns(tmp_path: Path) -> None:
    text = "品名,俗称,主要作用,备注,警告\n阿莫西林,阿莫仙,细菌感染。,无关,过敏者禁用。\n"
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(DataError, match="no column is known as a title"):
        read(path)
    mapping = read_mapping(
        write(tmp_path / "m.yaml", "品名: drug\n主要作用: uses\n备注: ignore\n警告: 禁忌症\n没有的列: title\n")
    )
    (document,), skipped = read(path, mapping)
    assert skipped == []
    assert (document.title, document.aliases, document.kind) == ("阿莫西林", ("阿莫仙",), "drug")
    assert told(document) == {"主要作用": "细菌感染。", "禁忌症": "过敏者禁用。"}
    assert keys(document) == ["uses", "contraindications"]


def test_the_mappings_title_comes_before_one_that_is_known(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "疾病,品名,用法用量\n肺炎,阿莫西林,遵医嘱。\n")
    assert [document.title for document in read(path)[0]] == ["肺炎"]
    mapping = read_mapping(write(tmp_path / "m.yaml", "品名: drug"))
    (document,), (skipped,) = read(path, mapping)
    assert (document.title, document.aliases, document.kind) == ("阿莫西林", (), "drug")
    assert "疾病" in skipped.reason.zh


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("品名: titel", "Did you mean `title`"),
        ("品名:", "no field or heading"),
        ("- a", "no `column: field` pairs"),
        ("a: [b", "line"),
    ],
)
def test_a_wrong_mapping_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_mapping(write(tmp_path / "m.yaml", text))
    with pytest.raises(ConfigError, match=r"mapping=.*none\.yaml"):
        read_mapping(tmp_path / "none.yaml")


def test_consultations_are_no_entries(tmp_path: Path) -> None:
    text = "department,title,ask,answer\n内科,头痛怎么办,头痛三天,多休息\n"
    with pytest.raises(DataError, match="no column is known as a title with one for a text"):
        read(write(tmp_path / "cmd.csv", text, "gb18030"))


def test_a_damaged_table_stops_even_in_a_folder(tmp_path: Path) -> None:
    line = json.dumps(ROWS[0], ensure_ascii=False)
    write(tmp_path / "a.jsonl", f"{line}\n" * 1500 + line[:-20])
    with pytest.raises(DataError, match=r"a\.jsonl:1501"):
        read(tmp_path)


def test_the_table_of_chatdoctor(shared: Path) -> None:
    path = shared / "data/knowledge/chatdoctor/format_dataset.csv"
    documents, skipped = read(path)
    assert (len(documents), skipped) == (796, [])
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [document.title for document in documents] == [row["disease"].strip().replace("\\'", "'") for row in rows]
    assert _sections(documents) == sum(
        row[c].strip() not in ("", "[]")
        for row in rows
        for c in ("Symptom", "reason", "TestsAndProcedures", "commonMedications")
    )
    assert told(documents[2])["Causes"].startswith("Turner syndrome or Ullrich–Turner syndrome (also known as")
    assert not any("\\xe2" in section.text or "['" in section.text for d in documents for section in d.sections)


def _sections(documents: list[Document]) -> int:
    return sum(len(document.sections) for document in documents)
