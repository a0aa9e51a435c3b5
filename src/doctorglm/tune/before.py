"""The base before anything is trained or adapted: its losses, against which forgetting is measured, and its answers.

Taken before the adapter is there, since one may change answers before its first step: a prefix does, LoRA does not.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation
from doctorglm.engine import Sampling
from doctorglm.language import Text
from doctorglm.models.local_engine import LocalEngine
from doctorglm.report.progress import progress_line
from doctorglm.runs import read_json
from doctorglm.tune.corpus import Corpus
from doctorglm.tune.general import Replay
from doctorglm.tune.loop import validated
from doctorglm.tune.ranks import ranks
from doctorglm.tune.replay import Replayed, by_itself, by_share, own_answers
from doctorglm.tune.samples import Rendering
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.stopping import Losses

REPLAY_FILE = "replay.jsonl"


def losses_before(path: Path, model: Any, corpus: Corpus, settings: TuneSettings) -> Losses:
    """The base's losses on the texts that the run is validated on: those in `path` where it is there, else measured.

    Raises ModelError when they are not finite.
    """
    known = ranks().from_first(lambda: read_json(path) if path.exists() else None)
    return validated(model, corpus, settings, step=0) if known is None else Losses(**known)


def replayed(
    out: Path,
    model: Any,
    tokenizer: Any,
    conversations: Sequence[Conversation],
    settings: TuneSettings,
    render: Rendering,
    learned: int,
) -> Replayed | None:
    """What `replay` mixes in beside `learned` tokens; where the base is to answer, it does so here, into `out`."""
    wanted = Replay.of(settings.replay)
    if wanted.share:
        return by_share(conversations, render, wanted.share, learned, settings.seed)
    if not wanted.own_answers:
        return None
    sampling = Sampling(max_new_tokens=render.max_length // 2, temperature=1.0, seed=abs(settings.seed))
    answered = partial(_answered, out, model, tokenizer, conversations, wanted, sampling)
    return ranks().from_first(lambda: own_answers(answered(), render))


def _answered(
    out: Path, model: Any, tokenizer: Any, conversations: Sequence[Conversation], wanted: Replay, sampling: Sampling
) -> list[Conversation]:
    with progress_line(Text(en="replay: the base answers", zh="回放：基座作答"), wanted.own_answers) as line:
        engine = LocalEngine(model, tokenizer, "base")
        return by_itself(out / REPLAY_FILE, conversations, wanted.own_answers, engine, sampling, line)
