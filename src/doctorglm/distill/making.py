"""A student's model: Marian's encoder and decoder, new or from a pretrained checkpoint.

Source: Attention Is All You Need, arXiv 1706.03762; `transformers.MarianMTModel`.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import MarianConfig, MarianMTModel

from doctorglm.distill.settings import DistillSettings
from doctorglm.errors import ModelError
from doctorglm.translate.student.tags import TAGS


def new_model(tokenizer: Any, settings: DistillSettings) -> MarianMTModel:
    """A model with random weights, which the seed fixes; the padding's vector, with which decoding begins, is 0."""
    torch.manual_seed(settings.seed)
    size, pad = len(tokenizer.get_vocab()), tokenizer.pad_token_id
    config = MarianConfig(
        vocab_size=size, decoder_vocab_size=size, d_model=settings.d_model, max_position_embeddings=512,
        encoder_layers=settings.encoder_layers, decoder_layers=settings.decoder_layers,
        encoder_attention_heads=settings.heads, decoder_attention_heads=settings.heads,
        encoder_ffn_dim=settings.feed_forward, decoder_ffn_dim=settings.feed_forward, dropout=settings.dropout,
        attention_dropout=0.0, activation_dropout=0.0, activation_function="swish", scale_embedding=True,
        pad_token_id=pad, eos_token_id=tokenizer.eos_token_id, forced_eos_token_id=None, bos_token_id=None,
        decoder_start_token_id=pad, num_beams=4, init_std=settings.d_model**-0.5,
    )  # fmt: skip
    model = MarianMTModel(config)
    with torch.no_grad():
        for name, matrix in model.named_parameters():
            if matrix.ndim == 2 and "embed" not in name:
                torch.nn.init.xavier_uniform_(matrix)
        model.get_input_embeddings().weight[pad].zero_()
    return _ready(model, tokenizer)


def pretrained_model(folder: Path, tokenizer: Any, settings: DistillSettings) -> MarianMTModel:
    """The checkpoint's weights; raises ModelError for a folder without a Marian model, or whose tags it lacks."""
    try:
        model = MarianMTModel.from_pretrained(folder, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            en=f"{folder}: no Marian checkpoint ({str(error).splitlines()[0]}). Give the folder of one.",
            zh=f"{folder}：不是 Marian 检查点（{str(error).splitlines()[0]}）。请给出检查点文件夹。",
        ) from None
    if settings.tags and any(tag not in tokenizer.get_vocab() for tag in TAGS):
        raise ModelError(
            en=f"{folder}: its vocabulary has no tags for terms ({' '.join(TAGS)}). Give tags=false.",
            zh=f"{folder}：其词表没有术语标记（{' '.join(TAGS)}）。请给出 tags=false。",
        )
    torch.manual_seed(settings.seed)
    return _ready(model, tokenizer)


def _ready(model: MarianMTModel, tokenizer: Any) -> MarianMTModel:
    """Decoding is left to begin with the padding and never to make one."""
    generation = model.generation_config
    generation.bad_words_ids = [[tokenizer.pad_token_id]]
    generation.decoder_start_token_id = tokenizer.pad_token_id
    generation.forced_eos_token_id = None
    generation.max_length = 512
    generation.num_beams = 4
    return model
