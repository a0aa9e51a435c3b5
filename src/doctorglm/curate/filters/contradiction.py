"""Rejects a conversation whose roles are exchanged: the patient advises, and the doctor asks for help.

The threshold is a majority of the turns: a doctor may once ask for help, and patients quote theirs.
The words are ours, read off public corpora; both signs must meet, and no word of the other role may stand beside them.
"""

import re

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, around

_ASKS_FOR_HELP = re.compile(
    r"(?:医生|大夫|专家)(?:您好|你好)?[，,：:！!。 ]{0,2}(?:我|请问|想问|麻烦|帮)|(?:怎么办|怎么治|该怎么"
    r"|是怎么回事|严重吗|有什么办法|要紧吗)[？?]?\s*$|^(?:请问|求助|想咨询)|我(?:妈|爸|老公|老婆|孩子|宝宝"
    r"|女儿|儿子)"
)
_ADVISES = re.compile(
    r"建议(?:您|你|患者|及时|到|去|尽快)|(?:您|你)(?:的情况|这种情况|这个情况)(?:考虑|可能|属于|应该)|"
    r"(?:根据|从)(?:您|你)(?:的)?(?:描述|叙述)|祝(?:您|你)(?:早日|身体)|遵医嘱|注意(?:休息|饮食|保暖)"
)


def rejects(conversation: Conversation) -> Rejection | None:
    """`exchanged_roles` when in most turns the patient only advises and the doctor only asks for help."""
    turns = conversation.turns
    exchanged = [said for asked, said in turns if _speaks_as_doctor(asked) and _speaks_as_patient(said)]
    if 2 * len(exchanged) <= len(turns):
        return None
    plea = _ASKS_FOR_HELP.search(exchanged[0])
    return Rejection("exchanged_roles", around(exchanged[0], *plea.span()) if plea else "")


def _speaks_as_doctor(text: str) -> bool:
    return bool(_ADVISES.search(text)) and not _ASKS_FOR_HELP.search(text)


def _speaks_as_patient(text: str) -> bool:
    return bool(_ASKS_FOR_HELP.search(text)) and not _ADVISES.search(text)
