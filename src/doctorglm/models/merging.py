"""An adapter added into the weights of its base, so that any program runs the tuned model without knowing of adapters.

The sum is taken in 32 bits and written so: in 16 bits, or into quantised weights, rounding would swallow a part of what
was learned. What was written is read back and asked the same questions as base and adapter were. An adapter of a
quantised base is added to that base's unpacked weights, which it saw (`quantized.merged`).

Source: PEFT's `merge_and_unload`; huggingface/peft#1043 and #2586 (merges that changed the answers, or nothing).
"""

import gc
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch

from doctorglm.conversation import Message
from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.adapters import attach_adapter, trained_on
from doctorglm.models.convert import new_folder, refuse_target
from doctorglm.models.loading import base_folder, load, stored_quantization
from doctorglm.models.plans import carry
from doctorglm.models.prefix.files import refuse_prefix
from doctorglm.models.quantized.divergence import PROBES, answered, apart, logits_of
from doctorglm.models.quantized.merged import Onto, Packed
from doctorglm.models.saving import save_model
from doctorglm.render import renderer_for
from doctorglm.runs import Run, read_json, sha256_tree

DIVERGENCE_LIMIT = 1e-3
"""Largest difference between adapter and merged model that is let through, as a share of the largest logit.

Another order of summing in 32 bits stays below a tenth of it even in random models that magnify it; 16 bits do not.
"""

_PROMPT_TOKENS = 512
_CONFIG = "adapter_config.json"
_LICENCES = ("LICENSE*", "MODEL_LICENSE*", "NOTICE*")
"""The base's model card stays behind: it is not of this model."""

Logits: TypeAlias = list[torch.Tensor]


def is_adapter(folder: Path) -> bool:
    """Whether the folder holds an adapter in PEFT's format rather than a model."""
    return (folder / _CONFIG).is_file()


def base_of(adapter: Path, base: str | None) -> Path:
    """The folder of the base to merge onto: `base` (or "embedded") where it is given, else what the adapter names.

    Raises ConfigError where `adapter` is none or is a prefix, or where it names no folder that is here.
    """
    refuse_prefix(adapter, "--to merged")
    if not is_adapter(adapter):
        raise ConfigError(
            en=f"--to merged: {adapter} is no adapter in PEFT's format (it has no {_CONFIG}). "
            "Give the `adapter` folder that `doctorglm tune` left.",
            zh=f"--to merged：{adapter} 不是 PEFT 格式的适配器（没有 {_CONFIG}）。"
            "请给出 `doctorglm tune` 生成的 adapter 目录。",
        )
    config = read_json(adapter / _CONFIG)
    named = base or (config.get("base_model_name_or_path") if isinstance(config, dict) else None)
    if not named or not base_folder(named).is_dir():
        what = "--base" if base else str(adapter / _CONFIG)
        raise ConfigError(
            en=f"{what}: the base {named!r} is no folder here. Give the base that the adapter was tuned on: "
            "--base MODEL.",
            zh=f"{what}：基座 {named!r} 不是此处的文件夹。请用 --base MODEL 给出训练该适配器所用的基座。",
        )
    return base_folder(named)


def merge(
    adapter: Path,
    base: Path,
    target: Path,
    *,
    fingerprint: str,
    gate: Mapping[str, Any],
    onto: Onto | None = None,
) -> dict[str, Any]:
    """Writes base plus adapter to the new folder `target` as a model in 32 bits, whole or not at all.

    `run.json` in it keeps `gate` (what `evaluate.release.require_gate` returned), the hashes of base (`fingerprint`)
    and adapter, and what is returned: `tensors`, `changed` of them, `bytes`, and `divergence`: over all logits of the
    probes the `largest` and `mean` absolute difference between adapter and merged model, beside the largest logit and
    the largest change that the adapter makes to the base. Of an adapter whose base was quantised, `onto` chooses that
    base's unpacked weights (the default) or the full ones, and `quantized` says what each merge would change; `tuning`
    is what tuning itself changed, as `quantized.divergence.apart` says it.
    Raises ConfigError for a target that is there and an `onto` that this base does not have, ModelError for an adapter
    that does not fit the base or changes no tensor of it, and for a merged model that answers otherwise.
    """
    stored = stored_quantization(base)
    kind = stored or trained_on(adapter)
    _refuse_onto(base, onto, kind, stored)
    began = time.monotonic()
    refuse_target(adapter, target)
    with new_folder(target) as folder:
        packed = Packed(adapter, base, kind, stored is not None, onto or "dequantised", PROBES) if kind else None
        counts, tuning, of_base, of_adapter = _write_merged(adapter, base, folder, packed)
        gc.collect()
        divergence: dict[str, Any] = _divergence(of_base, of_adapter, _logits(*_loaded(folder)))
        if packed is not None:
            divergence["quantized"] = packed.report
        divergence["tuning"] = tuning
        carry(base, folder, _LICENCES)
        settings = {"to": "merged", "base": str(base), "adapter": str(adapter)}
        settings |= {"onto": onto or "dequantised"} if kind else {}
        run = Run(
            folder, stage="convert", settings=settings, inputs={"base": fingerprint, "adapter": sha256_tree(adapter)}
        )
        done = {**counts, "divergence": divergence, "gate": dict(gate)}
        run.finish(**done, seconds=round(time.monotonic() - began, 2))
    return {"out": str(target), "to": "merged", **done}


