"""Settings that no sampler could follow are refused, by name."""

from typing import Any

import pytest

from doctorglm.engine import Sampling
from doctorglm.errors import ConfigError
from doctorglm.settings import build


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_new_tokens", 0),
        ("max_new_tokens", "many"),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("top_p", 0),
        ("top_p", 1.1),
        ("top_k", -1),
        ("top_k", 2.5),
        ("repetition_penalty", 0),
        ("seed", -1),
    ],
)
def test_values_out_of_range_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"chat: {key}="):
        build(Sampling, {key: value}, "chat")


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(ConfigError, match="`temp`; did you mean `temperature`"):
        build(Sampling, {"temp": 1}, "chat")


def test_the_edges_are_allowed() -> None:
    values = {"max_new_tokens": 1, "temperature": 0, "top_p": 1, "top_k": 0, "repetition_penalty": 0.5, "seed": 0}
    assert build(Sampling, values, "chat") == Sampling(max_new_tokens=1, repetition_penalty=0.5)
