"""The settings of a student's training."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.settings import STRICT

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class DistillSettings:
    """How a student is made and trained; every field can be given as KEY=VALUE."""

    pretrained: str = ""
    """A folder with a Marian checkpoint, such as opus-mt-en-zh, to go on from; empty: from scratch."""
    vocabulary: Annotated[int, Field(ge=500)] = 12_000
    """SentencePiece pieces of both languages, made from the training pairs; only from scratch, as are the next five."""
    d_model: Count = 256
    """Width."""
    encoder_layers: Count = 4
    """Layers that read."""
    decoder_layers: Count = 2
    """A shallow decoder translates faster at little cost (arXiv 2006.10369)."""
    heads: Count = 4
    """Of attention, in each layer."""
    feed_forward: Count = 1024
    """Width inside a layer."""
    dropout: Share = 0.1
    """Of what passes between layers."""
    label_smoothing: Share = 0.1
    """arXiv 1512.00567."""
    optimizer: Literal["muon", "adamw"] = "muon"
    """`muon`: for hidden matrices, AdamW for the rest."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """Peak rate of AdamW."""
    muon_learning_rate: float = Field(default=0.02, gt=0)
    """Peak rate of the matrices under `muon`."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled decay, of matrices."""
    warmup: Share = 0.05
    """Share of the steps in which the rates rise from 0."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the rates fall after warm-up."""
    final_learning_rate: Share = 0.05
    """The last rate, as a share of the peak."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Longer gradients are shortened to it."""
    epochs: Count = 10
    """Passes over the training pairs, at most."""
    max_steps: Annotated[int, Field(ge=0)] = 0
    """Optimizer steps at most; 0 is no limit. A schedule ends with the last step."""
    batch_tokens: Annotated[int, Field(ge=64)] = 4096
    """Tokens of a step, both languages and padding included."""
    max_length: Annotated[int, Field(ge=8, le=512)] = 160
    """Tokens of a sentence in one language; what is longer is left out, and counted."""
    tags: bool = True
    """Terms of the glossary are put into the source with their Chinese (arXiv 1906.01105), in training and in use."""
    tag_share: Share = 0.5
    """Share of the sentences with such terms that an epoch shows with them; the rest it shows plain."""
    valid_share: Share = 0.02
    """Of the pairs, by whole documents, held out to choose the weights by."""
    validate_every: Count = 200
    """Steps between two validations."""
    patience: Annotated[int, Field(ge=0)] = 5
    """Validations without a lower loss that end the training; 0: none do."""
    least_accepted: Share = 0.3
    """Of the sentences of --test, the share that the checks must take (the lower end of its interval) for the
    student to be good enough."""
    checkpoint_every_s: float = Field(default=120, gt=0)
    """Seconds between two checkpoints."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the first weights, the order and what is held out."""
