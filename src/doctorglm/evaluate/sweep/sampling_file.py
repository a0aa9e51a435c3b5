"""`sampling.json`: the sampling that a sweep recommends for an adapter, where `chat` and `serve` find it.

It stands beside the adapter's folder and not in it, because a file inside would change the folder's sha256.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from doctorglm.engine import Sampling
from doctorglm.errors import DataError
from doctorglm.language import Text
from doctorglm.runs import note, read_json, sha256_tree, write_json
from doctorglm.settings import build

SAMPLING_FILE = "sampling.json"

_NAMES = ("temperature", "top_p", "top_k", "repetition_penalty")


def settings_of(sampling: Sampling) -> dict[str, float]:
    """What a sweep decides of a sampling: temperature, top-p, top-k, repetition penalty."""
    return {name: getattr(sampling, name) for name in _NAMES}


def named(sampling: Sampling) -> Text:
    """What a cell is called in words: its settings, but for those that change nothing."""
    en, zh = [], []
    if sampling.temperature > 0:
        en, zh = [f"temperature {sampling.temperature:g}"], [f"温度 {sampling.temperature:g}"]
        if sampling.top_p < 1:
            en, zh = [*en, f"top-p {sampling.top_p:g}"], [*zh, f"top-p {sampling.top_p:g}"]
        if sampling.top_k:
            en, zh = [*en, f"top-k {sampling.top_k}"], [*zh, f"top-k {sampling.top_k}"]
    else:
        en, zh = ["greedy"], ["贪心解码"]
    if sampling.repetition_penalty != 1:
        en.append(f"repetition penalty {sampling.repetition_penalty:g}")
        zh.append(f"重复惩罚 {sampling.repetition_penalty:g}")
    return Text(en=", ".join(en), zh="、".join(zh))


def beside(adapter: Path) -> Path:
    """Where an adapter's recommended sampling stands."""
    return adapter.resolve().parent / SAMPLING_FILE


def write_sampling(path: Path, sampling: Sampling, *, sampling_of: str, reason: Text, rule: Mapping[str, Any]) -> None:
    """Writes the settings, whose they are (the sha256 of adapter or base), and why."""
    write_json(path, {**settings_of(sampling), "sampling_of": sampling_of, "reason": asdict(reason), "rule": rule})


def recommended(adapter: Path | None, fingerprint: str | None = None) -> Sampling | None:
    """What a sweep recommended for the adapter; None where there was none, or, with a note, where it is another's.

    `fingerprint` is the adapter's `sha256_tree`, computed where it is not given. Raises DataError or ConfigError for a
    file that is damaged.
    """
    if adapter is None or not beside(adapter).is_file():
        return None
    path = beside(adapter)
    kept = read_json(path)
    if not isinstance(kept, dict) or not {"sampling_of", *_NAMES} <= kept.keys():
        raise DataError(
            en=f"{path}: not what a sweep left ({', '.join(('sampling_of', *_NAMES))}). Remove it, or sweep again.",
            zh=f"{path}：不是采样扫描的结果（{'、'.join(('sampling_of', *_NAMES))}）。请删除它，或重新扫描。",
        )
    own = fingerprint or sha256_tree(adapter)
    if kept["sampling_of"] != own:
        told = str(kept["sampling_of"])[:12]
        note(
            en=f"{path} is of another adapter (sha256 {told}..., not {own[:12]}...) and not used. "
            "`doctorglm evaluate --sweep` measures this one.",
            zh=f"{path} 属于另一个适配器（sha256 {told}...，而非 {own[:12]}...），未予采用。"
            "请用 `doctorglm evaluate --sweep` 测量本适配器。",
        )
        return None
    return build(Sampling, {name: kept[name] for name in _NAMES}, str(path))


def sampling_for(adapter: Path | None, given: Mapping[str, Any], where: str) -> Sampling:
    """The sampling of settings that were given, the others as a sweep recommends them, which is said on stderr.

    Raises ConfigError, with `where`, for settings that are none, and as `recommended`.
    """
    build(Sampling, given, where)
    swept = recommended(adapter)
    usual = {name: value for name, value in settings_of(swept).items() if name not in given} if swept else {}
    if usual and adapter:
        told = " ".join(f"{name}={value:g}" for name, value in usual.items())
        note(
            en=f"sampling as the sweep recommends ({beside(adapter)}): {told}. KEY=VALUE changes it.",
            zh=f"采样设置取自扫描的建议（{beside(adapter)}）：{told}。可用 KEY=VALUE 更改。",
        )
    return build(Sampling, {**usual, **given}, where)
