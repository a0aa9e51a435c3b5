"""What small models make of consultations: wordings that are right, in several ways, and errors that are none."""

import pytest

from doctorglm.translate.checks.check import Checks

from .conftest import Told


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("I see dark spots in front of my eyes.", "我眼前有暗色的斑点。"),
        ("No heartbeat was seen on the ultrasound.", "超声未见胎心。"),
        ("There is fluid in the pleural cavity.", "胸膜腔内有液体。"),
        ("We will do a complete blood count and a urinalysis.", "我们将做全血细胞计数和尿液分析。"),
        ("You need an eye exam.", "您需要做眼科检查。"),
        ("The tumour lies behind the vitreous.", "肿瘤位于玻璃体后方。"),
        ("The skin tone looks patchy.", "肤色看起来不均匀。"),
        ("My nephew was treated for drug abuse.", "我侄子因吸毒接受过治疗。"),
        ("It is a bone disorder.", "这是一种骨骼疾病。"),
        ("The arch of my foot has collapsed.", "我的足弓塌陷了。"),
        ("Vitamin K is needed for blood clotting.", "凝血需要维生素 K。"),
        ("Talk to your healthcare provider.", "请咨询您的医疗提供者。"),
        ("I get cramps in my calves.", "我小腿抽搐。"),
        ("My father has an abdominal aortic aneurysm.", "我父亲有腹主动脉瘤。"),
        ("I had a radiographic imaging procedure.", "我做了放射学成像检查。"),
        ("This cream gives pain relief.", "这种乳膏能缓解疼痛。"),
        ("He has paresthesia in both hands.", "他双手麻木。"),
        ("Choline is not a medicine.", "胆碱不是药。"),
        ("The hair is irregular.", "头发不规则。"),
        ("She fell and has several lacerations.", "她摔倒了，有几处撕裂伤。"),
        ("He has been restless lately.", "他最近烦躁。"),
        ("I dislocated my shoulder.", "我肩膀错位了。"),
        ("The ointment contains tazarotene.", "药膏含有他扎罗汀。"),
    ],
)
def test_wordings_that_are_right(told: Told, english: str, chinese: str) -> None:
    assert told(english, chinese) == set()


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        ("She has trichiasis.", "她有倒睫。", "她有三叉体炎。"),
        ("He was told that it is empyema.", "他被告知是脓胸。", "他被告知是气胸。"),
        ("It may be a threatened miscarriage.", "可能是先兆流产。", "可能是威胁性的怀孕。"),
        ("This is a missed abortion.", "这是稽留流产。", "您错过了流产。"),
        ("He drank ethylene glycol.", "他喝了乙二醇。", "他喝了乙醇酸。"),
        ("It looks like pityriasis rosea.", "看起来像玫瑰糠疹。", "看起来像皮疹玫瑰。"),
        ("The smear shows trichomonas.", "涂片显示滴虫。", "涂片显示念珠菌。"),
        ("Floaters are harmless.", "飞蚊症无害。", "浮流无害。"),
        ("He has a perirectal abscess.", "他有直肠周围脓肿。", "他有直肠脓肿。"),
        ("She has ankylosing spondylitis.", "她有强直性脊柱炎。", "她有类风湿性脊柱炎。"),
    ],
)
def test_illnesses_that_became_something_else(told: Told, english: str, right: str, wrong: str) -> None:
    assert told(english, right) == set()
    assert told(english, wrong) - {("gender_person", "pronoun_added")}


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        ("Use Desonide on the face.", "面部用地奈德。", "面部用 Desonide。"),
        ("You need Sotalol.", "您需要索他洛尔。", "您需要硫洛醇。"),
        ("Use Tropicamide eye drops.", "使用托吡卡胺滴眼液。", "使用妥布霉素滴眼液。"),
        ("He takes Mirapex.", "他在吃普拉克索。", "他在吃普拉米塞。"),
        ("Take ferrous sulfate.", "服用硫酸亚铁。", "服用铁磺酸。"),
        ("Sevoflurane was used.", "使用了七氟烷。", "使用了地氟烷。"),
    ],
)
def test_drugs_that_consultations_name(told: Told, english: str, right: str, wrong: str) -> None:
    assert told(english, right) == set()
    assert {"drug", "untranslated"} & {kind for kind, _ in told(english, wrong)}


@pytest.mark.parametrize(
    ("english", "chinese", "row"),
    [
        ("The patient is stable.", "患者病情稳定。", "stabbing"),
        ("Use cyclopentolate.", "使用环喷托酯。", "bicycle"),
        ("The spleen gained nothing.", "脾脏没有变化。", "weight"),
        ("Sagittal images are clear.", "矢状面图像清晰。", "sagging"),
        ("The colony grew in the dish.", "菌落在培养皿里生长。", "colon"),
        ("It is ichthyosis.", "这是鱼鳞病。", "ice"),
        ("Magnesium sulfate is safe.", "硫酸镁是安全的。", "sulfa"),
        ("There was a splinter in the wound.", "伤口里有一根木刺。", "splint"),
        ("The floor was slippery.", "地板很滑。", "slipper"),
    ],
)
def test_what_only_begins_like_a_word_asks_for_nothing(checks: Checks, english: str, chinese: str, row: str) -> None:
    """`row`: whose Chinese was asked for."""
    assert [fault for fault in checks.faults(english, chinese) if fault.reason == "term_missing"] == [], row
