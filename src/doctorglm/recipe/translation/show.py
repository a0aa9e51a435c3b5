"""What a translation recipe shows in the terminal: who translated what, the verdict, where the report is."""

import sys

from rich.console import Console

from doctorglm.language import say
from doctorglm.recipe.translation.page import results_table, write_report
from doctorglm.recipe.translation.pipeline import Outcome
from doctorglm.recipe.translation.verdict import reasons, sentence
from doctorglm.report.terminal import show as show_table


def show_outcome(outcome: Outcome, *, command: str, quiet: bool) -> None:
    """Writes the report; prints table, verdict with its reasons, and the report's place unless quiet."""
    report = write_report(outcome, command)
    if quiet:
        return
    show_table(results_table(outcome.summary), sys.stdout)
    sign = "✓" if outcome.summary["passed"] else "✕"
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{sign} {sentence(outcome.summary)}", style="bold", markup=False)
    for reason in reasons(outcome.summary):
        console.print(str(reason), markup=False)
    console.print(say(en=f"Report: {report}", zh=f"报告：{report}"), markup=False)
