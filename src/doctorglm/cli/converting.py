"""What `convert` does for each layout, and what it says of it.

An adapter that may not leave is stopped by its gate before anything is loaded; one that is only written anew stays an
adapter, which every other way out asks for its gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from doctorglm.errors import ConfigError
from doctorglm.language import say

LAYOUTS = ("hf", "chatglm", "peft", "int8", "int4", "merged", "gguf")
_OF_ADAPTERS = ("peft", "merged", "gguf")
_GATED = ("merged", "gguf")


@dataclass(frozen=True, slots=True)
class Converted:
    """What was done: the object of `--json`, and a sentence."""

    record: dict[str, Any]
    sentence: str


def converted(
    source: Path,
    target: Path,
    to: str,
    *,
    base: str | None,
    allow_ungated: bool,
    kind: str | None,
    slim: bool,
    quantization_embeddings: bool,
    onto: Any,
) -> Converted:
    """Writes `source` to the new folder `target` as `to`.

    Raises ConfigError for a layout that is none and for flags that do not go with it; else as the stage it calls.
    """
    from doctorglm.models.merging import is_adapter

    adapter = is_adapter(source)
    flags = {
        "--base": base is not None,
        "--allow-ungated": allow_ungated,
        "--type": kind is not None,
        "--slim": slim,
        "--quantization-embeddings": quantization_embeddings,
        "--onto": onto is not None,
    }
    _refuse_flags(to, {flag for flag, given in flags.items() if given}, adapter=adapter)
    match to:
        case "merged":
            done = _merge(source, target, base, allow_ungated, onto)
            return Converted(done, _merged(done))
        case "peft":
            from doctorglm.models.adapter_folder import to_peft

            done = to_peft(source, target, base)
            return Converted(done, _adapter(done))
        case "gguf":
            done = _gguf(source, target, base, allow_ungated, kind)
            return Converted(done, _one_file(done))
    from doctorglm.models.convert import convert
    from doctorglm.models.plans import Layout

    done = convert(source, target, cast(Layout, to), slim=slim, quantization_embeddings=quantization_embeddings)
    return Converted(done, _folder(done))


def _refuse_flags(to: str, given: set[str], *, adapter: bool) -> None:
    if to not in LAYOUTS:
        names = ", ".join(LAYOUTS[:-1])
        raise ConfigError(
            en=f"--to {to}: it must be {names} or {LAYOUTS[-1]}. Choose one of them.",
            zh=f"--to {to} 无效：应为 {'、'.join(LAYOUTS[:-1])} 或 {LAYOUTS[-1]}。请选择其一。",
        )
    if adapter and to not in _OF_ADAPTERS:
        raise ConfigError(
            en=f"--to {to}: SRC is an adapter, which goes --to {', '.join(_OF_ADAPTERS)} alone. Choose one of them, or "
            "give a folder of weights.",
            zh=f"--to {to}：源文件夹是适配器，只能 --to {'、'.join(_OF_ADAPTERS)}。请选择其一，或给出权重文件夹。",
        )
    fits = {
        "--base": to in _OF_ADAPTERS and (adapter or to != "gguf"),
        "--allow-ungated": to in _GATED and (adapter or to != "gguf"),
        "--type": to == "gguf",
        "--slim": to in ("hf", "chatglm"),
        "--quantization-embeddings": to in ("int8", "int4"),
        "--onto": to == "merged",
    }
    for flag, fitting in fits.items():
        if flag in given and not fitting:
            raise ConfigError(
                en=f"{flag} has no meaning for this SRC with --to {to}. Leave it out.",
                zh=f"{flag} 对该源文件夹和 --to {to} 没有意义。请去掉它。",
            )


def _merge(adapter: Path, target: Path, base: str | None, allow_ungated: bool, onto: Any) -> dict[str, Any]:
    """The gate first: nothing is loaded for an adapter that may not leave."""
    from doctorglm.models.convert import require_room, size_in_32_bits
    from doctorglm.models.merging import merge

    folder, fingerprint, gate = _passed(adapter, target, base, allow_ungated)
    require_room(target, size_in_32_bits(folder))
    return merge(adapter, folder, target, fingerprint=fingerprint, gate=gate, onto=onto)


def _gguf(source: Path, target: Path, base: str | None, allow_ungated: bool, kind: str | None) -> dict[str, Any]:
    """A model as it is; of an adapter the merged model, its gate first."""
    from doctorglm.models.llamacpp.export import to_gguf
    from doctorglm.models.merging import is_adapter

    if not is_adapter(source):
        return to_gguf(source, target, kind)
    from doctorglm.models.llamacpp.merged import adapter_to_gguf

    folder, fingerprint, gate = _passed(source, target, base, allow_ungated)
    return adapter_to_gguf(source, folder, target, kind, fingerprint=fingerprint, gate=gate)


def _passed(adapter: Path, target: Path, base: str | None, allow_ungated: bool) -> tuple[Path, str, Mapping[str, Any]]:
    """The base's folder and fingerprint, and what to record of the gate that the adapter passed."""
    from doctorglm.evaluate.release import require_gate
    from doctorglm.models.adapters import base_fingerprint
    from doctorglm.models.convert import refuse_target
    from doctorglm.models.merging import base_of

    refuse_target(adapter, target)
    folder = base_of(adapter, base)
    fingerprint = base_fingerprint(folder)
    return folder, fingerprint, require_gate(adapter, fingerprint, allow_ungated=allow_ungated)


