"""What a teacher costs: prices that the user gives, a count of tokens that is never too low, an estimate before a run.

A byte-level vocabulary has no token of less than a byte, so that a text's bytes in UTF-8 bound its tokens from above.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.errors import ConfigError
from doctorglm.settings import STRICT

_AROUND_TOKENS = 16
"""What a chat template puts around a message, at most."""
_USUAL_BYTES = 4
"""Bytes of English in a token, about; the expectation assumes it, the bound does not."""
_USUAL_SHARE = 0.5
"""Tokens of a translation beside those it may have, about."""


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class Prices:
    """What a million tokens cost in USD, as the provider's price list has them."""

    usd_in: Annotated[float, Field(ge=0)] = 0.0
    """USD per million tokens sent; 0 for a server of your own."""
    usd_out: Annotated[float, Field(ge=0)] = 0.0
    """USD per million tokens answered."""

    def usd(self, tokens_in: float, tokens_out: float) -> float:
        """The price of a request."""
        return (tokens_in * self.usd_in + tokens_out * self.usd_out) / 1e6


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run would send, before it does; without repetitions."""

    texts: int
    """Texts that are to be asked for; what the cache knows is left out."""
    requests: int
    tokens_in: int
    """At most, by bytes."""
    tokens_out: int
    """At most: the limits of the answers."""
    usd_at_most: float
    usd_expected: float
    """With four bytes a token, and answers of half their limit."""
    price_share: float = 1.0
    """What is paid of the prices: less than all through a Batch API. Both sums are already so."""

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a report."""
        return asdict(self)


def most_tokens(texts: Iterable[str]) -> int:
    """An upper bound of the tokens of a conversation with these messages."""
    return sum(len(text.encode("utf-8", "replace")) + _AROUND_TOKENS for text in texts)


def estimate(requests: Iterable[tuple[int, int, int]], prices: Prices, price_share: float = 1.0) -> Estimate:
    """The sums over requests of (texts, most tokens sent, most tokens answered), at this share of the prices."""
    rows = list(requests)
    texts, sent, answered = (sum(row[i] for row in rows) for i in range(3))
    usual = prices.usd(math.ceil(sent / _USUAL_BYTES), math.ceil(answered * _USUAL_SHARE))
    return Estimate(
        texts=texts,
        requests=len(rows),
        tokens_in=sent,
        tokens_out=answered,
        usd_at_most=prices.usd(sent, answered) * price_share,
        usd_expected=usual * price_share,
        price_share=price_share,
    )


def added(parts: Iterable[Estimate]) -> Estimate:
    """The estimate of all parts of a run, which are paid at the same share of the prices."""
    found = list(parts)
    sums = {name: sum(getattr(one, name) for one in found) for name in Estimate.__dataclass_fields__}
    return Estimate(**sums | {"price_share": found[0].price_share if found else 1.0})


class BudgetReachedError(ConfigError):
    """The next request could exceed the budget; what is translated so far is kept."""

    def __init__(self, budget_usd: float, spent_usd: float, next_usd: float) -> None:
        super().__init__(
            en=f"budget reached: {spent_usd:.4f} of {budget_usd:.4f} USD are spent or reserved, and the next request "
            f"may cost {next_usd:.4f}. What is translated is kept: start again with a larger budget.",
            zh=f"已达预算：{budget_usd:.4f} 美元中已用或已预留 {spent_usd:.4f}，下一次请求最多需 {next_usd:.4f}。"
            "已翻译的内容已保存：请提高预算后重新运行。",
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is sent from one process to another: without its sums, with its text."""
        return ConfigError.__reduce__(self)[0], (ConfigError, self.text)
