"""`convert --to gguf`: a folder of weights to `model.gguf` and a `Modelfile`, tensor by tensor.

Everything is checked before the first byte: the family, its settings, the vocabulary, the template, the room on the
disk. The folder appears when it is complete.
"""

import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from doctorglm.errors import ConfigError, ModelError
from doctorglm.language import Text
from doctorglm.models.adapters import base_fingerprint
from doctorglm.models.checks import refuse_unknown
from doctorglm.models.chatglm.config import ChatGLMConfig, generation_of
from doctorglm.models.convert import new_folder, refuse_target, require_room
from doctorglm.models.llamacpp.architectures import ARCHITECTURES, add_shape, built, refuse_unsupported
from doctorglm.models.llamacpp.modelfile import modelfile
from doctorglm.models.llamacpp.tensors import Error, Packed, known_type, packed_bytes, packed_tensors, values_of
from doctorglm.models.llamacpp.turns import Turns, chat_template, turns_of
from doctorglm.models.llamacpp.vocabulary import add_vocabulary, name_of
from doctorglm.models.loading import load_tokenizer
from doctorglm.models.plans import LICENCES, Plan, carry, planned
from doctorglm.models.weights import read_config
from doctorglm.render import renderer_for
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, atomic_file

FILE, MODELFILE = "model.gguf", "Modelfile"
_FREE = 16_000_000
"""Bytes for the vocabulary and what stands before the tensors, at most."""


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
    chosen = known_type(kind)
    require_package()
    where = source / "config.json"
    refuse_family(source, str(where))
    plan = planned(source, "hf")
    config = built(where, plan.config)
    tokenizer = load_tokenizer(source)
    turns, template = turns_of(tokenizer), chat_template(tokenizer)
    ends = renderer_for(tokenizer).end_token_ids
    tensors = packed_tensors(source, plan.outputs, config, chosen)
    size = sum(one.size for one in tensors)
    require_room(target, size + _FREE)
    known = dict(inputs or {"source": base_fingerprint(source)})
    told = told or {}
    with new_folder(target) as folder:
        error = _write(folder, source, plan, config, tokenizer, template, ends, tensors, chosen)
        _write_modelfile(folder, source, turns, [name_of(tokenizer, end) for end in ends], told)
        carry(source, folder, LICENCES[:3])
        run = Run(folder, stage="convert", settings=settings or {"to": "gguf", "type": chosen, "source": str(source)},
                  inputs=known)  # fmt: skip
        done = {
            "family": plan.family,
            "architecture": ARCHITECTURES[config.model_type],
            "type": chosen,
            "tensors": len(tensors),
            "exact": error.exact,
            "bytes": (folder / FILE).stat().st_size,
            "error": {"relative": error.relative, "largest": error.largest},
            "stops": [name_of(tokenizer, end) for end in ends],
            **told,
        }
        run.finish(**done, seconds=round(time.monotonic() - began, 2))
    return {"out": str(target), "to": "gguf", **done}


def require_package() -> None:
    """Raises ConfigError without the package gguf."""
    if find_spec("gguf") is None:
        raise ConfigError(
            en="--to gguf needs the package gguf. Run pip install 'doctorglm[gguf]'.",
            zh="--to gguf 需要 gguf 包。请运行 pip install 'doctorglm[gguf]'。",
        )


def refuse_family(source: Path, where: str) -> None:
    """Raises ModelError for a folder whose model is none that llama.cpp runs as it is."""
    values = read_config(source)
    refuse_unknown(source, values)
    kind = str(values["model_type"])
    second = kind == ChatGLMConfig.model_type and generation_of(values, where) == 2
    refuse_unsupported(where, "glm" if second else kind)


def _write(
    folder: Path,
    source: Path,
    plan: Plan,
    config: Any,
    tokenizer: Any,
    template: str,
    ends: tuple[int, ...],
    tensors: list[Packed],
    kind: str,
) -> Error:
    """Leaves `model.gguf`; returns what rounding took."""
    import gguf

    writer = gguf.GGUFWriter(folder / FILE, ARCHITECTURES[config.model_type])
    writer.add_type("model")
    writer.add_name(source.resolve().name)
    writer.add_file_type(_file_type(kind))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_shape(writer, config)
    add_vocabulary(writer, source, tokenizer, config.vocab_size, ends)
    writer.add_chat_template(template)
    for one in tensors:
        # the type is given, so that numpy's own does not matter
        writer.add_tensor_info(one.name, one.shape, np.dtype("float32"), one.size, raw_dtype=one.kind)
    error = Error()
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        with progress_line(Text(en="convert", zh="转换"), sum(one.size for one in tensors)) as line:
            done = 0
            for one in tensors:
                values = values_of(one, config, plan.checkpoint.read)
                writer.write_tensor_data(packed_bytes(source, one, values, error))
                done += one.size
                line.update(done, one.name)
    finally:
        writer.close()
    return error


def _file_type(kind: str) -> Any:
    import gguf

    names = {"f32": "ALL_F32"}
    return gguf.LlamaFileType[names.get(kind, f"MOSTLY_{kind.upper()}")]


def _write_modelfile(
    folder: Path, source: Path, turns: Turns, stops: list[str], told: Mapping[str, Any]
) -> None:
    ungated = bool(told.get("gate", {}).get("allow_ungated"))
    files = sorted({file for pattern in LICENCES[:3] for file in source.glob(pattern)})
    licences = "\n\n".join(file.read_text("utf-8", errors="replace") for file in files)
    with atomic_file(folder / MODELFILE) as out:
        out.write(modelfile(turns, stops, ungated=ungated, licences=licences))
