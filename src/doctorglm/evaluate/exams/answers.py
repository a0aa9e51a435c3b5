"""Which option an answer in free text finally chooses: rules over its mentions of options, from the surest on.

A text is read as mentions, each chosen, rejected or merely named by the words around it (`said`). Sentences that choose
by letter come first, the last of them where it replaces the earlier ones; then verdicts on the options one by one;
then what is left when the others are rejected; then options whose own words are there. What stays open is None:
a letter that nobody chose would be scored as if somebody had.
"""

import re
from collections.abc import Mapping, Sequence

from doctorglm.evaluate.exams import answer_words as words
from doctorglm.evaluate.exams.answer_text import bare, common, first_answer, in_json, only_letters, plain, without_echo
from doctorglm.evaluate.exams.mentions import Mention, Namer
from doctorglm.evaluate.exams.said import FORMAL, Said, Sayings

_NUMBERED = re.compile(r"(?:第 ?)?[0-9]{1,2} ?题? ?[.、．:：)）]\s?([A-Ha-h])(?=\s|[;；,，。]|$)")
_OPEN_END = re.compile(r"[?？]\s*$|(?:[，,、:：（(]|因此|所以|并|和|与|或|的|在|是|为|及|、本题)\s*$")
_LONG, _SHORT, _CLOSE = 3, 12, 0.8


def read_choice(text: str, options: Mapping[str, str], multiple: bool = False) -> str | None:
    """The letters that an answer finally chooses, sorted; None where it chooses none, or of one question several."""
    named = in_json(text)
    said = plain(text if named is None else named)
    if not said or _is_of_several_questions(said, options):
        return None
    namer = Namer(options, multiple)
    first = first_answer(said)
    chosen = (_read(first, namer, multiple) if first else None) or _read(said, namer, multiple)
    if not chosen or (len(chosen) > 1 and not multiple):
        return None
    return "".join(sorted(chosen))


def _is_of_several_questions(text: str, options: Mapping[str, str]) -> bool:
    """1.B 2.D 3.A, while 1. A … 2. B … 3. C … goes through the options."""
    found = "".join(_NUMBERED.findall(text)).upper()
    return len(found) > 1 and found != "".join(options)


def _read(text: str, namer: Namer, multiple: bool) -> str | None:
    called = bare(text)
    alike = next((words_of for words_of in (words.YES, words.NO) if called in words_of), frozenset((called,)))
    whole = [letter for letter, said in namer.said.items() if bare(said) in alike]
    if len(whole) == 1:
        return whole[0]
    return only_letters(text, namer.letters) or _Reading(without_echo(text, namer.said), namer, multiple).choice()


