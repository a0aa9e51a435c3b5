"""ChatGLM-6B, ChatGLM2 and ChatGLM3 in their official INT8 or INT4 format: packed tensor by tensor, and then measured.

Source: https://huggingface.co/THUDM/chatglm-6b-int4 and chatglm2-6b-int4, their format re-implemented; of weights in
float16 it is bit by bit what their code packs.
"""

import gc
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from doctorglm.errors import ModelError
from doctorglm.models.chatglm.layout import EMBEDDING, HEAD, SCALE
from doctorglm.models.checks import refuse_packed_embeddings
from doctorglm.models.loading import load, stored_quantization
from doctorglm.models.plans import Plan, officially_named
from doctorglm.models.quantized.divergence import PROBES, answered, apart, logits_of, refuse_lost
from doctorglm.models.quantized.formats import Quantization, integer_scales, pack, stored_like
from doctorglm.models.weights import read_config
from doctorglm.models.writing import Output, Read
from doctorglm.runs import note, read_json

Integers = Literal["int8", "int4"]

_LINEAR = ("attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h")
"""How the names end of what is packed in each layer; norms and biases stay as they are stored, and, unless asked for,
embedding and head."""

_BITS = {"int8": 8, "int4": 4}


def packed_plan(source: Path, kind: Integers, *, embeddings: bool = False) -> Plan:
    """What a folder of ChatGLM becomes; with `embeddings` ChatGLM-6B's embedding and head are packed too.

    Raises ModelError for another family, and for one that is packed already.
    """
    values = read_config(source)
    where = str(source / "config.json")
    stored = stored_quantization(source)
    plan = None if stored else officially_named(source, values, where)
    if plan is None:
        held = f"is in {stored} already" if stored else f"model_type {values.get('model_type')!r}"
        held_zh = f"权重已是 {stored}" if stored else f"model_type 为 {values.get('model_type')!r}"
        raise ModelError(
            en=f"{where}: {held}; --to {kind} packs ChatGLM-6B, ChatGLM2 and ChatGLM3 from 16 or 32 bits. Other "
            "families are packed while they are loaded: --quantization, or tune --method qlora.",
            zh=f"{where}：{held_zh}；--to {kind} 只打包 16 或 32 位的 ChatGLM-6B、ChatGLM2 和 ChatGLM3。"
            "其他模型在加载时量化：--quantization，或 tune --method qlora。",
        )
    if embeddings:
        refuse_packed_embeddings(source, kind)
    outputs = [made for output in plan.outputs for made in _packed(output, kind, embeddings)]
    config = plan.config | {"quantization_bit": _BITS[kind]}
    if plan.family == "chatglm-6b":
        config["quantization_embeddings"] = embeddings
    return Plan(
        family=plan.family,
        config=config,
        checkpoint=plan.checkpoint,
        outputs=outputs,
        write_tokenizer=plan.write_tokenizer,
    )


def _packed(output: Output, kind: Integers, embeddings: bool) -> list[Output]:
    """The tensor as it is, or its packed values and their scales."""
    name = output.name
    packed = name.endswith(tuple(f"{linear}.weight" for linear in _LINEAR))
    if not packed and not (embeddings and name in (EMBEDDING, HEAD)):
        return [output]
    shape, dtype, scales = stored_like(kind, *output.shape)
    return [
        Output(name, shape, dtype, partial(_values, output, kind)),
        Output(f"{name}{SCALE}", (scales,), torch.float16, partial(_scales, output, kind)),
    ]


def _values(output: Output, kind: Quantization, read: Read) -> torch.Tensor:
    return pack(output.make(read), kind, output.name)[0]


def _scales(output: Output, kind: Quantization, read: Read) -> torch.Tensor:
    return integer_scales(output.make(read), kind)


def measured(source: Path, packed: Path, kind: Integers) -> dict[str, float]:
    """How far the packed folder is from the one that it was made of: `divergence.apart`, on the probes.

    Raises ModelError where it is a merged model (its run.json says so) whose tuning would be lost.
    """
    cpu = torch.device("cpu")
    model, tokenizer = load(source, dtype=torch.float32, device=cpu)
    texts = answered(model, tokenizer, PROBES)
    before = logits_of(model, texts)
    del model
    gc.collect()
    found = apart(before, logits_of(load(packed, dtype=torch.float32, device=cpu)[0], texts))
    if learned := _tuning_of(source):
        refuse_lost(
            found,
            learned,
            what=(f"{source} in {kind}", f"{source} 打包为 {kind} 后"),
            remedy=(
                "Pack into int8, keep 16 or 32 bits, or tune on the packed base itself: --method qlora.",
                "请打包为 int8、保留 16 或 32 位，或直接在量化基座上微调：--method qlora。",
            ),
        )
    return found


def _tuning_of(folder: Path) -> dict[str, float] | None:
    """What tuning changed, as the merge that wrote the folder measured it; None of a folder that is no merge."""
    record = read_json(folder / "run.json") if (folder / "run.json").is_file() else None
    found: Any = record.get("divergence") if isinstance(record, dict) else None
    learned = found.get("tuning") if isinstance(found, dict) else None
    return learned if isinstance(learned, dict) and "kl" in learned else None


def unmeasured(source: Path) -> None:
    """Says that nothing was compared."""
    note(
        en=f"{source}: has no tokenizer, so nothing could be asked, and the packed model was not compared with it.",
        zh=f"{source}：没有分词器，无法提问，因此未与打包后的模型比较。",
    )
