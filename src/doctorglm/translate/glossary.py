"""Glossaries: the project's own list, and lists of users as tables (TSV, CSV), TBX or HPO's babelon."""

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

from doctorglm.files.archives import Content, contents
from doctorglm.files.encoding import is_binary, prove
from doctorglm.files.found import find_files
from doctorglm.translate import tables, tbx
from doctorglm.translate.entry import Entry, wrong

OWN = "glossary.tsv"
HPO = ("hpo", "hp-zh.babelon.tsv")
_LIMIT_BYTES = 1 << 27
"""HPO's list has 1.7 MB."""


def own_glossary() -> list[Entry]:
    """The list that ships with the project; Apache-2.0, as the code is."""
    text = resources.files(__package__).joinpath(OWN).read_text(encoding="utf-8")
    return list(tables.entries(text, OWN, source="doctorglm", licence="Apache-2.0"))


def hpo_labels() -> list[Entry]:
    """The Chinese labels of the Human Phenotype Ontology, whole and unaltered, under its licence.

    Source: https://github.com/obophenotype/hpo-translations; https://doi.org/10.1093/nar/gkad1005.
    """
    text = resources.files(__package__).joinpath(*HPO).read_text(encoding="utf-8")
    return list(tables.entries(text, HPO[-1]))


def read_glossary(path: Path) -> list[Entry]:
    """The rows of a file, also packed, or `hpo`: HPO's labels as they ship.

    Raises DataError with file and line for what is none, and for an empty one.
    """
    if path == Path(HPO[0]) and not path.exists():
        return hpo_labels()
    found = [one for file in find_files([path]) for content in contents(file.path, file.name) for one in _of(content)]
    if not found:
        raise wrong(str(path), en="no terms in it. Give English and Chinese in two columns.",
                    zh="里面没有术语。请给出英文和中文两列。")  # fmt: skip
    return found


def licences(entries: Sequence[Entry]) -> dict[str, int]:
    """How many rows stand under each licence that a source names."""
    return dict(Counter(one.licence for one in entries if one.licence))


def _of(content: Content) -> Iterator[Entry]:
    start = content.start()
    if is_binary(start) or start.startswith((b"PK\3\4", b"PAR1")):
        raise wrong(content.name, en="no text. Save the glossary as CSV, TSV or TBX.",
                    zh="不是文本。请把术语表另存为 CSV、TSV 或 TBX。")  # fmt: skip
    text = _text(content)
    return (tbx.entries if text.lstrip().startswith("<") else tables.entries)(text, content.name)


def _text(content: Content) -> str:
    codec = prove(content.open, content.name)
    with content.open() as stream:
        data = stream.read(_LIMIT_BYTES + 1)
    if len(data) > _LIMIT_BYTES:
        raise wrong(content.name, en=f"larger than {_LIMIT_BYTES >> 20} MB. Split the glossary.",
                    zh=f"超过 {_LIMIT_BYTES >> 20} MB。请拆开术语表。")  # fmt: skip
    return data.decode(codec).lstrip("\ufeff")
