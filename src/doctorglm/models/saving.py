"""A model and its tokenizer written as one folder, whole or not at all."""

import shutil
from pathlib import Path
from typing import Any

from transformers.utils import logging

from doctorglm.runs import sync_directory


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes safetensors, config and tokenizer to a temporary folder that then takes the name `folder`."""
    logging.disable_progress_bar()
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        for file in temporary.rglob("*"):
            file.chmod(0o700 if file.is_dir() else 0o600)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
        sync_directory(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
