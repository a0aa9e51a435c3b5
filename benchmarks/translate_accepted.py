"""Whether what the checks accept is right: terms that prompts, tags and checks never knew, and numbers.

    python benchmarks/translate_accepted.py CURATED --teacher URL#NAME --work DIR --judge accepted.jsonl > RESULT.json
    python benchmarks/translate_accepted.py CURATED --student DIR --work DIR > RESULT.json

Protocol, written before its first run. `--records` conversations are drawn from CURATED/train.jsonl by the hash of
their id and `--seed`; those whose translations the checks were tuned on (the first 60 by seed 10) are left out. Of the
project's own glossary 30 % of the groups of rows that share a name or a rendering are withheld (`_withheld.py`): they
are in no prompt and no tag, and the rows of the checks' own lists that share a word with them are taken out too. Each
conversation is translated and checked, and mended in at most two turns, with the defaults. A conversation is accepted
where every message is.
Reported: the share accepted; for the first translations of all conversations (`unchecked`) and for what is accepted,
term accuracy of the withheld rows and number fidelity, as `translate --audit` counts them (one mention a message and
term; a term within a longer one of any list is none; Wilson's 95 % intervals); the same for the terms of
`audit_terms.tsv`, which somebody else made, that share no name with a known row. `--judge FILE` writes 100 accepted
conversations at random, to be judged by somebody who has not seen the checks; `--pairs FILE` all that was accepted, for
a student (`benchmarks/distill.py --taught`); `--mentions FILE` the accepted mentions of withheld terms, to be judged
one by one (`benchmarks/translate_terms_judged.py`), since no list has every right wording. Aims (DESIGN): 95 % of
terms, 99.5 % of numbers, at 70 % acceptance for a teacher, 30 % for a student.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _record import circumstances
from _withheld import divided, measured_on, name_of
from doctorglm.clinical.masking import masked_together
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.translate.audit import wilson
from doctorglm.translate.cache import Cache
from doctorglm.translate.checked import Again, Checked, CheckedSettings, Mender
from doctorglm.translate.checks.check import Checks
from doctorglm.translate.cost import Prices
from doctorglm.translate.endpoint import Endpoint, EndpointSettings
from doctorglm.translate.entry import Entry
from doctorglm.translate.glossary import own_glossary, read_glossary
from doctorglm.translate.outcome import By, Outcome
from doctorglm.translate.pairs import Pair
from doctorglm.translate.student.bulk import Student
from doctorglm.translate.teacher import Teacher, TeacherSettings
from doctorglm.translate.told_terms import told_terms
from doctorglm.translate.unnamed import unnamed

INDEPENDENT = Path(__file__).parents[1] / ".." / "shared" / "data" / "translation" / "audit_terms.tsv"
_JUDGED = 100
_AT_ONCE = 16
_TUNED, _TUNED_SEED = 60, 10
_KEPT = ("term_accuracy", "term_accuracy_interval", "term_mentions", "term_right", "terms", "number_fidelity",
         "number_fidelity_interval", "numbers", "number_faults", "negation_flips")  # fmt: skip


class First:
    """A translator, and the first translation of each text, whatever becomes of it."""

    def __init__(self, translator: Mender) -> None:
        self._translator = translator
        self.said: dict[str, Outcome] = {}

    def translate(self, texts: Sequence[str]) -> list[Outcome]:
        """As the translator, with the outcomes kept."""
        found = self._translator.translate(texts)
        self.said |= dict(zip(texts, found, strict=True))
        return found

    def again(self, wanted: Sequence[Again]) -> list[list[str]]:
        """As the translator."""
        return self._translator.again(wanted)


def drawn(curated: Path, number: int, seed: int) -> list[Conversation]:
    """So many conversations, masked."""
    every = read_conversations(curated / "train.jsonl")
    return [
        unnamed(one) for one in sorted(every, key=lambda one: sha256(f"{seed} {one.id}".encode()).digest())[:number]
    ]


def foreign(known: Sequence[Entry]) -> list[Entry]:
    """The independent terms of which no known row has the name."""
    names = {name_of(one) for one in known}
    return [one for one in read_glossary(INDEPENDENT) if name_of(one) not in names]


def run(
    conversations: Sequence[Conversation], translator: Mender, known: Sequence[Entry], withheld: Sequence[Entry], by: By
) -> dict[str, Any]:
    """Counts of a run, and in `records` each accepted conversation's outcomes by its place."""
    settings = CheckedSettings()
    first = First(translator)
    checked = Checked(first, Checks(known, settings, withheld), settings.mends, by)
    outcomes = list[list[Outcome]]()
    for start in range(0, len(conversations), _AT_ONCE):
        some = conversations[start : start + _AT_ONCE]
        found = iter(checked.translate([m.content for one in some for m in one.messages]))
        outcomes += [[next(found) for _ in one.messages] for one in some]
        sys.stderr.write(f"{len(outcomes)} of {len(conversations)}\n")
    accepted = [i for i, found in enumerate(outcomes) if all(one.chinese is not None for one in found)]
    firsts = [[first.said[m.content] for m in one.messages] for one in conversations]
    at_once = sum(all(o.chinese is not None and not o.mended for o in outcomes[i]) for i in accepted)
    return {
        "conversations": len(conversations),
        "accepted": len(accepted),
        "accepted_share": len(accepted) / len(conversations),
        "accepted_interval": list(wilson(len(accepted), len(conversations))),
        "accepted_at_once": at_once,
        "mended": len(accepted) - at_once,
        "rejected": dict(Counter(next(o.reason for o in found if o.chinese is None) for i, found in enumerate(outcomes)
                                 if i not in set(accepted)).most_common()),
        "unchecked": scores(conversations, firsts, range(len(conversations)), known, withheld),
        "checked": scores(conversations, outcomes, accepted, known, withheld),
        "unchecked_of_the_accepted": scores(conversations, firsts, accepted, known, withheld),
        "records": {i: outcomes[i] for i in accepted},
    }  # fmt: skip


