"""The clean-up of answers, against what the published code made of some."""

import json
from pathlib import Path

import pytest

from doctorglm.models.chatglm.response import process_response


def test_the_published_examples(shared: Path) -> None:
    examples = json.loads((shared / "reference/chatglm1_tiny.json").read_text("utf-8"))["process_response"]
    assert len(examples) == 4
    for text, expected in examples:
        assert process_response(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("中,,文", "中，，文"),
        ("中,,,文", "中，,，文"),
        ("a,b!", "a,b!"),
        ("好,a:b;c?好", "好，a:b;c？好"),
        ("\n 38.5,正常!\t", "38.5，正常！"),
        ("\u9fff,\u4dff,", "\u9fff，\u4dff,"),
    ],
)
def test_marks_beside_chinese(text: str, expected: str) -> None:
    assert process_response(text) == expected
