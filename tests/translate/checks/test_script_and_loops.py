"""Letters that should be Chinese, other languages, and what is said again and again."""

import pytest

from .conftest import Told


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Your HbA1c and TSH are normal.", "您的 HbA1c 和 TSH 正常。"),
        ("I use an Accu-Chek meter.", "我用 Accu-Chek 血糖仪。"),
        ("The dose is 5 mg/kg.", "剂量为 5 mg/kg。"),
        ("Write to clinic@example.org.", "请写信到 clinic@example.org。"),
        ("He has Guillain-Barré syndrome.", "他患吉兰-巴雷综合征（Guillain-Barré syndrome）。"),
        ("My mother has a fever.", "我母親發燒。"),
        ("A BRCA1 mutation was found.", "发现 BRCA1 突变。"),
        ("You were seen at [hospital] in May.", "您五月在 [hospital] 就诊。"),
        ("It is caused by Toxoplasma gondii.", "由 Toxoplasma gondii 引起。"),
        ("You need botulinum toxin (Botox).", "您需要 Botox（肉毒毒素）。"),
        ("She lives in Oklahoma.", "她住在 Oklahoma。"),
        ("Type A | B", "A 型 | B"),
    ],
)
def test_letters_that_may_stay(told: Told, english: str, chinese: str) -> None:
    assert {"untranslated", "language"} & {kind for kind, _ in told(english, chinese)} == set()


@pytest.mark.parametrize(
    ("english", "chinese", "reason"),
    [
        ("He has gallstones.", "他有 gallstones。", "left_in_english"),
        ("Warfarin is a blood thinner.", "Warfarin 是抗凝药。", "left_in_english"),
        ("I would give you Propofol.", "我会给您用 Propofol。", "left_in_english"),
        ("You may have Gastroparesis.", "您可能有 Gastroparesis。", "left_in_english"),
        ("You were seen in May.", "您五月在 [hospital] 就诊。", "left_in_english"),
        ("It is caused by gondii.", "由 gondii 引起。", "left_in_english"),
        ("You may have ADHD.", "您可能有多动|注意缺陷。", "model_token"),
        ("My ear hurts, and I have a fever.", "我耳朵痛，and I have a fever.", "not_chinese"),
        ("My ear hurts.", "Me duele el oído.", "not_chinese"),
        ("My ear hurts.", "耳が痛いです。", "japanese"),
        ("My ear hurts.", "귀가 아파요.", "korean"),
        ("My ear hurts.", "У меня болит ухо.", "cyrillic"),
    ],
)
def test_letters_that_may_not(told: Told, english: str, chinese: str, reason: str) -> None:
    assert reason in {why for _, why in told(english, chinese)}


@pytest.mark.parametrize(
    ("english", "chinese", "reason"),
    [
        ("I feel sick.", "我感到我感到我感到恶心。", "repeated"),
        ("I feel sick. I am dizzy.", "我恶心。我头晕得厉害。我头晕得厉害。", "said_twice"),
    ],
)
def test_loops(told: Told, english: str, chinese: str, reason: str) -> None:
    assert ("loop", reason) in told(english, chinese)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Thank you, thank you, thank you!", "谢谢，谢谢，谢谢！"),
        ("Breathe in, breathe out. Breathe in, breathe out.", "吸气，呼气。吸气，呼气。"),
        ("Ha ha ha!", "哈哈哈！"),
        ("Take your time.", "请慢慢来。"),
    ],
)
def test_what_the_english_repeats(told: Told, english: str, chinese: str) -> None:
    assert "loop" not in {kind for kind, _ in told(english, chinese)}
