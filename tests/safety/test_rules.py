"""The rules: each cites an opened document or says that it is a demonstration; an error in a file stops everything."""

import gzip
import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from doctorglm.errors import ConfigError
from doctorglm.safety.triage import read_rules, rule_book
from doctorglm.safety.triage.rules import FOLDER, KINDS, UNREVIEWED

KNOWLEDGE = Path(__file__).parents[2].parent / "shared" / "data"


def test_every_source_is_an_opened_document_or_says_what_it_is() -> None:
    book = rule_book()
    sources = {rule.source for rule in book.rules} | set(book.advice_sources)
    cited = {source for source in sources if source != UNREVIEWED}
    assert cited
    assert all(re.fullmatch(r"medquad \w+/\d+\.xml|law \S+|web https?://\S+", source) for source in cited)


def test_every_cited_document_exists() -> None:
    if not KNOWLEDGE.is_dir():
        pytest.skip("needs ../shared/data, which is not beside the project")
    book = rule_book()
    sources = {rule.source for rule in book.rules} | set(book.advice_sources)
    cited = {kind: {s.split(" ", 1)[1] for s in sources if s.startswith(f"{kind} ")} for kind in ("medquad", "law")}
    with tarfile.open(next((KNOWLEDGE / "knowledge" / "medquad").glob("*.tar.gz"))) as archive:
        assert cited["medquad"] - set(archive.getnames()) == set()
    with gzip.open(KNOWLEDGE / "general" / "law_health_social.jsonl.gz", "rt", encoding="utf-8") as lines:
        laws = "\n".join(json.loads(line)["source"] for line in lines)
    assert [law for law in cited["law"] if law not in laws] == []


def test_every_kind_has_a_rule_and_advice_in_both_languages() -> None:
    book = rule_book()
    assert {rule.kind for rule in book.rules if rule.level == "emergency"} >= set(KINDS) - {"other"}
    for kind in KINDS:
        assert re.search("[一-鿿]", book.advice[kind].zh) and not re.search("[一-鿿]", book.advice[kind].en)


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("kind: head_injury, level: soon", "kind: head_injry, level: soon", "`kind` of `injury.head_plain`"),
        ("kind: head_injury, level: soon", "kind: head_injury, level: now", "`level` of `injury.head_plain`"),
        ("all: [head_hit], source", "all: [head_hitt], source", "no finding `head_hitt`"),
        ("level: soon, all: [head_hit]", "level: soon, every: [head_hit]", "unknown key `every`"),
        ("id: injury.head_plain", "id: injury.head", "stands twice"),
        ("id: injury.head_plain", "id: brain.head_plain", "must begin with `injury.`"),
        ("id: injury.head_plain, kind", "id: [injury.head_plain, kind", ""),
    ],
)
def test_an_error_in_a_rule_is_named_with_its_line(tmp_path: Path, good: str, bad: str, said: str) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(FOLDER, folder)
    path = folder / "injury.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count(good) == 1
    line = text[: text.index(good)].count("\n") + 1
    path.write_text(text.replace(good, bad), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_rules(folder)
    assert f"injury.yaml:{line}:" in caught.value.text.en and said in caught.value.text.en
    assert f"injury.yaml:{line}" in caught.value.text.zh


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{nothing}痛", "no group of words `nothing`"),
        ("胸…", "empty part"),
        ("(胸", "cannot be read"),
        ("", "empty part"),
    ],
)
def test_a_wrong_pattern_is_named_with_its_line(tmp_path: Path, pattern: str, said: str) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(FOLDER, folder)
    (folder / "extra.yaml").write_text(
        f'findings:\n  extra_finding:\n    - 胸痛\n    - "{pattern}"\n', encoding="utf-8"
    )
    with pytest.raises(ConfigError) as caught:
        read_rules(folder)
    assert "extra.yaml:4:" in caught.value.text.en and said in caught.value.text.en


def test_a_missing_file_stops_everything(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(FOLDER, folder)
    (folder / "context.yaml").unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_rules(folder)
