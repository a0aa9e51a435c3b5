"""What is trained: LoRA adapters or a prefix on a frozen base, or every weight."""

import warnings
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from doctorglm.errors import ConfigError
from doctorglm.tune.prefix import add_prefix
from doctorglm.tune.settings import TuneSettings


def adapt(model: Any, settings: TuneSettings, tokenizer: Any = None) -> Any:
    """The model with exactly the parameters trainable that `settings.method` trains.

    `tokenizer` is needed for a prefix that begins with text. The seed is set first, so that two runs start from the
    same adapter. Source of LoRA: arXiv 2106.09685; rsLoRA: arXiv 2312.03732. Raises ConfigError when `lora_targets`
    names no linear layer of the model, and for a model that can have no prefix.
    """
    torch.manual_seed(settings.seed)
    if settings.method == "full":
        return model.requires_grad_(True)
    if settings.method == "ptuning":
        return add_prefix(model, settings, tokenizer)
    targets: str | list[str] = settings.lora_targets
    if settings.lora_targets != "all-linear":
        targets = named_targets(model, settings.lora_targets)
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        use_rslora=settings.rslora,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # PEFT 0.21 asks transformers 5.24 whether layers are recomputed by a name that it is about to drop
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        return get_peft_model(model, config)


def named_targets(model: torch.nn.Module, names: str) -> list[str]:
    """The modules that comma-separated `names` name; raises ConfigError for one that no linear layer has."""
    targets = [name.strip() for name in names.split(",")]
    linear = {name.rpartition(".")[2] for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    for target in targets:
        if target not in linear:
            raise ConfigError(
                en=f"lora_targets: the model has no linear layer `{target}`; it has {', '.join(sorted(linear))}.",
                zh=f"lora_targets：模型没有名为 `{target}` 的线性层；可选 {'、'.join(sorted(linear))}。",
            )
    return targets
