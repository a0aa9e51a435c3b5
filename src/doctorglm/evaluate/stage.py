"""`doctorglm evaluate`: a model on held-out conversations; every item kept, so that two can be compared by item."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from doctorglm import models
from doctorglm.consult import Consultation
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.engine import Sampling
from doctorglm.errors import DataError
from doctorglm.evaluate.dialogue import dialogue
from doctorglm.evaluate.items import DialogueItem, Evaluation, write_items
from doctorglm.evaluate.likelihood import likelihood
from doctorglm.evaluate.metrics import as_json, summarise
from doctorglm.evaluate.settings import EvaluateSettings
from doctorglm.language import Text
from doctorglm.models.adapters import base_fingerprint
from doctorglm.models.half import weights_in
from doctorglm.models.loading import base_folder, best_device, best_dtype
from doctorglm.models.local_engine import LocalEngine
from doctorglm.report.progress import Line, progress_line
from doctorglm.runs import Run, sha256_file, sha256_tree, write_json
from doctorglm.settings import plain


def evaluate(
    model: str,
    test: Path,
    out: Path,
    settings: EvaluateSettings,
    *,
    adapter: Path | None = None,
    name: Text | None = None,
) -> Run:
    """Measures `model` (with `adapter`) on the conversations of `test`; a finished `out` is returned as it is.

    Leaves `items.jsonl` (likelihood and dialogue, an item a line), `summary.json` and `run.json`. Killed, it goes on
    after the last finished batch. Raises DataError when `test` holds no answered question.
    """
    inputs = {"base": base_fingerprint(base_folder(model)), "test": sha256_file(test)}
    if adapter is not None:
        inputs["adapter"] = sha256_tree(adapter)
    dtype = best_dtype(best_device())
    recorded = {"model": model, "adapter": str(adapter) if adapter else None, "dtype": str(dtype), **plain(settings)}
    opened = partial(Run, out, stage="evaluate", settings=recorded, inputs=inputs, seed=settings.seed)
    if (out / "run.json").exists() and (earlier := opened()).finished:
        return earlier
    conversations = [c for c in read_conversations(test) if c.turns]
    if not conversations:
        raise DataError(
            en=f"{test}: no conversation with a question and an answer. Check the test data.",
            zh=f"{test}：没有任何有问有答的对话。请检查测试数据。",
        )
    loaded, tokenizer = models.load(model, adapter, dtype)
    run = opened()
    with progress_line(name or Text(en="evaluate", zh="评测"), 2.0) as line:
        foreseen = likelihood(
            loaded, tokenizer, conversations,
            max_length=settings.max_length, batch_tokens=settings.batch_tokens, line=line,
        )  # fmt: skip
        sampling = Sampling(
            max_new_tokens=settings.max_new_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            seed=settings.seed,
        )
        consultation = Consultation(LocalEngine(loaded, tokenizer, name=model), sampling)
        asked = sorted(conversations, key=lambda c: c.id)[: settings.dialogues or None]
        answered = _answers(consultation, asked, settings.batch_size, out / "answers.partial.jsonl", line)
    write_items(out / "items.jsonl", [*foreseen, *answered])
    (out / "answers.partial.jsonl").unlink(missing_ok=True)
    measured = Evaluation(out, {i.id: i for i in foreseen}, {i.id: i for i in answered}, run.record)
    write_json(out / "summary.json", {"metrics": as_json(summarise(measured, seed=settings.seed))})
    # last, so that an evaluation that was interrupted here is not taken for a finished one without a summary
    run.finish(counts={"conversations": len(conversations), "likelihood": len(foreseen), "dialogue": len(answered)},
               answer_tokens_per_s=_rate(answered), weights_in=weights_in(loaded))  # fmt: skip
    return run


def _answers(
    consultation: Consultation, conversations: Sequence[Conversation], batch_size: int, partial: Path, line: Line
) -> list[DialogueItem]:
    """The answers' items in the order of the conversations; finished batches are kept in `partial` as they come."""
    items = {item.id: item for item in _kept(partial)}
    waiting = [c for c in conversations if c.id not in items]
    with partial.open("a", encoding="utf-8") as out:
        for batch in dialogue(consultation, waiting, batch_size):
            out.writelines(json.dumps(vars(item), ensure_ascii=False) + "\n" for item in batch)
            out.flush()
            items |= {item.id: item for item in batch}
            line.update(1 + len(items) / len(conversations))
    return [items[c.id] for c in conversations]


def _kept(partial: Path) -> list[DialogueItem]:
    """The items of an interrupted run; a line that was being written when it was killed is left out."""
    if not partial.exists():
        partial.touch(0o600)
        return []
    lines = partial.read_text(encoding="utf-8").split("\n")[:-1]
    with partial.open("w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in lines)
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [DialogueItem(**record) for record in records]


def _rate(items: Sequence[DialogueItem]) -> float:
    return round(sum(i.tokens for i in items) / max(1e-9, sum(i.seconds for i in items)), 1)
