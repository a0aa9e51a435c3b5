"""Two whole pages with invented numbers, as `tune` and `demo` make them."""

import math
import random

import pytest

from doctorglm.language import Text
from doctorglm.report import charts, strings
from doctorglm.report.blocks import (
    Answer,
    Answers,
    Chart,
    Commands,
    Figure,
    Number,
    Page,
    Prose,
    Question,
    Table,
    Verdict,
)


def loss_curve() -> Chart:
    """A run of 800 steps that overfits after step 600."""
    noise = random.Random(5)
    train = [(s, 2.35 + 1.6 * math.exp(-s / 140) + noise.gauss(0, 0.11)) for s in range(1, 801, 2)]
    valid = [(s, 2.61 + 1.25 * math.exp(-s / 150) + 4e-6 * max(0, s - 560) ** 2) for s in range(0, 801, 40)]
    best = min(valid, key=lambda point: point[1])
    return charts.curve(
        [
            charts.Series(label=strings.TRAINING, points=train, colour="training"),
            charts.Series(label=strings.VALIDATION, points=valid, colour="accent"),
        ],
        unit=Text(en="Loss, nats per token", zh="损失（nat/词元）"),
        best=best,
        reference=(strings.BASE, 3.86),
    )


def demo_flow() -> Chart:
    """312 dialogues, 14 of them rejected."""
    branch = charts.Branch
    kept = branch(
        label=Text(en="Kept", zh="保留"),
        count=298,
        parts=[
            branch(label=Text(en="Train", zh="训练集"), count=214),
            branch(label=Text(en="Validation", zh="验证集"), count=30),
            branch(label=Text(en="Test", zh="测试集"), count=54),
        ],
    )
    reasons = [
        (Text(en="Near-duplicate", zh="近似重复"), 7),
        (Text(en="Answer too short", zh="回答过短"), 4),
        (Text(en="No answer", zh="没有回答"), 3),
    ]
    rejected = branch(
        label=Text(en="Rejected", zh="剔除"),
        count=14,
        colour="base",
        parts=[branch(label=label, count=count, colour="base") for label, count in reasons],
    )
    return charts.flow(branch(label=Text(en="Read", zh="读入"), count=312, parts=[kept, rejected]))


def demo_differences() -> Chart:
    """Tuned and placebo against the base."""
    return charts.intervals(
        [
            charts.Difference(
                label=Text(en="Placebo − base", zh="安慰剂 − 基座"),
                value=-0.287,
                low=-0.331,
                high=-0.246,
                n=54,
                colour="placebo",
            ),
            charts.Difference(
                label=Text(en="Tuned − base", zh="微调 − 基座"), value=-0.412, low=-0.463, high=-0.361, n=54
            ),
        ],
        unit=Text(en="nats per token", zh="nat/词元"),
        zero=Text(en="as the base", zh="与基座相同"),
        better="lower",
    )


@pytest.fixture(scope="session")
def demo_page() -> Page:
    """A demo's report."""
    return make_demo_page()


@pytest.fixture(scope="session")
def wide_page() -> Page:
    """Everything that is too wide for a phone."""
    unbroken = "x" * 200
    return Page(
        title=unbroken,
        subtitle=unbroken,
        blocks=[
            Verdict(passed=False, sentence=unbroken, reasons=[unbroken]),
            Table(title=unbroken, columns=["a", *"bcdefghijkl"], rows=[["row", *["1,234.5"] * 11]]),
            Table(title="Settings", columns=["name", "value"], rows=[["data", unbroken]]),
            Prose(title=unbroken, text=unbroken),
            Answers(title="A", questions=[Question(asked=unbroken, answers=[Answer(label="B", text=unbroken)])]),
            Commands(title="C", lines=[unbroken]),
        ],
    )


@pytest.fixture(scope="session")
def run_page() -> Page:
    """The page of one `tune`."""
    return make_run_page()


