"""The settings of curation, each with the reason for its default."""

import math
from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from doctorglm.errors import ConfigError
from doctorglm.files.told import file_name
from doctorglm.settings import STRICT

DEFAULT_SPLITS = {"train": 0.8, "valid": 0.1, "test": 0.1}


def parse_splits(value: Any) -> dict[str, float]:
    """`"train=0.8,test=0.2"` or a mapping as name -> share; raises ConfigError unless the shares add up to 1."""
    pairs = list(value.items()) if isinstance(value, Mapping) else _pairs(str(value))
    shares = {str(name).strip(): _share(name, share) for name, share in pairs}
    total = math.fsum(shares.values())
    if len(shares) != len(pairs) or not all(_is_name(name) for name in shares):
        raise ConfigError(
            en=f"splits={value!r}: every split needs its own name of letters, digits, - and _. {_EXAMPLE_EN}",
            zh=f"splits={value!r}：每一份都要有自己的名字（字母、数字、- 和 _）。{_EXAMPLE_ZH}",
        )
    if abs(total - 1) > 1e-6:
        raise ConfigError(
            en=f"splits={value!r}: the shares add up to {total:g}, not to 1. {_EXAMPLE_EN}",
            zh=f"splits={value!r}：各份之和是 {total:g}，应为 1。{_EXAMPLE_ZH}",
        )
    return shares


_EXAMPLE_EN = "Write for example splits=train=0.8,valid=0.1,test=0.1."
_EXAMPLE_ZH = "例如 splits=train=0.8,valid=0.1,test=0.1。"


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(name, share) for name, _, share in (part.partition("=") for part in text.split(","))]


def _share(name: object, value: Any) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = math.nan
    if not 0 < share <= 1:
        raise ConfigError(
            en=f"splits: {name}={value!r} is not a share above 0 and up to 1. {_EXAMPLE_EN}",
            zh=f"splits：{name}={value!r} 不是 0 到 1 之间的份额。{_EXAMPLE_ZH}",
        )
    return share


def _is_name(name: str) -> bool:
    return name.replace("-", "").replace("_", "").isalnum() and name.isascii() and name != "rejected"


def parse_names(value: Any) -> Any:
    """`"a,b"` as a list, as the command line gives it; anything else as it is."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(parse_names)]


def parse_sources(value: Any) -> Any:
    """Names of sources or files, as reports give them: a patient's that stands in one is masked."""
    names = parse_names(value)
    return [file_name(name) if isinstance(name, str) else name for name in names] if isinstance(names, list) else names


SourceNames = Annotated[list[str], BeforeValidator(parse_sources)]


FILTERS = (
    "damaged",
    "empty",
    "roles",
    "length",
    "language",
    "cut_off",
    "echo",
    "loops",
    "contradiction",
    "secrets",
    "advertisement",
    "cure_claims",
    "machine_spun",
    "duplicate",
)
"""All filters, in the order in which they are asked by default."""


def parse_filters(value: Any) -> Any:
    """`"a,b"`, a list, or `all-x,y` for all but these; raises ConfigError for a name that is no filter."""
    names = parse_names(value)
    if isinstance(value, str) and value.startswith("all-"):
        left_out = parse_names(value.removeprefix("all-"))
        names = [name for name in FILTERS if name not in left_out] + [name for name in left_out if name not in FILTERS]
    unknown = [name for name in names if name not in FILTERS] if isinstance(names, list) else []
    if unknown:
        raise ConfigError(
            en=f"filters: there is no {unknown[0]!r}; there are {', '.join(FILTERS)}.",
            zh=f"filters：没有 {unknown[0]!r}；现有 {'、'.join(FILTERS)}。",
        )
    return names


STEPS = ("mend", "nfc", "html", "widths", "simplify")
"""All steps of curate/normalise.py."""


