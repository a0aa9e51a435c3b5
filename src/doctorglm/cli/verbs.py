"""The verbs: one short function each, from flags to the stage's own function.

Rooms are imported when their verb runs, so that `--help` answers at once.
"""

import json
import os
import shlex
import sys
from pathlib import Path

import typer

from doctorglm.cli import flags
from doctorglm.cli.library import app as library_verbs
from doctorglm.cli.library import ground_settings
from doctorglm.cli.output import agrees, counted, encodings, figure, licence, print_json, tell
from doctorglm.cli.sections import of_part, own, split_settings
from doctorglm.cli.translation import app as translation_verbs
from doctorglm.cli.usage import Verb, Verbs
from doctorglm.errors import ConfigError
from doctorglm.language import readable, say
from doctorglm.runs import read_json
from doctorglm.settings import build, parse_overrides, scalar

app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    rich_markup_mode=None,
    help=say(
        en="Tune a Chinese doctor-dialogue model, prove it better than its base, and talk with it.\n"
        "DoctorGLM informs; it never diagnoses or prescribes.",
        zh="微调中文医疗对话模型，证明它优于基座，然后与它对话。\nDoctorGLM 只提供信息，不诊断、不开处方。",
    ),
    epilog="doctorglm demo",
)
app.add_typer(library_verbs, name="library")
app.add_typer(translation_verbs)


@app.command(
    help=say(
        en="The whole pipeline in miniature, on the embedded base model and sample dialogues.",
        zh="在内置基座模型和示例对话上，小规模跑通全流程。",
    ),
    epilog="doctorglm demo --out runs/demo",
    cls=Verb,
)
def demo(
    out: flags.DemoOut = Path("runs/demo"),
    as_json: flags.Json = False,
) -> int:
    """Curate, tune, evaluate, compare, answer."""
    from doctorglm.demo import run_demo

    summary = run_demo(out, quiet=as_json)
    print_json(summary, as_json)
    return 0 if summary["gate"]["passed"] else 3


@app.command(
    help=say(en="Every stage of a recipe; finished stages are skipped.", zh="运行配方的每个阶段；已完成的跳过。"),
    epilog="doctorglm run recipes/cmd-lora.yaml --out runs/cmd-lora tune.epochs=2",
    cls=Verb,
)
def run(
    recipe: flags.Recipe,
    settings: flags.RecipeSettings = None,
    out: flags.RecipeOut = None,
    as_json: flags.Json = False,
) -> int:
    """Runs a recipe; exit code 3 when its gate fails, or its student."""
    from doctorglm.recipe import read_recipe, recipe_of, run_recipe
    from doctorglm.recipe.show import show_outcome, streaming

    values = read_recipe(recipe)
    directory = out or Path("runs") / recipe.stem
    if "translate" in values:
        from doctorglm.cli.translating import run_recipe as run_translation

        return run_translation(values, settings or [], recipe, directory, as_json)
    loaded = recipe_of(values, parse_overrides(settings or []), str(recipe))
    outcome = run_recipe(loaded, directory, ask=streaming(quiet=as_json))
    if outcome is None:
        print_json({"out": str(directory)}, as_json)
        tell(say(en=f"done: {directory}", zh=f"完成：{directory}"), as_json)
        return 0
    command = shlex.join(["doctorglm", "run", str(recipe), *(settings or []), "--out", str(directory)])
    show_outcome(outcome, command=command, quiet=as_json)
    print_json(outcome.summary, as_json)
    return 0 if outcome.summary["gate"]["passed"] else 3


