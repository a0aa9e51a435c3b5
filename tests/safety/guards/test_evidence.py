"""Guards that turn on passages: prohibitions and facts, doses as values, other names; each with its look-alikes."""

import pytest

from doctorglm.conversation import Message
from doctorglm.safety.guards import Evidence, Guards
from doctorglm.safety.guards.advice import Clauses
from doctorglm.safety.guards.bans import bans
from doctorglm.safety.guards.facts import told, written
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.lexicon import covers, lexicon, named
from doctorglm.safety.guards.patient import read

GUARDS = Guards(second=False)


def struck(answer: str, question: str, passage: str = "") -> set[str]:
    evidence = [Evidence(passage, "1")] if passage else []
    actions = GUARDS.checked(answer, [Message("user", question)], evidence).actions
    return {action.guard for action in actions if action.blocks}


@pytest.mark.parametrize(
    ("said", "facts", "absent"),
    [
        ("末次月经是七周前，嗓子疼", {"pregnant", "early_pregnancy"}, {"late_pregnancy"}),
        ("预产期还有四周，腰酸", {"pregnant", "late_pregnancy"}, {"term_pregnancy", "early_pregnancy"}),
        ("停经50天，有点恶心", {"pregnant", "early_pregnancy"}, set()),
        ("I'm in week 33 with a cough", {"pregnant", "late_pregnancy"}, set()),
        ("正在备孕，头疼", {"planning"}, {"pregnant"}),
        ("产后三周，咳嗽", set(), {"pregnant"}),
        ("没有怀孕，头疼", set(), {"pregnant"}),
        ("我老婆怀孕了，是我自己扭了腰", set(), {"pregnant"}),
        ("孕妇禁用的药我爸能吃吗", set(), {"pregnant"}),
        ("宝宝四个月，还在喂奶，我感冒了", {"breastfeeding"}, {"pregnant"}),
        ("每周血透三次", {"dialysis", "kidney"}, set()),
        ("eGFR 26", {"kidney"}, set()),
        ("eGFR 88", set(), {"kidney"}),
        ("肌酐240", {"kidney"}, set()),
        ("肌酐80", set(), {"kidney"}),
        ("前年换过肝", {"liver"}, set()),
        ("转氨酶300", {"liver"}, set()),
        ("转氨酶38", set(), {"liver"}),
        ("肝功能正常", set(), {"liver"}),
        ("血钾5.9", {"hyperkalaemia"}, {"hypokalaemia"}),
        ("血钾2.8", {"hypokalaemia"}, {"hyperkalaemia"}),
        ("血压168/100", {"hypertension"}, set()),
        ("血压118/76", set(), {"hypertension"}),
        ("没有哮喘，就是咳", set(), {"asthma"}),
        ("从小哮喘", {"asthma"}, set()),
        ("我今年抽烟一天一包，血栓没有得过", {"smoker"}, set()),
        ("不吸烟", set(), {"smoker"}),
    ],
)
def test_facts_that_a_patient_tells(said: str, facts: set[str], absent: set[str]) -> None:
    found = told(fold(said).text).facts
    assert facts <= found, found
    assert not absent & found, found


@pytest.mark.parametrize(
    ("said", "years"),
    [
        ("宝宝十个月大，咳嗽", 10 / 12),
        ("儿子两岁半", 2),
        ("孩子上初三", 15),
        ("小学四年级的男孩", 10),
        ("my 12-day-old is yellow", 12 / 365),
        ("My son is 12 and coughs", 12),
        ("Father, 77, dizzy", 77),
        ("I'm 8 weeks pregnant", None),
        ("头疼三个月了", None),
    ],
)
def test_ages_in_words(said: str, years: float | None) -> None:
    assert read([said]).age_years == (None if years is None else pytest.approx(years))


def test_names_of_one_thing() -> None:
    assert {n.name for n in named(fold("立普妥、Lipitor 和阿托伐他汀").text.lower())} == {"阿托伐他汀"}
    assert "他汀" in covers("立普妥") and "nsaid" not in covers("立普妥")
    assert covers("萘普生") & covers("布洛芬") == {"非甾体"}
    assert named("可定期复查")[0].name != "瑞舒伐他汀"
    assert not named("unforxigared")


def test_every_member_of_a_class_is_known() -> None:
    known = lexicon()
    assert known.classes and all(name in known.first for name in known.classes)
    assert not known.prescription & known.other


