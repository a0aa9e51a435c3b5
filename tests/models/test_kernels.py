"""The kernels of a GPU on a CPU: variable-length calls by their documented meaning, and FlexAttention itself."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from doctorglm.models import kernels
from doctorglm.models.documents import Documents, attend

from ..varlen import varlen, varlen_by_meaning

__all__ = ["varlen"]

ROWS = [
    ([7], [3]),
    ([7], [0]),
    ([1, 9, 30, 4, 17], [0, 0, 0, 0, 0]),
    ([2, 9, 30, 4, 17], [1, 8, 11, 3, 5]),  # answers of 1, 1, 19, 1 and 12 tokens
    ([5, 6, 8], [0, 4, 8]),  # no prompt, a prompt and an answer, and a prompt alone
]


@pytest.fixture
def flex(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kernels, "choose", lambda *_: "flex")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "flex_attention called without torch.compile", UserWarning)
        yield


def given(columns: int, key_heads: int) -> list[torch.Tensor]:
    torch.manual_seed(columns)
    return [torch.randn(1, n, columns, 8, dtype=torch.float64, requires_grad=True) for n in (4, key_heads, key_heads)]


def document_by_document(
    lengths: list[int], prefixes: list[int], q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float,
    learned: Any = None,
) -> torch.Tensor:  # fmt: skip
    """Torch's own attention with a mask, of each document alone; with `learned` before its keys and values."""
    out = []
    for one, prefix in zip(zip(*(x.split(lengths, 2) for x in (q, k, v)), strict=True), prefixes, strict=True):
        size = one[0].shape[2]
        open_to = torch.ones(size, size, dtype=torch.bool).tril()
        open_to[:, :prefix] = True
        if learned:
            one = one[0], torch.cat((learned[0], one[1]), 2), torch.cat((learned[1], one[2]), 2)
            open_to = F.pad(open_to, (learned[0].shape[2], 0), value=True)
        out.append(F.scaled_dot_product_attention(*one, attn_mask=open_to, enable_gqa=True, scale=scale))
    return torch.cat(out, 2)


@pytest.mark.parametrize("key_heads", [4, 2, 1])
@pytest.mark.parametrize(("lengths", "prefixes"), ROWS)
def test_two_calls_are_attention_document_by_document(
    lengths: list[int], prefixes: list[int], key_heads: int, varlen: list[int]
) -> None:
    """Outputs and the gradients of any gradient."""
    q, k, v = given(sum(lengths), key_heads)
    expected = document_by_document(lengths, prefixes, q, k, v, 0.3)
    wished = torch.randn_like(expected)
    theirs = torch.autograd.grad(expected, (q, k, v), wished)
    out = attend(q, k, v, Documents.of_lengths(lengths), prefixes, scale=0.3)
    ours = torch.autograd.grad(out, (q, k, v), wished)
    assert len(varlen) == (2 if any(prefixes) else 1)
    assert torch.allclose(out, expected, atol=1e-12)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("key_heads", [4, 1])
@pytest.mark.parametrize(("lengths", "prefixes"), ROWS)
@pytest.mark.usefixtures("flex")
def test_flex_attention_reads_the_same_row(lengths: list[int], prefixes: list[int], key_heads: int) -> None:
    """Forward: torch has no way back through it on a CPU."""
    q, k, v = (x.detach() for x in given(sum(lengths), key_heads))
    out = attend(q, k, v, Documents.of_lengths(lengths), prefixes, scale=0.3)
    assert torch.allclose(out, document_by_document(lengths, prefixes, q, k, v, 0.3), atol=1e-12)


@pytest.mark.parametrize("kernel", ["varlen", "flex", None])
@pytest.mark.parametrize(("lengths", "prefixes"), ROWS)
def test_learned_keys_stand_before_each_document(
    lengths: list[int], prefixes: list[int], kernel: str | None, request: pytest.FixtureRequest
) -> None:
    """And have a gradient of every document, where there is a way back."""
    if kernel:
        request.getfixturevalue(kernel)
    q, k, v = given(sum(lengths), 2)
    learned = tuple(torch.randn(1, 2, 3, 8, dtype=torch.float64, requires_grad=True) for _ in "kv")
    asked = q, k, v, *learned
    if kernel == "flex":
        (q, k, v), learned = (tuple(x.detach() for x in of) for of in ((q, k, v), learned))
    expected = document_by_document(lengths, prefixes, q, k, v, 0.3, learned)
    out = attend(q, k, v, Documents.of_lengths(lengths), prefixes, scale=0.3, learned=learned)  # type: ignore[arg-type]
    assert torch.allclose(out, expected, atol=1e-12)
    if kernel != "flex":
        wished = torch.randn_like(expected)
        theirs = torch.autograd.grad(expected, asked, wished)
        for a, b in zip(torch.autograd.grad(out, asked, wished), theirs, strict=True):
            assert torch.allclose(a, b, atol=1e-12)


