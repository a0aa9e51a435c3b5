"""A translator whose every translation is checked: what fails is mended sentence by sentence, or rejected.

Only sentences in which a fault is seen are translated again, each alone and with what was wrong; where a fault lies
between sentences (one is missing, two changed places), all of them are. A new sentence is taken when it has fewer
faults, the text when it has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.settings import STRICT
from doctorglm.translate.checks.check import Checks, CheckSettings
from doctorglm.translate.checks.fault import KINDS, Fault
from doctorglm.translate.checks.sentences import chinese_sentences
from doctorglm.translate.entry import Entry
from doctorglm.translate.outcome import By, Outcome, Translator
from doctorglm.translate.parts import joined
from doctorglm.translate.sentences import sentences
from doctorglm.translate.told_terms import told_terms

VERSION = "7"
"""To be raised with every change of what the checks find, or of how faults are mended."""
OWN = frozenset(("teacher", "student"))
"""By whom there is something to check."""


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class CheckedSettings(CheckSettings):
    """Whether translations are checked, for what, and how often they are mended."""

    checks: bool = True
    """False: everything is taken that is a translation at all; nothing is known of it then."""
    mends: Annotated[int, Field(ge=0)] = 2
    """Turns in which sentences with faults are translated again."""
    own_terms: bool = True
    """The translator is told names of drugs, illnesses and examinations in the checks' lists, and HPO's labels, too."""

    def told(self, glossary: Sequence[Entry]) -> Sequence[Entry]:
        """The terms that prompts and tags hold."""
        return told_terms(glossary) if self.own_terms else glossary

    def recorded(self) -> dict[str, Any]:
        """What a run is known by."""
        which = [kind for kind in KINDS if getattr(self, kind)]
        return {"checks": f"{VERSION}: {','.join(which)}" if self.checks else "none", "mends": self.mends,
                "own_terms": self.own_terms}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Again:
    """A sentence that is wanted once more: its English, what was rejected ("": nothing is there), and why."""

    english: str
    chinese: str
    faults: tuple[Fault, ...]
    turn: int
    """From 1: another turn is another attempt."""


class Mender(Translator, Protocol):
    """A translator that can try a sentence again."""

    def again(self, wanted: Sequence[Again]) -> list[list[str]]:
        """Other translations of each, the best first; none where it has none."""


@dataclass(slots=True)
class _Draft:
    """A text on its way: its sentences, the Chinese of each, and the best whole so far."""

    text: str
    english: list[str]
    blanks: list[str]
    said: list[str]
    whole: str | None
    faults: tuple[Fault, ...]
    mended: int = 0
    aligned: bool = True
    """Whether `said` has a sentence for each of `english`, and `whole` is made of them."""
    pairs: tuple[tuple[str, str], ...] = field(default=())

    @property
    def is_open(self) -> bool:
        return self.whole is None or bool(self.faults)


class Checked:
    """Checks a translator's outcomes, and has it mend them in at most `turns` turns."""

    def __init__(self, translator: Mender, checks: Checks, turns: int, by: By) -> None:
        self._translator, self._checks, self._turns, self._by = translator, checks, turns, by

    def translate(self, texts: Sequence[str]) -> list[Outcome]:
        """The outcome of each text, in order; of one that is rejected the reason is its first fault's kind."""
        outcomes = self._translator.translate(texts)
        drafts = [self._draft(text, one) for text, one in zip(texts, outcomes, strict=True)]
        for turn in range(1, self._turns + 1):
            if not (broken := [draft for draft in drafts if draft is not None and draft.is_open]):
                break
            self._mend(broken, turn)
        return [
            one if draft is None else self._outcome(one, draft) for one, draft in zip(outcomes, drafts, strict=True)
        ]  # fmt: skip

    def _draft(self, text: str, one: Outcome) -> _Draft | None:
        """None for a text that stands as it is."""
        if one.chinese is not None and one.by not in OWN:
            return None
        cut = sentences(text)
        english = [said for said, _ in cut]
        said = [chinese for _, chinese in one.pairs] if len(one.pairs) == len(english) else []
        said = said or chinese_sentences(one.chinese or "")
        aligned = one.chinese is not None and len(said) == len(english)
        faults = () if one.chinese is None else tuple(self._checks.faults(text, one.chinese))
        return _Draft(text, english, [blank for _, blank in cut], said if aligned else [""] * len(english),
                      one.chinese, faults, aligned=aligned)  # fmt: skip

    def _mend(self, drafts: Sequence[_Draft], turn: int) -> None:
        """One more attempt at each draft; the translator is asked for all of them together."""
        chosen = [self._to_mend(draft) for draft in drafts]
        wanted = [
            Again(draft.english[i], draft.said[i], faults or draft.faults, turn)
            for draft, of in zip(drafts, chosen, strict=True)
            for i, faults in of
        ]
        answers = iter(self._translator.again(wanted))
        for draft, of in zip(drafts, chosen, strict=True):
            for i, _ in of:
                draft.said[i] = self._best(draft.english[i], draft.said[i], next(answers))
            self._weigh(draft, turn)

    def _to_mend(self, draft: _Draft) -> list[tuple[int, tuple[Fault, ...]]]:
        """(place, faults) of the sentences in which a fault is seen; where none is, of all."""
        each = [
            (i, tuple(self._checks.faults(en, zh)) if zh else ())
            for i, (en, zh) in enumerate(zip(draft.english, draft.said, strict=True))
            if en.strip()
        ]
        seen = [(i, faults) for i, faults in each if faults or not draft.said[i]]
        return seen or each

    def _best(self, english: str, present: str, others: Sequence[str]) -> str:
        """The translation with the fewest faults; of equal ones the earliest, the present one last."""
        every = [one for one in (*others, present) if one.strip()]
        return min(every, key=lambda one: _weight(self._checks.faults(english, one)), default="")

    def _weigh(self, draft: _Draft, turn: int) -> None:
        """Takes the text of the new sentences where it is better than the one so far."""
        if not all(zh or not en.strip() for en, zh in zip(draft.english, draft.said, strict=True)):
            return
        whole = joined(draft.said, draft.blanks)
        faults = tuple(self._checks.faults(draft.text, whole))
        if draft.whole is None or _weight(faults) < _weight(draft.faults):
            draft.whole, draft.faults, draft.mended = whole, faults, turn
            draft.pairs = tuple(zip(draft.english, draft.said, strict=True))

    def _outcome(self, one: Outcome, draft: _Draft) -> Outcome:
        if draft.whole is None:
            return one
        if draft.faults:
            return Outcome(None, "", draft.faults[0].kind, mended=draft.mended, faults=draft.faults,
                           rejected=draft.whole)  # fmt: skip
        return Outcome(draft.whole, self._by, pairs=draft.pairs or one.pairs, mended=draft.mended)


def _weight(faults: Sequence[Fault]) -> tuple[bool, int]:
    """How bad they are: what says something else has few faults beside that, and is worse than any number of them."""
    return any(one.kind == "adequacy" for one in faults), len(faults)


def checked(translator: Mender, glossary: Sequence[Entry], settings: CheckedSettings, by: By) -> Translator:
    """The translator with the checks that the settings want, or without any."""
    return Checked(translator, Checks(glossary, settings), settings.mends, by) if settings.checks else translator
