"""Models of sentence-transformers (https://sbert.net) in folders: of which kind one is, and the model itself."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from doctorglm.errors import ConfigError, ModelError, without_values


def kind_of(folder: Path) -> str:
    """`SentenceTransformer`, `CrossEncoder`, what else its settings call it, or "" for none; nothing is loaded.

    A cross-encoder of older versions is a classifier of transformers'. Raises ConfigError for a folder that is missing.
    """
    if not folder.is_dir():
        raise ConfigError(en=f"{folder}: no such folder. Check the path.", zh=f"{folder}：没有这个文件夹。请检查路径。")
    if told := _json(folder / "config_sentence_transformers.json").get("model_type"):
        return str(told)
    if (folder / "modules.json").is_file():
        return "SentenceTransformer"
    built = _json(folder / "config.json").get("architectures") or [""]
    return "CrossEncoder" if str(built[0]).endswith("ForSequenceClassification") else ""


def _json(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def require_installed() -> None:
    """Raises ConfigError where sentence-transformers is not installed; it is an extra."""
    if find_spec("sentence_transformers") is None:
        raise ConfigError(
            en="sentence-transformers is not installed. Run pip install 'doctorglm[sentence-transformers]'.",
            zh="没有安装 sentence-transformers。请运行 pip install 'doctorglm[sentence-transformers]'。",
        )


def loaded(kind: Literal["SentenceTransformer", "CrossEncoder"], folder: Path) -> Any:
    """The model of a folder, from its files alone; raises ModelError for a damaged one."""
    import sentence_transformers
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return getattr(sentence_transformers, kind)(str(folder.resolve()), local_files_only=True)
    except Exception as error:  # each part of a model raises its own
        said = without_values(" ".join(str(error).split()))[:200]
        raise ModelError(
            en=f"{folder}: this model cannot be loaded ({type(error).__name__}: {said}). Fetch it again, or use "
            "another.",
            zh=f"{folder}：无法加载该模型（{type(error).__name__}：{said}）。请重新下载，或换一个模型。",
        ) from None