def parse_steps(value: Any) -> Any:
    """`"nfc,html"`, a list, or `none`; raises ConfigError for a name that is no step."""
    names = [] if value == "none" else parse_names(value)
    unknown = [name for name in names if name not in STEPS] if isinstance(names, list) else []
    if unknown:
        raise ConfigError(
            en=f"normalise: there is no {unknown[0]!r}; there are {', '.join(STEPS)}, and none.",
            zh=f"normalise：没有 {unknown[0]!r}；现有 {'、'.join(STEPS)}，或 none。",
        )
    return names


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CurateSettings:
    """How corpora become conversations and how these are split."""

    seed: int = 0
    """Decides which clusters fall into which split, and what `limit` keeps."""

    splits: Annotated[dict[str, float], BeforeValidator(parse_splits)] = field(
        default_factory=lambda: dict(DEFAULT_SPLITS)
    )
    """Name -> share of the records, adding up to 1; also `train=0.8,valid=0.1,test=0.1`. The default is the custom."""

    only: SourceNames = field(default_factory=list)
    """Sources or files that are written, by name, all when empty; the others are only compared with, so that
    near-duplicates across corpora fall on one side. They are counted as rejected: compared_only."""

    held_out: SourceNames = field(default_factory=list)
    """Sources or files, by name, that are the `test` part, whole and alone: another hospital's records, or dialogues
    written for the purpose. The rest is divided by the other shares of `splits`, and what comes near to a held-out text
    is rejected: near_held_out (an exact copy: duplicate). Neither `only` nor `limit` takes any of them away."""

    mapping: str = ""
    """A YAML file that names the columns of any other table: `question`, `answer` and perhaps `department`, each a name
    or a list of names."""

    repeats_threshold: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Jaccard similarity of character trigrams from which the worse of two conversations goes (`near_duplicate`),
    unless a number, a unit or a negation differs; 0 keeps them all."""

    near_duplicate_threshold: Annotated[float, Field(gt=0, le=1)] = 0.4
    """Jaccard similarity of character trigrams from which two texts share a cluster. On CMD 0.4 gathers the
    machine-spun copies of one text (救治 for 治疗 breaks many trigrams); at 0.3 its stock
    endings chain unrelated records."""

    min_compared_chars: Annotated[int, Field(ge=1)] = 16
    """A question or an answer below this many characters is compared only as a pair, because short ones (可以) agree by
    chance; a stock question alone is no leak."""

    normalise: Annotated[list[str], BeforeValidator(parse_steps)] = field(
        default_factory=lambda: ["mend", "nfc", "html", "widths"]
    )
    """What is made even, always in the order mend, nfc, html, widths, simplify (Traditional to Simplified); `none`
    leaves all as it is."""

    filters: Annotated[list[str], BeforeValidator(parse_filters)] = field(default_factory=lambda: list(FILTERS))
    """Which filters are asked, in this order; `all-machine_spun` is all but that one."""

    languages: Names = field(default_factory=lambda: ["zh", "en"])
    """Languages of the answers that stay: zh, en."""

    min_answer_chars: Annotated[int, Field(ge=1)] = 2
    """Characters that an answer needs. 可以 is an honest answer, a single character is not."""

    max_chars: Annotated[int, Field(ge=1)] = 20_000
    """Characters of a conversation above which it is taken for a document or a damaged file."""

    cut_off_chars: Annotated[int, Field(ge=1)] = 20
    """An answer of this many characters or more must end in terminal punctuation; people leave it out of short ones."""

    drop_courtesies: bool = True
    """Removes closing formulas (感谢您的咨询, 祝您早日康复), which teach a model nothing but to say them."""

    deidentify: Literal["placeholders", "surrogates", "none"] = "placeholders"
    """What stands in the place of an identifier: `[name]`, `[name 2]`, the same within a conversation, among which a
    reader sees what was missed; or invented ones of the same form, among which it does not show. `none` is for what
    holds no patient's data."""

    dates: Literal["mask", "shift"] | None = None
    """Masks the days, or moves all of a conversation by the same number of weeks. Without it they are masked among
    placeholders and moved among surrogates."""

    names: Literal["tagger", "rules"] = "tagger"
    """What finds names: a small network with the rules, or the rules alone, which miss many and are faster."""

    limit: Annotated[int, Field(ge=1)] | None = None
    """Keeps at most this many conversations."""

    limit_by: Literal["quality", "random"] = "quality"
    """Which ones `limit` keeps: the best, departments even, or as the seed draws them. Not simply the first, because
    corpora are sorted by department."""

    split_by_department: bool = False
    """Meets the shares within each department of a source too; data that is added then moves more of the old."""

    @property
    def shares(self) -> dict[str, float]:
        """Part -> share of the records that are divided, adding up to 1."""
        if not self.held_out:
            return self.splits
        divided = {name: share for name, share in self.splits.items() if name != "test"}
        return {name: share / math.fsum(divided.values()) for name, share in divided.items()}

    @property
    def parts(self) -> list[str]:
        """The names of the files that are written; the last one is held out."""
        return [*self.shares, "test"] if self.held_out else list(self.splits)
