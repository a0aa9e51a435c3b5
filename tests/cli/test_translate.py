"""`translate --audit` from a file to a table and to JSON; what is given wrong ends with 2."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .kit import Said

PAIRS = [
    {"en": "You may have angina.", "zh": "您可能有腹痛。"},
    {"en": "It is angina, take 5 mg.", "zh": "这是腹痛，服用5毫克。"},
    {"en": "Angina for 3 days", "zh": "心绞痛三天"},
]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in PAIRS), "utf-8")
    return path


def test_as_json(pairs: Path, command: Callable[..., Said]) -> None:
    said = command("translate", pairs, "--audit", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert (found["term_mentions"], found["number_fidelity"], found["negation_flips"]) == (3, 1.0, 0)
    assert found["term_accuracy"] == pytest.approx(1 / 3)
    assert found["worst_terms"][0]["term"] == "angina" and found["glossary"]["name"] == "doctorglm"


@pytest.mark.parametrize(("lang", "head"), [("en", "often instead"), ("zh", "常见的替代")])
def test_as_a_table(pairs: Path, lang: str, head: str, command: Callable[..., Said]) -> None:
    said = command("--lang", lang, "translate", pairs, "--audit")
    assert said.code == 0, said.err
    assert head in said.out and "33.3%" in said.out and "心绞痛" in said.out and "腹痛 (2)" in said.out


def test_a_glossary_of_ones_own(pairs: Path, command: Callable[..., Said]) -> None:
    (pairs.parent / "g.tsv").write_text("angina\t腹痛\n", "utf-8")
    found = json.loads(command("translate", pairs, "--audit", "--glossary", pairs.parent / "g.tsv", "--json").out)
    assert found["term_accuracy"] == pytest.approx(2 / 3) and found["glossary"]["rows"] == 1


@pytest.mark.parametrize(
    ("pairs", "glossary", "told"),
    [
        (None, None, "no such file"),
        ("", None, "no records"),
        ("words\n", None, "no records"),
        ('{"q": "a", "a": "b"}\n', None, "pairs.jsonl:1: no pair"),
        ('{"en": "a" "zh"}\n', None, "pairs.jsonl:1"),
        ('{"en": " ", "zh": ""}\n', None, "hold no English"),
        ('{"en": "hello", "zh": "你好"}\n', None, "none of the 1 fields holds a term"),
        ('{"en": "fever", "zh": "发烧"}\n', "angina\n", "terms.tsv:1: 1 column"),
        ('{"en": "fever", "zh": "发烧"}\n', "", "no terms in it"),
    ],
)
def test_what_is_wrong_ends_with_2(
    pairs: str | None, glossary: str | None, told: str, tmp_path: Path, command: Callable[..., Said]
) -> None:
    if pairs is not None:
        (tmp_path / "pairs.jsonl").write_text(pairs, "utf-8")
    arguments: list[object] = ["translate", tmp_path / "pairs.jsonl", "--audit"]
    if glossary is not None:
        (tmp_path / "terms.tsv").write_text(glossary, "utf-8")
        arguments += ["--glossary", tmp_path / "terms.tsv"]
    said = command(*arguments)
    assert said.code == 2 and told in said.err and said.out == ""


def test_without_audit_it_says_what_is_there(pairs: Path, command: Callable[..., Said]) -> None:
    said = command("translate", pairs)
    assert said.code == 2 and "--audit" in said.err and "--teacher" in said.err


def test_an_audit_has_one_source_and_no_settings(pairs: Path, command: Callable[..., Said]) -> None:
    for more in (pairs, "tries=3"):
        said = command("translate", pairs, more, "--audit")
        assert said.code == 2 and "--audit takes one" in said.err


def test_a_missing_glossary(pairs: Path, command: Callable[..., Said]) -> None:
    said = command("translate", pairs, "--audit", "--glossary", pairs.parent / "none.csv")
    assert said.code == 2 and "none.csv" in said.err
