"""How many tokens there are to train on: counted with the base's own tokenizer, else estimated from characters.

Counting renders the very samples that `tune` would. Of large data an even sample is rendered and scaled up.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, GlmConfig
from transformers.utils import logging

from doctorglm.conversation import Conversation, read_conversations
from doctorglm.errors import DataError, ModelError
from doctorglm.models import ChatGLMConfig
from doctorglm.models.checks import VOCABULARIES, first_tokenizer, second_tokenizer
from doctorglm.models.weights import read_config
from doctorglm.plan.calibration import Calibration
from doctorglm.plan.shape import Base
from doctorglm.render import Sample, renderer_for

RENDERED = 4000
"""Conversations that are rendered at most: a minute on one core."""

_BY_ANSWER = ("chatglm", "glm")
"""Families whose format gives a sequence for each answer, its history before it; the others one a conversation."""
_MARKS = 4
"""Tokens that a format puts around a message, about."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The samples of one file; those of a part stand for all, by `scale`."""

    lengths: Sequence[int]
    supervised: Sequence[int]
    """Of each sample, how many tokens are learned."""
    conversations: int
    """In the file."""
    rejected: int = 0
    """Answers that do not fit."""
    scale: float = 1.0
    counted: bool = True
    """False where tokens are estimated from characters."""

    @property
    def total(self) -> int:
        """Tokens of one pass."""
        return round(self.scale * sum(self.lengths))


def tokens_of(base: Base, data: Path, part: str, max_length: int, constants: Calibration) -> Tokens:
    """The samples of `data/part.jsonl`; DataError where there is no such file, or nothing in it to train on."""
    file = data / f"{part}.jsonl"
    if not file.is_file():
        raise DataError(
            en=f"{file}: no such file. Give the folder that `doctorglm curate` left (it holds train.jsonl).",
            zh=f"{file}：没有这个文件。请给出 `doctorglm curate` 的输出文件夹（其中有 train.jsonl）。",
        )
    conversations = list(read_conversations(file))
    step = max(1, -(-len(conversations) // RENDERED))
    chosen = conversations[::step]
    tokenizer = None if base.folder is None else _tokenizer(base.folder)
    if tokenizer is None:
        samples = [s for c in chosen for s in _estimated(c, base.shape.family, constants.tokens_per_character)]
        kept = [(length, of) for length, of in samples if of + _MARKS <= max_length]
        kept = [(min(length, max_length), of) for length, of in kept]
        rejected = len(samples) - len(kept)
    else:
        renderer = renderer_for(tokenizer)
        items = [item for c in chosen for item in renderer.training(c, max_length)]
        kept = [(len(s.input_ids), s.supervised) for s in items if isinstance(s, Sample)]
        rejected = len(items) - len(kept)
    if not kept and part == "train":
        raise DataError(
            en=f"{file}: nothing to train on: {len(conversations)} conversations, {rejected} answers longer than "
            f"{max_length} tokens. Check the data, or raise max_length.",
            zh=f"{file}：没有可训练的内容：{len(conversations)} 段对话，{rejected} 个回答超过 {max_length} 个 token。"
            "请检查数据，或调大 max_length。",
        )
    return Tokens(
        lengths=[length for length, _ in kept],
        supervised=[of for _, of in kept],
        conversations=len(conversations),
        rejected=rejected,
        scale=len(conversations) / max(1, len(chosen)),
        counted=tokenizer is not None,
    )


def _tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder; None where there is none, which is no fault of a plan's."""
    if folder.is_file() or not any(file for pattern in VOCABULARIES for file in folder.glob(pattern)):
        return None
    values = read_config(folder)
    if values["model_type"] == ChatGLMConfig.model_type:
        config = ChatGLMConfig.from_dict(values | {"_name_or_path": str(folder / "config.json")})
        try:
            return (
                first_tokenizer(folder, config)
                if isinstance(config, ChatGLMConfig)
                else second_tokenizer(folder, config)
            )
        except ModelError:
            return None
    if values["model_type"] == GlmConfig.model_type and (folder / "tokenizer.model").is_file():
        return second_tokenizer(folder, GlmConfig.from_pretrained(folder))
    logging.disable_progress_bar()
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError):
        return None


def _estimated(of: Conversation, family: str, per_character: float) -> Iterator[tuple[int, int]]:
    """(length, supervised) of each sample of a conversation, about."""
    sizes = [(m.role, per_character * len(m.content) + _MARKS) for m in of.messages]
    ends = [i for i, (role, _) in enumerate(sizes) if role == "assistant"]
    whole = list(itertools.accumulate(size for _, size in sizes))
    if family in _BY_ANSWER:
        yield from ((round(whole[i]), round(sizes[i][1])) for i in ends)
    elif ends:
        yield round(whole[ends[-1]]), round(sum(sizes[i][1] for i in ends))
