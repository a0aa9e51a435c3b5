"""LLaMA-Factory's SFT; runs in .venv-llamafactory.

Its own `qwen` template would supervise a line break after <|im_end|> as well; the template here is ChatML without it,
and without a system message, so that a dialogue of one turn gives the reference's ids and labels.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import _no_audio  # noqa: F401
from _common import LORA, MAX_LENGTH, SEED, Job, report
from _recording import ARGUMENTS, Recording, documents
from _runner import run
from llamafactory.data.formatter import StringFormatter
from llamafactory.data.template import register_template
from llamafactory.train.sft import workflow
from llamafactory.train.tuner import run_exp

DEFAULTS = {
    "method": "lora",
    "batch_size": 8,
    "packing": False,
    "neat_packing": False,  # documents of a row do not see one another
    "cutoff_len": MAX_LENGTH,  # the length of a packed row; a multiple of 8
    "group_by_length": False,
    "disable_gradient_checkpointing": True,
    "flash_attn": "sdpa",  # its name for the attention: `disabled` is eager
    "dataloader_num_workers": 0,
    "threads": 2,
}

_made: list["RecordingSFT"] = []


class RecordingSFT(Recording, workflow.CustomSeq2SeqTrainer):
    """LLaMA-Factory's trainer, watched."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _made.append(self)


def main(asked: Job) -> None:
    register_template(
        name="chatml_exact",
        format_user=StringFormatter(slots=["<|im_start|>user\n{{content}}<|im_end|>\n<|im_start|>assistant\n"]),
        format_assistant=StringFormatter(slots=["{{content}}<|im_end|>"]),
    )
    workflow.CustomSeq2SeqTrainer = RecordingSFT
    with tempfile.TemporaryDirectory() as folder:
        write_data(asked, Path(folder))
        run_exp(arguments(asked, folder))
    (trainer,) = _made
    seen = list(documents(trainer.batches, trainer.processing_class))
    report(
        asked, "llamafactory", trainer.clock, seen, trainer.first_loss_all, name="LLaMA-Factory", slots=trainer.slots,
        trained=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        dtypes=sorted({str(p.dtype) for p in trainer.model.parameters()}),
    )  # fmt: skip


def write_data(asked: Job, folder: Path) -> None:
    """The dialogues, and the file that tells LLaMA-Factory how to read them."""
    lines = (asked.work / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[: asked.limit]
    (folder / "dialogues.jsonl").write_text("".join(lines), encoding="utf-8")
    described = {
        "file_name": "dialogues.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
    }
    (folder / "dataset_info.json").write_text(json.dumps({"dialogues": described}), encoding="utf-8")


def arguments(asked: Job, folder: str) -> dict[str, object]:
    """LLaMA-Factory's own arguments."""
    settings = asked.settings
    return {
        **{name: value for name, value in ARGUMENTS.items() if name != "disable_tqdm"},
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora" if settings["method"] == "qlora" else settings["method"],
        **({"quantization_bit": 4, "quantization_type": "nf4"} if settings["method"] == "qlora" else {}),
        "lora_rank": LORA["r"],
        "lora_alpha": LORA["lora_alpha"],
        "lora_dropout": LORA["lora_dropout"],
        "lora_target": "all",
        "model_name_or_path": asked.base,
        "template": "chatml_exact",
        "dataset_dir": folder,
        "dataset": "dialogues",
        "output_dir": str(Path(folder) / "out"),
        "cutoff_len": settings["cutoff_len"],
        "packing": settings["packing"],
        "neat_packing": settings["neat_packing"],
        "per_device_train_batch_size": settings["batch_size"],
        "train_sampling_strategy": "group_by_length" if settings["group_by_length"] else "random",
        "disable_gradient_checkpointing": settings["disable_gradient_checkpointing"],
        "flash_attn": settings["flash_attn"],
        "dataloader_num_workers": settings["dataloader_num_workers"],
        "data_seed": SEED,
        "use_unsloth": False,
        "overwrite_cache": True,
    }


if __name__ == "__main__":
    run(DEFAULTS, main)
