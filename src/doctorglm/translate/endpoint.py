"""One request to a teacher behind an OpenAI-compatible API, sent again where that may help, paid from a budget.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

import json
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import httpx2
import openai
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.conversation import Message
from doctorglm.engine.address import Address
from doctorglm.engine.failures import failure
from doctorglm.engine.http import AGAIN, asked_wait, client_of, elsewhere
from doctorglm.engine.reading import garbage
from doctorglm.engine.requests import Mask
from doctorglm.settings import STRICT
from doctorglm.translate.cache import Cache
from doctorglm.translate.cost import BudgetReachedError, Prices, most_tokens

_LONGEST_PAUSE_S = 60.0
_NEVER = 8
"""So many requests without an answer that can be read, and none with one: it is not the texts."""
NOT_JSON = (json.JSONDecodeError, UnicodeDecodeError, RecursionError)


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class EndpointSettings:
    """How the teacher's server is asked."""

    timeout_s: Annotated[float, Field(gt=0)] = 300.0
    """Seconds for a whole answer."""
    retries: Annotated[int, Field(ge=0)] = 6
    """How often a request is sent again after a limit, an error of the server, a timeout or a broken connection; limits
    are by the minute."""
    pause_s: Annotated[float, Field(ge=0)] = 1.0
    """Seconds before the first repetition, doubled each time up to a minute; more where the server asks for it."""
    json_mode: bool = True
    """Asks for `response_format: json_object`; off for a server that refuses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a request ended in: an answer, or, with a `fault`, none that more of the same requests would bring."""

    request: int
    """Its number in the cache, where it is to be settled."""
    usd: float | None
    """Its price; None where the server told no tokens, and the worst is counted."""
    text: str = ""
    cut_off: bool = False
    fault: str = ""
    """`refused_by_server`, `filtered`, `no_answer`, `garbage`."""


class HaltedError(Exception):
    """The run ended while a request waited to be sent again."""


