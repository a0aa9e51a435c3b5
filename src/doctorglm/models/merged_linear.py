"""LoRA on a merged matrix as it was published in 2023 (`enable_lora`), as an ordinary LoRA that gives the same answers.

Such an adapter has one A of all its enabled blocks, and a B that is a grouped 1x1 convolution: its blocks go to equal,
contiguous runs of the matrix's rows, one run for each entry of `enable_lora`. Side by side in one LoRA the blocks are a
B with zeros between them. Rows stay where they are: in ChatGLM-6B's `query_key_value`, whose rows alternate by head, a
third is not the queries, whatever the adapter's author meant.

Source: loralib's `MergedLinear` and PEFT 0.2, which fixed two groups where loralib has one for each enabled block.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from doctorglm.errors import ModelError

_PART = re.compile(r"(?P<module>.+)\.lora_(?P<part>[AB])(?:\.default)?(?:\.weight)?")
_PREFIX = "base_model.model."


def is_merged_linear(config: Mapping[str, Any]) -> bool:
    """Whether an adapter_config.json is of this kind."""
    return bool(config.get("enable_lora"))


def ordinary_config(where: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """What PEFT is told: rank and alpha times the enabled blocks, so that alpha/rank stays; `where` is for errors.

    Raises ModelError naming the setting that is missing, wrong, or has no counterpart.
    """
    enabled, rank, alpha = config.get("enable_lora"), config.get("r"), config.get("lora_alpha")
    if not isinstance(enabled, list) or not all(isinstance(one, bool) for one in enabled) or not any(enabled):
        raise _wrong(where, "enable_lora", enabled, en="a list of true and false is needed", zh="应为 true/false 列表")
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        raise _wrong(where, "r", rank, en="a positive whole number is needed", zh="应为正整数")
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or alpha <= 0:
        raise _wrong(where, "lora_alpha", alpha, en="a positive number is needed", zh="应为正数")
    targets = config.get("target_modules")
    if not targets or not isinstance(targets, str | list):
        raise _wrong(where, "target_modules", targets, en="names of modules are needed", zh="应为模块名称")
    if config.get("bias", "none") != "none":
        raise _wrong(where, "bias", config["bias"], en="only `none` can be converted", zh="只能转换 none")
    if config.get("modules_to_save"):
        raise _wrong(
            where, "modules_to_save", config["modules_to_save"], en="only none can be converted", zh="只能转换空值"
        )
    blocks = sum(enabled)
    return {
        "r": rank * blocks,
        "lora_alpha": alpha * blocks,
        "lora_dropout": config.get("lora_dropout") or 0.0,
        "target_modules": targets,
        "bias": "none",
        # of a Linear, which all targets of this kind are, PEFT 0.2 ignored it
        "fan_in_fan_out": False,
        "task_type": "CAUSAL_LM",
        "inference_mode": True,
    }


def ordinary_tensors(
    where: Path, tensors: Mapping[str, torch.Tensor], config: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """PEFT's name -> A (rank, in) as it was and B (out, rank) with zeros, of the adapter's own type.

    Raises ModelError for a tensor that is none of a LoRA's, for half a pair, and for shapes that contradict `config`.
    """
    made: dict[str, torch.Tensor] = {}
    for module, pair in _pairs(where, tensors).items():
        a_RI, b_OK = pair["A"], pair["B"]
        b_OK = b_OK.squeeze(-1) if b_OK.ndim == 3 and b_OK.shape[-1] == 1 else b_OK
        groups = _groups(where, module, a_RI, b_OK, config)
        made[f"{module}.lora_A.weight"] = a_RI.contiguous()
        made[f"{module}.lora_B.weight"] = _spread(b_OK, groups, config["enable_lora"])
    return made


def _spread(b_OK: torch.Tensor, groups: int, enabled: list[bool]) -> torch.Tensor:
    """(out, rank): each group's rows against its own part of A, then each block at its run of rows."""
    # a group is a diagonal block: its rows see the A of no other group
    dense_OR = torch.block_diag(*b_OK.chunk(groups))
    run = dense_OR.shape[0] // sum(enabled)
    blocks = iter(dense_OR.split(run))
    zeros = dense_OR.new_zeros(run, dense_OR.shape[1])
    return torch.cat([next(blocks) if on else zeros for on in enabled])


def _pairs(where: Path, tensors: Mapping[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    pairs: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        found = _PART.fullmatch(name)
        if not found:
            raise _wrong(where, name, list(tensor.shape), en="no tensor of a LoRA", zh="不是 LoRA 的张量")
        module = found["module"] if found["module"].startswith(_PREFIX) else _PREFIX + found["module"]
        pairs.setdefault(module, {})[found["part"]] = tensor
    for module, pair in pairs.items():
        if missing := {"A", "B"} - pair.keys():
            name = f"{module}.lora_{missing.pop()}.weight"
            raise _wrong(where, name, None, en="missing, its other half is there", zh="缺失，而另一半存在")
    return pairs


def _groups(where: Path, module: str, a_RI: torch.Tensor, b_OK: torch.Tensor, config: Mapping[str, Any]) -> int:
    """How many groups B's convolution has, which its shape tells."""
    blocks, rank = sum(config["enable_lora"]), config["r"]
    if a_RI.ndim != 2 or a_RI.shape[0] != rank * blocks:
        raise _wrong(
            where,
            f"{module}.lora_A.weight",
            list(a_RI.shape),
            en=f"{rank * blocks} rows are needed: r={rank} for each of {blocks} enabled blocks",
            zh=f"应有 {rank * blocks} 行：{blocks} 个启用的块，每块 r={rank}",
        )
    wide = b_OK.shape[1] if b_OK.ndim == 2 else 0
    groups = a_RI.shape[0] // wide if wide and a_RI.shape[0] % wide == 0 else 0
    if not groups or b_OK.shape[0] % groups or b_OK.shape[0] % blocks:
        raise _wrong(
            where,
            f"{module}.lora_B.weight",
            list(b_OK.shape),
            en=f"no grouped 1x1 convolution over {a_RI.shape[0]} rows of A into {blocks} equal blocks",
            zh=f"不是从 A 的 {a_RI.shape[0]} 行到 {blocks} 个等长块的 1x1 分组卷积",
        )
    return groups


def _wrong(where: Path, name: str, value: Any, *, en: str, zh: str) -> ModelError:
    return ModelError(
        en=f"{where}: {name}={value!r}: {en}. Fetch the adapter again, with the files that it was published with.",
        zh=f"{where}：{name}={value!r}：{zh}。请重新下载适配器及其全部原始文件。",
    )
