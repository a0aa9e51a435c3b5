"""Markdown with front matter and without, plain text, and front matter that is wrong."""

from pathlib import Path

import pytest

from doctorglm.errors import DataError
from doctorglm.library import document

from .kit import keys, only, read, told, write

PAGE = """---
id: common-cold
title: 普通感冒
aliases: [感冒, 伤风, common cold, 普通感冒]
kind: disease
department: 呼吸内科
source: 某手册
licence: CC BY 4.0
version: 2026-11
sources:
  病因: [medquad 0000223, medquad 0000045]
  治疗: []
---
# 普通感冒

## 病因

由**病毒**引起，
见[说明](https://example.org)。

### 传播途径

- 手
- 空气

## 治疗

1. 休息
2. 多喝水

```
## 不是标题
```

| 药 | 作用 |
|---|---|
| 退热药 | 退热 |

## 预后

"""


def test_a_page_with_front_matter(tmp_path: Path) -> None:
    page = only(write(tmp_path / "a.md", PAGE))
    assert (page.id, page.title, page.kind, page.department) == ("common-cold", "普通感冒", "disease", "呼吸内科")
    assert page.aliases == ("感冒", "伤风", "common cold")
    assert (page.source, page.licence, page.version) == ("某手册", "CC BY 4.0", "2026-11")
    assert told(page) == {
        "病因": "由病毒引起，见说明。\n传播途径\n- 手\n- 空气",
        "治疗": "1. 休息\n2. 多喝水\n## 不是标题\n药 | 作用\n退热药 | 退热",
    }
    assert [section.source for section in page.sections] == ["medquad 0000223; medquad 0000045", ""]
    assert keys(page) == ["causes", "treatment"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_other_encodings_and_line_ends(tmp_path: Path, encoding: str) -> None:
    assert only(write(tmp_path / "a.md", PAGE.replace("\n", "\r\n"), encoding)) == only(write(tmp_path / "b.md", PAGE))


def test_without_front_matter_the_heading_or_the_file_is_the_title(tmp_path: Path) -> None:
    headed = only(write(tmp_path / "a.md", "# 痛风\n\n关节病。\n\n## 病因\n\n尿酸。\n"))
    assert (headed.title, told(headed)) == ("痛风", {"概述": "关节病。", "病因": "尿酸。"})
    assert headed.id.startswith("痛风-")
    named = only(write(tmp_path / "高血压.md", "# 病因\n\n不明。\n\n# 治疗\n\n低盐。\n"))
    assert (named.title, told(named)) == ("高血压", {"病因": "不明。", "治疗": "低盐。"})


def test_scalars_stay_as_they_are_written(tmp_path: Path) -> None:
    text = "---\nid: 0012\ntitle: no\nversion: 2024-01-02\nalias: 甲、乙，丙\n---\n正文。\n"
    page = only(write(tmp_path / "a.md", text))
    assert (page.id, page.title, page.version, page.aliases) == ("0012", "no", "2024-01-02", ("甲", "乙", "丙"))


def test_unknown_keys_are_told(tmp_path: Path) -> None:
    (page,), (skipped,) = read(write(tmp_path / "a.md", "---\ntitle: 痛风\ndepartmnt: 内科\n---\n尿酸高。\n"))
    assert page.department == ""
    assert "departmnt" in skipped.reason.en


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("kind: illness", "Write one of disease, drug"),
        ("title: [痛风", "no YAML"),
        ("- a\n- b", "no YAML"),
        ("sources: {症壮: [x]}\ntitle: 痛风", "'症壮', which is no section"),
    ],
)
def test_wrong_front_matter_is_named(tmp_path: Path, front: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(write(tmp_path / "a.md", f"---\n{front}\n---\n## 病因\n\n尿酸。\n"))


def test_aliases_of_yaml_are_not_multiplied(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    page = read(write(tmp_path / "a.md", f"---\n{bomb}title: 痛风\naliases: *i\n---\n尿酸。\n"))[0][0]
    assert page.aliases == ()


def test_raw_markup_in_markdown_does_not_run(tmp_path: Path) -> None:
    page = only(write(tmp_path / "a.md", "# 痛风\n\n<script>alert(1)</script>\n\n尿酸 <b>高</b>。\n"))
    assert told(page) == {"概述": "尿酸 高。"}


def test_plain_text_is_one_section(tmp_path: Path) -> None:
    page = only(write(tmp_path / "急救常识.txt", "先看，再做。\n\n  打急救电话。\n", "gb18030"))
    assert (page.title, told(page), keys(page)) == ("急救常识", {"正文": "先看，再做。\n打急救电话。"}, ["other"])


def test_every_entry_that_ships() -> None:
    folder = Path(document.__file__).parent / "shipped"
    if not folder.is_dir():
        pytest.skip("no entries ship with this tree")
    documents, skipped = read(folder)
    assert len(documents) == len(list(folder.glob("*.md"))) and skipped == []
    assert all(one.kind in ("disease", "drug") and len(one.sections) >= 5 for one in documents)