@app.command(
    help=say(
        en="A known corpus or model from its hub: licence shown, hashes checked, resumed. Without a name: a list.",
        zh="从来源下载已登记的语料或模型：显示许可，核对哈希，断点续传。不给名称则列出全部。",
    ),
    epilog="doctorglm fetch cmtmedqa --out data/cmtmedqa --accept-licence",
    cls=Verb,
)
def fetch(
    name: flags.FetchName = None,
    out: flags.FetchOut = None,
    accept_licence: flags.AcceptLicence = False,
    as_json: flags.Json = False,
) -> int:
    """The licence first, then the files."""
    from dataclasses import asdict

    from doctorglm import hub
    from doctorglm.language import Text
    from doctorglm.report.progress import progress_line

    if name is None:
        print_json({"known": [asdict(entry) for entry in hub.registry().values()]}, as_json)
        for entry in hub.registry().values():
            tell(f"{entry.name:24} {entry.kind:7} {entry.title} ({entry.licence})", as_json)
        return 0
    entry, folder = hub.known(name), out or Path("data") / name
    tell(licence(entry), as_json)
    if not accept_licence and not (sys.stdin.isatty() and agrees()):
        raise ConfigError(
            en=f"fetch {name}: the licence ({entry.licence}) was not accepted. Read {entry.address}, then add "
            "--accept-licence.",
            zh=f"fetch {name}：尚未接受许可（{entry.licence}）。请阅读 {entry.address}，然后加上 --accept-licence。",
        )
    with progress_line(Text(en="fetch", zh="下载"), 1.0) as line:
        done = hub.fetch(entry, folder, lambda file, so_far, whole: line.update(so_far / whole if whole else 0.0, file))
    print_json({"out": str(folder), **done.record["counts"], "licence": entry.licence}, as_json)
    counts = done.record["counts"]
    tell(
        say(
            en=f"{folder}: {counts['files']} files, {counts['bytes'] / 1e6:,.1f} MB, each as announced",
            zh=f"{folder}：{counts['files']} 个文件，{counts['bytes'] / 1e6:,.1f} MB，均与公布的一致",
        ),
        as_json,
    )
    return 0


@app.command(
    help=say(
        en="Consultations in, clean conversations in leak-free splits out, rejects with reasons.",
        zh="读入问诊数据，输出干净且互不泄漏的划分，被剔除的附上原因。",
    ),
    epilog="doctorglm curate hospital.csv --out runs/data splits=train=0.8,valid=0.1,test=0.1",
    cls=Verb,
)
def curate(
    sources: flags.Sources,
    out: flags.Out,
    limit: flags.Limit = None,
    decontaminate: flags.Decontaminate = None,
    skip_bad: flags.SkipBad = False,
    engine: flags.CurateEngine = "local",
    review: flags.Review = None,
    as_json: flags.Json = False,
) -> int:
    """Files and folders to train, valid and test."""
    from doctorglm.curate import CurateSettings
    from doctorglm.curate import curate as stage
    from doctorglm.curate.engines import workers
    from doctorglm.curate.ray_engine import ray_cluster
    from doctorglm.language import Text
    from doctorglm.report.progress import progress_line

    files, values = split_settings(sources)
    if limit is not None:
        values["limit"] = scalar(limit)
    wanted = build(CurateSettings, values, "curate")
    ready = ray_cluster() if engine == "ray" else workers(os.cpu_count() or 1)
    with progress_line(Text(en="curate", zh="整理"), 1.0) as line, ready as working:
        done = stage(
            files,
            out,
            wanted,
            lambda doing, share: line.update(share, doing),
            decontaminate=decontaminate or (),
            skip_bad=skip_bad,
            engine=working,
            review=review,
        )
    print_json({"out": str(out), **done.record["counts"]}, as_json)
    if told := encodings(done.record["files"]):
        tell(told, as_json)
    tell(counted(done.record["counts"], out), as_json)
    return 0


@app.command(
    help=say(
        en="Memory, hours and price of a tuning run, before it starts: from config and data alone.",
        zh="训练开始之前，仅凭配置和数据估算内存、时间和费用。",
    ),
    epilog="doctorglm plan --base chatglm-6b --data runs/data --device A100-80G max_length=1024",
    cls=Verb,
)
def plan(
    base: flags.PlanBase,
    data: flags.Data,
    device: flags.Device,
    settings: flags.Settings = None,
    method: flags.PlanMethod = None,
    as_json: flags.Json = False,
) -> int:
    """Prints tables, or one JSON object."""
    from doctorglm.cli.planning import print_plan

    values = parse_overrides(settings or [])
    print_plan(base, data, device, values if method is None else {**values, "method": method}, as_json)
    return 0


