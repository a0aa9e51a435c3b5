"""Conversations as what the model reads: samples of every part, what was rejected of each, and their counts."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation
from doctorglm.errors import DataError, ModelError
from doctorglm.render import Rejection, Renderer, Sample
from doctorglm.runs import atomic_file, note
from doctorglm.tune.settings import TuneSettings


@dataclass(frozen=True)
class Part:
    """What became of one part's conversations."""

    conversations: int
    samples: Sequence[Sample]
    rejected: Sequence[Rejection]

    @property
    def supervised(self) -> int:
        """Tokens that are learned."""
        return sum(sample.supervised for sample in self.samples)

    def counts(self) -> dict[str, Any]:
        """What `run.json` says of it."""
        return {
            "conversations": self.conversations,
            "samples": len(self.samples),
            "supervised_tokens": self.supervised,
            "rejected": dict(Counter(r.reason for r in self.rejected)),
        }


@dataclass(frozen=True)
class Rendering:
    """How a run renders: its renderer, and the most tokens of a sample."""

    renderer: Renderer
    max_length: int

    def __call__(self, conversations: Sequence[Conversation]) -> tuple[list[Sample], list[Rejection]]:
        """Their samples, and what is rejected of them."""
        items = [item for c in conversations for item in self.renderer.training(c, self.max_length)]
        samples = [item for item in items if isinstance(item, Sample)]
        return samples, [item for item in items if isinstance(item, Rejection)]

    def part(self, conversations: Sequence[Conversation]) -> Part:
        """The same with how many there were."""
        return Part(len(conversations), *self(conversations))


def longest(base: str, model: Any, settings: TuneSettings) -> int:
    """`max_length`, or the base's context where that is smaller: no position beyond it means anything to the base."""
    context = getattr(model.config, "max_position_embeddings", None) or settings.max_length
    if context < settings.max_length:
        note(
            en=f"max_length {settings.max_length}: {base} reads {context} tokens at most, so that {context} is used; "
            "longer answers are rejected.",
            zh=f"max_length {settings.max_length}：{base} 最多读取 {context} 个 token，因此按 {context} 处理；"
            "更长的回答将被剔除。",
        )
    return min(int(context), settings.max_length)


def refuse_nothing(path: Path, part: Part) -> None:
    """Raises DataError when nothing of `path` can be trained on."""
    if part.samples:
        return
    reasons = ", ".join(f"{n} {reason}" for reason, n in part.counts()["rejected"].items()) or "no answers"
    raise DataError(
        en=f"{path}: nothing to train on ({reasons}). Check the data, or raise max_length.",
        zh=f"{path}：没有可训练的内容（{reasons}）。请检查数据，或调大 max_length。",
    )


def refuse_unknown_tokens(base: str, model: Any, samples: Iterable[Sample]) -> None:
    """Raises ModelError for an id that the model has no embedding of."""
    rows = model.get_input_embeddings().weight.shape[0]
    for sample in samples:
        if (highest := max(sample.input_ids)) >= rows:
            raise ModelError(
                en=f"{base}: record {sample.record_id} has token {highest}, and the model embeds {rows} tokens "
                f"(0 to {rows - 1}). Use the tokenizer that came with the weights.",
                zh=f"{base}：记录 {sample.record_id} 含 token {highest}，而模型只有 {rows} 个 token"
                f"（0 至 {rows - 1}）。请使用与权重配套的分词器。",
            )


def padding(tokenizer: Any, renderer: Renderer) -> int:
    """The padding id; where a tokenizer has none, its place is masked anyway, so any id serves."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else renderer.end_token_ids[0])


def write_rejected(path: Path, parts: Mapping[str, Part]) -> None:
    """One line for every rejected answer: its record, part, turn and reason."""
    with atomic_file(path) as out:
        for name, part in parts.items():
            for r in part.rejected:
                row = {"id": r.record_id, "part": name, "turn": r.turn, "reason": r.reason}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


def counts(parts: Mapping[str, Part]) -> dict[str, Any]:
    """What was trained on, and under their names the same of the other parts."""
    return {**parts["train"].counts(), **{name: part.counts() for name, part in parts.items() if name != "train"}}
