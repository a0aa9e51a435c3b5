"""Guards: what a question may ask of the model, and what of its answer may be shown.

One guard a file; the rules are data (`rules/*.yaml`), each with its id, its source and its wording in Chinese and
English. Every action says what was struck and why.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from doctorglm.clinical.evidence import Evidence
from doctorglm.conversation import Message
from doctorglm.safety.guards import (
    contraindication,
    cure_claim,
    dose,
    facts,
    patient,
    personal_data,
    phrases,
    prescription,
    requests,
)
from doctorglm.safety.guards import second as second_reader
from doctorglm.safety.guards.drugs import prepare
from doctorglm.safety.guards.finding import Action, Finding
from doctorglm.safety.guards.guarded import Guarded, Released
from doctorglm.safety.guards.patient import Patient
from doctorglm.safety.guards.requests import Asked
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Known, Scene

__all__ = ["Action", "Asked", "Evidence", "Guarded", "Guards", "Patient", "Released"]

_OWN = ("contraindication", "dose", "personal_data", "prescription")
_ANSWERED = ("cure_claim", "discourages_care", "false_certainty", "folk_remedy", "obeys_injection", "pretends_doctor")
_ASKED = ("harmful_request", "injection")


class Guards:
    """All guards; raises ConfigError with file and line where a rule is wrong, so that nothing runs without them.

    `second` is the second reader, which finds what no rule lists, in answers and among orders to the model; without it
    the rules stand alone.
    """

    def __init__(self, *, second: bool = True) -> None:
        self._second = second
        prepare()
        facts.prepare()
        for name in _OWN:
            own_rules(name)
        for name in _ASKED:
            phrases.index(name)
        self._answer: dict[str, Callable[[Scene], Iterator[Finding]]] = {
            "contraindication": contraindication.found,
            "prescription": prescription.found,
            "dose": dose.found,
            "cure_claim": cure_claim.found,
            "personal_data": personal_data.found,
            "phrases": partial(phrases.matches, phrases.index(*_ANSWERED)),
        }
        if second:
            second_reader.prepare()

    def asked(self, messages: Sequence[Message]) -> Asked:
        """The messages as the model may read them, or a refusal."""
        return requests.read(messages, second=self._second)

    def passages(self, evidence: Sequence[Evidence]) -> tuple[tuple[Evidence, ...], tuple[Action, ...]]:
        """The evidence without orders to the model."""
        return requests.passages(evidence, second=self._second)

    def guarded(
        self, messages: Sequence[Message], evidence: Sequence[Evidence] = (), about: Patient | None = None
    ) -> Guarded:
        """An answer to `messages` that is to be checked; `about` where more is known than the messages tell."""
        said = "\n".join(m.content for m in messages)
        told = about or patient.read(m.content for m in messages if m.role == "user")
        question = next((m.content for m in reversed(messages) if m.role == "user"), "")
        known = Known(said, question, tuple(evidence), told)
        return Guarded(self._answer, known, second_reader.found if self._second else None)

    def checked(
        self,
        answer: str,
        messages: Sequence[Message],
        evidence: Sequence[Evidence] = (),
        about: Patient | None = None,
    ) -> Released:
        """A whole answer as it may be shown; the same as its pieces would be."""
        return self.guarded(messages, evidence, about).whole([answer])
