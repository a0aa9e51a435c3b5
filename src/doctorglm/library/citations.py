"""The check of an answer against the passages that it cites, sentence by sentence, so that nothing is taken back.

A number that no passage has goes; drugs and doses that no cited passage holds are struck; a sentence that its passages
do not support is marked; one without a number gets that of a passage which supports it whole. What a source must hold
is in `support`, what needs none in `exempt`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from doctorglm.clinical.evidence import Evidence, Note, NoteKind
from doctorglm.language import Text
from doctorglm.library.cited import Sentence, Strike, joined
from doctorglm.library.claims import Claim, claim_of
from doctorglm.library.exempt import is_question, leads, stated
from doctorglm.library.sentences import ITEM, Sentences
from doctorglm.library.support import SHARE, Lack, Passage, gives, holds, lack_of, passage_of, share

_WHY: dict[str, Text] = {
    "missing": Text(en="there is no passage of this number", zh="没有这个编号的资料"),
    "drug": Text(en="no cited passage names this drug", zh="所引资料没有提到这种药"),
    "dose": Text(en="no cited passage gives this dose", zh="所引资料没有这个剂量"),
    "attributed": Text(en="a passage says this; its number was added", zh="有资料这样说，已补上编号"),
    "uncited": Text(en="no passage is cited, and none says this", zh="没有引用资料，也没有资料这样说"),
    "figure": Text(en="the cited passages do not give this figure", zh="所引资料没有这个数字"),
    "denied": Text(en="the cited passages say the opposite", zh="所引资料的说法相反"),
    "words": Text(en="the cited passages speak of something else", zh="所引资料说的是别的"),
}
_NOTHING = Claim((), (), (), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An answer as it may be shown, what was done to it, and the share of its statements that passages support.

    `supported` is None where nothing is stated that needs a source.
    """

    text: str
    notes: tuple[Note, ...]
    supported: float | None


class Checking:
    """One answer; `add` pieces, then `end`: what may be shown by then. `notes` and `supported` tell what was done."""

    def __init__(self, evidence: Sequence[Evidence], question: str = "", least: float = SHARE) -> None:
        self._passages = [passage_of(one) for one in evidence]
        self._question, self._least = question, least
        self._sentences = Sentences()
        self._lead = ""
        self._statements = self._held = 0
        self.notes: list[Note] = []

    @property
    def supported(self) -> float | None:
        """The share of statements that passages support, so far; None before the first."""
        return self._held / self._statements if self._statements else None

    def add(self, piece: str) -> str:
        """What may be shown by now."""
        return "".join(map(self._checked, self._sentences.add(piece)))

    def end(self) -> str:
        """The rest."""
        return "".join(map(self._checked, self._sentences.end()))

    def whole(self, pieces: Iterable[str]) -> Checked:
        """All pieces at once."""
        text = "".join([*map(self.add, pieces), self.end()])
        return Checked(text=text, notes=tuple(self.notes), supported=self.supported)

    @cached_property
    def _asked(self) -> frozenset[str]:
        """The drugs that the question names: an answer may name them again."""
        return frozenset(drug.name for drug in claim_of(self._question).drugs)

    def _checked(self, raw: str) -> str:
        if not raw.strip():
            return raw
        sentence = Sentence.of(raw)
        cited = [n for n in sentence.cited if 1 <= n <= len(self._passages)]
        for number in sentence.cited:
            if number not in cited:
                self._note("missing", sentence, f"[{number}]")
        lead = self._lead if ITEM.match(sentence.text) else ""
        told = stated(sentence.text)
        claim = claim_of(told, lead) if told else _NOTHING
        read = self._advice if claim.empty else self._statement
        written = read(sentence, claim, cited, lead)
        self._lead = sentence.text if leads(sentence.text) else lead
        return written

    def _advice(self, sentence: Sentence, claim: Claim, cited: Sequence[int], lead: str) -> str:
        """A sentence that needs no source keeps the numbers that support it."""
        if lack_of(claim_of(sentence.text, lead), self._of(cited), self._least):
            cited = []
        return sentence.written(cited, self._strikes(sentence, claim, cited), marked=False)

    def _statement(self, sentence: Sentence, claim: Claim, cited: Sequence[int], lead: str) -> str:
        """A sentence is marked where its passages do not support it; where something is struck, that note shows it."""
        lack: Lack = lack_of(claim, self._of(cited), self._least) if cited else "words"
        if not cited and (number := self._supporting(claim)):
            cited, lack = [number], ""
            self._note("attributed", sentence, f"[{number}]")
        strikes = self._strikes(sentence, claim, cited)
        self._statements += 1
        self._held += not lack and not strikes
        if strikes:
            rest = claim_of(stated(sentence.without(strikes)), lead)
            kept = [] if lack_of(rest, self._of(cited), self._least) else cited
            return sentence.written(kept, strikes, marked=False)
        if lack:
            self._note("unsupported", sentence, sentence.text.strip(), lack if cited else "uncited")
        return sentence.written([] if lack else cited, (), marked=bool(lack))

    def _of(self, numbers: Sequence[int]) -> list[Passage]:
        return [self._passages[n - 1] for n in numbers]

    def _supporting(self, claim: Claim) -> int | None:
        """The passage that supports a sentence whole, the one with the most of its words."""
        found = [
            (-share(claim, [passage]), number)
            for number, passage in enumerate(self._passages, 1)
            if not lack_of(claim, [passage], self._least)
        ]
        return min(found)[1] if found else None

    def _strikes(self, sentence: Sentence, claim: Claim, cited: Sequence[int]) -> list[Strike]:
        """Drugs and doses that no cited passage holds, in what needs no source those that no passage at all does.

        A question back may name them.
        """
        if is_question(sentence.text):
            return []
        found = list(self._without_source(sentence.text, claim, self._of(cited)))
        for one in found:
            self._note(one.kind, sentence, sentence.text[one.start : one.end])
        return joined(sentence.text, found)

    def _without_source(self, text: str, claim: Claim, cited: Sequence[Passage]) -> Iterator[Strike]:
        stated_drugs = {drug.name for drug in claim.drugs}
        stated_doses = {(one.kind, one.value, one.upper) for one in claim.figures}
        whole = claim_of(text)
        for drug in whole.drugs:
            passages = cited if drug.name in stated_drugs else self._passages
            if drug.name not in self._asked and not holds(passages, drug):
                yield Strike(drug.start, drug.end, "drug")
        for one in whole.figures:
            passages = cited if (one.kind, one.value, one.upper) in stated_doses else self._passages
            if one.dose and not gives(passages, one):
                yield Strike(one.start, one.end, "dose")

    def _note(self, kind: NoteKind, sentence: Sentence, detail: str, why: str = "") -> None:
        self.notes.append(Note(kind=kind, sentence=sentence.raw.strip(), detail=detail, why=_WHY[why or kind]))


def check(answer: str, evidence: Sequence[Evidence], question: str = "", least: float = SHARE) -> Checked:
    """A whole answer checked against `evidence`, whose first passage is [1]; the same as its pieces would be.

    `question` is the one that was answered: drugs that it names may be named again. `least` is as `support.SHARE`.
    """
    return Checking(evidence, question, least).whole([answer])
