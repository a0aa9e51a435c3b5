"""A passage that an answer may rest on, with where it stands; what grounding hands to the guards."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """One passage and the id of its source; `title` names what it is about, a drug's leaflet for example."""

    text: str
    source: str
    title: str = ""
