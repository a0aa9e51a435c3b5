"""Transcripts from evaluations: what is written is read, and what does not belong together is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from doctorglm.conversation import Message
from doctorglm.errors import ConfigError, DataError
from doctorglm.evaluate.judge import read_transcripts, write_transcripts

ASKED = [{"role": "user", "content": "咳嗽三天"}, {"role": "assistant", "content": "发热吗？"}]
ASKED = [*ASKED, {"role": "user", "content": "不发热\u2028也不痛"}]


def item(number: int = 1, **changes: Any) -> dict[str, Any]:
    record = {"suite": "dialogue", "kind": "dialogue", "id": f"q{number}", "question": ASKED, "reference": "多喝水。"}
    return {**record, "answer": f"答 {number}", "tokens": 3, **changes}


def evaluation(directory: Path, *items: dict[str, Any]) -> Path:
    directory.mkdir(exist_ok=True)
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in items]
    (directory / "items.jsonl").write_text("".join(lines), encoding="utf-8")
    return directory


def test_what_is_written_is_read(tmp_path: Path) -> None:
    other_kind = {"suite": "dialogue", "kind": "likelihood", "id": "q1", "nats": 1.0, "tokens": 2}
    base = evaluation(tmp_path / "base", other_kind, item(1), item(2, reference=None), item(1, suite="general"))
    # another order, and answers of their own
    more = [item(1, suite="general", answer="甲"), item(2, answer="乙", reference=None), item(1, answer="")]
    tuned = evaluation(tmp_path / "tuned", *more)
    out = tmp_path / "transcripts.jsonl"
    assert write_transcripts({"base": base, "tuned": tuned}, out) == 3
    assert out.stat().st_mode & 0o777 == 0o600
    found = read_transcripts(out)
    assert [t.key for t in found] == ["dialogue/q1", "dialogue/q2", "general/q1"]
    assert [dict(t.answers) for t in found] == [
        {"base": "答 1", "tuned": ""},
        {"base": "答 2", "tuned": "乙"},
        {"base": "答 1", "tuned": "甲"},
    ]
    assert found[0].question == tuple(Message(m["role"], m["content"]) for m in ASKED)  # type: ignore[arg-type]
    assert [t.reference for t in found] == ["多喝水。", "", "多喝水。"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question": ASKED[:1]}, r"item dialogue/q2 differs in `question` \(3 \| 1 messages\)"),
        (
            {"question": [*ASKED[:2], {"role": "user", "content": "不发烧"}]},
            r"`question\[2\].content` from character 2 on",
        ),
        ({"question": [{**ASKED[0], "role": "system"}, *ASKED[1:]]}, r"`question\[0\].role` \(user \| system\)"),
        ({"reference": "多喝水"}, r"`reference` from character 3 on"),
        ({"id": "q9"}, r"item dialogue/q2 is in base and not in tuned \(1 such items\)"),
    ],
)
def test_evaluations_of_other_items_are_refused_with_the_difference(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    base = evaluation(tmp_path / "base", item(1), item(2))
    tuned = evaluation(tmp_path / "tuned", item(1), item(2, **changes))
    with pytest.raises(DataError, match=message) as caught:
        write_transcripts({"base": base, "tuned": tuned}, tmp_path / "out.jsonl")
    assert "咳嗽" not in str(caught.value) and "发" not in caught.value.text.zh
    assert not (tmp_path / "out.jsonl").exists()


def test_an_item_that_only_the_second_has_is_named(tmp_path: Path) -> None:
    base, tuned = evaluation(tmp_path / "base", item(1)), evaluation(tmp_path / "tuned", item(1), item(2))
    with pytest.raises(DataError, match=r"item dialogue/q2 is in tuned and not in base"):
        write_transcripts({"base": base, "tuned": tuned}, tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (item(1), r"items.jsonl:2: item dialogue/q1 is there twice"),
        ({k: v for k, v in item(2).items() if k != "question"}, r"items.jsonl:2: `question` is missing"),
        (item(2, question=[]), r"`question` is missing or of another kind"),
        (item(2, question=[{"role": "doctor", "content": "好"}]), r"items.jsonl:2: the `role` of a message"),
        (item(2, answer=None), r"`answer` is missing or of another kind"),
        (item(2, id=""), r"`id` is missing or of another kind"),
    ],
)
def test_a_broken_item_is_named(tmp_path: Path, record: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_transcripts({"base": evaluation(tmp_path / "base", item(1), record)}, tmp_path / "out.jsonl")


def test_nothing_to_write_and_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least one evaluation"):
        write_transcripts({}, tmp_path / "out.jsonl")
    with pytest.raises(ConfigError, match="each with a name"):
        write_transcripts({"": evaluation(tmp_path / "base", item(1))}, tmp_path / "out.jsonl")
    empty = evaluation(tmp_path / "empty", {"suite": "a", "kind": "choice", "id": "1"})
    with pytest.raises(DataError, match="no dialogue items"):
        write_transcripts({"base": empty}, tmp_path / "out.jsonl")
    with pytest.raises(DataError, match=r"items.jsonl: no such file"):
        write_transcripts({"base": tmp_path / "nowhere"}, tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl").write_text("\n")
    with pytest.raises(DataError, match="no transcripts"):
        read_transcripts(tmp_path / "out.jsonl")


@pytest.mark.parametrize("answers", [None, {}, {"base": 1}, ["a"]])
def test_a_broken_transcript_is_named(tmp_path: Path, answers: Any) -> None:
    record = {"id": "1", "suite": "s", "question": ASKED, "reference": "", "answers": answers}
    (tmp_path / "t.jsonl").write_text(json.dumps(record) + "\n")
    with pytest.raises(DataError, match=r"t.jsonl:1: `answers` is missing or of another kind"):
        read_transcripts(tmp_path / "t.jsonl")
    good = {**record, "answers": {"base": "a"}}
    (tmp_path / "t.jsonl").write_text(json.dumps(good) + "\n" + json.dumps(good))
    with pytest.raises(DataError, match=r"t.jsonl:2: item s/1 is there twice"):
        read_transcripts(tmp_path / "t.jsonl")
