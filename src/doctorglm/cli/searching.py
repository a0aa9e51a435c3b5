"""`doctorglm tune --search`: short runs at several rates, and what is said of them."""

import shlex
import sys
from pathlib import Path
from typing import Any

from doctorglm.cli.output import print_json, tell
from doctorglm.cli.sections import of_part, own
from doctorglm.language import say
from doctorglm.settings import build
from doctorglm.tune import TuneSettings
from doctorglm.tune.page import command_of
from doctorglm.tune.search import SearchSettings, at_rate, search
from doctorglm.tune.search_page import write_search


def print_search(base: str, data: Path, out: Path, values: dict[str, Any], as_json: bool) -> int:
    """Short runs at several rates; the command that goes on with the best of them."""
    wanted = build(TuneSettings, own(values, "search"), "tune")
    done = search(base, data, out, wanted, build(SearchSettings, of_part(values, "search"), "search")).record
    commands = [shlex.join(["doctorglm", *sys.argv[1:]])]
    if done["recommended"]:
        rate = done["recommended"]["learning_rate"]
        commands.append(command_of(base, data, out / "tuned", at_rate(wanted, rate)))
    report = write_search(out, done, wanted, commands)
    print_json({"out": str(out), "trials": done["trials"], "recommended": done["recommended"],
                "reason": done["reason"], "next": commands[1:]}, as_json)  # fmt: skip
    tell("\n".join([say(**done["reason"]), *commands[1:], say(en=f"Report: {report}", zh=f"报告：{report}")]), as_json)
    return 0
