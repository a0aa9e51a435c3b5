"""Whether a clause advises something, warns of it, only informs, or leaves it to a doctor."""

import re
from bisect import bisect_right

_CLAUSE = re.compile(r"[^，,。；;：:！!\n]+")
REASSURES = re.compile(
    r"没事|没问题|没关系|问题不大|关系不大|没什么(?:影响|关系|事)|没有(?:大碍|影响|问题)|不要紧|不碍事|不影响|不冲突|"
    r"互?不干扰|不相干|不伤\w|不必停|不用停|不用担心|不会再|没副作用"
    r"|别浪费|不用问|毫无关系|(?<![a-z])(?:won't (?:hurt|affect|matter)|no problem|harmless|don't worry|doesn't matter|"
    r"nothing gets across)"
)
WARNS = re.compile(
    r"不能|不要|不可|不宜|不是|不在|别(?!嘌)|禁|避免|(?<!得)不行|不建议|不推荐|不合适|不适合|不用(?!停|担心)|勿|忌|慎|"
    r"换一换|先停|停用|暂停|停一|跳过|换掉|收起来|收好|更困难|避开|容易超|停一样"
    r"|会.{0,4}(?:影响|加重|升高|引起|增加|增强|压|让|干扰|阻断|降低)|可能(?:引起|出现|导致|加重)|中毒|毒性"
    r"|(?<![a-z])(?:not|don't|doesn't|isn't|avoid\w{0,3}|never|unsafe|stop(?:ped|ping)? (?:taking|using|it)|skip|"
    r"leave|instead of|but|contraindicated|no longer|rule|steer clear|toxicity|interacts?|can (?:raise|push|cause|"
    r"burn)|may (?:raise|cause|increase))(?![a-z])"
)
_WARNS_BEHIND = re.compile(
    r"^[^，,。]{0,8}(?:不能|不要|别|不可|不宜|禁用?|避免|先停)(?:再|自己|自行|先)?(?:给他|给她)?(?:打|吃|用|抹|喝|碰|"
    r"喂|滴|点|涂|服|加|做)?(?:它|了|这)?$"
)
_NOT_BEFORE = re.compile(r"(?:没|不|未|无|非(?![布诺那洛])|(?<![a-z])(?:no|without|not))[^，,。；;]{0,14}$")
_INFORMS = re.compile(
    r"资料|说明书(?:写|上|里|明)|提到|写明|针对|指的|禁的|这一条|是否|有没有|要不要|能不能|(?:又|正)?在(?:吃|用|服)|"
    r"告诉|也?属|(?<![a-z])(?:passage|leaflet|"
    r"whether|listed|warning|warns|restriction|tell|before you start)(?![a-z])"
)
LEFT = re.compile(
    r"(?:由|请|问|找|让|听|跟|告诉|联系|经)[^，,。]{0,10}(?:医生|医师|中医师|科|大夫|产科|门诊|药师)(?!.{0,2}拿)|"
    r"遵?医嘱|照医|按医|医(?:生|师)(?:安排|处方|开|决定|"
    r"评估|建议|又?这么)"
    r"|(?<![a-z])(?:as (?:your|the) (?:doctor|gp)|your (?:doctor|gp|midwife|cardiologist) (?:can|may|decides)|"
    r"ask (?:your|a) (?:doctor|pharmacist|gp|midwife))(?![a-z])"
)
_URGES = re.compile(
    r"可以|能|吃|喝|服|打|点|用|加|换|选|试|来(?:点|一|片|颗)|含(?:服|化|一|两|半|漱|着)|涂|抹|滴|喷|喂|给|冲|炖|泡|"
    r"练|跳|走|跑|补|灌|种|贴|塞|敷|熏|拔|按摩"
    r"|合适|没问题|没关系|没事|就行|最(?:好|合适|省事|快|有效|方便|安全|稳|对|温和)"
    r"|(?<![a-z])(?:can|take|try|start|restart|add|adding|get|will|would|is (?:a|an|the|still|good|best|fine|ok|okay|"
    r"safe|gentle|harmless|also)|go|carry on|continue|keep (?:taking|using)|suits?|use|give|ask|choose|helps?|"
    r"treats?|works?|for|soothes|begin)(?![a-z])"
)
_YET = re.compile(r"可以|建议|就(?:吃|用|打)|试试|先(?:吃|用)|再(?:吃|用)")
"""Between a denial and a thing: 疼得不行可以吃."""
_REACH = 3
"""Clauses from the one that names a thing to the one that may ask for it."""


class Clauses:
    """The clauses of a folded sentence."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._spans = [m.span() for m in _CLAUSE.finditer(sentence)]
        self._ends = [last for _, last in self._spans]
        informs = _INFORMS.search(sentence)
        self._informed = informs.end() if informs else len(sentence) + 1
        self._kinds: dict[int, str] = {}

    def advise(self, start: int) -> bool:
        """True where the clause of the thing at `start`, or one behind it, asks for it before any clause warns."""
        at = bisect_right(self._ends, start)
        if at == len(self._spans) or self._ends[at] >= self._informed:
            return False
        denied = _NOT_BEFORE.search(self._sentence[max(self._spans[at][0], start - 20) : start])
        if denied and not _YET.search(denied[0]):
            return False
        for index in range(at, min(at + _REACH, len(self._spans))):
            if kind := self._kind(index):
                return kind == "urges" and not self._warns_behind(index)
        return False

    def _kind(self, index: int) -> str:
        if index not in self._kinds:
            clause = REASSURES.sub("可以", self._sentence[slice(*self._spans[index])])
            warns = WARNS.search(clause) or LEFT.search(clause)
            self._kinds[index] = "warns" if warns else "urges" if _URGES.search(clause) else ""
        return self._kinds[index]

    def _warns_behind(self, index: int) -> bool:
        if index + 1 == len(self._spans):
            return False
        return _WARNS_BEHIND.match(self._sentence[slice(*self._spans[index + 1])]) is not None
