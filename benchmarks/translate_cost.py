"""What 100,000 question-answer pairs cost in Chinese: all by a teacher, or a part by it and the rest by a student.

    python benchmarks/translate_cost.py > benchmarks/results/translate_cost.json

Measured: what the teacher is sent for GenMedGPT, with its prompt, ids and matching rows of the glossary (four bytes a
token), and how long the Chinese is that was made of it (`TOKENS_PER_CHARACTER`). From other benchmarks'
records, where they are there: hours of a student's training (`distill`; two runs at a time), records that it translates
and checks a second (`translate`, four hypotheses, and `translate_checks_test5`; without mending), and the share of a
small teacher's that is accepted (`translate_accepted_teacher`). Assumed: prices, texts that are asked again, the
machine's price, what is accepted of a student's. Each is an argument. Nothing is sent to anybody.
Sources: https://github.com/xionghonglin/DoctorGLM (the argument; its Chinese, measured only); prices: see PRICES.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.translate.cache import Cache
from doctorglm.translate.endpoint import Endpoint
from doctorglm.translate.glossary import own_glossary
from doctorglm.translate.teacher import Teacher, TeacherSettings

DATA = Path(__file__).parents[1] / ".." / "shared" / "data"
CORPUS, PAIRS = "corpora/genmedgpt/chatdoctor5k.json", "translation/en_zh_aligned_first4000.jsonl"
RESULTS = Path(__file__).parent / "results"
ASSUMED = {"train_hours": 1.0, "records_per_s": 2.0, "teacher_accepted": 0.7, "student_accepted": 0.3}
"""Where neither an argument nor a record says otherwise; the shares are DESIGN's aims."""
_AROUND_BYTES = 32
"""What the bound of a request's bytes adds for the template of its two messages."""
BYTES_PER_TOKEN = 4.0
"""Of English, as the estimate of `--dry-run` has it."""
TOKENS_PER_CHARACTER = 1.0
"""Of Chinese; vocabularies made for it have fewer, older ones more."""
TOKENS_PER_ID = 8.0
"""Of the id, quotes and comma around each answer."""


@dataclass(frozen=True)
class Price:
    """USD per million tokens, of what is sent and what is answered, and where that was read."""

    name: str
    usd_in: float
    usd_out: float
    source: str


_2023 = "https://openai.com/blog/introducing-chatgpt-and-whisper-apis, 2023-03-01"
_LIST = "https://github.com/kunishou/GenerativeAI-Cost, read 2026-11-30"
PRICES = (
    Price("gpt-4, 2023", 30.0, 60.0, _LIST),
    Price("gpt-3.5-turbo, March 2023", 2.0, 2.0, _2023),
    Price("gpt-4o", 2.5, 10.0, _LIST),
    Price("gpt-4o-mini", 0.15, 0.6, "https://openrouter.ai/openai/gpt-4o-mini-2024-07-18, read 2026-11-30"),
)  # fmt: skip


def measured(
    corpus: Sequence[Mapping[str, str]], pairs: Sequence[Mapping[str, str]], together: int
) -> dict[str, float]:
    """Per record: requests, tokens sent, tokens answered; without repetitions."""
    texts = [one[name] for one in corpus for name in ("input", "output")]
    with Cache(None) as cache:
        endpoint = Endpoint("http://127.0.0.1:1/v1#nobody", cache)
        found = Teacher(endpoint, own_glossary(), TeacherSettings(together=together)).estimate(texts)
        endpoint.close()
    sent = (found.tokens_in - _AROUND_BYTES * found.requests) / BYTES_PER_TOKEN
    english = sum(len(text) for text in texts)
    share = sum(len(one["zh_input"] + one["zh_output"]) for one in pairs) / sum(
        len(one["en_input"] + one["en_output"]) for one in pairs
    )
    answered = english * share * TOKENS_PER_CHARACTER + found.texts * TOKENS_PER_ID
    n = len(corpus)
    return {
        "records": n, "english_characters": english / n, "chinese_share": share, "texts": found.texts / n,
        "requests": found.requests / n, "tokens_in": sent / n, "tokens_out": answered / n,
    }  # fmt: skip


