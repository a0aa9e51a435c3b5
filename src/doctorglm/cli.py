"""The command line: one short function per verb, errors to exit codes.

Exit codes: 0 done; 1 a fault of ours; 2 the input or the settings are wrong; 3 the gate failed; 130 interrupted.
Rooms are imported when their verb runs, so that `--help` answers at once.
"""

import errno
import json
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from doctorglm.errors import ConfigError, DoctorGLMError
from doctorglm.language import say
from doctorglm.settings import build, parse_overrides, scalar

_NOTE = say(
    en="DoctorGLM informs; it never diagnoses or prescribes.",
    zh="DoctorGLM 只提供信息，不诊断、不开处方。",
)
app = typer.Typer(
    name="doctorglm",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=say(
        en="Tune a Chinese doctor-dialogue model, prove it better than its base, and talk with it. ",
        zh="微调中文医疗对话模型，证明它优于底座，然后与它对话。",
    )
    + _NOTE,
    epilog=say(
        en="--lang zh|en chooses the language, --debug shows a traceback; both go with every verb.",
        zh="--lang zh|en 选择语言，--debug 显示调用栈；可用于所有命令。",
    ),
)

Json = Annotated[
    bool, typer.Option("--json", help=say(en="One JSON object on stdout.", zh="在标准输出打印一个 JSON 对象。"))
]
Out = Annotated[Path, typer.Option("--out", help=say(en="Folder for the results.", zh="结果文件夹。"))]
Model = Annotated[
    str,
    typer.Option(
        "--model", help=say(en="A folder of weights, or `embedded`.", zh="权重文件夹，或 embedded（内置模型）。")
    ),
]
Adapter = Annotated[
    Path | None, typer.Option("--adapter", help=say(en="A folder in PEFT's format.", zh="PEFT 格式的适配器文件夹。"))
]
Settings = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE ...]", help=say(en="Settings, by name.", zh="设置项，按名称给出。")),
]


def _example(line: str) -> str:
    return say(en="Example: ", zh="示例：") + line


@app.command(
    help=say(
        en="The whole pipeline in miniature, on the embedded base model and sample dialogues.",
        zh="在内置底座模型和示例对话上，小规模跑通全流程。",
    ),
    epilog=_example("doctorglm demo --out runs/demo"),
)
def demo(out: Out = Path("runs/demo"), as_json: Json = False) -> int:
    """Curate, tune, evaluate, compare, answer."""
    from doctorglm.demo import run_demo

    summary = run_demo(out, quiet=as_json)
    _print_json(summary, as_json)
    return 0 if summary["gate"]["passed"] else 3


@app.command(
    help=say(en="Every stage of a recipe; finished stages are skipped.", zh="运行配方的每个阶段；已完成的跳过。"),
    epilog=_example("doctorglm run recipes/cmd-lora.yaml --out runs/cmd-lora tune.epochs=2"),
)
def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.yaml")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[STAGE.KEY=VALUE ...]")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help=say(en="Default: runs/NAME.", zh="默认 runs/配方名。"))
    ] = None,
    as_json: Json = False,
) -> int:
    """Runs a recipe; exit code 3 when its gate fails."""
    from doctorglm.recipe import load_recipe, run_recipe
    from doctorglm.recipe.show import show_outcome, streaming

    loaded = load_recipe(recipe, parse_overrides(settings or []))
    directory = out or Path("runs") / recipe.stem
    outcome = run_recipe(loaded, directory, ask=streaming(quiet=as_json))
    if outcome is None:
        _print_json({"out": str(directory)}, as_json)
        return 0
    show_outcome(outcome, command=f"doctorglm run {recipe} --out {directory}", quiet=as_json)
    _print_json(outcome.summary, as_json)
    return 0 if outcome.summary["gate"]["passed"] else 3


@app.command(
    help=say(
        en="Consultations in, clean conversations in leak-free splits out, rejects with reasons.",
        zh="读入问诊数据，输出干净且互不泄漏的划分，被剔除的附上原因。",
    ),
    epilog=_example("doctorglm curate hospital.csv --out runs/data splits=train=0.8,valid=0.1,test=0.1"),
)
def curate(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE... [KEY=VALUE ...]")],
    out: Out,
    limit: Annotated[
        int | None, typer.Option("--limit", help=say(en="Keep at most this many.", zh="最多保留的条数。"))
    ] = None,
    as_json: Json = False,
) -> int:
    """Files and folders to train, valid and test."""
    from doctorglm.curate import CurateSettings
    from doctorglm.curate import curate as stage
    from doctorglm.language import Text
    from doctorglm.report.progress import progress_line

    files, values = _split_settings(sources)
    if limit is not None:
        values["limit"] = limit
    with progress_line(Text(en="curate", zh="整理"), len(files)) as line:
        done = stage(files, out, build(CurateSettings, values, "curate"), lambda name, n, _: line.update(n, name))
    _print_json({"out": str(out), **done.record["counts"]}, as_json)
    _tell(_counted(done.record["counts"], out), as_json)
    return 0


