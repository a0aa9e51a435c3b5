"""`doctorglm translate --audit`: what a translation keeps of terms, numbers and negations, as a table."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.cli.output import print_json
from doctorglm.errors import ConfigError
from doctorglm.language import Text
from doctorglm.report.blocks import Table
from doctorglm.report.terminal import show

_WORST = 15
"""Terms that the table shows; --json has all of them."""


def print_audit(pairs: Path, glossary: Path | None, as_json: bool) -> int:
    """Two tables, or one JSON object; with the project's own glossary where none is given."""
    _require_installed()
    from doctorglm.files.told import file_name
    from doctorglm.translate.audit import audit
    from doctorglm.translate.glossary import licences, own_glossary, read_glossary
    from doctorglm.translate.pairs import read_pairs

    entries = read_glossary(glossary) if glossary else own_glossary()
    result = audit(read_pairs(pairs), entries)
    result["glossary"] = {
        "name": file_name(glossary.name) if glossary else "doctorglm",
        "rows": len(entries),
        "licences": licences(entries),
    }
    print_json(result, as_json)
    if not as_json:
        show(_figures(result), sys.stdout)
        if worst := [row for row in result["worst_terms"] if row["right"] < row["mentions"]]:
            show(_terms(worst), sys.stdout)
    return 0


def refuse_other_than_audit() -> ConfigError:
    """What is said where translating itself is asked for, which is not there yet."""
    return ConfigError(
        en="translate: so far it scores pairs that are translated already. Add --audit.",
        zh="translate：目前只能评估已经翻译好的句对。请加上 --audit。",
    )


def _require_installed() -> None:
    """Raises ConfigError where the packages that read pairs and glossaries are missing; they are an extra."""
    try:
        import lxml  # noqa: F401
        import openpyxl  # noqa: F401
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            en=f"{error.name} is not installed, which an audit needs. Run pip install 'doctorglm[translate]'.",
            zh=f"没有安装评估翻译所需的 {error.name}。请运行 pip install 'doctorglm[translate]'。",
        ) from None


def _figures(result: Mapping[str, Any]) -> Table:
    fidelity, faults = result["number_fidelity"], result["number_faults"]
    fields, flipped = result["fields"], result["negation_flips"]
    rows: list[tuple[Text | str, ...]] = [
        (
            Text(en="terms right", zh="术语正确"),
            _share(result["term_accuracy"], result["term_accuracy_interval"]),
            Text(
                en=f"{result['term_right']:,} of {result['term_mentions']:,} mentions of {result['terms']:,} terms",
                zh=f"{result['terms']:,} 个术语共提及 {result['term_mentions']:,} 次，正确 {result['term_right']:,} 次",
            ),
        ),
        (
            Text(en="numbers kept", zh="数字保留"),
            "–" if fidelity is None else _share(fidelity, result["number_fidelity_interval"]),
            Text(
                en=f"of {result['numbers']:,}; missing {faults['missing']}, another unit {faults['unit']}, "
                f"converted alone {faults['converted']}; added in the Chinese {faults['added']}",
                zh=f"共 {result['numbers']:,} 个；缺失 {faults['missing']}，单位不符 {faults['unit']}，"
                f"只有换算值 {faults['converted']}；中文多出 {faults['added']}",
            ),
        ),
        (
            Text(en="negation flipped", zh="否定颠倒"),
            _share(flipped / fields, result["negation_flip_share_interval"]),
            Text(
                en=f"{flipped:,} of {fields:,} fields; a first check, to be read",
                zh=f"{fields:,} 个字段中有 {flipped:,} 个；初步检查，需人工查看",
            ),
        ),
    ]  # fmt: skip
    columns = (Text(en="what", zh="项目"), Text(en="share [95 %]", zh="比例 [95 %]"), Text(en="of", zh="说明"))
    return Table(columns=columns, rows=rows)


def _terms(worst: Sequence[Mapping[str, Any]]) -> Table:
    columns = (
        Text(en="term", zh="术语"),
        Text(en="accepted", zh="认可的译法"),
        Text(en="mentions", zh="提及"),
        Text(en="right", zh="正确"),
        Text(en="share", zh="比例"),
        Text(en="often instead", zh="常见的替代"),
    )
    rows = [
        (
            row["term"],
            "|".join(row["accepted"]),
            f"{row['mentions']:,}",
            f"{row['right']:,}",
            f"{row['share']:.0%}",
            f"{row['instead']['text']} ({row['instead']['fields']})" if row["instead"] else "–",
        )
        for row in worst[:_WORST]
    ]
    more = len(worst) - len(rows)
    note = Text(en=f"{more} more terms have wrong mentions (--json).", zh=f"另有 {more} 个术语有误（见 --json）。")
    return Table(columns=columns, rows=rows, note=note if more else None)


def _share(value: float, interval: Sequence[float]) -> str:
    return f"{value:.1%} [{interval[0]:.1%}, {interval[1]:.1%}]"
