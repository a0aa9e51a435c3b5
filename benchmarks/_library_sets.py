"""The three sets of questions of `benchmarks/library.py`, each with the documents that are searched.

Which question is right for which document is decided here, before anything is searched; what is left out is counted.
"""

import hashlib
import json
import re
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms import find
from doctorglm.conversation import Message, read_conversations
from doctorglm.curate import CurateSettings, curate
from doctorglm.curate.sources import read, record_id
from doctorglm.files.found import find_files
from doctorglm.library.analysis import content_of
from doctorglm.library.document import Document, Section, named
from doctorglm.library.headings import OTHER, key_of
from doctorglm.library.query import query_of
from doctorglm.settings import build

ROOT = Path(__file__).parents[1]
CORPORA = ROOT.parent / "shared" / "data" / "corpora"
MEDQUAD = ROOT.parent / "shared" / "data" / "knowledge" / "medquad" / "MedQuAD-HEAD.tar.gz"
LABELLED = ROOT / "benchmarks" / "sets" / "library"
HALVES = {"dev": ("dev", "dev2"), "test": ("test",), "test2": ("test2",)}
"""The files of each; a test half is scored once."""
TUNING = ("train", "valid")
_LEAST_CHARS = 4
"""Letters of an `ask` that says something; 无 has one."""
_SAYS_MORE = 3
"""Words of a question without its name that still tell what it is about."""
_TINY_ROWS, _TINY_FILES = 400, 60

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, the documents that answer it (none where it cannot be answered), and what it counts among.

    `wider` are the documents that answer it by a looser rule, where there is one.
    """

    id: str
    text: str
    right: tuple[str, ...]
    wider: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Questions and the documents that they are put to; no documents: the entries that come with DoctorGLM."""

    name: str
    questions: Sequence[Question]
    documents: Sequence[Document] = ()
    counts: Mapping[str, Any] = field(default_factory=dict)


def cmd(work: Path, *, tiny: bool = False) -> Collection:
    """CMD: what a patient wrote, without the title, to the diseases that the title names.

    An entry holds the answers of the tuning split under titles that name its disease; questions are of the test split.
    """
    rows = cmd_rows(_TINY_ROWS if tiny else None)
    tuning, test = _every_fifth(rows) if tiny else _parts(work)
    documents = _entries([rows[i] for i in tuning])
    questions, counts = _asked({i: rows[i] for i in test}, {document.id for document in documents})
    return Collection(name="cmd", documents=documents, questions=questions, counts=counts)


def cmd_rows(most: int | None) -> dict[str, Row]:
    """The rows of CMD by their ids, the first `most` of them."""
    _wanted(CORPORA / "cmd")
    (file,) = [f for f in find_files([CORPORA / "cmd"]) if f.name.endswith(".csv")]
    (source,) = read(file)
    return {record_id(row.fields, "cmd"): row.fields for row in islice(source.rows, most) if row.fields is not None}


def _parts(work: Path) -> tuple[list[str], list[str]]:
    """The ids of the tuning and of the test split, as the recipe divides CMD; exits where the hashes are others."""
    sources = [CORPORA / "cmd", CORPORA / "zhongjing"]
    _wanted(sources[1])
    out = work / "cmd-curated"
    recipe = yaml.safe_load((ROOT / "recipes" / "cmd-lora.yaml").read_text(encoding="utf-8"))
    run = curate(sources, out, build(CurateSettings, recipe["curate"], "curate"))
    committed = json.loads((ROOT / "recipes" / "cmd-splits.json").read_text(encoding="utf-8"))["sha256"]
    if run.record["splits_sha256"] != committed:
        sys.exit(f"{out}: CMD's split is not that of recipes/cmd-splits.json. Mend the split, or commit a new one.")
    ids = {name: [c.id for c in read_conversations(out / f"{name}.jsonl")] for name in (*TUNING, "test")}
    return [i for name in TUNING for i in ids[name]], ids["test"]


def _every_fifth(rows: Mapping[str, Row]) -> tuple[list[str], list[str]]:
    ids = list(rows)
    return [i for n, i in enumerate(ids) if n % 5], ids[::5]


def diseases_in(text: str) -> list[str]:
    """The diseases that a text names and does not deny, under their names in charts."""
    return list(dict.fromkeys(t.norm for t in find(text) if t.type == "disease" and t.status != "denied"))


def _entries(rows: Sequence[Row]) -> list[Document]:
    answers: dict[str, list[str]] = {}
    for row in rows:
        for disease in diseases_in(row["title"]):
            answers.setdefault(disease, []).append(row["answer"].strip())
    return [
        Document(id=d, title=d, sections=(Section("问答", OTHER, "\n".join(said)),), kind="disease", licence="MIT")
        for d, said in sorted(answers.items())
    ]


def _asked(rows: Mapping[str, Row], known: set[str]) -> tuple[list[Question], dict[str, int]]:
    counts: Counter[str] = Counter(rows=len(rows))
    questions = []
    for row_id, row in rows.items():
        diseases = diseases_in(row["title"])
        right = tuple(d for d in diseases if d in known)
        if why := left_out(row["title"], row["ask"], diseases, right):
            counts[why] += 1
            continue
        says = set(right) & set(diseases_in(row["ask"])) or any(d in row["ask"] for d in right)
        group = "disease named" if says else "disease not named"
        questions.append(Question(id=row_id, text=row["ask"], right=right, groups=(group,)))
    return questions, dict(counts) | {"questions": len(questions)}


