"""Tasks of lm-evaluation-harness on our models, where the extra `lm-eval` is installed.

Source: https://github.com/EleutherAI/lm-evaluation-harness.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from doctorglm.errors import ConfigError
from doctorglm.report.progress import Line
from doctorglm.settings import nearest

_SUFFIXES = (".yaml", ".yml")


def run_harness(
    model: Any,
    tokenizer: Any,
    tasks: Sequence[str | Path],
    *,
    limit: int | None = None,
    num_fewshot: int | None = None,
    batch_tokens: int = 2048,
    answers: int = 8,
    chat_template: bool = False,
    line: Line | None = None,
) -> dict[str, Any]:
    """What the harness's `simple_evaluate` returns: `results` by task, `samples` with every answer, `configs` and more.

    A task is a name that the harness knows, or a YAML file; files need no network where their data are local. `limit`
    is the most items of a task, `num_fewshot` how many examples stand before each (left out: what the task says);
    `batch_tokens` bounds a forward pass, `answers` how many texts are continued together, and `chat_template` puts
    questions into the tokenizer's template.
    Raises ConfigError when the harness is not installed, and for a task that does not exist.
    """
    try:
        from lm_eval import simple_evaluate
        from lm_eval.tasks import TaskManager

        from doctorglm.evaluate.harness_model import HarnessModel
    except ImportError as missing:
        raise ConfigError(
            en=f"lm-evaluation-harness tasks need a package that is not there ({missing.name}). "
            "Run: pip install 'doctorglm[lm-eval]'",
            zh=f"lm-evaluation-harness 的任务需要 {missing.name} 包。请运行：pip install 'doctorglm[lm-eval]'",
        ) from None
    files = [_is_file(task) for task in tasks]
    # the index of its own tasks is thousands of files, which are read
    manager = TaskManager(include_defaults=not all(files))
    for task, is_file in zip(tasks, files, strict=True):
        if not is_file and str(task) not in manager.all_tasks:
            raise _unknown(str(task), manager.all_tasks)
    results: dict[str, Any] = simple_evaluate(
        model=HarnessModel(model, tokenizer, batch_tokens=batch_tokens, answers=answers, line=line),
        tasks=[str(task) for task in tasks],
        num_fewshot=num_fewshot,
        limit=limit,
        apply_chat_template=chat_template,
        task_manager=manager,
        log_samples=True,
    )
    return results


def _is_file(task: str | Path) -> bool:
    path = Path(task)
    if path.suffix not in _SUFFIXES and not isinstance(task, Path):
        return False
    if not path.is_file():
        raise ConfigError(
            en=f"{path}: no such task file. Give a YAML file of lm-evaluation-harness, or the name of its task.",
            zh=f"{path}：任务文件不存在。请给出 lm-evaluation-harness 的 YAML 文件，或其已有任务的名称。",
        )
    return True


def _unknown(name: str, known: Sequence[str]) -> ConfigError:
    near = nearest(name, known)
    hint_en, hint_zh = (f" Did you mean {near}?", f"是否想用 {near}？") if near else ("", "")
    return ConfigError(
        en=f"lm-evaluation-harness has no task {name!r}.{hint_en} `lm-eval ls tasks` lists them; a file works too.",
        zh=f"lm-evaluation-harness 没有任务 {name!r}。{hint_zh}可用 `lm-eval ls tasks` 列出，也可以给出 YAML 文件。",
    )