def known(characters: float, cores: int) -> dict[str, float]:
    """What other benchmarks measured of that which is assumed else, for records of so many characters of English."""
    found = dict[str, float]()
    if students := _record_of("distill").get("students"):
        hours = [one["training"]["seconds"] / 3600 for one in students.values()]
        found["train_hours"] = round(sum(hours) / len(hours) / cores, 2)
    if beams := _record_of("translate").get("beams"):
        whole, checks = beams["4"], _record_of("translate_checks_test5")["speed"]
        of_student = whole["source_characters"] / whole["ctranslate2"]["seconds"]
        of_checks = cores * checks["characters"] / checks["cpu_seconds"]
        found["records_per_s"] = round(1 / (characters / of_student + characters / of_checks), 1)
    if (share := _record_of("translate_accepted_teacher").get("accepted_share")) is not None:
        found["teacher_accepted"] = share
    return found


def _record_of(name: str) -> dict[str, Any]:
    path = RESULTS / f"{name}.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.exists() else {}


def arms(per: Mapping[str, float], price: Price, given: argparse.Namespace) -> dict[str, Any]:
    """USD and hours of each way, and USD for a thousand accepted records."""
    again = 1 + given.again
    one = (per["tokens_in"] * price.usd_in + per["tokens_out"] * price.usd_out) / 1e6 * again
    hours_of = per["requests"] * again * given.seconds / given.concurrency / 3600
    rest = given.pairs - given.sample
    student_hours = given.train_hours + rest / given.records_per_s / 3600
    accepted = given.sample * given.teacher_accepted + rest * given.student_accepted
    machine = student_hours * given.usd_hour
    ways = {
        "teacher": (given.pairs * one, given.pairs * hours_of, given.pairs * given.teacher_accepted),
        "teacher_batch": (given.pairs * one / 2, 24.0, given.pairs * given.teacher_accepted),
        "distilled": (given.sample * one + machine, given.sample * hours_of + student_hours, accepted),
    }
    return {
        name: {"usd": usd, "hours": hours, "accepted": taken, "usd_per_1000_accepted": 1000 * usd / taken}
        for name, (usd, hours, taken) in ways.items()
    }


def main() -> None:
    given = _arguments()
    corpus = json.loads((DATA / CORPUS).read_text("utf-8"))
    pairs = [json.loads(line) for line in (DATA / PAIRS).read_text("utf-8").splitlines()]
    per = measured(corpus, pairs, given.together)
    found = known(per["english_characters"], given.cores)
    told = {name: value for name, value in vars(given).items() if value is not None}
    assumed = argparse.Namespace(**(ASSUMED | found | told))
    result = circumstances("python benchmarks/translate_cost.py", {"doctorglm": version("doctorglm")}) | {
        "per_record": per,
        "assumed": vars(assumed) | {"bytes_per_token": BYTES_PER_TOKEN, "tokens_per_character": TOKENS_PER_CHARACTER},
        "measured": {name: value for name, value in found.items() if name not in told},
        "prices": [asdict(price) | arms(per, price, assumed) for price in PRICES],
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=3_000, help="records that the teacher translates for the student")
    parser.add_argument("--together", type=int, default=8, help="texts in a request")
    parser.add_argument("--again", type=float, default=0.1, help="share of tokens for what is asked again")
    parser.add_argument("--seconds", type=float, default=10.0, help="for a request")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--cores", type=int, default=2, help="of the student's machine")
    parser.add_argument("--usd-hour", type=float, default=0.1, help="for that machine")
    for name in ASSUMED:
        parser.add_argument(f"--{name.replace('_', '-')}", type=float)
    return parser.parse_args()


if __name__ == "__main__":
    main()
