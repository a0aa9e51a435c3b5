"""The checks as a whole: kinds, settings, what one fault brings along, and pairs that are right."""

import pickle
from dataclasses import fields

import pytest

from doctorglm.errors import ConfigError
from doctorglm.settings import build
from doctorglm.translate.checks.check import Checks, CheckSettings
from doctorglm.translate.checks.fault import KINDS, Fault
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import own_glossary

from .conftest import Told

_ONE_OF_EACH = [
    ("term", "The scan showed a cyst in the liver.", "扫描显示脾脏有一个囊肿。"),
    ("number", "She coughed for 14 days.", "她咳嗽了 41 天。"),
    ("unit_or_dose", "Take 5 mg of it at night.", "晚上服用 5 g。"),
    ("negation", "He does not smoke.", "他吸烟。"),
    ("gender_person", "My uncle has gout.", "我奶奶有痛风。"),
    ("laterality", "My left knee is swollen.", "我右膝肿了。"),
    ("drug", "She takes prednisone.", "她在吃泼尼松龙。"),
    (
        "length",
        "It hurts.",
        "疼痛非常剧烈，令人难以忍受，而且一天比一天更厉害，夜里常常痛醒，白天也无法正常工作和生活。",
    ),
    ("untranslated", "The biopsy was done.", "已经做了 biopsy。"),
    ("loop", "I feel dizzy.", "我头晕头晕头晕头晕。"),
    ("language", "I feel dizzy.", "めまいがします。"),
    ("order", "My ear hurts. Should I see a doctor?", "我应该看医生吗？我耳朵痛。"),
    ("truncation", "My ear hurts. I cannot hear well.", "我耳朵痛。"),
    ("addition", "My ear hurts.", "我耳朵痛。我还在发烧。"),
    (
        "adequacy",
        "The doctor found a blood clot in my left leg and gave me heparin for ten days.",
        "病毒的传播与学校、工作和交通有关，老人和儿童应在家休息，多喝水，每天量体温。",
    ),
]


@pytest.mark.parametrize(("kind", "english", "chinese"), _ONE_OF_EACH)
def test_each_kind_is_found(told: Told, kind: str, english: str, chinese: str) -> None:
    assert kind in {found for found, _ in told(english, chinese)}


@pytest.mark.parametrize(("kind", "english", "chinese"), _ONE_OF_EACH)
def test_a_kind_that_is_switched_off_is_not_told(kind: str, english: str, chinese: str) -> None:
    checks = Checks(own_glossary(), build(CheckSettings, {kind: False}, "checks"))
    assert kind not in {fault.kind for fault in checks.faults(english, chinese)}


def test_there_is_a_setting_for_each_kind_and_for_nothing_else() -> None:
    assert {field.name for field in fields(CheckSettings)} == set(KINDS)  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        build(CheckSettings, {"terms": False}, "checks")


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("My grandfather fell in the bathroom. His hip hurts.", "我爷爷在浴室摔倒了。他髋部疼痛。"),
        ("Don't worry, this is not dangerous.", "别担心，这不危险。"),
        ("Take one tablet every 8 hours with food for 10 days.", "每 8 小时一片，随餐服用，连服 10 天。"),
        ("Is it safe to take ibuprofen while breastfeeding?", "哺乳期吃布洛芬安全吗？"),
        ("The lump in her right breast is benign.", "她右侧乳房的肿块是良性的。"),
        ("There was neither a fracture nor a dislocation.", "既没有骨折，也没有脱位。"),
        ("My brother has had asthma since he was six.", "我弟弟从六岁起就有哮喘。"),
        ("You may feel tired for a week after the vaccine.", "接种疫苗后您可能会感到疲倦，持续一周。"),
        ("Call 911.", "请拨打 911。"),
        ("", ""),
    ],
)
def test_nothing_is_told_of_right_translations(told: Told, english: str, chinese: str) -> None:
    assert told(english, chinese) == set()


def test_a_loop_brings_no_numbers_along(told: Told) -> None:
    assert told("Take 2 tablets.", "服用 2 片，服用 2 片，服用 2 片，服用 2 片。") == {("loop", "repeated")}


def test_a_sentence_that_was_added_brings_no_term_along(told: Told) -> None:
    assert told("My ear hurts.", "我耳朵痛。我有糖尿病。") == {("addition", "sentence_added")}


def test_a_text_that_breaks_off_brings_no_missing_term_along(told: Told) -> None:
    assert told("My ear hurts and I have a fever.", "我耳朵痛，") == {("truncation", "breaks_off")}


def test_what_would_be_right_is_told_for_a_second_try(checks: Checks) -> None:
    found = [fault for fault in checks.faults("He has asthma.", "他有支气管炎。") if fault.english]
    assert [(fault.kind, fault.english, "哮喘" in fault.expected) for fault in found] == [("term", "asthma", True)]


def test_a_glossary_is_asked_for_its_own_terms() -> None:
    checks = Checks([Entry("zorbitis", ("佐比炎",))])
    assert checks.faults("He has zorbitis.", "他有佐比炎。") == []
    missing = Fault("term", "term_missing", "zorbitis", "", ("佐比炎",))
    assert checks.faults("He has zorbitis.", "他有黑皮病。") == [missing]


def test_terms_that_are_withheld_are_known_from_nowhere() -> None:
    english, chinese = "She has psoriasis.", "她有湿疹。"
    assert "psoriasis" in {fault.english for fault in Checks([]).faults(english, chinese)}
    withheld = Checks([], withheld=[Entry("psoriasis", ("银屑病",)), Entry("eczema", ("湿疹",))])
    assert withheld.faults(english, chinese) == []


def test_what_is_left_of_a_withheld_term_asks_for_nothing() -> None:
    withheld = Checks([], withheld=[Entry("red blood cell", ("红细胞",)), Entry("aneurysm", ("动脉瘤",))])
    assert withheld.faults("The red blood cells are low.", "红细胞偏低。") == []
    assert withheld.faults("He has an aneurysm.", "他有动脉瘤。") == []
    assert {"lung"} <= {f.english for f in withheld.faults("It is in the lung.", "在肝里。")}


def test_withheld_terms_bring_no_sentence_nearer_to_another() -> None:
    withheld = Checks([], withheld=[Entry("psoriasis", ("银屑病",))])
    english = "My ear hurts. I have psoriasis."
    assert withheld.faults(english, "我耳朵痛。我有银屑病。") == []
    assert "order" in {f.kind for f in withheld.faults(english, "我有银屑病。我耳朵痛。")}


def test_a_term_inside_a_longer_one_does_not_answer_it() -> None:
    checks = Checks([Entry("pregnancy", ("怀孕",))])
    found = checks.faults("It is an ectopic pregnancy.", "这是怀孕。")
    assert [(f.reason, f.english) for f in found] == [("term_missing", "ectopic")]
    found = checks.faults("It is a threatened pregnancy.", "这是怀孕。")
    assert [(f.reason, f.english) for f in found] == [("term_missing", "threatened pregnancy")]


def test_checks_can_be_sent_to_another_process(checks: Checks) -> None:
    sent = pickle.loads(pickle.dumps(checks))  # noqa: S301 - made one line above
    assert sent.faults("He has asthma.", "他有肺炎。") == checks.faults("He has asthma.", "他有肺炎。") != []
