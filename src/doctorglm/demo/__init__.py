"""`doctorglm demo`: the pipeline in miniature, on dialogues written for this project and the embedded base model.

The dialogues are a demonstration, not reviewed by a clinician; see `data/README.md`.
"""

import shlex
from pathlib import Path
from typing import Any

from doctorglm.recipe import load_recipe, run_recipe
from doctorglm.recipe.show import show_outcome, streaming

DATA = Path(__file__).parent / "data" / "consultations.jsonl"
HELD_OUT = Path(__file__).parent / "data" / "held_out.jsonl"
RECIPE = Path(__file__).parent / "recipe.yaml"


def run_demo(out: Path, *, quiet: bool) -> dict[str, Any]:
    """Runs what is not finished in `out`, shows it unless quiet, and returns what `summary.json` holds."""
    recipe = load_recipe(RECIPE, {"sources": [str(DATA), str(HELD_OUT)]})
    outcome = run_recipe(recipe, out, ask=streaming(quiet=quiet))
    assert outcome is not None, "the demo's recipe evaluates"
    show_outcome(outcome, command=shlex.join(["doctorglm", "demo", "--out", str(out)]), quiet=quiet)
    return outcome.summary
