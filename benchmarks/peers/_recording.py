"""What every trainer built on transformers' Trainer is watched with: its batches, its losses and the clock."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from _common import LEARNING_RATE, MAX_GRAD_NORM, SEED, Clock, Document, cut, supervised
from transformers import TrainerCallback, set_seed

ARGUMENTS = {
    "learning_rate": LEARNING_RATE,
    "weight_decay": 0.0,
    "lr_scheduler_type": "constant",
    "max_grad_norm": MAX_GRAD_NORM,
    "num_train_epochs": 1,
    "gradient_accumulation_steps": 1,
    "optim": "adamw_torch",
    "seed": SEED,
    "use_cpu": True,
    "bf16": False,
    "fp16": False,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
    "dataloader_pin_memory": False,
}
"""The arguments that all of them take; the names are transformers' own."""


class Recording:
    """Put before a Trainer in a class's bases: measures the initial model's loss, keeps batches, times the steps."""

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Trains, after one pass of the untouched model over the trainer's own batches, and one there and back."""
        self.clock, self.batches, self.first_loss_all = Clock(), [], self._mean_nats()
        self._warm_up()
        self.add_callback(_Steps(self.clock))
        set_seed(SEED)
        return super().train(*args, **kwargs)

    def training_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> torch.Tensor:
        """One forward and backward pass."""
        self.batches.append({k: inputs[k] for k in ("input_ids", "labels")})
        loss = super().training_step(model, inputs, *args, **kwargs)
        self.clock.losses.append(loss.item())
        return loss

    def _mean_nats(self) -> float:
        """Nats per supervised token as `compute_loss` gives them for each batch of the trainer's own loader."""
        self.model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for inputs in self.get_train_dataloader():
                tokens = supervised(inputs["labels"][:, 1:].flatten().tolist())
                total += self.compute_loss(self.model, self._prepare_inputs(inputs)).item() * tokens
                count += tokens
        return total / count

    def _warm_up(self) -> None:
        """One pass forward and back, so that the clock finds memory that was touched; it leaves no gradient."""
        self.model.train()
        inputs = self._prepare_inputs(next(iter(self.get_train_dataloader())))
        self.compute_loss(self.model, inputs).backward()
        self.model.zero_grad(set_to_none=True)

    @property
    def slots(self) -> int:
        """Positions that were computed, padding included."""
        return sum(batch["input_ids"].numel() for batch in self.batches)


class _Steps(TrainerCallback):
    """The clock: from the first step's beginning to the end of the last one's update."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Before the forward pass."""
        self._clock.start()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """After the optimizer's step."""
        self._clock.step()


def documents(batches: list[Mapping[str, torch.Tensor]], tokenizer: Any) -> Iterator[Document]:
    """The dialogues of the rows, padding stripped; one begins where <|im_start|> follows <|im_end|> directly."""
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    for batch in batches:
        for ids, labels in zip(batch["input_ids"].tolist(), batch["labels"].tolist(), strict=True):
            kept = [(i, label) for i, label in zip(ids, labels, strict=True) if i != tokenizer.pad_token_id]
            ids, labels = [i for i, _ in kept], [label for _, label in kept]
            begins = [at for at in range(1, len(ids)) if ids[at - 1] == end and ids[at] == start]
            yield from cut(ids, labels, begins)