@app.command(
    help=say(en="Tune a base model on curated conversations.", zh="在整理好的对话上微调基座模型。"),
    epilog="doctorglm tune --base embedded --data runs/data --out runs/tuned learning_rate=1e-3",
    cls=Verb,
)
def tune(
    base: flags.Base,
    data: flags.Data,
    out: flags.Out,
    settings: flags.Settings = None,
    method: flags.Method = None,
    search: flags.Search = False,
    as_json: flags.Json = False,
) -> int:
    """Leaves an adapter or a model, metrics and a page; or finds a learning rate."""
    from doctorglm.tune import TuneSettings
    from doctorglm.tune import tune as stage

    values = parse_overrides(settings or [])
    if method is not None:
        values["method"] = method
    if search:
        from doctorglm.cli.searching import print_search

        return print_search(base, data, out, values, as_json)
    done = stage(base, data, out, build(TuneSettings, values, "tune"))
    print_json({"out": str(out), **done.record}, as_json)
    made = out / ("model" if done.record["settings"]["method"] == "full" else "adapter")
    tell(say(en=f"done: {made}", zh=f"完成：{made}"), as_json)
    return 0


@app.command(
    help=say(
        en="Measure a model on suites: held-out conversations, general ability, safety, exams.",
        zh="用各项 suite 评测模型：留出的对话、通用能力、安全性、考试题。",
    ),
    epilog="doctorglm evaluate --model embedded --suite runs/data/test.jsonl --out runs/base-eval",
    cls=Verb,
)
def evaluate(
    model: flags.Model,
    out: flags.Out,
    suite: flags.Suite = None,
    settings: flags.Settings = None,
    adapter: flags.Adapter = None,
    quantization: flags.Quantization = None,
    trained_on: flags.TrainedOn = None,
    sweep: flags.Sweep = False,
    judge: flags.Judge = None,
    cache: flags.Cache = None,
    allow_remote: flags.AllowRemote = False,
    as_json: flags.Json = False,
) -> int:
    """Leaves every item and a summary with intervals; then the judge's scores and the sweep, where asked for."""
    from doctorglm.evaluate import EvaluateSettings
    from doctorglm.evaluate import evaluate as stage
    from doctorglm.evaluate.judge import JudgeSettings
    from doctorglm.evaluate.page import write_evaluation, write_sweep
    from doctorglm.evaluate.suites import SHIPPED
    from doctorglm.evaluate.sweep.grid import SweepSettings

    values = parse_overrides(settings or [])
    wanted = build(EvaluateSettings, own(values, "sweep", "judge"), "evaluate")
    asked = build(JudgeSettings, of_part(values, "judge"), "judge")
    grid = build(SweepSettings, of_part(values, "sweep"), "sweep")
    suites = suite or list(SHIPPED)
    stage(
        model,
        suites,
        out,
        wanted,
        adapter=adapter,
        trained_on=trained_on,
        cache=cache,
        allow_remote=allow_remote,
        quantization=quantization,
    )
    found = dict(read_json(out / "summary.json"))
    signed = read_json(out / "run.json").get("signatures", {})
    rows = [f"{n}: {figure(m)}" + (f"  {signed[n]}" if n in signed else "") for n, m in found["metrics"].items()]
    command = shlex.join(["doctorglm", *sys.argv[1:]])
    if judge is not None:
        from doctorglm.evaluate.judge.stage import judge_evaluation

        found["judge"] = judge_evaluation(out, judge, asked, allow_remote=allow_remote)
    report = write_evaluation(out, command)
    tell("\n".join([*rows, say(en=f"Report: {report}", zh=f"报告：{report}")]), as_json)
    if sweep:
        from doctorglm.evaluate.sweep.stage import sweep_stage

        found["sweep"] = sweep_stage(
            model, suites, out / "sweep", grid, adapter=adapter, allow_remote=allow_remote, quantization=quantization
        )
        told = write_sweep(out / "sweep", command)
        tell(say(**found["sweep"]["reason"]) + say(en=f"\nReport: {told}", zh=f"\n报告：{told}"), as_json)
    print_json(found, as_json)
    return 0


