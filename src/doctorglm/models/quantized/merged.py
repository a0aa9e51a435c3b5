"""An adapter of a quantised base, merged: onto which weights, and what each choice would change.

(a) the quantised base with its adapter, as it was trained; (b) the adapter added to that base's unpacked weights;
(c) to the weights in full precision, which it never saw; and each of them packed again.
Source: QLoRA, arXiv 2305.14314; huggingface/peft#1043, transformers#31293.
"""

import copy
import gc
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from doctorglm.models.adapters import attach_adapter
from doctorglm.models.loading import load
from doctorglm.models.quantized.divergence import LIMIT, Text, answered, apart, logits_of, refuse_lost, share_of
from doctorglm.models.quantized.formats import Quantization
from doctorglm.models.quantized.layers import dequantize, packs_embeddings, quantize
from doctorglm.runs import note

Onto = Literal["dequantised", "full"]

_CPU = torch.device("cpu")


@dataclass
class Packed:
    """The merge of one adapter; `report` says, for each model that could be written, how far it is from the adapter."""

    adapter: Path
    folder: Path
    kind: Quantization
    stored: bool
    """Whether the folder itself is packed, so that there are no full weights."""
    onto: Onto
    questions: Sequence[str]
    report: dict[str, Any] = field(default_factory=dict)
    _texts: list[Text] = field(default_factory=list)
    _tuned: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    _embeddings: bool = False
    """Whether the embedding and the head are packed too."""

    def base(self) -> tuple[Any, Any]:
        """The base to merge onto, in 32 bits, and its tokenizer; first the adapter is measured as it was trained."""
        model, tokenizer = self._read(self.kind)
        self._embeddings = packs_embeddings(model)
        adapted = attach_adapter(model, self.adapter, self.folder).eval()
        self._texts = answered(adapted, tokenizer, self.questions)
        self._tuned = logits_of(adapted, self._texts)
        with adapted.disable_adapter():
            untuned = apart(self._tuned, logits_of(adapted, self._texts))
        self.report = {"kind": self.kind, "onto": self.onto, "limit": LIMIT, "places": len(self._tuned)}
        self.report["tuning"] = untuned
        del model, adapted
        gc.collect()
        if self.onto == "full":
            return self._read("none")
        plain, tokenizer = self._read(self.kind)
        dequantize(plain)
        return plain, tokenizer

    def refuse_lost(self, merged: Any, tokenizer: Any) -> None:
        """Measures the merged model, the other one that could be made, and both packed again.

        Raises ModelError where what would be written lost too much of what was learned; a model that would lose it
        when packed again is said on stderr.
        """
        self.report[self.onto] = apart(self._tuned, logits_of(merged, self._texts))
        other: Onto = "full" if self.onto == "dequantised" else "dequantised"
        refuse_lost(
            self.report[self.onto],
            self.report["tuning"],
            what=(f"{self.adapter} merged onto the {self.onto} base", f"{self.adapter} 合并到 {self.onto} 基座后"),
            remedy=(
                "Merge onto the weights that it saw (--onto dequantised), or use the adapter as it is.",
                "请合并到训练时的权重（--onto dequantised），或直接使用适配器。",
            ),
        )
        self.report["packed_again"] = self._packed_again(merged)
        if not self.stored:
            self.report[other] = self._of_other(other)
        _say_broken(self.adapter, self.kind, share_of(self.report["packed_again"], self.report["tuning"]))

    def _packed_again(self, merged: Any) -> dict[str, float]:
        model = copy.deepcopy(merged)
        quantize(model, self.kind, str(self.adapter), embeddings=self._embeddings)
        return apart(self._tuned, logits_of(model, self._texts))

    def _of_other(self, onto: Onto) -> dict[str, float]:
        model, _ = self._read("none" if onto == "full" else self.kind)
        dequantize(model)
        merged = attach_adapter(model, self.adapter, self.folder).merge_and_unload().eval()
        return apart(self._tuned, logits_of(merged, self._texts))

    def _read(self, kind: Quantization | Literal["none"]) -> tuple[Any, Any]:
        return load(self.folder, dtype=torch.float32, device=_CPU, quantization=kind)


def _say_broken(adapter: Path, kind: str, share: float) -> None:
    if share > LIMIT:
        note(
            en=f"{adapter}: packed in {kind} again, the merged model would lose what was learned: it changes by "
            f"{share:.0%} of what tuning did. Use it in 16 or 32 bits, or the quantised base with the adapter.",
            zh=f"{adapter}：合并后的模型若再次量化为 {kind}，会丢失学到的内容：改变量是微调本身的 {share:.0%}。"
            "请以 16 或 32 位使用，或使用量化基座加适配器。",
        )
