"""The report of a finished folder: counts by hand, pairs drawn by a seed, marks on the right words."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from doctorglm.report.page import render
from doctorglm.translate import stage
from doctorglm.translate.entry import Entry
from doctorglm.translate.marked import side_by_side
from doctorglm.translate.page import page_of, write_report
from doctorglm.translate.pairs import Pair
from doctorglm.translate.terms import Terms
from doctorglm.translate.told import reservoir, told

GLOSSARY = [Entry("angina", ("心绞痛",)), Entry("hernia", ("疝",)), Entry("fever", ("发烧", "发热"))]
RECORD: dict[str, Any] = {
    "counts": {"read": 7, "translated": 4, "rejected": {"refused": 2, "number_missing": 1}},
    "cost": {"usd": 0.25, "requests": 9, "budget_usd": 2.0, "usd_in": 0.15, "usd_out": 0.6, "planned_usd": 0.2,
             "planned_usd_at_most": 0.5, "price_share": 0.5},
    "settings": {"teacher": "https://example.org/v1#big", "prompt": "1", "tries": 3},
    "glossary": {"rows": 3, "licences": {"CC0": 3}},
}  # fmt: skip
TAKEN = [
    ("I have a hernia, and a fever of 39.", "我有哮喘，还发热39。"),
    ("My hernia hurts.", "我的哮喘疼。"),
    ("No angina since 3 days.", "3天没有心绞痛。"),
    ("", ""),
]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    made = [
        {
            "id": f"c{n}",
            "language": "zh",
            "messages": [{"role": "user", "content": chinese}, {"role": "assistant", "content": "好的。"}],
            "meta": {
                "translation": {"english": [english, "好的。"], "by": ["teacher" if english else "empty", "chinese"]}
            },
        }
        for n, (english, chinese) in enumerate(TAKEN)
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(one) + "\n" for one in made), "utf-8")
    bad = [
        _rejected("r1", [{"message": 0, "reason": "refused"}]),
        _rejected("r2", [{"message": 1, "reason": "refused"}, {"message": 0, "reason": "refused"}]),
        _rejected("r3", [{"message": 0, "reason": "number_missing", "kind": "numbers", "english": "5 mg"}],
                  chinese=["我吃药。", "多休息。"]),
    ]  # fmt: skip
    (tmp_path / "rejected.jsonl").write_text("".join(json.dumps(one) + "\n" for one in bad), "utf-8")
    return tmp_path


def _rejected(id_: str, reasons: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"I take 5 mg, {id_}."}, {"role": "assistant", "content": "Rest."}]
    return {"id": id_, "reason": reasons[0]["reason"], "reasons": reasons, "record": {"messages": messages}} | more


def test_what_is_counted(out: Path) -> None:
    found = told(out, RECORD, GLOSSARY)
    assert found.counted == 4 and found.audit is not None
    # hernia twice and never right; fever and angina once each, right
    assert (found.audit["fields"], found.audit["term_mentions"], found.audit["term_right"]) == (3, 4, 2)
    assert [row["term"] for row in found.audit["worst_terms"]] == ["hernia", "angina", "fever"]
    assert (found.audit["numbers"], found.audit["number_fidelity"]) == (2, 1.0)
    assert [(term, pair.where) for term, pair in found.wrong] == [("hernia", "c1, 1")]  # the shortest
    assert sorted(pair.where for pair in found.drawn) == ["c0, 1", "c1, 1", "c2, 1"]
    assert found.messages == {"refused": 3, "number_missing": 1}
    assert {(one.english, one.chinese) for one in found.rejected["number_missing"]} == {
        ("I take 5 mg, r3.", "我吃药。")
    }
    assert {one.english for one in found.rejected["refused"]} == {"I take 5 mg, r1.", "Rest.", "I take 5 mg, r2."}
    assert told(out, RECORD, GLOSSARY) == found


def test_rejections_that_say_little_are_shown_as_far_as_they_go(out: Path) -> None:
    reasons = [{"reason": "new"}, {"message": 9, "reason": "new"}, {"message": "?", "reason": "new"}]
    odd = [{"id": "x", "reasons": reasons}, {"id": "y"},
           {"id": "z", "reasons": [{"message": 0, "reason": "new"}], "chinese": "no list"}]  # fmt: skip
    (out / "rejected.jsonl").write_text("".join(json.dumps(one) + "\n" for one in odd), "utf-8")
    found = told(out, RECORD, GLOSSARY)
    assert found.messages == {"new": 4} and "new" not in {one.english for one in found.rejected["new"]}
    assert "What was not taken" not in render(page_of(found, Terms(GLOSSARY)), "en")


def test_nothing_with_a_term_and_nothing_rejected(out: Path) -> None:
    (out / "rejected.jsonl").unlink()
    found = told(out, {"counts": {"read": 4, "translated": 4, "rejected": {}}}, [Entry("zzz", ("无",))])
    html = render(page_of(found, Terms(GLOSSARY)), "en")
    assert found.audit is None and found.messages == {} and "Terms, the worst first" not in html
    assert "4 of 4 conversations" in html


def test_a_reservoir_is_fair_and_in_order() -> None:
    drawn = Counter(
        n for seed in range(4000) for n in reservoir(range(10), 3, random.Random(seed))
    )  # fmt: skip
    assert all(1080 < drawn[n] < 1320 for n in range(10))  # 1200 expected, 4 standard deviations
    some = reservoir(range(100), 20, random.Random(1))
    assert some == sorted(some) and len(set(some)) == 20
    assert reservoir(range(3), 5, random.Random(1)) == [0, 1, 2]


def test_terms_and_their_chinese_are_marked() -> None:
    pair = Pair("Angina, hernias and fever.", "有 心绞痛、哮喘，发热", "c, 1")
    found = side_by_side(pair, Terms(GLOSSARY), {"hernia": "哮喘"})
    assert found.original == [("Angina", "term"), (", ", ""), ("hernias", "term"), (" and ", ""), ("fever", "term"),
                              (".", "")]  # fmt: skip
    assert found.translation == [("有 ", ""), ("心绞痛", "right"), ("、", ""), ("哮喘", "wrong"), ("，", ""),
                                 ("发热", "right")]  # fmt: skip
    (first, told_), *rest = found.notes
    assert first == "wrong" and getattr(told_, "en", "") == "hernia: none of 疝; perhaps in its place: 哮喘"
    assert [note for _, note in rest] == ["angina → 心绞痛", "fever → 发热"]


def test_of_renderings_that_lie_in_one_another_the_longer_is_marked() -> None:
    terms = Terms([Entry("angina", ("心绞痛",)), Entry("pain", ("痛",))])
    found = side_by_side(Pair("Angina is a pain.", "心绞痛是痛", "c"), terms, {})
    assert found.translation == [("心绞痛", "right"), ("是", ""), ("痛", "right")]


def test_what_identifies_somebody_is_masked() -> None:
    found = side_by_side(
        Pair("My name is Walter Castellano.", "我叫王建国，手机13800138000。", "c"), Terms(GLOSSARY), {}
    )
    assert "Castellano" not in str(found.original) and "13800138000" not in str(found.translation)


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ["4 of 7 conversations", "2 of 4 mentions", "0.2500 USD", "refused", "number_missing · 5 mg",
                "hernia: none of 疝", "Not medical advice", "50", "CC0"]),
        ("zh", ["7 段对话中的 4 段", "4 处中 2 处", "拒绝翻译", "没有“疝”", "费用：计划与实际",
                "未经译者或临床医师审校"]),
    ],
)  # fmt: skip
def test_the_page_says_it_in_both_languages(lang: str, words: list[str], out: Path) -> None:
    write_report(out, RECORD, GLOSSARY)
    html = (out / "report.html").read_text("utf-8")
    assert [word for word in words if word not in html] == []
    assert json.loads((out / "report.json").read_text("utf-8"))["audit"]["term_right"] == 2


@contextmanager
def _opened(chromium: Any, path: Path, locale: str, width: int) -> Iterator[Any]:
    browsing = chromium.new_context(locale=locale, viewport={"width": width, "height": 900})
    tab = browsing.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("request", lambda request: said.append(request.url) if request.url != path.as_uri() else None)
    tab.goto(path.as_uri())
    yield tab
    browsing.close()
    assert said == []


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser_it_fits_and_asks_for_nothing(locale: str, width: int, out: Path, chromium: Any) -> None:
    write_report(out, RECORD, GLOSSARY)
    with _opened(chromium, out / "report.html", locale, width) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        left, right = (box["x"] for box in (tab.locator(".pair .answer").nth(i).bounding_box() for i in (0, 1)))
        assert (left < right) == (width > 640)


def test_a_folder_that_was_finished_without_a_report_gets_one(tmp_path: Path) -> None:
    source = tmp_path / "en.jsonl"
    source.write_text(json.dumps({"id": "a", "messages": [{"role": "user", "content": "已是中文。"}]}) + "\n", "utf-8")
    job = stage.Job(sources=[source], out=tmp_path / "run", teacher="http://127.0.0.1:1/v1#tiny")
    run: Callable[[], Any] = lambda: stage.translate(job, stage.TranslateSettings())  # noqa: E731
    assert run().finished
    (tmp_path / "run" / "report.html").unlink()
    assert run().finished and (tmp_path / "run" / "report.html").exists()