class Endpoint:
    """A model at `http(s)://HOST[:PORT]/v1#NAME`, with prices, and with an account in the cache that has a budget.

    A server elsewhere needs `allow_remote` and is sent what `mask` leaves; the key is OPENAI_API_KEY.
    """

    def __init__(
        self,
        address: str,
        cache: Cache,
        *,
        prices: Prices | None = None,
        budget_usd: float | None = None,
        account: str = "",
        allow_remote: bool = False,
        mask: Mask | None = None,
        settings: EndpointSettings | None = None,
    ) -> None:
        self.address = Address.parse(address)
        if not self.address.loopback and not allow_remote:
            raise elsewhere(self.address)
        if not self.address.loopback and mask is None:
            raise ValueError("a server elsewhere is sent masked text only: give `mask`")
        self.cache, self.account, self.budget_usd = cache, account, budget_usd
        self.prices = prices or Prices()
        self.settings = settings or EndpointSettings()
        self.halt = threading.Event()
        """Set once the run ends: what waits is not sent again."""
        self.mask: Mask | None = None if self.address.loopback else mask
        self.client = client_of(self.address, self.settings.timeout_s)
        self._close = weakref.finalize(self, self.client.close)
        self._answered, self._unread = False, 0

    def close(self) -> None:
        """Closes the connections."""
        self._close()

    def ask(self, messages: Sequence[Message], most_out: int, temperature: float = 0.0) -> Reply:
        """The reply, which is still to be settled in the cache; everything before it is.

        Raises BudgetReachedError before a request that could exceed the budget, ModelError where the server cannot be
        used at all, DataError where it fails for too long; HaltedError once `halt` is set.
        """
        body = self.body(messages, most_out, temperature)
        worst = self.prices.usd(most_tokens(m["content"] for m in body["messages"]), most_out)
        for attempt in range(self.settings.retries + 1):
            if self.halt.is_set():
                raise HaltedError
            request = self._reserved(worst)
            try:
                said = self.client.post("/chat/completions", cast_to=object, body=body)
            except (openai.APIError, httpx2.TransportError, *NOT_JSON) as error:
                if not isinstance(error, AGAIN) or attempt == self.settings.retries:
                    return self._failed(error, request, attempt + 1, body)
                self.cache.settle(request, _price_of(error), {})
                self.halt.wait(self.pause_s(error, attempt))
                continue
            reply = self.read(said, request)
            if reply.fault == "garbage" and self._is_hopeless():
                self.cache.settle(request, reply.usd, {})
                raise garbage(en="no text in the shape of the API", zh="没有符合接口格式的文字")
            self._answered = self._answered or reply.fault != "garbage"
            return reply
        raise AssertionError("the last attempt returns or raises")

    def pause_s(self, error: Exception, attempt: int) -> float:
        """Seconds to wait after a failure that may pass."""
        doubled: float = self.settings.pause_s * 2**attempt
        return max(min(doubled, _LONGEST_PAUSE_S), asked_wait(error))

    def _reserved(self, worst_usd: float) -> int:
        request = self.cache.reserve(self.account, worst_usd, self.budget_usd)
        if request is None:
            assert self.budget_usd is not None
            raise BudgetReachedError(self.budget_usd, self.cache.spent(self.account).usd, worst_usd)
        return request

    def body(self, messages: Sequence[Message], most_out: int, temperature: float) -> dict[str, Any]:
        """What is sent for a request."""
        body = {
            "model": self.address.name,
            # half a character is none that could be sent
            "messages": [
                {"role": m.role, "content": m.content.encode("utf-8", "replace").decode("utf-8")} for m in messages
            ],
            "max_tokens": most_out,
            "temperature": temperature,
        }
        return body | ({"response_format": {"type": "json_object"}} if self.settings.json_mode else {})

    def read(self, said: object, request: int) -> Reply:
        """The reply that a body is; one with another shape has the fault `garbage`, and its price is the worst."""
        usd = self._price(said)
        try:
            choice = said["choices"][0]  # type: ignore[index]
            message, end = choice["message"], choice.get("finish_reason")
            text, refused = message.get("content"), message.get("refusal")
        except (TypeError, KeyError, IndexError, AttributeError):
            return Reply(request=request, usd=usd, fault="garbage")
        if refused or end == "content_filter":
            return Reply(request=request, usd=usd, fault="filtered")
        if not isinstance(text, str):
            return Reply(request=request, usd=usd, fault="garbage")
        return Reply(request=request, usd=usd, text=text, cut_off=end == "length")

    def _is_hopeless(self) -> bool:
        """Counts a request without an answer; whether there were too many, and none that was answered."""
        self._unread += 1
        return not self._answered and self._unread >= _NEVER

    def _price(self, said: object) -> float | None:
        usage = said.get("usage") if isinstance(said, dict) else None
        if not isinstance(usage, dict):
            return None
        sent, answered = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if not (isinstance(sent, int) and isinstance(answered, int) and min(sent, answered) >= 0):
            return None
        return self.prices.usd(sent, answered)

    def _failed(self, error: Exception, request: int, tries: int, body: dict[str, Any]) -> Reply:
        """The reply where it is the text that the server does not answer; raises where others would fare no better."""
        told = failure(error, self.address, tries, self.settings.timeout_s, [m["content"] for m in body["messages"]])
        price = _price_of(error)
        fault = _of_this_text(error)
        if fault and not self._is_hopeless():
            return Reply(request=request, usd=price, fault=fault)
        self.cache.settle(request, price, {})
        raise told


def _of_this_text(error: Exception) -> str:
    """The fault where another text may fare better; "" for a server that fails, or that nobody may use so."""
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException) and not isinstance(
        error.__cause__, httpx2.ConnectTimeout
    ):
        return "no_answer"
    if isinstance(error, openai.APIStatusError):
        return "refused_by_server" if error.status_code in (400, 413, 422) else ""
    return "garbage" if isinstance(error, NOT_JSON) else ""


def _price_of(error: Exception) -> float | None:
    """Nothing for what was refused or never arrived; None, the worst, where the server may have worked on it."""
    if isinstance(error, openai.APIStatusError) and error.status_code < 500:
        return 0.0
    unreachable = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol)
    return 0.0 if isinstance(error, unreachable) or isinstance(error.__cause__, unreachable) else None
