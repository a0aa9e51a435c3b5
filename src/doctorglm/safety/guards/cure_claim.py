"""Strikes promises of a cure, and folk remedies: the words of the law on advertising."""

import re
from collections.abc import Iterator

from doctorglm.clinical.claims import claims
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.rules import phrase_rules
from doctorglm.safety.guards.scene import Scene

_DENIED = re.compile(
    r"没效果|没有效果|无效|不建议|不推荐|没有?根据|没有?依据|骗子|不要尝试|不能治|可能性|是不是能|是否能|很难|一定要根治|直到"
)
"""What, anywhere in the sentence, makes a claim one that is warned against, doubted, or told as an aim."""


def found(scene: Scene) -> Iterator[Finding]:
    """Yields the claims of the segment; further phrases are found with those of the other guards."""
    for claim in claims(scene.text):
        first, last = scene.sentence_of(claim.start())
        if claim.end() > scene.begin and not _DENIED.search(scene.text, first, last):
            rules = phrase_rules("folk_remedy" if claim["folk"] else "cure_claim")
            yield Finding(max(claim.start(), scene.begin), claim.end(), rules[0].rule)
