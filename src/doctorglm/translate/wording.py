"""Why a text is not taken, in both languages, for reports."""

from collections.abc import Mapping

from doctorglm.language import Text

REASONS: Mapping[str, Text] = {
    "not_json": Text(en="no JSON", zh="不是 JSON"),
    "cut_off": Text(en="broke off", zh="中途截断"),
    "other_ids": Text(en="ids that nobody asked for", zh="含未请求的编号"),
    "missing": Text(en="id missing", zh="缺少编号"),
    "repeated": Text(en="id repeated", zh="编号重复"),
    "not_text": Text(en="no text", zh="不是文本"),
    "empty": Text(en="empty", zh="译文为空"),
    "swapped": Text(en="another text's translation", zh="与另一段对调"),
    "merged": Text(en="two texts in one", zh="两段合并"),
    "refused": Text(en="refused", zh="拒绝翻译"),
    "filtered": Text(en="held back by the server's filter", zh="被服务器过滤"),
    "echoed": Text(en="English repeated", zh="原样返回英文"),
    "untranslated": Text(en="English left in it", zh="残留英文"),
    "damaged": Text(en="characters lost", zh="字符丢失"),
    "too_long": Text(en="far too long", zh="过长"),
    "too_short": Text(en="far too short", zh="过短"),
    "no_answer": Text(en="no answer in time", zh="超时无回答"),
    "not_run": Text(en="not run in its batch", zh="批次中未执行"),
    "garbage": Text(en="answer could not be read", zh="回答无法解析"),
    "refused_by_server": Text(en="refused by the server", zh="被服务器拒绝"),
    "source_too_long": Text(en="a sentence too long for the student", zh="句子超出学生模型长度"),
    "term": Text(en="a term is wrong", zh="术语有误"),
    "number": Text(en="a number is wrong", zh="数字有误"),
    "unit_or_dose": Text(en="a unit or dose is wrong", zh="单位或剂量有误"),
    "negation": Text(en="a denial is wrong", zh="否定有误"),
    "gender_person": Text(en="a person is wrong", zh="人称或性别有误"),
    "laterality": Text(en="a side is wrong", zh="左右或方位有误"),
    "drug": Text(en="a drug is wrong", zh="药名有误"),
    "length": Text(en="the length does not fit", zh="长度不符"),
    "loop": Text(en="repeats itself", zh="内容重复"),
    "language": Text(en="another language in it", zh="混入其他语言"),
    "order": Text(en="sentences in another order", zh="句序有误"),
    "truncation": Text(en="a part is missing", zh="有缺失"),
    "addition": Text(en="something was added", zh="有增添"),
    "adequacy": Text(en="says something else", zh="与原文不符"),
}


def called(reason: str) -> Text | str:
    """The reason in words; one that has none as it is."""
    return REASONS.get(reason, reason)
