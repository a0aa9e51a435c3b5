"""The terms that a translator is told: the glossary, names of drugs, illnesses and examinations, HPO's phenotypes.

What the checks ask for is less: a label has one wording there, and a right translation may have another.
"""

import re
from collections.abc import Iterator, Sequence

from doctorglm.translate.checks.check import rows_without
from doctorglm.translate.checks.lexicon import own_rows
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import hpo_labels
from doctorglm.translate.spelling import canonical

_LISTS = frozenset(("drugs", "illness", "examinations"))
"""Lists of the checks whose names have one meaning; what is common has several."""
_SHORTEST = 4
"""Letters of a name; a shorter one may be another word."""
_ILLNESS = re.compile(
    r"(?:itis|osis|asis|a?emia|oma|pathy|algia|uria|plegia|paresis|phobia|rrh?o?ea|rrhage|megaly|penia|cele|plasia"
    r"|trophy|stenosis|dynia|phagia|pnea|opia|cardia|thermia|ectasis|edema|itus|philia|malacia)$"
)
"""Ends of words that name nothing but illnesses and symptoms; other labels of one word ("Severity") may be any word."""
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


def told_terms(glossary: Sequence[Entry], withheld: Sequence[Entry] = (), *, phenotypes: bool = True) -> list[Entry]:
    """The rows of the glossary, then those of the checks' lists and HPO's labels whose names are not there yet.

    Of `withheld` terms, and of what is connected with them, no row is told.
    """
    told = {_name(one.english): one for one in (*(_phenotypes(withheld) if phenotypes else ()), *_names(withheld))}
    known = {_name(one.english) for one in glossary}
    return [*glossary, *(one for name, one in told.items() if name not in known)]


def _names(withheld: Sequence[Entry]) -> Iterator[Entry]:
    for row in rows_without(own_rows(), withheld):
        chosen = tuple(said for said in row.chinese if said[0] != "~")[:_MOST]
        if row.name not in _LISTS or not chosen:
            continue
        for english in row.english:
            if english[0] != "~" and "*" not in english and len(english) >= _SHORTEST and english not in _SEVERAL:
                yield Entry(english, chosen, "doctorglm", "Apache-2.0")


def _phenotypes(withheld: Sequence[Entry]) -> Iterator[Entry]:
    gone = [(f" {_name(one.english)} ", one.chinese) for one in withheld]
    for one in hpo_labels():
        name = _name(one.english)
        if not (" " in name or _ILLNESS.search(name)) or name in _SEVERAL:
            continue
        if not any(words in f" {name} " or any(said in one.chinese[0] for said in zh) for words, zh in gone):
            yield one


def _name(english: str) -> str:
    return " ".join(map(canonical, english.split()))
