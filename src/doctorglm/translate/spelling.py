"""English words as one spelling, and the forms that a noun takes: plurals of medicine, British and American.

`canonical` is applied to the glossary and to the text alike, so that what it makes need not be a word. Sources of the
irregular plurals: the Latin and Greek declensions that medicine keeps (-is, -ion, -um, -us, -ex, -ix, -ma, -nx).
"""

import re
import unicodedata
from functools import lru_cache

_BRITISH: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), american)
    for pattern, american in (
        (r"(?<=.)ae(?=..)|^ae(?=...)", "e"),  # anaemia, haemorrhage, aetiology
        (r"(?<=.)oe(?=[a-z]{2}|a)|^oe(?=[a-z]{3})", "e"),  # oedema, diarrhoea, foetus
        (r"(?<=[a-z]{2})our(?=s?$|ed|ing|less|ful|able)", "or"),  # tumour
        (r"(?<=[a-z]{2})is(?=ations?$|e[ds]?$|ing$)", "iz"),  # hospitalisation
        (r"(?<=al)ys(?=e[ds]?$|ing$)", "yz"),  # analyse
        (r"(?:(?<=lit)|(?<=met)|(?<=tit)|(?<=cent)|(?<=fib))re(?=s?$)", "er"),  # litre
        (r"sulph", "sulf"),
        (r"(?<=gram)me(?=s?$)", ""),  # programme
        (r"aluminium", "aluminum"),
        (r"(?<=[a-z]{3})ll(?=ed$|ing$)", "l"),  # labelled
    )
)
_ANY_BRITISH = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in _BRITISH))
"""What is in no word that is American already; most are."""

_IRREGULAR = {
    "bacterium": "bacteria", "ovum": "ova", "atrium": "atria", "septum": "septa", "serum": "sera", "sputum": "sputa",
    "diverticulum": "diverticula", "medium": "media", "spectrum": "spectra", "ganglion": "ganglia",
    "phenomenon": "phenomena", "criterion": "criteria", "mitochondrion": "mitochondria",
    "fungus": "fungi", "bacillus": "bacilli", "coccus": "cocci", "nucleus": "nuclei", "stimulus": "stimuli",
    "thrombus": "thrombi", "embolus": "emboli", "bronchus": "bronchi", "calculus": "calculi", "alveolus": "alveoli",
    "nevus": "nevi", "naevus": "naevi", "villus": "villi", "tophus": "tophi", "humerus": "humeri", "uterus": "uteri",
    "streptococcus": "streptococci", "staphylococcus": "staphylococci", "pneumococcus": "pneumococci",
    "vertebra": "vertebrae", "bursa": "bursae", "larva": "larvae", "scapula": "scapulae", "fistula": "fistulae",
    "papilla": "papillae", "fossa": "fossae", "macula": "maculae", "petechia": "petechiae", "bulla": "bullae",
    "cornea": "corneae", "areola": "areolae", "vena": "venae", "ulna": "ulnae", "tibia": "tibiae", "fibula": "fibulae",
    "larynx": "larynges", "pharynx": "pharynges", "phalanx": "phalanges", "meninx": "meninges",
    "appendix": "appendices", "cervix": "cervices", "cortex": "cortices", "index": "indices", "apex": "apices",
    "matrix": "matrices", "helix": "helices", "varix": "varices", "thorax": "thoraces", "calyx": "calyces",
    "foramen": "foramina", "lumen": "lumina", "genus": "genera", "viscus": "viscera", "corpus": "corpora",
    "femur": "femora", "epididymis": "epididymides", "iris": "irides", "arthritis": "arthritides",
    "tooth": "teeth", "foot": "feet", "child": "children", "man": "men", "woman": "women", "mouse": "mice",
    "louse": "lice", "calf": "calves", "half": "halves", "dose": "doses", "overdose": "overdoses", "nose": "noses",
}  # fmt: skip
_SINGULAR = {plural: singular for singular, plural in _IRREGULAR.items()}
_MA = re.compile(r"(?<=[a-z]{3})ma$")
_MARK = re.compile("[\u0300-\u036f]")
_ALIKE = frozenset({
    "diabetes", "measles", "mumps", "rickets", "shingles", "herpes", "rabies", "scabies", "caries", "series", "species",
    "feces", "faeces", "aids", "news", "hives", "lens", "pus", "sepsis", "pertussis", "biceps", "triceps", "forceps",
    "ascites", "tabes", "menses", "genitals", "rhonchi", "pancreas", "statistics", "physics", "pediatrics",
    "paediatrics", "obstetrics", "orthopedics", "gas", "atlas",
})  # fmt: skip
"""Words that end like plurals and are none, or have no singular that means the same."""


@lru_cache(1 << 16)
def canonical(word: str) -> str:
    """The word in lower case and American spelling, without accents and without a possessive ending."""
    said = _MARK.sub("", unicodedata.normalize("NFD", word.lower())).replace("’", "'")
    said = said[:-2] if said.endswith("'s") else said.rstrip("'")
    if _ANY_BRITISH.search(said):
        for pattern, american in _BRITISH:
            said = pattern.sub(american, said)
    return said


def numbers_of(noun: str) -> frozenset[str]:
    """The noun, its plurals and, where it is a plural, its singular; in lower case, in the spelling of `noun`."""
    said = noun.lower()
    found = {said, *_plurals(said)}
    if singular := _singular(said):
        found |= {singular, *_plurals(singular)}
    return frozenset(found)


def _plurals(noun: str) -> set[str]:
    if noun in _ALIKE or not noun[-1:].isalpha():
        return set()
    if noun in _IRREGULAR:
        return {_IRREGULAR[noun], f"{noun}es" if noun[-1] in "sxz" else f"{noun}s"}
    if noun.endswith("is"):
        return {f"{noun[:-2]}es"}  # diagnosis, metastasis; of arthritis only the irregular one is used
    if _MA.search(noun):
        return {f"{noun}s", f"{noun}ta"}  # carcinomata
    if re.search(r"[^aeiou]y$", noun):
        return {f"{noun[:-1]}ies"}
    if noun.endswith("ss") or re.search(r"(?:[xz]|ch|sh|us|as|os)$", noun):
        return {f"{noun}es"}
    return {f"{noun}s"} if noun[-1] != "s" else set()


def _singular(noun: str) -> str:
    """The singular of a plural; "" where the word is none, or may be a singular itself."""
    if noun in _SINGULAR:
        return _SINGULAR[noun]
    if noun.endswith("mata"):
        return noun[:-2]
    if noun in _ALIKE or len(noun) < 5 or not noun.endswith("s") or re.search(r"(?:ss|us|is|os)$", noun):
        return ""
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    if re.search(r"(?:[bcdgpt]|s|n)oses$|yses$|[st]ases$|pses$", noun):
        return f"{noun[:-2]}is"
    return noun[:-2] if re.search(r"(?:sh|[^a]ch|x|ss|us)es$", noun) else noun[:-1]
