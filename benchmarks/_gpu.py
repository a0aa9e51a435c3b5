"""What benchmarks/tune_gpu.py counts with: peaks of devices by name, floating-point operations, groups of kernels.

Shapes: H width, I inner width, L layers, V vocabulary.
"""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration
from doctorglm.render import IGNORED, Sample

_H100 = "https://www.nvidia.com/en-us/data-center/h100/"
PEAKS = [
    (r"H100.*NVL", 835.0, _H100),
    (r"H100.*PCIe", 756.0, _H100),
    (r"H100", 989.0, _H100),
    (r"H200", 989.0, "https://www.nvidia.com/en-us/data-center/h200/"),
    (r"A100", 312.0, "https://www.nvidia.com/en-us/data-center/a100/"),
    (r"L40S", 362.0, "https://resources.nvidia.com/en-us-l40s/l40s-datasheet-28413"),
]
"""A pattern of the device's name, TFLOP/s of dense bfloat16 (the sheets' figure with sparsity halved), the sheet."""

SHAPES: dict[str, dict[str, int]] = {
    "6b": {},  # the config's defaults are ChatGLM-6B's
    "1b": {"hidden_size": 2048, "num_layers": 24, "num_attention_heads": 16},
    "tiny": {"hidden_size": 64, "num_layers": 2, "num_attention_heads": 2, "vocab_size": 16384},
}

GROUPS = [
    ("attention", r"flash|fmha|flex_attention|scaled_dot_product"),
    ("products", r"gemm|gemv|cutlass|nvjet|xmma|splitk|aten::(add)?b?mm\b|addmm_|mkldnn|linear"),
    ("loss", r"softmax|nll_loss"),
    ("norms", r"layer_norm|rms_norm"),
    ("optimizer and clipping", r"adam|multi_tensor|foreach|_fused"),
    ("copies and gathers", r"copy|index|gather|scatter|aten::cat|catarray|memcpy|memset|fill"),
    ("pointwise", r"elementwise|triton|gelu|aten::(mul|add|addcmul|sub|div|neg|stack)"),
]
"""Of a profile, by the kernel's name; the first that fits."""


def peak_of(name: str) -> tuple[float, str] | None:
    """TFLOP/s in dense bfloat16 of the device and their source; None for one that is not in the table."""
    return next(((peak, source) for pattern, peak, source in PEAKS if re.search(pattern, name)), None)


def random_model(config: ChatGLMConfig, dtype: torch.dtype, device: torch.device) -> Any:
    """Weights that are made on the device and never elsewhere; tied as the config says."""
    with torch.device("meta"):
        model = ChatGLMForConditionalGeneration(config)
    model.to(dtype).to_empty(device=device)
    model.tie_weights()
    generator = torch.Generator(device).manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "layernorm" in name and name.endswith("weight"):
                parameter.fill_(1)
            elif name.endswith("bias"):
                parameter.zero_()
            else:
                parameter.normal_(0, config.initializer_range, generator=generator)
    return model.eval()


@dataclass(frozen=True)
class Work:
    """Floating-point operations of LoRA's forward and backward through a frozen model."""

    tokens: int
    supervised: int
    at_4n: float
    """4 x matmul weights, the head among them, x all tokens: what the published rates are quoted at."""
    needed: float
    """The same with the head at supervised tokens alone, which is what has to be computed."""
    attention: float
    """Scores and weighted values, 4 x H a pair of tokens that see each other forward, and twice that backward."""


def work_of(samples: Iterable[Sample], config: ChatGLMConfig) -> Work:
    """What one pass over the samples is; padding is no work."""
    width, inner, layers = config.hidden_size, config.inner_hidden_size, config.num_layers
    assert inner is not None
    in_layers, head = layers * (4 * width * width + 2 * width * inner), config.vocab_size * width
    tokens = supervised = pairs = 0
    for sample in samples:
        size, prefix = len(sample.input_ids), sample.input_ids.index(config.bos_token_id)
        tokens += size
        supervised += sum(label != IGNORED for label in sample.labels)
        pairs += prefix * prefix + sum(range(prefix + 1, size + 1))
    return Work(
        tokens=tokens,
        supervised=supervised,
        at_4n=4.0 * (in_layers + head) * tokens,
        needed=4.0 * in_layers * tokens + 4.0 * head * supervised,
        attention=12.0 * width * layers * pairs,
    )


def product_rate(config: ChatGLMConfig, tokens: int, dtype: torch.dtype, device: torch.device) -> float:
    """TFLOP/s of one layer's products forward and backward alone, the best of five passes."""
    width, inner = config.hidden_size, config.inner_hidden_size
    assert inner is not None
    shapes = [(width, 3 * width), (width, width), (width, inner), (inner, width)]
    with torch.device(device):
        made = [[torch.randn(*size, dtype=dtype) for size in ((o, i), (tokens, i), (tokens, o))] for i, o in shapes]
    flops, best = 4.0 * tokens * sum(i * o for i, o in shapes), float("inf")
    for _ in range(5):
        wait(device)
        started = time.perf_counter()
        for weight, x, dy in made:
            x @ weight.t()
            dy @ weight
        wait(device)
        best = min(best, time.perf_counter() - started)
    return flops / best / 1e12


def wait(device: torch.device) -> None:
    """Returns when the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def group_of(kernel: str) -> str:
    """The group of a profile that a kernel belongs to."""
    return next((group for group, pattern in GROUPS if re.search(pattern, kernel, re.IGNORECASE)), "other")


def profile_table(profile: Any, device: torch.device) -> dict[str, Any]:
    """Milliseconds by group, and the twenty kernels that took longest; on a CPU operators stand for kernels."""
    on_gpu = device.type == "cuda"
    times: list[tuple[str, float, int]] = []
    for event in profile.key_averages():
        is_kernel = event.device_type == torch.autograd.DeviceType.CUDA
        took_us = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        if took_us and is_kernel == on_gpu:
            times.append((event.key, took_us / 1000, event.count))
    groups: dict[str, float] = {}
    for name, took_ms, _ in times:
        groups[group_of(name)] = groups.get(group_of(name), 0.0) + took_ms
    longest = sorted(times, key=lambda row: -row[1])[:20]
    return {
        "ms_by_group": dict(sorted(groups.items(), key=lambda item: -item[1])),
        "longest": [{"kernel": n[:160], "group": group_of(n), "ms": ms, "calls": c} for n, ms, c in longest],
    }
