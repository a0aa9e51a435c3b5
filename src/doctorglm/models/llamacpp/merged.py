"""An adapter as GGUF: merged onto its base in 32 bits, then rounded, and asked whether it still answers as it did.

What rounding does is measured on the weights as they will stand in the file, in transformers, with the questions that a
merge asks. A rounding that moves the answers further than the adapter did has lost it, and is refused.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from doctorglm.conversation import Message
from doctorglm.errors import ModelError
from doctorglm.models.convert import refuse_target, require_room, size_in_32_bits
from doctorglm.models.llamacpp.export import prepared, to_gguf
from doctorglm.models.llamacpp.tensors import rounded
from doctorglm.models.loading import load
from doctorglm.models.merging import merge
from doctorglm.models.quantized.divergence import PROBES
from doctorglm.render import renderer_for
from doctorglm.runs import sha256_tree

_PROMPT_TOKENS = 512


def adapter_to_gguf(
    adapter: Path, base: Path, target: Path, kind: str | None, *, fingerprint: str, gate: Mapping[str, Any]
) -> dict[str, Any]:
    """Writes base plus adapter to the new folder `target` as GGUF; returns what `to_gguf` does, and of the merge
    `changed`, `divergence`, `gate`, with `rounding` (`divergence_of`).

    Raises as `to_gguf` and `merging.merge`, and ModelError where rounding loses what the adapter learned.
    """
    refuse_target(adapter, target)
    # before minutes go by with merging
    ready = prepared(base, kind)
    chosen = ready.kind
    require_room(target, size_in_32_bits(base) + ready.size)
    merged = target.with_name(f".{target.name}.merged")
    shutil.rmtree(merged, ignore_errors=True)
    try:
        done = merge(adapter, base, merged, fingerprint=fingerprint, gate=gate)
        rounding = divergence_of(base, merged, chosen)
        return to_gguf(
            merged,
            target,
            chosen,
            settings={"to": "gguf", "type": chosen, "base": str(base), "adapter": str(adapter)},
            inputs={"base": fingerprint, "adapter": sha256_tree(adapter)},
            told={**{key: done[key] for key in ("changed", "divergence", "gate")}, "rounding": rounding},
        )
    finally:
        shutil.rmtree(merged, ignore_errors=True)


def divergence_of(base: Path, merged: Path, kind: str) -> dict[str, float]:
    """Mean KL in nats over all places of the probes: `rounded` of the rounded model from the merged one, `adapter` of
    the merged one from the base; and `same_first`, the share of places whose likeliest token stays.

    Raises ModelError where `rounded` is not below `adapter`.
    """
    of_base = _logprobs(*load(base, dtype=torch.float32, device=torch.device("cpu")))
    model, tokenizer = _loaded(merged)
    of_merged = _logprobs(model, tokenizer)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(rounded(weight, kind))
    of_rounded = _logprobs(model, tokenizer)
    found = {
        "rounded": _divergence(of_merged, of_rounded),
        "adapter": _divergence(of_merged, of_base),
        "same_first": float((of_merged.argmax(-1) == of_rounded.argmax(-1)).float().mean()),
    }
    if not found["rounded"] < found["adapter"]:
        raise ModelError(
            en=f"--type {kind}: rounding moves the answers by {found['rounded']:.3g} nats, no less than the "
            f"{found['adapter']:.3g} of the adapter itself; nothing is written. Use --type f16 or f32.",
            zh=f"--type {kind}：舍入使输出偏离 {found['rounded']:.3g} nats，不小于适配器本身的 "
            f"{found['adapter']:.3g}；未写出任何文件。请使用 --type f16 或 f32。",
        )
    return found


def _loaded(folder: Path) -> tuple[Any, Any]:
    return load(folder, dtype=torch.float32, device=torch.device("cpu"), frozen=False)


def _logprobs(model: Any, tokenizer: Any) -> torch.Tensor:
    """(places of all probes, vocabulary) float32."""
    renderer = renderer_for(tokenizer)
    prompts = [renderer.prompt([Message("user", question)], _PROMPT_TOKENS).input_ids for question in PROBES]
    with torch.inference_mode():
        logits = torch.cat([model(input_ids=torch.tensor([ids])).logits[0].float() for ids in prompts])
        return torch.log_softmax(logits, -1)


def _divergence(of: torch.Tensor, by: torch.Tensor) -> float:
    return float((of.exp() * (of - by)).sum(-1).mean())
