"""An engine behind an OpenAI-compatible server: llama.cpp, vLLM, Ollama, or an API elsewhere.

Every answer is streamed, in batches too, so that one which only repeats itself is cut while the server writes it.
A ModelError means that the server cannot be used at all, a DataError that one conversation has no answer.
Source: https://platform.openai.com/docs/api-reference/chat/create
"""

import json
import os
import threading
import time
import weakref
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Literal

import httpx2
import openai

from doctorglm.conversation import Message
from doctorglm.engine import Generation, Sampling
from doctorglm.engine.address import Address
from doctorglm.engine.failures import failure
from doctorglm.engine.reading import Answer, Loops, garbage
from doctorglm.engine.requests import HttpSettings, Mask
from doctorglm.errors import ConfigError, DoctorGLMError, ModelError
from doctorglm.runs import note

_CONNECT_S = 10.0
_LONGEST_WAIT_S = 30.0
"""Seconds that a server's Retry-After is respected for."""
_NOT_JSON = (json.JSONDecodeError, UnicodeDecodeError, RecursionError)
_NO_KEY = "none"
"""Sent where no key is set: the client wants one, local servers read none."""
AGAIN = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError, httpx2.TransportError)
"""What may pass: no connection or a broken one, no answer in time (both are kinds of it), 429, 5xx."""


