"""Terms with status: what symptoms, diseases, drugs and examinations a consultation speaks of, and how.

Words are in `words/`, which a clinician can read and mend; how the words around a term change its status is in `scope`
(denied, over), `manner` (asked, supposed, past, family) and `reading` (questions and their answers).
"""

from doctorglm.clinical.terms.answers import Speaker, Status
from doctorglm.clinical.terms.reading import Term, Turn, find, find_in

__all__ = ["Speaker", "Status", "Term", "Turn", "find", "find_in"]
