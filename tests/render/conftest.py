"""Small tokenizers made here: byte-level BPE and SentencePiece-like, with the shapes of chat templates that exist."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from doctorglm.models import ChatGLMTokenizer
from doctorglm.models.chatglm.vocabulary import train_sentencepiece

from .second import small_tokenizer

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>"]
SPECIAL += ["<|end_header_id|>", "<|eot_id|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"]
SPECIAL += ["[[A]]", "[A]"]

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + (m.content | trim) + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
GLM4 = (
    "[gMASK]<sop>{% for m in messages %}{{ '<|' + m.role + '|>\\n' + m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
THINKING = (
    "{% set last = messages | map(attribute='role') | list %}{% for m in messages %}{% set shown = m.content %}"
    "{% if m.role == 'assistant' and not loop.last %}{% set shown = shown.split('【想完】')[-1] %}{% endif %}"
    "{{ '<|im_start|>' + m.role + '\\n' + shown + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
GENERATION = """
{%- for m in messages %}
    {%- if m.role == 'assistant' %}
        {{- '<|im_start|>assistant\\n' }}
        {%- generation %}
        {{- m.content + '<|im_end|>' }}
        {%- endgeneration %}
        {{- '\\n' }}
    {%- else %}
        {{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""
NO_SYSTEM = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TEMPLATES = {
    "chatml": CHATML,
    "llama3": LLAMA3,
    "glm4": GLM4,
    "thinking": THINKING,
    "generation": GENERATION,
    "no_system": NO_SYSTEM,
}
ENDS = {"llama3": "<|eot_id|>", "glm4": "<|endoftext|>"}
"""The others end with <|im_end|>."""

_TEXTS = ["你好，我头疼三天了，怎么办？", "多休息，少熬夜。", "38.5 度，发烧"]
_TEXTS += ["assistant user system\n\n", "hello, take a rest  today"]


_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
_WORDS += r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""How Llama 3 and Qwen cut text into words."""


def _byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_TEXTS * 5, trainer)
    return tokenizer


def _with_first_blank() -> Tokenizer:
    """As Llama 2 and its kin: a blank before the first word, bytes for what is unknown."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(Regex(" "), "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", *SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([text.replace("\n", "") for text in _TEXTS] * 5, trainer)
    # bytes are pieces of the model, not tokens to be found in text
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(state))


@pytest.fixture(scope="session")
def tokenizers() -> dict[str, Any]:
    """Template's name -> tokenizer; `blank` is ChatML on a vocabulary that puts a blank before the first word."""
    made = {}
    for name, template in TEMPLATES.items():
        end = ENDS.get(name, "<|im_end|>")
        made[name] = PreTrainedTokenizerFast(
            tokenizer_object=_byte_level(), eos_token=end, bos_token="<|begin_of_text|>", chat_template=template
        )
    made["blank"] = PreTrainedTokenizerFast(
        tokenizer_object=_with_first_blank(), eos_token="<|im_end|>", chat_template=CHATML
    )
    return made


@pytest.fixture(scope="session")
def with_template(tokenizers: dict[str, Any]) -> Callable[..., Any]:
    """Makes a byte-level tokenizer with another template."""

    def make(template: str | None, **special: str) -> Any:
        return PreTrainedTokenizerFast(tokenizer_object=_byte_level(), chat_template=template, **special)

    return make


@pytest.fixture(scope="session")
def chatglm(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small vocabulary in ChatGLM-6B's layout."""
    file = tmp_path_factory.mktemp("vocabulary") / "ice_text.model"
    train_sentencepiece(_TEXTS * 5, 396, file, character_coverage=1.0, threads=1)
    return ChatGLMTokenizer(str(file))


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Small tokenizers of ChatGLM2 and ChatGLM3, by format."""
    folder = tmp_path_factory.mktemp("second")
    return {name: small_tokenizer(_TEXTS * 5, folder, name) for name in ("chatglm2", "chatglm3")}


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The published tokenizer of ChatGLM-6B, unpacked for the tests only."""
    packed = Path(__file__).parents[2].parent / "shared/reference/tokenizers/chatglm-6b/ice_text.model.gz"
    if not packed.is_file():
        pytest.skip("needs ../shared/reference/tokenizers, which is not beside the project")
    file = tmp_path_factory.mktemp("official") / "ice_text.model"
    file.write_bytes(gzip.decompress(packed.read_bytes()))
    return ChatGLMTokenizer(str(file))
