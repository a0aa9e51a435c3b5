"""The pages in a real browser: nothing is asked for, no word is cut or lies upon another, they fit a phone."""

from pathlib import Path
from typing import Any

import pytest

from doctorglm.evaluate.page import write_comparison, write_evaluation, write_sweep
from doctorglm.runs import write_json

_BOXES = """[...document.querySelectorAll('.chart svg')].filter(s => s.checkVisibility()).map(s =>
  [...s.querySelectorAll('text')].map(t => { const b = t.getBoundingClientRect();
    return [t.textContent, b.left, b.top, b.right, b.bottom]; }))"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, made: Any, sweep_of: Any) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sweep")
    write_json(folder / "sweep.json", sweep_of)
    return {
        "comparison": write_comparison(made.out, made.base, made.tuned, made.placebo, "doctorglm compare " + "x" * 200),
        "evaluation": write_evaluation(made.tuned, "doctorglm evaluate"),
        "sweep": write_sweep(folder, "doctorglm evaluate --sweep"),
    }


@pytest.mark.parametrize("name", ["comparison", "evaluation", "sweep"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("width", [360, 1440])
def test_no_word_is_cut_or_lies_upon_another(
    chromium: Any, pages: dict[str, Path], name: str, locale: str, width: int
) -> None:
    path = pages[name]
    browsing = chromium.new_context(locale=locale, viewport={"width": width, "height": 900})
    tab = browsing.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: said.append(request.url) if request.url != path.as_uri() else None)
    tab.goto(path.as_uri())
    for summary in tab.query_selector_all("summary"):
        assert summary.evaluate("e => e.getBoundingClientRect().height") >= 40
        summary.click()
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    pictures = tab.evaluate(_BOXES)
    browsing.close()
    assert said == [] and len(pictures) >= 3
    for texts in pictures:
        for i, (words, left, top, right, bottom) in enumerate(texts):
            assert left >= 0 and right <= width, words
            for other, left2, top2, right2, bottom2 in texts[:i]:
                # a line's box is taller than its letters
                apart = right <= left2 or right2 <= left or bottom - 4 <= top2 or bottom2 - 4 <= top
                assert apart, (words, other)
