"""What a check says of a translation: the kind of fault, why, what it is about, and what would be right."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal[
    "term",
    "number",
    "unit_or_dose",
    "negation",
    "gender_person",
    "laterality",
    "drug",
    "length",
    "untranslated",
    "loop",
    "language",
    "order",
    "truncation",
    "addition",
    "adequacy",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason not to take a translation; a suspicion, from rules.

    `english` and `chinese` are what it is about, "" where one side has nothing; `expected` are Chinese wordings that
    would have been taken, for a second try, and may be empty.
    """

    kind: Kind
    reason: str
    english: str = ""
    chinese: str = ""
    expected: tuple[str, ...] = ()
