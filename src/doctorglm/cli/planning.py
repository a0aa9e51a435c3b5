"""`doctorglm plan`: what it prints, and which settings it takes: those of `tune`, and its own."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from doctorglm.cli.output import print_json, tell
from doctorglm.plan import PlanSettings
from doctorglm.plan import plan as planned
from doctorglm.plan.tables import advice, sentence, tables
from doctorglm.report.terminal import show
from doctorglm.settings import build


def print_plan(base: str, data: Path, device: str, values: Mapping[str, Any], as_json: bool) -> None:
    """The plan on stderr, or as one JSON object on stdout; settings of `tune` that it need not know are checked."""
    from doctorglm.tune import TuneSettings
    from doctorglm.tune.trial_base import trial_of

    settings = plan_settings(values)
    known = {f.name for f in fields(TuneSettings)}
    how = build(TuneSettings, {key: value for key, value in values.items() if key in known}, "tune")
    of = planned(base, data, device, settings, trial_of(how))
    print_json(of.to_dict(), as_json)
    if as_json:
        return
    for table in tables(of):
        show(table)
    tell("\n".join(["· " + str(text) for text in of.assumptions]), silent=False)
    tell("\n".join(("", sentence(of), advice(of))), silent=False)


def plan_settings(values: Mapping[str, Any]) -> PlanSettings:
    """The plan's settings; raises ConfigError for one that neither `plan` nor `tune` has, or that is wrong."""
    from doctorglm.tune import TuneSettings

    own = {f.name for f in fields(PlanSettings)}
    of_tune = {f.name for f in fields(TuneSettings)} - own
    build(TuneSettings, {key: value for key, value in values.items() if key in of_tune}, "tune")
    return build(PlanSettings, {key: value for key, value in values.items() if key not in of_tune}, "plan")
