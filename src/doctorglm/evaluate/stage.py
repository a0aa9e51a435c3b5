"""`doctorglm evaluate`: a model on suites; every item kept, so that two evaluations can be compared by item."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from doctorglm.conversation import Conversation, read_conversations
from doctorglm.engine.address import is_address
from doctorglm.evaluate.figures.overlap import bleu_signature, chrf_signature, tokenizer_of
from doctorglm.evaluate.items import DialogueItem, Evaluation, Item, write_items
from doctorglm.evaluate.journal import Journal
from doctorglm.evaluate.leak import leak_of
from doctorglm.evaluate.measuring import items_of, refuse_unusable
from doctorglm.evaluate.metrics import TEST_SUITES, as_json, summarise
from doctorglm.evaluate.settings import EvaluateSettings
from doctorglm.evaluate.subject import identity_of, subject_of
from doctorglm.evaluate.suites import SHIPPED, Suite, data_of, suites_of
from doctorglm.language import Text
from doctorglm.models.half import weights_in
from doctorglm.models.loading import base_folder, best_device, best_dtype
from doctorglm.models.quantized.formats import Quantization
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, note, sha256_file, sha256_tree, write_json
from doctorglm.settings import plain

_JOURNAL = "finished.jsonl"


def evaluate(
    model: str,
    suites: Sequence[str | Path],
    out: Path,
    settings: EvaluateSettings,
    *,
    adapter: Path | None = None,
    trained_on: Path | None = None,
    cache: Path | None = None,
    allow_remote: bool = False,
    quantization: Quantization | Literal["none"] | None = None,
    name: Text | None = None,
) -> Run:
    """Measures `model` (with `adapter`) on `suites`, names or files; a finished `out` is returned as it is.

    Leaves `items.jsonl` (an item a line), `summary.json` and `run.json`. Killed, it goes on after the last finished
    batch; with a folder `cache`, items known from another run are taken over. `trained_on` is the folder of the
    adapter's training data, where `tune` did not note it. A `model` behind a server is not asked for likelihoods.
    Raises DataError for a suite that holds nothing to measure.
    """
    chosen = _chosen(suites, settings, is_server=is_address(model))
    inputs = {**identity_of(model, adapter), **_hashes(chosen)}
    dtype = "server" if is_address(model) else str(best_dtype(best_device()))
    recorded = {"model": model, "adapter": str(adapter) if adapter else None, "dtype": dtype, **plain(settings)}
    recorded |= {"quantization": quantization} if quantization else {}
    opened = partial(Run, out, stage="evaluate", settings=recorded, inputs=inputs, seed=settings.seed)
    if (out / "run.json").exists() and (earlier := opened()).finished:
        return earlier
    refuse_unusable(chosen)
    tests = _tests(chosen)
    leak = leak_of(adapter or base_folder(model), trained_on, tests)
    subject = subject_of(model, adapter, allow_remote=allow_remote, quantization=quantization)
    run = opened()
    journal = Journal(_journal(out, cache, inputs), subject.identity)
    with progress_line(name or Text(en="evaluate", zh="评测"), float(len(chosen))) as line:
        items = items_of(chosen, subject, settings, journal, line)
    write_items(out / "items.jsonl", items)
    if cache is None:
        journal.remove()
    by_suite: dict[str, dict[str, Item]] = {}
    for item in items:
        by_suite.setdefault(item.suite, {})[item.id] = item
    measured = summarise(Evaluation(out, by_suite, run.record), seed=settings.seed)
    write_json(out / "summary.json", {"metrics": as_json(measured)})
    _tell_failures(items)
    # last, so that an evaluation that was interrupted here is not taken for a finished one without a summary
    run.finish(
        counts={"conversations": len(tests), **{suite: len(of) for suite, of in by_suite.items()}},
        suites=[plain(suite) for suite in chosen],
        leak=leak,
        signatures=_signatures(items),
        answer_tokens_per_s=_rate(items),
        weights_in=None if subject.model is None else weights_in(subject.model),
    )
    return run


def _chosen(named: Sequence[str | Path], settings: EvaluateSettings, *, is_server: bool) -> list[Suite]:
    """The suites, with those of the gate where there are test conversations; of a server, those that it can answer."""
    wanted = list(dict.fromkeys(map(str, named)))
    found = suites_of(wanted)
    if settings.gate_suites and any(suite.name == "dialogue" for suite in found):
        found = suites_of([*wanted, *(shipped for shipped in SHIPPED if shipped not in wanted)])
    # those that were asked for by name are refused with a reason when they run
    unasked = ("likelihood", *(shipped for shipped in SHIPPED if shipped not in wanted))
    return [s for s in found if not (is_server and s.kind == "likelihood" and s.name in unasked)]


def _hashes(suites: Iterable[Suite]) -> dict[str, str]:
    """Suite -> the hash of its data and of what it says; the test conversations are `test`, by their data alone."""
    found = {}
    for suite in suites:
        hashes = [sha256_tree(path) if path.is_dir() else sha256_file(path) for path in data_of(suite)]
        if suite.name in TEST_SUITES:
            found["test"] = hashes[0]
        else:
            said = {key: value for key, value in plain(suite).items() if key != "data"}
            found[suite.name] = hashlib.sha256(repr([sorted(said.items()), hashes]).encode()).hexdigest()
    return found


def _tests(suites: Iterable[Suite]) -> list[Conversation]:
    """The test conversations, those of every suite that has references; shipped suites are nobody's test."""
    files = {path for suite in suites if suite.name in TEST_SUITES for path in data_of(suite)}
    return [c for path in sorted(files) for c in read_conversations(path) if c.turns]


def _journal(out: Path, cache: Path | None, inputs: Mapping[str, str]) -> Path:
    return out / _JOURNAL if cache is None else cache / f"{(inputs.get('adapter') or inputs['base'])[:16]}.jsonl"


def _signatures(items: Sequence[Item]) -> dict[str, str]:
    """sacrebleu's signatures of the figures that have one; scores of other signatures are not compared."""
    references = [item.reference for item in items if isinstance(item, DialogueItem)]
    if not references:
        return {}
    return {"bleu": bleu_signature(tokenizer_of(references)), "chrf": chrf_signature()}


def _tell_failures(items: Sequence[Item]) -> None:
    failed = [item for item in items if getattr(item, "error", "")]
    if failed:
        first = failed[0]
        note(
            en=f"{len(failed)} items have no answer, {first.id} the first: {getattr(first, 'error', '')}",
            zh=f"{len(failed)} 个条目没有得到回答，第一个是 {first.id}：{getattr(first, 'error', '')}",
        )


def _rate(items: Sequence[Item]) -> float:
    answered = [item for item in items if isinstance(item, DialogueItem)]
    return round(sum(i.tokens for i in answered) / max(1e-9, sum(i.seconds for i in answered)), 1)
