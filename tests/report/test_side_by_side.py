"""A text beside its translation: marks where they belong, signs that are not only a colour, nothing read as markup."""

from doctorglm.language import Text
from doctorglm.report.blocks import Page, SideBySide, Translations
from doctorglm.report.page import render

EVIL = "<img src=x onerror=alert(2)>&\"'"


def _html(pair: SideBySide) -> str:
    html = render(Page(title="t", blocks=[Translations(title="pairs", pairs=[pair])]), "en")
    return html[html.index('<article class="pair">') : html.index("</article>")]


def test_pieces_carry_their_marks_and_notes_their_signs() -> None:
    html = _html(
        SideBySide(
            original=[("I have ", ""), ("hernia", "term"), (" and [name]", "")],
            translation=[("我有", ""), ("哮喘", "wrong"), ("发热", "right")],
            place="a, 1",
            notes=[("wrong", Text(en="hernia: none of 疝", zh="hernia：没有“疝”")), ("right", "fever → 发热")],
        )
    )
    assert 'lang="en">I have <mark class="term">hernia</mark> and <span class="masked">name</span></p>' in html
    assert 'lang="zh-CN">我有<mark class="wrong">哮喘</mark><mark class="right">发热</mark></p>' in html
    assert '<li class="wrong"><span class="tick" aria-hidden="true">✕</span>' in html
    assert '<li class="right"><span class="tick" aria-hidden="true">✓</span>fever → 发热</li>' in html
    assert "hernia：没有“疝”" in html and "AI-generated" in html and "AI 生成" in html and ">a, 1</p>" in html


def test_what_was_not_kept_is_said_and_carries_no_label() -> None:
    html = _html(SideBySide(original=[("Hello", "")], translation=[], place="a"))
    assert "(no text)" in html and "AI-generated" not in html and '<ul class="told">' not in html


def test_nothing_is_read_as_markup() -> None:
    html = _html(SideBySide(original=[(EVIL, "term")], translation=[(EVIL, "")], place=EVIL, notes=[("wrong", EVIL)]))
    assert "<img" not in html and html.count("&lt;img") == 4
