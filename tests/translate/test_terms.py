"""What is a mention of a term, and what is not."""

import re
import time
from pathlib import Path

import pytest

from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import own_glossary, read_glossary
from doctorglm.translate.pairs import read_pairs
from doctorglm.translate.terms import Terms


def terms(*english: str) -> Terms:
    return Terms([Entry(name, ("译",)) for name in english])


def found(names: list[str], text: str) -> list[tuple[str, str]]:
    """(term, the words of the text) of each mention."""
    return [(m.term.english, text[m.start : m.end]) for m in terms(*names).find(text)]


@pytest.mark.parametrize(
    ("term", "text", "words"),
    [
        ("hernia", "Two HERNIAS, one repaired.", "HERNIAS"),
        ("diagnosis", "Both diagnoses hold.", "diagnoses"),
        ("bacteria", "a single bacterium", "bacterium"),
        ("bacterium", "many bacteria", "bacteria"),
        ("anemia", "severe anaemia", "anaemia"),
        ("diarrhoea", "watery diarrhea", "diarrhea"),
        ("deep vein thrombosis", "a deep-vein thrombosis", "deep-vein thrombosis"),
        ("X-ray", "a chest x ray", "x ray"),
        ("X-ray", "two xrays", "xrays"),
        ("nosebleed", "daily nose bleeds", "nose bleeds"),
        ("sore throat", "a sore\nthroat", "sore\nthroat"),
        ("Parkinson's disease", "Parkinson disease", "Parkinson disease"),
        ("Parkinson disease", "Parkinson’s disease", "Parkinson’s disease"),
        ("asthma", "the asthma's cause", "asthma"),
        ("fracture of the hip", "fractures of the hip", "fractures of the hip"),
        ("to vomit", "He vomited, then kept vomiting", "vomited"),
        ("ECG", "three ECGs", "ECGs"),
        ("CT scan", "a CT Scan", "CT Scan"),
        ("Sjögren's syndrome", "Sjogren syndrome", "Sjogren syndrome"),
    ],
)
def test_a_term_is_found(term: str, text: str, words: str) -> None:
    assert found([term], text)[0] == (term, words)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("gout", "he gouted; gouty"),
        ("AIDS", "he aids her; hearing aids"),
        ("ECG", "an ecg-like word: eCg"),
        ("CT scan", "ct scan of an act"),
        ("acute", "a cute dog"),
        ("sore throat", "sore, throat"),
        ("sore throat", "sore\n\nthroat"),
        ("fever", "feverfew"),
        ("stroke", "She stroked the cat"),
    ],
)
def test_what_is_no_mention(term: str, text: str) -> None:
    assert found([term], text) == []


def test_the_longest_term_takes_its_words() -> None:
    names = ["pregnancy", "ectopic pregnancy", "kidney", "kidney stone", "stone"]
    assert found(names, "An ectopic pregnancy. Kidney stones; her first pregnancy") == [
        ("ectopic pregnancy", "ectopic pregnancy"), ("kidney stone", "Kidney stones"), ("pregnancy", "pregnancy"),
    ]  # fmt: skip


def test_the_longer_of_two_that_overlap_wins_wherever_it_begins() -> None:
    assert found(["bad liver", "liver cirrhosis"], "a bad liver cirrhosis") == [("liver cirrhosis", "liver cirrhosis")]


def test_rows_on_one_term_are_one() -> None:
    of = Terms([Entry("Anaemia", ("贫血",), "a"), Entry("anemia", ("血虚", "贫血"), "b")])
    assert [(t.english, t.chinese, t.sources) for t in of.terms] == [("Anaemia", ("贫血", "血虚"), ("a", "b"))]


def test_a_form_does_not_take_another_terms_own_words() -> None:
    assert [name for name, _ in found(["scan", "scans"], "scans")] == ["scans"]


def test_time_grows_with_the_length_of_the_text() -> None:
    of = Terms(own_glossary())
    text = "sore sore throat chronic obstructive pulmonary deep vein x-ray diseases CT " * 2000

    def seconds(part: str) -> float:
        begun = time.process_time()
        of.find(part)
        return time.process_time() - begun

    short = min(seconds(text[: len(text) // 8]) for _ in range(3))
    assert min(seconds(text) for _ in range(2)) < 8 * 3 * short  # eight times the text; 64 would be the square


def test_an_independent_count_agrees(shared: Path) -> None:
    """By one regular expression: longest alternative first, plural by s or es; it knows no other form."""
    entries = read_glossary(shared / "data/translation/audit_terms.tsv")
    names = sorted((one.english for one in entries), key=len, reverse=True)
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, names))})(?:s|es)?\b", re.IGNORECASE)
    of = Terms(entries)
    theirs = ours = same = 0
    for pair in read_pairs(shared / "data/translation/en_zh_aligned_first4000.jsonl"):
        by_them = {name.lower() for name in pattern.findall(pair.english)}
        by_us = {mention.term.english for mention in of.find(pair.english)}
        theirs, ours, same = theirs + len(by_them), ours + len(by_us), same + len(by_them & by_us)
    assert theirs == 2077
    assert theirs - same <= 2 and ours - same <= 5  # plurals in -ies, and what a longer term then takes
