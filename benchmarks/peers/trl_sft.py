"""TRL's SFTTrainer; runs in .venv-trl."""

import json
import os
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from _common import LORA, MAX_LENGTH, Job, report
from _recording import ARGUMENTS, Recording, documents
from _runner import run
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig, PeftConfig, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from trl import SFTConfig, SFTTrainer

DEFAULTS = {
    "method": "lora",  # `ptuning` goes on from the work's own prefix, so that it begins as ours does
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


def main(asked: Job) -> None:
    settings = asked.settings
    disable_progress_bars()
    model, adapter = model_for(asked)
    tokenizer = AutoTokenizer.from_pretrained(asked.base)
    lines = (asked.work / "train.jsonl").read_text(encoding="utf-8").splitlines()[: asked.limit]
    with tempfile.TemporaryDirectory() as out:
        trainer = RecordingSFT(
            model=model,
            args=SFTConfig(output_dir=out, **ARGUMENTS, **arguments(settings)),
            train_dataset=Dataset.from_list([json.loads(line) for line in lines]),
            processing_class=tokenizer,
            peft_config=adapter,
        )
        trainer.train()
    seen = list(documents(trainer.batches, tokenizer))
    report(
        asked, "trl", trainer.clock, seen, trainer.first_loss_all, name="TRL", slots=trainer.slots,
        trained=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
    )  # fmt: skip


def model_for(asked: Job) -> tuple[torch.nn.Module, LoraConfig | None]:
    """What the trainer is given: a model, and the adapter that it shall make itself."""
    method = asked.settings["method"]
    packed = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
    model = AutoModelForCausalLM.from_pretrained(
        asked.base,
        dtype=torch.float32,
        attn_implementation=asked.settings["attn_implementation"],
        **({"quantization_config": packed, "device_map": {"": "cpu"}} if method == "qlora" else {}),
    )
    if method == "ptuning":
        config = PeftConfig.from_pretrained(asked.work / "prefix")
        config.inference_mode = False
        prefixed = get_peft_model(model, config)
        set_peft_model_state_dict(prefixed, load_file(asked.work / "prefix" / "adapter_model.safetensors"))
        return prefixed, None
    lora = LoraConfig(**LORA, target_modules="all-linear", task_type="CAUSAL_LM")
    return model, None if method == "full" else lora


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
    run(DEFAULTS, main)
