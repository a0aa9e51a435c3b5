"""What needs no source, and what does although something beside it does not."""

import pytest

from doctorglm.library.exempt import stated


@pytest.mark.parametrize(
    "sentence",
    [
        "您好！",
        "您疼了多久？",
        "请问有没有发烧。",
        "请尽快就医。",
        "建议您到医院风湿免疫科就诊。",
        "如果疼痛加重，请及时去看医生。",
        "以上内容仅供参考，不能代替医生诊断。",
        "资料中没有提到这种情况。",
        "我不知道。",
        "祝您早日康复！",
        "治疗方法如下：",
        "**治疗**：\n",
        "Hello!",
        "How long have you had it?",
        "Please see a doctor.",
        "If it gets worse, call your doctor.",
        "The passages do not say.",
        "This is not a diagnosis.",
    ],
)
def test_these_state_nothing(sentence: str) -> None:
    assert stated(sentence).strip() == ""


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("痛风要限制饮酒。", "痛风要限制饮酒。"),
        ("痛风可能引起肾结石，请及时就医。", "痛风可能引起肾结石，"),
        ("医生常用秋水仙碱治疗痛风。", "医生常用秋水仙碱治疗痛风。"),
        ("可以补充维生素。", "可以补充维生素。"),
        ("禁忌：孕妇。", "禁忌：孕妇。"),
        ("Doctors treat gout with colchicine.", "Doctors treat gout with colchicine."),
    ],
)
def test_these_do(sentence: str, left: str) -> None:
    assert stated(sentence) == left
