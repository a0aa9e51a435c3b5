"""What a recipe shows in the terminal: answers as they come, the table, the verdict, where the report is."""

import sys
from collections.abc import Callable

from rich.console import Console

from doctorglm.consult import LABEL
from doctorglm.evaluate.leave import leave_comparison
from doctorglm.language import Text, say
from doctorglm.recipe.page import results_table, write_report
from doctorglm.recipe.pipeline import Outcome, Show
from doctorglm.report.terminal import show as show_table
from doctorglm.report.wording import clean


def streaming(*, quiet: bool) -> Callable[[str], Show] | None:
    """What shows a question and its answers on stdout while they are generated; None when quiet."""
    if quiet:
        return None
    console = Console(highlight=False, soft_wrap=True)

    def ask(question: str) -> Show:
        console.print()
        console.print(say(en="Patient: ", zh="患者："), style="bold", end="")
        console.print(clean(question), markup=False)
        console.print(f"[{LABEL}]", style="dim", markup=False, end="")

        def show(system: Text, piece: str) -> None:
            if not piece:
                console.print(f"\n{system}: ", style="bold", markup=False, end="")
            else:
                # nothing that a model says may steer the terminal
                console.print(clean(piece), markup=False, end="")
                console.file.flush()

        return show

    return ask


def show_outcome(outcome: Outcome, *, command: str, quiet: bool) -> None:
    """Writes the reports and the model card; prints table, verdict and the report's place unless quiet."""
    report = write_report(outcome, command)
    evaluations = outcome.directory / "evaluate"
    leave_comparison(
        outcome.directory / "compare",
        evaluations / "base",
        evaluations / "tuned",
        evaluations / "placebo",
        command,
    )
    if quiet:
        return
    gate = outcome.summary["gate"]
    sign = say(en="✓ passed", zh="✓ 通过") if gate["passed"] else say(en="✕ not passed", zh="✕ 未通过")
    sys.stdout.write("\n\n")
    show_table(results_table(outcome.summary), sys.stdout)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{sign}  {say(**gate['sentence'])}", style="bold", markup=False)
    console.print(say(en=f"Report: {report}", zh=f"报告：{report}"), markup=False)
