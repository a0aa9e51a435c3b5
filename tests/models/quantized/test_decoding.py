"""An official packed folder answers by compiled code, as it would without, through the engine that `chat` opens."""

from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from doctorglm.conversation import Message
from doctorglm.engine import Generation, Sampling
from doctorglm.models import half
from doctorglm.models.chatglm import attention
from doctorglm.models.decoding import compiled
from doctorglm.models.half import half_of
from doctorglm.models.opening import open_engine
from doctorglm.models.quantized import linear

from ...house import write_base
from .official import write_quantised, write_unpacked

needs_compiler = pytest.mark.skipif(compiled.kernels() is None, reason="no compiler, or another processor")

QUESTIONS = ["头疼怎么办？", "rest and drink water", "发烧三天，体温 38.5 度，需要吃药吗？"]


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """As wide as compiled products and attention need, in 32 bits."""
    return write_base(tmp_path / "wide", num_layers=2, hidden_size=128, max_sequence_length=1024, initializer_range=0.3)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often compiled code did it, by what."""
    found: dict[str, int] = {}
    for name, module, function in (
        ("packed", linear, "few_rows"),
        ("half", half, "few_rows"),
        ("attention", attention, "attend_one"),
    ):
        original = getattr(module, function)

        def counted(*given: Any, name: str = name, original: Any = original) -> Any:
            out = original(*given)
            found[name] = found.get(name, 0) + (out is not None)
            return out

        monkeypatch.setattr(module, function, counted)
    return found


def answers(engine: Any, sampling: Sampling) -> list[Generation]:
    return [engine.batch([[Message("user", question)]], sampling)[0] for question in QUESTIONS]


@needs_compiler
@pytest.mark.parametrize("bits", [4, 8])
def test_an_official_folder_answers_by_compiled_code(
    bits: int, wide: Path, tmp_path: Path, taken: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = write_quantised(wide, tmp_path / "packed", bits)
    engine: Any = open_engine(str(packed))
    assert half_of(engine._model) == torch.float16, "embedding and head are not widened"
    for sampling in (Sampling(max_new_tokens=12), Sampling(max_new_tokens=12, temperature=0.9, top_p=0.7, seed=3)):
        taken.clear()
        fast = answers(engine, sampling)
        assert all(taken[name] > 0 for name in ("packed", "half", "attention")), taken
        with monkeypatch.context() as patch:
            patch.setattr("doctorglm.models.decoding.product.kernels", lambda: None)
            patch.setattr("doctorglm.models.decoding.attention.kernels", lambda: None)
            slow = answers(engine, sampling)
        assert [one.text for one in fast] == [one.text for one in slow] and any(one.text for one in fast)


@needs_compiler
@pytest.mark.parametrize("bits", [4, 8])
def test_a_token_has_the_logits_of_the_unpacked_model(
    bits: int, wide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step with float16 keys, against torch's own way to them, and against the whole, unpacked, in 32 bits.

    The second row is padded.
    """
    packed: Any = open_engine(str(write_quantised(wide, tmp_path / "packed", bits)))
    plain: Any = open_engine(str(write_unpacked(wide, tmp_path / "plain", bits)))
    end = [plain._model.config.gmask_token_id, plain._model.config.bos_token_id]
    ids = torch.tensor([[5, 9, 11, 12, *end], [3, 3, 7, 9, *end]])
    mask = torch.tensor([[1] * 6, [0, 0, 1, 1, 1, 1]])

    def steps() -> Any:
        return packed._model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=8,
            min_new_tokens=8,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )

    def apart(one: Any, other: Any) -> float:
        """The largest difference of logits, as a share of their spread."""
        a, b = torch.stack(one.logits, 1), torch.stack(other.logits, 1)
        return float((a - b).abs().max() / b.std())

    with torch.inference_mode():
        fast = steps()
        with monkeypatch.context() as patch:
            patch.setattr("doctorglm.models.decoding.product.kernels", lambda: None)
            patch.setattr("doctorglm.models.decoding.attention.kernels", lambda: None)
            slow = steps()
            for module in packed._model.modules():
                if isinstance(module, attention.ChatGLMAttention):
                    module.cache_dtype = None
            slow_exact = steps()
        exact = steps()
        longer = torch.cat([mask, torch.ones(2, 8, dtype=torch.long)], 1)
        whole = plain._model(input_ids=exact.sequences, attention_mask=longer).logits[:, 5:-1]
    assert torch.equal(fast.sequences, exact.sequences)
    # a value that rounds to the other side of a float16 moves the logits by as much as rounding itself does
    assert apart(fast, slow) < 5e-3 and apart(fast, exact) < 5e-3
    assert apart(exact, slow_exact) < 1e-4
    assert float((torch.stack(exact.logits, 1) - whole).abs().max() / whole.std()) < 1e-4


@needs_compiler
def test_chat_takes_it(wide: Path, tmp_path: Path, taken: dict[str, int]) -> None:
    from doctorglm.cli import app

    packed = write_quantised(wide, tmp_path / "packed", 4)
    done = CliRunner().invoke(app, ["chat", "--model", str(packed), "--ask", QUESTIONS[0]])
    assert done.exit_code == 0, done.output
    assert taken["packed"] > 0 and taken["attention"] > 0
