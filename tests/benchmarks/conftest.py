"""Scripts of `benchmarks/` and `docs/` import each other by name, as a script's folder allows; so do their tests."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("benchmarks", "docs")]
