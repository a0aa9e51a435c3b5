"""TRL's SFTTrainer; runs in .venv-trl."""

import json
import os
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from _common import LORA, MAX_LENGTH, job, report
from _recording import ARGUMENTS, Recording, documents
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

DEFAULTS = {
    "batch_size": 8,
    "packing": False,
    "packing_strategy": "bfd",
    "padding_free": False,  # without packing; TRL then enforces no length
    "max_length": MAX_LENGTH,  # of a packed row
    "group_by_length": False,
    "gradient_checkpointing": False,
    "attn_implementation": "sdpa",
    "dataloader_num_workers": 0,
    "threads": 2,
}


class RecordingSFT(Recording, SFTTrainer):
    """SFTTrainer, watched."""


def main() -> None:
    asked = job(DEFAULTS)
    settings = asked.settings
    disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(asked.base)
    model = AutoModelForCausalLM.from_pretrained(
        asked.base, dtype=torch.float32, attn_implementation=settings["attn_implementation"]
    )
    lines = (asked.work / "train.jsonl").read_text(encoding="utf-8").splitlines()[: asked.limit]
    with tempfile.TemporaryDirectory() as out:
        trainer = RecordingSFT(
            model=model,
            args=SFTConfig(output_dir=out, **ARGUMENTS, **arguments(settings)),
            train_dataset=Dataset.from_list([json.loads(line) for line in lines]),
            processing_class=tokenizer,
            peft_config=LoraConfig(**LORA, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
        trainer.train()
    seen = list(documents(trainer.batches, tokenizer))
    report(
        asked, "trl", trainer.clock, seen, trainer.first_loss_all, name="TRL", slots=trainer.slots,
        trained=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
    )  # fmt: skip


def arguments(settings: dict[str, object]) -> dict[str, object]:
    """TRL's own arguments."""
    alone = settings["padding_free"] and not settings["packing"]
    return {
        "per_device_train_batch_size": settings["batch_size"],
        "packing": settings["packing"],
        "packing_strategy": settings["packing_strategy"],
        "padding_free": settings["padding_free"],
        "max_length": None if alone else settings["max_length"],
        "train_sampling_strategy": "group_by_length" if settings["group_by_length"] else "random",
        "gradient_checkpointing": settings["gradient_checkpointing"],
        "dataloader_num_workers": settings["dataloader_num_workers"],
        "assistant_only_loss": True,
        "shuffle_dataset": settings["packing"],
    }


if __name__ == "__main__":
    main()