def _folder(done: Mapping[str, Any]) -> str:
    size = f"{done['bytes'] / 1e9:.2f} GB"
    return say(
        en=f"{done['out']}: {done['family']}, {done['tensors']} tensors, {size}",
        zh=f"{done['out']}：{done['family']}，{done['tensors']} 个张量，{size}",
    ) + _packed(done.get("divergence"))


def _adapter(done: Mapping[str, Any]) -> str:
    rank = say(en=f", rank {done['rank']}, alpha {done['alpha']}", zh=f"，秩 {done['rank']}，alpha {done['alpha']}")
    return say(
        en=f"{done['out']}: {done['family']} as PEFT's adapter, {done['tensors']} tensors",
        zh=f"{done['out']}：{done['family']} 转为 PEFT 适配器，{done['tensors']} 个张量",
    ) + (rank if done["rank"] else "")


def _one_file(done: Mapping[str, Any]) -> str:
    size, lost = f"{done['bytes'] / 1e9:.2f} GB", f"{done['error']['relative']:.1e}"
    rounding = done.get("rounding")
    moved = f"{rounding['rounded']:.1e}, {rounding['adapter']:.1e}".split(", ") if rounding else []
    en, zh = (f"; rounding moves the answers by {moved[0]} nats, the adapter by {moved[1]}",
              f"；舍入使输出偏离 {moved[0]} nats，适配器使其偏离 {moved[1]}") if moved else ("", "")  # fmt: skip
    return say(
        en=f"{done['out']}: {done['family']} as {done['architecture']}, {done['type']}, {size}; {done['exact']} of "
        f"{done['tensors']} tensors are exact, rounding takes {lost} of the weights{en}. Next: ollama create NAME -f "
        f"{done['out']}/Modelfile",
        zh=f"{done['out']}：{done['family']} 转为 {done['architecture']}，{done['type']}，{size}；"
        f"{done['tensors']} 个张量中有 {done['exact']} 个完全一致，舍入误差为权重的 {lost}{zh}。"
        f"下一步：ollama create 名称 -f {done['out']}/Modelfile",
    )


def _merged(done: Mapping[str, Any]) -> str:
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


def _packed(divergence: Mapping[str, float] | None) -> str:
    """How far packed weights are from those that they were made of."""
    if divergence is None:
        return ""
    kl, other = f"{divergence['kl']:.2g}", f"{divergence['other_token']:.1%}"
    return say(
        en=f"; KL to the weights before {kl} nats a token, another likeliest token at {other} of the places",
        zh=f"；与打包前相比，每个 token 的 KL 为 {kl} nat，{other} 的位置首选 token 不同",
    )
