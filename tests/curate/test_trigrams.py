"""Trigrams' hashes beside those of the package that hashes every trigram by itself, and the views of a record."""

import itertools
import random

from rensa import RMinHash

from doctorglm.curate.normal import normalised
from doctorglm.curate.pairs import Plan, sign
from doctorglm.curate.texts import shingles
from doctorglm.curate.trigrams import hashes

CHARACTERS = [*"abc123 .,:%\n", *"éμ±½", *"高血压糖尿病，。：．３", *"😀𠀀"]
"""Of one, two, three and four bytes in UTF-8, so that a trigram has from three to twelve."""


def texts(n: int, longest: int) -> list[str]:
    rng = random.Random(7)
    return ["".join(rng.choices(CHARACTERS, k=rng.randint(0, longest))) for _ in range(n)]


def test_every_trigram_has_the_hash_that_rensa_gives_it() -> None:
    these = ["", "a", "é", "高", "😀", "aé", "高a", "😀高", "abc", "😀😀😀", *texts(500, 30)]
    found, offsets = hashes(these)
    for number, text in enumerate(these):
        trigrams = [text[i : i + 3] for i in range(max(1, len(text) - 2))]
        (expected,) = RMinHash.hash_token_sets([trigrams])
        assert found[offsets[number] : offsets[number + 1]].tolist() == expected, text


def test_half_a_character_is_hashed_too() -> None:
    found, offsets = hashes(["a\ud800b", "高血压"])
    assert offsets.tolist() == [0, 1, 2]
    assert found[1] == RMinHash.hash_token_sets([["高血压"]])[0][0]


def test_signatures_are_those_of_the_sets_of_trigrams() -> None:
    these = texts(50, 300)
    even = [normalised(text) for text in these]
    expected = RMinHash.from_token_sets([shingles(text) for text in these], 252, 1)
    signed = sign(even, Plan(rows=3, bands=84))
    assert signed.sketches.tolist() == [[least & 0xFF for least in one.digest()[:128]] for one in expected]


def test_a_whole_record_is_compared_as_its_question_and_answer_behind_each_other() -> None:
    these = texts(20_000, 6)
    for question, answer in itertools.pairwise(these):
        assert normalised(f"{question}\n{answer}") == normalised(question) + normalised(answer)
