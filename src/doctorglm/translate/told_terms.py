"""The terms that a translator is told: the glossary, and the names of drugs, illnesses and examinations of our own."""

import re
from collections.abc import Sequence

from doctorglm.translate.checks.check import rows_without
from doctorglm.translate.checks.lexicon import own_rows
from doctorglm.translate.entry import Entry
from doctorglm.translate.spelling import canonical

_LISTS = frozenset(("drugs", "illness", "examinations"))
"""Lists of the checks whose names have one meaning; what is common has several."""
_SHORTEST = 4
"""Letters of a name; a shorter one may be another word."""
_SEVERAL = frozenset(re.findall(r"\S+", """
    birth births born brace braces braced bypass casting cavities cavity clean coil cold colds corn corns cuts doc
    dressing drip dull emergencies emergency failure feed feeding feedings feeds fit gene genes image images
    keyhole labor labour lump lumps mono needle needles nursing panic patch patches piles plague plaster
    powder remedies remedy respirator respirators scan shock shocks shot shots sling solution solutions stone stones
    strokes tick ticks traction ward wards worm worms coli inborn jabs mercury lactate bloods
    admission chemist clinic clinics weed ice iron disorder disorders emotion emotions emotional juvenile
"""))  # fmt: skip
"""Names that mean other things as well, which the rest of a sentence tells and a list does not."""
_MOST = 3
"""Renderings that a translator may choose from."""


def told_terms(glossary: Sequence[Entry], withheld: Sequence[Entry] = ()) -> list[Entry]:
    """The rows of the glossary, and those of the checks' lists whose names it does not have.

    Of `withheld` terms, and of what is connected with them, no row is told.
    """
    known = {_name(one.english) for one in glossary}
    rows = [row for row in rows_without(own_rows(), withheld) if row.name in _LISTS]
    more = {
        _name(english): Entry(english, chosen, "doctorglm", "Apache-2.0")
        for row in rows
        for english in row.english
        if english[0] != "~" and "*" not in english and len(english) >= _SHORTEST and english not in _SEVERAL
        if (chosen := tuple(said for said in row.chinese if said[0] != "~")[:_MOST])
    }
    return [*glossary, *(one for name, one in more.items() if name not in known)]


def _name(english: str) -> str:
    return " ".join(map(canonical, english.split()))
