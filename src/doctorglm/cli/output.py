"""What the verbs say and ask: JSON on stdout, everything else on stderr, in the language that is in force."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.hub import Known
from doctorglm.language import readable, say
from doctorglm.runs import to_json


def print_json(value: Any, wanted: bool) -> None:
    """The one JSON object of `--json`, on stdout."""
    if wanted:
        print(to_json(value))  # noqa: T201


def tell(text: str, silent: bool) -> None:
    """A message, on stderr."""
    if not silent:
        print(readable(text), file=sys.stderr)  # noqa: T201


def counted(counts: dict[str, Any], out: Path) -> str:
    """What curation read, kept and rejected."""
    reasons = ", ".join(f"{reason} {n}" for reason, n in counts["rejected"].items()) or "0"
    parts = ", ".join(f"{name} {n}" for name, n in counts["splits"].items())
    return say(
        en=f"{out}: read {counts['read']}, kept {counts['kept']} ({parts}); rejected: {reasons}",
        zh=f"{out}：读入 {counts['read']}，保留 {counts['kept']}（{parts}）；剔除：{reasons}",
    )


def encodings(files: Sequence[Mapping[str, Any]]) -> str:
    """Which encodings the files were proved to be in, with the names of the first few of each."""
    names: dict[str, list[str]] = {}
    for file in files:
        if file["encoding"] and file["records"]:
            names.setdefault(file["encoding"], []).append(file["name"])
    told = "; ".join(
        f"{encoding}: {', '.join(found[:_MOST_NAMES])}"
        + (f" (+{len(found) - _MOST_NAMES})" if found[_MOST_NAMES:] else "")
        for encoding, found in names.items()
    )
    return say(en=f"encodings: {told}", zh=f"编码：{told}") if told else ""


_MOST_NAMES = 3


def licence(entry: Known) -> str:
    """The licence of a corpus or model, with what to know before agreeing to it."""
    return say(
        en=f"{entry.title} ({entry.address})\nLicence: {entry.licence}. {entry.note}",
        zh=f"{entry.title}（{entry.address}）\n许可：{entry.licence}。{entry.note}",
    )


def merged(done: Mapping[str, Any]) -> str:
    """What a merge changed, and how far its logits are from the adapter's."""
    apart = done["divergence"]
    mean, largest, changes = f"{apart['mean']:.1e}", f"{apart['largest']:.1e}", f"{apart['adapter_changes']:.2g}"
    changed, tensors, size = done["changed"], done["tensors"], f"{done['bytes'] / 1e9:.2f} GB"
    told = say(
        en=f"{done['out']}: {changed} of {tensors} tensors changed, {size}; logits differ from the adapter's by {mean} "
        f"on average and {largest} at most, where the adapter itself changes up to {changes}",
        zh=f"{done['out']}：{tensors} 个张量中有 {changed} 个改变，{size}；logit 与适配器平均相差 {mean}，"
        f"最多 {largest}，而适配器本身的改变最多为 {changes}",
    )
    if quantized := apart.get("quantized"):
        rows = [(name, quantized[name]["kl"]) for name in _MERGES if name in quantized]
        told += "\n" + "; ".join(f"{say(**_MERGES[name])}: KL {kl:.2g}" for name, kl in rows)
    return told


_MERGES = {
    "tuning": {
        "en": "from the adapter as trained to the base without it",
        "zh": "无适配器的基座",
    },
    "dequantised": {"en": "merged onto the unpacked base", "zh": "合并到解包后的基座"},
    "full": {"en": "onto the full one", "zh": "合并到完整精度的基座"},
    "packed_again": {"en": "merged and packed again", "zh": "合并后再次打包"},
}


def packed(divergence: Mapping[str, float] | None) -> str:
    """How far packed weights are from those that they were made of."""
    if divergence is None:
        return ""
    kl, other = f"{divergence['kl']:.2g}", f"{divergence['other_token']:.1%}"
    return say(
        en=f"; KL to the weights before {kl} nats a token, another likeliest token at {other} of the places",
        zh=f"；与打包前相比，每个 token 的 KL 为 {kl} nat，{other} 的位置首选 token 不同",
    )


def agrees() -> bool:
    """True when the person at the terminal accepts it."""
    sys.stderr.write(say(en="Do you accept this licence? [y/N] ", zh="是否接受该许可？[y/N] "))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes", "是"}


def figure(measured: Mapping[str, Any]) -> str:
    """A figure with its 95 % interval; one item has none."""
    if measured["low"] is None:
        return f"{measured['value']:.4f}"
    return f"{measured['value']:.4f} [{measured['low']:.4f}, {measured['high']:.4f}]"
