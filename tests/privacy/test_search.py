"""What is planted is what `inspect deid` finds, and the search finds it in every form."""

import gzip
import html
import json
import urllib.parse
import zipfile
from pathlib import Path

import pytest

from doctorglm.clinical import deid

from .everybyte import Literals
from .identifiers import TYPES
from .scene import EN, SOUGHT, ZH


def test_every_planted_identifier_is_one_that_inspect_deid_finds() -> None:
    whole = 0
    for one in (*ZH, *EN):
        start = one.sentence.index(one.literal)
        covered = {i for span in deid.find(one.sentence) for i in range(span.start, span.end)}
        assert covered >= set(range(start, start + len(one.literal))), one
        whole += 1
    assert whole >= 500
    assert len({one.literal for one in (*ZH, *EN)}) == whole
    for language in (ZH, EN):
        assert {one.type for one in language} == set(TYPES) == set(deid.TYPES)


def test_all_of_them_are_in_the_sources(world: Path) -> None:
    assert set(SOUGHT.below(world / "sources")) == {one.literal for one in (*ZH, *EN)}


@pytest.mark.parametrize(
    "literal", ["汉宁市第三人民医院", "欧阳秀兰", "6228 4812 3456 7890", "https://a.example/p?id=1&x=2"]
)
def test_the_search_finds_a_literal_in_every_form(literal: str, tmp_path: Path) -> None:
    sought, text = Literals([literal]), f"…，{literal}。"
    with zipfile.ZipFile(tmp_path / "zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner", gzip.compress(text.encode()))
    forms = {
        "utf8": text.encode(), "gb18030": text.encode("gb18030"), "utf16": text.encode("utf-16"),
        "json": json.dumps(text).encode(), "twice": json.dumps(json.dumps(text)).encode(),
        "html": html.escape(text).encode(), "references": text.encode("ascii", "xmlcharrefreplace"),
        "url": urllib.parse.quote(text).encode(), "bytes": repr(text.encode()).encode(), "lower": text.lower().encode(),
        "bare": text.replace(" ", "").encode(), "spaced": text.replace("4812", "48-12").encode(),
        "weights": bytes(range(256)) + text.encode(),
    }  # fmt: skip
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "clean").write_text(f"…，{literal[:-1]}。", "utf-8")
    assert sought.below(tmp_path) == {literal: {"zip", *forms}}
    (tmp_path / urllib.parse.quote(literal, safe="")).mkdir()
    assert any(place.startswith("the name") for place in sought.below(tmp_path)[literal])