def make_demo_page() -> Page:
    """Every kind of block, in the order of a report."""
    n = Text(en="n = 54 held-out dialogues, 3,212 answer tokens", zh="n = 54 段留出对话，3,212 个回答词元")
    return Page(
        title=Text(en="The pipeline in miniature", zh="微缩流程报告"),
        subtitle=Text(
            en="LoRA on the embedded base model, compared with its base and with a placebo on dialogues it never saw.",
            zh="在内置基座模型上做 LoRA 微调，并在从未见过的对话上与基座、安慰剂比较。",
        ),
        blocks=[
            Verdict(
                passed=True,
                sentence=Text(
                    en="The tuned model predicts held-out answers better than its base and better than the placebo.",
                    zh="微调后的模型对留出回答的预测，既好于基座，也好于安慰剂。",
                ),
                numbers=[
                    Number(
                        label=Text(en="Loss against the base", zh="与基座的损失之差"),
                        value="−0.412",
                        note=Text(
                            en="nats per token, 95\u202f% [−0.463, −0.361]",
                            zh="nat/词元，95\u202f% 区间 [−0.463, −0.361]",
                        ),
                    ),
                    Number(
                        label=Text(en="Loss against the placebo", zh="与安慰剂的损失之差"),
                        value="−0.125",
                        note=Text(
                            en="nats per token, 95\u202f% [−0.158, −0.093]",
                            zh="nat/词元，95\u202f% 区间 [−0.158, −0.093]",
                        ),
                    ),
                    Number(
                        label=Text(en="Answers that end by themselves", zh="自行结束的回答"),
                        value="96.3\u202f%",
                        note=Text(en="base 61.1\u202f%, n = 54", zh="基座 61.1\u202f%，n = 54"),
                    ),
                ],
            ),
            Figure(
                title=Text(en="298 of 312 dialogues were kept", zh="312 段对话保留了 298 段"),
                chart=demo_flow(),
                n=Text(en="n = 312 dialogues read", zh="n = 312 段读入的对话"),
            ),
            Figure(
                title=Text(en="Validation loss fell from 3.86 to 2.64", zh="验证损失从 3.86 降到 2.64"),
                chart=loss_curve(),
                n=Text(en="n = 214 training and 30 validation dialogues", zh="n = 214 段训练对话，30 段验证对话"),
            ),
            Figure(
                title=Text(en="Tuning gains more than the placebo does", zh="微调的收益大于安慰剂"),
                chart=demo_differences(),
                n=n,
            ),
            Table(
                title=Text(en="All measures", zh="全部指标"),
                columns=[Text(en="Measure", zh="指标"), strings.BASE, strings.TUNED, strings.PLACEBO],
                rows=[
                    [Text(en="Loss, nats per token", zh="损失，nat/词元"), "3.021", "2.609", "2.734"],
                    [Text(en="Perplexity", zh="困惑度"), "20.51", "13.59", "15.39"],
                    [Text(en="Repeated 4-grams", zh="四字重复率"), "14.2\u202f%", "3.1\u202f%", "3.4\u202f%"],
                    [Text(en="Ends by itself", zh="自行结束"), "61.1\u202f%", "96.3\u202f%", "94.4\u202f%"],
                    [Text(en="Tokens per second", zh="每秒词元数"), "412", "398", "401"],
                ],
                note=n,
            ),
            Answers(
                title=Text(en="The same question, three answers", zh="同一个问题，三种回答"),
                questions=[
                    Question(
                        asked="医生您好，孩子三岁，昨晚开始发烧，最高38.6度，有点流鼻涕，精神还可以，需要去医院吗？",
                        answers=[
                            Answer(
                                label=strings.BASE,
                                text="你好，孩子发烧，建议多喝水，注意休息，建议多喝水，注意休息，建议多喝水，注意休息，建议多喝水，注意休息，",
                                colour="base",
                            ),
                            Answer(
                                label=strings.TUNED,
                                text="你好，孩子发烧，精神还可以，可以先在家观察。建议多喝水，注意休息，穿衣不要过多。如果体温超过38.5度并且孩子不舒服，可以在医生指导下用退烧药。如果发烧超过三天、精神变差或呼吸急促，请及时到儿科就诊。",
                            ),
                            Answer(
                                label=strings.PLACEBO,
                                text="你好，建议多喝水，注意休息，清淡饮食，如果症状没有好转，请及时到皮肤科就诊。",
                                colour="placebo",
                            ),
                        ],
                    ),
                    Question(
                        asked="胃疼了两天，饭后更明显，<script>alert(1)</script>还反酸，可能是什么原因？",
                        answers=[
                            Answer(
                                label=strings.BASE,
                                text="考虑胃炎可能，建议做胃镜检查。平时注意饮食规律。",
                                colour="base",
                            ),
                            Answer(
                                label=strings.TUNED,
                                text="考虑胃炎或胃食管反流可能，建议到消化内科做胃镜检查。平时注意饮食规律，少吃辛辣和油炸的食物，饭后不要马上躺下。如果出现黑便、呕血或疼痛突然加重，请立即就医。",
                            ),
                            Answer(label=strings.PLACEBO, text="可以热敷，避免久坐，适当活动。", colour="placebo"),
                        ],
                    ),
                ],
            ),
            Commands(title=strings.REPRODUCE, lines=["pip install 'doctorglm[all]'", "doctorglm demo --out demo"]),
        ],
    )


