"""Which token is said next: penalty, temperature, top-k, nucleus, and a draw that repeats with its seed."""

import hashlib

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from doctorglm.engine import Sampling
from doctorglm.errors import ModelError


def choice(sampling: Sampling, prompts: list[list[int]], prompt_length: int) -> LogitsProcessorList:
    """What turns the scores so that the largest is the token to say."""
    steps: list[LogitsProcessor] = [_Numbers()]
    if sampling.repetition_penalty != 1:
        # of the answer only: the question's words are the patient's, and padding is nobody's
        steps.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty, prompt_length))
    if sampling.temperature > 0:
        steps.append(TemperatureLogitsWarper(sampling.temperature))
        if sampling.top_k:
            steps.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            steps.append(TopPLogitsWarper(sampling.top_p))
        steps.append(_Draw([_generator(sampling.seed, prompt) for prompt in prompts]))
    return LogitsProcessorList(steps)


class _Numbers(LogitsProcessor):
    """Refuses scores that are no numbers; the largest of them would be an arbitrary token."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if (scores.isnan() | scores.isposinf()).any():
            raise ModelError(
                en="the model's scores are NaN or infinite. Load it in float32; if they still are, its weights are "
                "damaged: fetch them, or tune, again.",
                zh="模型输出了 NaN 或无穷大。请用 float32 加载；若仍如此，则权重已损坏：请重新下载或重新微调。",
            )
        return scores


class _Draw(LogitsProcessor):
    """Adds Gumbel noise, each row from its own generator: the largest score is then a draw from the softmax.

    Source: Gumbel-max, Maddison et al. 2014, arXiv 1411.0030.
    """

    def __init__(self, generators: list[torch.Generator]) -> None:
        self._generators = generators

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        size = scores.shape[-1]
        waits = torch.stack([torch.empty(size).exponential_(generator=g) for g in self._generators])
        return scores - waits.log().to(scores.device)


def _generator(seed: int, prompt: list[int]) -> torch.Generator:
    """Random numbers for one conversation, the same in any batch; the process's own are left alone."""
    digest = hashlib.sha256(repr((seed, prompt)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7]))