@app.command(
    help=say(en="Tune a base model on curated conversations.", zh="在整理好的对话上微调底座模型。"),
    epilog=_example("doctorglm tune --base embedded --data runs/data --out runs/tuned learning_rate=1e-3"),
)
def tune(
    base: Annotated[
        str, typer.Option("--base", help=say(en="A folder of weights, or `embedded`.", zh="权重文件夹，或 embedded。"))
    ],
    data: Annotated[Path, typer.Option("--data", help=say(en="What `curate` left.", zh="`curate` 的输出文件夹。"))],
    out: Out,
    settings: Settings = None,
    method: Annotated[str | None, typer.Option("--method", help="lora | full")] = None,
    as_json: Json = False,
) -> int:
    """Leaves an adapter or a model, metrics and a page."""
    from doctorglm.tune import TuneSettings
    from doctorglm.tune import tune as stage

    values = parse_overrides(settings or [])
    if method is not None:
        values["method"] = method
    done = stage(base, data, out, build(TuneSettings, values, "tune"))
    _print_json({"out": str(out), **done.record}, as_json)
    made = out / ("model" if done.record["settings"]["method"] == "full" else "adapter")
    _tell(say(en=f"done: {made}", zh=f"完成：{made}"), as_json)
    return 0


@app.command(
    help=say(
        en="Measure a model on held-out conversations: likelihood, repetition, endings.",
        zh="在留出的对话上评测模型：似然、重复、自行结束。",
    ),
    epilog=_example("doctorglm evaluate --model embedded --suite runs/data/test.jsonl --out runs/base-eval"),
)
def evaluate(
    model: Model,
    suite: Annotated[
        Path,
        typer.Option(
            "--suite", help=say(en="Held-out conversations, as curate's test.jsonl.", zh="留出的对话，如 test.jsonl。")
        ),
    ],
    out: Out,
    settings: Settings = None,
    adapter: Adapter = None,
    as_json: Json = False,
) -> int:
    """Leaves every item and a summary with intervals."""
    from doctorglm.evaluate import EvaluateSettings
    from doctorglm.evaluate import evaluate as stage
    from doctorglm.runs import read_json

    values = build(EvaluateSettings, parse_overrides(settings or []), "evaluate")
    stage(model, suite, out, values, adapter=adapter)
    summary = read_json(out / "summary.json")
    _print_json(summary, as_json)
    rows = [f"{n}: {m['value']:.4f} [{m['low']:.4f}, {m['high']:.4f}]" for n, m in summary["metrics"].items()]
    _tell("\n".join(rows), as_json)
    return 0


@app.command(
    help=say(
        en="Compare a tuned model with its base and its placebo; the gate passes or fails.",
        zh="把微调后的模型与底座、安慰剂比较，给出是否通过的结论。",
    ),
    epilog=_example("doctorglm compare runs/base-eval runs/tuned-eval --placebo runs/placebo-eval --out runs/gate"),
)
def compare(
    base_eval: Path,
    tuned_eval: Path,
    out: Out,
    settings: Settings = None,
    placebo: Annotated[
        Path | None,
        typer.Option("--placebo", help=say(en="The placebo's evaluation.", zh="安慰剂模型的评测结果。")),
    ] = None,
    as_json: Json = False,
) -> int:
    """Writes gate.json; exit code 3 when the gate fails."""
    from doctorglm.evaluate import GateSettings
    from doctorglm.evaluate import compare as stage

    values = build(GateSettings, parse_overrides(settings or []), "compare")
    gate = stage(base_eval, tuned_eval, out, placebo=placebo, settings=values)
    _print_json(gate, as_json)
    _tell(say(**gate["sentence"]), as_json)
    return 0 if gate["passed"] else 3


@app.command(
    help=say(en="Talk with a model in the terminal.", zh="在终端里与模型对话。"),
    epilog=_example("doctorglm chat --model embedded --adapter runs/tuned/adapter"),
)
def chat(
    model: Model,
    adapter: Adapter = None,
    ask: Annotated[
        str | None, typer.Option("--ask", help=say(en="Answer this once and leave.", zh="只回答这一句就退出。"))
    ] = None,
    settings: Settings = None,
    as_json: Json = False,
) -> int:
    """History, /clear, streaming; Ctrl-C stops an answer."""
    from doctorglm import models
    from doctorglm.chat import chat as talk
    from doctorglm.consult import Consultation
    from doctorglm.engine import Sampling
    from doctorglm.models.local_engine import LocalEngine

    if as_json and ask is None:
        raise ConfigError(en="--json goes with --ask TEXT.", zh="--json 需与 --ask 文本 一起使用。")
    sampling = build(Sampling, parse_overrides(settings or []), "chat")
    loaded, tokenizer = models.load(model, adapter)
    return talk(Consultation(LocalEngine(loaded, tokenizer, name=model), sampling), ask=ask, as_json=as_json)


