"""What the verbs say and ask: JSON on stdout, everything else on stderr, in the language that is in force."""

import sys
from pathlib import Path
from typing import Any

from doctorglm.hub import Known
from doctorglm.language import readable, say
from doctorglm.runs import to_json


def print_json(value: Any, wanted: bool) -> None:
    """The one JSON object of `--json`, on stdout."""
    if wanted:
        print(to_json(value))  # noqa: T201


def tell(text: str, silent: bool) -> None:
    """A message, on stderr."""
    if not silent:
        print(readable(text), file=sys.stderr)  # noqa: T201


def counted(counts: dict[str, Any], out: Path) -> str:
    """What curation read, kept and rejected."""
    reasons = ", ".join(f"{reason} {n}" for reason, n in counts["rejected"].items()) or "0"
    parts = ", ".join(f"{name} {n}" for name, n in counts["splits"].items())
    return say(
        en=f"{out}: read {counts['read']}, kept {counts['kept']} ({parts}); rejected: {reasons}",
        zh=f"{out}：读入 {counts['read']}，保留 {counts['kept']}（{parts}）；剔除：{reasons}",
    )


def licence(entry: Known) -> str:
    """The licence of a corpus or model, with what to know before agreeing to it."""
    return say(
        en=f"{entry.title} ({entry.address})\nLicence: {entry.licence}. {entry.note}",
        zh=f"{entry.title}（{entry.address}）\n许可：{entry.licence}。{entry.note}",
    )


def agrees() -> bool:
    """True when the person at the terminal accepts it."""
    sys.stderr.write(say(en="Do you accept this licence? [y/N] ", zh="是否接受该许可？[y/N] "))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes", "是"}
