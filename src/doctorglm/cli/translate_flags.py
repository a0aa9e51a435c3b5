"""The flags and arguments of `translate`, with what `--help` says of them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from doctorglm.cli.flags import KEY_VALUE
from doctorglm.language import say

Translated = Annotated[
    list[str],
    typer.Argument(
        metavar=f"SOURCE... {KEY_VALUE}",
        help=say(
            en="Conversations in English, then settings; with --audit pairs: en and zh, or en_input, zh_input ...",
            zh="英文对话，然后是设置项；用 --audit 时为句对：en 与 zh，或 en_input、zh_input 等。",
        ),
    ),
]
TranslateOut = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help=say(en="Folder for the results.", zh="结果文件夹。"))
]
Teacher = Annotated[
    str | None,
    typer.Option(
        "--teacher",
        metavar="URL",
        help=say(
            en="Who translates: http(s)://HOST[:PORT]/v1#NAME, any OpenAI-compatible server.",
            zh="由谁翻译：http(s)://主机[:端口]/v1#模型名，任何兼容 OpenAI 的服务器。",
        ),
    ),
]
TeacherModel = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help=say(en="The model, where the URL names none.", zh="URL 未含的模型名。")
    ),
]
Budget = Annotated[
    float | None,
    typer.Option(
        "--budget",
        metavar="USD",
        min=0.0,
        help=say(
            en="Stops before a request that could exceed it; needs usd_in= and usd_out=.",
            zh="在可能超支的请求之前停止；需要 usd_in= 和 usd_out=。",
        ),
    ),
]
Sample = Annotated[
    int | None,
    typer.Option(
        "--sample",
        metavar="N",
        min=1,
        help=say(
            en="Translates N conversations, chosen for the terms they cover, with --budget as many as fit; "
            "the others are left in rest.jsonl.",
            zh="只翻译 N 段对话，按所含术语挑选（给出 --budget 时以预算为限）；其余写入 rest.jsonl。",
        ),
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help=say(en="Say what it would cost; send nothing.", zh="只估算费用，不发送。"))
]
Answers = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="FILE",
        help=say(
            en="Answers, for other runs too. Default: .cache.sqlite in --out.",
            zh="译文缓存，可供其他运行共用。默认是 --out 里的 .cache.sqlite。",
        ),
    ),
]
Audit = Annotated[
    bool,
    typer.Option(
        "--audit",
        help=say(en="Score pairs that are translated already.", zh="评估已经翻译好的句对。"),
    ),
]
Glossary = Annotated[
    Path | None,
    typer.Option(
        "--glossary",
        metavar="FILE|hpo",
        help=say(
            en="Terms: TSV, CSV, TBX or babelon; hpo: HPO's labels. Default: the project's own.",
            zh="术语表：TSV、CSV、TBX 或 babelon；hpo 为 HPO 标签。默认用项目自带的。",
        ),
    ),
]
Student = Annotated[
    Path | None,
    typer.Option(
        "--student",
        metavar="DIR",
        help=say(
            en="Who translates instead: a student's folder, as `distill` writes it, or a local opus-mt-en-zh.",
            zh="改由学生模型翻译：`distill` 的输出文件夹，或本地的 opus-mt-en-zh。",
        ),
    ),
]
StudentEngine = Annotated[
    Literal["local", "ray"] | None,
    typer.Option(
        "--engine",
        metavar="local|ray",
        help=say(en="With --student: this machine, or a Ray cluster.", zh="与 --student 合用：本机，或 Ray 集群。"),
    ),
]
StudentPairs = Annotated[
    list[str],
    typer.Argument(
        metavar=f"PAIRS... {KEY_VALUE}",
        help=say(
            en="Pairs (en and zh) or translated conversations, then settings; see docs/.",
            zh="句对（en 与 zh）或已翻译的对话，然后是设置项；见 docs/。",
        ),
    ),
]
StudentTest = Annotated[
    Path | None,
    typer.Option(
        "--test",
        metavar="PAIRS",
        help=say(
            en="Pairs to measure the student on; taken out of the training.",
            zh="用于评估学生模型的句对；会从训练数据中剔除。",
        ),
    ),
]
