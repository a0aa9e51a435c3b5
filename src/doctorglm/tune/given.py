"""What a run is given: the base, the conversations of each part, and the run of `out` that they make."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation, read_conversations
from doctorglm.errors import ConfigError
from doctorglm.models.adapters import base_fingerprint
from doctorglm.models.loading import base_folder
from doctorglm.runs import Run, read_json, sha256_file
from doctorglm.settings import plain
from doctorglm.tune.general import NO_REPLAY, Replay, general_text
from doctorglm.tune.parallel import opened_together
from doctorglm.tune.replay import refuse_too_few
from doctorglm.tune.settings import TuneSettings

_PARTS = ("train", "valid")


@dataclass(frozen=True, kw_only=True)
class Given:
    """What is read before weights are loaded."""

    base: str
    fingerprint: str
    """Of the base: see `models.adapters.base_fingerprint`."""
    files: Mapping[str, Path]
    """Part -> the file that it was read from."""
    conversations: Mapping[str, list[Conversation]]
    """Of `train`, `valid` and `general`, where there are such."""
    asked_again: list[Conversation]
    """What may be replayed."""

    @property
    def inputs(self) -> dict[str, str]:
        """Name -> hash of what the result depends on, as `run.json` lists them."""
        named = {file.name if part in _PARTS else f"{part} text": file for part, file in self.files.items()}
        return {"base": self.fingerprint, **{name: sha256_file(file) for name, file in named.items()}}


def given(base: str, data: Path, settings: TuneSettings) -> Given:
    """Reads the conversations; raises DataError, ModelError or ConfigError for what cannot be trained on or from."""
    fingerprint = base_fingerprint(base_folder(base))
    files = files_of(data, settings)
    conversations = {part: list(read_conversations(file)) for part, file in files.items()}
    asked_again = conversations.pop("replay", [])
    if settings.replay != NO_REPLAY:
        refuse_too_few(asked_again, files["replay"], Replay.of(settings.replay))
    return Given(base=base, fingerprint=fingerprint, files=files, conversations=conversations, asked_again=asked_again)


def files_of(data: Path, settings: TuneSettings) -> dict[str, Path]:
    """Part -> the file that it is read from; `train` may be missing, which reading it says."""
    files = {part: data / f"{part}.jsonl" for part in _PARTS if part == "train" or (data / f"{part}.jsonl").exists()}
    general = general_text(settings.general, "valid")
    replay = general_text(settings.replay_data, "train") if settings.replay != NO_REPLAY else None
    return files | {part: file for part, file in (("general", general), ("replay", replay)) if file is not None}


def recorded_settings(of: Given, settings: TuneSettings, dtype: str) -> dict[str, Any]:
    """What a run of weights of `dtype` is known by; it is the same however it is shared out among processes."""
    shared_out = ("sharding",)
    return {"base": of.base, "dtype": dtype} | {k: v for k, v in plain(settings).items() if k not in shared_out}


def open_run(out: Path, of: Given, settings: TuneSettings, dtype: str) -> Run:
    """The run of `out` with weights of `dtype`, which of several processes the first opens.

    Raises ConfigError for another run's record, and says why a run cannot be made longer.
    """
    return opened_together(lambda: _open(out, of, settings, dtype))


def _open(out: Path, of: Given, settings: TuneSettings, dtype: str) -> Run:
    recorded = recorded_settings(of, settings, dtype)
    try:
        return Run(out, stage="tune", settings=recorded, inputs=of.inputs, seed=settings.seed)
    except ConfigError as error:
        if not _asks_for_more(out, recorded, of.inputs):
            raise
        raise ConfigError(
            en=f"{error.text.en} More steps cannot be added to a run afterwards: its learning rate has fallen for the "
            "number of steps that it was given, and would have to rise again. In another --out all epochs are trained.",
            zh=f"{error.text.zh} 已有的训练不能追加步数：学习率是按原定步数下降的，追加就得重新升高。"
            "换一个 --out 会从头训练全部轮次。",
        ) from None


def _asks_for_more(out: Path, settings: Mapping[str, Any], inputs: Mapping[str, str]) -> bool:
    """Whether the record of `out` is of the same run but for its length."""
    record = read_json(out / "run.json") if (out / "run.json").is_file() else {}
    if not isinstance(record, dict) or record.get("stage") != "tune" or record.get("inputs") != inputs:
        return False
    before = record["settings"]
    changed = {name for name in {*before, *settings} if before.get(name) != settings.get(name)}
    return bool(changed) and changed <= {"epochs", "max_steps"}
