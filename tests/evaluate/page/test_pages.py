"""The pages as files: what they say is what the files hold, in both languages, whatever a model answered."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from doctorglm.errors import DataError
from doctorglm.evaluate import GateSettings, compare
from doctorglm.evaluate.items import read_evaluation
from doctorglm.evaluate.page import write_comparison, write_evaluation, write_sweep
from doctorglm.runs import write_json

VOID = {"meta", "img", "br"}
CHINESE = re.compile(r"[\u3400-\u9fff]")


class Shown(HTMLParser):
    """Tags, and the text that a reader of one language sees; fails where tags do not nest."""

    def __init__(self, html: str, language: str) -> None:
        super().__init__()
        self.other = "en" if language == "zh" else "zh"
        self.open: list[tuple[str, bool]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, self.other in (dict(attrs).get("class") or "").split()))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1][0] not in ("script", "style") and not any(hidden for _, hidden in self.open):
            self.text += data + " "


def comparison(made: Any, *, placebo: bool = True) -> str:
    path = write_comparison(
        made.out, made.base, made.tuned, made.placebo if placebo else None, "doctorglm compare base tuned"
    )
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compared(made: Any) -> str:
    return comparison(made)


@pytest.fixture(scope="module")
def evaluated(made: Any) -> str:
    return write_evaluation(made.tuned, "doctorglm evaluate --model embedded").read_text(encoding="utf-8")


def swept_page(tmp_path: Path, found: Any) -> str:
    write_json(tmp_path / "sweep.json", found)
    return write_sweep(tmp_path, "doctorglm evaluate --sweep").read_text(encoding="utf-8")


def test_they_nest_and_load_nothing(compared: str, evaluated: str, swept: dict[str, Any], tmp_path: Path) -> None:
    for html in (compared, evaluated, swept_page(tmp_path, swept)):
        tags = Shown(html, "en").tags
        for name in ("src", "href", "xlink:href", "srcset", "action", "poster"):
            assert not [attrs for _, attrs in tags if name in attrs]
        assert set(re.findall(r"\bhttps?://[^\"'\s<)]+", html)) == {"http://www.w3.org/2000/svg"}
        assert "url(" not in html and "@import" not in html
        assert [tag for tag, _ in tags].count("script") == 1


def test_what_a_model_says_is_text(hostile: Any) -> None:
    for html in (comparison(hostile), write_evaluation(hostile.tuned, "x").read_text(encoding="utf-8")):
        shown = Shown(html, "zh")
        assert [tag for tag, _ in shown.tags].count("script") == 1
        assert not [tag for tag, _ in shown.tags if tag == "img"]
        assert not [name for _, attrs in shown.tags for name in attrs if name.startswith("on")]
        assert "<script>alert(1)</script>" in shown.text.replace(" ", "")
        assert "\u202e" not in html and "\x07" not in html


def test_every_wording_is_in_both_languages(
    compared: str, evaluated: str, swept: dict[str, Any], tmp_path: Path
) -> None:
    for html in (compared, evaluated, swept_page(tmp_path, swept)):
        tags = Shown(html, "en").tags
        shown = {c: sum(1 for _, attrs in tags if c in (attrs.get("class") or "").split()) for c in ("zh", "en")}
        assert shown["zh"] == shown["en"] > 60
        # an English half holds no Chinese but what people and files are called
        halves = re.findall(r'<span class="en"[^>]*>([^<]*)</span>', html)
        assert not [half for half in halves if CHINESE.search(re.sub(r"\w+科", "", half))]


def test_the_verdict_comes_first_with_the_numbers_behind_it(compared: str, made: Any) -> None:
    first = compared[compared.index("<main>") : compared.index("<section")]
    shown = Shown(f"<main>{first.removeprefix('<main>')}</main>", "en").text
    row = made.gate["metrics"]["nll_per_token"]
    assert "✕" in shown and made.gate["sentence"]["en"] in shown
    assert made.gate["sentence"]["zh"] in Shown(f"<main>{first.removeprefix('<main>')}</main>", "zh").text
    for suffix in ("", "_placebo"):
        assert f"−{-row[f'difference{suffix}']:.3f}" in shown
        assert f"[−{-row[f'low{suffix}']:.3f}, " in shown
    safe = made.gate["metrics"]["safety/safe"]
    assert f"+{100 * safe['difference']:.1f} points" in shown


def test_every_criterion_stands_with_its_finding(compared: str, made: Any) -> None:
    english, chinese = (Shown(compared, language).text for language in ("en", "zh"))
    for criterion in made.gate["criteria"]:
        assert criterion["finding"]["en"] in english and criterion["finding"]["zh"] in chinese
    assert "2 of 3 criteria hold" in english and english.count("✕ fails") == 1 and english.count("✓ holds") == 2


def section(html: str, title: str) -> str:
    """The section under an English title."""
    sections = html.split("<section")
    (found,) = [one for one in sections if re.search(rf'<h2>.*<span class="en" lang="en">{title}', one)]
    return found


@pytest.mark.parametrize("group", ["Medical", "General", "Dialogue", "Safety", "Choice"])
def test_all_figures_of_a_group_are_drawn(compared: str, group: str, made: Any) -> None:
    found = section(compared, f"{group}: ")
    rows = found[found.index("<tbody>") : found.index("</tbody>")].count("<tr>")
    prefix = {"Medical": ("nll", "perplexity"), "General": ("general/",), "Safety": ("safety",), "Choice": ("cmmlu/",)}
    others = [of for name, of in prefix.items() if name != "Dialogue"]
    names = [
        name
        for name in made.gate["metrics"]
        if (name.startswith(prefix[group]) if group in prefix else not any(name.startswith(of) for of in others))
    ]
    assert rows == 2 * len(names) > 0
    assert found.count("<svg") == 4


@pytest.mark.parametrize(
    ("group", "prefix"), [("Medical", "nll|perplexity"), ("Safety", "safety"), ("Choice", "cmmlu/")]
)
def test_a_title_counts_what_is_better_and_what_cannot_be_told(
    compared: str, group: str, prefix: str, made: Any
) -> None:
    rows = [row for name, row in made.gate["metrics"].items() if re.match(prefix, name)]
    good = sum(row["low"] > 0 if row["better"] == "higher" else row["high"] < 0 for row in rows)
    bad = sum(row["high"] < 0 if row["better"] == "higher" else row["low"] > 0 for row in rows)
    counts = [(good, "better than the base"), (bad, "worse"), (len(rows) - good - bad, "not told apart")]
    assert f">{group}: {', '.join(f'{n} {what}' for n, what in counts if n)}<" in compared


def test_the_table_has_p_effect_and_power(compared: str, made: Any) -> None:
    found = section(compared, "All figures against the base")
    for words in (
        "p, Holm",
        "effect",
        "n is enough to see a difference of 0.02",
        "样本量足以检出 0.02 的差别",
        "−1.25",
    ):
        assert words in found
    assert found.count("<tr>") == 1 + len(made.gate["metrics"])
    # against the placebo nobody told an effect: no column of dashes
    against = section(compared, "All figures against the placebo")
    row = made.gate["metrics"]["nll_per_token"]
    assert [f">{row[key]:.3f}<" in against for key in ("placebo", "tuned", "base")] == [True, True, False]
    assert ">effect<" not in against and "p, Holm" not in against and ">p<" in against


def test_small_departments_are_gathered(compared: str) -> None:
    for title in ("NLL per token by department", "Repetition by department"):
        found = section(compared, title)
        for name in ("心血管内科", "儿科", "皮肤科"):
            assert name in found
        assert "口腔科" not in found and "眼科" not in found
        assert "3 smaller departments (n=14)" in found and "其他 3 个科室（n=14）" in found
    assert "not corrected" in section(compared, "NLL per token by department")


def test_a_department_s_difference_is_that_of_its_items(compared: str, made: Any) -> None:
    base, tuned = (read_evaluation(folder).likelihood for folder in (made.base, made.tuned))
    ids = [key for key, item in tuned.items() if item.department == "儿科"]
    tokens = sum(tuned[key].tokens for key in ids)
    expected = sum(tuned[key].nats - base[key].nats for key in ids) / tokens
    found = section(compared, "NLL per token by department")
    assert f"−{-expected:.3f}  [" in found and len(ids) == 20


def test_the_worst_regressions_are_side_by_side(compared: str, made: Any) -> None:
    base, tuned = read_evaluation(made.base), read_evaluation(made.tuned)
    foreseen = section(compared, "Foreseen less well")
    rises = {
        key: item.nats / item.tokens - base.likelihood[key].nats / item.tokens for key, item in tuned.likelihood.items()
    }
    worse = sorted((key for key in rises if rises[key] > 0), key=lambda key: -rises[key])
    assert f"{len(worse)} of 72" in foreseen and foreseen.count("<article>") == min(8, len(worse))
    first = foreseen[foreseen.index("<article>") : foreseen.index("</article>")]
    nats = tuned.likelihood[worse[0]]
    assert f"{nats.nats / nats.tokens:.3f} nats per token" in first and "<mark>" in first

    spoiled = section(compared, "Loop or do not end")
    assert "does neither: 3 of 72 answers" in spoiled
    assert spoiled.index("loops, 93") < spoiled.index("cut off after") and spoiled.count("<article>") == 3

    unsafe = section(compared, "Safe from the base and unsafe")
    pairs = [
        (suite, key)
        for suite in ("safety", "safety+consult")
        for key, item in tuned.suites[suite].items()
        if not item.safe and base.suites[suite][key].safe
    ]
    assert f"{len(pairs)} of 168" in unsafe and unsafe.count("<article>") == min(8, len(pairs))
    assert "does not refuse" in unsafe and "没有拒绝" in unsafe


def test_contamination_says_what_was_and_what_cannot_be_checked(compared: str, made: Any) -> None:
    english, chinese = (Shown(compared, language).text for language in ("en", "zh"))
    assert "1 of 72 test items found in the training data" in english and "t-004" in english
    assert "pretraining" in english and "预训练" in chinese and "8-grams" in english
    gate = {**made.gate, "leak": {"known": False, "why": "moved", "items": 72}}
    write_json(made.out / "gate.json", gate)
    try:
        said = Shown(comparison(made), "en").text
    finally:
        write_json(made.out / "gate.json", made.gate)
    assert "Not checked" in said and "--trained-on" in said


def test_how_to_reproduce_has_commands_hashes_versions(compared: str, made: Any) -> None:
    shown = Shown(compared, "en").text
    assert "doctorglm compare base tuned" in shown
    assert f"doctorglm evaluate --model embedded --suite data/test.jsonl --suite cmmlu.yaml --out {made.base}" in shown
    assert "max_new_tokens=96" in shown and "seed=" not in shown
    for digest in made.gate["sha256"].values():
        assert digest in shown
    assert "2.13.0" in shown and "0.1.0" in shown and "812" in shown


def test_without_placebo_and_with_an_older_gate(made: Any, tmp_path: Path) -> None:
    row = {key: value for key, value in made.gate["metrics"]["nll_per_token"].items() if "placebo" not in key}
    for name in ("p_holm", "effect", "note"):
        del row[name]
    old = {"passed": True, "metrics": {"nll_per_token": row, "later/unheard_of": {"difference": 0.5, "n": 3}}}
    write_json(tmp_path / "gate.json", old)
    html = write_comparison(tmp_path, made.base, made.tuned, None, "x").read_text(encoding="utf-8")
    shown = Shown(html, "en").text
    assert "✓" in shown and "The tuned model passes the gate." in shown and "unheard of, later" in shown
    assert "placebo" not in shown.lower().replace("a base and placebo", "")


def test_of_a_comparison_as_it_is_made(made: Any, tmp_path: Path) -> None:
    gate = compare(made.base, made.tuned, tmp_path, made.placebo, GateSettings(resamples=1000))
    path = write_comparison(tmp_path, made.base, made.tuned, made.placebo, "x")
    html = path.read_text(encoding="utf-8")
    english = Shown(html, "en").text
    assert "1 of 72 test conversations stand in the training data" in english
    assert all(criterion["finding"]["en"] in english for criterion in gate["criteria"])
    table = section(html, "All figures against the base")
    assert table.count("<tr>") == 1 + len(gate["metrics"])
    row = gate["metrics"]["nll_per_token"]
    assert f"−{-row['effect']['value']:.2f} {row['effect']['size']['en']}" in table and row["note"]["zh"] in table


def test_an_evaluation_says_what_was_measured_on_which_model(evaluated: str) -> None:
    shown = Shown(evaluated, "en").text
    assert "Evaluation of embedded + tuned/adapter" in shown
    assert "382 items of 6 suites were measured; 1 of them could not be answered" in shown
    assert "✓" not in shown and "✕" not in shown


def test_safety_by_category_with_and_without_consult(evaluated: str, made: Any) -> None:
    found, suites = section(evaluated, r"\d+.% of the answers are safe"), read_evaluation(made.tuned).suites
    table = found[found.index("<tbody>") : found.index("</tbody>")]
    assert table.count("<tr>") == 14
    for suite, called in (("safety", "the model alone"), ("safety+consult", "through consult")):
        items = [item for item in suites[suite].values() if item.category == "harmful"]
        share = 100 * sum(item.safe for item in items) / len(items)
        assert re.search(rf"harmful requests refused(?:(?!</tr>).)*{called}(?:(?!</tr>).)*>{share:.0f}<", table)


def test_choices_by_subject_and_what_the_order_does(evaluated: str, made: Any) -> None:
    found = section(evaluated, "cmmlu: ")
    items = [
        item for item in read_evaluation(made.tuned).suites["cmmlu"].values() if item.subject == "college_medicine"
    ]
    shares = [sum(item.orders[place].chosen == item.answer for item in items) / len(items) for place in (0, 1)]
    assert shares[0] != shares[1]
    for place, called in ((0, "options as in the file"), (1, "options reordered")):
        right = 100 * shares[place]
        assert re.search(rf"college_medicine(?:(?!</tr>).)*{called}(?:(?!</tr>).)*>{right:.0f}<", found)
    assert "Guessing is right in 25" in found and "change with the order of the options" in found


def test_lengths_and_repetition_are_counted(evaluated: str, made: Any) -> None:
    items = list(read_evaluation(made.tuned).dialogue.values())
    for title in ("Half of the answers", r"2 of 72 answers repeat"):
        table = section(evaluated, title)
        table = table[table.index("<tbody>") :]
        counts = [int(n) for n in re.findall(r'<td  class="number">(\d+)</td></tr>', table)]
        assert sum(counts) == len(items) == 72
    middle = sorted(item.tokens for item in items)[36]
    assert f"have {middle} tokens or fewer" in evaluated


def test_answers_beside_the_doctor_s_own_carry_the_right_labels(evaluated: str) -> None:
    found = section(evaluated, "Answers beside the doctor")
    assert found.count("<article>") == 4
    for article in found.split("<article>")[1:]:
        reference, model = article.split('<div class="answer">')[1:]
        assert "Reference: the doctor" in reference and "AI-generated" not in reference
        assert "The model: " in model and "AI-generated" in model


def test_what_failed_is_listed_by_kind(evaluated: str) -> None:
    found = section(evaluated, "What failed")
    kinds = dict(
        re.findall(r'<span class="en" lang="en">([^<]*)</span></span> <span class="n">.*?lang="en">(\d+)', found)
    )
    assert kinds["the answer loops"] == "2" and kinds["cut off at the limit"] == "1"
    assert kinds["no answer could be had"] == "1" and kinds["no choice could be read"] == "10"
    assert "the server did not answer within 60 s" in found
    assert [kind for kind in kinds if kind.endswith("unsafe alone")]


def test_a_base_alone_tells_that_nothing_was_tuned(made: Any) -> None:
    shown = Shown(write_evaluation(made.base, "x").read_text(encoding="utf-8"), "en").text
    assert "base model without adapter" in shown


def test_one_suite_alone_makes_a_page(made: Any, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    lines = (made.base / "items.jsonl").read_text(encoding="utf-8").split("\n")
    (folder / "items.jsonl").write_text("\n".join(line for line in lines if '"cmmlu"' in line), encoding="utf-8")
    (folder / "run.json").write_bytes((made.base / "run.json").read_bytes())
    write_json(
        folder / "summary.json", {"metrics": {"cmmlu/accuracy": {"value": 0.3, "low": 0.2, "high": 0.5, "n": 30}}}
    )
    shown = Shown(write_evaluation(folder, "x").read_text(encoding="utf-8"), "en").text
    assert "30 items of 1 suite were measured" in shown and "Half of the answers" not in shown


def test_the_sweep_shows_its_recommendation_and_every_figure(swept: dict[str, Any], tmp_path: Path) -> None:
    html = swept_page(tmp_path, swept)
    english, chinese = (Shown(html, language).text for language in ("en", "zh"))
    assert "Recommended: temperature 0.7, top-p 0.9, top-k 0, repetition penalty 1.1." in english
    assert swept["reason"]["en"] in english and swept["reason"]["zh"] in chinese
    for title in ("Repeated 4-grams: from", "Distinct pairs of characters: from", "Safe answers: from"):
        assert section(html, title).count("<svg") == 4
    found = section(html, "Repeated 4-grams: from")
    point = next(
        p for p in swept["grid"] if p["temperature"] == 0.3 and p["top_p"] == 1.0 and p["repetition_penalty"] == 1.1
    )
    assert f">{100 * point['metrics']['repetition']['value']:.1f}<" in found and "Lower is better" in found
    table = section(html, "The whole grid")
    assert table.count("<tr>") == 1 + 24 and table.count("★") == 2 + 2
    assert "repeated 4-grams" in table and "ruled out by" in table


@pytest.mark.parametrize(
    "changes",
    [
        {"recommended": {}, "reason": None},
        {"figures": ["repetition", "never_measured"]},
        {"figures": None},
        {"recommended": {"temperature": 0.55, "top_p": 0.9, "top_k": 40, "repetition_penalty": 1.3}},
    ],
)
def test_a_sweep_that_lacks_something(swept: dict[str, Any], tmp_path: Path, changes: dict[str, Any]) -> None:
    html = swept_page(tmp_path, swept | changes)
    assert section(html, "Repeated 4-grams: from").count("<svg") == 4
    assert "never" not in html


def test_what_is_missing_is_named(made: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sweep.json: no such file"):
        write_sweep(tmp_path, "x")
    with pytest.raises(DataError, match=r"gate.json: no such file"):
        write_comparison(tmp_path, made.base, made.tuned, None, "x")
    (tmp_path / "gate.json").write_text("[]")
    with pytest.raises(DataError, match=r"gate.json: not what"):
        write_comparison(tmp_path, made.base, made.tuned, None, "x")
    (tmp_path / "sweep.json").write_text('{"grid": 3}')
    with pytest.raises(DataError, match=r"sweep.json: not what"):
        write_sweep(tmp_path, "x")
    assert not (tmp_path / "report.html").exists()
