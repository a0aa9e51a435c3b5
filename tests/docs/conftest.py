"""The scripts of `docs/` import each other by name, as a script's folder allows; so do their tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
