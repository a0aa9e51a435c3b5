"""Glossaries in every form, and what is wrong in one, with its line."""

from pathlib import Path

import pytest

from doctorglm.errors import DataError
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import licences, own_glossary, read_glossary
from doctorglm.translate.terms import Terms


def read(folder: Path, name: str, data: str | bytes) -> list[tuple[str, tuple[str, ...]]]:
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return [(one.english, one.chinese) for one in read_glossary(folder / name)]


ROWS = [("angina", ("心绞痛",)), ("stroke", ("中风", "卒中"))]


def test_two_columns_without_a_header(tmp_path: Path) -> None:
    assert read(tmp_path, "a.tsv", "# en\tzh\nangina\t心绞痛\n\nstroke\t中风|卒中\n") == ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_table_with_a_header_in_each_encoding(tmp_path: Path, encoding: str) -> None:
    text = 'English,中文,来源\r\nangina,心绞痛,甲医院的词表\r\n"stroke",中风；卒中,甲医院的词表\r\n'
    assert read(tmp_path, "a.csv", text.encode(encoding)) == ROWS
    assert read_glossary(tmp_path / "a.csv")[0].source == "甲医院的词表"


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "zh,licence,en\n心绞痛,CC0,angina\n") == ROWS[:1]
    assert licences(read_glossary(tmp_path / "a.csv")) == {"CC0": 1}


BABELON = (
    "source_language\ttranslation_language\tsubject_id\tpredicate_id\tsource_value\ttranslation_value\ttranslation_status\n"
    'en\tzh\tHP:0000061\trdfs:label\t"Ambiguous genitalia, female"\t女性外阴性别不明\tOFFICIAL\n'
    "en\tzh\tHP:5200418\trdfs:label\tFolie 脿 deux\t二联性精神病\tOFFICIAL\n"
    "en\tzh\tHP:0000001\trdfs:label\tAll\t所有词汇\tCANDIDATE\n"
    "en\tfr\tHP:0000002\trdfs:label\tAsthma\tAsthme\tOFFICIAL\n"
)


def test_babelon_keeps_its_licence_and_what_is_settled(tmp_path: Path) -> None:
    assert read(tmp_path, "hp.tsv", BABELON) == [
        ("Ambiguous genitalia, female", ("女性外阴性别不明",)), ("Folie à deux", ("二联性精神病",)),
    ]  # fmt: skip
    (licence,) = licences(read_glossary(tmp_path / "hp.tsv"))
    assert "hpo.jax.org" in licence and "unaltered" in licence


TBX2 = """<?xml version="1.0"?>
<!DOCTYPE martif SYSTEM "TBXcoreStructV02.dtd">
<martif type="TBX" xml:lang="en"><text><body>
<termEntry id="1">
 <langSet xml:lang="en-US"><tig><term>angina</term></tig></langSet>
 <langSet xml:lang="zh-CN"><ntig><termGrp><term>心绞痛</term></termGrp></ntig>
  <tig><term>胸绞痛</term><termNote type="administrativeStatus">deprecatedTerm-admn-sts</termNote></tig></langSet>
</termEntry>
<termEntry><langSet xml:lang="en"><tig><term>alone</term></tig></langSet></termEntry>
</body></text></martif>"""
TBX3 = """<tbx xmlns="urn:iso:std:iso:30042:ed-2" type="TBX-Core" style="dca" xml:lang="en"><text><body>
<conceptEntry id="c1">
 <langSec xml:lang="en"><termSec><term>stroke</term></termSec></langSec>
 <langSec xml:lang="zh"><termSec><term>中风</term></termSec><termSec><term>卒中</term></termSec></langSec>
</conceptEntry></body></text></tbx>"""


def test_tbx_of_both_versions(tmp_path: Path) -> None:
    assert read(tmp_path, "a.tbx", TBX2) == ROWS[:1]
    assert read(tmp_path, "b.tbx", TBX3) == ROWS[1:]


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.tsv", "angina\t心绞痛\nstroke\n", "a.tsv:2: 1 column"),
        ("a.tsv", "angina\t心绞痛\nstroke\t \n", "a.tsv:2: the term has no Chinese"),
        ("a.tsv", "# x\ty\n心绞痛\tangina\n", "a.tsv:2: the English term holds Chinese"),
        ("a.csv", "en,zh\nangina,心绞痛\n?!,中风\n", "a.csv:3: there is no English term"),
        ("a.csv", "angina,心绞痛,甲\n", "a.csv:1: 3 columns without a header"),
        ("a.csv", 'en,zh\n"angina,心绞痛\n', "a quote that does not end"),
        ("a.csv", f"en,zh\nangina,{'痛' * 201}\n", "a.csv:2: longer than 200"),
        ("a.tbx", "<martif>\n<body>\n</martif>", "a.tbx:3: broken XML"),
        ("a.tbx", "<html/>", "no TBX"),
        ("a.tbx", '<!DOCTYPE m [<!ENTITY a "aa">]><m><termEntry/></m>', "entities of its own"),
        ("a.csv", "word,meaning\nangina,心绞痛\n", "a.csv:1: no Chinese in the first row"),
        ("a.tsv", "", "no terms in it"),
        ("a.csv", "en,zh\n", "no terms in it"),
        ("a.xlsx", b"PK\3\4 and more", "archive is damaged"),
        ("a.bin", b"\x89PNG" + b"\0" * 100, "no text"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, name: str, data: str | bytes, told: str) -> None:
    with pytest.raises(DataError, match=told.replace("?", r"\?")):
        read(tmp_path, name, data)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_glossary(tmp_path / "none.csv")


def test_the_own_list() -> None:
    own = own_glossary()
    of = Terms(own)
    assert len(own) >= 300 and len(of.terms) == len(own)  # no term twice
    assert Entry("angina", ("心绞痛",), "doctorglm", "Apache-2.0") in own
    for one in own:  # each is found in its own English
        (mention,) = of.find(one.english.removeprefix("to "))
        assert mention.term.chinese == one.chinese


def test_the_whole_of_hpo(shared: Path) -> None:
    entries = read_glossary(shared / "data/knowledge/hpo-zh/hp-zh.babelon.tsv")
    assert len(entries) == 18_988  # the lines of the file below its header
    (mention,) = Terms(entries).find("multicystic kidney dysplasia")
    assert mention.term.chinese == ("多囊性肾发育不良",)
