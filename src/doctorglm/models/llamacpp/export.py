"""`convert --to gguf`: a folder of weights to `model.gguf` and a `Modelfile`, tensor by tensor.

Everything is checked before the first byte: the family, its settings, the vocabulary, the template, the room on the
disk. The folder appears when it is complete.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from doctorglm.errors import ConfigError
from doctorglm.language import Text
from doctorglm.models.adapters import base_fingerprint
from doctorglm.models.chatglm.config import ChatGLMConfig, generation_of
from doctorglm.models.checks import refuse_unknown
from doctorglm.models.convert import new_folder, refuse_target, require_room
from doctorglm.models.llamacpp.architectures import ARCHITECTURES, add_shape, built, refuse_unsupported
from doctorglm.models.llamacpp.modelfile import modelfile
from doctorglm.models.llamacpp.tensors import Error, Packed, known_type, packed_bytes, packed_tensors, values_of
from doctorglm.models.llamacpp.turns import Turns, chat_template, turns_of
from doctorglm.models.llamacpp.vocabulary import add_vocabulary, name_of
from doctorglm.models.loading import load_tokenizer
from doctorglm.models.plans import Plan, carry, planned
from doctorglm.models.weights import read_config
from doctorglm.render import renderer_for
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, atomic_file

FILE, MODELFILE = "model.gguf", "Modelfile"
_HEAD = 16_000_000
"""Bytes of what stands before the tensors, at most: the vocabulary."""
_LICENCES = ("LICENSE*", "MODEL_LICENSE*", "NOTICE*")
"""The base's model card stays behind: it is not of this file."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """All that is known before the first byte."""

    plan: Plan
    config: Any
    turns: Turns
    stops: tuple[str, ...]
    tensors: list[Packed]
    kind: str
    writer: Any
    """gguf's, with everything but the tensors, and no file yet."""

    @property
    def size(self) -> int:
        """Bytes of the file, at most."""
        return sum(one.size for one in self.tensors) + _HEAD


def prepared(source: Path, kind: str | None = None) -> Prepared:
    """What `source` becomes; raises ConfigError and ModelError as `to_gguf`."""
    chosen = known_type(kind)
    _require_package()
    where = source / "config.json"
    _refuse_family(source, str(where))
    plan = planned(source, "hf")
    config = built(where, plan.config)
    tokenizer = load_tokenizer(source)
    ends = renderer_for(tokenizer).end_token_ids
    return Prepared(
        plan=plan,
        config=config,
        turns=turns_of(tokenizer),
        stops=tuple(name_of(tokenizer, end) for end in ends),
        tensors=packed_tensors(source, plan.outputs, config, chosen),
        kind=chosen,
        writer=_described(source, config, tokenizer, ends, chosen),
    )


def to_gguf(
    source: Path,
    target: Path,
    kind: str | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str] | None = None,
    told: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes the model of `source` to the new folder `target` for llama.cpp and Ollama; returns what was done.

    `settings`, `inputs` and `told` are what an adapter that was merged into `source` adds to `run.json`; with
    `told["gate"]["allow_ungated"]` the Modelfile says so.
    Raises ConfigError for a target that is there, a type that is none and a disk without room; ModelError for what
    cannot be read, has no counterpart in llama.cpp, or does not fit the type.
    """
    began = time.monotonic()
    refuse_target(source, target)
    ready = prepared(source, kind)
    require_room(target, ready.size)
    told = told or {}
    settings = settings or {"to": "gguf", "type": ready.kind, "source": str(source)}
    inputs = inputs or {"source": base_fingerprint(source)}
    with new_folder(target) as folder:
        error = _write(folder / FILE, source, ready)
        _write_modelfile(folder / MODELFILE, source, ready, told)
        carry(source, folder, _LICENCES)
        run = Run(folder, stage="convert", settings=settings, inputs=inputs)
        done = {
            "family": ready.plan.family,
            "architecture": ARCHITECTURES[ready.config.model_type],
            "type": ready.kind,
            "tensors": len(ready.tensors),
            "exact": error.exact,
            "bytes": (folder / FILE).stat().st_size,
            "error": {"relative": error.relative, "largest": error.largest},
            "stops": list(ready.stops),
            **told,
        }
        run.finish(**done, seconds=round(time.monotonic() - began, 2))
    return {"out": str(target), "to": "gguf", **done}


def _require_package() -> None:
    if find_spec("gguf") is None:
        raise ConfigError(
            en="--to gguf needs the package gguf. Run pip install 'doctorglm[gguf]'.",
            zh="--to gguf 需要 gguf 包。请运行 pip install 'doctorglm[gguf]'。",
        )


def _refuse_family(source: Path, where: str) -> None:
    values = read_config(source)
    refuse_unknown(source, values)
    kind = str(values["model_type"])
    second = kind == ChatGLMConfig.model_type and generation_of(values, where) == 2
    refuse_unsupported(where, "glm" if second else kind)


def _described(source: Path, config: Any, tokenizer: Any, ends: tuple[int, ...], kind: str) -> Any:
    """gguf's writer with all that stands before the tensors."""
    import gguf

    writer = gguf.GGUFWriter(None, ARCHITECTURES[config.model_type])
    writer.add_type("model")
    writer.add_name(source.resolve().name.strip("."))
    writer.add_file_type(gguf.LlamaFileType["ALL_F32" if kind == "f32" else f"MOSTLY_{kind.upper()}"])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_shape(writer, config)
    add_vocabulary(writer, source, tokenizer, config.vocab_size, ends)
    writer.add_chat_template(chat_template(tokenizer))
    return writer


def _write(file: Path, source: Path, ready: Prepared) -> Error:
    """Leaves the file; returns what rounding took."""
    writer, error, done = ready.writer, Error(), 0
    for one in ready.tensors:
        # numpy's type does not matter where gguf's is given
        writer.add_tensor_info(one.name, one.shape, np.dtype("float32"), one.size, raw_dtype=one.kind)
    try:
        writer.write_header_to_file(file)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        with progress_line(Text(en="convert", zh="转换"), ready.size - _HEAD) as line:
            for one in ready.tensors:
                values = values_of(one, ready.config, ready.plan.checkpoint.read)
                writer.write_tensor_data(packed_bytes(source, one, values, error))
                done += one.size
                line.update(done, one.name)
    finally:
        writer.close()
    return error


def _write_modelfile(file: Path, source: Path, ready: Prepared, told: Mapping[str, Any]) -> None:
    ungated = bool(told.get("gate", {}).get("allow_ungated"))
    files = sorted({found for pattern in _LICENCES for found in source.glob(pattern)})
    licences = "\n\n".join(found.read_text("utf-8", errors="replace") for found in files)
    with atomic_file(file) as out:
        out.write(modelfile(ready.turns, ready.stops, ungated=ungated, licences=licences))
