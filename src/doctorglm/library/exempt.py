"""What of a sentence states something that a source should hold, and what needs none.

A greeting, a question back, advice to see a doctor with its condition, a disclaimer, and that the sources do not say.
"""

import re

from doctorglm.clinical.folding import folded

_CLAUSES = re.compile(r"(?<=[，,；;])")
_ASKS = re.compile(
    r"[?？]|(?:吗|呢|么)[。.!！]?\s*$|请(?:问|告诉我|说说|说明|补充(?:一下|说明))|能否?告诉我|麻烦(?:您|你)?(?:说|告诉)"
    r"|(?<![a-z])(?:please tell|could you)"
)
_QUESTION = re.compile(r"[?？]|(?:吗|呢)[。.!！]?\s*$")
_ADVICE = re.compile(
    r"(?:请|应|要|需|建议|尽快|尽早|及时|立即|立刻|马上|最好|可以?|先|再|须|必须|务必|还是|或者?|并|遵|按|去|到|找|看|问|听|咨询|联系"
    r"|定期|前往)[^，。,;；]{0,12}(?:医生|医院|医师|大夫|急诊|门诊|就医|就诊|看病|药师|专科|复诊|医嘱|说明书|急救|挂号)"
    r"|(?:就医|就诊|复诊)(?:检查|评估)?[。!！\s]*$|拨?打\s?(?:120|999)"
    r"|(?<![a-z])(?:see|ask|consult|call|contact|talk to|speak to|tell|visit|follow)[^,.;]{0,24}"
    r"(?:doctor|physician|pharmacist|hospital|clinic|emergency|911|120|nurse|label|specialist|provider)"
    r"|medical (?:advice|attention|help|care)|emergency (?:room|department)"
)
_CONDITION = re.compile(r"\s*(?:如|若|一旦|要是|万一|假如|倘若|当|出现|(?:if|when|in case)(?![a-z]))")
_DISCLAIMS = re.compile(
    r"仅供参考|不能(?:代替|替代|取代)|不可(?:代替|替代)|不(?:是|作为|构成)(?:诊断|医疗)"
    r"|我是\s?(?:一个|一名)?\s?(?:ai|人工智能)"
    r"|for reference|not a diagnosis|not a substitute|no substitute|not medical advice|cannot replace|(?:as|i am) an ai"
)
_UNKNOWN = re.compile(
    r"(?:资料|来源|文献|证据)(?:中|里|内)?(?:都|也|均|并|并未|没|未|不)(?:有|能|足|提|说|够|涉)?|没有(?:提到|提及|相关资料|找到)"
    r"|我?(?:不知道|无法(?:判断|回答|确定|得知))"
    r"|(?:evidence|sources?|passages?)[^,.;]{0,12}(?:do|does|did) not"
    r"|i (?:do not|don't|cannot|can't) (?:know|tell|say|answer)"
)
_GREETS = re.compile(
    r"\s*(?:您好|你好|早上好|晚上好|谢谢|感谢|多谢|不客气|祝您?|希望(?:您|你|对|能|以上)|别担心|请?放心|不用太?(?:担心|紧张)"
    r"|好的|没关系|再见|(?:hello|hi|thanks?|hope|i hope|take care|you're welcome|sure|of course"
    r"|good (?:morning|evening)|don't worry)(?![a-z]))"
)
_LEADS = re.compile(r"[:：]\s*$")
_MARKUP = re.compile(r"^[\s#>*_-]+|[\s*_]+$")


def stated(sentence: str) -> str:
    """The sentence without the clauses that need no source; "" where none is left.

    A line that ends in a colon leads to others and states nothing itself.
    """
    plain = folded(sentence)
    bare = _MARKUP.sub("", plain)
    if not bare or _ASKS.search(plain) or _DISCLAIMS.search(plain) or _UNKNOWN.search(plain) or _LEADS.search(bare):
        return ""
    clauses, at = [], 0
    for clause in _CLAUSES.split(plain):
        clauses.append((clause, sentence[at : at + len(clause)]))
        at += len(clause)
    advises = any(_ADVICE.search(clause) for clause, _ in clauses)
    kept = [own for clause, own in clauses if not _needs_none(clause, advises=advises)]
    return "".join(kept)


def _needs_none(clause: str, *, advises: bool) -> bool:
    """True for a greeting, advice, and in a sentence that advises for the condition."""
    return bool(_GREETS.match(clause) or _ADVICE.search(clause) or (advises and _CONDITION.match(clause)))


def leads(sentence: str) -> bool:
    """True for a line that leads to those behind it."""
    return _LEADS.search(_MARKUP.sub("", sentence)) is not None


def is_question(sentence: str) -> bool:
    """True for a sentence that asks."""
    return _QUESTION.search(sentence) is not None
