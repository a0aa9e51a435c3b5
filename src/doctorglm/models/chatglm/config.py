"""The shape of a ChatGLM-6B model, and which of the families that call themselves "chatglm" a folder holds.

Source: `config.json` of the published checkpoints; https://huggingface.co/THUDM/chatglm-6b.
"""

# mypy: allow-subclassing-any
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from transformers import PreTrainedConfig

from doctorglm.errors import ModelError
from doctorglm.models.chatglm2.config import KEYS as _SECOND_GENERATION
from doctorglm.models.chatglm2.config import ChatGLM2Config
from doctorglm.models.quantized.formats import refuse_other_bits

_FIRST_GENERATION = ("position_encoding_2d", "inner_hidden_size")

IMAGE_VOCABULARY = 150_528
IMAGE_TOKENS = 20_000


class ChatGLMConfig(PreTrainedConfig):
    """Sizes and special ids; the defaults are those of the published 6B model with 130,528 tokens."""

    model_type = "chatglm"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values", "cache"]
    attribute_map: ClassVar[dict[str, str]] = {
        "num_hidden_layers": "num_layers",
        "intermediate_size": "inner_hidden_size",
        "max_position_embeddings": "max_sequence_length",
    }

    vocab_size: int = 130_528
    hidden_size: int = 4096
    num_layers: int = 28
    num_attention_heads: int = 32
    inner_hidden_size: int | None = None
    """Width of the MLP; 4 x hidden_size when the folder does not say."""
    layernorm_epsilon: float = 1e-5
    max_sequence_length: int = 2048
    position_encoding_2d: bool = True
    """Half of each head is turned by the position, half by the place in the answer; false: one position, whole head."""
    use_cache: bool = True
    initializer_range: float = 0.02
    bos_token_id: int = -1
    """`<sop>`, where the answer starts. Like the four below: below 0, the published id of the vocabulary."""
    eos_token_id: int = -1
    mask_token_id: int = -1
    gmask_token_id: int = -1
    pad_token_id: int = -1
    tie_word_embeddings: bool = True
    pre_seq_len: int | None = None
    """Places of a P-tuning v2 prefix, whose weights are then in the checkpoint; None or 0: there is none."""
    prefix_projection: bool = False
    """Whether a small network makes the prefix's keys and values."""
    prefix_dropout: float = 0.1
    """Dropout of the prefix's keys and values in training, as published."""
    quantization_bit: int | None = 0
    """8 or 4: the linear layers hold packed weights and their scales, as the official INT8 and INT4 checkpoints do."""
    quantization_embeddings: bool | None = False
    """Whether the embedding and the head are packed too, in as many bits; nothing without `quantization_bit`."""
    tokenizer_class: str | None = "ChatGLMTokenizer"

    def __post_init__(self, **kwargs: Any) -> None:
        if self.inner_hidden_size is None:
            self.inner_hidden_size = 4 * self.hidden_size
        self.quantization_bit = self.quantization_bit or 0
        self.quantization_embeddings = bool(self.quantization_embeddings and self.quantization_bit)
        # the old vocabulary put 20,000 image tokens before the text
        shift = IMAGE_TOKENS if self.vocab_size == IMAGE_VOCABULARY else 0
        for name, published in {"bos": 130_004, "eos": 130_005, "mask": 130_000, "gmask": 130_001, "pad": 3}.items():
            given = getattr(self, f"{name}_token_id")
            if given is None or given < 0:
                setattr(self, f"{name}_token_id", published + shift)
        super().__post_init__(**kwargs)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """The configuration of a `config.json` of ChatGLM-6B; of ChatGLM2 or ChatGLM3 a ChatGLM2Config.

        Raises ModelError when it is none of theirs.
        """
        where = config_dict.get("_name_or_path") or "config.json"
        if generation_of(config_dict, where) == 2:
            return ChatGLM2Config.from_dict(config_dict, **kwargs)
        refuse_unsupported(config_dict, where)
        known = {key: value for key, value in config_dict.items() if key != "auto_map"}
        return super().from_dict(known, **kwargs)


def generation_of(config: Mapping[str, Any], where: str) -> Literal[1, 2]:
    """1 for ChatGLM-6B, 2 for ChatGLM2 and ChatGLM3; raises ModelError where the keys say neither, or both."""
    first = next((key for key in _FIRST_GENERATION if key in config), None)
    second = next((key for key in _SECOND_GENERATION if key in config), None)
    if first and second:
        raise ModelError(
            en=f"{where}: `{first}` says ChatGLM-6B, but `{second}` says ChatGLM2 or ChatGLM3. "
            "Use the config.json that came with the weights.",
            zh=f"{where}：`{first}` 表明这是 ChatGLM-6B，而 `{second}` 表明这是 ChatGLM2 或 ChatGLM3。"
            "请使用与权重配套的 config.json。",
        )
    if not first and not second:
        keys = " / ".join(f"`{key}`" for key in _FIRST_GENERATION)
        raise ModelError(
            en=f'{where}: model_type "chatglm" without {keys}, so its generation is unknown. '
            "Add the missing key from the published config.json.",
            zh=f'{where}：model_type 为 "chatglm"，但没有 {keys}，无法判断是哪一代。'
            "请从官方 config.json 补上缺少的键。",
        )
    return 1 if first else 2


def refuse_unsupported(config: Mapping[str, Any], where: str) -> None:
    """Raises ModelError for a ChatGLM-6B whose packed weights have a width that is unknown."""
    refuse_other_bits(config, where)
