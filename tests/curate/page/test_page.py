"""The page of a curation: what it says is what the record holds, in both languages, whatever is missing or hostile."""

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from doctorglm.curate.page import curation_page, page_of, write_page
from doctorglm.curate.page.verdict import kept_licence
from doctorglm.curate.page.wording import REASONS
from doctorglm.language import Text
from doctorglm.report.blocks import Figure, Listing, Samples, Table, Verdict
from doctorglm.report.wording import worded

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e"
VOID = {"meta", "img", "br"}


class Shown(HTMLParser):
    """The tags, and the text without scripts and styles; fails where tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data + " "


def verdict_of(record: dict[str, Any]) -> Verdict:
    (found,) = (block for block in page_of(record, {}).blocks if isinstance(block, Verdict))
    return found


def figures(record: dict[str, Any]) -> list[str]:
    """The English titles of the pictures."""
    blocks = page_of(record, {}).blocks
    return [worded(block.title, "en") for block in blocks if isinstance(block, Figure)]


def number_named(verdict: Verdict, label: str) -> tuple[str, str]:
    (found,) = (n for n in verdict.numbers if worded(n.label, "en") == label)
    return worded(found.value, "en"), worded(found.note, "en")


def test_what_matters_comes_first(corpora_record: dict[str, Any]) -> None:
    verdict = verdict_of(corpora_record)
    counts, spans = corpora_record["counts"], corpora_record["deid"]["spans"]
    assert page_of(corpora_record, {}).blocks[0] == verdict
    assert number_named(verdict, "Conversations kept")[0] == f"{counts['kept']:,}"
    assert number_named(verdict, "Nearest to the held-out part")[0] == "0.310"
    assert number_named(verdict, "Identifiers masked")[0] == f"{sum(spans.values()):,}"
    assert number_named(verdict, "Licence of the kept set") == (
        "none stated",
        "no licence stated: not to be passed on (HealthCareMagic-100k)",
    )
    assert number_named(verdict, "Files") == ("27", "1 damaged, 2 without conversations")
    said = [worded(reason, "zh") for reason in verdict.reasons]
    assert said == [
        "huatuo-26m-lite/part-2.jsonl.gz：压缩包不完整。请重新下载。",
        "HealthCareMagic-100k：未写明许可：不得转授。",
    ]


def test_passed_only_when_clean_whole_and_masked(hospital_record: dict[str, Any]) -> None:
    assert verdict_of(hospital_record).passed is True

    def changed(**parts: Any) -> Verdict:
        return verdict_of({**copy.deepcopy(hospital_record), **parts})

    leak = {**hospital_record["leak"], "largest_similarity": 0.4}
    assert changed(leak=leak).passed is False and "too near" in worded(changed(leak=leak).sentence, "en")
    file = {**hospital_record["files"][0], "damaged": {"en": "a.csv: cut", "zh": "a.csv：截断"}}
    assert changed(files=[file]).passed is False and "1 file is damaged" in worded(changed(files=[file]).sentence, "en")
    off = changed(deid={"mode": "none"})
    assert off.passed is False and any("switched off" in worded(reason, "en") for reason in off.reasons)
    without = {key: value for key, value in hospital_record.items() if key != "leak"}
    assert verdict_of(without).passed is None


def test_both_languages_say_the_same_numbers(corpora_record: dict[str, Any]) -> None:
    for block in page_of(corpora_record, {}).blocks:
        for wording in (getattr(block, name, None) for name in ("title", "n", "note", "sentence")):
            if isinstance(wording, Text):
                en, zh = (re.findall(r"\d[\d,.]*\d|\d", text) for text in (wording.en, wording.zh))
                assert sorted(en) == sorted(zh), wording


def test_the_pictures_hold_the_record_s_numbers(corpora_record: dict[str, Any]) -> None:
    text = Shown(curation_page(corpora_record, {})).text
    counts = corpora_record["counts"]
    for n in (counts["read"], counts["kept"], *counts["splits"].values(), *counts["rejected"].values()):
        assert f"{n:,}" in text
    for kind in ("deid", "departments"):
        held = corpora_record[kind]
        for n in (held["spans"] if kind == "deid" else held).values():
            assert f"{n:,}" in text
    for source in corpora_record["sources"].values():
        assert f"{source['read']:,}" in text and f"{source['kept']:,}" in text


def test_every_hash_stands_there_to_be_checked(corpora_record: dict[str, Any]) -> None:
    (listing,) = (block for block in page_of(corpora_record, {}).blocks if isinstance(block, Listing))
    assert len(listing.lines) == 27
    assert all(re.fullmatch(r"[0-9a-f]{64}  \S.*", line) for line in listing.lines)
    html = curation_page(corpora_record, {})
    assert all(file["sha256"] in html for file in corpora_record["files"])


def test_every_source_has_its_licence(corpora_record: dict[str, Any]) -> None:
    tables = [block for block in page_of(corpora_record, {}).blocks if isinstance(block, Table)]
    (table,) = (table for table in tables if worded(table.title or "", "en") == "Sources and their licences")
    shown = {str(row[0]): worded(row[5], "en") for row in table.rows}
    assert shown == {name: s["licence"] or "none stated" for name, s in corpora_record["sources"].items()}
    binding = [str(row[0]) for row in table.rows if "binds the kept set" in worded(row[6], "en")]
    assert binding == ["HealthCareMagic-100k"]


def test_licence_of_a_record_that_does_not_say() -> None:
    files = [
        {"name": "a.csv", "licence": "MIT", "records": 3},
        {"name": "b.csv", "licence": "CC BY-NC 4.0", "records": 3},
        {"name": "notes.txt", "licence": "", "skipped": "no records"},
        {"name": "c.csv", "licence": "", "records": 0},
        {"name": "d.csv", "licence": "", "damaged": {"en": "x", "zh": "x"}},
    ]
    assert kept_licence({"files": files}) == ("CC BY-NC 4.0", "b.csv")
    assert kept_licence({"files": files[2:3]}) is None
    assert kept_licence({"files": [*files, {"name": "e.csv", "licence": "none stated"}]}) == ("", "e.csv")
    assert kept_licence({"files": files, "licence": {"kept": "", "why": "z"}}) == ("", "z")


@pytest.mark.parametrize(
    "key", ["deid", "files", "sources", "licence", "lengths", "quality", "overlaps", "leak", "counts"]
)
def test_what_a_record_lacks_is_left_out(corpora_record: dict[str, Any], key: str) -> None:
    html = curation_page({name: value for name, value in corpora_record.items() if name != key}, {})
    Shown(html)
    assert "None" not in html and "nan" not in re.sub(r"<script>.*?</script>", "", html).lower().split()


def test_an_old_record_gives_a_page() -> None:
    old = {
        "counts": {"read": 10, "kept": 8, "rejected": {"cut_off": 2}, "splits": {"train": 6, "test": 2}, "clusters": 8},
        "changes": {},
        "leak": {"held_out": "test", "largest_similarity": 0.0, "threshold": 0.4, "rounds": 1},
        "decontamination": None,
        "inputs": {"a.jsonl": "ab" * 32},
        "files": [
            {
                "name": "a.jsonl",
                "encoding": "utf-8",
                "licence": "",
                "skipped": "",
                "form": "json",
                "records": 10,
                "damaged": {},
            }
        ],
    }
    assert figures(old) == [
        "80.0\u202f% of what was read is kept",
        "2 were left out, 100.0\u202f% of them for: answer cut off",
    ]
    text = Shown(curation_page(old, {})).text
    assert "ab" * 32 in text and "none stated" in text
    # no pair looked near enough to be read: nothing is known but that it is below the limit
    assert text.count("< 0.400") == 2 and "0.000" not in text
    assert Shown(curation_page({}, {})).text


def test_counts_that_do_not_add_up_are_shown_as_that(hospital_record: dict[str, Any]) -> None:
    record = copy.deepcopy(hospital_record)
    record["counts"]["rejected"].pop("no_answer")
    assert "not accounted for" in Shown(curation_page(record, {})).text
    assert "not accounted for" not in Shown(curation_page(hospital_record, {})).text
    record["counts"]["kept"] += 10_000
    assert not [title for title in figures(record) if "of what was read" in title]


def test_samples_by_reason_five_at_most(hospital_record: dict[str, Any]) -> None:
    one = {"id": "row-1", "source": "a.csv", "evidence": "加我微信[wechat]，电话[mobile]，<b>3[mmol/L]</b>"}
    samples = {"cut_off": [one] * 9, "duplicate": [one], "echo": []}
    (block,) = (b for b in page_of(hospital_record, samples).blocks if isinstance(b, Samples))
    assert [(worded(kind, "zh"), worded(n, "en"), len(shown)) for kind, n, shown in block.groups] == [
        ("完全重复", "1 of 212", 1),
        ("回答被截断", "5 of 61", 5),
    ]
    html = curation_page(hospital_record, samples)
    assert html.count('<span class="masked">wechat</span>') == 6
    assert "&lt;b&gt;3[mmol/L]&lt;/b&gt;" in html


def test_a_signed_sheet_or_how_to_have_one(hospital_record: dict[str, Any], corpora_record: dict[str, Any]) -> None:
    signed = Shown(curation_page(hospital_record, {})).text
    assert "2.39\u202f%" in signed and "病案室" in signed and "--review 300" not in signed
    assert "doctorglm curate SOURCE --out DIR --review 300" in Shown(curation_page(corpora_record, {})).text


def test_hostile_names_are_text(hospital_record: dict[str, Any]) -> None:
    record = json.loads(
        json.dumps(hospital_record).replace(json.dumps("2024门诊咨询")[1:-1], EVIL.replace("\u202e", ""))
    )
    counts = record["counts"]
    counts["rejected"] = {EVIL: sum(counts["rejected"].values())}
    record |= {"departments": {EVIL: 9}, "changes": {EVIL: 1}, "licence": {"kept": EVIL, "why": EVIL}}
    record["deid"]["spans"] = {EVIL: 3}
    record["quality"]["parts"] = {EVIL: 0.5}
    record["overlaps"] = {"sources": [EVIL, "b"], "clusters": [[0, 4], [4, 0]]}
    record["decontamination"] = {"items": 1, "stock_questions_kept": 0, "files": {EVIL: {"items": 1, "hit": 1}}}
    parsed = Shown(curation_page(record, {EVIL: [{"id": EVIL, "source": EVIL, "evidence": EVIL}]}))
    assert parsed.tags.count("script") == 1 and "img" not in parsed.tags
    assert parsed.text.count("<script>alert(1)</script>") > 20 and "\u202e" not in parsed.text


def test_says_that_it_never_diagnoses(hospital_record: dict[str, Any]) -> None:
    text = Shown(curation_page(hospital_record, {})).text
    assert "informs and never diagnoses" in text and "从不作出诊断" in text and "120" in text
    assert "Answers shown here were written by an AI" not in text


def test_written_whole(tmp_path: Path, hospital_record: dict[str, Any]) -> None:
    write_page(hospital_record, {}, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == curation_page(hospital_record, {})


def test_every_reason_that_the_guide_names_has_words_in_both_languages() -> None:
    guide = (Path(__file__).parents[3] / "docs/curate.md").read_text("utf-8")
    table = guide.split("## Why a record is rejected")[1].split("\n\n")[1]
    named = {reason for line in table.splitlines()[2:] for reason in re.findall("`([a-z_]+)`", line.split("|")[2])}
    assert len(named) > 20
    assert named <= REASONS.keys()
