"""Draws docs/images/pipeline.{en,zh}.svg: real text, LOOK's colours, right in light and dark."""

from pathlib import Path

WORDS = {
    "en": ["Consultations", "curate", "Conversations", "tune", "Tuned", "Placebo", "Base", "evaluate", "Gate",
           "answers exchanged", "better than both?", "leak-free splits"],
    "zh": ["问诊记录", "整理", "对话", "微调", "微调模型", "安慰剂", "基座", "评测", "门槛",
           "回答互换", "是否优于两者？", "互不泄漏的划分"],
}  # fmt: skip
STYLE = """
text{font:15px "Source Han Sans SC","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",system-ui,sans-serif}
text{fill:#1c2421}
.small{font-size:13px;fill:#5d6b65}.box{fill:#fff;stroke:#e3e6e0}.line{stroke:#8a938e;fill:none;stroke-width:1.5}
.tuned{stroke:#1f6f5c;stroke-width:2}.bold{font-weight:600}.head{fill:#8a938e}
@media(prefers-color-scheme:dark){text{fill:#e6ece8}.small{fill:#9aa8a1}.box{fill:#1a201d;stroke:#2b332f}.tuned{stroke:#6cc3a8}}
"""


def box(x: int, y: int, text: str, kind: str = "") -> str:
    """A rounded box, 132 by 44, with its word in the middle."""
    return (
        f'<rect class="box {kind}" x="{x}" y="{y}" width="132" height="44" rx="8"/>'
        f'<text class="bold" x="{x + 66}" y="{y + 27}" text-anchor="middle">{text}</text>'
    )


def arrow(points: str, label: str = "", x: int = 0, y: int = 0) -> str:
    """A line with a head, and a small word at (x, y)."""
    word = f'<text class="small" x="{x}" y="{y}" text-anchor="middle">{label}</text>' if label else ""
    return f'<polyline class="line" points="{points}" marker-end="url(#head)"/>{word}'


def picture(language: str) -> str:
    """The whole drawing."""
    w = WORDS[language]
    parts = [
        arrow("140,122 210,122", w[1], 175, 112), arrow("344,122 426,122", w[3], 385, 112),
        arrow("278,144 278,192 426,192", w[9], 352, 184), arrow("560,122 666,122", w[7], 586, 112),
        arrow("560,192 612,192 612,138 666,138"), arrow("560,52 612,52 612,106 666,106"),
        box(8, 100, w[0]), box(212, 100, w[2]), box(428, 100, w[4], "tuned"), box(428, 170, w[5]), box(428, 30, w[6]),
        box(668, 100, w[8], "tuned"),
        f'<text class="small" x="278" y="90" text-anchor="middle">{w[11]}</text>',
        f'<text class="small" x="734" y="166" text-anchor="middle">{w[10]}</text>',
    ]  # fmt: skip
    head = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="head" d="M0,0 8,4 0,8z"/></marker></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 12 808 214" width="808" height="214">'
        f"<style>{STYLE}</style>{head}{''.join(parts)}</svg>\n"
    )


if __name__ == "__main__":
    for language in WORDS:
        (Path(__file__).parent / f"pipeline.{language}.svg").write_text(picture(language), encoding="utf-8")
