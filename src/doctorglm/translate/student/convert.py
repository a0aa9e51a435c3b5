"""A student in the format of CTranslate2, made once and kept beside the weights until these change.

Source: https://opennmt.net/CTranslate2/guides/transformers.html
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any, Literal

from doctorglm.errors import ModelError
from doctorglm.runs import read_json, sync_directory, to_json
from doctorglm.translate.student.folder import Folder

Precision = Literal["int8", "float32"]
_MADE = "made.json"


def converted(folder: Folder, precision: Precision = "int8") -> Path:
    """`DIR/ct2-int8`, which is there already or is made now, whole or not at all; raises ModelError."""
    target = folder.path / f"ct2-{precision}"
    made = {"model": folder.sha256, "precision": precision, "ctranslate2": _version()}
    if _holds(target, made):
        return target
    _remove_left_over(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        _convert(folder, temporary, precision)
        (temporary / _MADE).write_text(to_json(made, indent=2) + "\n", encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
        sync_directory(target.parent)
    except OSError:
        if not _holds(target, made):  # another process may have made the same meanwhile
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _holds(target: Path, made: dict[str, str]) -> bool:
    return (target / _MADE).is_file() and bool(read_json(target / _MADE) == made)


def _version() -> str:
    from importlib.metadata import version

    return version("ctranslate2")


def _remove_left_over(target: Path) -> None:
    """Removes what a killed process left of its own."""
    for found in target.parent.glob(f".{target.name}.*.tmp"):
        owner = re.fullmatch(rf"\.{re.escape(target.name)}\.(\d+)\.tmp", found.name)
        if owner and not Path("/proc", owner[1]).exists():
            shutil.rmtree(found, ignore_errors=True)


def _convert(folder: Folder, target: Path, precision: Precision) -> None:
    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers.utils import logging

    logging.disable_progress_bar()

    class Converter(TransformersConverter):
        def load_model(self, model_class: Any, model_name_or_path: str, **settings: Any) -> Any:
            """The model, its start moved to where CTranslate2 starts: from a zero embedding.

            Training moves the row of <pad>, which is tied to the output; it stands at the first place alone.
            """
            model, told = super().load_model(model_class, model_name_or_path, output_loading_info=True, **settings)
            if told["missing_keys"] or told["mismatched_keys"]:  # transformers would go on with random ones
                raise KeyError("weights")
            model = model.float()
            decoder, start = model.model.decoder, model.config.pad_token_id
            scale = model.config.d_model**0.5 if model.config.scale_embedding else 1.0
            with torch.no_grad():
                decoder.embed_positions.weight[0] += scale * decoder.embed_tokens.weight[start]
            return model

        def load_tokenizer(self, tokenizer_class: Any, model_name_or_path: str, **_: Any) -> Any:
            return folder.tokenizer()

    try:
        Converter(str(folder.path)).convert(str(target), quantization=precision)
    except (ValueError, RuntimeError, KeyError, AttributeError, NotImplementedError) as error:
        raise ModelError(
            en=f"{folder.path}: its weights cannot be converted ({type(error).__name__}). Write the student again.",
            zh=f"{folder.path}：权重无法转换（{type(error).__name__}）。请重新生成学生模型。",
        ) from error
