"""A student's folder: a MarianMTModel and its MarianTokenizer as transformers writes them, and perhaps `student.json`.

Helsinki-NLP's opus-mt models are such folders. https://huggingface.co/docs/transformers/model_doc/marian
"""

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from doctorglm.errors import ModelError
from doctorglm.files.told import file_name
from doctorglm.runs import read_json, sha256_file
from doctorglm.translate.student.tags import TAGS

SAYS = "student.json"
"""`{"tags": true}`: trained with inline term tags; without the file, where the vocabulary has them."""
_NEEDED = ("config.json", "source.spm", "target.spm", "vocab.json", "tokenizer_config.json")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_INTO = (">>cmn_Hans<<", ">>zho_Hans<<", ">>cmn<<", ">>zho<<", ">>zh<<")
"""What a model of several languages wants in front of a text that is to become Simplified Chinese; the first it has."""


@dataclass(frozen=True)
class Folder:
    """A folder that was found to be a student; made by `student_folder`."""

    path: Path
    config: Mapping[str, Any]
    vocabulary: Mapping[str, int]
    tags: bool
    """Whether terms are to be written into its sentences."""

    @cached_property
    def sha256(self) -> str:
        """Of everything that decides what it says."""
        files = [*_NEEDED, *_WEIGHTS, SAYS]
        told = [f"{name}\0{sha256_file(self.path / name)}\n" for name in files if (self.path / name).is_file()]
        return hashlib.sha256("".join(told).encode()).hexdigest()

    @property
    def name(self) -> str:
        """How records name it: its folder, and which of all that were ever called so."""
        return f"{file_name(self.path.resolve().name)}@{self.sha256[:12]}"

    @property
    def into(self) -> str:
        """The sign for Simplified Chinese that stands in front of each text; "" where it knows no other language."""
        return next((sign for sign in _INTO if sign in self.vocabulary), "")

    @property
    def positions(self) -> int:
        """Tokens that a source or a translation may have, ends included."""
        return int(self.config.get("max_position_embeddings", 512))

    def tokenizer(self) -> Any:
        """Its MarianTokenizer."""
        return marian_tokenizer(self.path)


def marian_tokenizer(folder: Path) -> Any:
    """The MarianTokenizer of a folder."""
    from transformers import MarianTokenizer

    with warnings.catch_warnings():
        # sacremoses would be loaded and never used: MarianTokenizer does not normalise what it tokenises
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        return MarianTokenizer.from_pretrained(folder, local_files_only=True)


def student_folder(path: Path) -> Folder:
    """The folder; raises ModelError for one that is no student, with what is missing or wrong."""
    if not path.is_dir():
        raise ModelError(
            en=f"{path}: no such folder. --student takes what `doctorglm distill` wrote, or a local opus-mt-en-zh.",
            zh=f"{path}：没有这个文件夹。--student 需要 `doctorglm distill` 的输出，或本地的 opus-mt-en-zh。",
        )
    missing = [name for name in _NEEDED if not (path / name).is_file()]
    if not any((path / name).is_file() for name in _WEIGHTS):
        missing.append(_WEIGHTS[0])
    if missing:
        raise _no_student(path, f"{', '.join(missing)} missing", f"缺少 {'、'.join(missing)}")
    config, vocabulary = _read(path, "config.json"), _read(path, "vocab.json")
    says = _read(path, SAYS) if (path / SAYS).exists() else {}
    found = Folder(path, config, vocabulary, bool(says.get("tags", True)) and all(tag in vocabulary for tag in TAGS))
    _require_marian(found)
    return found


def _read(path: Path, name: str) -> dict[str, Any]:
    found = read_json(path / name)
    if not isinstance(found, dict):
        raise _no_student(path, f"{name} is no JSON object", f"{name} 不是 JSON 对象")
    return found


def _require_marian(found: Folder) -> None:
    config, size = found.config, len(found.vocabulary)
    if config.get("model_type") != "marian":
        raise _no_student(found.path, "config.json names another kind of model than marian",
                          "config.json 中的模型类型不是 marian")  # fmt: skip
    last = found.vocabulary.get("<pad>")
    ids = {last, config.get("pad_token_id"), config.get("decoder_start_token_id", last)}
    if ids != {size - 1} or config.get("vocab_size") != size:
        raise _no_student(found.path, "<pad> must be the last of the vocabulary and start the decoder",
                          "<pad> 必须是词表的最后一个，并作为解码的起点")  # fmt: skip
    if any(sign.startswith(">>") and sign.endswith("<<") for sign in found.vocabulary) and not found.into:
        raise _no_student(found.path, "it translates into other languages, not into Simplified Chinese",
                          "它译成其他语言，不译成简体中文")  # fmt: skip


def _no_student(path: Path, en: str, zh: str) -> ModelError:
    return ModelError(
        en=f"{path}: not a translation student: {en}. `doctorglm distill` writes one; a local opus-mt-en-zh is one.",
        zh=f"{path}：不是翻译学生模型：{zh}。请用 `doctorglm distill` 生成，或使用本地的 opus-mt-en-zh。",
    )
