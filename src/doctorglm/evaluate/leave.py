"""What a comparison leaves for people beside its gate: the report, the model card, a JUnit file for CI."""

from pathlib import Path

from doctorglm.evaluate.card import write_card
from doctorglm.evaluate.items import read_evaluation
from doctorglm.evaluate.junit import write_junit
from doctorglm.evaluate.page import write_comparison
from doctorglm.evaluate.release import GATE_FILE
from doctorglm.runs import read_json

JUNIT_FILE = "junit.xml"


def leave_comparison(
    out: Path, base: Path, tuned: Path, placebo: Path | None, command: str, *, junit: bool = False
) -> Path:
    """Writes `report.html`, `MODEL_CARD.md` and, where asked for, `junit.xml` into `out`; returns the report's path.

    `command` is what reproduces the comparison. Raises DataError where an evaluation or the gate is damaged.
    """
    report = write_comparison(out, base, tuned, placebo, command)
    gate = read_json(out / GATE_FILE)
    given = {"base": base, "tuned": tuned, **({"placebo": placebo} if placebo else {})}
    write_card(out, gate, {name: read_evaluation(folder) for name, folder in given.items()}, command=command)
    if junit:
        write_junit(out / JUNIT_FILE, gate)
    return report