def make_run_page() -> Page:
    """What a tuning run leaves beside its adapter."""
    return Page(
        title=Text(en="Tuning run: LoRA on the embedded base", zh="微调记录：内置基座上的 LoRA"),
        subtitle="runs/cmd-lora/tune",
        blocks=[
            Verdict(
                passed=None,
                sentence=Text(
                    en="Validation loss fell from 3.86 to 2.64 nats per token; the best step is 600 of 800.",
                    zh="验证损失从 3.86 降到 2.64 nat/词元，第 600 步最佳，共 800 步。",
                ),
                numbers=[
                    Number(
                        label=Text(en="Best validation loss", zh="最佳验证损失"),
                        value="2.641",
                        note=Text(en="nats per token, n = 30", zh="nat/词元，n = 30"),
                    ),
                    Number(
                        label=Text(en="Speed", zh="速度"),
                        value="1,984",
                        note=Text(en="tokens per second, without padding", zh="词元/秒，不计填充"),
                    ),
                    Number(
                        label=Text(en="Time", zh="用时"),
                        value="1:52",
                        note=Text(en="minutes, 0.9\u202fGB peak memory", zh="分钟，峰值内存 0.9\u202fGB"),
                    ),
                ],
            ),
            Figure(
                title=Text(en="Validation loss fell until step 600", zh="验证损失降到第 600 步为止"),
                chart=loss_curve(),
                n=Text(en="n = 214 training and 30 validation dialogues", zh="n = 214 段训练对话，30 段验证对话"),
            ),
            Table(
                title=Text(en="Settings", zh="设置"),
                columns=[Text(en="Setting", zh="名称"), Text(en="Value", zh="值")],
                rows=[
                    ["method", "lora"],
                    ["rank", "8"],
                    ["learning_rate", "0.001"],
                    ["optimizer", "adamw"],
                    ["seed", "0"],
                ],
            ),
            Prose(
                title=Text(en="What this page does not say", zh="本页没有说明的"),
                text=Text(
                    en="A lower loss is no proof of better advice.\n\nThe comparison and its gate are for that.",
                    zh="损失更低，不等于建议更好。\n\n这要由比较和放行检查来回答。",
                ),
            ),
            Commands(
                title=strings.REPRODUCE,
                lines=["doctorglm tune --base embedded --data runs/cmd-lora/curate --out runs/tune method=lora rank=8"],
            ),
        ],
    )
