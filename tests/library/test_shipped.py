"""The entries that ship: whole, without doses, each source a document that exists."""

import re
import tarfile
from pathlib import Path

import pytest
import yaml

from doctorglm.library.headings import OTHER, key_of
from doctorglm.library.stage import SHIPPED

FILES = sorted(SHIPPED.glob("*.md"))
OF_DISEASES = ["概述", "病因", "症状", "诊断", "治疗", "预防", "预后", "何时就医"]
OF_DRUGS = ["概述", "用途", "用前须知", "不良反应", "禁忌", "相互作用", "储存"]
_DOSE = re.compile(r"\d+(?:\.\d+)?\s*(?:mg|毫克|g(?![a-z])|克|μg|微克|IU|单位|片|粒)")


def parsed(file: Path) -> tuple[dict[str, object], dict[str, str]]:
    _, front, body = file.read_text("utf-8").split("---\n", 2)
    parts = re.split(r"^## (.+)\n", body, flags=re.MULTILINE)
    return yaml.safe_load(front), dict(zip(parts[1::2], parts[2::2], strict=True))


def test_thirty_diseases_and_fifteen_drugs() -> None:
    kinds = [parsed(file)[0]["kind"] for file in FILES]
    assert (kinds.count("disease"), kinds.count("drug"), len(kinds)) == (30, 15, 45)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_entry_is_whole_and_cautious(file: Path) -> None:
    front, sections = parsed(file)
    assert list(sections) == (OF_DISEASES if front["kind"] == "disease" else OF_DRUGS) == list(front["sources"])  # type: ignore[call-overload]
    assert front["id"] == file.stem and "未经临床医师审核" in str(front["source"])
    assert all(key_of(heading) != OTHER for heading in sections)
    assert all(40 <= len("".join(text.split())) <= 320 for text in sections.values())
    assert not _DOSE.search(" ".join(sections.values())), "an entry that ships holds no doses"
    assert not re.search(r"(?<!不能)(?<!无法)(?<!没有)(?<!难以)(?:根治|治愈)|包治", " ".join(sections.values()))


def test_every_cited_document_exists(shared: Path) -> None:
    cited = {source for file in FILES for of in parsed(file)[0]["sources"].values() for source in of}  # type: ignore[attr-defined]
    assert cited and all(re.fullmatch(r"medquad \w+/\d+\.xml", source) for source in cited)
    with tarfile.open(next((shared / "data/knowledge/medquad").glob("*.tar.gz"))) as archive:
        assert {source.split(" ", 1)[1] for source in cited} - set(archive.getnames()) == set()


def test_no_two_entries_share_a_name() -> None:
    names = [str(name).casefold() for file in FILES for name in (parsed(file)[0]["title"], *parsed(file)[0]["aliases"])]  # type: ignore[misc]
    assert sorted(names) == sorted(set(names))
