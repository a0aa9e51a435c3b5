"""A published prefix of ChatGLM2, with and without its network, on the model that its base becomes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import models

from .oracle import Oracle

IDS = [64, 66, 20, 31, 7, 90]


@pytest.mark.parametrize("projection", [False, True])
def test_a_published_prefix_gives_the_oracles_logits(
    official: Callable[..., Any], tmp_path: Path, projection: bool
) -> None:
    """One pair of keys and values for each of two groups; the network is as wide as the flat layout, as published."""
    made = official()
    width = 2 * 2 * 2 * 8
    draw = torch.Generator().manual_seed(1)
    sizes = {"embedding.weight": (5, width)}
    if projection:
        sizes |= {"trans.0.weight": (16, width), "trans.0.bias": (16,)}
        sizes |= {"trans.2.weight": (width, 16), "trans.2.bias": (width,)}
    prefix = {f"transformer.prefix_encoder.{n}": torch.randn(s, generator=draw) for n, s in sizes.items()}
    adapter = tmp_path / "checkpoint-1000"
    adapter.mkdir()
    torch.save(prefix, adapter / "pytorch_model.bin")
    model, _ = models.load(made.folder, adapter=adapter)
    expected = Oracle({**made.weights, **prefix}, made.config).logits(IDS)
    with torch.no_grad():
        torch.testing.assert_close(model(torch.tensor([IDS])).logits[0].double(), expected, atol=1e-3, rtol=0)
    assert (made.oracle.logits(IDS) - expected).abs().max() > 0.1
