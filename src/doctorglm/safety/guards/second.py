"""What the second reader thinks of a sentence of an answer: what no list of phrases holds.

Its weights are trained by `recipes/readers`; the wording of what it finds stands in `rules/second.yaml`.
"""

from doctorglm.clinical.folding import folded

QUESTION = 60
"""Characters of the question that are read with each segment, the first ones."""


def as_read(question: str, before: str, segment: str) -> str:
    """The segment with what was asked and what came before it, a mark before each."""
    return f"\x04{folded(question[:QUESTION])}\x03{folded(before)}\x05{folded(segment)}"


def as_read_question(question: str) -> str:
    """The question behind its mark."""
    return f"\x02{folded(question)}"
