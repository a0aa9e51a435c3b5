"""Documents are let in by licence, and what is left out is counted."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from doctorglm.curate.documents import PERMISSIVE, Document, read_documents
from doctorglm.errors import DataError


def write(path: Path, *records: object) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()))
    return path


def test_licences_decide(tmp_path: Path) -> None:
    names = ["MIT", "MPL-2.0", "CC BY-SA 4.0", "CC0 1.0", "MPL-2.0"]
    write(tmp_path / "a.jsonl.gz", *({"text": f"文{i}", "source": "s", "licence": n} for i, n in enumerate(names)))
    left_out: Counter[str] = Counter()
    assert list(read_documents([tmp_path], left_out=left_out)) == [
        Document("文0", "s", "MIT"),
        Document("文3", "s", "CC0 1.0"),
    ]
    assert left_out == {"MPL-2.0": 2, "CC BY-SA 4.0": 1}
    assert [d.text for d in read_documents([tmp_path], ["MPL-2.0"])] == ["文1", "文4"]


@pytest.mark.parametrize("record", [{"text": "文"}, {"text": 1, "source": "s", "licence": "MIT"}, [1]])
def test_a_record_without_its_licence_is_an_error(tmp_path: Path, record: object) -> None:
    good = {"text": "文", "source": "s", "licence": "MIT"}
    with pytest.raises(DataError, match=r"a\.gz:2: a document needs"):
        list(read_documents([write(tmp_path / "a.gz", good, record)]))


def test_the_general_text_that_may_be_pretrained_on(shared: Path) -> None:
    left_out: Counter[str] = Counter()
    documents = list(read_documents([shared / "data/general"], left_out=left_out))
    characters: Counter[str] = Counter()
    for document in documents:
        characters[document.licence] += len(document.text)
    assert set(characters) <= set(PERMISSIVE)
    assert set(left_out) == {"CC BY-SA 4.0", "MPL-2.0"}
    # the table of data/README.md, in thousands: kdconv + crosswoz + d2l, law, recipes, tatoeba, tico19, cncf, scratch
    expected = {
        "Apache-2.0": 475 + 497 + 132,
        "public domain (PRC Copyright Law art. 5)": 774,
        "Unlicense": 263,
        "CC BY 2.0 FR": 184,
        "CC0 1.0": 102,
        "CC BY 4.0": 30,
        "BSD-3-Clause": 11,
    }
    assert {name: round(count / 1000) for name, count in characters.items()} == pytest.approx(expected, abs=1)
