"""Each filter rejects what it is for, by its reason, and lets honest text pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctorglm.conversation import Conversation, Message, Role
from doctorglm.curate.filters import Filter, chain, first_rejection
from doctorglm.curate.filters.rejection import around
from doctorglm.curate.settings import CurateSettings
from doctorglm.errors import ConfigError
from doctorglm.settings import build

Q, A = "高血压怎么办？", "建议低盐饮食，按时吃药，定期量血压，并到心内科复诊。"


def dialogue(*contents: str, roles: tuple[Role, ...] = (), identifier: str = "x", department: str = "") -> Conversation:
    speakers: tuple[Role, ...] = roles or ("user", "assistant") * (len(contents) // 2)
    messages = tuple(Message(role, content) for role, content in zip(speakers, contents, strict=True))
    return Conversation(id=identifier, messages=messages, department=department)


def reason(conversation: Conversation, **settings: int) -> str | None:
    return first_reason(chain(CurateSettings(**settings)), conversation)  # type: ignore[arg-type]


def first_reason(filters: list[Filter], conversation: Conversation) -> str | None:
    rejection = first_rejection(filters, conversation)
    return rejection.reason if rejection else None


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        (Q, A, None),
        (Q, "可以", None),
        (Q, "可以吃，但不要多吃", None),
        (Q, A[:-1] + "”", None),
        (Q, A[:-1] + "！）", None),
        (Q, "", "no_answer"),
        (Q, "。。。", "no_answer"),
        ("", A, "no_question"),
        ("？？", A, "no_question"),
        (Q, "好", "short_answer"),
        (Q, A[:-1], "cut_off"),
        (Q, A[:-1] + "，", "cut_off"),
        (Q, A[:-1] + "；", "cut_off"),
        (Q, A + "\ufffd", "replacement_character"),
        (Q + "\0", A, "nul_character"),
        (Q, A + "\ud83d", "mojibake"),
        (Q, "锟斤拷锟斤拷", "mojibake"),
        (Q, A.encode().decode("gb18030", "replace").replace("\ufffd", ""), "mojibake"),
        (Q, A.encode().decode("latin-1"), "mojibake"),
        (Q.encode().decode("cp1252", "ignore"), A, "mojibake"),
        (Q, A * 9 + "头痛发烧".encode("gbk").decode("latin-1") + A * 9, "mojibake"),
        (Q, A.replace("，", "········××××××××"), None),
        ("Is it a café–style menü?", "Yes, the naïve résumé à la carte — at 37.5°C, it’s “fine”.", None),
        (Q, "长" * 20_000 + "。", "too_long"),
    ],
)
def test_reasons(question: str, answer: str, expected: str | None) -> None:
    assert reason(dialogue(question, answer)) == expected


def test_damage_in_a_department_is_found() -> None:
    assert reason(dialogue(Q, A, department="内\ud800科")) == "mojibake"


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (("user", "assistant"), None),
        (("system", "user", "assistant"), None),
        (("user", "assistant", "user", "assistant"), None),
        (("assistant", "user", "assistant"), "roles"),
        (("user", "system", "assistant"), "roles"),
        (("user",), "no_answer"),
        (("assistant",), "no_question"),
        (("system",), "no_question"),
    ],
)
def test_roles_alternate(roles: tuple[Role, ...], expected: str | None) -> None:
    assert reason(dialogue(*(Q if role == "user" else A for role in roles), roles=roles)) == expected


def test_every_answer_of_a_dialogue_is_looked_at() -> None:
    assert reason(dialogue(Q, A, Q, A[:-1])) == "cut_off"
    assert reason(dialogue(Q, "", Q, A)) == "no_answer"


@pytest.mark.parametrize(
    ("settings", "answer", "before", "after"),
    [
        ({"min_answer_chars": 5}, "可以", None, "short_answer"),
        ({"max_chars": 10}, A, None, "too_long"),
        ({"cut_off_chars": 5}, "可以吃，但不要多吃", None, "cut_off"),
    ],
)
def test_each_threshold_counts(settings: dict[str, int], answer: str, before: str | None, after: str) -> None:
    assert reason(dialogue(Q, answer)) == before
    assert reason(dialogue(Q, answer), **settings) == after


CURED = "幽门螺杆菌根治后一定能治好，永不复发，这是祖传秘方，吃完就好了。"


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("高血压应该怎么办呢？", "高血压应该怎么办呢。", "echo"),
        ("高血压应该怎么办呢？", "高血压应该怎么办呢？低盐饮食，按时吃药，定期量血压。", None),
        (Q, "多喝水，" * 20 + "多喝水。", "loop"),
        (Q, "多喝水，多喝水。", None),
        (Q, "Это очень опасно, обратитесь к врачу немедленно.", "language"),
        (Q, "お大事にしてください、薬を飲みましょう。", "language"),
        (Q, "建议服用β受体阻滞剂（metoprolol 25 mg bid），监测α1-抗胰蛋白酶。", None),
        ("How are you?", "Please see a doctor today.", None),
        (Q, CURED, "cure_claim"),
        (Q, "中药可以根治，放心。", "cure_claim"),
        (Q, "用偏方也可以试试。", "cure_claim"),
        (Q, "目前无法根治，需要长期服药。", None),
        (Q, "不要相信偏方，请到医院就诊。", None),
        (Q, "所谓祖传秘方都是骗人的。", None),
        (Q, "断指用干净纱布包好，马上到医院。", None),
        (Q, "可以做肺癌根治术，术后定期复查。", None),
        (Q, "根治幽门螺杆菌需要四联疗法。", None),
        (Q, "请加我微信abc_123详谈。", "advertisement"),
        (Q, "我的电话16400001234，随时联系。", "advertisement"),
        (Q, "点击在线咨询，免费领取试用装。", "advertisement"),
        (Q, "如有胸痛请立即拨打120。", None),
        (Q, "随时欢迎咨询，参考https://www.who.int 的说明。", None),
        (Q, "密码是abc12345，请登录。", "secret"),
        (Q, "请用sk-abcdefghij0123456789xyz这个密钥。", "secret"),
        (Q, "医保卡密码忘了可以到窗口重置。", None),
        ("建议您到医院检查，注意休息。", "医生您好，我头痛三天了该怎么办？", "exchanged_roles"),
        ("医生建议您说的检查我做了，怎么办？", A, None),
        (Q, "要积极救治，留意歇息，不定期复检，消化身体营养。", "machine_spun"),
        (Q, "要积极治疗，注意休息，定期复查，加强营养。", None),
        (Q, "需要有人陪同，再次出现请复诊。", "machine_spun"),
        (Q, "需要有人陪同，再次出现请复诊。" + "请按时服药，注意休息，定期复查血压和血糖。" * 30, "loop"),
        (Q, "需要有人陪同，再次出现请复诊。" + "".join(f"第{i}周请量血压并记录。" for i in range(30)), None),
    ],
)
def test_reasons_of_the_filters_for_quality(question: str, answer: str, expected: str | None) -> None:
    assert reason(dialogue(question, answer)) == expected


def test_filters_are_a_list_in_the_settings() -> None:
    spun = dialogue(Q, "要积极救治，留意歇息，不定期复检，消化身体营养。")
    for value in ("all-machine_spun", "damaged,empty", ["damaged"]):
        assert first_reason(chain(build(CurateSettings, {"filters": value}, "curate")), spun) is None
    assert first_reason(chain(build(CurateSettings, {"filters": "all-cut_off"}, "curate")), spun) == "machine_spun"
    with pytest.raises(ConfigError, match="there is no 'spun'; there are damaged"):
        build(CurateSettings, {"filters": "all-spun"}, "curate")


def test_languages_are_a_setting() -> None:
    english = dialogue("How are you?", "Please see a doctor today.")
    assert first_reason(chain(build(CurateSettings, {"languages": "zh"}, "curate")), english) == "language"


LONG = "".join(f"第{i}周请量血压并记录。" for i in range(30))
SECRET = "sk-abcdefghij0123456789xyz"


@pytest.mark.parametrize(
    ("question", "answer", "evidence"),
    [
        (Q, A[:-1] + "，然后再看看效果如何", "心内科复诊，然后再看看效果如何"),
        (Q, "多喝水，" * 20 + "多喝水。", "多喝水，"),
        (Q, "-" * 30 + "多喝水，" * 20 + "多喝水。", "多喝水，"),
        (Q, "您好。中药可以根治，放心。", "您好。中药可以根治，放心。"),
        (Q, LONG + "请加我微信abc_123详谈。" + LONG, "请加我微信abc_123详谈。"),
        (Q, "我的电话16400001234，随时联系。", "我的电话16400001234，随时联系。"),
        (Q, f"请用{SECRET}这个密钥。", "api key"),
        (Q, "密码是abc12345，请登录。", "password"),
        ("建议您到医院检查，注意休息。", "医生您好，我头痛三天了该怎么办？", "医生您好，我"),
        (Q, "要积极救治，留意歇息，不定期复检，消化身体营养。", "、"),
        (Q, "お大事にしてください、薬を飲みましょう。", "お大事にしてください"),
        (Q, "高血压怎么办", "高血压怎么办"),
        (Q, "前" * 100 + "\ufffd" + "后" * 100, "前\ufffd后"),
        (Q, "好", "好"),
        (Q, "长" * 20_000 + "。", "20008 > 20000"),
        (Q, "。。。", "。。。"),
    ],
)
def test_the_evidence_is_what_the_rejection_rests_on(question: str, answer: str, evidence: str) -> None:
    rejection = first_rejection(chain(CurateSettings()), dialogue(question, answer))
    assert rejection is not None
    assert evidence in rejection.evidence
    assert len(rejection.evidence) <= 60
    assert SECRET not in rejection.evidence and "abc12345" not in rejection.evidence


def test_the_odd_words_of_a_spun_text_are_its_evidence() -> None:
    rejection = first_rejection(chain(CurateSettings()), dialogue(Q, "要积极救治，留意歇息，不定期复检。"))
    assert rejection is not None
    assert rejection.evidence.split("、") == ["积极救治", "留意歇息", "不定期复检", "救治", "歇息", "复检"]


@pytest.mark.parametrize("position", [0, 5, 300])
def test_no_evidence_where_a_key_stands_in_the_conversation(position: int) -> None:
    text = "请看" + "这" * position + f"密钥{SECRET}没有说完就"
    rejection = first_rejection(chain(CurateSettings()), dialogue(Q, text))
    assert rejection is not None
    assert (rejection.reason, rejection.evidence) == ("cut_off", "")


def test_half_a_surrogate_pair_can_be_written_as_evidence() -> None:
    rejection = first_rejection(chain(CurateSettings()), dialogue(Q, A + "\ud83d"))
    assert rejection is not None and rejection.evidence.encode("utf-8")


@given(st.text(max_size=200), st.integers(0, 200), st.integers(0, 90))
def test_a_stretch_holds_what_was_found_and_no_more_than_is_allowed(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    end = min(start + length, len(text))
    stretch = around(text, start, end)
    assert len(stretch) <= 60
    assert " ".join(text[start:end][:60].encode("utf-8", "replace").decode().split()) in stretch or end - start > 60
