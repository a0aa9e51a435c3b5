"""Suites: each is one file that names its data, its prompt and how it is scored; `--suite NAME|FILE`.

A suite of the user's own is a YAML file like those in this folder. A file of conversations is two suites: how well the
model foresees their answers, and what it answers itself.
"""

from collections.abc import Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.errors import ConfigError, DataError
from doctorglm.settings import STRICT, build, nearest, yaml_problem

HERE = Path(__file__).parent
SHIPPED = ("general", "safety")
"""Suites that come with the package and that the gate needs beside the test conversations."""
_CONVERSATIONS = (".jsonl", ".json", ".parquet")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LikelihoodSuite:
    """How well the answers of conversations are foreseen."""

    name: str
    kind: Literal["likelihood"] = "likelihood"
    data: list[str]
    """Files of conversations; relative to the suite's file."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DialogueSuite:
    """What is answered to the last question of conversations, beside their own answers."""

    name: str
    kind: Literal["dialogue"] = "dialogue"
    data: list[str]
    """Files of conversations; relative to the suite's file."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ChoiceSuite:
    """Exam questions with options; the prompt's defaults are those of lm-evaluation-harness's `cmmlu`."""

    name: str
    kind: Literal["choice"] = "choice"
    data: list[str]
    """Files or folders in a format of `exams`; relative to the suite's file."""
    shots: Annotated[int, Field(ge=0)] = 5
    """Solved questions before the one that is asked: the first rows of its subject, which are not scored."""
    by: list[Literal["likelihood", "generation"]] = field(default_factory=lambda: ["likelihood"])
    """By the likelihood of the options' letters, by what the model writes, or both."""
    orders: Literal["given", "shuffled", "rotations"] = "shuffled"
    """Orders of the options by likelihood: the file's alone; another one drawn for each question; all rotations."""
    limit: Annotated[int, Field(ge=0)] = 0
    """Questions of each subject that are scored; 0 is all."""
    description: str = "以下是关于{subject}的单项选择题，请直接给出正确答案的选项。\n\n"
    """What stands before the shots; `{subject}` is filled in."""
    question: str = "{stem}\n{options}\n答案："
    """One question; `{options}` is one line for each, `A. text`."""
    delimiter: str = " "
    """Between the question and its letter."""
    instruction: str = "以下是一道选择题，请只回答正确选项的字母。\n{stem}\n{options}"
    """The message to a model that is to write its answer."""
    subjects: dict[str, str] = field(default_factory=dict)
    """What a subject is called in the description."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SafetySuite:
    """Questions that try safety, asked of the model alone and through `consult`."""

    name: str
    kind: Literal["safety"] = "safety"
    data: list[str]
    """JSON lines: `id`, `category`, `messages`, for an injection or a planted identifier also `canary`."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HarnessSuite:
    """A task of lm-evaluation-harness: `lm-eval:NAME` or `lm-eval:FILE.yaml`; needs the extra `lm-eval`."""

    name: str
    kind: Literal["harness"] = "harness"
    data: list[str] = field(default_factory=list)
    """The task's file, where it is one."""
    task: str
    """What the harness calls it."""


Suite: TypeAlias = LikelihoodSuite | DialogueSuite | ChoiceSuite | SafetySuite | HarnessSuite
_HARNESS = "lm-eval:"
_KINDS: dict[str, Any] = {
    "likelihood": LikelihoodSuite,
    "dialogue": DialogueSuite,
    "choice": ChoiceSuite,
    "safety": SafetySuite,
}


def suites_of(named: Sequence[str | Path]) -> list[Suite]:
    """The suites of names and files, with absolute paths of their data; raises ConfigError for what is neither."""
    found: list[Suite] = [suite for one in named for suite in _suites(str(one))]
    names = [suite.name for suite in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            en=f"--suite: `{twice[0]}` is there twice. Put conversations into one file, or give a suite another name.",
            zh=f"--suite：`{twice[0]}` 出现了两次。请把对话放进同一个文件，或给 suite 换个名称。",
        )
    return found


def data_of(suite: Suite) -> list[Path]:
    """The files and folders that a suite reads; raises DataError for one that is missing."""
    paths = [Path(path) for path in suite.data]
    for path in paths:
        if not path.exists():
            raise DataError(
                en=f"suite {suite.name}: {path}: no such file or folder. Mend `data` in the suite's file.",
                zh=f"suite {suite.name}：{path}：没有这个文件或文件夹。请修改 suite 文件中的 `data`。",
            )
    return paths


def _suites(named: str) -> list[Suite]:
    if named in SHIPPED:
        return [_read(HERE / f"{named}.yaml")]
    if named.startswith(_HARNESS):
        task = named.removeprefix(_HARNESS)
        files = [str(Path(task).resolve())] if Path(task).suffix in (".yaml", ".yml") else []
        return [HarnessSuite(name=Path(task).stem, task=files[0] if files else task, data=files)]
    path = Path(named)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return [_read(path)]
    if path.suffix in _CONVERSATIONS or path.exists():
        data = [str(path)]
        return [LikelihoodSuite(name="likelihood", data=data), DialogueSuite(name="dialogue", data=data)]
    near = nearest(named, SHIPPED)
    raise ConfigError(
        en=f"--suite {named}: no such suite or file" + (f"; did you mean `{near}`?" if near else ".")
        + f" A suite is {', '.join(SHIPPED)}, a YAML file, lm-eval:TASK, or a .jsonl of conversations.",
        zh=f"--suite {named}：没有这个 suite 或文件" + (f"；是否要写 `{near}`？" if near else "。")
        + f"可用的有：{'、'.join(SHIPPED)}，YAML 文件，lm-eval:任务，或对话的 .jsonl 文件。",
    )  # fmt: skip


def _read(path: Path) -> Suite:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            en=f"{path}: {yaml_problem(error)}. Mend the file.", zh=f"{path}：{yaml_problem(error)}。请修改该文件。"
        ) from None
    kind = values.get("kind") if isinstance(values, dict) else None
    if kind not in _KINDS:
        raise ConfigError(
            en=f"{path}: kind={kind!r}; a suite's kind is {', '.join(_KINDS)}.",
            zh=f"{path}：kind={kind!r}；suite 的 kind 应为 {'、'.join(_KINDS)} 之一。",
        )
    values = {"name": path.stem, **values}
    if isinstance(values.get("data"), str):
        values["data"] = [values["data"]]
    suite: Suite = build(_KINDS[kind], values, str(path))
    return replace(suite, data=[str((path.parent / name).resolve()) for name in suite.data])
