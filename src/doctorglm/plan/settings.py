"""The settings of a plan: those of `tune` that memory or time depend on, under the same names, and a few of its own."""

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.settings import STRICT

Method = Literal["lora", "qlora", "ptuning", "full"]
Recompute = Literal["auto", "none", "selective", "full"]
Quantization = Literal["nf4", "int8", "int4"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PlanSettings:
    """What is to be tuned how; every field can be given as KEY=VALUE."""

    method: Method = "lora"
    """`lora`, `qlora` (LoRA on quantised weights), `ptuning` (a learned prefix in every layer), or `full`."""
    quantization: Quantization = "nf4"
    """What `qlora` packs the base in."""
    quantization_embeddings: bool = False
    """Whether `qlora` on INT8 or INT4 has a ChatGLM-6B whose embedding and head are packed too."""
    optimizer: Literal["adamw", "lion", "muon"] = "adamw"
    """AdamW keeps two numbers for each trained weight, the others one."""
    epochs: int = Field(default=3, ge=1)
    """Passes over the training data."""
    max_steps: int = Field(default=0, ge=0)
    """Optimizer steps at most; 0 is no limit."""
    batch_tokens: int = Field(default=2048, ge=1)
    """Tokens of one batch, padding included; a CPU reads a large one in several rows."""
    packing: bool = True
    """Samples stand in one row without padding; false: padded rows."""
    fuse: bool = True
    """Layers train as one function each, where `tune` can do that."""
    accumulation: int = Field(default=1, ge=1)
    """Batches of one step."""
    max_length: int = Field(default=512, ge=8)
    """Tokens of a sample."""
    lora_rank: int = Field(default=8, ge=1)
    """Rank of the adapters."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the adapters; with it nothing is fused."""
    lora_targets: str = "all-linear"
    """Comma-separated module names, or `all-linear`."""
    prefix_tokens: int = Field(default=128, ge=1)
    """Places of the learned prefix (`ptuning`); the default is the published script's."""
    prefix_projection: bool = False
    """Whether a small network makes keys and values of the prefix (`ptuning`)."""
    prefix_hidden: int = Field(default=512, ge=1)
    """Hidden units of that network."""
    recompute: Recompute = "auto"
    """What is computed a second time to save memory; `auto`: the least that fits (none, selective, full)."""
    validate_every: int = Field(default=25, ge=0)
    """Steps between two validations; 0 validates only at the end."""
    devices: str = ""
    """A YAML file of devices and prices that replaces or adds to those of this package."""

    def without_effect(self) -> list[str]:
        """The names of the settings that this plan does not look at, because of another one."""
        return [name for name, is_used in _USED_WHEN.items() if not is_used(self)]


_USED_WHEN: Mapping[str, Callable[[PlanSettings], bool]] = {
    **dict.fromkeys(("quantization", "quantization_embeddings"), lambda s: s.method == "qlora"),
    **dict.fromkeys(("lora_rank", "lora_dropout", "lora_targets"), lambda s: s.method in ("lora", "qlora")),
    **dict.fromkeys(("prefix_tokens", "prefix_projection"), lambda s: s.method == "ptuning"),
    "prefix_hidden": lambda s: s.method == "ptuning" and s.prefix_projection,
}
