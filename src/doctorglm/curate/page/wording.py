"""What the record's short names are called on the page, in both languages; an unknown one is shown as it is."""

from collections.abc import Mapping

from doctorglm.language import Text
from doctorglm.report.wording import Wording

REASONS: Mapping[str, Text] = {
    "advertisement": Text(en="advertisement or lure", zh="广告或引流"),
    "bad_history": Text(en="malformed history", zh="历史对话格式有误"),
    "compared_only": Text(en="read for comparison only", zh="仅供比对"),
    "contaminated": Text(en="found in a benchmark", zh="与评测集重合"),
    "cure_claim": Text(en="promise of a cure", zh="包治承诺"),
    "cut_off": Text(en="answer cut off", zh="回答被截断"),
    "duplicate": Text(en="exact duplicate", zh="完全重复"),
    "duplicate_id": Text(en="the same record twice", zh="同一记录出现两次"),
    "echo": Text(en="answer repeats the question", zh="回答重复问题"),
    "exchanged_roles": Text(en="roles exchanged", zh="医患角色颠倒"),
    "language": Text(en="another language", zh="其他语言"),
    "loop": Text(en="answer runs in a loop", zh="回答循环重复"),
    "low_quality": Text(en="below the quality that was kept", zh="质量分靠后"),
    "machine_spun": Text(en="machine-spun wording", zh="机器洗稿"),
    "mojibake": Text(en="garbled characters", zh="乱码"),
    "near_duplicate": Text(en="near-duplicate", zh="近似重复"),
    "near_held_out": Text(en="too near the held-out part", zh="与留出部分过于相似"),
    "no_answer": Text(en="no answer", zh="没有回答"),
    "no_question": Text(en="no question", zh="没有问题"),
    "not_an_object": Text(en="no record in this row", zh="该行不是记录"),
    "not_text": Text(en="value that is no text", zh="值不是文本"),
    "nul_character": Text(en="NUL characters", zh="含 NUL 字符"),
    "over_limit": Text(en="beyond the limit that was set", zh="超出设定的数量"),
    "ragged_row": Text(en="row of another width", zh="行的列数不符"),
    "repeated_header": Text(en="header inside the table", zh="表中重复的表头"),
    "replacement_character": Text(en="lost characters", zh="字符已丢失"),
    "roles": Text(en="turns do not alternate", zh="医患未交替发言"),
    "secret": Text(en="password or key inside", zh="含密码或密钥"),
    "short_answer": Text(en="answer too short", zh="回答过短"),
    "too_long": Text(en="too long", zh="过长"),
    "unreadable": Text(en="value that cannot be read", zh="值无法读取"),
    "unknown_keys": Text(en="unknown columns", zh="无法识别的列"),
    "unknown_role": Text(en="unknown speaker", zh="无法识别的说话人"),
}
IDENTIFIERS: Mapping[str, Text] = {
    "name": Text(en="names", zh="姓名"),
    "mobile": Text(en="mobile numbers", zh="手机号"),
    "landline": Text(en="landline numbers", zh="固定电话"),
    "id_card": Text(en="identity cards", zh="身份证号"),
    "bank_card": Text(en="bank cards", zh="银行卡号"),
    "wechat": Text(en="WeChat accounts", zh="微信号"),
    "qq": Text(en="QQ numbers", zh="QQ 号"),
    "email": Text(en="e-mail addresses", zh="电子邮箱"),
    "url": Text(en="web addresses", zh="网址"),
    "address": Text(en="addresses", zh="地址"),
    "hospital": Text(en="hospitals and wards", zh="医院与病区"),
    "mrn": Text(en="medical record numbers", zh="病历号"),
    "plate": Text(en="licence plates", zh="车牌号"),
    "date": Text(en="exact dates", zh="具体日期"),
    "age": Text(en="ages over 89", zh="89 岁以上的年龄"),
}
CHANGES: Mapping[str, Text] = {
    "dropped_courtesies": Text(en="courtesies taken out", zh="删去客套话"),
    "dropped_opening": Text(en="doctor's opening dropped", zh="删去医生的开场白"),
    "dropped_unanswered_question": Text(en="last question dropped", zh="删去末尾无人回答的提问"),
    "merged_turns": Text(en="turns of one speaker joined", zh="合并同一人的连续发言"),
    "number_as_text": Text(en="numbers read as text", zh="数字按文本读取"),
    "damaged_number": Text(en="rounded cells (1.38E+10)", zh="科学计数的单元格（1.38E+10）"),
    "mend": Text(en="garbled text mended", zh="修复乱码"),
    "nfc": Text(en="characters composed", zh="统一字符编码形式"),
    "html": Text(en="HTML taken out", zh="去除 HTML"),
    "widths": Text(en="full-width narrowed", zh="全角字母数字转半角"),
    "simplify": Text(en="Traditional to Simplified", zh="繁体转简体"),
}
QUALITY: Mapping[str, Text] = {
    "length": Text(en="length", zh="篇幅"),
    "specificity": Text(en="specificity", zh="具体"),
    "relevance": Text(en="relevance", zh="切题"),
    "reasons": Text(en="reasons given", zh="说明理由"),
    "asks_back": Text(en="asking back", zh="追问"),
    "safety": Text(en="safety", zh="安全"),
    "fluency": Text(en="fluency", zh="通顺"),
    "turns": Text(en="exchanges", zh="轮数"),
}
PARTS: Mapping[str, Text] = {
    "pretrain": Text(en="pretraining", zh="预训练"),
    "train": Text(en="training", zh="训练"),
    "valid": Text(en="validation", zh="验证"),
    "test": Text(en="held out", zh="留出测试"),
}
NO_LICENCE = Text(en="none stated", zh="未写明")
UNACCOUNTED = Text(en="not accounted for", zh="去向不明")
CONVERSATIONS = Text(en="conversations", zh="对话数")

HONESTY = Text(
    en="This software informs and never diagnoses. Rules and models chose, cleaned and masked these conversations; no "
    "clinician has reviewed what they advise. A kept conversation is not a correct one, and a model trained on it does "
    "not replace a doctor. Masking finds most identifiers, not all: have a sheet reviewed before the set leaves the "
    "house. In an emergency call 120 in China, or your local number, at once.",
    zh="本软件只提供信息，从不作出诊断。这些对话由规则和模型挑选、清洗和脱敏，其中的建议未经临床医生审核；留下来不等于说得对，"
    "用它训练的模型也不能代替就医。脱敏能找出大多数标识信息，但不是全部：数据离开本单位之前，请先抽查并签字。"
    "如遇急症，请立即拨打 120。",
)


def called(name: str, names: Mapping[str, Text]) -> Wording:
    """What the page says for a short name."""
    return names.get(name, name)


def in_both(wording: Wording) -> Text:
    """The wording as a text, to be set into a sentence of either language."""
    return Text(en=wording, zh=wording) if isinstance(wording, str) else wording
