"""How far two readings of the same texts are apart, and when that is too far for what was learned.

A model that is merged, or packed again, answers otherwise than the one that was tuned and measured. That is held
against what tuning itself changed: where rounding changes more than a share of it, what was learned is lost in it.
Source: QLoRA, arXiv 2305.14314; huggingface/peft#1043 (a merge that changed the answers).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from doctorglm.conversation import Message
from doctorglm.errors import ModelError
from doctorglm.render import renderer_for

LIMIT = 0.5
"""Mean KL from the tuned model that is let through, as a share of the mean KL from the tuned model to its base.

At 1 a change is as large as all that tuning did. See docs/decisions.md, 2026-11-29.
"""

PROBES = (
    "最近三天头痛，还有点低烧，应该挂哪个科？",
    "高血压患者平时可以喝咖啡吗？",
    "I have been coughing for two weeks. Should I see a doctor?",
)
"""What base, adapter, merged and packed models are asked."""

ANSWER_TOKENS = 24
_PROMPT_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Text:
    """A question with the answer that the tuned model gives to it, greedily."""

    ids: tuple[int, ...]
    first: int
    """The place whose logits foresee the answer's first token."""


def answered(model: Any, tokenizer: Any, questions: Sequence[str]) -> list[Text]:
    """The texts at which models are compared: of each question the prompt, and what `model` says to it."""
    renderer = renderer_for(tokenizer)
    found = []
    for question in questions:
        prompt = renderer.prompt([Message("user", question)], _PROMPT_TOKENS).input_ids
        ids = torch.tensor([prompt], device=model.device)
        with torch.inference_mode():
            whole = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=ANSWER_TOKENS,
                do_sample=False,
                pad_token_id=renderer.end_token_ids[0],
            )
        found.append(Text(tuple(whole[0].tolist()), len(prompt) - 1))
    return found


def logits_of(model: Any, texts: Sequence[Text]) -> torch.Tensor:
    """(places, vocabulary) float32: at the last place of each prompt and all of its answer but the last.

    Raises ModelError where one is not finite, as 4 bits in half precision may be.
    """
    with torch.inference_mode():
        rows = [
            model(input_ids=torch.tensor([text.ids], device=model.device)).logits[0, text.first : -1].float().cpu()
            for text in texts
        ]
    logits = torch.cat(rows)
    if not logits.isfinite().all():
        raise ModelError(
            en="the model's logits are not finite: its numbers overflow, and it would answer the same sign for ever. "
            "Use weights in 32 bits, or int8.",
            zh="模型的 logit 不是有限值：数值溢出，只会重复输出同一符号。请使用 32 位权重或 int8。",
        )
    return logits


def apart(tuned: torch.Tensor, other: torch.Tensor) -> dict[str, float]:
    """`largest` and `mean` absolute differences of logits; `kl`: mean KL(tuned || other), nats a place; `other_token`:
    share of the places at which the likeliest token is another."""
    difference = (tuned - other).abs()
    p, q = tuned.double().log_softmax(-1), other.double().log_softmax(-1)
    return {
        "largest": float(difference.max()),
        "mean": float(difference.mean()),
        "kl": max(0.0, float((p.exp() * (p - q)).sum(-1).mean())),
        "other_token": float((tuned.argmax(-1) != other.argmax(-1)).double().mean()),
    }


def share_of(found: Mapping[str, float], learned: Mapping[str, float]) -> float:
    """How large a change is beside what tuning did, by mean KL; infinite where tuning did nothing."""
    return found["kl"] / learned["kl"] if learned["kl"] else float("inf") if found["kl"] else 0.0


def refuse_lost(
    found: Mapping[str, float], learned: Mapping[str, float], *, what: tuple[str, str], remedy: tuple[str, str]
) -> None:
    """Raises ModelError where a change is more than `LIMIT` of what tuning did; `what` and `remedy` in en and zh."""
    share = share_of(found, learned)
    if not share <= LIMIT:
        kl, of = f"{found['kl']:.3g}", f"{learned['kl']:.3g}"
        raise ModelError(
            en=f"{what[0]} would answer otherwise than the model that was tuned: KL {kl} nats a token, {share:.0%} of "
            f"the {of} by which tuning changed the base, more than the {LIMIT:.0%} allowed; nothing is written. "
            f"{remedy[0]}",
            zh=f"{what[1]}的回答会与微调后的模型不同：每个 token 的 KL 为 {kl} nat，"
            f"是微调本身改变量 {of} 的 {share:.0%}，超过允许的 {LIMIT:.0%}；未写出任何文件。{remedy[1]}",
        )
