"""From an Altair chart to SVG that fits the page: its type, its colours, no size that depends on installed fonts.

Sources: https://altair-viz.github.io, https://github.com/vega/vl-convert.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from doctorglm.errors import ConfigError
from doctorglm.language import Language, Text
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.tokens import COLOURS, FONTS, ColourName
from doctorglm.report.wording import Wording, width_em, worded

try:
    import altair as alt
    import vl_convert
except ImportError as missing:
    raise ConfigError(
        en=f"The reports' pictures need the package {missing.name}. Run: pip install 'doctorglm[report]'",
        zh=f"报告中的图需要 {missing.name} 包。请运行：pip install 'doctorglm[report]'",
    ) from None

_VEGA_LITE = "6.4"
_OPENING_TAG = re.compile(r"<svg [^>]*>")
_FONT_ATTRIBUTE = re.compile(r' font-family="[^"]*"')
_ROLES = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')


@dataclass(frozen=True)
class Frame:
    """What one of the four drawings is made for; sizes in CSS pixels."""

    language: Language
    narrow: bool
    own_width: int | None = None

    @property
    def width(self) -> int:
        """Of the whole picture: its own, a column on a wide page, or a phone's screen less its margins."""
        return self.own_width or (328 if self.narrow else 760)

    @property
    def type_size(self) -> int:
        """Of all text."""
        return 12 if self.narrow else 14

    @property
    def line_height(self) -> int:
        """From one line of a label to the next."""
        return round(1.35 * self.type_size)

    def say(self, wording: Wording) -> str:
        """The wording in the drawing's language."""
        return worded(wording, self.language)

    def text_width(self, text: str) -> float:
        """About how many pixels wide the text will be."""
        return width_em(text) * self.type_size


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Layers on a plane of `width` x `height` with room around it; all in pixels."""

    layers: Sequence[Any]
    width: float
    height: float
    left: float = 0
    right: float = 0
    top: float = 0
    bottom: float = 0


def draw(plot: Callable[[Frame], Plot], *, table: Table, reading: Text | None = None) -> Chart:
    """The picture in both languages and for both widths, with the table behind it."""
    wide, narrow = (
        Text(en=_svg(plot(Frame("en", is_narrow))), zh=_svg(plot(Frame("zh", is_narrow))))
        for is_narrow in (False, True)
    )
    return Chart(wide=wide, narrow=narrow, table=table, reading=reading)


def data(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows as inline data."""
    return alt.Data(values=[dict(row) for row in rows])


def colour(name: ColourName) -> str:
    """The token's hex by day, which the page's stylesheet turns into its variable."""
    return COLOURS[name].light


def text(
    frame: Frame,
    words: str,
    x: float,
    y: float,
    *,
    ink: ColourName = "ink",
    align: str = "left",
    baseline: str = "middle",
    bold: bool = False,
) -> Any:
    """One label at (x, y) in pixels of the plane; the words may have several lines."""
    mark = {
        "align": align,
        "baseline": baseline,
        "color": colour(ink),
        "fontSize": frame.type_size,
        "fontWeight": 600 if bold else 400,
        "lineBreak": "\n",
        "lineHeight": frame.line_height,
    }
    return alt.Chart(data([{}])).mark_text(**mark).encode(x=alt.XValue(x), y=alt.YValue(y), text=alt.TextValue(words))


def _svg(plot: Plot) -> str:
    chart = (
        alt.layer(*plot.layers)
        .properties(
            width=plot.width,
            height=plot.height,
            autosize=alt.AutoSizeParams(type="none"),
            padding={"left": 0, "top": 0, "right": 0, "bottom": 0},
        )
        .configure(background="transparent", aria=False)
        .configure_view(stroke=None)
        .configure_axis(domain=False, ticks=False, labelColor=colour("faint"), gridColor=colour("line"), title=None)
    )
    # every part was validated when it was made; doing it again for the whole takes longer than drawing
    return _fitted(vl_convert.vegalite_to_svg(chart.to_dict(validate=False), vl_version=_VEGA_LITE), plot)


def _fitted(svg: str, plot: Plot) -> str:
    """The SVG with our own frame around the plane, and what is the same everywhere said once."""
    width, height = plot.left + plot.width + plot.right, plot.top + plot.height + plot.bottom
    body = _ROLES.sub("", _FONT_ATTRIBUTE.sub("", _OPENING_TAG.sub("", svg, count=1)))
    stack = FONTS.replace('"', "'")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-plot.left:g} {-plot.top:g} {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="{stack}">{body}'
    )
