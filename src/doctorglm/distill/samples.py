"""Sentence pairs as token ids, plain and with their terms put in."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from doctorglm.distill.sentences import SentencePair
from doctorglm.distill.settings import DistillSettings
from doctorglm.translate.renderings import held, plain
from doctorglm.translate.student.tags import tagged
from doctorglm.translate.terms import Terms


@dataclass(frozen=True, slots=True)
class Sample:
    """Token ids, the end included; `tagged` is None where no term of the glossary is translated as it says."""

    source: tuple[int, ...]
    target: tuple[int, ...]
    tagged: tuple[int, ...] | None = None


_MOST_TAGS = 3
"""Terms of a sentence that are put in, chosen at random where it has more: in use there are few."""


def samples(
    pairs: Iterable[SentencePair], tokenizer: Any, terms: Terms | None, settings: DistillSettings
) -> tuple[list[Sample], int]:
    """The samples that are short enough, and how many are not."""
    chance = random.Random(settings.seed)
    found, long = list[Sample](), 0
    for pair in pairs:
        source = tokenizer(tagged(pair.english, []), verbose=False).input_ids
        target = tokenizer(text_target=pair.chinese, verbose=False).input_ids
        if max(len(source), len(target)) > settings.max_length:
            long += 1
            continue
        every = agreed(pair.english, pair.chinese, terms) if terms and settings.tags else []
        mentions = sorted(chance.sample(every, min(len(every), chance.randint(1, _MOST_TAGS))))
        ids = tokenizer(tagged(pair.english, mentions), verbose=False).input_ids if mentions else None
        fits = ids is not None and len(ids) <= settings.max_length
        found.append(Sample(tuple(source), tuple(target), tuple(ids) if ids is not None and fits else None))
    return found, long


def agreed(english: str, chinese: str, terms: Terms) -> Sequence[tuple[int, int, str]]:
    """(start, end, rendering) of the mentions whose rendering the Chinese holds."""
    said = plain(chinese)
    every = [(m.start, m.end, held(m.term.chinese, said)) for m in terms.find(english)]
    return [one for one in every if one[2]]
