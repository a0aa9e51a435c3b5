"""lm-evaluation-harness through our adapter beside its own HFLM: the same tasks, model and tokenizer, to the digit."""

import builtins
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from doctorglm.errors import ConfigError
from doctorglm.evaluate.harness import run_harness
from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration, ChatGLMTokenizer
from doctorglm.models.chatglm.vocabulary import train_sentencepiece

QUESTIONS = [
    json.loads(line)
    for line in Path(__file__).with_name("harness_questions.jsonl").read_text(encoding="utf-8").splitlines()
]
SHOTS = 5
LETTERS = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}\nA. {{A}}\nB. {{B}}\nC. {{C}}\nD. {{D}}\n答案：",
    "doc_to_choice": ["A", "B", "C", "D"],
    "doc_to_target": "{{['A', 'B', 'C', 'D'].index(answer)}}",
    "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
}
WORDS = LETTERS | {"doc_to_text": "问：{{question}}\n答：", "doc_to_choice": "{{[A, B, C, D]}}", "target_delimiter": ""}
ANSWERS = {
    "output_type": "generate_until",
    "doc_to_text": "{{question}}\n答：",
    "doc_to_target": "{{answer}}",
    "generation_kwargs": {"until": ["\n", "。", "？"], "max_gen_toks": 12, "do_sample": False},
    "metric_list": [{"metric": "exact_match"}],
}
TEXTS = {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{question}}{{A}}，{{B}}，{{C}}，{{D}}。",
    "metric_list": [{"metric": "word_perplexity"}],
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """For products this small a second thread only waits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    made = Tokenizer(BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<|endoftext|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(["".join(q.values()) for q in QUESTIONS], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|endoftext|>", pad_token="<|pad|>")


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    torch.manual_seed(8)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
        initializer_range=0.2,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config).eval()


@pytest.fixture
def task(tmp_path: Path) -> Callable[..., Path]:
    """Writes a task and its data: the first five questions are the examples."""

    def write(name: str, settings: dict[str, Any]) -> Path:
        files = {"dev": QUESTIONS[:SHOTS], "test": QUESTIONS[SHOTS:]}
        for split, rows in files.items():
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
            (tmp_path / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
        whole = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {
                "data_files": {split: str(tmp_path / f"{split}.jsonl") for split in files},
                "cache_dir": str(tmp_path / "cache"),
            },
            "test_split": "test",
            "fewshot_split": "dev",
            "fewshot_config": {"sampler": "first_n"},
            **settings,
        }
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
        return path

    return write


def theirs(model: Any, tokenizer: Any, task: Path, **options: Any) -> dict[str, Any]:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=8)
    found: dict[str, Any] = simple_evaluate(
        model=harness, tasks=[str(task)], task_manager=TaskManager(include_defaults=False), log_samples=True, **options
    )
    return found


def answers(results: dict[str, Any], name: str) -> list[Any]:
    """What was answered to each item's requests, by item."""
    samples = sorted(results["samples"][name], key=lambda sample: sample["doc_id"])
    return [sample["filtered_resps"] for sample in samples]


@pytest.mark.parametrize("shots", [0, 5])
@pytest.mark.parametrize("settings", [LETTERS, WORDS], ids=["letters", "words"])
def test_choices_agree_to_the_digit(
    model: Any, tokenizer: Any, task: Callable[..., Path], settings: dict[str, Any], shots: int
) -> None:
    path = task("exam", settings)
    expected = theirs(model, tokenizer, path, num_fewshot=shots)
    found = run_harness(model, tokenizer, [path], num_fewshot=shots, batch_tokens=900)
    assert found["n-samples"]["exam"] == expected["n-samples"]["exam"]
    assert len(answers(found, "exam")) == len(QUESTIONS) - SHOTS
    for ours, other in zip(answers(found, "exam"), answers(expected, "exam"), strict=True):
        assert [float(one[0]) for one in ours] == pytest.approx([float(one[0]) for one in other], abs=1e-4)
        assert [one[1] for one in ours] == [one[1] for one in other]
    for metric in ("acc,none", "acc_norm,none"):
        assert found["results"]["exam"][metric] == expected["results"]["exam"][metric]
        assert 0 < found["results"]["exam"][metric] < 1, "a model that is always or never right would prove little"


def test_answers_agree(model: Any, tokenizer: Any, task: Callable[..., Path]) -> None:
    path = task("answers", ANSWERS)
    expected = answers(theirs(model, tokenizer, path, num_fewshot=1), "answers")
    assert answers(run_harness(model, tokenizer, [path], num_fewshot=1, answers=3), "answers") == expected
    assert len({str(one) for one in expected}) > 3


