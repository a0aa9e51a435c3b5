"""A model and its tokenizer written as one folder, whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers.utils import logging

from doctorglm.runs import sync_directory


def save_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes safetensors, config and tokenizer to a temporary folder that then takes the name `folder`."""
    with whole_folder(folder) as temporary:
        save_weights(model, temporary)
        tokenizer.save_pretrained(temporary)


def save_weights(model: Any, folder: Path) -> None:
    """Writes safetensors and config, without a line of progress."""
    logging.disable_progress_bar()
    model.save_pretrained(folder)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder that takes the name `folder`, its owner's alone, when the block ends well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            file.chmod(0o700 if file.is_dir() else 0o600)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)
        sync_directory(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
