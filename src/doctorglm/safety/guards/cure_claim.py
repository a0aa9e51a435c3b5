"""Strikes promises of a cure, and folk remedies: the words of the law on advertising."""

from collections.abc import Iterator

from doctorglm.clinical.claims import claims
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.rules import phrase_rules
from doctorglm.safety.guards.scene import Scene


def found(scene: Scene) -> Iterator[Finding]:
    """Yields the claims of the segment; further phrases are found with those of the other guards."""
    for claim in claims(scene.text):
        if claim.end() > scene.begin:
            rules = phrase_rules("folk_remedy" if claim["folk"] else "cure_claim")
            yield Finding(max(claim.start(), scene.begin), claim.end(), rules[0].rule)
