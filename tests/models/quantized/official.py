"""Official INT8 and INT4 folders, packed here by numpy in other words than the project's."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

LINEAR = ("query_key_value.weight", "attention.dense.weight", "dense_h_to_4h.weight", "dense_4h_to_h.weight")
EMBEDDING, HEAD = "transformer.word_embeddings.weight", "lm_head.weight"


def pack_by_numpy(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Bytes and float16 scales, as the published code makes them."""
    w = weight.numpy().astype(np.float16)
    scale = (np.abs(w).max(axis=1) / np.float16(2 ** (bits - 1) - 1)).astype(np.float16)
    q = np.rint((w / scale[:, None]).astype(np.float16)).astype(np.int8)
    if bits == 4:
        q = (np.left_shift(q[:, 0::2], 4) + np.bitwise_and(q[:, 1::2], 15)).astype(np.int8)
    return torch.from_numpy(q), torch.from_numpy(scale)


def unpack_by_numpy(q: torch.Tensor, scale: torch.Tensor, bits: int) -> torch.Tensor:
    levels = q.numpy().astype(np.int32)
    if bits == 4:
        high, low = levels >> 4, ((levels & 15) ^ 8) - 8
        levels = np.stack([high, low], 2).reshape(len(levels), -1)
    return torch.from_numpy(levels.astype(np.float32) * scale.numpy().astype(np.float32)[:, None])


def write_quantised(source: Path, out: Path, bits: int, *, form: str = "bin", embeddings: bool = False) -> Path:
    """The ChatGLM-6B of `source` as an official quantised folder: float16, a pickle, quantization_bit.

    With `embeddings` its embedding and head are packed too, the tied head written out beside the embedding.
    """
    packed, _ = both(source, bits, embeddings)
    return _written(source, out, packed, form, quantization_bit=bits, quantization_embeddings=embeddings)


def write_unpacked(source: Path, out: Path, bits: int, *, embeddings: bool = False) -> Path:
    """The same numbers as plain weights in 32 bits: what the quantised folder should compute with."""
    _, plain = both(source, bits, embeddings)
    return _written(source, out, plain, "safetensors", quantization_bit=0)


def both(source: Path, bits: int, embeddings: bool = False) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    packed, plain = {}, {}
    state = load_file(source / "model.safetensors")
    if embeddings:
        state.setdefault(HEAD, state[EMBEDDING].clone())
    for name, weight in state.items():
        if name.endswith(LINEAR) or (embeddings and name in (EMBEDDING, HEAD)):
            q, scale = pack_by_numpy(weight, bits)
            packed |= {name: q, f"{name}_scale": scale}
            plain[name] = unpack_by_numpy(q, scale, bits)
        else:
            packed[name] = weight.half()
            plain[name] = weight.half().float()
    return packed, plain


def _written(source: Path, out: Path, state: dict[str, torch.Tensor], form: str, **config: object) -> Path:
    shutil.copytree(source, out)
    (out / "model.safetensors").unlink()
    if form == "bin":
        torch.save(state, out / "pytorch_model.bin")
    else:
        save_file(state, out / "model.safetensors", {"format": "pt"})
    values = json.loads((out / "config.json").read_text("utf-8")) | config
    (out / "config.json").write_text(json.dumps(values), "utf-8")
    return out
