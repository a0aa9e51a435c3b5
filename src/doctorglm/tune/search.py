"""`doctorglm tune --search`: short runs at rates that rise by a factor, the same but for the rate, and which to take.

Each run is a run of `tune` on the same draw of the data, with the same seed and its whole schedule in few steps. One
whose numbers end to be finite is a finding: its rate is too high. Nothing is trained for good here.
Source: L. N. Smith, learning rate range test, arXiv 1506.01186; here each rate starts anew.
"""

import math
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass as plain_dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.conversation import Conversation, read_conversations, write_conversations
from doctorglm.errors import DataError
from doctorglm.language import Text
from doctorglm.models.adapters import base_fingerprint
from doctorglm.models.loading import base_folder
from doctorglm.runs import Run, atomic_file, note, read_json, sha256_file, write_json
from doctorglm.settings import STRICT, plain
from doctorglm.tune.before import REPLAY_FILE
from doctorglm.tune.given import files_of
from doctorglm.tune.loop import DivergedError
from doctorglm.tune.parallel import refuse_several
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.stage import tune
from doctorglm.tune.stopping import within_bound

_MEASURED_ONCE = ("base.json", REPLAY_FILE)
_NOT_KEPT = ("checkpoints", "adapter", "model")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SearchSettings:
    """What a search tries; given as search.KEY=VALUE."""

    points: int = Field(default=5, ge=2, le=25)
    """Rates, around `learning_rate`, each `factor` times the one before."""
    factor: float = Field(default=3.0, gt=1)
    """Between two rates; 3 is half a decade, so that 5 rates span from a ninth to nine times."""
    steps: int = Field(default=30, ge=2)
    """Steps of each run, its warm-up and the fall of its rate among them."""
    conversations: int = Field(default=1000, ge=1)
    """Conversations drawn from the training data at most; the default steps read fewer."""
    valid: int = Field(default=100, ge=1)
    """Conversations drawn from the validation data at most."""
    tie: float = Field(default=0.01, ge=0)
    """Nats within which two validation losses are alike; the lower rate is then taken, which forgets less."""


@plain_dataclass(frozen=True)
class Trial:
    """One rate and what came of it; nats per token, None where the run diverged or there is no such text."""

    learning_rate: float
    valid_loss: float | None = None
    general_nll: float | None = None
    forgetting: float | None = None
    diverged: str | None = None
    """What ended a run that did, such as `step 12: loss nan`."""


def rates(settings: TuneSettings, search: SearchSettings) -> list[float]:
    """The rates that are tried, rising; three digits, but the given one as it is."""
    middle = (search.points - 1) / 2
    steps = [place - middle for place in range(search.points)]
    tried = [settings.learning_rate * search.factor**step for step in steps]
    return [
        settings.learning_rate if step == 0 else float(f"{rate:.3g}") for step, rate in zip(steps, tried, strict=True)
    ]


def at_rate(settings: TuneSettings, rate: float) -> TuneSettings:
    """The settings with another rate; Muon's own rises by the same factor."""
    by = rate / settings.learning_rate
    muon = float(f"{settings.muon_learning_rate * by:.3g}") if settings.optimizer == "muon" else None
    changed = {"learning_rate": rate} | ({} if muon is None else {"muon_learning_rate": muon})
    return replace(settings, **changed)  # type: ignore[arg-type]


def recommended(trials: Sequence[Trial], settings: TuneSettings, tie: float) -> tuple[Trial | None, Text]:
    """The rate to take, and why: the lowest validation loss among the rates that forget no more than `max_forgetting`,
    and of those within `tie` nats of it the lowest rate. None when no rate is left."""
    finite = [trial for trial in trials if trial.valid_loss is not None]
    allowed = [trial for trial in finite if within_bound(trial.forgetting, settings)]
    if not allowed:
        return None, _none_left(trials, finite, settings)
    lowest = min(_loss(trial) for trial in allowed)
    chosen = min((t for t in allowed if _loss(t) <= lowest + tie), key=lambda t: t.learning_rate)
    return chosen, _why(chosen, lowest, trials, finite, allowed, settings)


def _loss(trial: Trial) -> float:
    return math.inf if trial.valid_loss is None else trial.valid_loss


def _none_left(trials: Sequence[Trial], finite: Sequence[Trial], settings: TuneSettings) -> Text:
    if not finite:
        return Text(
            en=f"All {len(trials)} rates diverged. Search again around a lower learning_rate.",
            zh=f"{len(trials)} 个学习率全部发散。请以更低的 learning_rate 为中心重新搜索。",
        )
    bound = f"{settings.max_forgetting:g}"
    return Text(
        en=f"Every rate whose loss stayed finite forgets more than max_forgetting={bound} nats per general token. "
        "Search again with replay, or around a lower learning_rate.",
        zh=f"损失有限的学习率，其遗忘都超过 max_forgetting={bound} nat / 通用 token。"
        "请加上 replay，或以更低的 learning_rate 为中心重新搜索。",
    )


