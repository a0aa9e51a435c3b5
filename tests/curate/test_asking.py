"""A question to the patient is told from a polite, a rhetorical and a reported one."""

import pytest

from doctorglm.curate.asking import asks_back


@pytest.mark.parametrize(
    "answer",
    [
        "您疼了多久？",
        "孩子多大了？有没有发烧？",
        "先别急。以前查出过糖尿病吗？现在用什么药？",
        "头晕是天旋地转，还是昏沉？",
        "建议查血常规。您对青霉素过敏吗",
        "请问您怀孕几周了",
        "请补充一下年龄和用药情况。",
        "请您详细描述疼痛的部位。",
        "大便什么颜色？",
        "平时血压多少？",
        "最近有体重下降吗？",
        "How long have you had the cough?",
        "I see. Do you have any pain when you swallow?",
        "Is it swollen?",
        "Please tell me which medicines you take.",
        "Any fever?",
    ],
)
def test_it_asks(answer: str) -> None:
    assert asks_back(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "多喝水，注意休息。",
        "还有什么问题吗？",
        "请问还有什么可以帮您？",
        "按时吃药，明白了吗？",
        "您听懂了吗？",
        "两周后复查，好吗？",
        "感冒了怎么办？首先要多喝水。",
        "为什么会疼呢？因为发炎了。",
        "什么是高血压？就是血压持续升高。",
        "高血压吃什么好？芹菜不错。",
        "您知道熬夜有多伤身体吗？",
        "健康比什么都重要，何乐而不为呢？",
        "要看是否有感染，再决定用不用抗生素。",
        "没什么大碍，过几天就好。",
        "请看说明书。",
        "请问医生后再用药。",
        "Do you have any other questions?",
        "Why does it hurt? Because the joint is inflamed.",
        "What should you do? Rest.",
        "Does that make sense?",
        "Please let me know if you have any questions.",
        "Take two tablets a day.",
    ],
)
def test_it_does_not_ask(answer: str) -> None:
    assert not asks_back(answer)
