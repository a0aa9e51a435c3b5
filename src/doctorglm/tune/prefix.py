"""`method=ptuning`: what is refused before anything is loaded, and the prefix that a frozen base is given.

Source: P-tuning v2, arXiv 2110.07602; `ptuning/` of the published ChatGLM-6B.
"""

from typing import Any

from doctorglm.errors import ConfigError
from doctorglm.models.loading import base_folder
from doctorglm.models.prefix.attention import attach
from doctorglm.models.prefix.start import begin_with_text, shaped_for
from doctorglm.models.weights import gguf_file, read_config
from doctorglm.tune.settings import TuneSettings

_CONTEXT = ("max_position_embeddings", "max_sequence_length", "seq_length")
"""What config.json may call a model's context."""


def refuse_long_prefix(base: str, settings: TuneSettings) -> None:
    """Raises ConfigError when a prefix is as long as what is read after it, by settings and config.json alone."""
    if settings.method != "ptuning":
        return
    folder = base_folder(base)
    values = {} if gguf_file(folder) else read_config(folder)
    context = next((int(values[key]) for key in _CONTEXT if values.get(key)), settings.max_length)
    for most, en, zh in (
        (settings.max_length, "max_length", "max_length"),
        (context, f"the context of {base}", f"{base} 的上下文"),
    ):
        if settings.prefix_tokens >= most:
            raise ConfigError(
                en=f"prefix_tokens={settings.prefix_tokens} is not below {en} ({most}): the prefix would outweigh "
                "what it stands before. Choose a smaller prefix_tokens.",
                zh=f"prefix_tokens={settings.prefix_tokens} 不小于 {zh}（{most}）：前缀会超过其后的文本。"
                "请调小 prefix_tokens。",
            )


def add_prefix(model: Any, settings: TuneSettings, tokenizer: Any) -> Any:
    """The same model, frozen, with a prefix in 32 bits that is trained; begun as `settings.prefix_init` says."""
    network = (settings.prefix_hidden, settings.prefix_hidden) if settings.prefix_projection else None
    encoder = shaped_for(model, settings.prefix_tokens, network, settings.prefix_dropout)
    if settings.prefix_init == "text":
        begin_with_text(encoder, model, tokenizer)
    return attach(model, encoder)
