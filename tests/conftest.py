"""What every test may ask for: the shared corpora, a browser, where they exist, and a fixed language."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from doctorglm import language

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_LONGEST = "test_spoiled.py"
"""Takes as long as half of all others: the other process would have nothing to do, if it came last."""
CHROMIUM = Path("/usr/bin/chromium")
SHARED = Path(__file__).parents[1].parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest file first."""
    items.sort(key=lambda item: item.path.name != _LONGEST)


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


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A real browser; the test is skipped where Debian's Chromium is not installed."""
    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM} (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    quiet += ["--disable-component-update", "--disable-sync", "--disable-quic"]
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=str(CHROMIUM), args=quiet)
        yield browser
        browser.close()
