"""MedQuAD's three layouts, what its authors took out, XML that would read or multiply other text, and all of it."""

import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from doctorglm.errors import DataError
from doctorglm.files import archives

from .kit import keys, read, told, write

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<Document id="0000007" source="NIDDK" url="https://www.niddk.nih.gov/gout">
<Focus>Gout</Focus>
<FocusAnnotations><Category>Disease</Category>
<Synonyms><Synonym>Gouty arthritis</Synonym><Synonym>gout</Synonym></Synonyms>
</FocusAnnotations>
<QAPairs>
<QAPair pid="1"><Question qid="1-1" qtype="information">What is (are) Gout ?</Question>
<Answer>Gout is painful.    It comes with:      - Redness    - Heat &amp; swelling
        after a night.</Answer></QAPair>
<QAPair pid="2"><Question qid="1-2" qtype="exams and tests">How to diagnose Gout ?</Question><Answer></Answer></QAPair>
<QAPair pid="3"><Question qid="1-3" qtype="treatment">What to do for Gout ?</Question><Answer>Rest.</Answer></QAPair>
</QAPairs></Document>"""


def test_a_document(tmp_path: Path) -> None:
    (document,), (skipped,) = read(write(tmp_path / "0000007.xml", PAGE))
    assert (document.id, document.title, document.aliases) == ("NIDDK-0000007", "Gout", ("Gouty arthritis",))
    assert (document.kind, document.licence) == ("disease", "CC BY 4.0")
    assert document.source == "https://www.niddk.nih.gov/gout"
    assert told(document) == {
        "information": "Gout is painful.\nIt comes with:\n- Redness\n- Heat & swelling\nafter a night.",
        "treatment": "Rest.",
    }
    assert keys(document) == ["overview", "treatment"]
    assert skipped.where == "[mrn].xml" and "'exams and tests' is empty" in skipped.reason.en


def test_the_other_layouts(tmp_path: Path) -> None:
    lower = PAGE.replace('Document id="0000007" source', 'doc docid="0000007" corpus').replace("</Document", "</doc")
    lower = lower.replace("Focus>", "doctitle-focus>").replace("QAPairs", "qaPairs").replace("QAPair", "pair")
    lower = lower.replace("Question", "question").replace("Answer", "answer")
    file = PAGE.replace("Document id", "DiseaseFile fid").replace("</Document", "</DiseaseFile")
    expected = read(write(tmp_path / "x" / "0000007.xml", PAGE))[0]
    for number, text in enumerate((lower, file)):
        assert text != PAGE
        assert read(write(tmp_path / str(number) / "0000007.xml", text))[0] == expected


def test_parts_of_a_document_have_ids_of_their_own(tmp_path: Path) -> None:
    for part in ("0000007_1", "0000007_2"):
        write(tmp_path / f"{part}.xml", PAGE)
    assert [document.id for document in read(tmp_path)[0]] == ["NIDDK-0000007_1", "NIDDK-0000007_2"]


def test_answers_that_were_all_removed_give_no_document(tmp_path: Path) -> None:
    text = PAGE.replace("Rest.", "").replace(PAGE[PAGE.index("<Answer>Gout") : PAGE.index("</Answer>")], "<Answer>")
    with pytest.raises(DataError, match="has a title and no text"):
        read(write(tmp_path / "a.xml", text))


BILLION = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)


@pytest.mark.parametrize(
    ("prologue", "said"),
    [
        (BILLION, r"broken XML .*entity"),
        ('<?xml version="1.0"?><!DOCTYPE d [<!ENTITY i SYSTEM "file:///etc/hostname">]>', "document type of its own"),
    ],
)
def test_entities_are_neither_expanded_nor_fetched(tmp_path: Path, prologue: str, said: str) -> None:
    text = prologue + PAGE.split("?>", 1)[1].replace("Rest.", "Rest. &i;")
    with pytest.raises(DataError, match=said):
        read(write(tmp_path / "a.xml", text))


def test_broken_and_other_xml_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.xml:\d+: broken XML"):
        read(write(tmp_path / "a.xml", PAGE[:-40]))
    with pytest.raises(DataError, match="another layout"):
        read(write(tmp_path / "b.xml", "<?xml version='1.0'?><feed><entry>x</entry></feed>"))


def test_the_declaration_of_the_encoding_may_lie(tmp_path: Path) -> None:
    text = PAGE.replace("Rest.", "休息，多喝水，请医生检查。")
    path = write(tmp_path / "0000007.xml", text, "gb18030")
    assert told(read(path)[0][0])["treatment"] == "休息，多喝水，请医生检查。"


def test_all_of_medquad(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # what reports make of 5,497 names takes longer than reading the files, and is tested elsewhere
    monkeypatch.setattr(archives, "file_name", lambda path: path)
    archive = shared / "data/knowledge/medquad/MedQuAD-HEAD.tar.gz"
    expected = {}
    with tarfile.open(archive) as members:
        for member in members:
            if member.name.endswith(".xml"):
                root = ElementTree.parse(members.extractfile(member)).getroot()
                answers = [n.text for n in root.iter() if n.tag in ("Answer", "answer") and (n.text or "").strip()]
                if answers and _focus(root):
                    expected[member.name] = len(answers)
    documents, skipped = read(archive)
    assert len(documents) == len(expected) == EXPECTED_DOCUMENTS
    assert sum(len(document.sections) for document in documents) == sum(expected.values()) == EXPECTED_SECTIONS
    assert len({document.id for document in documents}) == len(documents)
    assert {document.licence for document in documents} == {"CC BY 4.0"}
    assert [one.where.rsplit("/", 1)[1] for one in skipped if "about the other files" in one.reason.en] == [
        "LICENSE.txt",
        "readme.txt",
    ]


def _focus(root: ElementTree.Element) -> str:
    """What the document is about; three of the CDC's do not say."""
    return next((n.text or "" for n in root.iter() if n.tag in ("Focus", "doctitle-focus")), "").strip()


EXPECTED_DOCUMENTS = 5487
EXPECTED_SECTIONS = 16409