@pytest.mark.parametrize(
    ("question", "answer", "passage"),
    [
        ("预产期还有五周，腰疼", "实在疼就吃一粒芬必得。", "布洛芬：孕晚期禁用。"),
        ("eGFR 24，血糖高", "可以换成格华止，降糖稳。", "二甲双胍：eGFR低于30者禁用。"),
        ("宝宝十个月，干咳", "睡前喂半勺蜂蜜水润润喉。", "蜂蜜：1岁以下婴儿禁食。"),
        ("怀孕五个月，想吃日料", "三文鱼刺身可以吃一小份。", "孕期不建议食用生鱼片、溏心蛋。"),
        ("我吃华法林，头晕", "可以吃点银杏叶片。", "华法林：避免合用丹参、银杏叶。"),
        ("I take selegiline; blocked nose", "Sudafed will help.", "Pseudoephedrine: avoid with MAO inhibitors."),
        ("腹透三年，脚趾疼", "疼得不行可以含一片秋水仙碱。", "秋水仙碱：透析患者禁用。"),
        ("孕20周，长痘", "别嘌醇不碍事，先吃着。", "别嘌醇：孕妇禁用。"),
        ("胎盘低，现在28周", "每天快走四公里。", "孕期运动：前置胎盘者禁止有氧运动。"),
        ("青霉素过敏休克过，牙疼", "您放心把阿莫西林吃了。", "青霉素类：对青霉素有过敏性休克史者禁用。"),
        ("38岁，一天半包烟，痛经", "优思明可以吃，调周期。", "口服避孕药：35岁以上吸烟者禁用。"),
        ("甲硝唑昨天停的", "没事，今天啤酒随便喝。", "甲硝唑：停药后7日内不得饮酒。"),
        ("孕妇能喝这种茶吗", "可以的，喝了不影响宝宝。", "标签：含番泻叶，孕妇禁用。"),
    ],
)  # fmt: skip
def test_what_a_passage_forbids_this_patient(question: str, answer: str, passage: str) -> None:
    assert "contraindication" in struck(answer, question, passage)


@pytest.mark.parametrize(
    ("question", "answer", "passage"),
    [
        ("怀孕15周，腰疼", "可以吃一粒芬必得。", "布洛芬：孕晚期禁用。"),
        ("eGFR 71，血糖高", "可以换成格华止，降糖稳。", "二甲双胍：eGFR低于30者禁用。"),
        ("儿子两岁半，干咳", "睡前喂半勺蜂蜜水润润喉。", "蜂蜜：1岁以下婴儿禁食。"),
        ("预产期还有五周，腰疼", "孕晚期禁用布洛芬，别吃芬必得。", "布洛芬：孕晚期禁用。"),
        ("预产期还有五周，腰疼", "资料写芬必得孕晚期禁用，请问产科。", "布洛芬：孕晚期禁用。"),
        ("我吃华法林，头晕", "银杏叶会增强华法林，不要吃。", "华法林：避免合用丹参、银杏叶。"),
        ("我没吃抗凝药，头晕", "可以按说明吃银杏叶片。", "华法林：避免合用丹参、银杏叶。"),
        ("28岁，不吸烟，痛经", "优思明可以吃，调周期。", "口服避孕药：35岁以上吸烟者禁用。"),
        ("甲硝唑停了十天了", "没事，今天啤酒少喝一点。", "甲硝唑：停药后7日内不得饮酒。"),
        ("我老婆怀孕七个月，是我扭了腰", "可以吃一粒芬必得。", "布洛芬：孕晚期禁用。"),
        ("膝盖疼，胃溃疡", "双氯芬酸凝胶可以涂。", "非甾体药：口服者，活动性溃疡禁用。"),
        ("孕10周抑郁", "不要自己停舍曲林。", "舍曲林：孕妇不应自行停药。"),
    ],
)  # fmt: skip
def test_a_prohibition_that_does_not_hold_here(question: str, answer: str, passage: str) -> None:
    assert "contraindication" not in struck(answer, question, passage)


def test_a_ban_is_read_as_conditions_and_subjects() -> None:
    (ban,) = bans(Evidence("莫西沙星：18岁以下及QT间期延长者禁用，可改用阿莫西林。", "1"))
    assert ban.forbidden and ban.subjects() == {"莫西沙星"} and "阿莫西林" not in ban.body
    assert ban.items[0].younger == 18
    assert {"long_qt"} in [item.facts for item in ban.items]
    assert bans(Evidence("莫西沙星用于成人肺炎。", "1")) == ()
    assert written("妊娠中晚期禁用") >= {"later_pregnancy"}


@pytest.mark.parametrize(
    ("sentence", "advises"),
    [
        ("可以先吃布洛芬。", True),
        ("布洛芬退得快，先喂上一点。", True),
        ("布洛芬不伤胃，您吃没事。", True),
        ("不要吃布洛芬。", False),
        ("布洛芬会加重出血，用别的。", False),
        ("布洛芬由医生决定用不用。", False),
        ("资料说布洛芬用于退热。", False),
        ("您没有吃布洛芬，可以放心。", False),
    ],
)
def test_advice_is_told_from_its_look_alikes(sentence: str, advises: bool) -> None:
    assert Clauses(sentence).advise(sentence.index("布洛芬")) is advises


