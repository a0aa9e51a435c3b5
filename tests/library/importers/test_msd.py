"""Saved pages: the text and its sections stay, everything around them goes, whatever the page says of its encoding."""

from pathlib import Path

import pytest

from doctorglm.errors import DataError

from .kit import keys, only, read, told, write

PAGE = """<!DOCTYPE html>
<html lang="zh"><head><meta charset="{charset}"><title>普通感冒 - 感染 - MSD诊疗手册大众版</title>
<link rel="canonical" href="https://www.msdmanuals.cn/home/common-cold">
<script>var x = "<h2>脚本</h2>";</script><style>h2 {{ color: red }}</style></head>
<body class="has-sidebar"><header role="banner"><a href="/">首页</a><nav><ul><li>健康话题</li></ul></nav></header>
<div class="breadcrumb">感染 / 病毒</div>
<main><h1>普通感冒</h1><div class="topic__synonyms">（急性鼻卡他；伤风）</div>
<p class="topic__authors">作者：某某医师, MD</p><p>审核/修订 2026年 5月 | 修改的 2026年 6月</p>
<p>普通感冒是<a href="x">鼻</a>、鼻窦和咽喉的
病毒感染。</p>
<ul class="toc"><li>病因</li><li>治疗</li></ul>
<section><h2>普通感冒的病因</h2><p>多种病毒可引起感冒&nbsp;&mdash;&nbsp;鼻病毒&lt;最常见&gt;。</p></section>
<section><h2>症状和体征</h2><div><div><ul><li>流涕</li><li><p>咽痛，<b>声</b><i>哑</i></p>
  <ul><li>早晨重</li></ul></li></ul></div></div>
<table><tr><th>症状</th><th>持续</th></tr><tr><td><p>咳嗽</p></td><td>2 周<br>左右</td></tr></table></section>
<section><h2>治疗</h2><p>休息。</p><h3>药物治疗</h3><p>退热药。</p><h3>预防措施</h3><p>洗手。</p><h4>小贴士</h4><p>用肥皂。</p></section>
<h2>其他资源</h2><p>美国某组织：链接</p><h3>链接</h3><p>更多。</p>
<h2>预后</h2><p>通常 10 天内好转。</p>
</main><aside>广告</aside><footer>版权所有 © 2026</footer></body></html>"""


def test_a_page_of_the_manual(tmp_path: Path) -> None:
    page = only(write(tmp_path / "a.html", PAGE.format(charset="utf-8")))
    assert (page.title, page.aliases) == ("普通感冒", ("急性鼻卡他", "伤风"))
    assert page.source == "https://www.msdmanuals.cn/home/common-cold"
    assert page.kind == "disease"
    assert told(page) == {
        "概述": "普通感冒是鼻、鼻窦和咽喉的病毒感染。",
        "普通感冒的病因": "多种病毒可引起感冒 — 鼻病毒<最常见>。",
        "症状和体征": "- 流涕\n- 咽痛，声哑\n- 早晨重\n症状 | 持续\n咳嗽 | 2 周 左右",
        "治疗": "休息。\n药物治疗\n退热药。",
        "预防措施": "洗手。\n小贴士\n用肥皂。",
        "预后": "通常 10 天内好转。",
    }
    assert keys(page) == ["overview", "causes", "symptoms", "treatment", "prevention", "prognosis"]


@pytest.mark.parametrize(
    ("written", "declared"),
    [("gbk", "utf-8"), ("utf-8", "gb2312"), ("utf-16", "utf-8"), ("utf-8-sig", "big5"), ("gb18030", "gbk")],
)
def test_the_bytes_decide_whatever_the_page_says(tmp_path: Path, written: str, declared: str) -> None:
    text = PAGE.format(charset=declared).replace("©", "(C)").replace("&nbsp;", " ")
    there = only(write(tmp_path / "a.html", text, written))
    right = only(write(tmp_path / "b" / "a.html", text.replace(declared, "utf-8")))
    assert told(there) == told(right)
    assert "鼻窦和咽喉" in told(there)["概述"]


