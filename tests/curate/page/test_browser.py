"""The page in a real browser: nothing is asked for, no word is cut or lies upon another, it fits a phone, it prints."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from doctorglm.curate.page import write_page

_BOXES = """[...document.querySelectorAll('.chart svg')].filter(s => s.checkVisibility()).map(s =>
  [...s.querySelectorAll('text')].map(t => { const b = t.getBoundingClientRect();
    return [t.textContent, b.left, b.top, b.right, b.bottom]; }))"""


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, corpora_record: dict[str, Any], hospital_record: dict[str, Any]
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    evidence = {"id": "row-1", "source": "a.csv", "evidence": "加我微信[wechat]" + "很长" * 99 + "x" * 200}
    for name, record in (("corpora", corpora_record), ("hospital", hospital_record)):
        write_page(record, {"cut_off": [evidence]}, folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in ("corpora", "hospital")}


@contextmanager
def opened(chromium: Any, path: Path, locale: str, width: int) -> Iterator[Any]:
    """The page in a fresh context; fails if it asks for anything or complains."""
    browsing = chromium.new_context(locale=locale, viewport={"width": width, "height": 900})
    tab = browsing.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: said.append(request.url) if request.url != path.as_uri() else None)
    tab.goto(path.as_uri())
    yield tab
    browsing.close()
    assert said == []


@pytest.mark.parametrize("name", ["corpora", "hospital"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("width", [360, 700, 900, 1280])
def test_no_word_is_cut_or_lies_upon_another(
    chromium: Any, pages: dict[str, Path], name: str, locale: str, width: int
) -> None:
    with opened(chromium, pages[name], locale, width) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        pictures = tab.evaluate(_BOXES)
        assert len(pictures) >= 7
        for texts in pictures:
            for i, (said, left, top, right, bottom) in enumerate(texts):
                assert left >= 0 and right <= width, said
                for other, left2, top2, right2, bottom2 in texts[:i]:
                    # a line's box is taller than its letters
                    apart = right <= left2 or right2 <= left or bottom - 4 <= top2 or bottom2 - 4 <= top
                    assert apart, (said, other)


@pytest.mark.parametrize("width", [360, 700, 1280])
def test_one_drawing_of_each_picture_is_seen(chromium: Any, pages: dict[str, Path], width: int) -> None:
    with opened(chromium, pages["corpora"], "zh-CN", width) as tab:
        seen = "[...document.querySelectorAll('.chart')].filter(c => c.checkVisibility()).length"
        sections = "[...document.querySelectorAll('section')].filter(s => s.querySelector('.chart')).length"
        assert tab.evaluate(seen) == tab.evaluate(sections)
        tab.emulate_media(media="print")
        assert tab.evaluate(seen) == tab.evaluate(sections)


def test_all_that_is_folded_fits_a_phone(chromium: Any, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["corpora"], "en-GB", 360) as tab:
        for summary in tab.query_selector_all("summary"):
            assert summary.evaluate("e => e.getBoundingClientRect().height") >= 40
            summary.click()
        assert tab.evaluate("document.documentElement.scrollWidth") == 360
        assert tab.locator(".masked").first.is_visible()


def test_samples_and_hashes_are_printed_though_folded(chromium: Any, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["corpora"], "zh-CN", 700) as tab:
        shown = "[...document.querySelectorAll('.printed > :last-child')].map(e => e.checkVisibility())"
        assert set(tab.evaluate(shown)) == {False}
        tab.emulate_media(media="print")
        assert set(tab.evaluate(shown)) == {True}
        tables = "[...document.querySelectorAll('details:not(.printed) table')].some(e => e.checkVisibility())"
        assert not tab.evaluate(tables)
