"""Shapes and words straight to SVG, for the pictures that Vega-Lite has no mark for; the frame is `canvas`'s."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from doctorglm.language import Text
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame, colour
from doctorglm.report.tokens import FONTS, ColourName

RAISED_EM = 0.36
"""From the middle of a line down to its baseline."""

Run = tuple[str, ColourName]
"""A piece of a line in one ink."""


@dataclass
class Drawing:
    """One picture in the making, in CSS pixels from the upper left corner of its plane."""

    frame: Frame
    parts: list[str] = field(default_factory=list)

    def rectangle(
        self, x: float, y: float, width: float, height: float, paint: ColourName, *, opacity: float = 1, hint: str = ""
    ) -> None:
        """A bar; `hint` shows on hovering."""
        shape = f'<rect x="{x:.2f}" y="{y:.2f}" width="{max(width, 0):.2f}" height="{max(height, 0):.2f}" rx="1.5" '
        self.parts.append(f"{shape}{_paint(paint, opacity)}>{_title(hint)}</rect>")

    def shape(self, path: str, paint: ColourName, *, opacity: float = 1, hint: str = "") -> None:
        """A filled path."""
        self.parts.append(f'<path d="{path}" {_paint(paint, opacity)}>{_title(hint)}</path>')

    def line(self, x1: float, y1: float, x2: float, y2: float, paint: ColourName, *, dashed: bool = False) -> None:
        """A hairline."""
        dash = ' stroke-dasharray="3 3"' if dashed else ""
        self.parts.append(
            f'<line x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}" stroke="{colour(paint)}"{dash}></line>'
        )

    def words(
        self,
        lines: Sequence[Sequence[Run]],
        x: float,
        middle: float,
        *,
        anchor: str = "start",
        bold: bool = False,
        plain: bool = False,
    ) -> None:
        """Lines of text about a middle; `plain` without the rim that keeps lines off words."""
        size, height = self.frame.type_size, self.frame.line_height
        for index, line in enumerate(lines):
            y = middle + (index - (len(lines) - 1) / 2) * height + RAISED_EM * size
            runs = "".join(_run(words, ink) for words, ink in line)
            kind, weight = ' class="plain"' if plain else "", ' font-weight="600"' if bold and not index else ""
            self.parts.append(
                f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size}" text-anchor="{anchor}"{weight}{kind}>{runs}</text>'
            )

    def svg(self, width: float, height: float, description: str, *, left: float = 0, top: float = 0) -> str:
        """The picture, with what a screen reader says of it."""
        stack = FONTS.replace('"', "'")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-left:g} {-top:g} {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}" font-family="{stack}"><desc>{escape(description)}</desc>'
            f"{''.join(self.parts)}</svg>"
        )


def drawn(
    picture: Callable[[Frame], str], *, table: Table, reading: Text | None = None, width: int | None = None
) -> Chart:
    """The picture in both languages and for both widths, with the table behind it; `width` is that of the wide one."""
    wide, narrow = (
        Text(en=picture(Frame("en", *frame)), zh=picture(Frame("zh", *frame)))
        for frame in ((False, width), (True, None))
    )
    return Chart(wide=wide, narrow=narrow, table=table, reading=reading)


def _paint(paint: ColourName, opacity: float) -> str:
    return f'fill="{colour(paint)}"' + (f' fill-opacity="{opacity:g}"' if opacity < 1 else "")


def _title(hint: str) -> str:
    return f"<title>{escape(hint)}</title>" if hint else ""


def _run(words: str, ink: ColourName) -> str:
    return f'<tspan fill="{colour(ink)}" xml:space="preserve">{escape(words)}</tspan>'
