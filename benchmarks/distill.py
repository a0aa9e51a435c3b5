"""Students with and without term tags, three seeds each: what they are worth on professional medical translations.

    python benchmarks/distill.py train --arm tags --seed 0 --work DIR [--taught train.jsonl]
    python benchmarks/distill.py score --work DIR [--teacher URL#NAME] > benchmarks/results/distill.json

Protocol, written before its first run. Training pairs: Tatoeba, Scratch's site, TICO-19, CNCF's glossary, D2L, XQuAD,
the medical rows of CC-CEDICT and TICO-19's terms (all of `../shared/data/translation` but the software help), and what
the teacher translated of GenMedGPT and the checks accepted. Test: TICO-19's documents of which sha256(name) % 4 is 0,
by sentences; no sentence of it, in either language, is trained on (`distill --test`). Two arms, `tags` and `plain`,
seeds 0, 1, 2: the same vocabulary, shape, steps and batches, which is the budget; one thread a run, two runs at a time.
30 % of the groups of the project's own glossary are withheld (`_withheld.py`) from tags, pairs and checks.
Reported for each student and the mean of an arm: BLEU (sacrebleu, zh), chrF, term accuracy of known and withheld rows,
number fidelity, negation flips, what the checks accept, and the same of what they accept. Intervals: 95 %, from 1,000
resamples of the test's documents. Beside them, on the same sentences: English with the glossary's terms replaced, and
the teacher on `--teacher-sentences` of them. The default of `tags` is the arm with the higher mean term accuracy on
known rows where its interval of the difference is above 0 and chrF does not fall by more than 0.5; else `plain`.
"""

import argparse
import gzip
import json
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from _record import circumstances
from _withheld import divided, measured_on
from doctorglm.clinical.masking import masked_together
from doctorglm.distill.sentences import SentencePair, sentence_pairs
from doctorglm.distill.settings import DistillSettings
from doctorglm.distill.stage import Job, distill
from doctorglm.translate.cache import Cache
from doctorglm.translate.checks.check import Checks
from doctorglm.translate.cost import Prices
from doctorglm.translate.endpoint import Endpoint, EndpointSettings
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import own_glossary
from doctorglm.translate.pairs import Pair, read_pairs
from doctorglm.translate.student.bulk import Student
from doctorglm.translate.teacher import Teacher, TeacherSettings
from doctorglm.translate.terms import Terms
from doctorglm.translate.told_terms import told_terms

DATA = Path(__file__).parents[1] / ".." / "shared" / "data" / "translation"
FILES = (
    "everyday_tatoeba", "everyday_scratch_site", "medical_tico19", "tech_cncf_glossary", "tech_d2l", "wiki_xquad",
    "medical_cedict_glossary", "medical_tico19_terms",
)  # fmt: skip
GOLD = "medical_tico19"
ARMS = {"tags": True, "plain": False}
SEEDS = (0, 1, 2)
SHAPE: Mapping[str, Any] = {
    "vocabulary": 6_000, "encoder_layers": 3, "decoder_layers": 2, "batch_tokens": 6_144, "validate_every": 100,
    "patience": 0, "own_terms": False,
}  # fmt: skip
_RESAMPLES = 1_000
_KEPT = ("term_accuracy", "term_mentions", "term_right", "number_fidelity", "numbers", "negation_flips", "fields")


def document_of(source: str) -> str:
    """TICO-19's name of the document that a pair is from."""
    return source.rpartition(":")[0]


def is_test(source: str) -> bool:
    return int(sha256(document_of(source).encode()).hexdigest(), 16) % 4 == 0


def prepare(work: Path) -> tuple[Path, Path, Path]:
    """The files of training pairs, of test pairs, and of the terms that may be known."""
    work.mkdir(parents=True, exist_ok=True)
    train, test, glossary = work / "pairs.jsonl", work / "test.jsonl", work / "known.tsv"
    lines: dict[bool, list[str]] = {False: [], True: []}
    for name in FILES:
        with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as rows:
            for line in rows:
                lines[name == GOLD and is_test(json.loads(line)["source"])].append(line)
    train.write_text("".join(lines[False]), encoding="utf-8")
    test.write_text("".join(lines[True]), encoding="utf-8")
    rows_of = "".join(
        f"{one.english}\t{'|'.join(one.chinese)}\n" for one in told_terms(*divided(own_glossary()), phenotypes=False)
    )
    glossary.write_text(f"en\tzh\n{rows_of}", encoding="utf-8")
    return train, test, glossary


def train_one(given: argparse.Namespace) -> None:
    """One student; goes on where it was."""
    torch.set_num_threads(1)
    pairs, test, glossary = prepare(given.work)
    settings = DistillSettings(**{**SHAPE, "tags": ARMS[given.arm], "seed": given.seed, "epochs": given.epochs})
    taught = [given.taught] if given.taught else []
    out = given.work / f"{given.arm}-{given.seed}"
    run = distill(Job(pairs=[pairs, *taught], out=out, test=test, glossary=glossary), settings)
    print(json.dumps({name: run.record[name] for name in ("counts", "training", "test", "seconds")}, indent=1))


