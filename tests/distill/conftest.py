"""Pairs of a small language of which a tiny student can learn all: counted things."""

import json
import random
from pathlib import Path

import pytest
import torch

from doctorglm.distill.sentences import SentencePair
from doctorglm.distill.settings import DistillSettings

THINGS = {
    "tablets": "药片", "capsules": "胶囊", "drops": "滴剂", "injections": "注射", "doctors": "医生", "nurses": "护士",
    "patients": "病人", "bandages": "绷带",
}  # fmt: skip
VERBS = {"need": "需要", "have": "有", "want": "想要", "see": "看见"}
WHO = {"I": "我", "We": "我们", "They": "他们"}


def written(number: int, seed: int = 0) -> list[SentencePair]:
    """So many pairs, each a document."""
    chance = random.Random(seed)
    return [_one(chance, i) for i in range(number)]


def _one(chance: random.Random, i: int) -> SentencePair:
    who, verb, thing = chance.choice([*WHO]), chance.choice([*VERBS]), chance.choice([*THINGS])
    count = chance.randint(2, 99)
    return SentencePair(
        f"{who} {verb} {count} {thing}.", f"{WHO[who]}{VERBS[verb]}{count}个{THINGS[thing]}。", f"note-{i}"
    )


def settings(**given: object) -> DistillSettings:
    small = {"vocabulary": 600, "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "heads": 2, "feed_forward": 64,
             "dropout": 0.0, "batch_tokens": 512, "validate_every": 5, "epochs": 2, "muon_learning_rate": 0.02,
             "learning_rate": 0.005, "own_terms": False, "term_pairs": False}  # fmt: skip
    return DistillSettings(**{**small, **given})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    lines = [{"en": one.english, "zh": one.chinese, "source": one.document} for one in written(400)]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path
