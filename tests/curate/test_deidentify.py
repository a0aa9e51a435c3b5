"""Nothing that identifies anybody is in what curation writes, and what is written reads well."""

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate import CurateSettings, curate
from doctorglm.runs import read_json
from doctorglm.settings import build

ASKED = (
    "我叫欧阳建国，电话13800001234，微信号lzh_8841，2023年5月12日在协和医院查过胃镜，血压138/92mmHg，吃泰诺0.5g可以吗？"
)
SAID = "欧阳先生您好，二甲双胍0.5g每日两次，国药准字H20044432可以查到，5月19日再来复查。"
SECRETS = ("欧阳", "建国", "13800001234", "lzh_8841", "协和")
KEPT = ("血压138/92mmHg", "泰诺0.5g", "二甲双胍0.5g", "国药准字H20044432")


def curated(tmp_path: Path, records: list[dict[str, Any]], **settings: Any) -> tuple[list[Conversation], Path, Any]:
    source, out = tmp_path / "x.json", tmp_path / "out"
    source.write_text(json.dumps(records, ensure_ascii=False), "utf-8")
    made = build(CurateSettings, {"splits": "train=1", **settings}, "curate")
    run = curate([source], out, made)
    return list(read_conversations(out / "train.jsonl")), out, run.record


def everything(out: Path) -> str:
    return "".join(path.read_text("utf-8") for path in out.rglob("*") if path.is_file())


@pytest.mark.parametrize("names", ["tagger", "rules"])
def test_placeholders_stand_for_what_identifies_and_nothing_else_changes(names: str, tmp_path: Path) -> None:
    (talk,), out, record = curated(tmp_path, [{"instruction": ASKED, "output": SAID}], names=names)
    assert not [secret for secret in SECRETS if secret in everything(out)]
    assert "我叫[name" in talk.questions
    assert "[mobile]" in talk.questions
    assert "[date" in talk.questions
    assert all(text in talk.questions + talk.answers for text in KEPT)
    assert record["deid"]["mode"] == "placeholders"
    assert record["deid"]["conversations"] == 1
    assert record["deid"]["spans"]["mobile"] == record["deid"]["spans"]["wechat"] == 1


def test_surrogates_are_other_ones_and_days_keep_their_distance(tmp_path: Path) -> None:
    records = [{"instruction": ASKED, "output": SAID}, {"instruction": ASKED + "急。", "output": SAID + "谢。"}]
    talks, out, record = curated(tmp_path, records, deidentify="surrogates", repeats_threshold=0)
    assert not [secret for secret in SECRETS if secret in everything(out)]
    assert "[" not in "".join(talk.questions + talk.answers for talk in talks)
    assert len({talk.questions[:20] for talk in talks}) == len(talks) == 2
    assert record["deid"]["mode"] == "surrogates"


def test_evidence_quotes_nobody_also_where_it_is_cut(tmp_path: Path) -> None:
    advert = "可以加我微信号lzh_8841咨询，电话13800001234，欧阳建国主任在协和医院出诊，包治百病。"
    cut = "您好，欧阳建国，您的情况需要先做胃镜检查再决定用药，结果可以打电话告诉我13800001234"
    records = [{"instruction": "我叫欧阳建国，胃疼怎么办？", "output": text} for text in (advert, cut, SAID)]
    _, out, record = curated(tmp_path, records, deidentify="none")
    assert set(record["counts"]["rejected"]) == {"advertisement", "cut_off"}
    for name in ("rejected.jsonl", "report.html"):
        assert not [secret for secret in SECRETS if secret in (out / name).read_text("utf-8")]
    assert "[mobile]" in (out / "rejected.jsonl").read_text("utf-8")


def test_what_a_source_notes_beside_a_conversation_is_masked_too(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "胃疼怎么办？"}, {"role": "assistant", "content": "先做胃镜。"}]
    noted = {"patient": "患者姓名：欧阳建国", "phones": ["13800001234", 13800001234], "ward": {"n": 3, "no": None}}
    (talk,), out, _ = curated(tmp_path, [{"messages": turns, "meta": noted, "department": "协和医院消化内科"}])
    assert not [secret for secret in SECRETS if secret in everything(out)]
    assert talk.meta["ward"] == {"n": 3, "no": None}
    assert talk.meta["phones"] == ["[mobile]", "[mobile]"]
    assert talk.department == "[hospital]消化内科"


def test_copies_that_differ_in_whom_they_name_are_near_duplicates(tmp_path: Path) -> None:
    other = ASKED.replace("欧阳建国", "欧阳晓峰").replace("13800001234", "13800005678")
    records = [{"instruction": asked, "output": SAID} for asked in (ASKED, other)]
    talks, _, record = curated(tmp_path, records)
    assert len(talks) == 1
    assert record["counts"]["rejected"] == {"near_duplicate": 1}


def test_a_sheet_is_drawn_signed_and_read(tmp_path: Path) -> None:
    records = [{"instruction": f"{ASKED}第{i}次。", "output": f"{SAID}{i}号。"} for i in range(30)]
    source, out = tmp_path / "x.json", tmp_path / "out"
    source.write_text(json.dumps(records, ensure_ascii=False), "utf-8")
    settings = CurateSettings(repeats_threshold=0)
    asked = curate([source], out, settings, review=10).record["deid"]["review"]
    assert asked["records"] == 10
    book = openpyxl.load_workbook(out / "review.xlsx")
    cells = book["对话 Conversations"]
    assert not [secret for secret in SECRETS for row in cells.iter_rows(values_only=True) if secret in str(row)]
    for row in range(2, 12):
        cells.cell(row, 3).value = int(row == 2)
    book["签字 Sign"]["B2"], book["签字 Sign"]["B3"] = "审阅人", "2026-11-29"
    book.save(out / "review.xlsx")
    record = curate([source], out, settings).record
    signed = record["deid"]["review"]
    assert (signed["records"], signed["missed"], signed["rate"]) == (10, 1, 0.1)
    # Clopper and Pearson, one-sided: the p at which 1 or fewer in 10 has probability 0.05
    assert signed["high"] == pytest.approx(0.3942, abs=1e-4)
    assert read_json(out / "run.json")["deid"]["review"] == signed
    assert "2026-11-29" in (out / "report.html").read_text("utf-8")
    assert curate([source], out, settings).record == record