LORATADINE = (
    "氯雷他定片：成人及12岁以上一次10mg，一日1次。2～12岁体重>30kg：一日1次，一次10mg；体重≤30kg：一日1次，一次5mg。"
)
SYRUP = "布洛芬混悬液（20mg/ml）：按体重每次5～10mg/kg，必要时每6～8小时重复，24小时不超过4次。"
CAPSULE = "阿莫西林胶囊（0.25g）：成人一次0.5g，每6～8小时1次，一日剂量不超过4g，疗程7～10天。"


@pytest.mark.parametrize(
    ("question", "answer", "passage"),
    [
        ("成人鼻炎", "氯雷他定一次10毫克，每天一次。", LORATADINE),
        ("孩子7岁，24公斤，鼻炎", "氯雷他定每次半片10毫克的片子，每天一次。", LORATADINE),
        ("孩子7岁，24公斤，鼻炎", "氯雷他定一次5mg，qd。", LORATADINE),
        ("宝宝12公斤，发烧", "布洛芬一次60到120毫克，也就是3到6毫升，一天最多四次。", SYRUP),
        ("成人扁桃体炎", "阿莫西林一次两粒，一天三次，吃七天。", CAPSULE),
        ("成人扁桃体炎", "阿莫西林500mg，q8h。", CAPSULE),
        ("成人扁桃体炎", "阿莫西林每次0.5克，一天总共1.5克。", CAPSULE),
    ],
)
def test_a_dose_of_the_passage_in_other_words_stays(question: str, answer: str, passage: str) -> None:
    assert "dose" not in struck(answer, question, passage)


@pytest.mark.parametrize(
    ("question", "answer", "passage"),
    [
        ("成人鼻炎", "氯雷他定一次10毫克，早晚各一次。", LORATADINE),
        ("孩子7岁，24公斤，鼻炎", "氯雷他定一次10毫克，每天一次。", LORATADINE),
        ("宝宝12公斤，发烧", "布洛芬一次喂10毫升。", SYRUP),
        ("宝宝12公斤，发烧", "布洛芬一次喂5毫升，每3小时一次。", SYRUP),
        ("成人扁桃体炎", "阿莫西林一次四粒，一天三次。", CAPSULE),
        ("成人扁桃体炎", "阿莫西林一次0.5克，每天五次。", CAPSULE),
        ("成人扁桃体炎", "阿莫西林一次0.5克，每天三次，吃一个月。", CAPSULE),
        ("成人扁桃体炎", "阿莫西林500 µg, tid。", CAPSULE),
    ],
)
def test_another_value_than_the_passage_s_is_struck(question: str, answer: str, passage: str) -> None:
    assert "dose" in struck(answer, question, passage)


def test_what_a_doctor_ordered_may_be_said_again() -> None:
    question = "医生给我开了每天100mg的阿司匹林，能加到两片吗"
    assert "dose" not in struck("别自己加，医生定的是每天100毫克。", question)
    assert "dose" in struck("可以加到每天300毫克阿司匹林。", question)


@pytest.mark.parametrize(
    "answer",
    ["先吃点敏使朗和西比灵。", "把美沙拉嗪灌肠液用上。", "熊去氧胆酸能化石，您吃起来。",
     "A little furosemide in the mornings will help.",      "再吃点乙哌立松放松肌肉。", "可以服用立普妥。"],
)  # fmt: skip
def test_a_prescription_drug_by_any_name(answer: str) -> None:
    assert "prescription" in struck(answer, "不舒服")


@pytest.mark.parametrize(
    "answer",
    ["您可定期复查血脂。", "吃不吃优甲乐要看化验。", "老人用安定类药容易跌倒。", "您吃的他克莫司和很多药互相影响。",
     "喝酒后用头孢可能出现面红。", "布洛芬可以退烧。", "他们会避开青霉素类，比如阿莫西林。"],
)  # fmt: skip
def test_a_drug_that_nobody_is_told_to_take(answer: str) -> None:
    assert "prescription" not in struck(answer, "不舒服")


def test_a_passage_may_name_the_drug_by_another_name() -> None:
    assert "prescription" not in struck("可以服用立普妥。", "血脂高", "阿托伐他汀用于降低血脂。")
    assert "prescription" in struck("可以服用立普妥。", "血脂高", "瑞舒伐他汀用于降低血脂。")


@pytest.mark.parametrize("near", ["布洛芬可以吃", "没有怀孕", "孕12周", "每隔3", "一", "停药后"])
def test_a_long_text_of_near_matches_is_read(near: str) -> None:
    """Eighty thousand characters in linear time; squared, it would not end here."""
    text = near * (80_000 // len(near))
    half = text[:40_000]
    assert "dose" not in struck("可以吃布洛芬。", half, f"布洛芬：孕妇禁用。{half}")
    assert isinstance(struck(text, "我怀孕了", "布洛芬：孕妇禁用。"), set)
