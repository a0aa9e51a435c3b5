"""What a model card is made of: the records of evaluation, tuning and curation, and the head that the Hub reads.

The head's fields: https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from doctorglm.curate.page.verdict import kept_licence
from doctorglm.evaluate.items import Evaluation
from doctorglm.evaluate.page.wording import figure_name, suite_name
from doctorglm.models.loading import EMBEDDED, base_folder
from doctorglm.runs import read_json

TAGS = ("medical", "not-for-diagnosis", "chinese", "doctor-dialogue", "doctorglm")
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
_LICENCES = re.compile(
    r"apache-2\.0|mit|bsd-[23]-clause|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-[34]\.0|[al]?gpl-3\.0|odbl|odc-by|pddl|unlicense"
)
"""Of the identifiers that the Hub knows, those that data come under."""


@dataclass(frozen=True)
class Records:
    """What is known of a tuned model; records that are not at hand are empty."""

    gate: Mapping[str, Any]
    evaluations: Mapping[str, Evaluation]
    """`base`, `tuned` and, where there is one, `placebo`."""
    tune: Mapping[str, Any]
    curate: Mapping[str, Any]

    @classmethod
    def of(cls, gate: Mapping[str, Any], evaluations: Mapping[str, Evaluation]) -> "Records":
        """Finds the record of tuning beside the adapter and that of curation beside the data it was tuned on."""
        adapter = evaluations["tuned"].adapter
        tune = _record(adapter.resolve().parent, "tune") if adapter else {}
        data = tune.get("data")
        return cls(gate, evaluations, tune, _record(Path(str(data)), "curate") if data else {})

    @property
    def tuned(self) -> Evaluation:
        """The evaluation of the model that the card is of."""
        return self.evaluations["tuned"]

    @property
    def base_name(self) -> str:
        """The base's name on the Hub where it is known, else the last part of its path, which names no machine."""
        model = str((self.tuned.run.get("settings") or {}).get("model") or "unknown")
        if model == EMBEDDED:
            return EMBEDDED
        hub = (_record(base_folder(model), "fetch").get("entry") or {}).get("hub")
        if hub:
            return str(hub)
        return model if _HUB_ID.fullmatch(model) and not Path(model).exists() else Path(model).name

    @property
    def licence(self) -> str | None:
        """The licence of the training data, that of its strictest source; "" where one states none, None: not known."""
        found = kept_licence(self.curate) if self.curate else None
        return None if found is None else found[0]

    @property
    def leak(self) -> Mapping[str, Any]:
        """What the leak test found."""
        found: Mapping[str, Any] = self.gate.get("leak") or self.tuned.run.get("leak") or {}
        return found


def _record(folder: Path, stage: str) -> Mapping[str, Any]:
    path = folder / "run.json"
    found = read_json(path) if path.is_file() else {}
    return found if isinstance(found, dict) and found.get("stage") == stage else {}


def head(records: Records, name: str) -> ModelCardData:
    """The YAML head."""
    adapter = records.tuned.adapter is not None
    identifier, licence_name = _licence(records.licence)
    return ModelCardData(
        language="zh",
        license=identifier,
        license_name=licence_name,
        base_model=records.base_name,
        library_name="peft" if adapter else "transformers",
        pipeline_tag="text-generation",
        tags=[*TAGS, *(["lora"] if (records.tune.get("settings") or {}).get("method") in ("lora", "qlora") else [])],
        model_name=name,
        eval_results=list(_results(records)) or None,
    )


def _licence(licence: str | None) -> tuple[str, str | None]:
    """The Hub's identifier, and a name where it has none."""
    identifier = re.sub(r"[\s_]+", "-", (licence or "").strip().lower())
    if _LICENCES.fullmatch(identifier):
        return identifier, None
    slug = re.sub(r"[^a-z0-9.-]+", "-", identifier).strip("-")
    return "other", slug or ("not-stated" if licence == "" else "not-known")


def _results(records: Records) -> Iterator[EvalResult]:
    path = records.tuned.directory / "summary.json"
    metrics = (read_json(path) if path.is_file() else {}).get("metrics") or {}
    for name, row in metrics.items():
        suite, _, bare = name.rpartition("/")
        digest = records.tuned.test_hashes.get(suite.partition("+")[0] or "test")
        yield EvalResult(
            task_type="text-generation",
            task_name="Chinese doctor dialogue",
            dataset_type=suite or "held-out-conversations",
            dataset_name=suite_name(suite or "likelihood").en,
            dataset_revision=digest,
            metric_type=bare,
            metric_name=figure_name(name).en,
            metric_value=round(float(row["value"]), 6),
            metric_args={key: row.get(key) for key in ("low", "high", "n")},
        )
