"""The AI label: explicit on every answer and copy, implicit in metadata."""

import hashlib

from doctorglm.language import choose
from doctorglm.safety.label import LABEL, labelled, metadata


def test_the_explicit_label_stands_first_in_both_languages() -> None:
    try:
        for language, words in (("zh", "AI 生成"), ("en", "AI-generated")):
            choose(language)  # type: ignore[arg-type]
            assert labelled("多喝水。").startswith(f"[{words}")
            assert labelled("多喝水。").endswith("]\n多喝水。")
    finally:
        choose(None)
    assert "不是诊断" in LABEL.zh and "not a diagnosis" in LABEL.en


def test_the_implicit_label_has_the_standard_s_fields() -> None:
    fields = metadata("多喝水。", producer="某医院")["AIGC"]
    assert list(fields) == [
        "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"
    ]  # fmt: skip
    assert (fields["Label"], fields["ContentProducer"]) == ("1", "某医院")
    assert fields["ProduceID"] == hashlib.sha256("多喝水。".encode()).hexdigest()[:32]
    assert metadata("x", content_id="a-1")["AIGC"]["ProduceID"] == "a-1"
