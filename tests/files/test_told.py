"""Names of files, departments and columns are told as they are, unless they are somebody's."""

from pathlib import Path

import pytest

from doctorglm.curate.departments import canonical
from doctorglm.files.found import find_files
from doctorglm.files.told import columns, file_name, label


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("王秀兰_16412345678_2023-05-01.csv", "[name]_[mobile]_[date].csv"),
        ("2023-05-01.csv", "2023-05-01.csv"),
        ("样例_内科5000-6000.csv", "样例_内科5000-6000.csv"),
        ("汉宁市第三人民医院/2023年5月.csv", "汉宁市第三人民医院/2023年5月.csv"),
        ("汉宁市第三人民医院/住院号2087123456.json", "汉宁市第三人民医院/住院号[mrn].json"),
        ("Sarah Whitfield.json", "[name].json"),
        ("Dr. Hale/1.json", "Dr. [name]/1.json"),
        ("微信wxid_4788fengtian.txt", "微信[wechat].txt"),
        ("Andriatria_男科/男科5-13000.csv", "Andriatria_男科/男科5-13000.csv"),
        ("huatuo26m_lite/train_v2.jsonl", "huatuo26m_lite/train_v2.jsonl"),
        ("part-00001.parquet", "part-00001.parquet"),
        ("", ""),
    ],
)
def test_a_name_of_a_file(path: str, told: str) -> None:
    assert file_name(path) == told == file_name(told)


def test_two_patients_files_stay_apart(tmp_path: Path) -> None:
    for name in ("王秀兰.json", "李建国.json"):
        (tmp_path / name).write_text("[]", "utf-8")
    folder = tmp_path.name
    assert {file.name for file in find_files([tmp_path])} == {f"{folder}/[name].json", f"{folder}/[name].json (2)"}


@pytest.mark.parametrize(
    "name", ["心血管内科", "内科/心内科", "Andrology", "MIT", "CC BY-NC-SA 4.0", "med-chatglm", "zh"]
)
def test_what_is_nobodys_stays(name: str) -> None:
    assert label(name) == name
    assert canonical(label(name)) == canonical(name)


@pytest.mark.parametrize(
    "data", ["王秀兰", "16412345678", "2087", "头疼了三天，夜里睡不着，白天没有精神，怎么办才好呢？"]
)
def test_columns_are_named_unless_one_is_data(data: str) -> None:
    assert columns(["主诉", "医嘱", "age"]).en == "['age', '主诉', '医嘱']"
    for said in (columns(["主诉", data]).en, columns([data, "医嘱"]).zh):
        assert "2 " in said and data not in said and "主诉" not in said