def score(given: argparse.Namespace) -> dict[str, Any]:
    """Every student that was trained, the arms, and what stands beside them."""
    _, test_file, _ = prepare(given.work)
    test = list(sentence_pairs(read_pairs(test_file)))
    known, withheld = divided(own_glossary())
    told = told_terms(known, withheld)
    checks = Checks(known, None, withheld)

    def judged(said: Sequence[str], of: Sequence[SentencePair] = test) -> dict[str, Any]:
        return worth(of, said, known, withheld, checks)

    students = {}
    for arm in ARMS:
        for seed in SEEDS:
            folder = given.work / f"{arm}-{seed}"
            if (folder / "student").is_dir():
                outcomes = Student(folder / "student", glossary=told).translate([one.english for one in test])
                run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
                students[f"{arm}-{seed}"] = judged([o.chinese or "" for o in outcomes]) | {
                    "training": run["training"], "counts": run["counts"], "good_enough": run["good_enough"],
                }  # fmt: skip
    copied = judged([copy(one.english, told) for one in test])
    taught = beside_teacher(given, test, told, judged) if given.teacher else None
    arms = {arm: mean_of([one for name, one in students.items() if name.startswith(arm)]) for arm in ARMS}
    return {"students": students, "arms": arms, "glossary_copied": copied, "teacher": taught}


def beside_teacher(
    given: argparse.Namespace,
    test: Sequence[SentencePair],
    told: Sequence[Entry],
    judged: Callable[..., dict[str, Any]],
) -> dict[str, Any]:
    """The teacher on some of the sentences, without mending."""
    some = random.Random(0).sample(list(test), min(given.teacher_sentences, len(test)))
    with Cache(given.work / "teacher.sqlite") as cache:
        how = EndpointSettings(timeout_s=1800)
        endpoint = Endpoint(given.teacher, cache, prices=Prices(), mask=masked_together, settings=how)
        outcomes = Teacher(endpoint, told, TeacherSettings(together=2, concurrency=2)).translate(
            [one.english for one in some]
        )
    return judged([o.chinese or "" for o in outcomes], some)


def copy(english: str, glossary: Sequence[Entry]) -> str:
    """The English with its terms in Chinese: what a glossary alone is worth."""
    said, at = "", 0
    for one in Terms(glossary).find(english):
        said, at = said + english[at : one.start] + one.term.chinese[0], one.end
    return said + english[at:]


def worth(
    test: Sequence[SentencePair], said: Sequence[str], known: Sequence[Entry], withheld: Sequence[Entry], checks: Checks
) -> dict[str, Any]:
    """The scores of all translations and of those that the checks accept."""
    accepted = [
        i for i, (one, zh) in enumerate(zip(test, said, strict=True)) if zh and not checks.faults(one.english, zh)
    ]
    return {
        "sentences": len(test),
        "accepted": len(accepted),
        "all": scored([*range(len(test))], test, said, known, withheld),
        "of_accepted": scored(accepted, test, said, known, withheld) if accepted else None,
    }


def scored(
    which: Sequence[int],
    test: Sequence[SentencePair],
    said: Sequence[str],
    known: Sequence[Entry],
    withheld: Sequence[Entry],
) -> dict[str, Any]:
    """BLEU and chrF with intervals over documents, and the audits."""
    pairs = [Pair(test[i].english, said[i], "") for i in which]
    return {
        "bleu": _over_documents(which, test, said, BLEU(tokenize="zh")),
        "chrf": _over_documents(which, test, said, CHRF()),
        "known": {name: found[name] for found in [measured_on(pairs, known, withheld)] for name in _KEPT},
        "withheld": {name: found[name] for found in [measured_on(pairs, withheld, known)] for name in _KEPT},
    }


def _over_documents(
    which: Sequence[int], test: Sequence[SentencePair], said: Sequence[str], metric: Any
) -> list[float]:
    """[score, low, high]: the corpus's score, and 95 % of those of resampled documents."""
    documents: dict[str, list[int]] = {}
    for i in which:
        documents.setdefault(test[i].document, []).append(i)
    names = sorted(documents)
    stats = {i: metric._extract_corpus_statistics([said[i]], [[test[i].chinese]])[0] for i in which}
    of = np.array([np.sum([stats[i] for i in documents[name]], axis=0) for name in names], dtype=float)
    chance = np.random.default_rng(0)
    every = [metric._compute_score_from_stats(list(of[chance.integers(len(names), size=len(names))].sum(0))).score
             for _ in range(_RESAMPLES)]  # fmt: skip
    whole = metric._compute_score_from_stats(list(of.sum(0))).score
    return [whole, float(np.quantile(every, 0.025)), float(np.quantile(every, 0.975))]


def mean_of(students: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Mean, lowest and highest over the seeds."""
    if not students:
        return None
    of: dict[str, list[float]] = {
        "bleu": [one["all"]["bleu"][0] for one in students],
        "chrf": [one["all"]["chrf"][0] for one in students],
        "accepted": [one["accepted"] / one["sentences"] for one in students],
        **{f"{rows}_{name}": [one["all"][rows][name] for one in students]
           for rows in ("known", "withheld") for name in ("term_accuracy", "number_fidelity", "negation_flips")},
    }  # fmt: skip
    return {name: [sum(found) / len(found), min(found), max(found)] for name, found in of.items()}


def main() -> None:
    """Trains one student, or scores all that there are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "score"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--arm", choices=tuple(ARMS), default="tags")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--taught", type=Path)
    parser.add_argument("--teacher")
    parser.add_argument("--teacher-sentences", type=int, default=150)
    given = parser.parse_args()
    if given.what == "train":
        train_one(given)
        return
    versions = {name: version(name) for name in ("doctorglm", "torch", "transformers", "ctranslate2", "sacrebleu")}
    command = "python benchmarks/distill.py score --work DIR"
    json.dump(circumstances(command, versions) | score(given), sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main()
