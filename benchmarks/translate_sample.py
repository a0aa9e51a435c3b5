"""What a sample for the teacher covers, chosen or at random, for the same estimated cost.

    python benchmarks/translate_sample.py benchmarks/results/translate_sample.json

Two corpora, curated as a user would: GenMedGPT (short questions and answers) and MTS-Dialog (dialogues of visits, each
with the section of the note that was written of it, which is its department here). Of each, N = 100, 300 and 1,000
conversations are chosen with the defaults, with terms alone counting, and within the budget that the first of these
costs. Beside each are 20 random samples that cost at least as much. Counted are terms of the project's own list, which
the choice knows, and terms of HPO's Chinese labels that the own list lacks, which it never sees. Costs are those that
`--dry-run` expects at 2.5 and 10 USD per million tokens sent and answered. Intervals of random samples hold their
middle 95 %.

The weights of words and likeness were set before, by the last part, `withheld`: halves of the own list are withheld
from the choice, and what is found of them is counted. HPO's terms were looked at as well while that was done.

Sources: https://github.com/Kent0n-Li/ChatDoctor, Apache-2.0; https://github.com/abachaa/MTS-Dialog, CC BY 4.0;
https://github.com/obophenotype/hpo-translations. None is copied.
"""

import argparse
import csv
import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from _record import circumstances
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate import CurateSettings, curate
from doctorglm.curate.engines import workers
from doctorglm.runs import write_json
from doctorglm.translate.cost import Prices
from doctorglm.translate.coverage import SEEDS, coverage
from doctorglm.translate.features import read_source
from doctorglm.translate.glossary import own_glossary, read_glossary
from doctorglm.translate.sample import SampleSettings, Source, at_random, choose
from doctorglm.translate.teacher import TeacherSettings
from doctorglm.translate.terms import Terms

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
CORPORA = {
    "genmedgpt": DATA / "corpora" / "genmedgpt" / "chatdoctor5k.json",
    "mts_dialog": DATA / "corpora" / "mts-dialog" / "MTS-Dialog-TrainingSet.csv",
}
HPO = DATA / "knowledge" / "hpo-zh" / "hp-zh.babelon.tsv"
NUMBERS = (100, 300, 1000)
PRICES = Prices(usd_in=2.5, usd_out=10.0)
ARMS = {"chosen": SampleSettings(), "terms_alone": SampleSettings(sample_words=0.0, sample_balance=0.0)}
WITHHELD = 4
"""Halves of the own list."""
WEIGHTS = ((0.0, 1.0), (0.0, 4.0), (1.0, 4.0), (2.0, 1.0), (2.0, 4.0), (4.0, 4.0))
"""(words, balance) that are compared on them."""


def curated(name: str, folder: Path) -> list[Conversation]:
    """The conversations of a corpus as `curate` leaves them, all splits."""
    if not (folder / "run.json").exists():
        with workers(1) as engine:
            curate([CORPORA[name]], folder, CurateSettings(), engine=engine)
    splits = [folder / f"{split}.jsonl" for split in ("train", "valid", "test")]
    found = [one for split in splits for one in read_conversations(split)]
    return _with_sections(found) if name == "mts_dialog" else found


def _with_sections(conversations: Sequence[Conversation]) -> list[Conversation]:
    """The section of each note as department, found again by the dialogue's letters; "" where masking changed them."""
    with CORPORA["mts_dialog"].open(encoding="utf-8", newline="") as lines:
        rows = [(_letters(row["dialogue"]), row["section_header"]) for row in csv.DictReader(lines)]

    def section(one: Conversation) -> str:
        parts = [_letters(message.content) for message in one.messages]
        return next((name for text, name in rows if all(part in text for part in parts)), "")

    return [replace(one, department=section(one)) for one in conversations]


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def compared(known: Source, unseen: Source, number: int) -> dict[str, Any]:
    """Each arm's sample of a number, and random ones beside it."""
    found: dict[str, Any] = {}
    for arm, settings in ARMS.items():
        begun = time.process_time()
        choice = choose(known, number, None, settings)
        found[arm] = {"cpu_seconds": time.process_time() - begun, **_beside_random(known, unseen, choice.numbers)}
    choice = choose(known, len(known), found["chosen"]["sample"]["cost"])
    found["within_budget"] = {"by": choice.by, **_beside_random(known, unseen, choice.numbers)}
    return found


