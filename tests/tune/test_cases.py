"""Real failures of others, by their number in the list of cases: those of the stage `training`, and bad input.

C062 (packing) is in `test_packing.py` and what belongs to it, C055 (P-tuning v2 in half precision) in
`test_ptuning.py`. Where another file holds the full test, the one here is a thin one that names it.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from doctorglm import language, models
from doctorglm.conversation import Conversation, Message, write_conversations
from doctorglm.errors import ConfigError, ModelError
from doctorglm.evaluate.gate import decide
from doctorglm.evaluate.statistics import paired_difference
from doctorglm.models.saving import save_model
from doctorglm.render import IGNORED, Rejection, Sample, renderer_for
from doctorglm.tune import TuneSettings, loop, stage, tune
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import Batch, collate
from doctorglm.tune.corpus import Corpus
from doctorglm.tune.loop import mean_nats, train
from doctorglm.tune.loss import token_nats
from doctorglm.tune.samples import Rendering

Load = Callable[..., tuple[Any, list[Sample]]]
Change = Callable[..., TuneSettings]
pytestmark = pytest.mark.usefixtures("no_page")


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page costs a second and has its own tests."""
    monkeypatch.setattr(stage, "_write_page", lambda *_: "report.html")


class Silent:
    """A progress line that shows nothing."""

    def update(self, done: float, note: str = "") -> None:
        """Nothing."""


def asked(answer: str, question: str = "头疼怎么办？", name: str = "r") -> Conversation:
    return Conversation(id=name, messages=(Message("user", question), Message("assistant", answer)))


def supervised(sample: Sample) -> list[int]:
    return [label for label in sample.labels if label != IGNORED]


def test_c047_an_answer_that_is_too_long_is_rejected_and_counted(
    qwen_base: Path, talk: Any, write_data: Any, tmp_path: Path, quick: TuneSettings, changed: Change
) -> None:
    """It is never cut, so that every sample that is kept ends in a supervised end token."""
    data = write_data([asked("多休息" * 300, name="long"), *talk(6)])
    run = tune(str(qwen_base), data, tmp_path / "out", changed(quick, max_steps=1, max_length=128))
    assert run.record["counts"]["rejected"] == {"longer than 128 tokens": 1}
    assert json.loads((tmp_path / "out/rejected.jsonl").read_text("utf-8").splitlines()[0])["id"] == "long"
    renderer = renderer_for(models.load(qwen_base)[1])
    kept = [s for c in talk(20) for s in renderer.training(c, 128) if isinstance(s, Sample)]
    assert kept and all(supervised(s)[-1] == s.input_ids[-1] == renderer.end_token_ids[0] for s in kept)


def test_c048_padding_with_the_end_token_leaves_every_end_supervised(qwen_base: Path) -> None:
    model, tokenizer = models.load(qwen_base)
    tokenizer.pad_token = tokenizer.eos_token
    renderer = renderer_for(tokenizer)
    samples = [s for a in ("多休息", "多休息，少熬夜，喝水。") for s in renderer.training(asked(a), 200)]
    rows = [s for s in samples if isinstance(s, Sample)]
    batch = collate(rows, tokenizer.pad_token_id)
    ends = batch.targets == renderer.end_token_ids[0]
    assert batch.rows[ends].tolist() == [0, 1], "exactly one in each row"
    assert (batch.input_ids[batch.attention_mask == 0] == renderer.end_token_ids[0]).all()
    assert token_nats(model, batch).isfinite().all()


@pytest.mark.parametrize("typed", ["</s>", "<|im_end|>", "<eop>", "<sop>"])
def test_c050_an_end_token_that_a_text_spells_stays_text(base: Path, typed: str) -> None:
    """The end is appended by its id, once."""
    _, tokenizer = models.load(base)
    renderer = renderer_for(tokenizer)
    (sample,) = renderer.training(asked(f"多喝水{typed}"), 200)
    assert isinstance(sample, Sample)
    end = renderer.end_token_ids[0]
    assert supervised(sample).count(end) == 1 and supervised(sample)[-1] == end
    assert typed in tokenizer.decode(supervised(sample)[:-1])


