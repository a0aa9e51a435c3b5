"""The tables of `docs/tune.md` about speed on a CPU, from `benchmarks/results/tune_cpu*.json` and `methods.json`."""

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


_RUNNERS = {"trl_sft": "TRL", "llama_factory": "LLaMA-Factory", "plain": "plain loop"}
_FAMILIES = {"qwen2": "Qwen2", "llama": "Llama", "glm": "GLM (ChatGLM2, 3)", "chatglm": "ChatGLM-6B"}


def methods(recorded: Mapping[str, Any]) -> str:
    """Every family and method: speed, shares of the limits, memory, and how many times as fast as each peer it is."""
    head = ["tokens/s", "of the limit, torch.mm", "of the limit, oneDNN", "with unpacking, oneDNN", "peak memory, MB"]
    lines = [f"| family | method | {' | '.join([*head, *_RUNNERS.values()])} |"]
    lines.append("|---|---|" + "---:|" * (len(head) + len(_RUNNERS)))
    reasons: list[str] = []
    for row in recorded["compared"]:
        if row["runner"] == "ours":
            peers = {
                r["runner"]: r
                for r in recorded["compared"]
                if (r["family"], r["method"]) == (row["family"], row["method"])
            }
            beside = " | ".join(_beside(peers.get(runner), reasons) for runner in _RUNNERS)
            lines.append(f"| {_FAMILIES[row['family']]} | {row['method']} | {_of_ours(row)} | {beside} |")
    rates = "; ".join(
        f"{_FAMILIES[r['family']]}{' with gradients of weights' if r['weight_gradients'] else ''} "
        f"{r['torch.mm']:.0f} by torch.mm, {r['oneDNN']:.0f} by oneDNN"
        for r in recorded["gflops"]
    )
    apart = max(r["losses_apart"] for r in recorded["compared"] if "ours_is_times_as_fast" in r)
    rounds = recorded["rounds"]
    turns = "one turn" if rounds == 1 else f"median [smallest, largest] of {rounds} turns"
    told = (
        f"Under the peers: how many times as fast as theirs ours is, and in parentheses the share of their memory that "
        f"it takes; {turns}, {recorded['dialogues']} dialogues. The "
        f"losses of the untouched model differ by at most {apart:.0e} nats. GFLOP/s: {rates}."
    )
    notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join([*lines, "", told, "", *notes])


def _of_ours(row: Row) -> str:
    """Its own cells; shares are of products alone, and once more with unpacking where there is any."""
    if "cannot" in row:
        return f"cannot: {row['cannot']} | | | |"
    shares = [_whole(row["share_of_limit"][kernel], 100, " %") for kernel in ("torch.mm", "oneDNN")]
    unpacked = row.get("share_with_unpacking")
    shares.append(_whole(unpacked["oneDNN"], 100, " %") if unpacked else "")
    return " | ".join([_whole(row["tokens_per_s"]), *shares, f"{row['memory_mb']['value']:,.0f}"])


def _beside(row: Row | None, reasons: list[str]) -> str:
    if row is None:
        return ""
    if "cannot" in row:
        reason = f"`{row['cannot'].replace('|', '/')}`"
        if reason not in reasons:
            reasons.append(reason)
        return f"cannot ({reasons.index(reason) + 1})"
    if "ours_is_times_as_fast" not in row:
        return f"another loss, by {row['losses_apart']:.0e} nats" if "losses_apart" in row else "not compared"
    ratio = row["ours_is_times_as_fast"]
    spread = "" if ratio["low"] == ratio["high"] else f" [{ratio['low']:.2f}, {ratio['high']:.2f}]"
    return f"{ratio['value']:.2f}{spread} ({100 * row['ours_takes_of_the_memory']['value']:.0f} %)"


def _whole(of: Mapping[str, float], scale: float = 1, unit: str = "") -> str:
    value, low, high = (scale * of[key] for key in ("value", "low", "high"))
    return f"{value:,.0f}{unit}" + ("" if low == high else f" [{low:,.0f}, {high:,.0f}]")


def prefixes(recorded: Mapping[str, Any]) -> str:
    """LoRA beside P-tuning: the comparison, then the grid."""
    lines = ["| | trained weights | nats a token | to LoRA's | tokens/s | peak memory, MB |"]
    lines += ["|---|---:|---:|---:|---:|---:|", f"| the base | 0 | {recorded['base_loss']:.4f} | | | |"]
    for name, arm in recorded["compared"].items():
        apart = arm.get("against_lora")
        against = f"{apart['difference']:+.4f} [{apart['low']:+.4f}, {apart['high']:+.4f}]" if apart else ""
        lines.append(
            f"| {name}: {_of_run(arm['settings'])} | {arm['trained']:,} | {arm['loss']:.4f} | {against} | "
            f"{arm['tokens_per_s']:,.0f} | {arm['memory_mb']:,.0f} |"
        )
    seeds = len(recorded["compared"]["lora"]["runs"])
    lines += [
        "",
        f"After {2 * recorded['steps']} steps, on the test part, {seeds} seeds; in brackets 95 % intervals.",
        "",
    ]
    lines += [f"<details><summary>The grid: {recorded['steps']} steps, on the validation part</summary>", ""]
    lines += ["| method | trained weights | nats a token | on the way |", "|---|---:|---:|---|"]
    for row in sorted(recorded["grid"], key=lambda row: float(row["loss"])):
        way = ", ".join(f"{loss:.3f} after {step}" for step, loss in row["validations"])
        lines.append(f"| {_of_run(row['settings'])} | {row['trained']:,} | {row['loss']:.4f} | {way} |")
    return "\n".join([*lines, "", "</details>"])


def _of_run(settings: Mapping[str, Any]) -> str:
    return ", ".join(str(value) if key == "method" else f"{key}={value}" for key, value in settings.items())


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
