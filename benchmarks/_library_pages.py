"""Generated entries for the speed part of `benchmarks/library.py`: as many chunks as are asked for, of real length.

Sentences are drawn at random, four entries of five from CMD's answers, the fifth from MedQuAD's; eight sections each of
200 to 400 tokens, so that a section is a chunk. Words are as frequent as there, but what stands together says nothing:
a word of one illness stands in every entry, so that lists of places are long and a search cannot skip much.
Titles are names of diseases, with the words that charts put before and behind them.
"""

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from _library_sets import cmd_rows, medquad_documents
from doctorglm.clinical.terms.words import entries, words
from doctorglm.library.chunks import tokens_in

HEADINGS = ("概述", "病因", "症状", "诊断", "治疗", "预防", "预后", "何时就医")
ENGLISH = ("information", "causes", "symptoms", "diagnosis", "treatment", "prevention", "outlook", "seeing a doctor")
TOKENS = (200, 395)
_BEFORE = ("", "急性", "慢性", "复发性", "老年", "儿童", "妊娠期", "先天性", "继发性", "特发性", "药物性", "难治性")
_BEHIND = ("", "早期", "晚期", "合并感染", "术后", "伴出血", "伴贫血", "缓解期", "急性发作")
_ENGLISH_EVERY = 5
_FOLDER = 500
"""Entries in one folder."""
_SENTENCE = re.compile(r"[^。！？!?\n]{4,120}[。！？!?]")
_ENGLISH_SENTENCE = re.compile(r"[A-Z][^.!?\n]{20,300}[.!?](?=\s|$)")

Sentence = tuple[str, float]
"""A sentence and its tokens."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What entries are made of."""

    chinese: Sequence[Sentence]
    english: Sequence[Sentence]
    titles: Sequence[str]
    english_titles: Sequence[str]


def pool(*, tiny: bool = False) -> Pool:
    """The sentences and titles of the corpora beside the project; exits where there are none."""
    said = [row["answer"] for row in cmd_rows(400 if tiny else None).values()]
    read_in = [document for document, _ in islice(medquad_documents(), 60 if tiny else None)]
    texts = [section.text for document in read_in for section in document.sections]
    diseases = [norm for norm, _ in entries("diseases")] + words("thuocl_diseases")
    return Pool(
        chinese=_sentences(_SENTENCE, said),
        english=_sentences(_ENGLISH_SENTENCE, texts),
        titles=list(dict.fromkeys(f"{a}{d}{b}" for b in _BEHIND for a in _BEFORE for d in diseases)),
        english_titles=list(dict.fromkeys(document.title for document in read_in)),
    )


def _sentences(pattern: re.Pattern[str], texts: Sequence[str]) -> list[Sentence]:
    found = dict.fromkeys(sentence.strip() for text in texts for sentence in pattern.findall(text))
    return [(sentence, tokens_in(sentence)) for sentence in found]


def write_pages(folder: Path, chunks: int, of: Pool, seed: int = 0) -> dict[str, Any]:
    """Writes Markdown entries that make so many chunks, or up to seven more; returns counts."""
    rng = random.Random(seed)
    titles = rng.sample(list(of.titles), len(of.titles))
    pages = -(-chunks // len(HEADINGS))
    if pages > len(titles):
        raise ValueError(f"{chunks} chunks: there are titles for {len(titles) * len(HEADINGS)}")
    size = 0
    for number in range(pages):
        is_english = number % _ENGLISH_EVERY == _ENGLISH_EVERY - 1
        title = f"{of.english_titles[number % len(of.english_titles)]} {number}" if is_english else titles[number]
        path = folder / f"{number // _FOLDER:03}" / f"{number % _FOLDER:03}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        size += path.write_bytes(page(rng, number, title, of, is_english=is_english).encode())
    return {"pages": pages, "bytes": size, "sentences": len(of.chinese) + len(of.english), "seed": seed}


def page(rng: random.Random, number: int, title: str, of: Pool, *, is_english: bool) -> str:
    """One entry with its front matter."""
    headings, sentences = (ENGLISH, of.english) if is_english else (HEADINGS, of.chinese)
    parts = [f"## {heading}\n\n{section(rng, sentences, ' ' * is_english)}" for heading in headings]
    name = json.dumps(title, ensure_ascii=False)
    front = f"---\nid: p{number}\ntitle: {name}\naliases: []\nkind: disease\nlicence: MIT\nsource: generated\n---\n"
    return f"{front}# {title}\n\n" + "\n\n".join(parts) + "\n"


def section(rng: random.Random, sentences: Sequence[Sentence], between: str) -> str:
    """Random sentences of 200 to 395 tokens together, so that a chunk holds them all."""
    wanted, held, size = rng.uniform(*TOKENS), [], 0.0
    while True:
        text, tokens = rng.choice(sentences)
        if held and size + tokens > wanted:
            return between.join(held)
        held.append(text)
        size += tokens
