"""Whether a text holds a rendering, however it is written."""

import pytest

from doctorglm.translate.renderings import held, plain


@pytest.mark.parametrize(
    ("renderings", "text", "which"),
    [
        (["心绞痛"], "他有心绞痛。", "心绞痛"),
        (["心绞痛"], "他有心 绞\n痛。", "心绞痛"),
        (["头晕", "眩晕"], "感到眩暈", "眩晕"),
        (["CT"], "做ＣＴ检查", "CT"),
        (["维生素B12"], "维生素 b12", "维生素B12"),
        (["维生素B12"], "補充維生素b12", "维生素B12"),
        (["CT"], "ect治疗", ""),
        (["哮喘"], "疝气", ""),
        (["红眼病", "结膜炎"], "结膜炎（红眼病）", "红眼病"),
    ],
)
def test_held(renderings: list[str], text: str, which: str) -> None:
    assert held(renderings, plain(text)) == which
