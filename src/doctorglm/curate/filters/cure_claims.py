"""Rejects promises of a cure and folk remedies; an answer that warns against them stays.

The words and their source: `clinical/claims.py`. No threshold: one claim that the sentence does not deny is enough.
"""

from doctorglm.clinical.claims import claims
from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, around


def rejects(conversation: Conversation) -> Rejection | None:
    """`cure_claim` when an answer promises a cure or names a folk remedy without denying it in the same sentence."""
    for _, answer in conversation.turns:
        for claim in claims(answer):
            return Rejection("cure_claim", around(answer, *claim.span()))
    return None