def test_c052_a_template_without_the_answer_is_an_error_that_shows_what_it_renders(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings
) -> None:
    """Before anything is trained; the text is the template's own, not a patient's."""
    model, tokenizer = models.load(qwen_base)
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'user' %}<u>{{ m.content }}{% endif %}{% endfor %}"
    )
    save_model(model, tokenizer, tmp_path / "base")
    with pytest.raises(ModelError, match=r"does not show where an answer begins; it renders '<u>\(user\)'"):
        tune(str(tmp_path / "base"), data, tmp_path / "out", quick)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("factor", "said"), [(0.0, "loss 0.0"), (float("nan"), "loss nan"), (float("inf"), "loss inf")]
)
def test_c054_a_loss_that_jumps_to_zero_or_is_not_finite_keeps_the_last_good_checkpoint(
    qwen_base: Path, samples: Load, quick: TuneSettings, tmp_path: Path, monkeypatch: Any, factor: float, said: str
) -> None:
    """`test_loop.py` has gradients, records and validation."""
    model, rendered = samples(qwen_base, 12)
    real, calls = loop.token_nats, []

    def sudden(*args: Any) -> torch.Tensor:
        calls.append(1)
        return real(*args) * (factor if len(calls) > 3 else 1.0)

    monkeypatch.setattr(loop, "token_nats", sudden)
    with pytest.raises(ModelError, match=rf"^step 4: {said}.*The last checkpoint is kept"):
        train(adapt(model, quick), Corpus(rendered, [], 0), quick, tmp_path, Silent())
    state = torch.load(max((tmp_path / "checkpoints").glob("step-*.pt")), weights_only=True)
    assert state["standing"]["step"] == 3
    assert all(value.isfinite().all() for value in state["weights"].values())


def left_padded(samples: list[Sample], padding: int) -> Batch:
    """A batch as other programs make them: padded on the left, so that its first positions see nothing at all."""
    longest = max(len(s.input_ids) for s in samples)
    ids = torch.tensor([[padding] * (longest - len(s.input_ids)) + s.input_ids for s in samples])
    labels = torch.tensor([[IGNORED] * (longest - len(s.labels)) + s.labels for s in samples])
    following = torch.cat([labels[:, 1:], labels.new_full((len(samples), 1), IGNORED)], dim=1).flatten()
    places = (following != IGNORED).nonzero().flatten()
    lengths = torch.tensor([len(s.input_ids) for s in samples])
    return replace(
        collate(samples, padding), input_ids=ids, places=places, targets=following[places], rows=places // longest,
        attention_mask=(torch.arange(longest) >= longest - lengths[:, None]).long(),
    )  # fmt: skip


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_c056_an_empty_prompt_in_a_padded_batch_gives_a_finite_loss_on_every_backend(
    base: Path, samples: Load, attention: str, side: str
) -> None:
    model, rendered = samples(base)
    renderer = renderer_for(models.load(base)[1])
    (empty,) = renderer.training(asked("多休息", question=""), 100)
    assert isinstance(empty, Sample)
    rows = [empty, max(rendered, key=lambda s: len(s.input_ids))]
    model.set_attn_implementation(attention)
    model = adapt(model, TuneSettings())
    batch = left_padded(rows, 0) if side == "left" else collate(rows, 0)
    nats = token_nats(model, batch)
    nats.mean().backward()
    assert nats.isfinite().all() and len(nats) == sum(s.supervised for s in rows)
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)
    with torch.no_grad():
        alone = token_nats(model, collate([empty], 0))
    assert torch.allclose(nats[batch.rows == 0], alone, atol=1e-4), "the row beside it changes nothing"


def test_c057_four_batches_of_one_are_one_batch_of_four(
    qwen_base: Path, samples: Load, sample_of: Callable[..., Sample], tmp_path: Path
) -> None:
    """5, 50, 500 and 5 answer tokens through the loop; `test_loss.py` compares every gradient, in float64 to 1e-6."""
    rows = [sample_of(6, answer) for answer in (5, 50, 500, 5)]
    losses = []
    for batch_tokens, accumulation in ((4 * 506, 1), (506, 4)):
        model, _ = samples(qwen_base)
        settings = TuneSettings(batch_tokens=batch_tokens, accumulation=accumulation, max_steps=1, lora_rank=2)
        model = adapt(model, settings).double()
        train(model, Corpus(rows, [], 0), settings, tmp_path / str(accumulation), Silent())
        losses.append(json.loads((tmp_path / str(accumulation) / "metrics.jsonl").read_text()))
    for name in ("loss", "grad_norm"):
        assert losses[0][name] == pytest.approx(losses[1][name], rel=1e-6)


