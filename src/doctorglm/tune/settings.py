"""The settings of a tuning run."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs

from doctorglm.settings import STRICT
from doctorglm.tune.general import NO_REPLAY, NONE, SHIPPED, parse_replay

Method = Literal["lora", "qlora", "ptuning", "full"]

PTUNING_RATE = 5e-3
"""Peak rate of `ptuning` where none is given: a prefix takes larger steps than weights do."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TuneSettings:
    """How a model is tuned; every field can be given as KEY=VALUE."""

    method: Method = "lora"
    """On a frozen base low-rank adapters: `lora` (arXiv 2106.09685), on a packed one: `qlora`; `ptuning`: keys and
    values before every layer (P-tuning v2, arXiv 2110.07602); `full`: every weight."""
    quantization: Literal["nf4", "int8", "int4"] = "nf4"
    """What `qlora` packs the base in: QLoRA's 4 bits (arXiv 2305.14314), or those of ChatGLM-6B's INT8 and INT4."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Peak rate. 1e-3 suits LoRA on small models; 1e-4 to 3e-4 is usual from 6B up. Not given, `ptuning` has 5e-3."""
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
    recompute: Literal["auto", "none", "selective", "full"] = "auto"
    """Activations computed twice to save memory, of every second layer or of all; `auto`: the least that fits."""
    sharding: Literal["none", "full"] = "none"
    """Under torchrun each process has all weights (`none`: DDP), or a part of every one (`full`: FSDP2)."""
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
    prefix_tokens: int = Field(default=128, ge=1)
    """Places of the prefix, as many as the official `pre_seq_len`. They add no positions."""
    prefix_init: Literal["text", "random"] = "text"
    """`text`: the keys and values that the base makes of a doctor's instructions; `random`: as published."""
    prefix_projection: bool = False
    """A small network makes keys and values, as in the first P-tuning v2; saved is what it makes."""
    prefix_hidden: int = Field(default=512, ge=1)
    """Hidden units of that network; the official number, the model's width, is gigabytes of trained weights at 6B."""
    prefix_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout of keys and values in training; off as in PEFT, where the official code has some."""
    validate_every: int = Field(default=25, ge=0)
    """Steps between two validations; 0 validates only at the end."""
    general: str = SHIPPED
    """General text that is validated on too, to see what is forgotten: `shipped`, a file of conversations, `none`."""
    max_forgetting: float = Field(default=0.05, ge=0)
    """Nats by which a general token may cost more than for the base in what is kept: the gate's margin; 0: no bound."""
    patience: int = Field(default=10, ge=0)
    """Validations without better weights after which the run stops; 0 never. Fewer than 10 miss what a falling rate
    still gains."""
    replay: Annotated[str, BeforeValidator(parse_replay)] = NO_REPLAY
    """General conversations mixed in: `0.2` of the tokens learned; `self:200`: as many questions the base answers."""
    replay_data: str = SHIPPED
    """Where `replay` takes them from: `shipped`, or a file of conversations."""
    checkpoint_every_s: float = Field(default=30.0, gt=0)
    """Seconds between two checkpoints."""
    seed: int = 0
    """Set before the adapter is created; orders the data too."""

    @model_validator(mode="before")
    @classmethod
    def _usual_rate(cls, given: Any) -> Any:
        values = given.kwargs if isinstance(given, ArgsKwargs) else given
        if isinstance(values, Mapping) and values.get("method") == "ptuning" and "learning_rate" not in values:
            values = {**values, "learning_rate": PTUNING_RATE}
            return ArgsKwargs(given.args, values) if isinstance(given, ArgsKwargs) else values
        return given

    def without_effect(self) -> list[str]:
        """The names of the settings that this run does not look at, because of another one."""
        return [name for name, is_used in _USED_WHEN.items() if not is_used(self)]


_USED_WHEN: Mapping[str, Callable[[TuneSettings], bool]] = {
    "fuse": lambda s: s.sharding == "none",
    "muon_learning_rate": lambda s: s.optimizer == "muon",
    "final_learning_rate": lambda s: s.schedule != "constant",
    "max_forgetting": lambda s: s.general != NONE,
    "replay_data": lambda s: s.replay != NO_REPLAY,
    **dict.fromkeys(
        ("lora_rank", "lora_alpha", "lora_dropout", "lora_targets", "rslora"),
        lambda s: s.method in ("lora", "qlora"),
    ),
    **dict.fromkeys(
        ("prefix_tokens", "prefix_init", "prefix_projection", "prefix_dropout"), lambda s: s.method == "ptuning"
    ),
    "prefix_hidden": lambda s: s.method == "ptuning" and s.prefix_projection,
    "quantization": lambda s: s.method == "qlora",
}
