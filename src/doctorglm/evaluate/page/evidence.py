"""What speaks for the figures: the leak test, and how the same ones are had again (commands, hashes, versions)."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from doctorglm.evaluate.items import Evaluation
from doctorglm.evaluate.metrics import TEST_SUITES
from doctorglm.evaluate.settings import EvaluateSettings
from doctorglm.evaluate.suites import SHIPPED
from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Block, Commands, Listing, Prose, Table
from doctorglm.report.numbers import number
from doctorglm.report.wording import Wording

_LEAKS = Text(en="Contamination", zh="数据污染检查")
_PRETRAINING = Text(
    en="What cannot be checked: whether the base model met these conversations in its own pretraining. The base is "
    "measured on the same items, so that such knowledge helps both sides of the comparison alike.",
    zh="无法检查的：基座模型自身的预训练是否见过这些对话。基座在相同条目上评测，因此这种知识对比较双方的帮助相同。",
)
_NOT_FOUND = {
    "moved": Text(
        en="The data that the adapter was tuned on is not where it was, or has changed since: give its folder with "
        "--trained-on.",
        zh="适配器的训练数据已不在原处，或已改动：请用 --trained-on 给出其文件夹。",
    ),
    "unknown": Text(
        en="No record beside the adapter says what it was tuned on: give that folder with --trained-on.",
        zh="适配器旁没有记录说明其训练数据：请用 --trained-on 给出其文件夹。",
    ),
}


def contamination(leak: Mapping[str, Any] | None, *, adapter: bool) -> list[Block]:
    """What was checked, how many test items overlap, and what nobody can check."""
    if not adapter and not (leak or {}).get("known"):
        return [Prose(title=_LEAKS, text=_joined(_NO_ADAPTER, _PRETRAINING))]
    if leak is None or not leak.get("known"):
        why = _NOT_FOUND.get(str((leak or {}).get("why")), _NOT_FOUND["unknown"])
        return [Prose(title=_LEAKS, text=_joined(_NOT_CHECKED, why, _PRETRAINING))]
    blocks: list[Block] = [Prose(title=_title(leak), text=_joined(_checked(leak), _PRETRAINING))]
    first = leak.get("first") or {}
    if first:
        blocks.append(
            Listing(
                title=Text(en="Test items found in the training data", zh="训练数据中出现的测试条目"),
                summary=Text(
                    en=f"{len(first)} of {leak['leaked']} items", zh=f"{leak['leaked']} 项中的 {len(first)} 项"
                ),
                lines=[f"{item}  {place}" for item, place in first.items()],
            )
        )
    return blocks


_NO_ADAPTER = Text(
    en="This is a base model without adapter: nothing was tuned here that could hold test items.",
    zh="这是不带适配器的基座模型：没有经过可能混入测试条目的微调。",
)
_NOT_CHECKED = Text(
    en="Not checked: whether test items stand in the training data is unknown.",
    zh="未检查：不知道测试条目是否出现在训练数据中。",
)


def _title(leak: Mapping[str, Any]) -> Text:
    leaked, items = leak.get("leaked", 0), number(leak.get("items", 0), 0)
    return Text(
        en=f"Contamination: {leaked or 'none'} of {items} test items found in the training data",
        zh=f"数据污染检查：{items} 个测试条目中，训练数据里发现 {leaked} 个",
    )


def _checked(leak: Mapping[str, Any]) -> Text:
    files = ", ".join(leak.get("trained_on") or {}) or "–"
    return Text(
        en="Checked: every test conversation, question and answer together, against the data that the adapter was "
        f"tuned on ({files}; its hashes are those that tuning noted). Compared by shared character 8-grams, as "
        "curation does, so that a copy with a few changed words counts as well.",
        zh=f"已检查：每段测试对话（问与答合并）与适配器的训练数据（{files}，哈希与微调时的记录一致）逐一比对；"
        "按共有的 8 字片段比较，与数据整理时相同，因此改动几个字的副本也算。",
    )


def _joined(*parts: Text) -> Text:
    return Text(en="\n\n".join(part.en for part in parts), zh="\n\n".join(part.zh for part in parts))


def reproduce(
    command: str, named: Sequence[tuple[Wording, Evaluation]], hashes: Mapping[str, Any], *, repeat: bool
) -> list[Block]:
    """Commands (those of the evaluations too, when `repeat`), versions and hashes."""
    lines = [*(command_of(evaluation) for _, evaluation in named if repeat), command]
    known = {name: str(digest) for name, digest in hashes.items() if digest}
    return [
        Commands(title=strings.REPRODUCE, lines=lines),
        _versions(named),
        Listing(
            title=Text(en="Hashes", zh="校验值"),
            summary=Text(en=f"{len(known)} SHA-256", zh=f"{len(known)} 个 SHA-256"),
            lines=[f"{digest}  {name}" for name, digest in known.items()],
            note=Text(
                en="Of models (folders: of their files' names and hashes), test data and suites.",
                zh="模型（文件夹：其中文件名与哈希的哈希）、测试数据与 suite。",
            ),
        ),
    ]


def command_of(evaluation: Evaluation) -> str:
    """The shell command that makes the same evaluation; settings at their defaults are left out."""
    settings = evaluation.run.get("settings") or {}
    words = ["doctorglm", "evaluate", "--model", str(settings.get("model", "MODEL"))]
    if settings.get("adapter"):
        words += ["--adapter", str(settings["adapter"])]
    for suite in _suites(evaluation):
        words += ["--suite", suite]
    usual = EvaluateSettings()
    changed = {
        f.name: settings[f.name]
        for f in fields(usual)
        if f.name in settings and settings[f.name] != getattr(usual, f.name)
    }
    words += ["--out", str(evaluation.directory)]
    return shlex.join([*words, *(f"{name}={_written(value)}" for name, value in changed.items())])


def _suites(evaluation: Evaluation) -> list[str]:
    """What `--suite` was given: the test conversations by their file, other suites by name; shipped ones that the
    conversations bring along are left out."""
    suites = evaluation.run.get("suites") or []
    tests = [str(suite["data"][0]) for suite in suites if suite.get("name") == TEST_SUITES[1] and suite.get("data")]
    brought = SHIPPED if tests and (evaluation.run.get("settings") or {}).get("gate_suites", True) else ()
    others = [str(s.get("name")) for s in suites if s.get("name") not in (*TEST_SUITES, *brought)]
    return [*tests, *(name if name in SHIPPED else f"{name}.yaml" for name in others)]


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _versions(named: Sequence[tuple[Wording, Evaluation]]) -> Table:
    runs = [(name, evaluation.run) for name, evaluation in named]
    rows: list[tuple[Wording, list[str]]] = [
        (package, [str((run.get("versions") or {}).get(package, "–")) for _, run in runs])
        for package in ("doctorglm", "python", "torch", "transformers")
    ]
    rows += [
        (Text(en="weights in", zh="权重精度"), [_weights(run) for _, run in runs]),
        (Text(en="seed", zh="随机种子"), [str(run.get("seed", "–")) for _, run in runs]),
        (Text(en="machine", zh="机器"), [str(run.get("machine", "–")) for _, run in runs]),
        (Text(en="time (s)", zh="用时（秒）"), [_number(run.get("seconds")) for _, run in runs]),
        (Text(en="peak memory (MB)", zh="内存峰值（MB）"), [_number(run.get("peak_memory_mb")) for _, run in runs]),
        (Text(en="tokens per second", zh="每秒 token"), [_number(run.get("answer_tokens_per_s")) for _, run in runs]),
    ]
    return Table(
        title=Text(en="Versions and cost", zh="版本与开销"),
        columns=[Text(en="what", zh="项目"), *(name for name, _ in runs)],
        rows=[[label, *cells] for label, cells in rows if any(cell != "–" for cell in cells)],
    )


def _weights(run: Mapping[str, Any]) -> str:
    found = run.get("weights_in") or (run.get("settings") or {}).get("dtype")
    return str(found).removeprefix("torch.") if found else "–"


def _number(value: Any) -> str:
    return number(float(value), 0) if isinstance(value, int | float) else "–"


def thresholds(gate: Mapping[str, Any]) -> Table | None:
    """What the gate's settings were."""
    found = gate.get("thresholds") or {}
    if not found:
        return None
    return Table(
        title=Text(en="The gate's settings", zh="门槛的设置"),
        columns=[Text(en="setting", zh="名称"), Text(en="value", zh="值")],
        rows=[[str(name), _written(value)] for name, value in found.items()],
        note=Text(
            en="Stated before the run; margins are shares, or nats per token.",
            zh="在运行之前声明；界值为占比或 nat / token。",
        ),
    )
