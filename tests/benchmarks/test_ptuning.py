"""What the comparison of LoRA with P-tuning concludes from its rows; nothing is trained here."""

import json
from pathlib import Path
from typing import Any

import pytest

import ptuning

LORA = {"method": "lora", "lora_rank": 8}
DEFAULT = {"method": "ptuning", "prefix_tokens": 128, "learning_rate": 5e-3, "prefix_init": "text"}
SMALL = DEFAULT | {"prefix_tokens": 16}


def row(settings: dict[str, Any], *nats: float) -> dict[str, Any]:
    return {
        "settings": settings, "seed": 0, "trained": 10, "tokens": 100, "training_s": 4.0, "memory_mb": 50.0,
        "nats": {str(i): (value, 2) for i, value in enumerate(nats)},
    }  # fmt: skip


MANY = [2.0 + 0.1 * (i % 7) for i in range(60)]


def test_the_grid_holds_the_defaults_once() -> None:
    assert [s for s in ptuning.GRID if ptuning.is_default(s)] == [DEFAULT]
    assert len(ptuning.PREFIXES) == 9 and not any(map(ptuning.is_default, ptuning.OTHERWISE[1:]))


def test_the_defaults_stay_where_the_best_is_not_surely_better() -> None:
    near = [x + (0.2 if i % 2 else -0.21) for i, x in enumerate(MANY)]
    found = ptuning.conclusion([row(LORA, *MANY), row(DEFAULT, *MANY), row(SMALL, *near)])
    assert found["best"] == {"lora": LORA, "ptuning": SMALL} and found["default_stays"]
    assert found["default_against_best"]["low"] < 0 < found["default_against_best"]["high"]


def test_the_defaults_go_where_the_best_is_surely_better() -> None:
    better = [x - 0.3 + 0.01 * (i % 3) for i, x in enumerate(MANY)]
    found = ptuning.conclusion([row(LORA, *MANY), row(DEFAULT, *MANY), row(SMALL, *better)])
    assert not found["default_stays"] and found["default_against_best"]["low"] > 0
    itself = ptuning.conclusion([row(LORA, *MANY), row(DEFAULT, *better), row(SMALL, *MANY)])
    assert itself["default_against_best"] is None and itself["default_stays"]


def test_seeds_are_added_up_dialogue_by_dialogue() -> None:
    ours, theirs = [row(LORA, 1.0, 3.0), row(LORA, 2.0, 4.0)], [row(SMALL, 2.0, 2.0), row(SMALL, 2.0, 2.0)]
    # (1 + 2 + 3 + 4) / 8 less 8 / 8
    assert ptuning.difference(ours, theirs)["difference"] == pytest.approx(0.25)
    assert ptuning.loss_of(ours[0]) == 1.0 and ptuning.without_items(ours[0])["tokens_per_s"] == 25
    assert "nats" not in ptuning.without_items(ours[0])


def test_time_that_a_validation_takes_is_left_out(tmp_path: Path) -> None:
    rows: list[dict[str, float]] = [
        {"seconds": 1.0},
        {"seconds": 2.0, "valid_loss": 3.0},
        {"seconds": 8.0},
        {"seconds": 9.5},
    ]
    file = tmp_path / "metrics.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    # steps of 1, 1, 6 (5 of them a validation) and 1.5; the third counts as the median of the others
    assert ptuning._without_validations(file) == pytest.approx(1 + 1 + 1 + 1.5)
