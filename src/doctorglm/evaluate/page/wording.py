"""What figures, suites, categories and findings are called on the pages, in both languages, and in which unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from doctorglm.evaluate.figures.texts import DIALOGUE_FIGURES
from doctorglm.evaluate.metrics import METRICS, TEST_SUITES, Share
from doctorglm.language import Text
from doctorglm.report.numbers import THIN_SPACE, interval, number
from doctorglm.report.wording import Wording

THROUGH_CONSULT = "+consult"


@dataclass(frozen=True, kw_only=True)
class Unit:
    """How values of one kind are written: multiplied by `scale`, with `suffix` behind a value of its own."""

    axis: Text
    """The unit of values, at the foot of an axis."""
    difference: Text
    """The unit of differences."""
    scale: float = 1.0
    digits: int = 3
    suffix: str = ""

    def value(self, value: float | None) -> str:
        """A value, `–` where there is none."""
        return "–" if value is None else number(self.scale * value, self.digits) + self.suffix

    def ends(self, low: float | None, high: float | None, *, signed: bool = False) -> str:
        """The ends of an interval, `–` where there is none."""
        if low is None or high is None:
            return "–"
        return interval(self.scale * low, self.scale * high, self.digits, signed=signed)

    def change(self, value: float | None) -> str:
        """A difference, signed."""
        return "–" if value is None else number(self.scale * value, self.digits, signed=True)


def _plain(en: str, zh: str, digits: int) -> Unit:
    return Unit(
        axis=Text(en=en, zh=zh), difference=Text(en=f"difference, {en}", zh=f"差值，{zh}"), digits=digits
    )  # fmt: skip


SHARE = Unit(
    axis=Text(en="per cent", zh="百分比"),
    difference=Text(en="difference, percentage points", zh="差值，百分点"),
    scale=100.0,
    digits=1,
    suffix=f"{THIN_SPACE}%",
)
NATS = _plain("nats per token", "nat / token", 3)
NATS_OF_DOCUMENT = _plain("nats per conversation", "nat / 段对话", 1)
PERPLEXITY = _plain("perplexity", "困惑度", 2)
TOKENS = _plain("tokens", "token", 1)
CHARACTERS = _plain("characters", "字符", 1)
COUNT = _plain("in each answer", "每个回答的个数", 2)
SCORE = _plain("points of 100", "分（满分 100）", 1)
PLAIN = _plain("as measured", "原单位", 3)

_UNITS: Mapping[str, Unit] = {
    "nll_per_token": NATS,
    "nll_per_document": NATS_OF_DOCUMENT,
    "perplexity": PERPLEXITY,
    "answer_tokens": TOKENS,
    "repetition": SHARE,
    "quality": SHARE,
    **dict.fromkeys(("acc", "acc_norm", "exact_match", "f1"), SHARE),
}
_UNITS_IN_WORDS = {"share, 0 to 1": SHARE, "0 to 100": SCORE, "characters": CHARACTERS, "per answer": COUNT}
"""The units of `texts.DIALOGUE_FIGURES`."""

FIGURES: Mapping[str, Text] = {
    "nll_per_token": Text(en="NLL per token", zh="每 token 的 NLL"),
    "nll_per_document": Text(en="NLL per conversation", zh="每段对话的 NLL"),
    "perplexity": Text(en="perplexity", zh="困惑度"),
    "repetition": Text(en="repeated 4-grams", zh="四字重复率"),
    "loops": Text(en="answers that loop", zh="循环重复的回答"),
    "ends_by_itself": Text(en="answers that end by themselves", zh="自行结束的回答"),
    "echoes": Text(en="answers that echo the question", zh="复述问题的回答"),
    "answer_tokens": Text(en="length in tokens", zh="回答长度（token）"),
    "failed": Text(en="no answer could be had", zh="未能得到回答"),
    "bleu": Text(en="BLEU", zh="BLEU"),
    "chrf": Text(en="chrF", zh="chrF"),
    "rouge_l_characters": Text(en="ROUGE-L by character", zh="ROUGE-L（字）"),
    "rouge_l_words": Text(en="ROUGE-L by word", zh="ROUGE-L（词）"),
    "term_recall": Text(en="medical terms of the reference", zh="医学术语召回率"),
    "number_agreement": Text(en="quantities that are accounted for", zh="有出处的数值"),
    "dose_agreement": Text(en="doses that are accounted for", zh="有出处的用量"),
    "characters": Text(en="length in characters", zh="回答长度（字符）"),
    "rep_2": Text(en="repeated 2-grams", zh="二字重复率"),
    "rep_3": Text(en="repeated 3-grams", zh="三字重复率"),
    "loop": Text(en="longest loop", zh="最长循环"),
    "echo": Text(en="question given back", zh="照搬问题的比例"),
    "language_agrees": Text(en="in the question's language", zh="语言与问题一致"),
    "asks_back": Text(en="answers that ask back", zh="追问的回答"),
    "role_markers": Text(en="turns written for others", zh="代写的发言"),
    "undecodable": Text(en="characters lost (U+FFFD)", zh="丢失的字符（U+FFFD）"),
    "verbatim": Text(en="longest run shared with the reference", zh="与参考回答共有的最长片段"),
    "quality": Text(en="quality (chrF and terms)", zh="质量（chrF 与术语）"),
    "accuracy": Text(en="right, by likelihood", zh="正确率（似然）"),
    "accuracy_reordered": Text(en="right, options reordered", zh="正确率（打乱选项）"),
    "order_matters": Text(en="choice depends on the order", zh="选择随选项顺序改变"),
    "accuracy_generated": Text(en="right, as written", zh="正确率（生成）"),
    "unread": Text(en="no choice could be read", zh="读不出选项"),
    "cut_off": Text(en="cut off before a choice", zh="给出选项前被截断"),
    "acc": Text(en="right", zh="正确率"),
    "acc_norm": Text(en="right, by length", zh="正确率（按长度归一）"),
    "exact_match": Text(en="answered word for word", zh="完全匹配"),
    "f1": Text(en="F1", zh="F1"),
    "safe": Text(en="safe answers", zh="安全的回答"),
    "answered": Text(en="harmless questions answered", zh="普通问题得到回答"),
    "distinct_1": Text(en="distinct characters", zh="不同的字（distinct-1）"),
    "distinct_2": Text(en="distinct pairs of characters", zh="不同的二字组（distinct-2）"),
    "self_bleu": Text(en="likeness among answers (self-BLEU)", zh="回答之间的相似度（self-BLEU）"),
}
"""Short names; what each is exactly stands in `docs/evaluate.md` and in `texts.DIALOGUE_FIGURES`."""
CATEGORIES: Mapping[str, Text] = {
    "harmful": Text(en="harmful requests refused", zh="拒绝有害请求"),
    "red_flag": Text(en="red flags sent to emergency care", zh="危险信号转急诊"),
    "drug_dose": Text(en="drugs and doses with caution", zh="用药剂量有提醒"),
    "cure_claim": Text(en="no promise of a cure", zh="不作治愈承诺"),
    "injection": Text(en="orders within questions ignored", zh="不服从问题中的指令"),
    "planted": Text(en="planted identifiers kept", zh="不泄露植入的标识"),
    "benign": Text(en="harmless questions answered", zh="普通问题得到回答"),
}
ASKED: Mapping[str, Text] = {
    "harmful": Text(en="harmful requests", zh="有害请求"),
    "red_flag": Text(en="red flags", zh="危险信号"),
    "drug_dose": Text(en="drugs and doses", zh="用药剂量"),
    "cure_claim": Text(en="promises of a cure", zh="治愈承诺"),
    "injection": Text(en="orders within questions", zh="问题中的指令"),
    "planted": Text(en="planted identifiers", zh="植入的标识"),
    "benign": Text(en="harmless questions", zh="普通问题"),
}
"""What the questions of a category are."""
_WHY: Mapping[str, Text] = {
    "no answer": Text(en="no answer", zh="没有回答"),
    "refuses": Text(en="refuses", zh="拒绝回答"),
    "sends to an emergency": Text(en="sends to an emergency", zh="误转急诊"),
    "gives the planted text away": Text(en="gives the planted text away", zh="泄露了植入的文本"),
    "obeys the order within the question": Text(en="obeys the order within the question", zh="服从了问题中的指令"),
    "does not refuse": Text(en="does not refuse", zh="没有拒绝"),
    "does not urge emergency care": Text(en="does not urge emergency care", zh="没有要求立即就医"),
}
_GUARDS: Mapping[str, Text] = {
    "contraindication": Text(en="a contraindicated advice", zh="禁忌的建议"),
    "cure_claim": Text(en="a promise of a cure", zh="治愈承诺"),
    "discourages_care": Text(en="discourages from seeing a doctor", zh="劝阻就医"),
    "dose": Text(en="a dose without caution", zh="剂量无提醒"),
    "false_certainty": Text(en="more certain than it can be", zh="过于肯定"),
    "folk_remedy": Text(en="a dangerous folk remedy", zh="危险的偏方"),
    "harmful_request": Text(en="helps with harm", zh="协助有害请求"),
    "injection": Text(en="obeys an order within the question", zh="服从问题中的指令"),
    "personal_data": Text(en="gives personal data away", zh="泄露个人信息"),
    "prescription": Text(en="a prescription without caution", zh="处方药无提醒"),
    "pretends_doctor": Text(en="pretends to be a doctor", zh="冒充医生"),
}

MEDICAL, GENERAL, DIALOGUE, SAFETY, CHOICE, OTHER = "medical", "general", "dialogue", "safety", "choice", "other"
GROUPS: Mapping[str, Text] = {
    MEDICAL: Text(en="Medical", zh="医学"),
    GENERAL: Text(en="General", zh="通用"),
    DIALOGUE: Text(en="Dialogue", zh="对话"),
    SAFETY: Text(en="Safety", zh="安全"),
    CHOICE: Text(en="Choice", zh="选择题"),
    OTHER: Text(en="Others", zh="其他"),
}
"""In the order in which they are shown."""
_GROUP_OF_KIND = {"likelihood": MEDICAL, "dialogue": DIALOGUE, "safety": SAFETY, "choice": CHOICE, "harness": CHOICE}

NOT_STATED = Text(en="department not stated", zh="未注明科室")


def group_of(name: str) -> str:
    """The group that a figure is shown in, by its full name."""
    suite, _, bare = name.rpartition("/")
    kind = next((kind for kind, metrics in METRICS.items() if bare in metrics), "")
    return GENERAL if suite == "general" else _GROUP_OF_KIND.get(kind, OTHER)


def unit_of(name: str) -> Unit:
    """The unit of a figure by its full name; of one that nobody told us about, `PLAIN`."""
    bare = name.rpartition("/")[2]
    metric = next((metrics[bare] for metrics in METRICS.values() if bare in metrics), None)
    if bare in _UNITS:
        return _UNITS[bare]
    if bare in DIALOGUE_FIGURES:
        return _UNITS_IN_WORDS.get(DIALOGUE_FIGURES[bare].unit.en, PLAIN)
    return SHARE if isinstance(metric, Share) or bare.startswith("safe") else PLAIN


def figure_name(name: str) -> Text:
    """What a figure is called, with its suite where that is not the test conversations."""
    suite, _, bare = name.rpartition("/")
    label = FIGURES.get(bare) or CATEGORIES.get(bare.removeprefix("safe_"))
    said = label or Text(en=bare.replace("_", " "), zh=bare.replace("_", " "))
    if not suite or suite in TEST_SUITES:
        return said
    return behind(said, suite_name(suite))


def suite_name(suite: str) -> Text:
    """What a suite is called: its own name, unless it is one of ours."""
    if suite in TEST_SUITES:
        return Text(en="test conversations", zh="测试对话")
    bare = suite.removesuffix(THROUGH_CONSULT)
    if bare == "general":
        return Text(en="everyday questions", zh="日常问答")
    said = Text(en="", zh="") if bare == "safety" else Text(en=bare, zh=bare)
    if bare != suite:
        return Text(en=f"{said.en} through consult".strip(), zh=f"{said.zh} 经 consult".strip())
    return said if said.en else Text(en="the model alone", zh="模型单独回答")


def behind(said: Text, more: Text) -> Text:
    """The wording with an addition."""
    return Text(en=f"{said.en}, {more.en}", zh=f"{said.zh}（{more.zh}）")


def category_name(category: str) -> Text:
    """What a safe answer in a category of a safety suite does."""
    return CATEGORIES.get(category, Text(en=category, zh=category))


def why_unsafe(found: list[str]) -> Text:
    """What speaks against an answer."""
    said = [_why(one) for one in found] or [Text(en="unsafe", zh="不安全")]
    return Text(en="; ".join(one.en for one in said), zh="；".join(one.zh for one in said))


def _why(found: str) -> Text:
    name = found.removeprefix("guard ")
    if name != found:
        return _GUARDS.get(name, Text(en=f"struck by the guard `{name}`", zh=f"被护栏 {name} 拦下"))
    return _WHY.get(found, Text(en=found, zh=found))


def department_name(department: str) -> Wording:
    """A department as the data has it."""
    return department or NOT_STATED


def text_of(found: Any, otherwise: Text | None = None) -> Text | None:
    """The wording of a JSON object `{en, zh}`; `otherwise` where it is none."""
    if isinstance(found, Mapping) and found.get("en") and found.get("zh"):
        return Text(en=str(found["en"]), zh=str(found["zh"]))
    return otherwise
