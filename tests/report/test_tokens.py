"""The colours can be read: contrast by WCAG 2.2's own formula, and they are those of the design."""

import re
from pathlib import Path

import pytest

from doctorglm.report.tokens import COLOURS, ColourName, stylesheet


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_formula() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("behind", ["paper", "card"])
@pytest.mark.parametrize("name", ["ink", "faint", "accent", "caution", "danger"])
def test_text_can_be_read(name: ColourName, behind: ColourName, shade: str) -> None:
    assert contrast(getattr(COLOURS[name], shade), getattr(COLOURS[behind], shade)) >= 4.5


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "accent"])
def test_text_on_a_mark_can_be_read(name: ColourName, shade: str) -> None:
    assert contrast(getattr(COLOURS[name], shade), getattr(COLOURS["mark"], shade)) >= 4.5


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("name", ["accent", "base", "placebo", "training", "general"])
def test_lines_of_pictures_can_be_seen(name: ColourName, shade: str) -> None:
    """3:1 is what WCAG asks of graphics."""
    assert contrast(getattr(COLOURS[name], shade), getattr(COLOURS["paper"], shade)) >= 3


def test_no_two_colours_are_one_by_day() -> None:
    """Pictures are re-coloured by their hex, so that each must name one token."""
    assert len({colour.light for colour in COLOURS.values()}) == len(COLOURS)


def test_stylesheet_re_colours_every_token() -> None:
    css = stylesheet()
    for name, colour in COLOURS.items():
        assert f"--{name}:{colour.light};" in css
        assert f"--{name}:{colour.dark};" in css
        assert f'.chart [fill="{colour.light}"]{{fill:var(--{name})}}' in css


def test_colours_are_the_design_s(shared: Path) -> None:
    line = next(line for line in (shared / "LOOK.md").read_text().splitlines() if line.startswith("**Colour**"))
    following = (shared / "LOOK.md").read_text().split(line, 1)[1].split("\n\n", 1)[0]
    pairs = re.findall(r"(\w+)(?: \([^)]*\))? `(#\w{6})` / `(#\w{6})`", line + following)
    words = {"paper": "paper", "card": "card", "line": "line", "caution": "caution", "danger": "danger"}
    found = {words[name]: (light.lower(), dark.lower()) for name, light, dark in pairs if name in words}
    assert found == {name: (COLOURS[name].light, COLOURS[name].dark) for name in words}  # type: ignore[index]
    everything = (line + following).lower()
    for name in ("ink", "faint", "accent", "base"):
        assert COLOURS[name].light in everything and COLOURS[name].dark in everything  # type: ignore[index]
