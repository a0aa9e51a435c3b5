"""The GPU benchmark on a CPU: it runs to its end on a tiny shape, and what it counts is counted by hand."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import _gpu
from doctorglm.models import ChatGLMConfig
from doctorglm.render import IGNORED, Sample

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def printed() -> dict[str, Any]:
    command = [sys.executable, str(BENCHMARKS / "tune_gpu.py"), "--shape", "tiny", "--dtype", "float32"]
    rest = ["--dialogues", "demo", "--samples", "30", "--steps", "2", "--warm-up", "1", "--batch-tokens", "700"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*command, *rest], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def test_it_runs_without_a_gpu_and_says_so(printed: dict[str, Any]) -> None:
    assert printed["note"].startswith("no GPU") and printed["device_name"] == "CPU"
    assert printed["peak_source"].startswith("this device is not in the table") and printed["target_met"] is None
    assert (printed["dialogues"], printed["samples"], printed["packed"]) == ("demo", 30, True)


def test_packed_rows_stand_beside_buckets(printed: dict[str, Any]) -> None:
    packed, buckets = printed["runs"]
    assert (packed["rows"], buckets["rows"]) == ("packed", "length buckets")
    assert packed["padding"] == 0 and 0 < buckets["padding"] < 1
    for row in printed["runs"]:
        assert row["steps"] == 2 and len(row["losses"]) == 2
        assert row["tokens_per_s"] * row["seconds"] == pytest.approx(row["work"]["tokens"])
        assert row["tflops_at_4n"] * row["seconds"] * 1e12 == pytest.approx(row["work"]["at_4n"])
        assert row["share_of_peak_at_4n"] * printed["peak_tflops"] == pytest.approx(row["tflops_at_4n"])
        profile = row["profile_of_2_steps"]
        assert profile["ms_by_group"]["products"] > 0 and 0 < len(profile["longest"]) <= 20
    best = max(printed["runs"], key=lambda row: row["tokens_per_s"])
    assert printed["best"]["rows"] == best["rows"]


def test_operations_by_hand() -> None:
    """H 8, I 32, one layer, V 100: 3*64 + 64 + 2*256 = 768 weights in the layer, 800 in the head."""
    config = ChatGLMConfig(
        hidden_size=8, num_layers=1, num_attention_heads=2, vocab_size=100,
        bos_token_id=9, eos_token_id=2, mask_token_id=3, gmask_token_id=4, pad_token_id=0,
    )  # fmt: skip
    # two tokens before <sop> see both; <sop> and two more see 3, 4 and 5
    sample = Sample("a", 0, [5, 4, 9, 6, 2], [IGNORED] * 3 + [6, 2])
    work = _gpu.work_of([sample], config)
    assert (work.tokens, work.supervised) == (5, 2)
    assert work.at_4n == 4 * (768 + 800) * 5
    assert work.needed == 4 * 768 * 5 + 4 * 800 * 2
    assert work.attention == 12 * 8 * (2 + 2 + 3 + 4 + 5)


def test_the_six_billion_of_chatglm() -> None:
    """17,800 tokens/s are 45 % of an H100, as DESIGN.md has it, to the vocabulary that is meant."""
    work = _gpu.work_of([Sample("a", 0, [5, 130_004, 7], [IGNORED, IGNORED, 7])], ChatGLMConfig())
    assert 6.1e9 < work.at_4n / 4 / 3 < 6.3e9
    assert 0.45 * 989e12 / (work.at_4n / 3) == pytest.approx(17_800, rel=0.02)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989), ("NVIDIA H100 PCIe", 756), ("NVIDIA H100 NVL", 835), ("NVIDIA H200", 989),
        ("NVIDIA A100-SXM4-80GB", 312), ("NVIDIA GeForce RTX 3060", None),
    ],
)  # fmt: skip
def test_peaks_by_name(name: str, peak: float | None) -> None:
    found = _gpu.peak_of(name)
    assert (found and found[0]) == peak and (found is None or found[1].startswith("https://"))


@pytest.mark.parametrize(
    ("kernel", "group"),
    [
        ("nvjet_hsh_256x128_64x4_1x2_h_bz_coopA_TNT", "products"),
        ("sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64", "products"),
        ("void pytorch_flash::flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<...>", "attention"),
        ("void at::native::vectorized_elementwise_kernel<4, at::native::GeluCUDAKernelImpl...>", "pointwise"),
        ("void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<c10::BFloat16, float>", "norms"),
        ("void at::native::indexSelectLargeIndex<...>", "copies and gathers"),
        ("something new", "other"),
    ],
)
def test_groups_of_kernels(kernel: str, group: str) -> None:
    assert _gpu.group_of(kernel) == group


def test_random_weights_are_tied_and_usable() -> None:
    config = ChatGLMConfig(**_gpu.SHAPES["tiny"])
    model = _gpu.random_model(config, torch.float32, torch.device("cpu"))
    assert model.lm_head.weight is model.transformer.word_embeddings.weight
    assert all(p.isfinite().all() for p in model.parameters())
    assert float(model.lm_head.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