@pytest.mark.usefixtures("flex")
def test_flex_attention_over_several_blocks() -> None:
    """Blocks of 128 columns, of which some are empty, some full and some cut."""
    lengths, prefixes = [300, 90, 200], [140, 20, 199]
    q, k, v = (x.detach() for x in given(590, 2))
    documents = Documents.of_lengths(lengths)
    out = attend(q, k, v, documents, prefixes, scale=0.3)
    assert torch.allclose(out, document_by_document(lengths, prefixes, q, k, v, 0.3), atol=1e-12)
    made = documents.plan(prefixes, q, k).block_mask
    assert made.full_kv_num_blocks.sum() > 0 and made.sparsity() > 40


def test_a_row_is_described_once_for_all_layers(varlen: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = kernels.split
    monkeypatch.setattr(kernels, "split", lambda *args: made.append(args) or real(*args))
    documents = Documents.of_lengths([9, 5])
    for _ in range(3):
        attend(*given(14, 2), documents, [4, 2])
    assert (len(made), varlen) == (1, [2] * 6)


def test_what_is_made_in_inference_mode_can_be_trained_with(varlen: list[int]) -> None:
    documents = Documents.of_lengths([9, 5])
    with torch.inference_mode():
        attend(*given(14, 2), documents, [4, 2])
    q, k, v = given(14, 2)
    attend(q, k, v, documents, [4, 2]).sum().backward()
    assert q.grad is not None and len(varlen) == 4


def works(monkeypatch: pytest.MonkeyPatch, kernel: Any) -> bool:
    monkeypatch.setattr(kernels, "_varlen", lambda: kernel)
    return kernels._works.__wrapped__("varlen", torch.device("cpu"), torch.float32, 4, 2, 8)


def test_a_kernel_is_tried_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that aligns at the first token, one of another signature, one that has no way back."""

    def at_the_first(*args: Any, **named: Any) -> torch.Tensor:
        """Causal from the left: every answer would see too little of its prompt."""
        query, key, value, of_q, of_k = args[:5]
        if named["window_size"] == (-1, -1):
            return varlen_by_meaning(*args, **named)
        out = []
        for i in range(len(of_q) - 1):
            q, k, v = query[of_q[i] : of_q[i + 1]], key[of_k[i] : of_k[i + 1]], value[of_k[i] : of_k[i + 1]]
            k, v = (x.repeat_interleave(2, 1) for x in (k, v))
            one = (x.transpose(0, 1)[None] for x in (q, k, v))
            open_to = torch.ones(len(q), len(k), dtype=torch.bool).tril()
            out.append(F.scaled_dot_product_attention(*one, attn_mask=open_to)[0].transpose(0, 1))
        return torch.cat(out)

    def older(*args: Any, is_causal: bool = False) -> torch.Tensor:
        return varlen_by_meaning(*args)

    def forward_only(*args: Any, **named: Any) -> torch.Tensor:
        return varlen_by_meaning(*args, **named).detach()

    assert works(monkeypatch, varlen_by_meaning)
    for wrong in (at_the_first, older, forward_only):
        assert not works(monkeypatch, wrong)


def test_torch_has_the_call_that_is_meant() -> None:
    """Positions and names of `varlen_attn`, which a CPU cannot run."""
    with torch.device("meta"):
        q, k = torch.empty(6, 4, 8), torch.empty(9, 2, 8)
        ends = torch.empty(3, dtype=torch.int32)
    out = kernels._varlen()(q, k, k, ends, ends, 4, 5, scale=0.3, window_size=(-1, 0), enable_gqa=True)
    assert out.shape == q.shape


def test_a_cpu_reads_document_by_document() -> None:
    q, k, _ = given(14, 2)
    assert Documents.of_lengths([9, 5]).plan([4, 2], q, k) == kernels.Plan("one by one")


@pytest.mark.device
@pytest.mark.parametrize("kernel", ["varlen", "flex"])
def test_this_gpu_has_the_kernel(kernel: Any) -> None:
    """ChatGLM-6B's heads, and grouped ones."""
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    for heads, key_heads in ((32, 32), (32, 2)):
        assert kernels._works(kernel, torch.device("cuda", 0), torch.bfloat16, heads, key_heads, 128)