@app.command(
    help=say(
        en="Compare a tuned model with its base and its placebo; the gate passes or fails.",
        zh="把微调后的模型与基座、安慰剂比较，给出是否通过的结论。",
    ),
    epilog="doctorglm compare runs/base-eval runs/tuned-eval --placebo runs/placebo-eval --out runs/gate",
    cls=Verb,
)
def compare(
    base_eval: flags.BaseEvaluation,
    tuned_evals: flags.TunedEvaluations,
    out: flags.Out,
    placebo: flags.Placebo = None,
    judge: flags.Judge = None,
    allow_remote: flags.AllowRemote = False,
    form: flags.Format = "report",
    as_json: flags.Json = False,
) -> int:
    """Writes gate.json, for several tuned models one in a folder of each; exit code 3 when a gate fails."""
    from doctorglm.evaluate import GateSettings, compare_all
    from doctorglm.evaluate.judge import JudgeSettings
    from doctorglm.evaluate.leave import leave_comparison

    evaluations, values = split_settings(tuned_evals)
    settings = build(GateSettings, own(values, "judge"), "compare")
    asked = build(JudgeSettings, of_part(values, "judge"), "judge")
    gates = compare_all(base_eval, evaluations, out, placebo=placebo, settings=settings)
    passed = all(gate["passed"] for gate in gates.values())
    command = shlex.join(["doctorglm", *sys.argv[1:]])
    for name, tuned in zip(gates, evaluations, strict=True):
        place = out if len(gates) == 1 else out / name
        if judge is not None:
            from doctorglm.evaluate.judge.stage import judge_comparison

            judge_comparison(base_eval, tuned, place, judge, asked, allow_remote=allow_remote)
        leave_comparison(place, base_eval, tuned, placebo, command, junit=form == "junit")
    print_json(next(iter(gates.values())) if len(gates) == 1 else {"passed": passed, "gates": gates}, as_json)
    for name, gate in gates.items():
        tell((f"{name}: " if len(gates) > 1 else "") + say(**gate["sentence"]), as_json)
    return 0 if passed else 3


@app.command(
    help=say(en="Talk with a model in the terminal.", zh="在终端里与模型对话。"),
    epilog="doctorglm chat --model embedded --adapter runs/tuned/adapter",
    cls=Verb,
)
def chat(
    model: flags.Model,
    adapter: flags.Adapter = None,
    quantization: flags.Quantization = None,
    library: flags.Library = None,
    ask: flags.Ask = None,
    settings: flags.Settings = None,
    allow_remote: flags.AllowRemote = False,
    as_json: flags.Json = False,
) -> int:
    """History, /clear, streaming; Ctrl-C stops an answer."""
    from doctorglm.chat import chat as talk
    from doctorglm.consult import Consultation, Layer, with_library
    from doctorglm.evaluate.release import standing
    from doctorglm.evaluate.sweep.sampling_file import sampling_for
    from doctorglm.models.opening import open_engine

    if as_json and ask is None:
        raise ConfigError(en="--json goes with --ask TEXT.", zh="--json 需与 --ask 文本 一起使用。")
    values = parse_overrides(settings or [])
    sampling = sampling_for(adapter, own(values, "library"), "chat")
    grounds = of_part(values, "library")
    if grounds and library is None:
        raise ConfigError(en="library.KEY goes with --library DIR.", zh="library.KEY 需与 --library 一起使用。")
    engine = open_engine(model, adapter, allow_remote=allow_remote, quantization=quantization)
    if adapter is not None:
        tell(str(standing(adapter)), silent=False)
    layer = with_library(library, engine, ground_settings(grounds)) if library else Layer()
    consultation = Consultation(engine, sampling, layer)
    return talk(consultation, ask=None if ask is None else readable(ask), as_json=as_json)