class _Reading:
    """One text with its mentions, and the rules from the surest on."""

    def __init__(self, text: str, namer: Namer, multiple: bool) -> None:
        self.text, self.namer, self.multiple = text, namer, multiple
        self.sayings = Sayings(text, namer, multiple)
        self.said = self.sayings.said

    def choice(self) -> str | None:
        """The letters of the first rule that says something; "" where one says that nothing is chosen."""
        if any(letter not in self.namer.letters for letter in words.OUTSIDE.findall(self.text)[-1:]):
            return None
        for rule in (self._chosen, self._but_for, self._all_or_none, self._by_verdicts, self._left_over):
            chosen = rule()
            if chosen is not None:
                return chosen
        return self._by_words()

    def _chosen(self) -> str | None:
        """What sentences choose: the last one, where it replaces the earlier ones or all agree."""
        said = [s for s in self.said if s.weight and self._counts(s)]
        if not said:
            return None
        last = said[-1]
        others = [s for s in said if s.letters != last.letters]
        if not others or self._replaces(others[-1], last):
            return self._kept(said, last.letters)
        formal = {s.letters for s in said if s.weight == FORMAL}
        mixed = any(s.weight == FORMAL for s in others) != (last.weight == FORMAL)
        return self._kept(said, next(iter(formal))) if len(formal) == 1 and mixed else ""

    def _counts(self, said: Said) -> bool:
        """Whether a sentence that chooses is one: several letters for one question are none, nor are words alone."""
        if not self.multiple and len(said.letters) > 1:
            return False
        return said.mention.by_letter or said.weight == FORMAL

    def _replaces(self, earlier: Said, later: Said) -> bool:
        between = self.text[earlier.mention.end : later.mention.at]
        return words.TURN.search(between) is not None

    def _kept(self, said: Sequence[Said], letters: frozenset[str]) -> str:
        """The letters, unless what follows gives the choice up or contradicts it, or all were rejected before."""
        end = said[-1].mention.end
        if words.GIVEN_UP.search(self.text, end):
            return ""
        for other in self.said:
            if not (other.rejected and other.letters & letters):
                continue
            if other.mention.at < end and len(said) > 1 and words.WRONG.match(self.sayings.right(other.mention.end)):
                return ""
            if other.mention.at > end and words.THEN_WRONG.search(self.sayings.left(other.mention.at)):
                return ""
        return "".join(letters)

    def _all_or_none(self) -> str | None:
        """以上都对, 都不是: for one question the option that says so."""
        lettered = self.multiple and any(s.mention.by_letter for s in self.said)
        if words.NONE_FITS.search(self.text):
            return self._option_that_says(words.NONE_OPTION) or ""
        if words.ALL.search(self.text) and not self._rejected() and not lettered:
            return self.namer.letters if self.multiple else self._option_that_says(words.ALL_OPTION) or ""
        every = self._option_that_says(words.ALL_OPTION)
        if every and not self.multiple and self._named() >= set(self.namer.letters) - {every}:
            return every
        return None

    def _option_that_says(self, pattern: re.Pattern[str]) -> str | None:
        return next((letter for letter, said in self.namer.said.items() if pattern.search(said)), None)

    def _but_for(self) -> str | None:
        """其余全选, 除了E都是."""
        exempt = words.EXCEPT.search(self.text)
        out = {x for m in self.namer.mentions(exempt[1]) for x in m.letters} if exempt else set()
        if not self.multiple:
            odd = exempt is not None and len(out) == 1 and not words.SO_SO.match(self.sayings.right(exempt.end()))
            return "".join(out) if odd else None
        if not out and words.OTHERS.search(self.text):
            out = self._rejected()
        return "".join(x for x in self.namer.letters if x not in out) if out else None

    def _by_verdicts(self) -> str | None:
        """Which options are called right, one by one; of one question also the only wrong one among right ones."""
        refused = words.REFUSED.search(self.text) is not None
        said = [s for s in self.said if s.right and (s.mention.by_letter or not refused)]
        right = {x for s in said for x in s.letters}
        if not right:
            return None
        if self.multiple or len(right) == 1:
            return "".join(right)
        odd = set(self.namer.letters) - right
        asked = words.ODD.search(self.text) is not None
        return odd.pop() if len(odd) == 1 and (asked or odd <= self._rejected()) else ""

    def _left_over(self) -> str | None:
        """The one that is left when all others are rejected."""
        rest = [x for x in self.namer.letters if x not in self._rejected()]
        return rest[0] if len(rest) == 1 and len(self.namer.letters) > 2 else None

    def _rejected(self) -> set[str]:
        rejected = {x for s in self.said if s.rejected for x in s.letters}
        both = words.BOTH_WRONG.search(self.text)
        if both:
            begin = both.start() - len(self.sayings.sentence(both.start()))
            rejected |= {x for s in self.said if begin <= s.mention.at < both.start() for x in s.letters}
        return rejected

    def _named(self) -> set[str]:
        return {x for s in self.said if not s.rejected for x in s.letters}

    def _by_words(self) -> str | None:
        """The options whose own words the text says and does not reject; none for refusals."""
        if words.REFUSED.search(self.text) or (words.GIVEN_UP.search(self.text) and not self.multiple):
            return None
        rejected = self._rejected()
        said = [s for s in self.said if not s.rejected and not s.excused and not s.letters & rejected]
        chosen = self._several_named(said) if self.multiple else self._one_named(said)
        if chosen or any(s.mention.exact or s.excused for s in self.said):
            return chosen
        return self._nearly_named()

    def _one_named(self, said: Sequence[Said]) -> str | None:
        """The one that words choose, the last where it replaces the earlier ones; else the only one that is named."""
        chosen = [s for s in said if s.weight and not self._goes_on(s.mention)]
        others = [s for s in chosen if s.letters != chosen[-1].letters]
        if chosen and (not others or self._replaces(others[-1], chosen[-1])):
            return "".join(chosen[-1].letters)
        whole = [s for s in self.said if s.mention.exact and not s.rejected]
        named = {x for s in whole or self.said if not s.rejected for x in s.letters}
        if len(named) != 1 or any(s.excused and s.mention.exact for s in self.said) or _OPEN_END.search(self.text):
            return None
        return "".join(named) if any(s.letters == named and self._is_clear(s.mention) for s in said) else None

    def _several_named(self, said: Sequence[Said]) -> str | None:
        """All that are named, where they are listed or chosen; all there are only in one list."""
        named = {x for s in said for x in s.letters}
        if len(named) == len(self.namer.letters) and len(said) > 1:
            said = [s for s in said if s.weight or len(s.letters) > 1]
            named = {x for s in said for x in s.letters}
        if any(s.excused for s in self.said) or len(named) == len(self.namer.letters) > len(said) > 1:
            return None
        broken = _OPEN_END.search(self.text) is not None
        if any(s.weight for s in said) or (len(named) > 1 and not broken):
            return "".join(named)
        return None

    def _is_clear(self, mention: Mention) -> bool:
        """All words of an option, not as a finding or among other things; or some of them alone in a clause."""
        if not mention.exact:
            return self.sayings.is_alone(mention)
        if mention.end - mention.at == 1 and not self.sayings.ends(mention):
            return words.FRAME.match(self.sayings.right(mention.end)) is not None
        left, right = self.sayings.left(mention.at), self.sayings.right(mention.end)
        told = words.TOLD.search(left) or words.REPORTED.match(right)
        return not (told or left.endswith("、") or self._goes_on(mention))

    def _goes_on(self, mention: Mention) -> bool:
        """Whether something that is no option is named along with it: 骶骨、尾骨."""
        return not mention.by_letter and self.text[mention.end : mention.end + 1] in tuple("、和与及")

    def _nearly_named(self) -> str | None:
        """The one option whose signs stand in the last clause, but for a few of them (骨性关节炎 for 骨关节炎)."""
        clause = self.sayings.last_clause().lower()
        if words.NOT_SAID.search(clause):
            return None
        said = self.namer.said.items()
        long = _LONG if len(clause) <= _SHORT else _LONG + 1
        close = [x for x, text in said if len(text) >= long and common(text, clause) >= _CLOSE * len(text)]
        return close[0] if len(close) == 1 else None
