"""Whether a tuned model may leave the house: its gate is sealed when it is written and asked for before every export.

The seal is a checksum. It catches the edited number and the file that was copied from elsewhere; it is no signature,
and nobody is kept from forging one on purpose. So what a sealed gate says is checked against itself as well.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from doctorglm.errors import DataError, GateError
from doctorglm.evaluate.gate import REQUIRED
from doctorglm.language import Text
from doctorglm.runs import note, read_json, sha256_tree, to_json

GATE_FILE = "gate.json"
_SEAL = "seal"
_OR = Text(en="; or give --allow-ungated, which is recorded.", zh="；或使用 --allow-ungated（会留下记录）。")
"""The end of every refusal, for those who export."""
_AGAIN = Text(
    en="Evaluate the base, the adapter and a placebo, then run `doctorglm compare BASE_EVAL TUNED_EVAL --placebo "
    f"PLACEBO_EVAL --out DIR`{_OR.en}",
    zh="请评测基座、适配器和安慰剂模型，再运行 `doctorglm compare BASE_EVAL TUNED_EVAL --placebo PLACEBO_EVAL "
    f"--out DIR`{_OR.zh}",
)


def beside(adapter: Path) -> Path:
    """Where an adapter's gate stands: next to its folder, because a file inside would change the folder's sha256."""
    return adapter.resolve().parent / GATE_FILE


def seal(gate: Mapping[str, Any]) -> dict[str, Any]:
    """The gate with `seal`: the hex sha256 of all the rest, as JSON with sorted keys and no blanks."""
    rest = {name: value for name, value in gate.items() if name != _SEAL}
    return {**rest, _SEAL: _digest(rest)}


def is_sealed(gate: Any) -> bool:
    """Whether this is a gate whose seal fits what it says."""
    return isinstance(gate, dict) and _SEAL in gate and seal(gate)[_SEAL] == gate[_SEAL]


def require_gate(adapter: Path, base_fingerprint: str | None, *, allow_ungated: bool) -> Mapping[str, Any]:
    """What to record of the gate of the folder `adapter`: `passed`, `seal` and `sentence`.

    `base_fingerprint` is that of the base it will be attached to (`models.adapters`); None where that is not at hand.
    Raises GateError (exit code 3), with the remedy, where the gate is absent, unreadable, edited, of another adapter
    or base, or failed. With `allow_ungated` the reason is said on stderr instead and recorded: `passed` is False,
    `allow_ungated` True and `why` the reason. Raises DataError where there is no such folder.
    """
    digest = sha256_tree(adapter)
    try:
        gate = _passed_gate(beside(adapter), digest, base_fingerprint)
    except GateError as refused:
        if not allow_ungated:
            raise
        note(en=f"NOT GATED, --allow-ungated: {refused.text.en}", zh=f"未经门槛（--allow-ungated）：{refused.text.zh}")
        return {"passed": False, "allow_ungated": True, "adapter": digest, "why": asdict(refused.text)}
    return {"passed": True, "allow_ungated": False, "adapter": digest, _SEAL: gate[_SEAL], "sentence": gate["sentence"]}


def standing(adapter: Path) -> Text:
    """What is told to whoever talks with the folder `adapter`: that it passed its gate, or why that is not so."""
    try:
        gate = _passed_gate(beside(adapter), sha256_tree(adapter), None)
    except GateError as refused:
        why = Text(en=refused.text.en.removesuffix(_OR.en), zh=refused.text.zh.removesuffix(_OR.zh))
        return Text(en=f"NOT GATED, to be tried out and no more: {why.en}.", zh=f"未经门槛，仅供试用：{why.zh}。")
    return Text(**gate["sentence"])


def _passed_gate(file: Path, adapter: str, base: str | None) -> Mapping[str, Any]:
    gate = _read(file)
    if (found := gate["sha256"]["adapter"]) != adapter:
        raise _of_another(file, Text(en="adapter", zh="适配器"), found, adapter)
    if base is not None and (found := gate["sha256"]["base"]) != base:
        raise _of_another(file, Text(en="base", zh="基座"), found, base)
    if not gate["passed"]:
        reasons = [criterion["text"] for criterion in gate["criteria"] if not criterion["passed"]]
        raise GateError(
            en=f"{file}: the gate failed: {'; '.join(reason['en'] for reason in reasons)}. Tune anew and compare "
            f"again{_OR.en}",
            zh=f"{file}：未通过门槛：{'；'.join(reason['zh'] for reason in reasons)}。请重新微调并再次比较{_OR.zh}",
        )
    return gate


def _read(file: Path) -> Mapping[str, Any]:
    """The gate, if it is whole and agrees with itself."""
    if not file.is_file():
        raise _refused(
            file, Text(en="no such file, so this adapter has no gate", zh="文件不存在，该适配器没有经过门槛")
        )
    try:
        gate = read_json(file)
    except DataError:
        raise _refused(file, Text(en="not JSON: damaged or edited", zh="不是 JSON：已损坏或被改动")) from None
    if isinstance(gate, dict) and _SEAL not in gate:
        raise _refused(
            file,
            Text(en="no seal: of an earlier version, or edited", zh="没有封签：由旧版本写成，或被改动过"),
        )
    if not is_sealed(gate):
        raise _refused(
            file,
            Text(en="edited: it is not what was sealed", zh="被改动过：内容与封签不符"),
        )
    if contradiction := _contradiction(gate):
        raise _refused(file, contradiction)
    read: Mapping[str, Any] = gate
    return read


def _contradiction(gate: Mapping[str, Any]) -> Text | None:
    """Where a sealed gate cannot be what `compare` wrote; None where it can."""
    try:
        passed, hashes = gate["passed"], gate["sha256"]
        failed = [criterion["text"] for criterion in gate["criteria"] if criterion["passed"] is not True]
        named = [criterion["name"] for criterion in gate["criteria"]]
        whole = sorted(named) == sorted(REQUIRED) and {"base", "adapter", "placebo"} <= hashes.keys()
        whole = whole and {"en", "zh"} <= gate["sentence"].keys() and all({"en", "zh"} <= t.keys() for t in failed)
    except (KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        return Text(
            en="incomplete: not what `doctorglm compare` writes", zh="不完整：不是 `doctorglm compare` 写出的内容"
        )
    if passed is not (not failed) or list(gate["reasons"]) != failed:
        return Text(
            en=f"it contradicts itself: `passed` is {json.dumps(passed)}, and {len(failed)} of its criteria failed",
            zh=f"自相矛盾：`passed` 为 {json.dumps(passed)}，而有 {len(failed)} 条标准未通过",
        )
    if passed and not hashes["placebo"]:
        return Text(en="it contradicts itself: passed without a placebo", zh="自相矛盾：没有安慰剂对照却通过了")
    return None


def _of_another(file: Path, what: Text, found: Any, given: str) -> GateError:
    return _refused(
        file,
        Text(
            en=f"of another {what.en} (sha256 {str(found)[:12]}..., here {given[:12]}...)",
            zh=f"属于另一个{what.zh}（sha256 {str(found)[:12]}...，当前为 {given[:12]}...）",
        ),
    )


def _refused(file: Path, why: Text) -> GateError:
    return GateError(en=f"{file}: {why.en}. {_AGAIN.en}", zh=f"{file}：{why.zh}。{_AGAIN.zh}")


def _digest(value: Mapping[str, Any]) -> str:
    # read back first: what a file cannot hold (tuples, paths) is sealed as the file holds it
    plain = json.loads(to_json(value))
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
