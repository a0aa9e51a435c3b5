"""The settings of a tuning run."""

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.settings import STRICT

Method = Literal["lora", "qlora", "full"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TuneSettings:
    """How a model is tuned; every field can be given as KEY=VALUE."""

    method: Method = "lora"
    """Low-rank adapters on a frozen base: `lora` (arXiv 2106.09685), on a packed one: `qlora`; `full`: every weight."""
    quantization: Literal["nf4", "int8", "int4"] = "nf4"
    """What `qlora` packs the base in: QLoRA's 4 bits (arXiv 2305.14314), or those of ChatGLM-6B's INT8 and INT4."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Peak rate. 1e-3 suits LoRA on small models; 1e-4 to 3e-4 is usual from 6B up."""
    optimizer: Literal["adamw", "lion", "muon"] = "adamw"
    """`lion` is the paper's (arXiv 2302.06675; a third of AdamW's rate); `muon`: for matrices, AdamW for the rest."""
    muon_learning_rate: float = Field(default=0.02, gt=0)
    """Peak rate of the matrices under `muon`; the others keep `learning_rate`."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled decay; 0 because adapters are small."""
    epochs: int = Field(default=3, ge=1)
    """Passes over the training data; the paper reports that longer training makes it worse."""
    max_steps: int = Field(default=0, ge=0)
    """Optimizer steps at most; 0 is no limit."""
    batch_tokens: int = Field(default=2048, ge=1)
    """Tokens of one batch, padding included."""
    packing: bool = True
    """Samples stand in one row without padding, none seeing another; false, or a model that cannot: padded rows."""
    fuse: bool = True
    """Layers (linear ones on a GPU and under `full`) train as one function each, proved the same at the start."""
    compile: bool = False
    """What stands between products is compiled, proved the same at the start; off until it is measured on a GPU."""
    accumulation: int = Field(default=1, ge=1)
    """Batches of one step; every supervised token weighs the same whatever this is."""
    warmup: float = Field(default=0.05, ge=0, le=1)
    """Share of the steps in which the rate rises from 0."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the rate falls after warm-up, to `final_learning_rate`."""
    final_learning_rate: float = Field(default=0.1, ge=0, le=1)
    """The last rate, as a share of the peak."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm."""
    max_length: int = Field(default=512, ge=8)
    """Tokens of a sample; longer histories are cut at the front, longer answers rejected."""
    lora_rank: int = Field(default=8, ge=1)
    """Rank of the adapters; the paper's 8."""
    lora_alpha: float = Field(default=16.0, gt=0)
    """Scale: alpha / rank, or alpha / sqrt(rank) with `rslora`."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the adapters; 0 is fastest."""
    lora_targets: str = "all-linear"
    """Comma-separated module names, or `all-linear`: every linear layer but the head."""
    rslora: bool = False
    """Rank-stabilised scale (arXiv 2312.03732)."""
    validate_every: int = Field(default=25, ge=0)
    """Steps between two validations; 0 validates only at the end."""
    checkpoint_every_s: float = Field(default=30.0, gt=0)
    """Seconds between two checkpoints."""
    seed: int = 0
    """Set before the adapter is created; orders the data too."""

    def without_effect(self) -> list[str]:
        """The names of the settings that this run does not look at, because of another one."""
        return [name for name, is_used in _USED_WHEN.items() if not is_used(self)]


_USED_WHEN: Mapping[str, Callable[[TuneSettings], bool]] = {
    "muon_learning_rate": lambda s: s.optimizer == "muon",
    "final_learning_rate": lambda s: s.schedule != "constant",
    **dict.fromkeys(
        ("lora_rank", "lora_alpha", "lora_dropout", "lora_targets", "rslora"), lambda s: s.method != "full"
    ),
    "quantization": lambda s: s.method == "qlora",
}
