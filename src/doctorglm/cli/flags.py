"""The flags and arguments of the verbs, with what `--help` says of them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from doctorglm.language import say

KEY_VALUE = "[KEY=VALUE ...]"

Json = Annotated[
    bool, typer.Option("--json", help=say(en="One JSON object on stdout.", zh="在标准输出打印一个 JSON 对象。"))
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help=say(en="Folder for the results.", zh="结果文件夹。"))]
DemoOut = Annotated[
    Path, typer.Option("--out", metavar="DIR", help=say(en="Default: runs/demo.", zh="默认 runs/demo。"))
]
RecipeOut = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help=say(en="Default: runs/RECIPE.", zh="默认 runs/配方名。"))
]
Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar=KEY_VALUE, help=say(en="Settings, by name; see docs/.", zh="设置项，按名称给出；见 docs/。")
    ),
]
Recipe = Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help=say(en="See recipes/.", zh="配方，见 recipes/。"))]
RecipeSettings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[STAGE.KEY=VALUE ...]",
        help=say(en="Settings in place of the recipe's.", zh="代替配方中相应设置的值。"),
    ),
]
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar=f"SOURCE... {KEY_VALUE}",
        help=say(en="Files and folders, then settings; see docs/.", zh="文件和文件夹，然后是设置项；见 docs/。"),
    ),
]
Limit = Annotated[
    str | None,
    typer.Option("--limit", metavar="N", help=say(en="Keep at most this many.", zh="最多保留的条数。")),
]
"""Text, so that a wrong number is told as for every other setting."""
CurateEngine = Annotated[
    Literal["local", "ray"],
    typer.Option(
        "--engine", help=say(en="This machine, or a Ray cluster.", zh="本机，或 Ray 集群。"), show_default=True
    ),
]
Review = Annotated[
    int | None,
    typer.Option(
        "--review",
        metavar="N",
        min=1,
        help=say(en="A sheet of N kept records for a reader to sign.", zh="抽取 N 条保留记录供人工审阅签字。"),
    ),
]
FetchName = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help=say(en="As `doctorglm fetch` lists it.", zh="名称，见 doctorglm fetch。")),
]
FetchOut = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help=say(en="Default: data/NAME.", zh="默认 data/名称。"))
]
AcceptLicence = Annotated[
    bool,
    typer.Option(
        "--accept-licence",
        help=say(en="You have read the licence and accept it.", zh="表示已阅读并接受许可。"),
    ),
]
Decontaminate = Annotated[
    list[Path] | None,
    typer.Option(
        "--decontaminate",
        metavar="FILE...",
        help=say(
            en="Benchmarks, files or folders: what holds an item with its answer is rejected.",
            zh="评测集（文件或文件夹）：含有其题目及答案的对话会被剔除。",
        ),
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help=say(
            en="Exit with 0 although a file could not be read; it is named all the same.",
            zh="有文件无法读取时仍以 0 退出；文件名照样会列出。",
        ),
    ),
]
Detector = Annotated[str, typer.Argument(metavar="deid|triage|terms", help=say(en="Which detector.", zh="检测器。"))]
Lines = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.jsonl",
        help=say(en="Lines with `text` or `messages`.", zh="每行含 `text` 或 `messages` 的文件。"),
    ),
]
LinesOut = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help=say(en="Default: standard output.", zh="默认写到标准输出。")),
]
Base = Annotated[
    str,
    typer.Option(
        "--base",
        metavar="MODEL",
        help=say(en="A folder of weights, or `embedded`.", zh="权重文件夹，或 embedded（内置模型）。"),
    ),
]
Data = Annotated[
    Path, typer.Option("--data", metavar="DIR", help=say(en="What `curate` left.", zh="`curate` 的输出文件夹。"))
]
Method = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="lora|qlora|ptuning|full",
        help=say(
            en="On a frozen base low-rank adapters (default), the same on a quantised one, or a learned prefix; or "
            "every weight.",
            zh="基座冻结：低秩适配器（默认）、量化基座上的适配器，或可学习前缀；或全部权重。",
        ),
    ),
]
Search = Annotated[
    bool,
    typer.Option(
        "--search",
        help=say(en="Short runs at several learning rates, and which to take.", zh="短程试几个学习率，给出推荐。"),
    ),
]
PlanBase = Annotated[
    str,
    typer.Option(
        "--base",
        metavar="MODEL",
        help=say(
            en="A folder with config.json, `embedded`, or a known name such as chatglm-6b.",
            zh="含 config.json 的文件夹、embedded，或 chatglm-6b 等已知名称。",
        ),
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help=say(en="A card of the table, or `cpu`: this machine.", zh="价格表中的显卡，或 cpu（本机）。"),
    ),
]
PlanMethod = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="lora|qlora|ptuning|full",
        help=say(en="What would be trained; default lora.", zh="训练方式；默认 lora。"),
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="MODEL",
        help=say(
            en="A folder of weights, a .gguf file, `embedded`, or http(s)://HOST/v1#NAME.",
            zh="权重文件夹、.gguf 文件、embedded（内置模型），或 http(s)://主机/v1#模型名。",
        ),
    ),
]
Adapter = Annotated[
    Path | None,
    typer.Option("--adapter", metavar="DIR", help=say(en="A folder in PEFT's format.", zh="PEFT 格式的适配器文件夹。")),
]
Quantization = Annotated[
    Literal["none", "nf4", "int8", "int4"] | None,
    typer.Option(
        "--quantization",
        help=say(
            en="Packs the base's weights while they are loaded; default: as the adapter was trained, else none.",
            zh="加载时量化基座的权重；默认与训练适配器时相同，否则不量化。",
        ),
    ),
]
Suite = Annotated[
    list[str] | None,
    typer.Option(
        "--suite",
        metavar="NAME|FILE ...",
        help=say(
            en="Held-out conversations (curate's test.jsonl), a suite's YAML, lm-eval:TASK; default: general, safety.",
            zh="留出的对话（如 test.jsonl）、suite 的 YAML 文件、lm-eval:任务；默认 general 和 safety。",
        ),
    ),
]
TrainedOn = Annotated[
    Path | None,
    typer.Option(
        "--trained-on",
        metavar="DIR",
        help=say(
            en="What the model was tuned on, for the leak test; default: where `tune` found it.",
            zh="微调所用的数据，用于泄漏检验；默认取 `tune` 记录的位置。",
        ),
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help=say(
            en="Keeps finished items for other evaluations of the same model.",
            zh="保存已完成的条目，供同一模型的其他评测使用。",
        ),
    ),
]
AllowRemote = Annotated[
    bool,
    typer.Option(
        "--allow-remote",
        help=say(
            en="A server elsewhere may be asked; it is sent masked text only.",
            zh="允许使用其他机器上的服务器；只会发送遮盖后的文本。",
        ),
    ),
]
Sweep = Annotated[
    bool,
    typer.Option(
        "--sweep",
        help=say(
            en="Then sweeps temperature, top-p and more (sweep.KEY=VALUE), and recommends one sampling.",
            zh="随后扫描 temperature、top-p 等采样参数（sweep.键=值），并给出推荐。",
        ),
    ),
]
Judge = Annotated[
    str | None,
    typer.Option(
        "--judge",
        metavar="MODEL",
        help=say(
            en="A model that judges the answers (judge.KEY=VALUE): a folder, or http(s)://HOST/v1#NAME.",
            zh="评判回答的模型（judge.键=值）：文件夹，或 http(s)://主机/v1#模型名。",
        ),
    ),
]
Format = Annotated[
    Literal["report", "junit"],
    typer.Option(
        "--format",
        help=say(en="junit: also writes junit.xml, for CI.", zh="junit：另写 junit.xml，供持续集成使用。"),
        show_default=True,
    ),
]
BaseEvaluation = Annotated[
    Path, typer.Argument(metavar="BASE_EVAL", help=say(en="The base's evaluation.", zh="基座的评测结果。"))
]
TunedEvaluations = Annotated[
    list[str],
    typer.Argument(
        metavar=f"TUNED_EVAL... {KEY_VALUE}",
        help=say(
            en="The tuned models', then settings; see docs/.", zh="微调后模型的评测结果，然后是设置项；见 docs/。"
        ),
    ),
]
Placebo = Annotated[
    Path | None,
    typer.Option(
        "--placebo",
        metavar="PLACEBO_EVAL",
        help=say(en="The placebo's; without it the gate fails.", zh="安慰剂模型的评测结果；没有它就不会通过。"),
    ),
]
ConvertSource = Annotated[
    Path, typer.Argument(metavar="SRC", help=say(en="A folder of weights, or an adapter.", zh="权重文件夹或适配器。"))
]
ConvertTarget = Annotated[
    Path, typer.Argument(metavar="DST", help=say(en="A folder that does not exist yet.", zh="目标文件夹，须尚不存在。"))
]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="hf|chatglm|peft|int8|int4|merged|gguf",
        help=say(
            en="hf: safetensors for transformers, ChatGLM2 and 3 as GLM; chatglm: official names; peft: an adapter in "
            "today's format; int8, int4: ChatGLM packed as published; merged: an adapter added into its base; gguf: "
            "for llama.cpp and Ollama.",
            zh="hf：供 transformers 使用的 safetensors，ChatGLM2、3 转为 GLM；chatglm：官方命名；"
            "peft：今天的适配器格式；int8、int4：按官方格式打包 ChatGLM；merged：把适配器合并进基座；"
            "gguf：供 llama.cpp 和 Ollama 使用。",
        ),
    ),
]
MergeBase = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="MODEL",
        help=say(en="An adapter's base, where it has moved.", zh="适配器的基座（若已不在原处）。"),
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(
        "--type",
        metavar="TYPE",
        help=say(en="gguf: f32, f16 (default), bf16, q8_0 or q4_0.", zh="gguf：f32、f16（默认）、bf16、q8_0 或 q4_0。"),
    ),
]
Slim = Annotated[
    bool,
    typer.Option(
        "--slim",
        help=say(
            en="hf, chatglm: without the 20,000 image tokens of the first ChatGLM-6B.",
            zh="hf、chatglm：去掉最初版 ChatGLM-6B 的 20,000 个图像 token。",
        ),
    ),
]
QuantizationEmbeddings = Annotated[
    bool,
    typer.Option(
        "--quantization-embeddings",
        help=say(
            en="int8, int4: the embedding and the head are packed too.",
            zh="int8、int4：嵌入与输出层也一并量化。",
        ),
    ),
]
Onto = Annotated[
    Literal["dequantised", "full"] | None,
    typer.Option(
        "--onto",
        help=say(
            en="merged, tuned on a quantised base: its unpacked weights (default), or the full ones.",
            zh="merged（在量化基座上微调时）：合并到解包后的权重（默认），或完整精度的权重。",
        ),
    ),
]
AllowUngated = Annotated[
    bool,
    typer.Option(
        "--allow-ungated",
        help=say(
            en="merged, gguf: although no gate was passed; it is recorded.",
            zh="merged、gguf：未通过门槛也继续，会留下记录。",
        ),
    ),
]
Library = Annotated[
    Path | None,
    typer.Option(
        "--library",
        metavar="DIR",
        help=say(
            en="Answer from this library, citing it; see docs/library.md.",
            zh="依据该资料库作答并注明出处；见 docs/library.md。",
        ),
    ),
]
Ask = Annotated[
    str | None,
    typer.Option("--ask", metavar="TEXT", help=say(en="Answer this once and leave.", zh="只回答这一句就退出。")),
]
