"""llama.cpp itself (the package xllamacpp), serving a GGUF on loopback."""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch


class LlamaCpp:
    """A running llama.cpp."""

    def __init__(self, address: str) -> None:
        self._address = address

    def _post(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(
            self._address + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def ids(self, text: str) -> list[int]:
        """The ids of a text, names of special tokens read as such, nothing added but what the file says."""
        return list(self._post("/tokenize", content=text, add_special=True, parse_special=True)["tokens"])

    def prompt(self, messages: Sequence[dict[str, str]]) -> str:
        """Messages through the template in the file."""
        return str(self._post("/apply-template", messages=messages)["prompt"])

    def logprobs(self, ids: Sequence[int], vocabulary: int) -> dict[int, float]:
        """Token -> log probability of following the ids; of nearly all, only the least likely may be missing."""
        # it tells nothing of an end token or half a character, so another is forced; what is told are the model's own
        letter = self.ids("a")[-1]
        asked = {"n_predict": 1, "n_probs": vocabulary, "temperature": -1, "cache_prompt": False}
        said = self._post("/completion", prompt=ids, logit_bias=[[letter, 1e6]], **asked)
        return {one["id"]: one["logprob"] for one in said["completion_probabilities"][0]["top_logprobs"]}

    def forced(self, token: int) -> str:
        """Why an answer of one token ends, when it is this one."""
        asked = {"n_predict": 1, "temperature": -1, "cache_prompt": False, "logit_bias": [[token, 1e6]]}
        return str(self._post("/completion", prompt="a", **asked)["stop_type"])


@contextmanager
def llama_cpp(file: Path, context: int = 256) -> Iterator[LlamaCpp]:
    """Serves the file while the block runs; the test is skipped without the package."""
    xllamacpp = pytest.importorskip("xllamacpp", reason="needs llama.cpp (pip install xllamacpp)")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx, parameters.n_parallel, parameters.port = context, 1, 0
    parameters.warmup, parameters.verbosity = False, 0
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    # keys and values in 32 bits, as transformers has them
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(parameters)
    try:
        yield LlamaCpp(server.listening_address)
    finally:
        del server


def furthest(model: Any, ids: Sequence[int], theirs: dict[int, float]) -> float:
    """The largest difference between transformers' and llama.cpp's log probabilities."""
    with torch.inference_mode():
        ours = torch.log_softmax(model(torch.tensor([list(ids)])).logits[0, -1].float(), -1)
    assert len(theirs) > 0.9 * len(ours)
    return max(abs(float(ours[i]) - value) for i, value in theirs.items())
