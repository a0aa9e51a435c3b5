"""An engine on this machine: a loaded model that answers, streaming or in batches.

An answer depends on its own conversation, the settings and the seed; not on the batch it is in, nor on whether it is
streamed.
"""

import re
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import torch
from transformers import (
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.generation.streamers import BaseStreamer

from doctorglm.clinical.repetition import longest_loop
from doctorglm.conversation import Message
from doctorglm.engine import Finish, Generation, Sampling
from doctorglm.errors import ConfigError
from doctorglm.models.products import by_products
from doctorglm.models.sampling import choice
from doctorglm.render import Prompt, renderer_for

_LOOPS = (40, 90, 180)
"""An answer is cut once this many of its last characters only repeat a block; three times 13, 30 or 60 characters."""
_CHECK_EVERY = 16
"""Tokens between two looks for a loop."""
_TAIL = 3 * _LOOPS[-1]
"""Tokens that a look decodes: as many characters, were each of three bytes; the same for the longest answer."""
_WINDOW = 16
"""Tokens after which streamed text is no longer decoded with what comes."""
_REPLACEMENT = "\ufffd"
_OPEN_END = re.compile(rf"[\s{_REPLACEMENT}]+\Z")
"""What may still change: bytes of a character to come, blanks that only count when something follows."""


def count_tokens(tokenizer: Any, text: str) -> int:
    """How many tokens a text has by itself."""
    return len(tokenizer.encode(text, add_special_tokens=False))


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
        self._tokenizer = tokenizer

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has for this model."""
        return count_tokens(self._tokenizer, text)

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[str | Generation, None, None]:
        """Yields text as it is generated, then the Generation; closing it stops the model at its next token.

        Raises DataError when the last question alone is too long, ConfigError when the answer leaves no room for one.
        """
        prompt = self._prompt(messages, sampling)
        said: SimpleQueue[int | _Answer | BaseException] = SimpleQueue()
        stop = threading.Event()
        began = time.monotonic()

        def work() -> None:
            try:
                said.put(self._generate([prompt.input_ids], sampling, streamer=_Tokens(said.put), stop=stop)[0])
            except BaseException as error:
                said.put(error)

        worker = threading.Thread(target=work, name="answer", daemon=True)
        worker.start()
        text = _Text(self._renderer.decode)
        try:
            while not isinstance(item := said.get(), _Answer):
                if isinstance(item, BaseException):
                    raise item
                if item not in self._renderer.end_token_ids and (piece := text.add(item)):
                    yield piece
        finally:
            stop.set()
            worker.join()
        yield item.generation(text.told, time.monotonic() - began, prompt)

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        """One answer each, generated together; `seconds` is each one's share of the batch by tokens."""
        if not conversations:
            return []
        prompts = [self._prompt(messages, sampling) for messages in conversations]
        began = time.monotonic()
        answers = self._generate([p.input_ids for p in prompts], sampling)
        per_token = (time.monotonic() - began) / sum(len(answer.ids) for answer in answers)
        return [
            answer.generation(_cleaned(self._renderer.decode(answer.words)), per_token * len(answer.ids), prompt)
            for answer, prompt in zip(answers, prompts, strict=True)
        ]

    def _prompt(self, messages: Sequence[Message], sampling: Sampling) -> Prompt:
        room = self._context - sampling.max_new_tokens
        if room < 1:
            raise ConfigError(
                en=f"max_new_tokens={sampling.max_new_tokens} leaves no room for a question: {self.name} reads and "
                f"writes {self._context} tokens in all. Choose a smaller max_new_tokens.",
                zh=f"max_new_tokens={sampling.max_new_tokens} 没有给问题留下空间：{self.name} 的上下文共 "
                f"{self._context} 个 token。请调小 max_new_tokens。",
            )
        return self._renderer.prompt(messages, room)

    def _generate(
        self,
        prompts: list[list[int]],
        sampling: Sampling,
        streamer: BaseStreamer | None = None,
        stop: threading.Event | None = None,
    ) -> list["_Answer"]:
        """What was generated for each prompt; the longest decides how far the others are padded on the left."""
        longest = max(map(len, prompts))
        ids = torch.tensor([[self._pad] * (longest - len(p)) + p for p in prompts], device=self._model.device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=self._model.device)
        halt = _Halt(self._renderer.decode, longest, stop)
        with torch.inference_mode(), by_products(self._model):
            output = self._model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=sampling.max_new_tokens,
                eos_token_id=list(self._renderer.end_token_ids),
                pad_token_id=self._pad,
                streamer=streamer,
                logits_processor=choice(sampling, prompts, longest),
                stopping_criteria=StoppingCriteriaList([halt]),
                **_OURS,
            )
        return [self._answer(row[longest:].tolist(), halt.cut.get(place)) for place, row in enumerate(output)]

    def _answer(self, ids: list[int], cut: int | None) -> "_Answer":
        """A row's ids without the padding after its end token or its cut, whichever came first."""
        ids = ids[:cut]
        end = next((place for place, token in enumerate(ids) if token in self._renderer.end_token_ids), None)
        if end is not None:
            return _Answer(ids[: end + 1], ids[:end], "stop")
        return _Answer(ids, ids, "length" if cut is None else "loop")


