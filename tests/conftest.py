"""What every test may ask for: the shared corpora, where they exist, and a fixed language."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from doctorglm import language

SHARED = Path(__file__).parents[1].parent / "shared"


@pytest.fixture
def shared() -> Path:
    """The folder with public corpora and reference outputs beside the project; the test is skipped without it."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (public corpora and reference outputs), which is not beside the project")
    return SHARED


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Messages are compared in English, whatever the machine's locale."""
    language.choose("en")
    yield
    language.choose(None)