@app.command(
    help=say(
        en="Write a model's folder anew: ChatGLM2 and ChatGLM3 as GLM, pickles as safetensors, and back; as GGUF for "
        "llama.cpp and Ollama; an adapter of 2023 in PEFT's format; or one that passed its gate added into its base.",
        zh="转换模型文件夹：ChatGLM2、ChatGLM3 转为 GLM，pickle 转为 safetensors，也可转回；"
        "转为 llama.cpp 和 Ollama 使用的 GGUF；把 2023 年的适配器转为 PEFT 格式；或把通过门槛的适配器合并进基座。",
    ),
    epilog="doctorglm convert models/chatglm2-6b models/chatglm2-6b-hf --to hf",
    cls=Verb,
)
def convert(
    source: flags.ConvertSource,
    target: flags.ConvertTarget,
    to: flags.To,
    base: flags.MergeBase = None,
    kind: flags.Kind = None,
    slim: flags.Slim = False,
    quantization_embeddings: flags.QuantizationEmbeddings = False,
    onto: flags.Onto = None,
    allow_ungated: flags.AllowUngated = False,
    as_json: flags.Json = False,
) -> int:
    """Each layout in its own way; `cli.converting` knows them."""
    from doctorglm.cli.converting import converted

    done = converted(
        source,
        target,
        to,
        base=base,
        allow_ungated=allow_ungated,
        kind=kind,
        slim=slim,
        quantization_embeddings=quantization_embeddings,
        onto=onto,
    )
    print_json(done.record, as_json)
    tell(done.sentence, as_json)
    return 0


@app.command(
    help=say(
        en="One detector over lines of text. deid: what identifies somebody, and the text without it; triage: how "
        "soon to be seen; terms: symptoms, diseases, drugs, examinations, each present, denied, asked, past, family or "
        "other.",
        zh="对文本逐行运行一个检测器。deid：找出能识别个人的内容，并给出遮盖后的文本；triage：判断多快须就诊；"
        "terms：症状、疾病、药物、检查及其状态（有、否认、被问及、既往、家族、其他）。",
    ),
    epilog="doctorglm inspect deid lines.jsonl --out spans.jsonl",
    cls=Verb,
)
def inspect(
    detector: flags.Detector,
    file: flags.Lines,
    out: flags.LinesOut = None,
    as_json: flags.Json = False,
) -> int:
    """A JSON object a line, to a file or to stdout; with --json all of them, or how many there are, in one object."""
    from doctorglm.clinical.inspect import detector as named
    from doctorglm.clinical.inspect import inspected
    from doctorglm.runs import atomic_file

    if detector == "triage":
        from doctorglm.safety.triage.lines import triaged

        records = triaged(file)
    else:
        records = inspected(file, named(detector, "triage"))
    if out is None and as_json:
        print_json({"lines": list(records)}, as_json)
    elif out is None:
        sys.stdout.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    else:
        lines = 0
        with atomic_file(out) as target:
            for record in records:
                target.write(json.dumps(record, ensure_ascii=False) + "\n")
                lines += 1
        print_json({"out": str(out), "lines": lines}, as_json)
    return 0


@app.command(
    help=say(
        en="What this machine can run, what is missing, and how to get it.",
        zh="这台机器能运行什么、缺什么、如何补齐。",
    ),
    epilog="doctorglm doctor",
    cls=Verb,
)
def doctor(as_json: flags.Json = False) -> int:
    """Prints the survey of the machine."""
    from dataclasses import asdict

    from doctorglm.language import Text
    from doctorglm.machine import survey
    from doctorglm.report.blocks import Table
    from doctorglm.report.terminal import show

    findings = survey()
    print_json({"findings": [asdict(finding) for finding in findings]}, as_json)
    if not as_json:
        sign = {"ok": "✓", "note": "·", "missing": "✕"}
        columns = (Text(en="what", zh="项目"), Text(en="found", zh="情况"), Text(en="how to get it", zh="如何补齐"))
        rows = [(Text(en=f"{sign[f.state]} {f.name.en}", zh=f"{sign[f.state]} {f.name.zh}"), f.value, f.remedy or "")
                for f in findings]  # fmt: skip
        show(Table(columns=columns, rows=rows), sys.stdout)
    return 0
