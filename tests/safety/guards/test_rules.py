"""Rules as data: what is wrong with a file is told with its line, sources resolve, searches take linear time."""

import gzip
import json
import re
import time
from importlib import resources
from pathlib import Path

import pytest

from doctorglm.errors import ConfigError
from doctorglm.safety.guards import Guards
from doctorglm.safety.guards.facts import read_facts
from doctorglm.safety.guards.lexicon import read_lexicon
from doctorglm.safety.guards.phrase import phrase
from doctorglm.safety.guards.rules import read_own_rules, read_phrase_rules

SOURCES = (
    "law: ",
    "demonstration, not reviewed by a clinician",
    "learned from labelled texts",
    "the passage handed in",
)
LAWS = Path(__file__).parents[4] / "shared" / "data" / "general" / "law_health_social.jsonl.gz"
FILES = sorted(
    (f for f in resources.files("doctorglm.safety.guards").joinpath("rules").iterdir() if f.name.endswith(".yaml")),
    key=lambda f: f.name,
)
GOOD = """guard: g
source: demonstration, not reviewed by a clinician
effect: sentence
note: {zh: 甲, en: a}
why: {zh: 乙, en: b}
rules:
  - id: one
    say: [不用(去|看)医院]
"""


def test_a_good_file() -> None:
    (rule,) = read_phrase_rules(GOOD, "g.yaml")
    assert (rule.rule.guard, rule.rule.id, rule.rule.note.zh) == ("g", "one", "甲")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("effect: sentence", "effect: shout", 3),
        ("guard: g", "guard: [g", 2),
        ("  - id: one", "  - name: one", 7),
        ("不用(去|看)医院", "不用(去|看医院", 8),
        ("不用(去|看)医院", "不用)医院", 8),
        ("不用(去|看)医院", "…医院", 8),
        ("不用(去|看)医院", "(不用)?", 8),
        ("    say: [不用(去|看)医院]", "    say: []", 8),
        ("why: {zh: 乙, en: b}\n", "", 1),
        ("why: {zh: 乙, en: b}", "why: {zh: 乙}", 5),
        ("rules:", "colour: red\nrules:", 6),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, line: int) -> None:
    with pytest.raises(ConfigError) as error:
        read_phrase_rules(GOOD.replace(old, new), "g.yaml")
    assert f"g.yaml:{line}:" in error.value.text.en and f"g.yaml:{line}：" in error.value.text.zh


def test_an_id_stands_once() -> None:
    with pytest.raises(ConfigError, match="twice"):
        read_phrase_rules(GOOD + "  - id: one\n    say: [别去医院]\n", "g.yaml")


def test_an_empty_file_and_own_rules() -> None:
    for read in (read_phrase_rules, read_own_rules):
        with pytest.raises(ConfigError, match="empty"):
            read("", "g.yaml")
    with pytest.raises(ConfigError, match=r"g\.yaml:1"):
        read_own_rules("guard: g\nsource: s\n", "g.yaml")


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_every_source_is_a_law_that_is_there_or_says_it_was_not_reviewed(file: Path) -> None:
    sources = re.findall(r"^\s*source: \"?(.*?)\"?$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert sources
    laws = {s.removeprefix("law: ") for s in sources if s.startswith("law: ")}
    for source in sources:
        assert source.startswith(SOURCES), source
    if laws:
        if not LAWS.exists():
            pytest.skip("the laws are not here: ../shared/data/general")
        with gzip.open(LAWS, "rt", encoding="utf-8") as lines:
            known = {json.loads(line)["source"].partition(":")[2].removesuffix(".md") for line in lines}
        assert laws <= known


@pytest.mark.parametrize(
    ("written", "matches", "does_not"),
    [
        ("不用(去|看)医院", "他说不用看医院", "不用进医院"),
        ("别…药", "别再给他吃药", "别再说了。药"),
        ("你(就)?是", "你是", "你不是"),
        ("see a doctor", "go see a doctor now", "foresee a doctor"),
        ("vaccin~", "vaccines", "vacuum"),
        ("a|b", "b", "ab"),
    ],
)
def test_phrases(written: str, matches: str, does_not: str) -> None:
    made = phrase(written)
    assert made.pattern.search(matches) and not made.pattern.search(does_not)
    found = made.pattern.search(matches)
    assert found and (found[0][:2] in made.beginnings or found[0][0] in made.beginnings)


@pytest.mark.parametrize(
    "unit", ["不用去", "我是一名", "每次0.5", "ignore all ", "根治不", "你肯定", "1-2片", "a.", "孕1周"]
)
def test_a_megabyte_that_nearly_matches_takes_linear_time(unit: str) -> None:
    guards = Guards()

    def seconds(chars: int) -> float:
        text = unit * (chars // len(unit))
        start = time.process_time()
        guards.guarded([], ()).whole([text])
        guards.asked([])
        return time.process_time() - start

    seconds(2_000)
    short = max(seconds(20_000), 0.002)
    assert seconds(80_000) < 16 * short


NAMES = """source: demonstration, not reviewed by a clinician
prescription: |
  阿莫西林 amoxicillin
other: |
  布洛芬 ibuprofen
things: |
  柚子 西柚
classes: |
  青霉素类|penicillins: 阿莫西林
  止痛药: {last}
"""


def test_names_and_their_classes() -> None:
    known = read_lexicon(NAMES.format(last="布洛芬"), "names.yaml")
    assert known.first["amoxicillin"] == "阿莫西林" and known.first["penicillins"] == "青霉素类"
    assert known.classes["布洛芬"] == {"止痛药"} and known.prescription == {"阿莫西林", "amoxicillin"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NAMES.format(last="对乙酰氨基酚"), "names.yaml:10: '对乙酰氨基酚' is named nowhere above"),
        (NAMES.replace("止痛药: ", "止痛药 ").format(last="布洛芬"), "names.yaml:10: a class is"),
        (NAMES.replace("things: |", "thing: |").format(last="布洛芬"), "names.yaml:6: unknown field 'thing'"),
    ],
)
def test_what_is_wrong_with_names_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_lexicon(text, "names.yaml")


@pytest.mark.parametrize("line", ["pregnant 孕妇 // 怀上了", "pregnant = //"])
def test_what_is_wrong_with_facts_is_told_with_its_line(line: str) -> None:
    good = "source: demonstration\nfacts: |\n  liver = 肝病 // 换过肝\n"
    assert [name for _, name, _ in read_facts(good, "facts.yaml").plain] == ["liver", "liver"]
    with pytest.raises(ConfigError, match=r"facts\.yaml:4: a fact is"):
        read_facts(f"{good}  {line}\n", "facts.yaml")
