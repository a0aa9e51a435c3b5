"""Our models as lm-evaluation-harness takes them; imported only where that package is.

Text is cut into tokens, windows and stop strings by its own rules, so that scores and answers are those of its `HFLM`.
Source: https://github.com/EleutherAI/lm-evaluation-harness, `lm_eval/models/huggingface.py`, version 0.4.13.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import (
    handle_stop_sequences,
    has_bos_prefix,
    normalize_gen_kwargs,
    postprocess_generated_text,
    resolve_max_length,
)
from lm_eval.models.utils_hf import stop_sequences_criteria
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from doctorglm.errors import ConfigError
from doctorglm.evaluate.scoring import Request, is_causal, score
from doctorglm.report.progress import Line

_ANSWER_TOKENS = 256
"""The longest answer where a task does not say, as in HFLM."""


class HarnessModel(TemplateLM):
    """A transformers model and its tokenizer behind the harness's three requests.

    `batch_tokens` is the most tokens of a forward pass, `answers` how many texts are continued together.
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, batch_tokens: int, answers: int = 8, line: Line | None = None
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self._model, self._device = model.eval(), model.device
        self._batch_tokens, self._answers, self._line = batch_tokens, answers, line
        self._padding = next(
            i for i in (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.eos_token_id, 0) if i is not None
        )
        self.max_length = int(resolve_max_length(model.config, tokenizer))

    @property
    def eot_token_id(self) -> int:
        """The id that ends a text."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """What stands before a text without context."""
        first = self.tokenizer.bos_token_id
        return self.eot_token_id if first is None else int(first)

    @property
    def tokenizer_name(self) -> str:
        """Names the requests that the harness may cache."""
        return str(self.tokenizer.name_or_path).replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Ids, with what the tokenizer adds of its own unless the text begins with it."""
        first = self.tokenizer.decode(self.prefix_token_id)
        # ChatGLM's has no text, with which everything begins
        if add_special_tokens is None and first and has_bos_prefix(string, first):
            add_special_tokens = False
        options = {} if add_special_tokens is None else {"add_special_tokens": add_special_tokens}
        return list(self.tokenizer.encode(string, **options))

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """As the harness does; ChatGLM-6B's continuation follows the `[gMASK] <sop>` that ends a context."""
        if is_causal(self._model):
            pair: tuple[list[int], list[int]] = super()._encode_pair(context, continuation)
            return pair
        text = context.rstrip()
        return self.tok_encode(text), self.tok_encode(context[len(text) :] + continuation, add_special_tokens=False)

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """(log-likelihood, whether it is the greedy continuation) of each (context, continuation)."""
        if is_causal(self._model):
            found: list[tuple[float, bool]] = super().loglikelihood(list(requests), disable_tqdm=disable_tqdm)
            return found
        return self._loglikelihood_tokens([(r.args, *self._encode_pair(*r.args)) for r in requests])

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, list[int], list[int]]], **_: Any
    ) -> list[tuple[float, bool]]:
        asked = [self._fitting(context, continuation) for _, context, continuation in requests]
        scores = score(self._model, asked, batch_tokens=self._batch_tokens, padding_id=self._padding, line=self._line)
        return [(-one.nats, one.greedy) for one in scores]

    def _fitting(self, context: list[int], continuation: list[int]) -> Request:
        """The request without its first tokens, where it is too long for the model."""
        over = max(0, len(context) + len(continuation) - (self.max_length + 1))
        return Request(tuple(context[over:]), tuple(continuation))

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = True) -> list[float]:
        """The log-likelihood of each whole text, in windows of the model's length."""
        windows = [list(self._windows(r.args[0])) for r in requests]
        scores = iter(self._loglikelihood_tokens([(None, *pair) for of_text in windows for pair in of_text]))
        return [sum(next(scores)[0] for _ in of_text) for of_text in windows]

    def _windows(self, text: str) -> Iterator[tuple[list[int], list[int]]]:
        """(context, continuation) of each window; each token of the text is in one continuation."""
        if is_causal(self._model):
            rolling = get_rolling_token_windows(self.tok_encode(text), self.prefix_token_id, self.max_length, 1)
            yield from map(make_disjoint_window, rolling)
            return
        tokens, start = self.tok_encode(text, add_special_tokens=False), self.tok_encode("")
        size = self.max_length + 1 - len(start)
        yield from ((start, tokens[i : i + size]) for i in range(0, len(tokens), size))

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = True) -> list[str]:
        """What the model says after each context, up to the first stop string; greedy unless the task says otherwise.

        Like HFLM's, it follows the generation settings of the model's folder.
        """
        alike: dict[str, list[int]] = {}
        for i, request in enumerate(requests):
            alike.setdefault(repr(sorted(request.args[1].items())), []).append(i)
        said: dict[int, str] = {}
        for indices in alike.values():
            contexts = {i: self.tok_encode(requests[i].args[0]) for i in indices}
            longest_first = sorted(indices, key=lambda i: -len(contexts[i]))
            for start in range(0, len(indices), self._answers):
                batch = longest_first[start : start + self._answers]
                texts = self._continued([contexts[i] for i in batch], requests[batch[0]].args[1])
                said |= dict(zip(batch, texts, strict=True))
        return [said[i] for i in range(len(requests))]

    def _continued(self, contexts: Sequence[list[int]], asked: dict[str, Any]) -> list[str]:
        options = normalize_gen_kwargs(asked, _ANSWER_TOKENS)
        end = self.tokenizer.decode(self.eot_token_id, skip_special_tokens=False)
        until, new = handle_stop_sequences(options.pop("until", None), eos=end), options.pop("max_gen_toks")
        if options.get("temperature") == 0.0:  # the harness's word for greedy; transformers refuses it
            del options["temperature"]
            options["do_sample"] = False
        contexts = [self._with_room(context, new) for context in contexts]
        longest = max(map(len, contexts))
        ids = torch.tensor([[self._padding] * (longest - len(c)) + c for c in contexts], device=self._device)
        mask = torch.tensor([[0] * (longest - len(c)) + [1] * len(c) for c in contexts], device=self._device)
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=new,
                stopping_criteria=stop_sequences_criteria(self.tokenizer, until, longest, len(contexts)),
                pad_token_id=self._padding,
                use_cache=True,
                **options,
            )
        texts = [self.tokenizer.decode(row[longest:].tolist(), skip_special_tokens=True) for row in output]
        return [postprocess_generated_text(text, until, None) for text in texts]

    def _with_room(self, context: list[int], new: int) -> list[int]:
        """The last tokens of a context, with room for `new` more."""
        room = self.max_length - new
        if room < 1:
            raise ConfigError(
                en=f"max_gen_toks={new} leaves no room for a question: the model reads and writes {self.max_length} "
                "tokens in all. Lower max_gen_toks in the task.",
                zh=f"max_gen_toks={new} 没有给问题留下空间：模型的上下文共 {self.max_length} 个 token。"
                "请在任务中调小 max_gen_toks。",
            )
        return context[-room:]

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The conversation as the tokenizer's template writes it."""
        return str(
            self.tokenizer.apply_chat_template(
                chat_history,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
            )
        )
