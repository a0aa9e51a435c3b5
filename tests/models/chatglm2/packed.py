"""Official ChatGLM2 weights in 8 or 4 bits, packed by numpy and unpacked by hand, in other words than the project's."""

from typing import Any

import torch

from ..quantized.official import pack_by_numpy

LINEAR = (
    "self_attention.query_key_value.weight",
    "self_attention.dense.weight",
    "mlp.dense_h_to_4h.weight",
    "mlp.dense_4h_to_h.weight",
)
IDS = [64, 66, 20, 31, 7, 90]


def packed(weights: dict[str, torch.Tensor], bits: int) -> dict[str, torch.Tensor]:
    """As published: int8 with a float16 scale a row, everything else float16."""
    state = {name: tensor.half() for name, tensor in weights.items()}
    for name in [name for name in state if name.endswith(LINEAR)]:
        state[name], state[f"{name}_scale"] = pack_by_numpy(weights[name], bits)
    return state


def by_hand(state: dict[str, torch.Tensor], bits: int) -> dict[str, torch.Tensor]:
    """The same numbers as plain weights in 32 bits: the even column is the high nibble, the odd one the low."""
    plain = {name: tensor.float() for name, tensor in state.items() if not name.endswith("_scale")}
    for name in [name for name in plain if name.endswith(LINEAR)]:
        rows = state[name].tolist()
        if bits == 4:
            rows = [[level for byte in row for level in (byte >> 4, ((byte & 15) ^ 8) - 8)] for row in rows]
        plain[name] = torch.tensor(rows, dtype=torch.float32) * state[f"{name}_scale"].float()[:, None]
    return plain


def prefix(places: int = 5, *, projection: bool = False, seed: int = 1, hidden: int = 16) -> dict[str, torch.Tensor]:
    """One of CONFIG's model, 64 wide: two layers' keys and values of two groups of eight."""
    draw, width = torch.Generator().manual_seed(seed), 2 * 2 * 2 * 8
    sizes: dict[str, Any] = {"embedding.weight": (places, width)}
    if projection:
        sizes |= {"trans.0.weight": (hidden, width), "trans.0.bias": (hidden,)}
        sizes |= {"trans.2.weight": (width, hidden), "trans.2.bias": (width,)}
    return {f"transformer.prefix_encoder.{n}": torch.randn(size, generator=draw) for n, size in sizes.items()}


def logits(model: Any, ids: list[int] = IDS) -> torch.Tensor:
    """[S,V] of one row."""
    with torch.no_grad():
        out: torch.Tensor = model(input_ids=torch.tensor([ids])).logits[0]
    return out
