"""Which option an answer in free text finally chooses: rules over its mentions of options, from the surest on.

A text is read as mentions, each chosen, rejected or merely named by the words around it (`answer_words`). Sentences
that choose come first, the last of them where it replaces the earlier ones; then verdicts on the options one by one;
then what is left when the others are rejected; then an option whose own words alone are there. What stays open is None:
a letter that nobody chose would be scored as if somebody had.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from doctorglm.evaluate import answer_words as words
from doctorglm.evaluate.answer_text import common, in_json, only_letters, plain, without_echo
from doctorglm.evaluate.mentions import Mention, Namer

_NUMBERED = re.compile(r"(?:第 ?)?[0-9]{1,2} ?题? ?[.、．:：)）]\s?[A-Ha-h](?=\s|[;；,，。]|$)")
_BREAK = re.compile(r"[。！？!?；;\n，,…—]|\.(?=\s|$)|->|=>|→")
_END = re.compile(r"[。！？!?；;\n]|\.(?=\s|$)")
_BROKEN_OFF = re.compile(r"(?:[，,、:：（(]|因此|所以|并|和|与|或|的|在|是|为|及|、本题)\s*$")
_ENDS_CLAUSE = re.compile(r"[ \t)）\]】\"”'」]*(?:选?项)?[吧呢啊呀哦了]?[ \t]*(?:$|[\n。！!；;，,、.✅✓√])")
_LONG, _CLOSE = 4, 0.8
_CLOSES = re.compile(r"\s*[)）\]】]\s*(?:$|[。！!\n])")
_HEAD = re.compile(r"[.]\s*\S")
_HEADS = re.compile(r"(?:^|[\n。；;])[ \t]{0,8}([A-H])(?=[.、:：)）]|选?项|\s)", re.IGNORECASE)
_TO_THE_NEXT = re.compile(r"[是选为能该会]{0,4}")
_NUMERALS = {c: i for i, c in enumerate("一二三四五六七八", 1)} | {str(i): i for i in range(1, 9)} | {"两": 2}
_FORMAL, _PLAIN, _BARE = 3, 2, 1


@dataclass(frozen=True, slots=True)
class _Said:
    """A mention with what the words around it make of it: chosen with a weight, or rejected, or neither."""

    mention: Mention
    weight: int = 0
    rejected: bool = False
    right: bool = False
    excused: bool = False
    """Named as what others or oneself chose at first, under a condition, or as a question."""


def read_choice(text: str, options: Mapping[str, str], multiple: bool = False) -> str | None:
    """The letters that an answer finally chooses, sorted; None where it chooses none, or of one question several."""
    named = in_json(text)
    said = plain(text if named is None else named)
    if not said or len(set(_NUMBERED.findall(said))) > 1:
        return None
    namer = Namer(options, multiple)
    chosen = only_letters(said, namer.letters) or _Reading(without_echo(said, namer.said), namer, multiple).choice()
    if not chosen or (len(chosen) > 1 and not multiple):
        return None
    return "".join(sorted(chosen))


class _Reading:
    """One text with its mentions, and the rules from the surest on."""

    def __init__(self, text: str, namer: Namer, multiple: bool) -> None:
        self.text, self.namer, self.multiple = text, namer, multiple
        self.heads = len({letter.upper() for letter in _HEADS.findall(text)})
        self.mentions = [part for mention in namer.mentions(text) for part in self._split(mention)]
        self.said = [self._said(i, mention) for i, mention in enumerate(self.mentions)]

    def choice(self) -> str | None:
        """The letters of the first rule that says something; "" where one says that nothing is chosen."""
        if any(letter not in self.namer.letters for letter in words.OUTSIDE.findall(self.text)[-1:]):
            return None
        for rule in (self._chosen, self._all_or_others, self._by_place, self._by_verdicts, self._left_over):
            chosen = rule()
            if chosen is not None:
                return chosen
        return self._by_words()

    # what the words around a mention make of it

    def _split(self, mention: Mention) -> list[Mention]:
        """选B，C和D不对: what stands before a comma belongs to what comes before, when a verdict follows."""
        inner = self.text[mention.at : mention.end]
        comma = max(inner.rfind(","), inner.rfind("，"))
        if comma < 0 or not words.WRONG.match(self._right(mention.end)):
            return [mention]
        cut = mention.at + comma
        halves = [self.namer.mentions(self.text[mention.at : cut]), self.namer.mentions(self.text[cut : mention.end])]
        moved = [
            Mention(m.at + start, m.end + start, m.letters, m.by_letter, m.exact, m.either)
            for half, start in zip(halves, (mention.at, cut), strict=True)
            for m in half
        ]
        return moved or [mention]

    def _left(self, at: int) -> str:
        """The clause as far as a mention."""
        before = self.text[max(0, at - words.WINDOW) : at]
        cut = max((m.end() for m in _BREAK.finditer(before) if m[0] not in ("->", "=>", "→", "…")), default=0)
        return before[cut:]

    def _right(self, end: int) -> str:
        return self.text[end : end + words.WINDOW]

    def _sentence(self, at: int) -> str:
        """The sentence as far as a mention."""
        before = self.text[max(0, at - 2 * words.WINDOW) : at]
        return before[max((m.end() for m in _END.finditer(before)), default=0) :]

    def _said(self, i: int, mention: Mention) -> _Said:
        left, right, sentence = self._left(mention.at), self._right(mention.end), self._sentence(mention.at)
        if self._is_excused(left, right, sentence, mention):
            return _Said(mention, excused=True)
        asked_for = words.ASKED_FOR.search(left) is not None
        if words.WHO_ELSE.match(right):
            return _Said(mention, _PLAIN)
        if not asked_for and words.NOT_CHOSEN.search(left) and not words.NOT_AT_ALL.search(left):
            return _Said(mention, rejected=True)
        if words.OPEN.match(re.sub(r"^[\s)）选项]*", "", right)):
            return _Said(mention, excused=True)
        weight = self._weight(mention, left, right, asked_for)
        if self._is_wrong(i, mention, right) and not asked_for:
            return _Said(mention, rejected=True)
        if weight < _FORMAL and self._wrong_later(i, mention):
            return _Said(mention, rejected=True)
        return _Said(mention, weight, right=words.RIGHT.match(right) is not None)

    def _is_excused(self, left: str, right: str, sentence: str, mention: Mention) -> bool:
        if mention.either or words.TAKEN_BACK.match(right) or re.match(r"[)）\s]*(?:选?项)?[呢吗吧]?[?？]", right):
            return True
        conditional = words.CONDITION.search(sentence) and not words.FORCED.search(sentence)
        return bool(conditional or words.TENTATIVE.search(left))

    def _is_wrong(self, i: int, mention: Mention, right: str) -> bool:
        """Whether the verdict behind a mention is about it, and not the rejection of the next one: C（不是D）."""
        wrong = words.WRONG.match(right)
        if wrong is None or wrong[0][-1] not in "不非没" or i + 1 == len(self.mentions):
            return wrong is not None
        return _TO_THE_NEXT.fullmatch(self.text[mention.end + wrong.end() : self.mentions[i + 1].at]) is None

    def _wrong_later(self, i: int, mention: Mention) -> bool:
        limit = self.mentions[i + 1].at if i + 1 < len(self.mentions) else len(self.text)
        until = self.text[mention.end : min(limit, mention.end + words.WINDOW)] + (
            "。" if limit == len(self.text) else ""
        )
        ended = _END.search(until)
        return words.WRONG_LATER.search(until[: ended.end()] if ended else until) is not None

    def _weight(self, mention: Mention, left: str, right: str, asked_for: bool) -> int:
        ends = _ENDS_CLAUSE.match(right) is not None
        if not mention.by_letter and mention.end - mention.at == 1 and not ends:
            return 0
        if words.FORMAL.search(left):
            return _FORMAL
        if asked_for or words.PLAIN.search(left):
            return _PLAIN
        if re.search(r"[：:]\s*$", left) and ends:
            return _PLAIN
        if not mention.by_letter and words.NEAR.search(left):
            return _PLAIN
        alone = ends and not left.strip(" \"“'「(（[【—=>-")
        if self.multiple and words.RIGHT.match(right):
            return 0
        bracketed = left.rstrip()[-1:] in ("(", "（", "[", "【") and _CLOSES.match(right) is not None
        if bracketed and mention.by_letter and (len(mention.letters) > 1 or not self.multiple):
            return _BARE
        if (
            alone
            and (mention.by_letter or mention.exact)
            and (not _HEAD.match(right) or (mention.at == 0 and self.heads == 1))
        ):
            return _BARE
        return 0

    # the rules

    def _chosen(self) -> str | None:
        """What sentences choose: the last one, where it replaces the earlier ones or all agree."""
        said = [s for s in self.said if s.weight and self._counts(s)]
        if not said:
            return None
        last = said[-1]
        chosen = frozenset(last.mention.letters)
        others = [s for s in said if frozenset(s.mention.letters) != chosen]
        if others and not self._replaces(others[-1], last):
            formal = {frozenset(s.mention.letters) for s in said if s.weight == _FORMAL}
            if len(formal) != 1 or any(s.weight == _FORMAL for s in others) == (last.weight == _FORMAL):
                return "" if len(formal) != 1 else self._kept(said, "".join(next(iter(formal))))
            chosen = next(iter(formal))
        return self._kept(said, "".join(chosen))

    def _counts(self, said: _Said) -> bool:
        """Whether a sentence that chooses is one: several letters for one question are none, nor are words alone."""
        if not self.multiple and len(said.mention.letters) > 1:
            return False
        return said.mention.by_letter or said.weight == _FORMAL

    def _replaces(self, earlier: _Said, later: _Said) -> bool:
        between = self.text[earlier.mention.end : later.mention.at]
        return words.TURN.search(between) is not None

    def _kept(self, said: Sequence[_Said], letters: str) -> str:
        """The letters, unless what follows gives the choice up or contradicts it."""
        end = said[-1].mention.end
        if words.GIVEN_UP.search(self.text, end):
            return ""
        for later in self.said:
            about = later.mention.at > end and later.rejected and set(later.mention.letters) & set(letters)
            if about and words.THEN_WRONG.search(self._left(later.mention.at)):
                return ""
        return letters

    def _all_or_others(self) -> str | None:
        """以上都对, 其余全选, 除了E都是."""
        if words.NONE_FITS.search(self.text):
            return ""
        every = self.namer.letters
        lettered = any(s.mention.by_letter for s in self.said)
        if words.ALL.search(self.text) and not self._rejected() and not (self.multiple and lettered):
            if self.multiple:
                return every
            return next((x for x, said in self.namer.said.items() if words.ALL_OPTION.search(said)), "")
        exempt = words.EXCEPT.search(self.text)
        out = "".join(m.letters for m in self.namer.mentions(exempt[1])) if exempt else ""
        if not self.multiple and exempt and out and not words.SO_SO.match(self._right(exempt.end())):
            return out
        if self.multiple and (out or (words.OTHERS.search(self.text) and self._rejected())):
            return "".join(x for x in every if x not in (out or self._rejected()))
        return None

    def _by_place(self) -> str | None:
        """选第三个, 选前四个."""
        few = words.FIRST_FEW.search(self.text)
        if few and self.multiple:
            return self.namer.letters[: _NUMERALS[few[1]]]
        found = list(words.ORDINAL.finditer(self.text))
        if not found:
            return None
        if found[-1][1] is None:
            return self.namer.letters[-1]
        place = _NUMERALS[found[-1][1]]
        return self.namer.letters[place - 1 : place]

    def _by_verdicts(self) -> str | None:
        """Which options are called right, one by one; of one question also the only wrong one among right ones."""
        right = {x for s in self.said if s.right and not s.rejected for x in s.mention.letters}
        if not right:
            return None
        if self.multiple or len(right) == 1:
            return "".join(right)
        odd = set(self.namer.letters) - right
        return odd.pop() if len(odd) == 1 and odd <= self._rejected() else ""

    def _left_over(self) -> str | None:
        """The one that is left when all others are rejected."""
        rest = [x for x in self.namer.letters if x not in self._rejected()]
        return rest[0] if len(rest) == 1 and len(self.namer.letters) > 2 else None

    def _rejected(self) -> set[str]:
        rejected = {x for s in self.said if s.rejected for x in s.mention.letters}
        both = words.BOTH_WRONG.search(self.text)
        if both:
            begin = both.start() - len(self._sentence(both.start()))
            rejected |= {x for s in self.said if begin <= s.mention.at < both.start() for x in s.mention.letters}
        return rejected

    def _by_words(self) -> str | None:
        """The option whose own words the text ends on or names alone; none for refusals and texts that break off."""
        if words.REFUSED.search(self.text) or _BROKEN_OFF.search(self.text):
            return None
        rejected = self._rejected()
        said = [s for s in self.said if not s.rejected and not s.excused and not set(s.mention.letters) & rejected]
        chosen = [s for s in said if s.weight]
        sets = {frozenset(s.mention.letters) for s in chosen}
        if chosen and (len(sets) == 1 or self._replaces(chosen[-2], chosen[-1])):
            return self._several("".join(chosen[-1].mention.letters))
        named = {x for s in self.said if not s.rejected for x in s.mention.letters}
        alone = (
            said and not any(s.excused for s in self.said) and (len(named) == 1 or (self.multiple and len(said) == 1))
        )
        if alone and any(s.weight or (not self.multiple and self._is_clear(s.mention)) for s in said):
            return self._several("".join(named))
        return None if any(s.mention.exact for s in self.said) else self._nearly_named()

    def _is_clear(self, mention: Mention) -> bool:
        """All words of an option, or some of them alone in a clause of the last sentence."""
        if mention.by_letter:
            return True
        if mention.exact:
            return mention.end - mention.at > 1 and self._is_told(mention)
        alone = not self._left(mention.at).strip(" \"“'「—=>-") or self.text[mention.at - 1].isspace()
        return (
            alone and mention.at >= self._last_sentence() and _ENDS_CLAUSE.match(self._right(mention.end)) is not None
        )

    def _is_told(self, mention: Mention) -> bool:
        """Whether the last sentence is about an option, or ends on it: 心电图示ST段抬高 only reports one."""
        return mention.at >= self._last_sentence() and words.REPORTED.match(self._right(mention.end)) is None

    def _nearly_named(self) -> str | None:
        """The one option whose signs stand in the last clause, but for a few of them (骨性关节炎 for 骨关节炎)."""
        clause = self.text[self._last_sentence() :].rstrip("。.！! ").lower()
        clause = clause[max((m.end() for m in _BREAK.finditer(clause)), default=0) :][-words.WINDOW :]
        if words.NOT_SAID.search(clause):
            return None
        said = self.namer.said.items()
        close = [x for x, text in said if len(text) >= _LONG and common(text, clause) >= _CLOSE * len(text)]
        return close[0] if len(close) == 1 else None

    def _last_sentence(self) -> int:
        length = len(self.text.rstrip())
        ends = [found.end() for found in _END.finditer(self.text) if found.end() < length]
        return ends[-1] if ends else 0

    def _several(self, letters: str) -> str | None:
        return letters if self.multiple or len(letters) == 1 else None