def test_an_english_page_in_a_western_encoding(tmp_path: Path) -> None:
    text = """<html><head><meta http-equiv="Content-Type" content="text/html; charset=windows-1252">
    <title>Common Cold - Merck Manual Consumer Version</title></head><body><h1>Common Cold</h1>
    <p>By Some Body , MD, University Hospital</p><p>Reviewed/Revised May 2026</p>
    <h2>Symptoms of Common Cold</h2><p>Ménière\u2019s disease is something else.</p>
    <h2>More Information</h2><p>Elsewhere.</p></body></html>"""
    page = only(write(tmp_path / "cold.htm", text, "cp1252"))
    assert page.title == "Common Cold"
    assert told(page) == {"Symptoms of Common Cold": "Ménière\u2019s disease is something else."}


def test_the_title_without_a_heading_is_the_windows_without_the_site(tmp_path: Path) -> None:
    text = "<html><title>痛风 - 骨骼 - 默沙东诊疗手册专业版</title><body><h2>病因</h2><p>尿酸过高。</p></body></html>"
    assert only(write(tmp_path / "a.html", text)).title == "痛风"


@pytest.mark.parametrize(
    ("heading", "title", "aliases"),
    [
        ("慢性阻塞性肺疾病（COPD）", "慢性阻塞性肺疾病", ("COPD",)),
        ("痛风（代谢；关节）", "痛风", ("代谢", "关节")),
        ("Fever (in Adults)", "Fever (in Adults)", ()),
        ("儿童发热（三岁以下）", "儿童发热（三岁以下）", ()),
    ],
)
def test_other_names_in_brackets(tmp_path: Path, heading: str, title: str, aliases: tuple[str, ...]) -> None:
    page = only(write(tmp_path / "a.html", f"<html><body><h1>{heading}</h1><p>正文。</p></body></html>"))
    assert (page.title, page.aliases) == (title, aliases)


def test_any_page_by_its_headings_without_a_main_part(tmp_path: Path) -> None:
    text = """<html><head><title>高血压_某健康网</title></head><body><div id="top-nav">导航</div>
    <table><tr><td><h1>高血压</h1></td></tr><tr><td>血压持续升高。<h3>检查</h3>量血压。</td></tr></table></body></html>"""
    page = only(write(tmp_path / "a.html", text))
    assert (page.title, told(page)) == ("高血压", {"概述": "血压持续升高。", "检查": "量血压。"})


def test_markup_that_is_broken_or_deep(tmp_path: Path) -> None:
    page = "<html><h1>痛风</h1><h2>病因</h2>{}<p>尿酸</b>过高{}<h2>治疗</h2><p>少喝酒"
    deep = only(write(tmp_path / "a.html", page.format("<div>" * 1500, "</div>" * 1499)))
    assert told(deep) == {"病因": "尿酸过高", "治疗": "少喝酒"}
    with pytest.raises(DataError, match="nested thousands deep"):
        read(write(tmp_path / "b.html", page.format("<div>" * 3000, "</div>" * 2999)))


def test_a_page_that_scripts_fill_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.html", "<html><head><title>感冒</title></head><body><script>load()</script></body></html>"
    )
    with pytest.raises(DataError, match=r"a page without text.*complete page"):
        read(path)
    write(tmp_path / "b.html", "<html><h1>痛风</h1><p>尿酸过高。</p></html>")
    (kept,), (skipped,) = read(tmp_path)
    assert kept.title == "痛风"
    assert skipped.where.endswith("a.html") and skipped.reason.en.startswith("a page without text")
    assert "页面没有正文" in skipped.reason.zh


def test_a_page_in_two_encodings_is_refused(tmp_path: Path) -> None:
    half = "<html><h1>痛风</h1><p>一二三四五六七八九十，关节很痛。</p>"
    path = tmp_path / "a.html"
    path.write_bytes(half.encode("gbk") + half.encode("utf-8"))
    with pytest.raises(DataError, match="two encodings"):
        read(path)