def _why(
    chosen: Trial,
    lowest: float,
    trials: Sequence[Trial],
    finite: Sequence[Trial],
    allowed: Sequence[Trial],
    settings: TuneSettings,
) -> Text:
    rate, loss = f"{chosen.learning_rate:g}", f"{_loss(chosen):.3f}"
    en = f"learning_rate={rate}: the lowest validation loss, {loss} nats per token"
    zh = f"learning_rate={rate}：验证损失最低，为 {loss} nat / token"
    if _loss(chosen) > lowest:
        en = (
            f"learning_rate={rate}: the lowest rate whose validation loss, {loss}, is as good as the best, {lowest:.3f}"
        )
        zh = f"learning_rate={rate}：验证损失 {loss} 与最低的 {lowest:.3f} 相当，取其中最低的学习率"
    if len(allowed) < len(finite):
        en += f"; {len(finite) - len(allowed)} forget more than max_forgetting={settings.max_forgetting:g}"
        zh += f"；{len(finite) - len(allowed)} 个的遗忘超过 max_forgetting={settings.max_forgetting:g}"
    if len(finite) < len(trials):
        en += f"; {len(trials) - len(finite)} diverged"
        zh += f"；{len(trials) - len(finite)} 个发散"
    edge = {min(trials, key=_rate): ("lower", "更低"), max(trials, key=_rate): ("higher", "更高")}.get(chosen)
    if edge:
        en += f". It is the end of the grid: search again around it, {edge[0]} rates may be better"
        zh += f"。它在网格边缘：请以它为中心再搜一次，{edge[1]}的学习率可能更好"
    return Text(en=f"{en}.", zh=f"{zh}。")


def _rate(trial: Trial) -> float:
    return trial.learning_rate


def search(base: str, data: Path, out: Path, settings: TuneSettings, wanted: SearchSettings) -> Run:
    """Tries the rates; leaves `search.json` (trials, recommendation, reason), a folder for each rate, `report.html`.

    What was tried is not tried again. Raises DataError without `data/valid.jsonl`, and what `tune` raises but for
    numbers that are not finite.
    """
    refuse_several("--search")
    files = files_of(data, settings)
    if "valid" not in files:
        raise DataError(
            en=f"{data / 'valid.jsonl'}: no such file. Rates are compared on data to validate on; add a part "
            "`valid` with curate splits=train=0.9,valid=0.1.",
            zh=f"{data / 'valid.jsonl'}：文件不存在。比较学习率需要验证数据；"
            "请用 curate splits=train=0.9,valid=0.1 划出 valid。",
        )
    inputs = {"base": base_fingerprint(base_folder(base)), **{part: sha256_file(f) for part, f in files.items()}}
    searched = {"base": base, **plain(settings), **{f"search.{k}": v for k, v in plain(wanted).items()}}
    run = Run(out, stage="search", settings=searched, inputs=inputs, seed=settings.seed)
    if run.finished:
        return run
    for part, most in (("train", wanted.conversations), ("valid", wanted.valid)):
        drawn = _drawn(list(read_conversations(files[part])), most, settings.seed)
        write_conversations(out / "data" / f"{part}.jsonl", drawn)
    path = out / "search.json"
    trials = [Trial(**trial) for trial in read_json(path)["trials"]] if path.exists() else []
    for rate in rates(settings, wanted)[len(trials) :]:
        trials.append(_tried(base, out, settings, wanted, rate))
        write_json(path, {"trials": [vars(trial) for trial in trials]})
    chosen, reason = recommended(trials, settings, wanted.tie)
    found = _found(trials, chosen, reason, settings)
    write_json(path, found)
    run.finish(**found)
    return run


def _drawn(conversations: list[Conversation], most: int, seed: int) -> list[Conversation]:
    """At most so many, in the order in which they stand."""
    if len(conversations) <= most:
        return conversations
    kept = sorted(random.Random(f"search/{seed}").sample(range(len(conversations)), most))
    return [conversations[i] for i in kept]


def _tried(base: str, out: Path, settings: TuneSettings, wanted: SearchSettings, rate: float) -> Trial:
    """A short run; its weights and checkpoints are not kept."""
    folder = out / f"rate-{rate:g}"
    short = replace(at_rate(settings, rate), max_steps=wanted.steps, validate_every=0, patience=0, max_forgetting=0)
    for name in _MEASURED_ONCE:  # by the first run; the same for all
        known = next((p for p in sorted(out.glob(f"rate-*/{name}")) if p.parent != folder), None)
        if known is not None and not (folder / name).exists():
            with atomic_file(folder / name, "wb") as copy:
                copy.write(known.read_bytes())
    title = Text(en=f"search: rate {rate:g}", zh=f"搜索：学习率 {rate:g}")
    try:
        best = tune(base, out / "data", folder, short, name=title).record["best"]
        if best is None:
            raise _nothing_to_compare(out)
        trial = Trial(rate, best["valid_loss"], best["general_nll"], best["forgetting"])
    except DivergedError as error:
        ended = Text(en=error.text.en.partition(";")[0], zh=error.text.zh.partition("；")[0])
        note(en=f"rate {rate:g}: {ended.en}: too high", zh=f"学习率 {rate:g}：{ended.zh}：过高")
        trial = Trial(rate, diverged=ended.en)
    for name in _NOT_KEPT:
        shutil.rmtree(folder / name, ignore_errors=True)
    return trial


def _nothing_to_compare(out: Path) -> DataError:
    return DataError(
        en=f"{out}/data/valid.jsonl: nothing to validate on. Check the data, or raise max_length.",
        zh=f"{out}/data/valid.jsonl：没有可用于验证的内容。请检查数据，或调大 max_length。",
    )


def _found(trials: Sequence[Trial], chosen: Trial | None, reason: Text, settings: TuneSettings) -> Mapping[str, Any]:
    best = None if chosen is None else at_rate(settings, chosen.learning_rate)
    rate = None if best is None else {"learning_rate": best.learning_rate}
    if rate is not None and best is not None and settings.optimizer == "muon":
        rate["muon_learning_rate"] = best.muon_learning_rate
    return {"trials": [vars(t) for t in trials], "recommended": rate, "reason": {"en": reason.en, "zh": reason.zh}}