@app.command(
    help=say(
        en="What this machine can run, what is missing, and how to get it.",
        zh="这台机器能运行什么、缺什么、如何补齐。",
    ),
    epilog=_example("doctorglm doctor"),
)
def doctor(as_json: Json = False) -> int:
    """Prints the survey of the machine."""
    from dataclasses import asdict

    from doctorglm.language import Text
    from doctorglm.machine import survey
    from doctorglm.report.blocks import Table
    from doctorglm.report.terminal import show

    findings = survey()
    _print_json({"findings": [asdict(finding) for finding in findings]}, as_json)
    if not as_json:
        sign = {"ok": "✓", "note": "·", "missing": "✕"}
        columns = (Text(en="what", zh="项目"), Text(en="found", zh="情况"), Text(en="how to get it", zh="如何补齐"))
        rows = [(Text(en=f"{sign[f.state]} {f.name.en}", zh=f"{sign[f.state]} {f.name.zh}"), f.value, f.remedy or "")
                for f in findings]  # fmt: skip
        show(Table(columns=columns, rows=rows), sys.stdout)
    return 0


def main(arguments: Sequence[str]) -> int:
    """Runs a verb; returns its exit code."""
    debug = "--debug" in arguments
    rest = [a for a in arguments if a != "--debug"]
    as_json = "--json" in rest
    try:
        result = app(args=rest, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except DoctorGLMError as error:
        return _failed(str(error), error.exit_code, as_json, debug)
    except (KeyboardInterrupt, typer.Abort):
        return _failed(
            say(en="interrupted; start it again to go on", zh="已中断；再次运行即可继续"), 130, as_json, debug
        )
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.TyperException as error:
        return _failed(error.format_message() if hasattr(error, "format_message") else str(error), 2, as_json, debug)
    except OSError as error:
        return _failed(_system(error), 2, as_json, debug) if error.errno in _OURS_NOT else _fault(error)
    except Exception as error:
        return _fault(error)


_OURS_NOT = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
)


def _system(error: OSError) -> str:
    where = error.filename or say(en="the disk", zh="磁盘")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return say(
            en=f"{where}: the disk is full. Free some space and start again; finished work is kept.",
            zh=f"{where}：磁盘已满。请腾出空间后重新运行；已完成的部分会保留。",
        )
    return say(
        en=f"{where}: {error.strerror}. Choose another path, or change its permissions.",
        zh=f"{where}：{error.strerror}。请换一个路径，或修改权限。",
    )


def _failed(message: str, code: int, as_json: bool, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    _print_json({"error": message, "exit_code": code}, as_json)
    print(f"{say(en='error', zh='错误')}: {message}" if code != 130 else message, file=sys.stderr)  # noqa: T201
    return code


def _fault(error: Exception) -> int:
    traceback.print_exception(error)
    _tell(say(en="This is a fault of DoctorGLM. Please report it.", zh="这是 DoctorGLM 的缺陷，请报告。"), False)
    return 1


def _split_settings(arguments: Sequence[str]) -> tuple[list[Path], dict[str, Any]]:
    """Paths, and KEY=VALUE pairs; a path that exists is a path whatever it is called."""
    pairs = [a for a in arguments if re.match(r"[a-z_]+=", a) and not Path(a).exists()]
    files = [Path(a) for a in arguments if a not in pairs]
    return files, {key: scalar(value) for key, _, value in (pair.partition("=") for pair in pairs)}


def _counted(counts: dict[str, Any], out: Path) -> str:
    reasons = ", ".join(f"{reason} {n}" for reason, n in counts["rejected"].items()) or "0"
    parts = ", ".join(f"{name} {n}" for name, n in counts["splits"].items())
    return say(
        en=f"{out}: read {counts['read']}, kept {counts['kept']} ({parts}); rejected: {reasons}",
        zh=f"{out}：读入 {counts['read']}，保留 {counts['kept']}（{parts}）；剔除：{reasons}",
    )


def _print_json(value: Any, wanted: bool) -> None:
    if wanted:
        print(json.dumps(value, ensure_ascii=False, default=str))  # noqa: T201


def _tell(text: str, silent: bool) -> None:
    if not silent:
        print(text, file=sys.stderr)  # noqa: T201
