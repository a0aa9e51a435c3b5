"""`MODEL_CARD.md` of a tuned model: what it is for, what it was trained on, and what its evaluation says."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.evaluate.card_head import Records, head
from doctorglm.evaluate.items import Evaluation
from doctorglm.evaluate.page.evidence import command_of
from doctorglm.evaluate.page.wording import GROUPS, figure_name, group_of, text_of, unit_of
from doctorglm.language import Text
from doctorglm.report.numbers import number
from doctorglm.report.wording import clean
from doctorglm.runs import atomic_file

FILE = "MODEL_CARD.md"


def write_card(
    out: Path,
    gate: Mapping[str, Any],
    evaluations: Mapping[str, Evaluation],
    *,
    command: str,
    name: str | None = None,
    ungated: bool = False,
) -> Path:
    """Writes `out/MODEL_CARD.md` of the model in `evaluations["tuned"]`; returns its path.

    `gate` is the object of `gate.json`, `{}` where there is none; `evaluations` has `tuned`, and `base` and `placebo`
    where they are at hand; `command` is what compared them; `ungated` says that the model is passed on although it did
    not pass. Raises DataError for a damaged record beside the adapter or its data.
    """
    records = Records.of(gate, evaluations)
    called = name or (records.tuned.adapter.resolve().parent.name if records.tuned.adapter else out.resolve().name)
    body = "\n\n".join(_sections(records, called, command, ungated or not gate.get("passed")))
    with atomic_file(out / FILE) as file:
        file.write(f"---\n{head(records, called).to_yaml()}\n---\n\n{body}\n")
    return out / FILE


def _sections(records: Records, name: str, command: str, ungated: bool) -> Iterator[str]:
    yield f"# {_cell(name)}"
    yield _NOT_FOR_DIAGNOSIS
    if ungated:
        yield _UNGATED
    yield "## Intended use"
    yield _USE
    yield "## Training data"
    yield from _training(records)
    yield "## De-identification"
    yield _deidentified(records.curate.get("deid"))
    yield "## Evaluation"
    yield from _evaluation(records)
    yield "## Gate"
    yield from _gate(records)
    yield "## Limitations"
    yield _LIMITS
    yield "## How to reproduce"
    commands = [command_of(evaluation) for evaluation in records.evaluations.values()]
    yield _without_places("```sh\n" + "\n".join([*commands, command]) + "\n```")
    yield from _hashes(records)
    yield "## 中文说明"
    yield from _chinese(records, ungated)


_NOT_FOR_DIAGNOSIS = (
    "> **Not for diagnosis.** This model writes text that resembles what doctors answer. It is no medical device and "
    "was not reviewed by a clinician. It must not decide about anybody's health. In an emergency call 120 in China, or "
    "your local number, at once."
)
_UNGATED = (
    "> **Ungated.** This model has not passed the gate below: it was not shown to be better than its base without "
    "becoming worse elsewhere. Do not put it before anybody but those who study it."
)
_USE = """\
For research on Chinese medical dialogue, and for drafts that a doctor reads before a patient does. Use it behind
DoctorGLM's `consult` layer, which sends red flags to emergency care and strikes dangerous advice.

Out of scope: diagnosis, prescription, triage without a person, emergencies, children and pregnant women without a
doctor, and languages other than Chinese."""
_LIMITS = """\
- A lower NLL says that the model foresees doctors' text better, not that its advice is right.
- Safety was judged by rule on a few hundred questions; what those do not ask was not measured.
- The held-out conversations come from the sources of the training data; other hospitals and other patients write
  differently.
- The base model's own pretraining is unknown and may hold the test conversations."""


def _training(records: Records) -> Iterator[str]:
    if not records.tune:
        yield "No record of the tuning was found beside the adapter: what it was trained on is not known."
        return
    tune, counts, settings = records.tune, records.tune.get("counts") or {}, records.tune.get("settings") or {}
    base = records.base_name
    rows = [
        ("base model", _cell(base)),
        ("method", _cell(settings.get("method", "–"))),
        ("conversations", _count(counts.get("conversations"))),
        ("supervised tokens in one pass", _count(counts.get("supervised_tokens"))),
        ("steps", _count(tune.get("steps"))),
        ("weights trained", _count((tune.get("parameters") or {}).get("trainable"))),
        ("seed", _cell(tune.get("seed", "–"))),
    ]
    yield _table(("what", "value"), rows)
    yield f"Licence of the data, by its strictest source: {_licence(records)}"
    sources = records.curate.get("sources") or {}
    if sources:
        kept = {name: of for name, of in sources.items() if of.get("kept")}
        yield _table(
            ("source", "kept conversations", "licence"),
            [(_cell(n), _count(of.get("kept")), _cell(of.get("licence") or "none stated")) for n, of in kept.items()],
        )


def _licence(records: Records) -> str:
    licence = records.licence
    if licence is None:
        return "not known; ask whoever tuned it before passing the model on."
    if not licence:
        return "**none stated** by at least one source: not to be passed on."
    return f"{_cell(licence)}. The base model has a licence of its own beside it."


