"""Recall of the de-identification on real dialogues into which invented identifiers are put, and what it finds without.

    python benchmarks/deid_injection.py --n 2000 > benchmarks/results/deid_injection.json

CMD's sample is read in place in ../shared/data. Into each of n conversations go three identifiers of three types, as a
sentence of its own between two sentences, or as a clause behind a comma. One is found when a span of its type overlaps
it, covered when every character is under some span. The same conversations as they are give an upper bound of false
alarms: what is found there may be an identifier that somebody left in. A sample of these is printed masked. Intervals
are Wilson's, 95 %. Generators (_identifiers.py) and phrases (sets/injection) were committed before the first run, and
no rule is tuned on it.
"""

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _identifiers import CARRIERS
from _record import circumstances
from doctorglm.clinical.deid import TYPES, Span, find_in, masked
from doctorglm.curate.sources import read
from doctorglm.evaluate.statistics import share_interval
from doctorglm.files.found import find_files

CMD = Path(__file__).parents[2] / "shared" / "data" / "corpora" / "cmd"
EACH = 3
SHOWN = 60
_SENTENCE, _CLAUSE = re.compile(r"(?<=[。！？；])|$"), re.compile(r"(?<=，)")


@dataclass(frozen=True)
class Injected:
    """An identifier that was put into a message."""

    type: str
    message: int
    start: int
    end: int
    phrase: str


def conversations() -> Iterator[list[str]]:
    """Yields the messages of every conversation of CMD's sample, in the order of the file."""
    if not CMD.is_dir():
        sys.exit("No corpus cmd in ../shared/data/corpora. Put ../shared beside the project and run it again.")
    for file in find_files([CMD]):
        for source in read(file, None):
            for entry in source.entries:
                if entry.conversation:
                    yield [message.content for message in entry.conversation.messages]


def inject(texts: list[str], kinds: list[str], chance: random.Random) -> tuple[list[str], list[Injected]]:
    """The texts with one identifier of each kind, and where these stand."""
    texts, done = list(texts), []
    for kind in kinds:
        generator, phrases = chance.choices(CARRIERS[kind], [len(c[1]) for c in CARRIERS[kind]])[0]
        identifier, phrase = generator(chance), chance.choice(phrases)
        message = chance.randrange(len(texts))
        at, ending = _seam(texts[message], [i for i in done if i.message == message], chance)
        said = phrase.format(identifier) + ending
        start = at + phrase.index("{}")
        texts[message] = texts[message][:at] + said + texts[message][at:]
        done = [_moved(i, message, at, len(said)) for i in done]
        done.append(Injected(kind, message, start, start + len(identifier), phrase))
    return texts, done


def _seam(text: str, there: list[Injected], chance: random.Random) -> tuple[int, str]:
    """Where a sentence or a clause can stand, outside of what was put there before, and what ends it."""
    pattern, ending = (_CLAUSE, "，") if chance.random() < 0.5 else (_SENTENCE, "。")
    places = [match.end() for match in pattern.finditer(text)] or [0]
    free = [at for at in places if not any(i.start < at < i.end for i in there)]
    at = chance.choice(free or [0])
    return at, ending


def _moved(one: Injected, message: int, at: int, by: int) -> Injected:
    if one.message != message or one.start < at:
        return one
    return Injected(one.type, one.message, one.start + by, one.end + by, one.phrase)


def measured(n: int, seed: int) -> dict[str, Any]:
    """Recall and coverage by type and by phrase, and what is found where nothing was put."""
    chance = random.Random(seed)
    chosen = chance.sample(list(conversations()), n)
    found: dict[str, list[bool]] = {kind: [] for kind in TYPES}
    covered: dict[str, list[bool]] = {kind: [] for kind in TYPES}
    missed: Counter[tuple[str, str]] = Counter()
    alone: Counter[str] = Counter()
    shown: list[tuple[str, str]] = []
    deck: list[str] = []
    for texts in chosen:
        if len(deck) < EACH:
            deck = chance.sample(TYPES, len(TYPES))
        kinds, deck = deck[:EACH], deck[EACH:]
        new, injected = inject(texts, kinds, chance)
        ours = find_in(new)
        for one in injected:
            spans = ours[one.message]
            found[one.type].append(any(s.type == one.type and s.start < one.end and one.start < s.end for s in spans))
            covered[one.type].append(all(any(s.start <= i < s.end for s in spans) for i in range(one.start, one.end)))
            if not found[one.type][-1]:
                missed[one.type, one.phrase] += 1
        for text, spans in zip(texts, find_in(texts), strict=True):
            alone.update(span.type for span in spans)
            shown += [(span.type, _around(text, spans, span)) for span in spans]
    everything = [flag for flags in found.values() for flag in flags], [f for flags in covered.values() for f in flags]
    return {
        "n": n,
        "seed": seed,
        "types": {
            k: {"recall": asdict(share_interval(found[k])), "covered": asdict(share_interval(covered[k]))}
            for k in TYPES
        },
        "all": {"recall": asdict(share_interval(everything[0])), "covered": asdict(share_interval(everything[1]))},
        "missed_phrases": [[kind, phrase, count] for (kind, phrase), count in missed.most_common(60)],
        "found_without_injection_per_1000": {kind: round(1000 * alone[kind] / n, 2) for kind in TYPES},
        "sample_of_these_masked": sorted(chance.sample(shown, min(SHOWN, len(shown)))),
    }


def _around(text: str, spans: list[Span], span: Span) -> str:
    """Twelve characters before and behind, every identifier in them masked."""
    start, end = max(0, span.start - 12), min(len(text), span.end + 12)
    inside = [s for s in spans if s.start < end and start < s.end]
    start, end = min(start, inside[0].start), max(end, inside[-1].end)
    return masked(text[start:end], [Span(s.start - start, s.end - start, s.type) for s in inside])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    command = f"python benchmarks/deid_injection.py --n {arguments.n} --seed {arguments.seed}"
    result = circumstances(command, {"doctorglm": version("doctorglm")})
    sys.stdout.write(json.dumps(result | measured(arguments.n, arguments.seed), ensure_ascii=False, indent=1) + "\n")
