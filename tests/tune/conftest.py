"""Tiny random bases on disk: ChatGLM-6B's architecture and Qwen2's, with vocabularies trained here, and their data."""

import copy
import functools
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from doctorglm import models
from doctorglm.conversation import Conversation, Message, write_conversations
from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration, ChatGLMTokenizer
from doctorglm.models.chatglm.vocabulary import train_sentencepiece
from doctorglm.models.saving import save_model
from doctorglm.render import IGNORED, Sample, renderer_for
from doctorglm.tune.settings import TuneSettings

_WORDS = ["头疼", "怎么办", "？", "多休息", "，", "少熬夜", "。", "咳嗽", "三天", "喝水", "38.5", "发烧", "度", "吗"]
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def talks(count: int, seed: int = 0) -> list[Conversation]:
    """Questions and answers of random words; some of two rounds."""
    draw = random.Random(seed)

    def say() -> str:
        return "".join(draw.choices(_WORDS, k=draw.randint(2, 14)))

    return [
        Conversation(
            id=f"t{seed}-{i}",
            messages=tuple(
                Message(role, say())
                for role in (["user", "assistant"] * draw.choice([1, 1, 2]))  # type: ignore[arg-type]
            ),
        )
        for i in range(count)
    ]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums in one order, so that two runs can be compared bit by bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def chatglm_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chatglm") / "base"
    file = folder.with_name("ice_text.model")
    texts = [m.content for c in talks(80) for m in c.messages]
    train_sentencepiece(texts, 390, file, character_coverage=1.0, threads=1)
    tokenizer = ChatGLMTokenizer(str(file))
    special = {f"{n}_token_id": getattr(tokenizer, f"{n}_token_id") for n in ("bos", "eos", "mask", "gmask", "pad")}
    config = ChatGLMConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_layers=2, num_attention_heads=2, initializer_range=0.1, **special
    )
    torch.manual_seed(5)
    save_model(ChatGLMForConditionalGeneration(config), tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def qwen_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qwen") / "base"
    made = Tokenizer(BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([m.content for c in talks(80) for m in c.messages], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>", chat_template=CHATML)
    torch.manual_seed(6)
    save_model(Qwen2ForCausalLM(tiny_qwen(len(tokenizer))), tokenizer, folder)
    return folder


def tiny_qwen(vocabulary: int) -> Any:
    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=48,
        max_position_embeddings=1024,
        initializer_range=0.1,
        tie_word_embeddings=False,
    )


@pytest.fixture(params=["chatglm", "qwen"])
def base(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(f"{request.param}_base")
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 conversations to train on and 6 to validate on."""
    folder = tmp_path_factory.mktemp("data")
    write_conversations(folder / "train.jsonl", talks(24))
    write_conversations(folder / "valid.jsonl", talks(6, seed=1))
    return folder


@pytest.fixture
def write_data(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder with train.jsonl, and valid.jsonl where it is given."""

    def write(train: list[Conversation], valid: list[Conversation] | None = None, name: str = "data") -> Path:
        folder = tmp_path / name
        write_conversations(folder / "train.jsonl", train)
        if valid is not None:
            write_conversations(folder / "valid.jsonl", valid)
        return folder

    return write


@pytest.fixture(scope="session")
def samples() -> Callable[..., tuple[Any, list[Sample]]]:
    """A fresh copy of a base's model, and conversations rendered with its tokenizer."""
    load = functools.cache(models.load)

    def fresh(folder: Path, count: int = 8, seed: int = 0) -> tuple[Any, list[Sample]]:
        model, tokenizer = load(folder)
        renderer = renderer_for(tokenizer)
        items = itertools.chain.from_iterable(renderer.training(c, 512) for c in talks(count, seed))
        return copy.deepcopy(model), [item for item in items if isinstance(item, Sample)]

    return fresh


@pytest.fixture
def talk() -> Callable[..., list[Conversation]]:
    """Makes conversations of random words."""
    return talks


@pytest.fixture
def quick() -> TuneSettings:
    """Two passes with a checkpoint after every step; 12 conversations make 8 steps."""
    return TuneSettings(
        epochs=2, batch_tokens=200, validate_every=3, checkpoint_every_s=1e-9, lora_rank=2, learning_rate=0.01
    )


@pytest.fixture
def sample_of() -> Callable[..., Sample]:
    """Makes a sample of given lengths with distinct ids; the answer's tokens are supervised."""

    def make(prompt: int, answer: int, name: str = "r", start: int = 5, vocabulary: int = 300) -> Sample:
        ids = [start + i * 7 % (vocabulary - start) for i in range(prompt + answer)]
        return Sample(name, 0, ids, [IGNORED] * prompt + ids[prompt:])

    return make


@pytest.fixture
def changed() -> Callable[..., TuneSettings]:
    """Settings with some fields changed."""
    return lambda settings, **values: replace(settings, **values)