def left_out(title: str, ask: str, diseases: Sequence[str], right: Sequence[str]) -> str:
    """Why a row of CMD is no question here; "" where it is one."""
    if len(_letters(ask)) < _LEAST_CHARS:
        return "the patient wrote nothing"
    if _letters(title) in _letters(ask):
        return "title inside the question"
    if not diseases:
        return "title names no disease"
    return "" if right else "no entry on the disease"


def _letters(text: str) -> str:
    return "".join(char for char in folded(text) if char.isalnum())


def medquad(most: int | None, *, tiny: bool = False) -> tuple[Collection, Collection]:
    """MedQuAD: questions to the XML document that answers them, and the same without the name of what they are about.

    A document is a focus with its answers under their types; the questions are not in it. By the looser rule every
    document of that focus answers. `most` questions are drawn by the hash of their ids.
    """
    _wanted(MEDQUAD)
    read_in = list(islice(medquad_documents(), _TINY_FILES if tiny else None))
    documents = [document for document, _ in read_in]
    of_focus: dict[str, list[str]] = {}
    for document in documents:
        of_focus.setdefault(folded(document.title), []).append(document.id)
    asked = [(qid, text, document) for document, questions in read_in for qid, text in questions]
    asked = sorted(asked, key=lambda one: hashlib.sha256(one[0].encode()).digest())[:most]
    counts: Counter[str] = Counter(files=len(documents), pairs=sum(len(questions) for _, questions in read_in))
    plain, harder = [], []
    for qid, text, document in asked:
        right, wider = (document.id,), tuple(of_focus[folded(document.title)])
        plain.append(Question(id=qid, text=text, right=right, wider=wider))
        bare = without_names(text, document.names)
        if bare == text:
            counts["name not in the question"] += 1
            continue
        group = "says more" if len(content_of(bare)) >= _SAYS_MORE else "says nothing else"
        harder.append(Question(id=qid, text=bare, right=right, wider=wider, groups=(group,)))
    return (
        Collection(name="medquad", documents=documents, questions=plain, counts=counts),
        Collection(name="medquad without names", documents=documents, questions=harder, counts=counts),
    )


def medquad_documents() -> Iterator[tuple[Document, list[tuple[str, str]]]]:
    """Each document that has an answer, with (id, text) of its questions."""
    with tarfile.open(MEDQUAD) as archive:
        for member in archive:
            if member.name.endswith(".xml") and (content := archive.extractfile(member)):
                doc_id = "/".join(Path(member.name).with_suffix("").parts[-2:])
                document, questions = document_of(content.read(), doc_id)
                if questions:
                    yield document, questions


def document_of(content: bytes, doc_id: str) -> tuple[Document, list[tuple[str, str]]]:
    """The document of an XML file of MedQuAD and its questions that have an answer."""
    root = ElementTree.fromstring(content)
    focus = " ".join((root.findtext("Focus") or "").split())
    aliases = named(focus, [" ".join((one.text or "").split()) for one in root.iter("Synonym")])
    sections, questions = [], []
    for pair in root.iter("QAPair"):
        asked, answer = pair.find("Question"), (pair.findtext("Answer") or "").strip()
        if asked is None or not answer:
            continue
        kind = asked.get("qtype", "")
        sections.append(Section(kind, key_of(kind), re.sub(r"[ \t]+", " ", answer)))
        questions.append((f"{doc_id}#{asked.get('qid', '')}", " ".join((asked.text or "").split())))
    made = Document(id=doc_id, title=focus, sections=tuple(sections), aliases=aliases, licence="CC BY 4.0")
    return made, questions


def without_names(question: str, names: Sequence[str]) -> str:
    """The question with every name taken out where it stands as words of its own, the longest first."""
    for name in sorted(filter(None, names), key=len, reverse=True):
        question = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", question, flags=re.IGNORECASE)
    return question


def labelled(half: str, known: set[str], *, tiny: bool = False) -> Collection:
    """The questions written for the shipped entries, some without an answer; exits at an id that no entry has."""
    records: list[dict[str, Any]] = []
    for name in HALVES[half]:
        path = LABELLED / f"{name}.jsonl"
        if not path.is_file():
            sys.exit(f"{path}: no such file. The labelled questions are part of the project; restore it.")
        records += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    for record in records:
        if unknown := set(record["docs"]) - known:
            sys.exit(f"{half}: {record['id']}: no entry has the id {sorted(unknown)}. Mend the question.")
        if record["answerable"] != bool(record["docs"]):
            sys.exit(f"{half}: {record['id']}: `answerable` is {record['answerable']}, `docs` {record['docs']}.")
    questions = [
        Question(id=r["id"], text=query(r), right=tuple(r["docs"]), groups=(r["style"],))
        for r in (records[::4] if tiny else records)
    ]
    return Collection(name="labelled", questions=questions, counts=Counter(r["style"] for r in records))


def query(record: Mapping[str, Any]) -> str:
    """What is searched for: what the product makes of the question and of what was said before it."""
    messages = [Message(m["role"], m["content"]) for m in record.get("history", ())]
    return query_of([*messages, Message("user", record["question"])])


def _wanted(path: Path) -> None:
    if not path.exists():
        sys.exit(f"No {path.name} in ../shared/data, which this part measures on. Put ../shared beside the project.")
