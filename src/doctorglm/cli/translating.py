"""`doctorglm translate`: conversations by a teacher; `--audit`: what a translation keeps, as a table."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doctorglm.cli.output import print_json, tell
from doctorglm.errors import ConfigError
from doctorglm.language import Text, say
from doctorglm.report.blocks import Table
from doctorglm.report.terminal import show

if TYPE_CHECKING:
    from doctorglm.translate.cost import Estimate

_WORST = 15
"""Terms that the table shows; --json has all of them."""


def print_audit(pairs: Path, glossary: Path | None, as_json: bool) -> int:
    """Two tables, or one JSON object; with the project's own glossary where none is given."""
    require_installed()
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


def only(files: Sequence[Path], values: Mapping[str, Any], sample: int | None = None) -> Path:
    """The one file or folder of an audit, which has no settings and takes no sample; raises ConfigError for more."""
    if sample is not None:
        raise ConfigError(
            en=f"--sample {sample} does not go with --audit, which scores every pair. Leave one of them out.",
            zh=f"--sample {sample} 不能与 --audit 同用：评估针对全部句对。请去掉其中一个。",
        )
    if len(files) != 1 or values:
        raise ConfigError(
            en=f"--audit takes one file or folder and no settings, not {len(files)} and {sorted(values)}. Give one.",
            zh=f"--audit 只接受一个文件或文件夹，没有设置项；给出了 {len(files)} 个和 {sorted(values)}。请去掉多余的。",
        )
    return files[0]


def address_of(teacher: str | None, model: str | None) -> str:
    """The teacher's address with its model; raises ConfigError where nobody is named."""
    if teacher is None:
        raise ConfigError(
            en="translate: who translates? Add --teacher http(s)://HOST[:PORT]/v1#NAME or --student DIR. --audit is "
            "for pairs that are translated already.",
            zh="translate：由谁翻译？请加上 --teacher http(s)://主机[:端口]/v1#模型名 或 --student 文件夹；"
            "已译好的句对请用 --audit。",
        )
    return teacher if model is None else f"{teacher.partition('#')[0]}#{model}"


def refuse(given: Mapping[str, object], *, beside: str) -> None:
    """Raises ConfigError for an option that means nothing beside another."""
    for name, value in given.items():
        if value is not None and value is not False:
            raise ConfigError(
                en=f"translate: {name} cannot stand beside {beside}. Leave one of them out.",
                zh=f"translate：{name} 不能与 {beside} 同时使用。请去掉其中一个。",
            )


def run_student(
    files: Sequence[Path], values: Mapping[str, Any], out: Path | None, *, as_json: bool, **given: Any
) -> int:
    """Translates by a student; one JSON object, or one line on stderr."""
    require_installed("student", "ctranslate2")
    from doctorglm.report.progress import progress_line
    from doctorglm.settings import build
    from doctorglm.translate.student.bulk import StudentSettings
    from doctorglm.translate.student.stage import StudentJob, translate_by_student

    job = StudentJob(sources=files, out=_out(files, out), **given)
    settings = build(StudentSettings, values, "translate")
    with progress_line(Text(en="translate", zh="翻译"), 1.0) as line:
        done = translate_by_student(job, settings, line.update).record
    print_json({"out": str(job.out), **done["counts"]}, as_json)
    tell(_counted(done, job.out), as_json)
    return 0


def run_recipe(values: Mapping[str, Any], settings: Sequence[str], recipe: Path, out: Path, as_json: bool) -> int:
    """Runs a recipe that has a section `translate`; returns 3 where its student is not good enough."""
    require_installed("student", "ctranslate2", "sacrebleu", "sentencepiece")
    from doctorglm.recipe.translation.pipeline import run_translation
    from doctorglm.recipe.translation.settings import translation_recipe_of
    from doctorglm.recipe.translation.show import show_outcome
    from doctorglm.settings import parse_overrides

    outcome = run_translation(translation_recipe_of(values, parse_overrides(settings), str(recipe)), out)
    command = shlex.join(["doctorglm", "run", str(recipe), *settings, "--out", str(out)])
    show_outcome(outcome, command=command, quiet=as_json)
    print_json(outcome.summary, as_json)
    return 0 if outcome.summary["passed"] else 3


def _out(files: Sequence[Path], out: Path | None) -> Path:
    if out is None or not files:
        raise ConfigError(
            en="translate: give SOURCE... and --out DIR.", zh="translate：请给出 SOURCE... 和 --out 文件夹。"
        )
    return out


