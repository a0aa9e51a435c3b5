"""What is covered and what is lacking: counted by hand, in patients' words without who they are."""

import json
from pathlib import Path

from doctorglm.conversation import Conversation, Message, write_conversations
from doctorglm.library import Library
from doctorglm.library.coverage import asked_of, coverage
from doctorglm.library.document import Document, Section
from doctorglm.library.survey import survey


def document(doc_id: str, department: str, *keys: str, source: str = "") -> Document:
    sections = tuple(Section(key, key, "。", source) for key in keys)
    return Document(id=doc_id, title=doc_id, sections=sections, kind="disease", department=department, licence="CC0")


def asked(number: int, question: str) -> Conversation:
    return Conversation(id=f"q{number}", messages=(Message("user", question), Message("assistant", "请就诊。")))


def test_entries_are_counted_by_department_and_section() -> None:
    found = coverage(
        [
            document("a", "内科", "causes", "treatment", source="书"),
            document("b", "内科", "treatment"),
            document("c", "外科", "treatment", "treatment"),
        ]
    )
    assert found.cells == {"内科": {"causes": 1, "treatment": 2}, "外科": {"treatment": 1}}
    assert (found.departments, found.kinds, found.licences) == ({"内科": 2, "外科": 1}, {"disease": 3}, {"CC0": 3})
    assert (found.sections, found.unsourced) == (5, 3)


def test_what_no_entry_is_about_is_a_gap_and_what_is_denied_is_none(library: Library) -> None:
    rows = ["得了水痘怎么办", "孩子出水痘了", "痛风怎么治疗", "没有得过水痘，肺炎怎么治疗"]
    found = asked_of(library, [asked(i, row) for i, row in enumerate(rows)])
    assert found.conversations == 4
    assert [(gap.name, gap.type, gap.asked) for gap in found.gaps] == [("水痘", "disease", 2)]
    assert [place for _, place in found.gaps[0].examples] == ["q0", "q1"]


def test_a_survey_shows_nobody(folder: Path, tmp_path: Path) -> None:
    write_conversations(tmp_path / "data.jsonl", [asked(0, "我叫王建国，电话13812345678，得了水痘怎么办")])
    told: list[str] = []
    survey(folder, tmp_path / "out", tmp_path / "data.jsonl", lambda doing, _: told.append(doing))
    written = "".join(path.read_text("utf-8") for path in (tmp_path / "out").iterdir())
    assert "水痘" in written and "王建国" not in written and "13812345678" not in written
    (gap,) = json.loads((tmp_path / "out" / "coverage.json").read_text("utf-8"))["asked"]["gaps"]
    assert gap["examples"][0][0].count("[") == 2 and told == ["data.jsonl 1"]
