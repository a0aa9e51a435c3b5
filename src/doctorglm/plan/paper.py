"""The paper's price and time beside ours, under both readings of them.

It states 18.75 USD for 100,000 pairs, and 13 hours on one A100 with 80 GB for its run. It gives no price an hour, and
does not say that the two are of one run; what is inferred from them is marked so.
Source: arXiv 2304.01097.
"""

from dataclasses import dataclass

from doctorglm.language import Text

USD, HOURS, PAIRS = 18.75, 13.0, 100_000
CARD = "A100-80G"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: what is stated, and what is inferred."""

    reading: Text
    pairs: float
    hours: float
    usd: float
    usd_per_hour: float
    inferred: tuple[str, ...]
    """The names of the numbers above that are no statement of the paper's, nor a plan of ours."""


def readings(usd_per_hour: float) -> list[Row]:
    """Both readings; `usd_per_hour` is what an hour of its card is taken to cost today."""
    hours = USD / usd_per_hour
    return [
        Row(
            reading=Text(en="paper, if the 13 h are the 18.75 USD", zh="论文，若 13 小时即花费 18.75 美元"),
            pairs=PAIRS,
            hours=HOURS,
            usd=USD,
            usd_per_hour=USD / HOURS,
            inferred=("usd_per_hour",),
        ),
        Row(
            reading=Text(en="paper, at the table's price of its card", zh="论文，若按价格表中该卡的单价"),
            pairs=PAIRS,
            hours=hours,
            usd=USD,
            usd_per_hour=usd_per_hour,
            inferred=("hours", "usd_per_hour"),
        ),
        Row(
            reading=Text(en="paper, by that reading its 13 h", zh="论文，按后一种理解，其 13 小时"),
            pairs=PAIRS * HOURS * usd_per_hour / USD,
            hours=HOURS,
            usd=HOURS * usd_per_hour,
            usd_per_hour=usd_per_hour,
            inferred=("pairs", "usd", "usd_per_hour"),
        ),
    ]