def _refuse_onto(base: Path, onto: Onto | None, kind: str | None, stored: str | None) -> None:
    if onto is not None and (kind is None or (stored and onto == "full")):
        held = f"in {stored}" if stored else "not quantised"
        held_zh = f"{stored} 格式" if stored else "未量化"
        raise ConfigError(
            en=f"--onto {onto}: the base {base} is {held}, and there is only that to merge onto. Leave the flag out.",
            zh=f"--onto {onto}：基座 {base} 为{held_zh}，只有一种可合并的基座。请去掉该参数。",
        )


def _write_merged(
    adapter: Path, base: Path, folder: Path, packed: Packed | None
) -> tuple[dict[str, Any], dict[str, float], Logits, Logits]:
    """Leaves the merged model in `folder`; returns its counts, what tuning changed, and the probes' logits of both."""
    model, tokenizer = _loaded(base) if packed is None else packed.base()
    of_base, before = _logits(model, tokenizer), _digests(model)
    adapted = attach_adapter(model, adapter, base).eval()
    of_adapter = _logits(adapted, tokenizer)
    tuning = _tuning(adapted, tokenizer) if packed is None else packed.report["tuning"]
    try:
        merged = adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:  # NaN, or a kind of adapter that has no sum
        raise ModelError(
            en=f"{adapter}: cannot be merged ({error}). Use it as an adapter, or tune it again.",
            zh=f"{adapter}：无法合并（{error}）。请以适配器形式使用，或重新微调。",
        ) from None
    after = _digests(merged)
    changed = sum(before.get(name) != digest for name, digest in after.items())
    if not changed:
        raise ModelError(
            en=f"{adapter}: no tensor of the base is changed by it, so nothing is written. Tune again; check the "
            "learning rate and the target modules.",
            zh=f"{adapter}：合并后基座的任何张量都没有改变，因此不写出。请检查学习率和目标模块，重新微调。",
        )
    if packed is not None:
        packed.refuse_lost(merged, tokenizer)
    save_model(merged, tokenizer, folder)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return {"tensors": len(after), "changed": changed, "bytes": size}, tuning, of_base, of_adapter


def _tuning(adapted: Any, tokenizer: Any) -> dict[str, float]:
    texts = answered(adapted, tokenizer, PROBES)
    tuned = logits_of(adapted, texts)
    with adapted.disable_adapter():
        return apart(tuned, logits_of(adapted, texts))


def _loaded(folder: Path) -> tuple[Any, Any]:
    """In 32 bits on the CPU, whatever fits elsewhere; every weight may change."""
    return load(folder, dtype=torch.float32, device=torch.device("cpu"), frozen=False)


def _digests(model: Any) -> dict[str, bytes]:
    """What every weight holds, by name, a tied one once; cheaper to keep than a copy."""
    return {
        name: hashlib.sha256(weight.detach().reshape(-1).view(torch.uint8).numpy()).digest()
        for name, weight in model.named_parameters()
    }


def _logits(model: Any, tokenizer: Any) -> Logits:
    """For each probe the logits at all places of its prompt, (tokens, vocabulary)."""
    renderer = renderer_for(tokenizer)
    prompts = [renderer.prompt([Message("user", question)], _PROMPT_TOKENS).input_ids for question in PROBES]
    with torch.inference_mode():
        return [model(input_ids=torch.tensor([ids])).logits[0].float() for ids in prompts]


def _divergence(of_base: Logits, of_adapter: Logits, of_merged: Logits) -> dict[str, float]:
    """How far the merged model is from the adapter; raises ModelError where that is more than rounding."""
    apart = torch.cat([(a - b).abs().flatten() for a, b in zip(of_merged, of_adapter, strict=True)])
    found = {
        "largest": float(apart.max()),
        "mean": float(apart.mean()),
        "largest_logit": max(float(logits.abs().max()) for logits in of_adapter),
        "adapter_changes": max(float((a - b).abs().max()) for a, b in zip(of_adapter, of_base, strict=True)),
    }
    limit = DIVERGENCE_LIMIT * found["largest_logit"]
    if not found["largest"] <= limit:
        raise ModelError(
            en=f"the merged model answers otherwise than the adapter: logits differ by up to {found['largest']:.3g}, "
            f"more than the {limit:.3g} of rounding; nothing is written. Use the adapter as it is.",
            zh=f"合并后的模型与适配器的输出不一致：logit 最多相差 {found['largest']:.3g}，超出舍入误差 {limit:.3g}；"
            "未写出任何文件。请直接使用适配器。",
        )
    return found
