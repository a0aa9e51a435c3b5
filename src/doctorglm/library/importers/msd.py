"""A saved page of the MSD (Merck) Manual, for doctors or patients, Chinese or English, or any other page with headings.

The user saves the pages; the project ships none. Title and sections stay; navigation, scripts, authors and links to
more do not.
"""

import re
from collections.abc import Iterator
from typing import Any

from doctorglm.errors import DataError
from doctorglm.files.archives import Content
from doctorglm.library.importers.blocks import Block, sections_of
from doctorglm.library.importers.entry import Read, entry, refused
from doctorglm.library.importers.markup import blocks_of, tree_of
from doctorglm.library.importers.reading import codec_of, decoded, whole

_DEEPEST = 3
_SITE = re.compile(r"msd|merck|默沙东|默克", re.IGNORECASE)
_BETWEEN = re.compile(r"\s+[-–—|]\s+|\s*[|_｜]\s*")
_SIDE_TAGS = ("nav", "footer", "aside", "form", "dialog", "menu")
_SIDE_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alert"})
_SIDE_NAMES = frozenset(
    word
    for line in (
        "nav navigation navbar menu breadcrumb breadcrumbs footer sidebar cookie cookies share sharing social ad",
        "ads advert advertisement related author authors byline contributors toc toolbar banner pagination",
        "copyright",
    )
    for word in line.split()
)
"""Parts of the names of classes and ids that are no text of the page."""
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LEFT_OUT = re.compile(
    r"其他资源|其它资源|更多信息|参考文献|参考资料|相关(?:文章|阅读|主题)|本文(?:提及|涉及)的?药物|测试您的知识|目录$|"
    r"more information|references?$|see also|related|drugs mentioned|test your knowledge|other resources|"
    r"in this topic|contents$",
    re.IGNORECASE,
)
"""Headings of what leads away from the page."""
_SIGNED = re.compile(
    r"(?:作者|审校|译者|撰稿|审阅|编辑)\s*[:：]|"
    r"(?:最后|上次|最近|全面|医学)?(?:全面)?(?:审查|审核|审阅|修订|更新)(?:日期|时间)?\s*[:：/|]|"
    r"已?(?:审核|审查|修订)\s*[\d一二三四五六七八九十]|by\s.{3,120}\b(?:MD|PhD|DO|MBBS|PharmD|MS|RN)\b|"
    r"(?:medically |last |full )*(?:review|revision|reviewed|revised|updated|modified)\b[^.]{0,80}$|"
    r"(?:查看|view)\s*(?:患者|专业|大众|consumer|professional|patient)|(?:copyright|©|版权所有)",
    re.IGNORECASE,
)
"""Lines that say who wrote or checked the page, and when."""
_SYNONYMS = re.compile(r"(.+?)\s*[(（]([^()（）]+)[)）]\s*$", re.DOTALL)
_LATIN_CHARSETS = frozenset({"iso-8859-1", "latin1", "latin-1", "windows-1252", "cp1252"})


def entries(content: Content) -> Iterator[Read]:
    """The page as one entry; raises DataError when it cannot be decoded or has no text."""
    root = tree_of(_text(content), content.name)
    url = _address(root)
    title, aliases = _title(root)
    _remove_sides(root)
    blocks = [block for block in _kept(blocks_of(_main(root))) if block.level != 1]
    sections = sections_of(blocks, _DEEPEST)
    if not sections:
        raise refused(
            content.name,
            en="a page without text; scripts may fetch it. Open it in a browser and save it as a complete page.",
            zh="页面没有正文，可能由脚本加载。请在浏览器中打开，并另存为“完整网页”。",
        )
    yield from entry(content.name, title=title, sections=sections, aliases=aliases, source=url)


