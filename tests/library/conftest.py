"""A small library whose every word the tests know."""

from collections.abc import Callable
from pathlib import Path

import pytest

from doctorglm.library import Library
from doctorglm.library.settings import LibrarySettings
from doctorglm.library.stage import build_library

PAGES = {
    "gout": (
        "痛风",
        "[痛风性关节炎]",
        {"概述": "血里的尿酸太多，关节突然红肿热痛。", "治疗": "急性期休息，抬高患肢，由医生决定用药。"},
    ),
    "hepatitis-b": (
        "乙型病毒性肝炎",
        "[乙肝, HBV]",
        {"概述": "由病毒引起的肝脏炎症。", "诊断": "复查HBV-DNA后转阴，仍须随访。"},
    ),
    "diabetes": ("糖尿病", "[]", {"预防": "糖尿病飲食要定時定量，少喝甜飲料。", "症状": "口渴、多尿、体重下降。"}),
    "type-1-diabetes": ("1型糖尿病", "[]", {"治疗": "1型糖尿病需要用胰岛素。"}),
    "pernicious-anaemia": (
        "恶性贫血",
        "[]",
        {"病因": "缺乏维生素B12。", "诊断": "抽血查B12，必要时做CT和胃镜下检查。"},
    ),
    "headache": ("偏头痛", "[]", {"症状": "一侧頭痛，怕光，恶心。", "治疗": "在暗处休息。"}),
    "pneumonia": ("肺炎", "[]", {"症状": "发烧、咳嗽、咳痰、胸痛。", "治疗": "按病因治疗，由医生决定。"}),
    "epilepsy": ("癫痫", "[]", {"症状": "反复抽搐，意识丧失。", "治疗": "长期规律用药，不要自行停药。"}),
}


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, (title, aliases, sections) in PAGES.items():
        text = "\n\n".join(f"## {heading}\n\n{said}" for heading, said in sections.items())
        front = f"---\nid: {name}\ntitle: {title}\naliases: {aliases}\nkind: disease\nlicence: CC0\nsource: 测试\n---\n"
        (folder / f"{name}.md").write_text(f"{front}# {title}\n\n{text}\n", encoding="utf-8")
    return folder


@pytest.fixture
def folder(pages: Path, tmp_path: Path) -> Path:
    build_library([pages], tmp_path / "library", LibrarySettings())
    return tmp_path / "library"


@pytest.fixture
def library(folder: Path) -> Library:
    return Library(folder)


@pytest.fixture
def ids(library: Library) -> Callable[[str], list[str]]:
    """The documents that a question finds, best first, each once."""
    return lambda question: list(dict.fromkeys(hit.doc_id for hit in library.search(question, 50).hits))
