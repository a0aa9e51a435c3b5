"""The model card: read by the Hub's own reader, and by people."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import EvalResult, ModelCard

from doctorglm.evaluate.card import write_card
from doctorglm.evaluate.items import Evaluation, read_evaluation
from doctorglm.runs import read_json, write_json

COMMAND = "doctorglm compare base tuned --placebo placebo --out compare"


@pytest.fixture
def evaluations(made: Any) -> dict[str, Evaluation]:
    return {name: read_evaluation(getattr(made, name)) for name in ("base", "tuned", "placebo")}


def trained(folder: Path, evaluation: Evaluation, licence: str = "CC BY-NC 4.0", **deid: Any) -> Evaluation:
    """The evaluation of an adapter that has the records of tuning and curation beside it."""
    data, tune = folder / "data", folder / "cmd-lora"
    for path in (data, tune / "adapter"):
        path.mkdir(parents=True)
    sources = {
        "cmd": {"read": 50, "kept": 40, "licence": "MIT"},
        "alpaca|zh": {"read": 9, "kept": 8, "licence": licence},
        "never kept": {"read": 9, "kept": 0, "licence": "GPL-3.0"},
    }
    curated = {
        "stage": "curate",
        "licence": {"kept": licence, "why": "alpaca|zh"},
        "sources": sources,
        "deid": {"mode": "placeholders", "spans": {"name": 3, "mobile": 4}, "conversations": 6} | deid,
    }
    write_json(data / "run.json", curated)
    tuned = {
        "stage": "tune",
        "data": str(data),
        "settings": {"base": "embedded", "method": "lora"},
        "counts": {"conversations": 48, "supervised_tokens": 12345},
        "steps": 300,
        "parameters": {"trainable": 4321, "all": 99999},
        "seed": 11,
    }
    write_json(tune / "run.json", tuned)
    run = {**evaluation.run, "settings": {**evaluation.run["settings"], "adapter": str(tune / "adapter")}}
    return Evaluation(evaluation.directory, evaluation.suites, run)


def card_of(path: Path) -> ModelCard:
    return ModelCard.load(path)


def test_the_hub_reads_its_head(made: Any, evaluations: dict[str, Evaluation], tmp_path: Path) -> None:
    evaluations["tuned"] = trained(tmp_path, evaluations["tuned"])
    path = write_card(tmp_path, made.gate, evaluations, command=COMMAND)
    assert path == tmp_path / "MODEL_CARD.md" and path.stat().st_mode & 0o777 == 0o600
    data = card_of(path).data
    assert (data.language, data.license, data.library_name) == ("zh", "cc-by-nc-4.0", "peft")
    assert (data.pipeline_tag, data.base_model, data.model_name) == ("text-generation", "embedded", "cmd-lora")
    assert {"medical", "not-for-diagnosis", "lora"} <= set(data.tags)
    results = {(one.dataset_type, one.metric_type): one for one in data.eval_results}
    summary = read_json(made.tuned / "summary.json")["metrics"]
    assert len(results) == len(summary)
    assert all(isinstance(one, EvalResult) for one in results.values())
    nll = results["held-out-conversations", "nll_per_token"]
    assert nll.metric_value == pytest.approx(summary["nll_per_token"]["value"], abs=1e-6)
    assert nll.metric_args == {key: summary["nll_per_token"][key] for key in ("low", "high", "n")}
    assert nll.dataset_revision == "7" * 64
    assert results["safety+consult", "safe"].dataset_revision == "5" * 64
    # and by a reader of YAML alone
    head = yaml.safe_load(path.read_text("utf-8").split("---\n")[1])
    assert head["model-index"][0]["results"][0]["metrics"][0]["type"] == "nll_per_token"


@pytest.mark.parametrize(
    ("licence", "identifier", "name"),
    [
        ("MIT", "mit", None),
        ("Apache-2.0", "apache-2.0", None),
        ("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0", None),
        ("research only", "other", "research-only"),
        ("", "other", "not-stated"),
    ],
)
def test_the_licence_is_that_of_the_strictest_source(
    made: Any, evaluations: dict[str, Evaluation], tmp_path: Path, licence: str, identifier: str, name: str | None
) -> None:
    evaluations["tuned"] = trained(tmp_path, evaluations["tuned"], licence)
    data = card_of(write_card(tmp_path, made.gate, evaluations, command=COMMAND)).data
    assert (data.license, data.get("license_name")) == (identifier, name)


def test_people_read_what_it_is_for_and_what_it_was_trained_on(
    made: Any, evaluations: dict[str, Evaluation], tmp_path: Path
) -> None:
    evaluations["tuned"] = trained(tmp_path, evaluations["tuned"], review={"records": 300, "rate": 0.01, "high": 0.021})
    text = write_card(tmp_path, made.gate, evaluations, command=COMMAND).read_text("utf-8")
    for words in (
        "Not for diagnosis",
        "不用于诊断",
        "| conversations | 48 |",
        "| supervised tokens in one pass | 12,345 |",
        "| seed | 11 |",
        "| cmd | 40 | MIT |",
        r"| alpaca\|zh | 8 | CC BY-NC 4.0 |",
        "7 identifiers were masked in 6 conversations",
        "at most 2.10 % were missed",
        "1 of 72 test conversations stand in the training data",
        COMMAND,
    ):
        assert words in text, words
    assert "never kept" not in text
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        "Intended use",
        "Training data",
        "De-identification",
        "Evaluation",
        "Gate",
        "Limitations",
        "How to reproduce",
        "中文说明",
    ]


def test_the_table_holds_every_figure_with_its_interval(
    made: Any, evaluations: dict[str, Evaluation], tmp_path: Path
) -> None:
    text = write_card(tmp_path, made.gate, evaluations, command=COMMAND).read_text("utf-8")
    table = text[text.index("| figure |") : text.index("## Gate")]
    assert table.count("\n| ") + 1 == 1 + len(made.gate["metrics"])
    row = made.gate["metrics"]["ends_by_itself"]
    line = next(line for line in table.splitlines() if line.startswith("| answers that end by themselves |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:5] == [
        *(f"{100 * row[key]:.1f}\u202f%" for key in ("base", "tuned", "placebo")),
        f"+{100 * row['difference']:.1f}",
    ]
    assert cells[5] == f"[+{100 * row['low']:.1f}, +{100 * row['high']:.1f}]" and cells[6] == "72"


def test_what_did_not_pass_is_called_ungated(made: Any, evaluations: dict[str, Evaluation], tmp_path: Path) -> None:
    def card(gate: dict[str, Any], **how: Any) -> str:
        return write_card(tmp_path, gate, evaluations, command=COMMAND, **how).read_text("utf-8")

    assert "**Ungated.**" in card(made.gate) and "未通过门槛" in card(made.gate)
    assert made.gate["sentence"]["en"] in card(made.gate) and made.gate["sentence"]["zh"] in card(made.gate)
    passed = {**made.gate, "passed": True}
    assert "**Ungated.**" not in card(passed) and "**未通过门槛。**" not in card(passed)
    assert "**Ungated.**" in card(passed, ungated=True)
    none = card({})
    assert "**Ungated.**" in none and "No comparison with the base" in none and "passed no gate" in none


def test_it_names_no_place_on_a_machine(made: Any, evaluations: dict[str, Evaluation], tmp_path: Path) -> None:
    evaluations["tuned"] = trained(tmp_path, evaluations["tuned"])
    settings = evaluations["tuned"].run["settings"]
    settings["model"] = str(tmp_path / "bases" / "a-model")
    path = write_card(tmp_path, made.gate, evaluations, command=f"doctorglm compare {made.base} {made.tuned}")
    assert str(tmp_path) not in path.read_text("utf-8") and str(made.base.parent) not in path.read_text("utf-8")
    assert card_of(path).data.base_model == "a-model"


def test_a_fetched_base_goes_by_its_name_on_the_hub(
    made: Any, evaluations: dict[str, Evaluation], tmp_path: Path
) -> None:
    base = tmp_path / "bases" / "qwen"
    base.mkdir(parents=True)
    write_json(base / "run.json", {"stage": "fetch", "entry": {"hub": "Qwen/Qwen2.5-0.5B-Instruct"}})
    evaluations["tuned"] = trained(tmp_path, evaluations["tuned"])
    evaluations["tuned"].run["settings"]["model"] = str(base)
    path = write_card(tmp_path, made.gate, evaluations, command=COMMAND)
    assert card_of(path).data.base_model == "Qwen/Qwen2.5-0.5B-Instruct"


def test_a_record_cannot_write_the_card_s_markup(made: Any, evaluations: dict[str, Evaluation], tmp_path: Path) -> None:
    gate = {**made.gate, "sentence": {"en": "<img src=x>\n## Passed\n[a](b)", "zh": "<b>通过</b>"}}
    text = write_card(tmp_path, gate, evaluations, command=COMMAND, name="a: 'b'\n- c").read_text("utf-8")
    assert "\n## Passed" not in text and "\\<img" in text and "](b)" in text and "\\[a\\]" in text
    assert card_of(tmp_path / "MODEL_CARD.md").data.model_name == "a: 'b'\n- c"


def test_a_whole_model_is_no_adapter(made: Any, evaluations: dict[str, Evaluation], tmp_path: Path) -> None:
    data = card_of(write_card(tmp_path, {}, {"tuned": evaluations["base"]}, command=COMMAND)).data
    assert data.library_name == "transformers" and data.license == "other" and data.license_name == "not-known"
