"""The demo's dialogues: what their README says of them, and that the held-out ones are not trained on in disguise."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from doctorglm import demo
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate import curate
from doctorglm.recipe import load_recipe

Parts = dict[str, list[Conversation]]


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    return [json.loads(line) for line in demo.DATA.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def held_out() -> list[dict[str, Any]]:
    return [json.loads(line) for line in demo.HELD_OUT.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "curated"
    curate([demo.DATA, demo.HELD_OUT], out, load_recipe(demo.RECIPE, {}).curate)
    return out


@pytest.fixture(scope="module")
def parts(curated: Path) -> Parts:
    return {name: list(read_conversations(curated / f"{name}.jsonl")) for name in ("train", "valid", "test")}


def test_every_record_says_where_it_is_from_and_under_which_licence(
    records: list[dict[str, Any]], held_out: list[dict[str, Any]]
) -> None:
    for source, of in (("doctorglm-demo", records), ("doctorglm-demo-held-out", held_out)):
        assert {(r["source"], r["licence"], r["language"]) for r in of} == {(source, "Apache-2.0", "zh")}
    assert {r["department"] for r in records} == {r["department"] for r in held_out}
    assert len({r["id"] for r in [*records, *held_out]}) == len(records) + len(held_out)
    for name in ("data/README.md", "__init__.py"):
        page = " ".join((demo.DATA.parents[1] / name).read_text("utf-8").split())
        assert "demonstration, not reviewed by a clinician" in page


def test_the_readme_counts_right(records: list[dict[str, Any]], parts: Parts) -> None:
    page = " ".join((demo.DATA.parent / "README.md").read_text("utf-8").split())
    said = re.search(
        r"holds (\d+) dialogues in (\d+) departments \(a quarter of them with two or three rounds\), and (\d+) untidy "
        r"records .*: (\d+) exact copies, (\d+) questions without an answer, (\d+) answers that were cut off",
        page,
    )
    assert said, "the README's sentence was changed: change this test with it"
    good, departments, untidy, copies, unanswered, cut = map(int, said.groups())
    kept = [*parts["train"], *parts["valid"]]
    assert (len(kept), len({c.department for c in kept}), len(records)) == (good, departments, good + untidy)
    kinds = Counter(r["id"].split("-")[1] for r in records)
    assert (kinds["copy"], kinds["unanswered"], kinds["cut"]) == (copies, unanswered, cut)
    assert {len(c.turns) for c in kept} == {1, 2, 3}
    assert sum(len(c.turns) > 1 for c in kept) / len(kept) == pytest.approx(0.25, abs=0.02)
    more = re.search(r"holds (\d+) more, (\d+) for each department", page)
    assert more, "the README's sentence was changed: change this test with it"
    assert (len(parts["test"]), set(Counter(c.department for c in parts["test"]).values())) == (
        int(more[1]), {int(more[2])},
    )  # fmt: skip


def test_curation_rejects_exactly_the_untidy_records_for_the_right_reason(
    records: list[dict[str, Any]], curated: Path
) -> None:
    expected = {"copy": "duplicate", "unanswered": "no_answer", "cut": "cut_off"}
    lines = (curated / "rejected.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert {r["source"] for r in found} == {demo.DATA.name}
    rejected = {r["row"]: r["reason"] for r in found}
    kinds = {row: r["id"].split("-")[1] for row, r in enumerate(records, 1)}
    untidy = {row: expected[kind] for row, kind in kinds.items() if kind in expected}
    # of two equal records either may be the one that is kept
    text = {row: json.dumps(r["messages"]) for row, r in enumerate(records, 1)}
    assert Counter(rejected.values()) == Counter(untidy.values()) == {"duplicate": 9, "no_answer": 5, "cut_off": 6}
    for reason in ("no_answer", "cut_off"):
        assert {row for row, r in rejected.items() if r == reason} == {row for row, r in untidy.items() if r == reason}
    copied = {reason: Counter(text[row] for row, r in found.items() if r == "duplicate")
              for reason, found in (("found", rejected), ("planted", untidy))}  # fmt: skip
    assert copied["found"] == copied["planted"]


def test_the_parts_are_as_large_as_the_comparison_needs(parts: Parts) -> None:
    assert {name: len(part) for name, part in parts.items()} == {"train": 368, "valid": 32, "test": 208}
    assert {c.source for c in parts["test"]} == {"doctorglm-demo-held-out"}


# What is held out is not trained on in disguise. Independent of curation's own MinHash and clusters.


def plain(text: str) -> str:
    return re.sub(r"\W", "", text)


def masked(text: str) -> str:
    """Without what a template would vary most cheaply: numbers."""
    return re.sub(r"\d+", "#", plain(text))


def grams(text: str, n: int) -> set[str]:
    return {text[i : i + n] for i in range(len(text) - n + 1)}


def common_subsequence(a: str, b: str) -> int:
    """Length of the longest common subsequence, bit-parallel (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for i, character in enumerate(a):
        places[character] = places.get(character, 0) | 1 << i
    rest = full = (1 << len(a)) - 1
    for character in b:
        matched = rest & places.get(character, 0)
        rest = ((rest + matched) | (rest - matched)) & full
    return len(a) - rest.bit_count()


def sides(parts: Parts, kind: str) -> tuple[list[str], list[str]]:
    """The texts of the held-out dialogues, and of those that are trained or validated on."""
    return (
        [getattr(c, kind) for c in parts["test"]],
        [getattr(c, kind) for name in ("train", "valid") for c in parts[name]],
    )


def test_the_measures_themselves() -> None:
    assert common_subsequence("头痛三天了怎么办", "腹痛五天了怎么办") == 6
    assert common_subsequence("abc", "") == 0 and common_subsequence("abcbdab", "bdcaba") == 4
    assert masked("血压150/95，吃了3片。") == "血压#吃了#片"
    assert grams("abcd", 3) == {"abc", "bcd"} and grams("ab", 3) == set()


def test_no_two_dialogues_share_a_sentence(parts: Parts) -> None:
    seen: Counter[str] = Counter()
    for conversation in (c for part in parts.values() for c in part):
        sentences = re.split(r"[。！？；\n]", f"{conversation.questions}\n{conversation.answers}")
        seen.update({plain(sentence) for sentence in sentences})
    assert [sentence for sentence, count in seen.items() if count > 1 and len(sentence) >= 10] == []


@pytest.mark.parametrize(("kind", "limit"), [("questions", 10), ("answers", 14)])
def test_no_long_run_of_characters_is_shared_with_training(parts: Parts, kind: str, limit: int) -> None:
    """A patient's words differ; doctors share names of tests and facts of up to 13 characters."""
    held_out, trained = sides(parts, kind)
    known = set().union(*(grams(plain(text), limit) for text in trained))
    assert [found for text in held_out for found in grams(plain(text), limit) & known] == []


def test_no_held_out_dialogue_is_contained_in_another(parts: Parts) -> None:
    held_out, trained = (
        [grams(plain(q + a), 5) for q, a in zip(questions, answers, strict=True)]
        for questions, answers in zip(sides(parts, "questions"), sides(parts, "answers"), strict=True)
    )
    largest = max(len(a & b) / min(len(a), len(b)) for a in held_out for b in trained)
    assert 0 < largest < 0.2


@pytest.mark.parametrize(("kind", "limit"), [("questions", 0.55), ("answers", 0.45)])
def test_no_template_is_shared_with_training(parts: Parts, kind: str, limit: float) -> None:
    """With numbers masked, 头痛三天了怎么办 and 腹痛五天了怎么办 share 75 % of their characters in order."""
    held_out, trained = ([masked(text) for text in texts] for texts in sides(parts, kind))
    largest = max(2 * common_subsequence(a, b) / (len(a) + len(b)) for a in held_out for b in trained)
    assert 0.2 < largest < limit
