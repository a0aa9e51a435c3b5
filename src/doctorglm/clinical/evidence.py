"""A passage that an answer may rest on, with where it stands; what grounding hands to the engine and to the guards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from doctorglm.conversation import Message
from doctorglm.language import Text

NoteKind: TypeAlias = Literal["missing", "unsupported", "drug", "dose", "attributed"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One passage and the id of its source; `title` names what it is about, a drug's leaflet for example.

    `heading` is that of its section, `key` what kind of section that is; the licence is shown beside the source.
    """

    text: str
    source: str
    title: str = ""
    heading: str = ""
    key: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounded:
    """The messages as the engine reads them, and the passages that they quote, the first of which is cited as [1].

    With `instead` the engine is not asked: that text is the answer, or what it makes of the passages that the guards
    leave.
    """

    messages: Sequence[Message]
    evidence: Sequence[Evidence] = ()
    instead: Text | Callable[[Sequence[Evidence]], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the check of a sentence against the passages that it cites did, and why; `detail` is what it did it to."""

    kind: NoteKind
    sentence: str
    detail: str
    why: Text
