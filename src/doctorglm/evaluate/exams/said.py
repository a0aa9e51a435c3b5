"""What the words around a mention of options make of it: chosen, rejected, called right, only told of, or left open."""

import re
from dataclasses import dataclass

from doctorglm.evaluate.exams import answer_words as words
from doctorglm.evaluate.exams.mentions import Mention, Namer

_ARROWS = ("->", "=>", "→", "…")
_BREAK = re.compile(r"[。！？!?；;\n，,…—]|\.(?=\s|$)|->|=>|→")
_END = re.compile(r"[。！？!?；;\n]|\.(?=\s|$)")
_ENDS_CLAUSE = re.compile(r"[ \t)）\]】\"”'」]*(?:选?项)?[吧呢啊呀哦了]?[ \t]*(?:$|[\n。！!；;，,、.✅✓√])")
_ASKS = re.compile(r"[)）\s]*(?:选?项)?[呢吗吧]?[?？]")
_TO_THE_NEXT = re.compile(r"[是选为能该会]{0,4}")
_OPENINGS = " \"“'「(（[【—=>-"
FORMAL, PLAIN, BARE = 3, 2, 1


@dataclass(frozen=True, slots=True)
class Said:
    """A mention, chosen with a weight (0: not), or rejected, or called right."""

    mention: Mention
    weight: int = 0
    rejected: bool = False
    right: bool = False
    excused: bool = False
    """Named as what others or oneself chose at first, under a condition, or as a question."""

    @property
    def letters(self) -> frozenset[str]:
        """The options of the mention."""
        return frozenset(self.mention.letters)


class Sayings:
    """A text with what it says of its mentions, in order."""

    def __init__(self, text: str, namer: Namer, multiple: bool) -> None:
        self.text, self._namer, self._multiple = text, namer, multiple
        self._mentions = [part for mention in namer.mentions(text) for part in self._split(mention)]
        self.said = [self._said(i, mention) for i, mention in enumerate(self._mentions)]

    def left(self, at: int) -> str:
        """The clause as far as a place."""
        before = self.text[max(0, at - words.WINDOW) : at]
        return before[max((m.end() for m in _BREAK.finditer(before) if m[0] not in _ARROWS), default=0) :]

    def right(self, end: int) -> str:
        """The text from a place on, as far as it matters."""
        return self.text[end : end + words.WINDOW]

    def sentence(self, at: int) -> str:
        """The sentence as far as a place."""
        before = self.text[max(0, at - 2 * words.WINDOW) : at]
        return before[max((m.end() for m in _END.finditer(before)), default=0) :]

    def last_clause(self) -> str:
        """The last clause, without the mark that ends it."""
        clause = self.text[-3 * words.WINDOW :].rstrip("。.！! \n")
        return clause[max((m.end() for m in _BREAK.finditer(clause)), default=0) :][-words.WINDOW :]

    def is_alone(self, mention: Mention) -> bool:
        """Whether a mention is all that a clause holds."""
        before = self.text[mention.at - 1 : mention.at]
        alone = not self.left(mention.at).strip(_OPENINGS) or before.isspace()
        return alone and self.ends(mention)

    def ends(self, mention: Mention) -> bool:
        """Whether a clause ends behind a mention."""
        return _ENDS_CLAUSE.match(self.right(mention.end)) is not None

    def _split(self, mention: Mention) -> list[Mention]:
        """选B，C和D不对: what stands before a comma belongs to what comes before, when a verdict follows."""
        inner = self.text[mention.at : mention.end]
        comma = max(inner.rfind(","), inner.rfind("，"))
        if comma < 0 or not words.WRONG.match(self.right(mention.end)):
            return [mention]
        cut = mention.at + comma
        halves = ((self.text[mention.at : cut], mention.at), (self.text[cut : mention.end], cut))
        return [m.moved(start) for half, start in halves for m in self._namer.mentions(half)] or [mention]

    def _said(self, i: int, mention: Mention) -> Said:
        left, right = self.left(mention.at), self.right(mention.end)
        later = self._to_the_end(i, mention)
        if self._is_excused(left, right, mention):
            settled = _ASKS.match(right) and words.RIGHT_LATER.search(later)
            return Said(mention, right=bool(settled), excused=not settled)
        only = not self._multiple and words.ONLY.search(left) is not None
        asked_for = only or words.ASKED_FOR.search(left) is not None
        if words.WHO_ELSE.match(right):
            return Said(mention, PLAIN)
        if not asked_for and words.NOT_CHOSEN.search(left):
            return Said(mention, rejected=True)
        if self._is_open(right):
            return Said(mention, excused=True)
        weight = self._weight(mention, left, right, asked_for)
        if weight == PLAIN and mention.by_letter and words.DESCRIBED.match(right) and not asked_for:
            weight = 0
        if self._is_wrong(i, mention, right) and not asked_for:
            return Said(mention, rejected=True)
        if weight < FORMAL and words.WRONG_LATER.search(later):
            return Said(mention, rejected=True)
        right_too = words.RIGHT.match(right) or words.RIGHT_LATER.search(later)
        return Said(mention, weight, right=right_too is not None)

    def _is_open(self, right: str) -> bool:
        """A也可以: of one question no verdict, but of one with several right answers it is."""
        might = words.OPEN.match(right.lstrip(" )）选项")) is not None
        return might and not (self._multiple and words.RIGHT.match(right))

    def _is_excused(self, left: str, right: str, mention: Mention) -> bool:
        if mention.either or words.TAKEN_BACK.match(right) or _ASKS.match(right):
            return True
        sentence = self.sentence(mention.at)
        conditional = words.CONDITION.search(sentence) and not words.FORCED.search(sentence)
        return bool(conditional or words.TENTATIVE.search(left))

    def _is_wrong(self, i: int, mention: Mention, right: str) -> bool:
        """Whether the verdict behind a mention is about it, and not the rejection of the next one: C（不是D）."""
        wrong = words.WRONG.match(right)
        if wrong is None or wrong[0][-1] not in "不非没" or i + 1 == len(self._mentions):
            return wrong is not None
        return _TO_THE_NEXT.fullmatch(self.text[mention.end + wrong.end() : self._mentions[i + 1].at]) is None

    def _to_the_end(self, i: int, mention: Mention) -> str:
        """The rest of the sentence, as far as the next mention."""
        limit = self._mentions[i + 1].at if i + 1 < len(self._mentions) else len(self.text)
        until = self.text[mention.end : min(limit, mention.end + words.WINDOW)]
        ended = re.search(r"[。；;\n！!]", until)
        return until[: ended.end()] if ended else until + ("。" if limit == len(self.text) else "")

    def _weight(self, mention: Mention, left: str, right: str, asked_for: bool) -> int:
        ends = self.ends(mention)
        if not mention.by_letter and mention.end - mention.at == 1 and not (ends or words.FRAME.match(right)):
            return 0
        if words.FORMAL.search(left):
            return FORMAL
        if asked_for or words.PLAIN.search(left) or (re.search(r"[：:]\s*$", left) and ends):
            return PLAIN
        if not mention.by_letter and words.NEAR.search(left):
            return PLAIN
        if self._multiple and words.RIGHT.match(right):
            return 0
        return BARE if self._is_bare(mention, left) else 0

    def _is_bare(self, mention: Mention, left: str) -> bool:
        """Whether a mention is a whole clause."""
        return self.ends(mention) and not left.strip(_OPENINGS) and (mention.by_letter or mention.exact)
