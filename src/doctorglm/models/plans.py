"""What a converted folder will hold, decided and checked before its first file is written.

One function for each kind of source: ChatGLM-6B, ChatGLM2 and ChatGLM3, other families, and GLM on its way back.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import GlmConfig

from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.chatglm import layout
from doctorglm.models.chatglm.config import ChatGLMConfig, generation_of, refuse_unsupported
from doctorglm.models.chatglm.tokenizer import ChatGLMTokenizer
from doctorglm.models.chatglm2.config import ChatGLM2Config, official_values, packed_in, prefix_places
from doctorglm.models.chatglm2.names import native_shapes, to_native, to_official
from doctorglm.models.chatglm2.stored import fitting_checkpoint, unpacked, unpacking
from doctorglm.models.chatglm2.tokenizer import VOCABULARY, recognised_format
from doctorglm.models.checks import VOCABULARIES, check_first, first_tokenizer, refuse_unknown, second_tokenizer
from doctorglm.models.weights import Checkpoint, compare_shapes, read_config, without_tied_head
from doctorglm.models.writing import Output, renamed
from doctorglm.runs import atomic_file, read_json, write_json

Layout = Literal["hf", "chatglm", "int8", "int4"]

LICENCES = ("LICENSE*", "MODEL_LICENSE*", "NOTICE*", "README*.md", "generation_config.json")
"""What goes with the weights whatever becomes of them."""
_TEXTS = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be written: everything is checked before the first file."""

    family: str
    config: dict[str, Any]
    checkpoint: Checkpoint
    outputs: list[Output]
    write_tokenizer: Callable[[Path], object] | None


def planned(source: Path, to: Layout, *, slim: bool = False) -> Plan:
    """What `source` becomes; `slim`: without the image tokens of ChatGLM-6B's first vocabulary.

    Raises ModelError for what cannot be read, is unknown, does not fit or has no way; ConfigError where there is
    nothing to make slim.
    """
    values = read_config(source)
    refuse_unknown(source, values)
    where, kind = str(source / "config.json"), values["model_type"]
    first = kind == ChatGLMConfig.model_type and generation_of(values, where) == 1
    if first:
        return _first(source, values, where, official=to == "chatglm", slim=slim)
    if slim:
        raise ConfigError(
            en=f"--slim: {where}: not a ChatGLM-6B, whose first vocabulary alone has image tokens. Leave --slim out.",
            zh=f"--slim：{where}：不是 ChatGLM-6B，只有它最初的词表才有图像 token。请去掉 --slim。",
        )
    if to == "chatglm":
        if kind != GlmConfig.model_type:
            raise ModelError(
                en=f"{where}: model_type {kind!r}; only ChatGLM-6B and a folder of GLM, such as `--to hf` makes of "
                "ChatGLM2 and ChatGLM3, have official names of that kind. Use --to hf.",
                zh=f"{where}：model_type 为 {kind!r}；只有 ChatGLM-6B 和 GLM 目录（例如 ChatGLM2、ChatGLM3 经 "
                "`--to hf` 得到的）才能转为官方命名。请使用 --to hf。",
            )
        return _back(source, values, where)
    if kind != ChatGLMConfig.model_type:
        return _as_it_is(source, values, str(kind))
    return _second(source, values, where)


def officially_named(source: Path, values: dict[str, Any], where: str) -> Plan | None:
    """ChatGLM-6B, ChatGLM2 or ChatGLM3 as they are stored, under their official names; None for another family.

    A GLM is one of them where its vocabulary is theirs, or it has none. Raises ModelError as `planned`.
    """
    kind = values.get("model_type")
    if kind == GlmConfig.model_type:
        theirs = (source / VOCABULARY).is_file() or not _has_vocabulary(source)
        return _back(source, values, where) if theirs else None
    if kind != ChatGLMConfig.model_type:
        return None
    if generation_of(values, where) == 1:
        return _first(source, values, where, official=False, slim=False)
    glm = ChatGLM2Config.from_dict(values | {"_name_or_path": where}).native()
    checkpoint = fitting_checkpoint(source, glm)
    tokenizer = second_tokenizer(source, glm) if (source / VOCABULARY).is_file() else None
    return Plan(
        family=tokenizer.chat_format if tokenizer else recognised_format(source, {}),
        config=_own(values),
        checkpoint=checkpoint,
        outputs=[renamed(name, name, one) for name, one in checkpoint.stored.items()],
        write_tokenizer=partial(_write_second, tokenizer) if tokenizer else None,
    )


def _first(source: Path, values: dict[str, Any], where: str, *, official: bool, slim: bool) -> Plan:
    """ChatGLM-6B: the same names, which our own class loads; `official`: as complete as published."""
    refuse_unsupported(values, where)
    config = ChatGLMConfig.from_dict(values)
    checkpoint = Checkpoint(source)
    check_first(source, config, {name: one.shape for name, one in checkpoint.stored.items()})
    found = (source / ChatGLMTokenizer.vocab_files_names["vocab_file"]).is_file()
    if found:
        first_tokenizer(source, config)
    outputs = [renamed(name, name, one) for name, one in checkpoint.stored.items()]
    if slim:
        layout.refuse_without_images(source / "config.json", config)
        outputs, values = layout.slim(checkpoint.stored), layout.slim_values(values, config)
        config = ChatGLMConfig.from_dict(values)
    if official:
        outputs = layout.completed(checkpoint.stored, outputs, config)
    ours = _own(values) | {"architectures": ["ChatGLMForConditionalGeneration"]}
    return Plan(
        family="chatglm-6b",
        config=layout.official_values(config, values) if official else ours,
        checkpoint=checkpoint,
        outputs=outputs,
        write_tokenizer=partial(_write_first, source, slim) if found else None,
    )


