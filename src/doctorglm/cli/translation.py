"""The verbs of translation: `translate` and `distill`.

Rooms are imported when their verb runs, so that `--help` answers at once.
"""

import typer

from doctorglm.cli import flags, translate_flags
from doctorglm.cli.sections import split_settings
from doctorglm.cli.usage import Verb
from doctorglm.language import say

app = typer.Typer()


@app.command(
    help=say(
        en="English conversations into Chinese by a teacher or a student; --audit: what a translation keeps.",
        zh="由教师或学生模型把英文对话译成中文；--audit：评估译文保留了多少术语、数字和否定。",
    ),
    epilog="doctorglm translate english.jsonl --out runs/zh --teacher http://127.0.0.1:8080/v1#NAME --dry-run",
    cls=Verb,
)
def translate(
    sources: translate_flags.Translated,
    out: translate_flags.TranslateOut = None,
    teacher: translate_flags.Teacher = None,
    model: translate_flags.TeacherModel = None,
    student: translate_flags.Student = None,
    engine: translate_flags.StudentEngine = None,
    budget: translate_flags.Budget = None,
    sample: translate_flags.Sample = None,
    dry_run: translate_flags.DryRun = False,
    cache: translate_flags.Answers = None,
    allow_remote: flags.AllowRemote = False,
    audit: translate_flags.Audit = False,
    glossary: translate_flags.Glossary = None,
    as_json: flags.Json = False,
) -> int:
    """Conversations to conversations, or pairs to a score."""
    from doctorglm.cli import translating

    files, values = split_settings(sources)
    if audit:
        return translating.print_audit(translating.only(files, values, sample), glossary, as_json)
    if student is not None:
        others = {"--teacher": teacher, "--model": model, "--budget": budget, "--sample": sample,
                  "--dry-run": dry_run, "--allow-remote": allow_remote}  # fmt: skip
        translating.refuse(others, beside="--student")
        given = {"student": student, "engine": engine or "local", "glossary": glossary, "cache": cache}
        return translating.run_student(files, values, out, as_json=as_json, **given)
    translating.refuse({"--engine": engine}, beside="--teacher")
    address = translating.address_of(teacher, model)
    return translating.run(
        files, values, out, address, dry=dry_run, as_json=as_json,
        glossary=glossary, budget_usd=budget, sample=sample, cache=cache, allow_remote=allow_remote,
    )  # fmt: skip


@app.command(
    help=say(
        en="A small student that translates as its pairs do. Exit code 3: not good enough on --test.",
        zh="由句对训练小型学生翻译模型。在 --test 上不合格时退出码为 3。",
    ),
    epilog="doctorglm distill pairs.jsonl --out runs/student --test held_out.jsonl epochs=5",
    cls=Verb,
)
def distill(
    pairs: translate_flags.StudentPairs,
    out: flags.Out,
    test: translate_flags.StudentTest = None,
    glossary: translate_flags.Glossary = None,
    as_json: flags.Json = False,
) -> int:
    """Pairs to a student."""
    from doctorglm.cli.distilling import run_distill

    files, values = split_settings(pairs)
    return run_distill(files, values, out, test=test, glossary=glossary, as_json=as_json)