def scores(
    conversations: Sequence[Conversation],
    outcomes: Sequence[Sequence[Outcome]],
    which: Sequence[int] | range,
    known: Sequence[Entry],
    withheld: Sequence[Entry],
) -> dict[str, Any]:
    """The audit of these conversations by the withheld rows, by the known ones and by the independent ones."""
    pairs = [
        Pair(message.content, one.chinese, "")
        for i in which
        for message, one in zip(conversations[i].messages, outcomes[i], strict=True)
        if one.chinese is not None and one.by in ("teacher", "student")
    ]
    by = {"withheld": withheld, "known": known, "independent": foreign(known)}
    every = [*known, *withheld]
    return {"messages": len(pairs)} | {name: _kept(measured_on(pairs, rows, every)) for name, rows in by.items()}


def _kept(found: Mapping[str, Any]) -> dict[str, Any]:
    wrong = [row for row in found["worst_terms"] if row["right"] < row["mentions"]]
    return {name: found[name] for name in _KEPT} | {
        "wrong_terms": [{name: row[name] for name in ("term", "mentions", "right", "instead")} for row in wrong]
    }


def mentions(
    conversations: Sequence[Conversation],
    records: Mapping[int, Sequence[Outcome]],
    known: Sequence[Entry],
    withheld: Sequence[Entry],
) -> Iterator[dict[str, str | bool]]:
    """Each mention of a withheld term in an accepted message, and whether the list has the wording."""
    for i, outcomes in records.items():
        for n, (message, one) in enumerate(zip(conversations[i].messages, outcomes, strict=True)):
            if one.by in ("teacher", "student") and one.chinese:
                pair = Pair(message.content, one.chinese, "")
                for row in measured_on([pair], withheld, [*known, *withheld])["worst_terms"]:
                    yield {
                        "id": f"{conversations[i].id} {n} {row['term']}",
                        "term": row["term"],
                        "english": message.content,
                        "chinese": one.chinese,
                        "listed": bool(row["right"]),
                    }


def accepted_pairs(
    conversations: Sequence[Conversation], records: Mapping[int, Sequence[Outcome]]
) -> Iterator[dict[str, str]]:
    """What was accepted, by sentences where these are known."""
    for i, outcomes in records.items():
        for message, one in zip(conversations[i].messages, outcomes, strict=True):
            if one.by in ("teacher", "student") and one.chinese:
                for en, zh in one.pairs or [(message.content, one.chinese)]:
                    yield {"en": en, "zh": zh, "document": conversations[i].id}


def to_line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def main() -> None:
    """Translates, checks, and prints what was accepted and how right it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curated", type=Path)
    parser.add_argument("--teacher")
    parser.add_argument("--student", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--records", type=int, default=300)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--together", type=int, default=2)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--mentions", type=Path)
    given = parser.parse_args()
    conversations = drawn(given.curated, given.records, given.seed)
    known, withheld = divided(own_glossary())
    told = told_terms(known, withheld)
    began = time.monotonic()
    with Cache(given.work / "answers.sqlite") as cache:
        if given.student:
            found = run(conversations, Student(given.student, glossary=told, cache=cache), known, withheld, "student")
        else:
            settings = TeacherSettings(together=given.together, concurrency=2)
            how = EndpointSettings(timeout_s=1800)
            endpoint = Endpoint(given.teacher, cache, prices=Prices(), mask=masked_together, settings=how)
            found = run(conversations, Teacher(endpoint, told, settings), known, withheld, "teacher")
    records = found.pop("records")
    if given.pairs:
        given.pairs.write_text("".join(map(to_line, accepted_pairs(conversations, records))), encoding="utf-8")
    if given.mentions:
        found_in = mentions(conversations, records, known, withheld)
        given.mentions.write_text("".join(map(to_line, found_in)), encoding="utf-8")
    if given.judge:
        chosen = random.Random(given.seed).sample(sorted(records), min(_JUDGED, len(records)))
        lines = [
            {"id": conversations[i].id, "english": [m.content for m in conversations[i].messages],
             "chinese": [one.chinese for one in records[i]], "mended": [one.mended for one in records[i]]}
            for i in sorted(chosen)
        ]  # fmt: skip
        given.judge.write_text("".join(map(to_line, lines)), encoding="utf-8")
    by = "--student DIR" if given.student else f"--teacher URL#{given.teacher.partition('#')[2]}"
    command = f"python benchmarks/translate_accepted.py CURATED {by} --work DIR --records {given.records}"
    versions = {name: version(name) for name in ("doctorglm", "openai", "ctranslate2")}
    result = circumstances(command, versions) | {
        "seed": given.seed,
        "glossary": {"known": len(known), "withheld": len(withheld)},
        "seconds": round(time.monotonic() - began, 1),
        **found,
    }
    print(json.dumps(result, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