def _write_first(source: Path, slim: bool, folder: Path) -> None:
    """ChatGLM-6B's tokenizer: its files as they are, or made anew for the ids without image tokens."""
    if slim:
        ChatGLMTokenizer.from_pretrained(source, num_image_tokens=0, local_files_only=True).save_pretrained(folder)
    else:
        carry(source, folder, _TEXTS)


def _as_it_is(source: Path, values: dict[str, Any], family: str) -> Plan:
    """Another family that transformers knows: only the form of its files changes."""
    checkpoint = Checkpoint(source)
    found = _has_vocabulary(source)
    return Plan(
        family=family,
        config=_own(values),
        checkpoint=checkpoint,
        outputs=[renamed(name, name, one) for name, one in checkpoint.stored.items()],
        write_tokenizer=(lambda folder: carry(source, folder, _TEXTS)) if found else None,
    )


def _second(source: Path, values: dict[str, Any], where: str) -> Plan:
    """ChatGLM2 and ChatGLM3: GLM's names, and numbers in 32 bits in place of packed ones.

    Raises ModelError for a folder with a prefix.
    """
    glm = ChatGLM2Config.from_dict(values | {"_name_or_path": where}).native()
    if places := prefix_places(glm):
        raise ModelError(
            en=f"{where}: pre_seq_len={places}: GLM has no part for a prefix outside of DoctorGLM, and without it the "
            "answers would be others. Use the folder as it is, which every verb takes.",
            zh=f"{where}：pre_seq_len={places}：在 DoctorGLM 之外，GLM 没有前缀的位置，去掉它会得到不同的回答。"
            "请直接使用该文件夹，所有命令都支持。",
        )
    checkpoint, kind = fitting_checkpoint(source, glm), packed_in(glm)
    glm.architectures = ["GlmForCausalLM"]
    outputs = to_native(checkpoint.stored if kind is None else unpacked(checkpoint.stored, kind), glm)
    if kind is not None:
        outputs = [unpacking(output, kind) for output in outputs]
        glm.dtype = torch.float32
    tokenizer = second_tokenizer(source, glm) if (source / VOCABULARY).is_file() else None
    left_out = ("_name_or_path", "quantization_bit")
    config = {key: value for key, value in json.loads(glm.to_json_string()).items() if key not in left_out}
    return Plan(
        family=tokenizer.chat_format if tokenizer else recognised_format(source, {}),
        config=config,
        checkpoint=checkpoint,
        outputs=outputs,
        write_tokenizer=tokenizer.save_pretrained if tokenizer else None,
    )


def _back(source: Path, values: dict[str, Any], where: str) -> Plan:
    """A GLM: the official names of ChatGLM2 and ChatGLM3."""
    glm = GlmConfig.from_dict(values)
    checkpoint = Checkpoint(source)
    shapes = {name: one.shape for name, one in checkpoint.stored.items()}
    compare_shapes(
        source, without_tied_head(native_shapes(glm), shapes, "lm_head.weight", glm.tie_word_embeddings), shapes
    )
    tokenizer = second_tokenizer(source, glm) if (source / VOCABULARY).is_file() else None

    return Plan(
        family=tokenizer.chat_format if tokenizer else "glm",
        config=official_values(glm, where),
        checkpoint=checkpoint,
        outputs=to_official(checkpoint.stored, glm),
        write_tokenizer=partial(_write_second, tokenizer) if tokenizer else None,
    )


def _write_second(tokenizer: Any, folder: Path) -> None:
    """The tokenizer of ChatGLM2 or ChatGLM3 as official folders have it, with the format written out."""
    tokenizer.save_pretrained(folder)
    # which an official folder does not have
    (folder / "tokenizer.json").unlink()
    file = folder / "tokenizer_config.json"
    # the official name, which the tokenizer of every ChatGLM has
    write_json(file, json.loads(file.read_text("utf-8")) | {"tokenizer_class": ChatGLMTokenizer.__name__})


def _has_vocabulary(source: Path) -> bool:
    return any(file for pattern in VOCABULARIES for file in source.glob(pattern))


def _own(values: dict[str, Any]) -> dict[str, Any]:
    """Without the names of code, which is neither run nor copied."""
    return {key: value for key, value in values.items() if key != "auto_map"}


def carry(source: Path, folder: Path, patterns: tuple[str, ...]) -> None:
    """Copies what is small and no weights, as it is; tokenizer_config.json without the names of code."""
    for file in sorted({file for pattern in patterns for file in source.glob(pattern) if file.is_file()}):
        copy = folder / file.name
        if file.name == "tokenizer_config.json":
            write_json(copy, _own(read_json(file)))
        elif not file.name.endswith(".index.json") and not copy.exists():
            with atomic_file(copy, "wb") as out:
                out.write(file.read_bytes())