def test_answers_without_stop_strings_end_where_the_room_ends(
    model: Any, tokenizer: Any, task: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.config, "max_position_embeddings", 40)
    path = task("long", ANSWERS | {"generation_kwargs": {"until": [], "max_gen_toks": 36, "do_sample": False}})
    expected = answers(theirs(model, tokenizer, path, limit=2), "long")
    assert answers(run_harness(model, tokenizer, [path], limit=2), "long") == expected
    path = task("longer", ANSWERS | {"generation_kwargs": {"until": [], "max_gen_toks": 40}})
    with pytest.raises(ConfigError, match="max_gen_toks=40 leaves no room"):
        run_harness(model, tokenizer, [path], limit=1)


def test_whole_texts_agree_in_windows_too(
    model: Any, tokenizer: Any, task: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = task("texts", TEXTS)
    for length in (512, 16):
        monkeypatch.setattr(model.config, "max_position_embeddings", length)
        expected = answers(theirs(model, tokenizer, path, limit=12), "texts")
        found = answers(run_harness(model, tokenizer, [path], limit=12), "texts")
        flat = [[float(one) for row in rows for one in row] for rows in (found, expected)]
        assert flat[0] == pytest.approx(flat[1], abs=1e-3)


def test_contexts_that_are_too_long_lose_their_beginning_alike(
    model: Any, tokenizer: Any, task: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.config, "max_position_embeddings", 60)
    path = task("exam", WORDS)
    expected = answers(theirs(model, tokenizer, path, num_fewshot=5), "exam")
    found = answers(run_harness(model, tokenizer, [path], num_fewshot=5), "exam")
    for ours, other in zip(found, expected, strict=True):
        assert [float(one[0]) for one in ours] == pytest.approx([float(one[0]) for one in other], abs=1e-4)


def test_chatglm_reads_an_option_after_its_special_tokens(tmp_path: Path, task: Callable[..., Path]) -> None:
    """HFLM would put the option before [gMASK] and <sop>; the oracle is the model's own logits."""
    file = tmp_path / "ice_text.model"
    train_sentencepiece(["".join(q.values()) for q in QUESTIONS] * 3, 870, file, character_coverage=1.0, threads=1)
    tokenizer = ChatGLMTokenizer(str(file))
    special = {f"{n}_token_id": getattr(tokenizer, f"{n}_token_id") for n in ("bos", "eos", "mask", "gmask", "pad")}
    sizes = {"hidden_size": 32, "num_layers": 2, "num_attention_heads": 2, "initializer_range": 0.1}
    torch.manual_seed(3)
    model = ChatGLMForConditionalGeneration(ChatGLMConfig(vocab_size=len(tokenizer), **sizes, **special)).eval()
    found = run_harness(model, tokenizer, [task("exam", WORDS)], limit=3)
    samples = sorted(found["samples"]["exam"], key=lambda sample: sample["doc_id"])
    for sample in samples:
        for (context, option), response in zip(sample["arguments"], sample["filtered_resps"], strict=True):
            start = tokenizer.encode(context)
            assert start[-2:] == [tokenizer.gmask_token_id, tokenizer.bos_token_id]
            said = tokenizer.encode(option, add_special_tokens=False)
            with torch.no_grad():
                logits = model(torch.tensor([start + said])).logits[0].log_softmax(-1)
            nats = sum(float(logits[len(start) - 1 + k, token]) for k, token in enumerate(said))
            assert float(response[0]) == pytest.approx(nats, abs=1e-4)
    assert len(samples) == 3


def test_a_task_that_does_not_exist(model: Any, tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: no such task file"):
        run_harness(model, tokenizer, [tmp_path / "absent.yaml"])
    with pytest.raises(ConfigError, match=r"no task 'cmmlu_anatomi'\. Did you mean cmmlu_anatomy\?"):
        run_harness(model, tokenizer, ["cmmlu_anatomi"])


def test_without_the_package_the_extra_is_named(model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = builtins.__import__

    def refusing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "lm_eval":
            raise ModuleNotFoundError("No module named 'lm_eval'", name="lm_eval")
        return own(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.split(".")[0] == "lm_eval"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(ConfigError, match=r"pip install 'doctorglm\[lm-eval\]'"):
        run_harness(model, tokenizer, ["exam.yaml"])