@pytest.mark.parametrize("finished", [True, False])
def test_c059_more_epochs_in_a_folder_are_refused_with_the_reason(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change, monkeypatch: Any, finished: bool
) -> None:
    settings = changed(quick, max_steps=2)
    if finished:
        tune(str(qwen_base), data, tmp_path / "out", settings)
    else:
        with monkeypatch.context() as patch:
            patch.setattr(stage, "save_adapter", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                tune(str(qwen_base), data, tmp_path / "out", settings)
    for more in ({"epochs": 3}, {"max_steps": 0}):
        with pytest.raises(ConfigError) as caught:
            tune(str(qwen_base), data, tmp_path / "out", changed(settings, **more))
        assert "holds another run" in str(caught.value) and "Use another --out" in str(caught.value)
        assert "More steps cannot be added to a run afterwards: its learning rate has fallen" in str(caught.value)
        language.choose("zh")
        assert "已有的训练不能追加步数" in str(caught.value)
        language.choose("en")
    with pytest.raises(ConfigError) as caught:
        tune(str(qwen_base), data, tmp_path / "out", changed(settings, epochs=3, lora_rank=3))
    assert "More steps" not in str(caught.value), "it is another run altogether"


def test_c061_a_model_that_answers_everything_with_its_training_answer_is_caught_twice(
    qwen_base: Path, tmp_path: Path, write_data: Any
) -> None:
    """50 records with one answer, far too long; 你好 and 1+1=? are foreseen worse than by the base.

    The meter says so; the gate, given the same likelihoods item by item, blocks (`tests/evaluate/test_gate.py`).
    """
    records = [asked("多休息，少熬夜。", question=f"头疼{'吗' * (i % 9)}", name=str(i)) for i in range(50)]
    general = [asked("你好！很高兴见到你。", "你好", "g-1"), asked("2", "1+1=?", "g-2")] * 20
    write_conversations(tmp_path / "general.jsonl", general)
    settings = TuneSettings(
        batch_tokens=400, learning_rate=0.05, max_steps=12, validate_every=4, lora_rank=4,
        general=str(tmp_path / "general.jsonl"), schedule="constant",
        max_forgetting=0,
    )  # fmt: skip
    record = tune(str(qwen_base), write_data(records, records[:5]), tmp_path / "out", settings).record
    rows = [json.loads(line) for line in (tmp_path / "out/metrics.jsonl").read_text("utf-8").splitlines()]
    assert rows[-1]["valid_loss"] < record["before"]["valid_loss"] - 1, "it has learned its answer"
    assert record["forgetting"]["kept"] > TuneSettings().max_forgetting, "which is why a run has a bound by default"
    nats = {}
    for which, adapter in (("base", None), ("tuned", tmp_path / "out/adapter")):
        model, tokenizer = models.load(qwen_base, adapter)
        samples = [s for c in general for s in renderer_for(tokenizer).training(c, 100) if isinstance(s, Sample)]
        nats[which] = [mean_nats(model, [s], 400, 0) * s.supervised for s in samples]
    weights = [s.supervised for s in samples]
    forgot = paired_difference(nats["tuned"], nats["base"], weights)
    verdict = decide({"general/nll_per_token": forgot}, None, None)
    (general_criterion,) = [c for c in verdict.criteria if c.name == "general/nll_per_token not worse"]
    assert not verdict.passed and not general_criterion.passed


def test_c063_a_validation_that_memory_refuses_goes_on_in_halves(
    qwen_base: Path, samples: Load, monkeypatch: Any
) -> None:
    """A batch of eight of which memory takes two: measured in quarters, to the same loss."""
    model, rendered = samples(qwen_base, 8)
    expected = mean_nats(model, rendered, 10**6, 0)
    real, sizes = loop.token_nats, []

    def small(model: Any, batch: Batch) -> torch.Tensor:
        sizes.append(len(batch.record_ids))
        if len(batch.record_ids) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB.")
        return real(model, batch)

    monkeypatch.setattr(loop, "token_nats", small)
    assert mean_nats(model, rendered, 10**6, 0) == pytest.approx(expected, rel=1e-6)
    assert sizes[:3] == [8, 4, 2] and sorted(n for n in sizes if n <= 2) == [2, 2, 2, 2]


def test_c063_the_processors_own_words_for_it_are_understood(qwen_base: Path, samples: Load, monkeypatch: Any) -> None:
    model, rendered = samples(qwen_base, 3)
    expected, real = mean_nats(model, rendered, 10**6, 0), loop.token_nats

    def small(model: Any, batch: Batch) -> torch.Tensor:
        if len(batch.record_ids) > 1:
            torch.empty(10**15)
        return real(model, batch)

    monkeypatch.setattr(loop, "token_nats", small)
    assert mean_nats(model, rendered, 10**6, 0) == pytest.approx(expected, rel=1e-6)


def test_c063_a_sample_that_does_not_fit_alone_is_an_error_and_other_errors_stay(
    qwen_base: Path, samples: Load, monkeypatch: Any
) -> None:
    model, rendered = samples(qwen_base, 4)

    def never(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(loop, "token_nats", never)
    with pytest.raises(ModelError, match=r"a single sample does not fit into memory \(CUDA.*Lower max_length"):
        mean_nats(model, rendered, 10**6, 0)

    def broken(*_: Any) -> Any:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(loop, "token_nats", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        mean_nats(model, rendered, 10**6, 0)


def test_c063_a_long_sample_is_a_validation_batch_of_its_own(sample_of: Callable[..., Sample]) -> None:
    """One of 4,000 tokens among seven short ones: eight rows of that length would be 32,000."""
    rows = [sample_of(9, 7, str(i)) for i in range(7)] + [sample_of(2000, 2000, "long")]
    batches = loop.order(rows, 2048, 0, 0)
    assert [7] in batches and max(len(b) * max(len(rows[i].input_ids) for i in b) for b in batches) == 4000


def test_c065_an_adapter_that_is_empty_or_all_zero_is_not_saved(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, monkeypatch: Any
) -> None:
    """`tests/models` has every kind; here a run that learned nothing."""
    monkeypatch.setattr(loop, "_update", lambda optimizers: [o.zero_grad() for o in optimizers])
    with pytest.raises(ModelError, match=r"adapter not saved: .*lora_B.* is all zeros: nothing was learned"):
        tune(str(qwen_base), data, tmp_path / "out", quick)
    assert not (tmp_path / "out/adapter").exists()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_c070_a_token_that_was_added_stays_one_with_its_row(
    qwen_base: Path, tmp_path: Path, quick: TuneSettings, changed: Change, write_data: Any, method: Any
) -> None:
    """Added, trained, saved and loaded; `models/llamacpp/test_export.py` has what is said where one of both lacks."""
    model, tokenizer = models.load(qwen_base)
    tokenizer.add_tokens(["<病人>"])
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    save_model(model, tokenizer, tmp_path / "base")
    added = len(tokenizer) - 1
    data = write_data([asked("<病人>多休息。", question=f"<病人>头疼{'吗' * i}", name=str(i)) for i in range(6)])
    settings = changed(quick, method=method, max_steps=4)
    tune(str(tmp_path / "base"), data, tmp_path / "out", settings)
    where = (tmp_path / "out/model", None) if method == "full" else (tmp_path / "base", tmp_path / "out/adapter")
    again, own = models.load(*where)
    assert own.convert_tokens_to_ids("<病人>") == added == again.get_input_embeddings().num_embeddings - 1
    assert own.encode("<病人>头疼", add_special_tokens=False)[0] == added
    (sample,) = renderer_for(own).training(asked("<病人>多休息。"), 200)
    assert isinstance(sample, Sample) and added not in supervised(sample), "what somebody types is text"
    assert mean_nats(again, [sample], 400, 0) < mean_nats(models.load(tmp_path / "base")[0], [sample], 400, 0)
    assert again(input_ids=torch.tensor([[added, 5, added]])).logits.isfinite().all()


def test_answers_of_one_token_are_learned(
    base: Path, tmp_path: Path, quick: TuneSettings, changed: Change, write_data: Any
) -> None:
    """With the end token there are two places to learn from, at whatever end of a batch they lie."""
    _, tokenizer = models.load(base)
    data = write_data([asked("度", name=str(i), question="38" + "度" * i) for i in range(5)])
    (sample,) = renderer_for(tokenizer).training(asked("度"), 100)
    assert isinstance(sample, Sample) and sample.supervised <= 5
    run = tune(str(base), data, tmp_path / "out", changed(quick, max_steps=3))
    losses = [json.loads(line)["loss"] for line in (tmp_path / "out/metrics.jsonl").read_text("utf-8").splitlines()]
    assert run.finished and len(losses) == 2 and losses[-1] < losses[0]


@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_batch_of_one(
    base: Path, tmp_path: Path, quick: TuneSettings, changed: Change, write_data: Any, accumulation: int
) -> None:
    """One conversation in all, and batches that hold one sample each."""
    settings = changed(quick, batch_tokens=1, accumulation=accumulation)
    one = tune(str(base), write_data([asked("多休息")]), tmp_path / "one", settings)
    assert one.record["steps"] == 2 and one.record["counts"]["samples"] == 1
    several = write_data([asked("多休息", name=str(i)) for i in range(4)], [asked("喝水")], name="several")
    run = tune(str(base), several, tmp_path / "several", settings)
    assert run.record["steps"] == 2 * -(-4 // accumulation)


def test_a_base_that_reads_less_than_max_length_limits_it_and_says_so(
    base: Path, talk: Any, write_data: Any, tmp_path: Path, quick: TuneSettings, changed: Change, capsys: Any
) -> None:
    model, tokenizer = models.load(base)
    small = copy.deepcopy(model)
    small.config.max_position_embeddings = 100
    save_model(small, tokenizer, tmp_path / "small")
    data = write_data([asked("多休息" * 200, name="long"), *talk(6)])
    settings = changed(quick, max_steps=2)
    run = tune(str(tmp_path / "small"), data, tmp_path / "out", settings)
    said = capsys.readouterr().err
    assert f"max_length 512: {tmp_path}/small reads 100 tokens at most, so that 100 is used" in said
    assert run.record["max_length"] == 100 and run.record["counts"]["rejected"]["longer than 100 tokens"] >= 1
    tune(str(tmp_path / "small"), data, tmp_path / "fits", changed(settings, max_length=100))
    assert "reads 100 tokens" not in capsys.readouterr().err


def test_a_vocabulary_larger_than_the_embedding_is_refused(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings
) -> None:
    model, tokenizer = models.load(qwen_base)
    tokenizer.add_tokens(["<病人>"])
    model.save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    with pytest.raises(ModelError, match=r"the tokenizer has \d+ tokens, the model embeds \d+\. Use the tokenizer"):
        tune(str(tmp_path / "base"), data, tmp_path / "out", quick)
    assert not (tmp_path / "out").exists()


def test_an_id_beyond_the_embedding_is_named_with_its_record(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, monkeypatch: Any
) -> None:
    """A vocabulary with gaps counts fewer tokens than its highest id."""
    rows = AutoTokenizer.from_pretrained(qwen_base).vocab_size
    real = Rendering.__call__

    def shifted(*args: Any) -> Any:
        kept, rejected = real(*args)
        kept[1].input_ids[0] = 10**6
        return kept, rejected

    monkeypatch.setattr(Rendering, "__call__", shifted)
    with pytest.raises(ModelError, match=rf"record t0-\d has token 1000000, and the model embeds {rows}.*tokenizer"):
        tune(str(qwen_base), data, tmp_path / "out", quick)
    assert not (tmp_path / "out").exists()


def test_an_adapter_of_another_rank_than_its_configuration_is_refused(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change
) -> None:
    tune(str(qwen_base), data, tmp_path / "out", changed(quick, max_steps=1))
    adapter = tmp_path / "out/adapter"
    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"r": 5}), "utf-8")
    with pytest.raises(
        ModelError, match=r"adapter_config.json: says rank 5, but .*lora_A.* has rank 2\. The two files"
    ):
        models.load(qwen_base, adapter)
    language.choose("zh")
    with pytest.raises(ModelError, match="秩为 5，而"):
        models.load(qwen_base, adapter)
    tensors = load_file(adapter / "adapter_model.safetensors")
    name = next(n for n in tensors if ".lora_B." in n)
    save_file(tensors | {name: torch.zeros(tensors[name].shape[0], 3)}, adapter / "adapter_model.safetensors")
    language.choose("en")
    (adapter / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(ModelError, match=r"says rank 2, but .*lora_B.* has rank 3"):
        models.load(qwen_base, adapter)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_whose_ranks_differ_as_its_configuration_says_is_opened(qwen_base: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    model, _ = models.load(qwen_base)
    config = LoraConfig(r=2, rank_pattern={"q_proj": 3}, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    get_peft_model(model, config).save_pretrained(tmp_path, save_embedding_layers=False)
    assert models.load(qwen_base, tmp_path)[0].peft_config["default"].rank_pattern == {"q_proj": 3}


def test_a_rejection_is_never_a_sample(qwen_base: Path) -> None:
    renderer = renderer_for(models.load(qwen_base)[1])
    assert [type(item) for item in renderer.training(asked("  "), 100)] == [Rejection]
