"""The colours and type of every page and picture, for light and for dark, in one place.

A picture is drawn in the light colours and is right on its own; inside a page the stylesheet replaces each of them by
the variable of the same name, so that it follows the reader's system.
"""

from dataclasses import dataclass
from typing import Literal

ColourName = Literal[
    "paper",
    "card",
    "ink",
    "faint",
    "line",
    "accent",
    "caution",
    "danger",
    "mark",
    "base",
    "placebo",
    "training",
    "general",
]


@dataclass(frozen=True)
class Colour:
    """One colour as `#rrggbb`, by day and by night."""

    light: str
    dark: str


COLOURS: dict[ColourName, Colour] = {
    "paper": Colour("#fbfaf7", "#121614"),
    "card": Colour("#ffffff", "#1a201d"),
    "ink": Colour("#1c2421", "#e6ece8"),
    "faint": Colour("#5d6b65", "#9aa8a1"),
    "line": Colour("#e3e6e0", "#2b332f"),
    "accent": Colour("#1f6f5c", "#6cc3a8"),
    "caution": Colour("#9a6700", "#e3b341"),
    "danger": Colour("#b42318", "#ff7b6b"),
    # behind words that differ; ink stays readable on it
    "mark": Colour("#dcebe4", "#24463c"),
    "base": Colour("#8a938e", "#8a938e"),
    # Okabe and Ito's reddish purple (by day a shade darker, for 3:1 on paper) and blues: every kind of colour vision
    # tells them from the accent and from grey
    "placebo": Colour("#c872a2", "#cc79a7"),
    "training": Colour("#0072b2", "#56b4e9"),
    # their vermilion: what is forgotten
    "general": Colour("#d55e00", "#f0894d"),
}
"""The tuned model is always `accent`, its base always `base`."""

FONTS = '"Source Han Sans SC","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",system-ui,sans-serif'
MONOSPACED = (
    'ui-monospace,"SF Mono","Cascadia Mono","Noto Sans Mono","DejaVu Sans Mono",'
    '"Noto Sans Mono CJK SC","PingFang SC","Microsoft YaHei",monospace'
)


def stylesheet() -> str:
    """The custom properties, their values by night, and the rules that lend them to pictures."""
    light = "".join(f"--{name}:{colour.light};" for name, colour in COLOURS.items())
    dark = "".join(f"--{name}:{colour.dark};" for name, colour in COLOURS.items())
    pictures = "\n".join(
        f'.chart [{paint}="{colour.light}"]{{{paint}:var(--{name})}}'
        for name, colour in COLOURS.items()
        for paint in ("fill", "stroke")
    )
    return (
        f":root{{{light}--sans:{FONTS};--mono:{MONOSPACED};color-scheme:light dark}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f"{pictures}\n"
    )