_OURS: dict[str, Any] = {
    # `sampling.choice` makes the largest score the token to say, with its own random numbers
    "do_sample": False,
    "temperature": None,
    "top_p": None,
    "top_k": None,
    # a folder's generation_config.json must not change what the settings ask for
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "min_new_tokens": 0,
    "num_beams": 1,
    "use_cache": True,
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """One row's ids through its end token, the same without it, and why it ended."""

    ids: list[int]
    words: list[int]
    finish: Finish

    def generation(self, text: str, seconds: float, prompt: Prompt) -> Generation:
        return Generation(
            text=text,
            tokens=len(self.ids),
            finish=self.finish,
            seconds=round(seconds, 4),
            dropped_turns=prompt.dropped_turns,
        )


class _Text:
    """Turns ids into text as they come; `told` is all of it so far.

    No piece holds half a character, and blanks wait until something follows them, so that the whole is what
    `_cleaned` makes of all ids at once. Only the last ids are decoded again: a token costs the same in any answer.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._window: list[int] = []
        self._shown = ""
        self._settled = 0
        self.told = ""

    def add(self, token: int) -> str:
        """The text that `token` adds; "" while a character is incomplete."""
        self._window.append(token)
        decoded = self._decode(self._window)
        whole = _OPEN_END.sub("", decoded)
        piece = whole[len(self._shown) :].replace(_REPLACEMENT, "")
        piece = piece if self.told else piece.lstrip()
        if not piece:
            return ""
        self._shown = whole
        self.told += piece
        # the next window begins with text that was shown: decoders treat the first token in their own way
        if whole == decoded and len(self._window) - self._settled >= _WINDOW:
            self._window = self._window[self._settled :]
            self._settled = len(self._window)
            self._shown = self._decode(self._window)
        return piece


def _cleaned(decoded: str) -> str:
    """The text without bytes that are no character, and without outer blanks."""
    return decoded.replace(_REPLACEMENT, "").strip()


class _Tokens(BaseStreamer):
    """Hands generated ids over, one by one; the prompt, which generate sends first, is left out."""

    def __init__(self, put: Callable[[int], None]) -> None:
        self._put, self._prompt_seen = put, False

    def put(self, value: torch.Tensor) -> None:
        """Called by generate with the prompt, then with each new id."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        for token in value.flatten().tolist():
            self._put(token)

    def end(self) -> None:
        """Called by generate at the end."""


class _Halt(StoppingCriteria):
    """Ends a row that only repeats itself, and every row once `stop` is set; `cut` is row -> ids it had by then."""

    def __init__(
        self, decode: Callable[[Sequence[int]], str], prompt_length: int, stop: threading.Event | None
    ) -> None:
        self._decode, self._prompt_length, self._stop = decode, prompt_length, stop
        self.cut: dict[int, int] = {}

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        rows, length = input_ids.shape
        generated = length - self._prompt_length
        if generated % _CHECK_EVERY == 0:
            tails = input_ids[:, max(self._prompt_length, length - _TAIL) :].tolist()
            for row in set(range(rows)) - self.cut.keys():
                if ends_in_loop(self._decode(tails[row])):
                    self.cut[row] = generated
        stopped = self._stop is not None and self._stop.is_set()
        return torch.tensor([stopped or row in self.cut for row in range(rows)], device=input_ids.device)


def ends_in_loop(text: str) -> bool:
    """Whether the text ends in a loop; one that the answer came out of is left alone."""
    text = text.rstrip(_REPLACEMENT)
    return any(longest_loop(text[-size:]) == size for size in _LOOPS if len(text) >= size)


def _context_of(model: Any) -> int:
    return int(getattr(model.config, "max_position_embeddings", 2048))
