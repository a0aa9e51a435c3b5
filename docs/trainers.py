"""The tables of `docs/tune.md` about speed on a CPU, from `benchmarks/results/tune_cpu*.json`."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
_PEERS = {"doctorglm": "DoctorGLM", "plain loop": "plain loop", "trl": "TRL", "llamafactory": "LLaMA-Factory"}
_OFF = {
    "threads": 2, "without": [], "compiled": False, "profile": False, "attn_implementation": "sdpa", "loss": "hf",
    "padding_free": False, "packing_strategy": "bfd", "group_by_length": False, "gradient_checkpointing": False,
    "disable_gradient_checkpointing": True, "flash_attn": "sdpa", "dataloader_num_workers": 0, "pool_batches": 0,
}  # fmt: skip
"""Settings that are not shown where they have this value."""


def trainers(recorded: Mapping[str, Any]) -> str:
    """The comparison, what each part is worth, where the time goes, and every setting that was tried."""
    lines = [*_compared(recorded), "", *_parts(recorded), "", *_profile(recorded), "", *_sweep(recorded)]
    return "\n".join(lines)


def _compared(recorded: Mapping[str, Any]) -> list[str]:
    """Medians over the turns, fastest and slowest in brackets."""
    kernels = list(recorded["gflops"])
    lines = [f"| trainer | settings | dialogues/s | tokens/s | {' | '.join(f'of the limit, {k}' for k in kernels)} |"]
    lines.append("|---|---|---:|---:|" + "---:|" * len(kernels))
    by_setting: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in _trained(recorded["runs"]):
        by_setting[_name(row), _settings(row)].append(row)
    for (name, settings), rows in by_setting.items():
        shares = " | ".join(_spread([100 * r["share_of_limit"][k] for r in rows], ".0f", " %") for k in kernels)
        speeds = f"{_spread([r['dialogues_per_s'] for r in rows], '.2f')} | {_median(rows, 'tokens_per_s'):,.0f}"
        lines.append(f"| {name} | {settings} | {speeds} | {shares} |")
    return [*lines, "", _ahead(by_setting), _same(_trained(recorded["runs"]), recorded)]


def _ahead(by_setting: Mapping[tuple[str, str], Sequence[Row]]) -> str:
    """How many times as fast ours is as the best of each peer, turn by turn."""
    ours, *others = by_setting.items()
    best: dict[str, Sequence[Row]] = {}
    for (name, _), rows in others:
        if name != ours[0][0] and (name not in best or _median(rows, "seconds") < _median(best[name], "seconds")):
            best[name] = rows
    ratios = {
        name: [theirs["seconds"] / mine["seconds"] for mine, theirs in zip(ours[1], rows, strict=True)]
        for name, rows in best.items()
    }
    shown = (f"{_spread(values, '.2f')} times as fast as {name}'s best" for name, values in ratios.items())
    return f"In the same turn {'; '.join(shown)} (median [smallest, largest])."


def _same(rows: Sequence[Row], recorded: Mapping[str, Any]) -> str:
    losses = [row["first_loss_all"] for row in rows]
    same = "All trained on the same ids and labels" if all(row["same_tokens"] for row in rows) else "**Not the same**"
    rates = "; ".join(f"{rate:.0f} GFLOP/s by {kernel}" for kernel, rate in recorded["gflops"].items())
    return (
        f"{same}, {rows[0]['dialogues']} dialogues; the losses of the untouched model differ by at most "
        f"{max(losses) - min(losses):.0e} nats. {rates}."
    )


def _parts(recorded: Mapping[str, Any]) -> list[str]:
    """Each against the whole in the same turn."""
    whole, *others = _by_asked(recorded["without"])
    lines = ["| instead | time, to that of the whole | nats by which the last loss differs |", "|---|---:|---:|"]
    for rows in others:
        asked = rows[0]["asked"]
        label = f"without {asked['without'][0]}" if "without" in asked else _as_settings(asked)
        ratios = [row["seconds"] / of["seconds"] for row, of in zip(rows, whole, strict=True)]
        other_steps = "batch_tokens" in asked
        apart = max(abs(r["loss_of_last_step"] - of["loss_of_last_step"]) for r, of in zip(rows, whole, strict=True))
        lines.append(f"| {label} | {_spread(ratios, '.3f')} | {'other steps' if other_steps else f'{apart:.0e}'} |")
    of_what = f"{whole[0]['dialogues']} dialogues (median [smallest, largest] of {len(whole)} turns)"
    return [f"What each part is worth, on {of_what}:", "", *lines]


def _profile(recorded: Mapping[str, Any]) -> list[str]:
    shares: dict[str, list[float]] = defaultdict(list)
    for row in recorded["profile"]:
        for part, share in row["profile"].items():
            shares[part].append(100 * share)
    ordered = sorted(shares.items(), key=lambda item: -statistics.median(item[1]))
    lines = ["| where the time goes | share of a run |", "|---|---:|"]
    return [*lines, *(f"| {part} | {_spread(values, '.1f', ' %')} |" for part, values in ordered)]


def _sweep(recorded: Mapping[str, Any]) -> list[str]:
    dialogues = recorded["sweep"][0]["limit"]
    lines = [f"<details><summary>Every setting of the peers, on {dialogues} dialogues</summary>", ""]
    lines += ["| trainer | settings | dialogues/s | |", "|---|---|---:|---|"]
    reference = _trained(recorded["sweep"])[0]["first_loss_all"]
    for row in recorded["sweep"]:
        if "failed" in row:
            lines.append(f"| {row['runner']} | {_as_settings(row['asked'])} | | failed |")
            continue
        apart = abs(row["first_loss_all"] - reference)
        note = f"another loss, by {apart:.0e} nats" if apart >= 1e-4 else "" if row["same_tokens"] else "other samples"
        lines.append(f"| {_name(row)} | {_settings(row)} | {row['dialogues_per_s']:.2f} | {note} |")
    return [*lines, "", "</details>"]


def _trained(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if "failed" not in row]


def _by_asked(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of the same settings together, in the order of their first."""
    together: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        together[repr(row["asked"])].append(row)
    return list(together.values())


def _name(row: Row) -> str:
    name = row.get("name", row["trainer"])
    return _PEERS.get(name, name)


def _settings(row: Row) -> str:
    return _as_settings({key: value for key, value in row["settings"].items() if _OFF.get(key, ...) != value})


def _as_settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items()) or "as they are"


def _median(rows: Sequence[Row], key: str) -> float:
    return statistics.median(row[key] for row in rows)


def _spread(values: Sequence[float], form: str, unit: str = "") -> str:
    low, high = min(values), max(values)
    return f"{statistics.median(values):{form}}{unit}" + (f" [{low:{form}}, {high:{form}}]" if len(values) > 1 else "")
