"""The pages in a real browser: the switch, a phone's width, both shades, no word of complaint."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from doctorglm.report.blocks import Page
from doctorglm.report.page import write
from doctorglm.report.tokens import COLOURS


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, demo_page: Page, run_page: Page, wide_page: Page
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    paths = {name: folder / f"{name}.html" for name in ("demo", "run", "wide")}
    for name, page in zip(paths, (demo_page, run_page, wide_page), strict=True):
        write(paths[name], page)
    return paths


@contextmanager
def opened(chromium: Any, path: Path, **context: Any) -> Iterator[Any]:
    """The page in a fresh context; fails if it asks for anything, complains, or runs a patient's script."""
    options = {"locale": "en-GB", "viewport": {"width": 1440, "height": 900}} | context
    browsing = chromium.new_context(**options)
    tab = browsing.new_page()
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("dialog", lambda dialog: said.append(dialog.message))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    yield tab
    browsing.close()
    assert said == []
    assert asked == [path.as_uri()]


def visible(tab: Any, selector: str) -> int:
    seen = "s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility()).length"
    return int(tab.evaluate(seen, selector))


@pytest.mark.parametrize(
    ("locale", "tag", "title"), [("zh-CN", "zh-CN", "微缩流程报告"), ("de-DE", "en", "The pipeline in miniature")]
)
def test_first_language_is_the_browser_s(
    chromium: Any, pages: dict[str, Path], locale: str, tag: str, title: str
) -> None:
    with opened(chromium, pages["demo"], locale=locale) as tab:
        assert tab.evaluate("document.documentElement.lang") == tag
        assert tab.title() == title
        assert visible(tab, ".en") == 0 or tag == "en"


def test_switch_works_by_keyboard_and_is_remembered(chromium: Any, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["demo"]) as tab:
        tab.get_by_role("button", name="中文").focus()
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.documentElement.lang") == "zh-CN"
        assert visible(tab, ".zh") > 50 and visible(tab, ".en") == 0
        assert tab.get_by_role("button", name="中文").get_attribute("aria-pressed") == "true"
        assert tab.get_by_role("button", name="English").get_attribute("aria-pressed") == "false"
        tab.get_by_role("button", name="English").click()
        assert visible(tab, ".en") > 50 and visible(tab, ".zh") == 0
        assert tab.evaluate("localStorage.getItem('doctorglm-language')") == "en"


def test_one_language_without_javascript(chromium: Any, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["demo"], java_script_enabled=False, locale="zh-CN") as tab:
        assert visible(tab, ".en") > 50 and visible(tab, ".zh") == 0
        assert visible(tab, ".switch") == 0


@pytest.mark.parametrize("width", [360, 700, 1440])
def test_what_is_too_wide_scrolls_or_breaks(chromium: Any, pages: dict[str, Path], width: int) -> None:
    with opened(chromium, pages["wide"], viewport={"width": width, "height": 800}) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("name", ["demo", "run"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_fits_a_phone(chromium: Any, pages: dict[str, Path], name: str, locale: str) -> None:
    with opened(chromium, pages[name], locale=locale, viewport={"width": 360, "height": 800}) as tab:
        for summary in tab.query_selector_all("summary"):
            summary.click()
        assert tab.evaluate("document.documentElement.scrollWidth") == 360
        assert visible(tab, ".chart.narrow") == visible(tab, "details") > 0
        assert visible(tab, ".chart.wide") == 0
        small = "(e) => e.getBoundingClientRect().height"
        assert all(e.evaluate(small) >= 40 for e in tab.query_selector_all("button, summary"))


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_no_word_of_a_picture_is_cut(chromium: Any, pages: dict[str, Path], width: int, locale: str) -> None:
    """With the fonts of this machine; a word may hang out of its picture, but not off the page."""
    with opened(chromium, pages["demo"], locale=locale, viewport={"width": width, "height": 800}) as tab:
        ends = tab.evaluate(
            "[...document.querySelectorAll('.chart text')].map(t => t.getBoundingClientRect())"
            ".filter(r => r.width).map(r => [r.left, r.right])"
        )
        assert len(ends) > 30
        assert min(left for left, _ in ends) >= 0 and max(right for _, right in ends) <= width


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_pictures_follow_the_system_s_shade(chromium: Any, pages: dict[str, Path], shade: str) -> None:
    colour = getattr(COLOURS["accent"], shade)
    rgb = f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"
    with opened(chromium, pages["demo"], color_scheme=shade) as tab:
        marks = f'.chart.wide.en [fill="{COLOURS["accent"].light}"]'
        assert tab.evaluate("s => getComputedStyle(document.querySelector(s)).fill", marks) == rgb
        tab.emulate_media(media="print")
        printed = tab.evaluate("s => getComputedStyle(document.querySelector(s)).fill", marks)
        assert printed == "rgb(31, 111, 92)"
        assert visible(tab, ".chart.narrow") == 0 and visible(tab, ".switch") == 0


def test_the_table_behind_a_picture_opens(chromium: Any, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["demo"]) as tab:
        table = tab.query_selector("details table")
        assert not table.is_visible()
        tab.query_selector("summary").click()
        assert table.is_visible()
