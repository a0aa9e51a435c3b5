"""A small language of counted things, a teacher that knows it, corpora in it, and a recipe of seconds."""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ...engine.serving import Call
from ...translate.teaching import say, texts_of

WHO = {"I": "我", "We": "我们", "They": "他们"}
VERBS = {"need": "需要", "have": "有", "want": "想要", "see": "看见"}
THINGS = {"tablets": "药片", "capsules": "胶囊", "doctors": "医生", "nurses": "护士", "patients": "病人", "books": "书"}
WRONG = {"drops": "东西"}
"""What the teacher of this language does not know: the checks miss its Chinese."""
_SENTENCE = re.compile(r"(\w+) (\w+) (\d+) (\w+)\.")


def chinese(english: str) -> str:
    """The teacher's word for it."""
    found = _SENTENCE.fullmatch(english)
    assert found, english
    who, verb, count, thing = found.groups()
    return f"{WHO[who]}{VERBS[verb]}{count}个{(THINGS | WRONG)[thing]}。"


def sentence(chance: random.Random, things: Sequence[str] = tuple(THINGS)) -> str:
    """One of the language's sentences."""
    return f"{chance.choice([*WHO])} {chance.choice([*VERBS])} {chance.randint(2, 9)} {chance.choice(things)}."


def taught(call: Call) -> None:
    """A server's script: every text in the language's Chinese."""
    say(call, {name: chinese(text) for name, text in texts_of(call).items()})


def written(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8")
    return path


def corpus(path: Path, number: int, with_drops: int) -> Path:
    """Conversations of a question and an answer, no two alike; the first `with_drops` ask for drops."""
    chance = random.Random(1)
    asked = [sentence(chance, ["drops"]) for _ in range(with_drops)]
    made = dict.fromkeys(asked)
    while len(made) < number:
        made[sentence(chance)] = None
    return written(path, [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": sentence(chance)}]}
        for question in made
    ])  # fmt: skip


def pairs(path: Path, number: int) -> Path:
    """Pairs, ten a document."""
    chance = random.Random(2)
    said = [sentence(chance) for _ in range(number)]
    return written(path, [{"en": en, "zh": chinese(en), "source": f"note-{i // 10}:{i}"} for i, en in enumerate(said)])


LEARNS = {"epochs": 10, "d_model": 64, "feed_forward": 128, "batch_tokens": 1024, "patience": 0, "validate_every": 40}
TINY = {"vocabulary": 600, "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "heads": 2, "feed_forward": 64,
        "dropout": 0.0, "muon_learning_rate": 0.02, "learning_rate": 0.005, "batch_tokens": 512, "own_terms": False,
        "term_pairs": False}  # fmt: skip


def recipe(place: Path, **more: Any) -> Path:
    """A recipe's file over a corpus and pairs that it writes."""
    corpus(place / "english.jsonl", 60, 6)
    pairs(place / "pairs.jsonl", 400)
    values = {
        "title_en": "Counted things",
        "title_zh": "数东西",
        "sources": [str(place / "english.jsonl")],
        "pairs": [str(place / "pairs.jsonl")],
        "test": str(place / "pairs.jsonl"),
        "test_one_in": 4,
        "sample": 20,
        "curate": {"deidentify": "none"},
        "translate": {"concurrency": 1, "pause_s": 0.01, "retries": 0, "usd_in": 1.0, "usd_out": 2.0},
        "distill": {**TINY, **LEARNS},
        "student": {"cores": 1},
        "data": {"deidentify": "none", "splits": "train=0.8,valid=0.2", "near_duplicate_threshold": 0.99},
        **more,
    }
    path = place / "counted.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), "utf-8")
    return path