def _text(content: Content) -> str:
    """The page as its bytes prove to be encoded, whatever its declaration says.

    Only Western European bytes prove nothing; there the declaration counts.
    """
    data = whole(content)
    try:
        return decoded(data, codec_of(data, content.name))
    except DataError:
        said = re.search(rb"charset\s*=\s*[\"']?([A-Za-z0-9_-]+)", data[:4096])
        if said is None or said[1].decode("ascii").lower() not in _LATIN_CHARSETS:
            raise
        return decoded(data, "cp1252" if set(_UNDEFINED).isdisjoint(data) else "latin-1")


_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"
"""Bytes that are no character of Windows-1252."""


def _address(root: Any) -> str:
    """The page's own address, or ""."""
    for path in ("//link[@rel='canonical']/@href", "//meta[@property='og:url']/@content"):
        for address in root.xpath(path):
            if address.startswith(("http://", "https://")):
                return str(address)
    return ""


def _title(root: Any) -> tuple[str, list[str]]:
    """The page's title and what stands in brackets behind it: its other names."""
    for heading in root.iter("h1"):
        said = " ".join(block.text for block in blocks_of(heading))
        if said and not _SITE.fullmatch(said):
            beside = [" ".join(node.text_content().split()) for node in _named_synonyms(root)]
            return _without_synonyms(said, beside)
    named = " ".join(" ".join(root.xpath("//title//text()")).split())
    return _without_synonyms(_BETWEEN.split(named)[0], [])


def _named_synonyms(root: Any) -> list[Any]:
    return [node for node in root.iter() if isinstance(node.tag, str) and "synonym" in node.get("class", "").lower()]


def _without_synonyms(title: str, beside: list[str]) -> tuple[str, list[str]]:
    """普通感冒（上呼吸道感染；伤风）, COPD in brackets: other names. (adults) is part of the title."""
    found = _SYNONYMS.fullmatch(title)
    names: list[str] = []
    if found and (re.search("[;；]", found[2]) or re.fullmatch(r"[A-Z][A-Z0-9-]+", found[2].strip()) or beside):
        title, names = found[1], _split(found[2])
    for said in beside:
        names += _split(said.strip("()（） "))
        title = title.removesuffix(said).strip()
    return title, names


def _split(names: str) -> list[str]:
    return [name.strip() for name in re.split("[;；、,，]", names)]


def _remove_sides(root: Any) -> None:
    """Takes navigation and the like out of the tree, unless the page's heading or most of its text stands in it."""
    most = len(root.text_content()) / 2
    for node in [node for node in root.iter() if isinstance(node.tag, str) and _is_side(node)]:
        parent = node.getparent()
        if parent is not None and node.find(".//h1") is None and len(node.text_content()) <= most:
            node.drop_tree()


def _is_side(node: Any) -> bool:
    if node.tag in ("html", "head", "body", "main", "article", "h1", "h2", "h3"):
        return False
    if node.tag in _SIDE_TAGS or node.get("role", "") in _SIDE_ROLES or node.get("hidden") is not None:
        return True
    if node.get("aria-hidden") == "true" or "display:none" in node.get("style", "").replace(" ", ""):
        return True
    named = _CAPITAL.sub("-", f"{node.get('class', '')} {node.get('id', '')}").lower()
    return not _SIDE_NAMES.isdisjoint(re.split(r"[\s_-]+", named)) or "synonym" in named


def _main(root: Any) -> Any:
    """The element that holds the page's text: `main` or the only `article`, when one has headings; else everything."""
    for path in ("//main", "//*[@role='main']", "//article"):
        found = root.xpath(path)
        if len(found) == 1 and found[0].xpath(".//h2|.//h3|.//p"):
            return found[0]
    bodies = root.xpath("//body")
    return bodies[0] if bodies else root


def _kept(blocks: list[Block]) -> Iterator[Block]:
    """Without the parts under a heading that leads away, and without signatures."""
    away = 0
    for block in blocks:
        if block.level and (not away or block.level <= away):
            away = block.level if _LEFT_OUT.match(block.text) else 0
        if not away and not (block.level == 0 and len(block.text) < 200 and _SIGNED.match(block.text)):
            yield block