def run(
    files: Sequence[Path], values: Mapping[str, Any], out: Path | None, teacher: str, *,
    dry: bool, as_json: bool, **given: Any,
) -> int:  # fmt: skip
    """Translates, or says what that would cost; one JSON object, or one line on stderr."""
    require_installed()
    from doctorglm.report.progress import progress_line
    from doctorglm.settings import build
    from doctorglm.translate.stage import Job, TranslateSettings, dry_run, translate

    out = _out(files, out)
    settings = build(TranslateSettings, values, "translate")
    job = Job(sources=files, out=out, teacher=teacher, **given)
    if dry:
        found, chosen = dry_run(job, settings)
        print_json(found.to_dict() | ({"sample": chosen} if chosen else {}), as_json)
        tell("\n".join([*_chosen(chosen), _estimated(found)]), as_json)
        return 0
    with progress_line(Text(en="translate", zh="翻译"), 1.0) as line:
        done = translate(job, settings, line.update).record
    chosen = done.get("sample")
    print_json(
        {"out": str(out), **done["counts"], "cost": done["cost"], **({"sample": chosen} if chosen else {})}, as_json
    )
    if not as_json:
        _show_report(out)
    tell("\n".join([*_chosen(chosen), _counted(done, out)]), as_json)
    return 0


def _show_report(out: Path) -> None:
    """The figures of a run's report, and its worst terms."""
    from doctorglm.runs import read_json

    audit = read_json(out / "report.json")["audit"]
    if audit is None:
        return
    show(_figures(audit), sys.stdout)
    if worst := [row for row in audit["worst_terms"] if row["right"] < row["mentions"]]:
        show(_terms(worst), sys.stdout)


def _chosen(report: Mapping[str, Any] | None) -> list[str]:
    """A line on the sample, and that the source has no more where that is so."""
    if report is None:
        return []
    chosen, source = report["chosen"], report["source"]
    if report["by"] == "all":
        return [say(
            en=f"--sample {report['asked']:,}: the source has only {source['conversations']:,} conversations; "
            "all are taken.",
            zh=f"--sample {report['asked']:,}：来源只有 {source['conversations']:,} 段对话，全部采用。",
        )]  # fmt: skip
    return [say(
        en=f"sample: {chosen['conversations']:,} of {source['conversations']:,} conversations with "
        f"{chosen['terms']:,} of {source['terms']:,} terms; at random for the same cost "
        f"{report['random']['terms']:,.0f}",
        zh=f"样本：{source['conversations']:,} 段对话中的 {chosen['conversations']:,} 段，含 {source['terms']:,} 个术语"
        f"中的 {chosen['terms']:,} 个；同等费用随机抽取为 {report['random']['terms']:,.0f} 个",
    )]  # fmt: skip


def _estimated(found: "Estimate") -> str:
    is_less = found.price_share < 1
    share_en = f" (batch: {found.price_share:.0%} of the prices, by batch_discount)" if is_less else ""
    share_zh = f"（批处理：按价格的 {found.price_share:.0%} 计，见 batch_discount）" if is_less else ""
    return say(
        en=f"{found.texts:,} texts in {found.requests:,} requests: about {found.usd_expected:.4f} USD, at most "
        f"{found.usd_at_most:.4f} without repetitions{share_en}. Nothing was sent.",
        zh=f"{found.texts:,} 段文本，{found.requests:,} 次请求：约 {found.usd_expected:.4f} 美元，不计重试最多 "
        f"{found.usd_at_most:.4f} 美元{share_zh}。没有发送任何内容。",
    )


def _counted(done: Mapping[str, Any], out: Path) -> str:
    counts, cost = done["counts"], done.get("cost")
    paid = Text(en=f"; {cost['usd']:.4f} USD for {cost['requests']} requests",
                zh=f"；{cost['requests']} 次请求共 {cost['usd']:.4f} 美元") if cost else Text(en="", zh="")  # fmt: skip
    reasons = ", ".join(f"{reason} {n}" for reason, n in counts["rejected"].items()) or "0"
    return say(
        en=f"{out}: read {counts['read']}, translated {counts['translated']}; rejected: {reasons}{paid.en}; "
        "see report.html",
        zh=f"{out}：读入 {counts['read']}，译出 {counts['translated']}；剔除：{reasons}{paid.zh}；详见 report.html",
    )


def require_installed(extra: str = "translate", *more: str) -> None:
    """Raises ConfigError where the packages that read pairs and glossaries, or `more`, are missing: they are extras."""
    try:
        import lxml  # noqa: F401
        import openai  # noqa: F401
        import openpyxl  # noqa: F401
        import pyarrow  # noqa: F401

        for name in more:
            import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            en=f"{error.name} is not installed, which this needs. Run pip install 'doctorglm[{extra}]'.",
            zh=f"没有安装所需的 {error.name}。请运行 pip install 'doctorglm[{extra}]'。",
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
