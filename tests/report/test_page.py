"""The page as a file: valid, closed to the outside, complete in both languages, with every text as text."""

import base64
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from doctorglm import language
from doctorglm.language import Text
from doctorglm.report.blocks import Answer, Answers, Commands, Figure, Page, Prose, Question, Table, Verdict
from doctorglm.report.page import render, write

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&\"'"
VOID = {"meta", "path", "line", "rect"}


class Parsed(HTMLParser):
    """Tags with their attributes and text; fails where tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.text += data

    def attributes(self, name: str) -> Iterator[str]:
        return (attrs[name] or "" for _, attrs in self.tags if name in attrs)


@pytest.fixture(scope="module")
def demo_html(demo_page: Page) -> str:
    return render(demo_page, "zh")


def test_nests(demo_html: str, run_page: Page) -> None:
    assert Parsed(demo_html).tags[0][0] == "html"
    assert Parsed(render(run_page)).tags[0][0] == "html"


def test_loads_nothing(demo_html: str) -> None:
    parsed = Parsed(demo_html)
    for name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster", "background"):
        assert not list(parsed.attributes(name))
    assert not {tag for tag, _ in parsed.tags} & {"link", "iframe", "object", "embed", "base", "form", "image", "use"}
    assert set(re.findall(r"\bhttps?://[^\"'\s<)]+", demo_html)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in demo_html and "@import" not in demo_html and "@font-face" not in demo_html


def test_policy_lets_in_our_script_alone(demo_html: str) -> None:
    parsed = Parsed(demo_html)
    (script,) = parsed.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = (a["content"] or "" for _, a in parsed.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.split("; ") == [
        "default-src 'none'",
        f"script-src 'sha256-{digest}'",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert not [name for _, attrs in parsed.tags for name in attrs if name.startswith("on")]


def test_a_patient_s_markup_is_text() -> None:
    page = Page(
        title=EVIL,
        subtitle=EVIL,
        blocks=[
            Verdict(passed=True, sentence=EVIL, reasons=[EVIL]),
            Table(title=EVIL, columns=[EVIL, Text(en=EVIL, zh=EVIL)], rows=[[EVIL, EVIL]], note=EVIL),
            Answers(title=EVIL, questions=[Question(asked=EVIL, answers=[Answer(label=EVIL, text=EVIL)])]),
            Answers(
                title=EVIL,
                questions=[
                    Question(
                        asked="x", answers=[Answer(label="a", text=f"{EVIL}{word}") for word in ("one", "two", "three")]
                    )
                ],
            ),
            Prose(title=EVIL, text=EVIL),
            Commands(title=EVIL, lines=[EVIL], note=EVIL),
        ],
    )
    parsed = Parsed(render(page))
    assert len([tag for tag, _ in parsed.tags if tag == "script"]) == 1
    assert not [tag for tag, _ in parsed.tags if tag == "img"]
    # head and title 3, verdict 2, table 7 (one column in two languages), answers 4 and 4, prose 2, commands 3
    assert parsed.text.count(EVIL) == 25
    assert list(parsed.attributes("data-zh")) == [EVIL]


def test_both_languages_stand_side_by_side(demo_html: str) -> None:
    tags = Parsed(demo_html).tags
    shown = {code: sum(1 for _, attrs in tags if code in (attrs.get("class") or "").split()) for code in ("zh", "en")}
    assert shown["zh"] == shown["en"] > 50
    for _, attrs in tags:
        classes = (attrs.get("class") or "").split()
        if "zh" in classes:
            assert attrs["lang"] == "zh-CN"
        if "en" in classes:
            assert attrs["lang"] == "en"


def test_language_without_javascript() -> None:
    page = Page(title=Text(en="Run", zh="运行"))
    assert '<html lang="en"' in render(page) and "<title>Run</title>" in render(page)
    language.choose("zh")
    assert '<html lang="zh-CN"' in render(page) and "<title>运行</title>" in render(page)
    assert '<html lang="en"' in render(page, "en")


def test_half_a_wording_is_refused() -> None:
    with pytest.raises(ValueError, match="no zh wording"):
        render(Page(title="x", blocks=[Prose(title=Text(en="only English", zh=""), text="x")]))


@pytest.mark.parametrize(("passed", "signs"), [(True, ["✓", "通过"]), (False, ["✕", "未通过"]), (None, [])])
def test_the_sign_is_not_only_a_colour(passed: bool | None, signs: list[str]) -> None:
    text = Parsed(render(Page(title="x", blocks=[Verdict(passed=passed, sentence="y")]))).text
    assert all(sign in text for sign in signs)
    assert ("✓" in text, "✕" in text) == (passed is True, passed is False)


def test_a_picture_has_title_n_and_its_table(demo_page: Page) -> None:
    figure = next(block for block in demo_page.blocks if isinstance(block, Figure))
    html = render(Page(title="x", blocks=[figure]))
    parsed = Parsed(html)
    assert len([tag for tag, _ in parsed.tags if tag == "svg"]) == 4
    assert isinstance(figure.title, Text) and isinstance(figure.n, Text)
    labels = [a["aria-label"] for _, a in parsed.tags if a.get("role") == "img"]
    assert labels.count(figure.title.zh) == labels.count(figure.title.en) == 2
    assert figure.n.zh in parsed.text and figure.n.en in parsed.text
    details = html[html.index("<details>") : html.index("</details>")]
    assert details.count("<tr>") == 1 + len(figure.chart.table.rows)


def test_columns_of_numbers_are_set_right() -> None:
    table = Table(columns=["a", "b", "c"], rows=[["1", "−0.4", "x"], ["2", "[−1, 2]", "3"], ["3", "–", "4"]])
    assert table.numeric == [False, True, False]
    html = render(Page(title="x", blocks=[table]))
    assert html.count('class="number">') == 1 + 3


def test_differing_words_are_marked_in_both() -> None:
    answers = [Answer(label=name, text=text) for name, text in (("base", "建议多喝水。"), ("tuned", "建议多喝温水。"))]
    html = render(Page(title="x", blocks=[Answers(title="x", questions=[Question(asked="y", answers=answers)])]))
    assert "建议多喝<mark>温</mark>水。" in html or "建议多喝<mark>温水</mark>。" in html
    assert html.count("AI 生成") == 2 + 1


def test_a_marked_piece_is_text() -> None:
    answers = [Answer(label="base", text="建议多喝水。"), Answer(label="tuned", text="建议多喝水<b>盐水</b>。")]
    page = Page(title="x", blocks=[Answers(title="x", questions=[Question(asked="y", answers=answers)])])
    parsed = Parsed(render(page))
    assert {"mark"} <= {tag for tag, _ in parsed.tags} and "b" not in {tag for tag, _ in parsed.tags}
    assert "建议多喝水<b>盐水</b>。" in parsed.text


def test_a_lone_answer_is_not_compared() -> None:
    question = Question(asked="y", answers=[Answer(label="base", text="建议多喝水。")])
    assert "<mark>" not in render(Page(title="x", blocks=[Answers(title="x", questions=[question])]))


def test_medical_honesty_on_every_page() -> None:
    text = Parsed(render(Page(title="x"))).text
    assert "120" in text and "不是诊断" in text and "not a diagnosis" in text


def test_written_for_the_owner_alone_and_survives_half_characters(tmp_path: Path) -> None:
    path = tmp_path / "out" / "report.html"
    write(path, Page(title="x", blocks=[Prose(title="\ud83d", text="a\x00b")]))
    assert path.stat().st_mode & 0o777 == 0o600
    assert "a\ufffdb" in path.read_text(encoding="utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_failed_page_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(ValueError):
        write(path, Page(title=Text(en="", zh="")))
    assert path.read_text() == "old"
