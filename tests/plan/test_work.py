"""Steps, rows and tokens: hand arithmetic, and the very batches that `tune` makes."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from doctorglm.conversation import write_conversations
from doctorglm.errors import DataError
from doctorglm.plan.calibration import constants
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import base_of
from doctorglm.plan.tokens import Tokens, tokens_of
from doctorglm.plan.work import ROW_TOKENS, work_of
from doctorglm.render import Sample
from doctorglm.tune import corpus
from doctorglm.tune.batches import in_rows
from doctorglm.tune.settings import TuneSettings

from .conftest import talk


def tokens(lengths: list[int]) -> Tokens:
    return Tokens(lengths=lengths, supervised=[n // 2 for n in lengths], conversations=len(lengths))


def test_a_row_is_as_long_as_tunes() -> None:
    assert ROW_TOKENS == corpus.ROW_TOKENS


def test_by_hand() -> None:
    work = work_of(tokens([100] * 10), PlanSettings(batch_tokens=300, epochs=2), on_cpu=True)
    # three to a batch, so that the fourth batch has one
    assert (work.steps, work.tokens, work.supervised, work.squares) == (8, 2000, 1000, 2 * 10 * 100**2)
    assert (work.largest.tokens, work.largest.supervised, work.largest.squares) == (300, 150, 3 * 100**2)


def test_steps_at_most_are_a_share_of_it_all() -> None:
    work = work_of(tokens([100] * 10), PlanSettings(batch_tokens=200, epochs=2, max_steps=5), on_cpu=True)
    assert (work.steps, work.tokens) == (5, 1000)


def test_a_sample_of_the_data_stands_for_all_of_it() -> None:
    one = work_of(replace(tokens([100] * 10), scale=7.0), PlanSettings(batch_tokens=200, epochs=1), on_cpu=True)
    assert (one.steps, one.tokens) == (35, 7000)


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize(("batch_tokens", "accumulation"), [(700, 1), (1500, 3), (5000, 1)])
def test_the_batches_are_tunes_but_for_their_order(packing: bool, batch_tokens: int, accumulation: int) -> None:
    draw = random.Random(1)
    lengths = [draw.randint(20, 400) for _ in range(300)]
    samples = [Sample(str(i), 0, [1] * n, [1] * n) for i, n in enumerate(lengths)]
    settings = TuneSettings(batch_tokens=batch_tokens, accumulation=accumulation, epochs=2, packing=packing)
    steps = corpus.steps_of(samples, settings, packing)
    of = PlanSettings(batch_tokens=batch_tokens, accumulation=accumulation, epochs=2, packing=packing)
    work = work_of(tokens(lengths), of, on_cpu=True)
    assert work.steps == pytest.approx(len(steps), rel=0.03)
    batches = [[samples[i] for i in batch] for step in steps for batch in step]
    rows = [in_rows(batch, ROW_TOKENS) if packing else [batch] for batch in batches]
    sizes = [[len(s.input_ids) for s in row] for of_batch in rows for row in of_batch]
    longest = max(sum(s) if packing else max(s) * len(s) for s in sizes)
    assert work.largest.tokens == pytest.approx(longest, rel=0.05)
    assert work.computed == pytest.approx(sum(sum(s) if packing else max(s) * len(s) for s in sizes), rel=0.03)


def test_tokens_are_counted_as_tune_counts_them(data: Path) -> None:
    from doctorglm import models
    from doctorglm.conversation import read_conversations
    from doctorglm.render import renderer_for

    found = tokens_of(base_of("embedded"), data, "train", 200, constants())
    renderer = renderer_for(models.load("embedded")[1])
    items = [i for c in read_conversations(data / "train.jsonl") for i in renderer.training(c, 200)]
    assert found.counted and found.lengths == [len(s.input_ids) for s in items if isinstance(s, Sample)]


def test_without_a_tokenizer_characters_are_estimated(data: Path) -> None:
    known = replace(constants(), tokens_per_character=0.5)
    found = tokens_of(base_of("qwen2.5-7b"), data, "train", 512, known)
    # 40 to 80 and 60 characters at a half, and the marks around two messages
    assert not found.counted
    assert (set(found.lengths), set(found.supervised)) == ({58, 63, 68, 73, 78}, {34})


def test_an_answer_is_a_sequence_where_prompts_are_read_from_both_sides(tmp_path: Path) -> None:
    write_conversations(tmp_path / "train.jsonl", [talk("a", 10, 10, rounds=3)])
    assert len(tokens_of(base_of("chatglm-6b"), tmp_path, "train", 512, constants()).lengths) == 3
    assert len(tokens_of(base_of("qwen2.5-7b"), tmp_path, "train", 512, constants()).lengths) == 1


def test_no_data_and_nothing_in_it_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.jsonl: no such file"):
        tokens_of(base_of("chatglm-6b"), tmp_path, "train", 512, constants())
    with pytest.raises(DataError, match="20 answers longer than 8 tokens"):
        tokens_of(base_of("chatglm-6b"), data, "train", 8, constants())


def test_whether_a_row_is_alone_in_its_step() -> None:
    def alone(**settings: object) -> bool:
        return not work_of(tokens([100] * 60), PlanSettings(**settings), on_cpu=True).largest.others  # type: ignore[arg-type]

    assert alone(batch_tokens=2000) and alone(batch_tokens=4000, packing=False)
    # a CPU reads a large batch in several rows
    assert not alone(batch_tokens=4000) and not alone(batch_tokens=500, accumulation=2)
    assert not work_of(tokens([100] * 60), PlanSettings(batch_tokens=4000), on_cpu=False).largest.others