def _beside_random(known: Source, unseen: Source, numbers: Sequence[int]) -> dict[str, Any]:
    mine = _measured(known, unseen, numbers)
    random = [_measured(known, unseen, at_random(known, mine["cost"], seed)) for seed in range(SEEDS)]
    return {"sample": mine, "random": {name: _spread([one[name] for one in random]) for name in mine}}


def _measured(known: Source, unseen: Source, numbers: Iterable[int]) -> dict[str, float]:
    chosen = list(numbers)
    other = coverage(unseen, chosen)
    return coverage(known, chosen) | {
        "unseen_terms": other["terms"],
        "unseen_mentions": other["mentions"],
        "length_ks": _apart(np.asarray(known.chars), np.asarray(known.chars)[chosen]),
    }


def _apart(source: np.ndarray, sample: np.ndarray) -> float:
    """The largest difference between the shares of conversations up to a length (Kolmogorov and Smirnov)."""
    shares = [np.searchsorted(np.sort(one), np.unique(source), side="right") / len(one) for one in (source, sample)]
    return float(np.abs(shares[0] - shares[1]).max())


def _spread(values: Sequence[float]) -> dict[str, Any]:
    low, high = np.quantile(values, (0.025, 0.975))
    return {"mean": float(np.mean(values)), "interval": [float(low), float(high)]}


def withheld(known: Source, number: int) -> list[dict[str, float]]:
    """What each pair of weights finds of terms that it was not told, and how like the source it is in lengths."""
    terms = np.array(sorted({term for some in known.terms for term in some}))
    halves = [set(np.random.default_rng(i).permutation(terms)[: len(terms) // 2].tolist()) for i in range(WITHHELD)]
    rows = []
    for words, balance in WEIGHTS:
        settings = SampleSettings(sample_words=words, sample_balance=balance)
        rows.append(
            {"words": words, "balance": balance, **_mean([_half(known, half, number, settings) for half in halves])}
        )
    return rows


def _half(known: Source, hidden: set[int], number: int, settings: SampleSettings) -> dict[str, float]:
    told = replace(known, terms=[tuple(term for term in some if term not in hidden) for some in known.terms])
    numbers = choose(told, number, None, settings).numbers
    mine = _measured(known, known, numbers)

    def of(some: Iterable[int]) -> set[int]:
        return {term for i in some for term in known.terms[i]}

    random = [len(of(at_random(known, mine["cost"], seed)) & hidden) for seed in range(SEEDS)]
    return {
        "told": len(of(numbers) - hidden),
        "withheld": len(of(numbers) & hidden),
        "withheld_at_random": float(np.mean(random)),
        "length_ks": mine["length_ks"],
    }


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def measured(conversations: Sequence[Conversation]) -> dict[str, Any]:
    """All that is measured on a corpus."""
    own, teacher = own_glossary(), TeacherSettings()
    begun = time.process_time()
    known = read_source(conversations, own, teacher, PRICES)
    seconds = time.process_time() - begun
    listed = Terms(own)
    alone = [one for one in read_glossary(HPO) if not _is_listed(one.english, listed)]
    unseen = read_source(conversations, alone, teacher, PRICES)
    numbers = [number for number in NUMBERS if number < len(conversations)]
    return {
        "source": _measured(known, unseen, range(len(known))),
        "read_cpu_seconds": seconds,
        "near_duplicates": sum(1 for i, original in enumerate(known.originals) if i != original),
        "departments": len(set(known.departments)),
        "samples": {str(number): compared(known, unseen, number) for number in numbers},
        "withheld": {str(number): withheld(known, number) for number in numbers},
    }


def _is_listed(english: str, listed: Terms) -> bool:
    return any(mention.end - mention.start == len(english) for mention in listed.find(english))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--curated", type=Path, help="where curated corpora are kept, as OUT/genmedgpt, OUT/mts_dialog")
    given = parser.parse_args()
    shown = "python benchmarks/translate_sample.py benchmarks/results/translate_sample.json"
    result = circumstances(shown, {"doctorglm": version("doctorglm"), "numpy": np.__version__})
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.curated or Path(temporary)
        result["corpora"] = {name: measured(curated(name, folder / name)) for name in CORPORA}
    result |= {"usd_in": PRICES.usd_in, "usd_out": PRICES.usd_out, "seeds": SEEDS}
    write_json(given.out, result)


if __name__ == "__main__":
    main()
