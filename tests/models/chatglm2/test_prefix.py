"""A published prefix of ChatGLM2, with and without its network, on the model that its base becomes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import models

from .oracle import Oracle
from .packed import IDS, prefix


@pytest.mark.parametrize("projection", [False, True])
def test_a_published_prefix_gives_the_oracles_logits(
    official: Callable[..., Any], tmp_path: Path, projection: bool
) -> None:
    """One pair of keys and values for each of two groups; the network is as wide as the flat layout, as published."""
    made = official()
    own = prefix(projection=projection)
    adapter = tmp_path / "checkpoint-1000"
    adapter.mkdir()
    torch.save(own, adapter / "pytorch_model.bin")
    model, _ = models.load(made.folder, adapter=adapter)
    expected = Oracle({**made.weights, **own}, made.config).logits(IDS)
    with torch.no_grad():
        torch.testing.assert_close(model(torch.tensor([IDS])).logits[0].double(), expected, atol=1e-3, rtol=0)
    assert (made.oracle.logits(IDS) - expected).abs().max() > 0.1