class HttpEngine:
    """Answers through a server at `http(s)://HOST[:PORT]/v1#NAME`.

    A server that is not on this machine needs `allow_remote` and `mask`, and is sent masked text only; a local one is
    reached without proxies. Redirects are refused. `loops` says of a text that it ends in a loop, where it is cut.
    """

    def __init__(
        self,
        address: str,
        *,
        allow_remote: bool = False,
        mask: Mask | None = None,
        loops: Loops | None = None,
        settings: HttpSettings | None = None,
    ) -> None:
        self.address = Address.parse(address)
        self.settings = settings or HttpSettings()
        if not self.address.loopback and not allow_remote:
            raise elsewhere(self.address)
        if not self.address.loopback and mask is None:
            raise ValueError("a server elsewhere is sent masked text only: give `mask`")
        self._mask = None if self.address.loopback else mask
        self._loops = loops
        self._client = client_of(self.address, self.settings.timeout_s)
        self._close = weakref.finalize(self, self._client.close)
        self.tokens_from: Literal["usage", "pieces"] = "usage"
        """How tokens are counted: by the server, or, once it did not say, by pieces of text. (A loop that is cut has
        no count of the server's, and is always counted by pieces.)"""
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What the server calls the model."""
        return self.address.name

    def close(self) -> None:
        """Closes the connections; done at the end of the process, if not before."""
        self._close()

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Generator[str | Generation, None, None]:
        """Yields text as it comes, then the Generation; closing it hangs up, which ends the server's work.

        What fails before the first piece is tried again. Raises ModelError or DataError, see the module.
        """
        yield from self._answer(messages, sampling, threading.Event(), restart=False)

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        """One answer for each conversation, in order; raises the first error, see `batch_or_errors`."""
        answers = []
        for answer in self.batch_or_errors(conversations, sampling):
            if isinstance(answer, DoctorGLMError):
                raise answer
            answers.append(answer)
        return answers

    def batch_or_errors(
        self, conversations: Sequence[Sequence[Message]], sampling: Sampling
    ) -> list[Generation | DoctorGLMError]:
        """For each conversation, in order, its answer, or why it has none; one that fails costs no other.

        Once the server cannot be used at all, what was not sent yet is not sent, and has the same ModelError.
        """
        answers: list[Generation | DoctorGLMError | None] = [None] * len(conversations)
        waiting = iter(range(len(conversations)))
        halt, unusable, faults = threading.Event(), list[ModelError](), list[BaseException]()

        def work() -> None:
            while not halt.is_set():
                with self._lock:
                    place = next(waiting, None)
                if place is None:
                    return
                try:
                    answers[place] = unusable[0] if unusable else self._whole(conversations[place], sampling, halt)
                except DoctorGLMError as error:
                    answers[place] = error
                    if isinstance(error, ModelError):
                        unusable.append(error)
                except BaseException as error:
                    faults.append(error)
                    halt.set()

        # daemons: an interrupted process does not wait for the server
        number = min(self.settings.concurrency, len(conversations))
        workers = [threading.Thread(target=work, name="request", daemon=True) for _ in range(number)]
        try:
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        finally:
            halt.set()
        if faults:
            raise faults[0]
        return [answer for answer in answers if answer is not None]

    def _whole(self, messages: Sequence[Message], sampling: Sampling, halt: threading.Event) -> Generation:
        *_, last = self._answer(messages, sampling, halt, restart=True)
        assert isinstance(last, Generation)
        return last

    def _answer(
        self, messages: Sequence[Message], sampling: Sampling, halt: threading.Event, *, restart: bool
    ) -> Generator[str | Generation, None, None]:
        """Pieces and the Generation; `restart` allows a repetition after pieces were told."""
        body = self._body(messages, sampling)
        for attempt in range(self.settings.retries + 1):
            began, answer = time.monotonic(), Answer(self._loops)
            try:
                yield from self._pieces(body, answer, halt)
                yield self._counted(answer, time.monotonic() - began)
                return
            except (openai.APIError, httpx2.TransportError, *_NOT_JSON) as error:
                last = attempt == self.settings.retries or (answer.told and not restart)
                if not isinstance(error, AGAIN) or last:
                    sent = [message["content"] for message in body["messages"]]
                    raise failure(error, self.address, attempt + 1, self.settings.timeout_s, sent) from None
                halt.wait(max(self.settings.pause_s * 2**attempt, asked_wait(error)))

    def _pieces(self, body: dict[str, Any], answer: Answer, halt: threading.Event) -> Iterator[str]:
        # `chat.completions.create`, but for its objects: what is half filled in must not look like an answer
        with self._client.post(
            "/chat/completions", cast_to=object, body=body, stream=True, stream_cls=openai.Stream[object]
        ) as said:
            for event in _events(said):
                if halt.is_set():
                    return
                if piece := answer.read(event):
                    yield piece
                if answer.finish == "loop":
                    return

    def _body(self, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
        texts = [message.content for message in messages]
        if self._mask is not None:
            texts = list(self._mask(texts))
        body = {
            "model": self.address.name,
            # half a character is none that could be sent
            "messages": [
                {"role": message.role, "content": text.encode("utf-8", "replace").decode("utf-8")}
                for message, text in zip(messages, texts, strict=True)
            ],
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if sampling.repetition_penalty != 1.0:  # no field of OpenAI's; servers that have it call it so
            body["repetition_penalty"] = sampling.repetition_penalty
        return body

    def _counted(self, answer: Answer, seconds: float) -> Generation:
        generation = answer.generation(seconds)
        with self._lock:
            first = answer.usage is None and generation.finish != "loop" and self.tokens_from == "usage"
            if first:
                self.tokens_from = "pieces"
        if first:
            note(
                en=f"{self.address.base}: the server tells no number of tokens; pieces of text are counted.",
                zh=f"{self.address.base}：服务器没有报告 token 数；改为按文字片段计数。",
            )
        return generation


def elsewhere(address: Address) -> ConfigError:
    """The error for a server on another machine that nobody allowed."""
    return ConfigError(
        en=f"{address.host} is not this machine: what patients wrote would leave it. Give --allow-remote if it may; "
        "it is masked before it is sent. Or use a server on 127.0.0.1.",
        zh=f"{address.host} 不是本机：患者的文字将离开这台机器。若允许，请加上 --allow-remote，文字会先脱敏再发送；"
        "或使用 127.0.0.1 上的服务器。",
    )


def client_of(address: Address, timeout_s: float) -> openai.OpenAI:
    """A client that asks once, follows nobody, and reaches this machine without a proxy."""

    def limit(response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Within(response.stream, response.request, time.monotonic() + timeout_s)

    timeout = httpx2.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S))
    return openai.OpenAI(
        base_url=address.base,
        api_key=os.environ.get("OPENAI_API_KEY") or _NO_KEY,
        max_retries=0,
        timeout=timeout,
        http_client=httpx2.Client(
            timeout=timeout,
            follow_redirects=False,
            trust_env=not address.loopback,
            event_hooks={"response": [limit]},
        ),
    )


class _Within(httpx2.SyncByteStream):
    """A body that must end before `deadline`: signs of life do not keep a request open for ever."""

    def __init__(self, body: httpx2.SyncByteStream, request: httpx2.Request, deadline: float) -> None:
        self._body, self._request, self._deadline = body, request, deadline

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._body:
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the answer took too long", request=self._request)
            yield chunk

    def close(self) -> None:
        """Gives the connection back, or hangs up when the body has not ended."""
        self._body.close()


def _events(said: openai.Stream[object]) -> Iterator[object]:
    """The events of a stream, or the one object of a server that does not stream."""
    kind = said.response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/event-stream", ""):
        yield from said
        return
    if not kind.endswith("json"):
        raise garbage(en=f"it is {kind}, not JSON", zh=f"类型为 {kind}，不是 JSON")
    body = json.loads(said.response.read())
    if isinstance(body, dict) and body.get("error"):
        raise openai.APIError("an error", said.response.request, body=body["error"])
    yield body


def asked_wait(error: Exception) -> float:
    """Seconds that the server asked to wait; 0 where it did not."""
    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    try:
        return min(max(float(headers.get("retry-after", 0)), 0.0), _LONGEST_WAIT_S)
    except ValueError:
        return 0.0