def _deidentified(deid: Any) -> str:
    if not isinstance(deid, Mapping):
        return "Not known: no record of the data's curation was found."
    if deid.get("mode") == "none":
        return "**Switched off**: the training data hold whatever identifiers their sources hold."
    spans = sum((deid.get("spans") or {}).values())
    said = (
        f"{number(spans, 0)} identifiers were masked in {number(deid.get('conversations', 0), 0)} conversations before "
        "training. Masking finds most identifiers, not all, and a model can give back what it was trained on."
    )
    review = deid.get("review") or {}
    if "rate" in review:
        high = number(100 * review["high"], 2)
        said += f" A person read {review['records']} random conversations: at most {high} % were missed (95 %)."
    return said


def _evaluation(records: Records) -> Iterator[str]:
    metrics = records.gate.get("metrics") or {}
    if not metrics:
        yield "No comparison with the base is at hand; the figures of the model alone stand in this file's head."
        return
    yield (
        "All on the same held-out items. Differences are tuned less base, with 95 % intervals; of shares in percentage "
        "points. NLL is in nats."
    )
    placebo = any(row.get("placebo") is not None for row in metrics.values())
    columns = ["figure", "base", "tuned", *(["placebo"] if placebo else []), "difference", "95 % interval", "n"]
    rows = []
    for name in (name for group in GROUPS for name in metrics if group_of(name) == group):
        row, unit = metrics[name], unit_of(name)
        values = [row.get("base"), row.get("tuned"), *([row.get("placebo")] if placebo else [])]
        ends = unit.ends(row.get("low"), row.get("high"), signed=True)
        cells = [*(unit.value(value) for value in values), unit.change(row.get("difference")), ends]
        rows.append((figure_name(name).en, *cells, _count(row.get("n"))))
    yield _table(columns, rows)


def _gate(records: Records) -> Iterator[str]:
    said = text_of(records.gate.get("sentence"), Text(en="The model has passed no gate.", zh="-"))
    yield _cell(said.en if said else "")
    criteria = records.gate.get("criteria") or ()
    if criteria:
        found = [(c.get("passed"), text_of(c.get("text")) or text_of(c.get("finding"))) for c in criteria]
        yield "\n".join(f"- {'✓' if passed else '✕'} {_cell(text.en)}" for passed, text in found if text)
    leak = records.leak
    if leak.get("known"):
        yield f"Contamination: {leak.get('leaked', 0)} of {leak.get('items', 0)} test conversations stand in the " + (
            "training data, by question and answer together and shared character 8-grams."
        )
    else:
        yield "Contamination: not checked; the training data were not at hand."


def _hashes(records: Records) -> Iterator[str]:
    digests = {name: digest for name, digest in (records.gate.get("sha256") or {}).items() if digest}
    digests = digests or dict(records.tuned.run["inputs"])
    yield _table(("SHA-256 of", "digest"), [(_cell(name), f"`{_cell(digest)}`") for name, digest in digests.items()])
    versions = records.tuned.run.get("versions") or {}
    if versions:
        yield "Versions: " + ", ".join(f"{_cell(name)} {_cell(version)}" for name, version in versions.items()) + "."


def _chinese(records: Records, ungated: bool) -> Iterator[str]:
    yield (
        "**不用于诊断。** 该模型生成的文字近似医生的回答，但它不是医疗器械，未经临床医生审核，"
        "不得据此决定任何人的健康问题。如遇急症，请立即拨打 120。"
    )
    if ungated:
        yield "**未通过门槛。** 未能证明该模型优于基座且其他方面没有变差；除研究人员外，请勿提供给任何人使用。"
    said = text_of(records.gate.get("sentence"))
    yield _cell(said.zh) if said else "该模型没有经过任何门槛检查。"
    criteria = records.gate.get("criteria") or ()
    found = [(c.get("passed"), text_of(c.get("text")) or text_of(c.get("finding"))) for c in criteria]
    if found:
        yield "\n".join(f"- {'✓' if passed else '✕'} {_cell(text.zh)}" for passed, text in found if text)
    yield (
        "用途：中文医患对话研究，以及由医生审阅后才给患者看的草稿。局限：NLL 更低只说明更能预见医生的文字，"
        "不说明建议正确；安全性仅按规则在几百个问题上判定；去标识能找出大多数标识信息，但不是全部。"
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _count(value: Any) -> str:
    return number(value, 0) if isinstance(value, int | float) else "–"


def _cell(value: Any) -> str:
    """What a record says, as text within one line of Markdown."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(clean(str(value)).split()))


def _without_places(text: str) -> str:
    """The commands with files and folders by their last two parts: a card goes to strangers, a home folder does not."""
    return re.sub(r"(?<![\w.])/(?:[^\s/'\"]+/)+(?=[^\s/'\"]+/[^\s/'\"]+)", "", text)
