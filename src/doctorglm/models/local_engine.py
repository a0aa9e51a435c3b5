"""An engine on this machine: a loaded model that answers, streaming or in batches."""

import threading
import time
from collections.abc import Iterator, Sequence
from queue import SimpleQueue
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from doctorglm.clinical.repetition import longest_loop
from doctorglm.conversation import Message
from doctorglm.engine import Finish, Generation, Sampling
from doctorglm.render import renderer_for

_LOOP_CHARACTERS = 40
"""An answer is cut once this many of its last characters only repeat each other."""
_CHECK_EVERY = 16
"""Tokens between two looks for a loop."""
_REPLACEMENT = "\ufffd"


class LocalEngine:
    """Answers with a transformers model through its renderer.

    `context` is the longest prompt plus answer, in tokens; older turns that do not fit are left out, whole.
    """

    def __init__(self, model: Any, tokenizer: Any, name: str, context: int | None = None) -> None:
        self.name = name
        self._model = model.eval()
        self._renderer = renderer_for(tokenizer)
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self._renderer.end_token_ids[0]
        self._context = context or _context_of(model)

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        """Yields text as it is generated, then the Generation; closing it stops the model at its next token."""
        prompt = self._renderer.prompt(messages, self._context - sampling.max_new_tokens)
        tokens: SimpleQueue[int | None] = SimpleQueue()
        stop = threading.Event()
        began = time.monotonic()
        failure: list[BaseException] = []

        def work() -> None:
            try:
                self._generate([prompt.input_ids], sampling, streamer=_Tokens(tokens), stop=stop)
            except BaseException as error:
                failure.append(error)
            finally:
                tokens.put(None)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        ids: list[int] = []
        shown = ""
        try:
            while (token := tokens.get()) is not None:
                ids.append(token)
                text = self._renderer.decode(ids)
                if text.startswith(shown) and len(text) > len(shown) and not text.endswith(_REPLACEMENT):
                    yield text[len(shown) :]
                    shown = text
        finally:
            stop.set()
            worker.join()
        if failure:
            raise failure[0]
        text = self._renderer.decode(ids)
        if len(text) > len(shown) and text.startswith(shown):
            yield text[len(shown) :]
        yield self._generation(ids, sampling, time.monotonic() - began, prompt.dropped_turns)

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        """One answer each, generated together; `seconds` is each one's share of the batch by tokens."""
        prompts = [self._renderer.prompt(m, self._context - sampling.max_new_tokens) for m in conversations]
        began = time.monotonic()
        answers = self._generate([p.input_ids for p in prompts], sampling)
        seconds = time.monotonic() - began
        total = sum(len(ids) for ids in answers) or 1
        return [
            self._generation(ids, sampling, seconds * len(ids) / total, prompt.dropped_turns)
            for ids, prompt in zip(answers, prompts, strict=True)
        ]

    def _generate(
        self,
        prompts: list[list[int]],
        sampling: Sampling,
        streamer: BaseStreamer | None = None,
        stop: threading.Event | None = None,
    ) -> list[list[int]]:
        """The generated ids of each prompt, through the first end token."""
        longest = max(map(len, prompts))
        ids = torch.tensor([[self._pad] * (longest - len(p)) + p for p in prompts], device=self._model.device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=self._model.device)
        torch.manual_seed(sampling.seed)
        drawn: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if sampling.temperature > 0:
            drawn = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=sampling.max_new_tokens,
                repetition_penalty=sampling.repetition_penalty,
                eos_token_id=list(self._renderer.end_token_ids),
                pad_token_id=self._pad,
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([_Halt(self._renderer, longest, stop)]),
                **drawn,
            )
        return [self._through_end(row[longest:].tolist()) for row in output]

    def _through_end(self, ids: list[int]) -> list[int]:
        ends = [place for place, token in enumerate(ids) if token in self._renderer.end_token_ids]
        if ends:
            return ids[: ends[0] + 1]
        while ids and ids[-1] == self._pad:
            ids.pop()
        return ids

    def _generation(self, ids: list[int], sampling: Sampling, seconds: float, dropped_turns: int) -> Generation:
        finish: Finish = "length" if len(ids) >= sampling.max_new_tokens else "loop"
        if ids and ids[-1] in self._renderer.end_token_ids:
            finish = "stop"
        text = self._renderer.decode(ids)
        return Generation(
            text=text, tokens=len(ids), finish=finish, seconds=round(seconds, 4), dropped_turns=dropped_turns
        )


class _Tokens(BaseStreamer):  # type: ignore[misc]
    """Hands generated ids over, one by one; the prompt, which generate sends first, is left out."""

    def __init__(self, tokens: "SimpleQueue[int | None]") -> None:
        self._tokens, self._prompt_seen = tokens, False

    def put(self, value: torch.Tensor) -> None:
        """Called by generate with the prompt, then with each new id."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        for token in value.flatten().tolist():
            self._tokens.put(token)

    def end(self) -> None:
        """Called by generate at the end."""


class _Halt(StoppingCriteria):  # type: ignore[misc]
    """Ends a row that only repeats itself, and every row once `stop` is set."""

    def __init__(self, renderer: Any, prompt_length: int, stop: threading.Event | None) -> None:
        self._renderer, self._prompt_length, self._stop = renderer, prompt_length, stop

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        rows, length = input_ids.shape
        done = torch.full((rows,), bool(self._stop and self._stop.is_set()), device=input_ids.device)
        generated = length - self._prompt_length
        if generated and generated % _CHECK_EVERY == 0:
            for row in range(rows):
                text = self._renderer.decode(input_ids[row, self._prompt_length :].tolist())
                done[row] |= longest_loop(text[-2 * _LOOP_CHARACTERS :]) >= _LOOP_CHARACTERS
        return done


def _context_of(model: Any) -> int:
    return int(getattr(model.config, "max_position_embeddings", 2048))
