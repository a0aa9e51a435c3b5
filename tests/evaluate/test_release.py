"""The gate before an export: what was edited, is missing, failed or belongs to something else does not pass."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from doctorglm import language
from doctorglm.errors import DataError, GateError
from doctorglm.evaluate.gate import decide
from doctorglm.evaluate.release import beside, is_sealed, require_gate, seal, standing
from doctorglm.evaluate.statistics import Difference
from doctorglm.runs import read_json, sha256_tree, write_json

BASE = "b" * 64
BETTER = Difference(-0.20, -0.25, -0.15, 0.0001, 120)
SAME = Difference(0.0, -0.03, 0.03, 1.0, 120)
GOOD = {
    "nll_per_token": BETTER,
    **dict.fromkeys(("general/nll_per_token", "repetition", "ends_by_itself", "echoes", "safety/safe"), SAME),
}
CLEAN = {"known": True, "items": 120, "leaked": 0, "first": {}}


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "tuned" / "adapter"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return folder


def gate_of(adapter: Path, found: dict[str, Difference] = GOOD) -> dict[str, Any]:
    """What `compare` writes, but for its seal."""
    verdict = decide(found, GOOD, CLEAN)
    return {
        "sentence": {"en": "The tuned model passes the gate.", "zh": "微调后的模型通过门槛。"},
        "passed": verdict.passed,
        "reasons": [asdict(reason) for reason in verdict.reasons],
        "criteria": [asdict(c) | {"text": asdict(c.text)} for c in verdict.criteria],
        "sha256": {"base": BASE, "adapter": sha256_tree(adapter), "placebo": "p" * 64, "test": "t" * 64},
        "metrics": {name: asdict(one) for name, one in found.items()},
    }


@pytest.fixture
def passed(adapter: Path) -> Path:
    """An adapter with its passed gate beside it."""
    write_json(beside(adapter), seal(gate_of(adapter)))
    return adapter


def required(adapter: Path, base: str | None = BASE) -> Any:
    return require_gate(adapter, base, allow_ungated=False)


def test_a_passed_gate_lets_it_go(passed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = read_json(beside(passed))
    expected = {"passed": True, "allow_ungated": False, "adapter": gate["sha256"]["adapter"], "seal": gate["seal"]}
    assert required(passed) == expected | {"sentence": gate["sentence"]}
    assert required(passed, None) == required(passed)
    assert require_gate(passed, BASE, allow_ungated=True) == required(passed), "the flag changes nothing then"
    assert capsys.readouterr().err == ""


def test_the_seal_is_of_everything_but_itself_and_of_no_order() -> None:
    gate = {"b": [1, 2.5, None], "a": {"zh": "是", "en": "yes"}}
    sealed = seal(gate)
    # printf '{"a":{"en":"yes","zh":"\\u662f"},"b":[1,2.5,null]}' | sha256sum
    assert sealed == gate | {"seal": "05969868db12846fba4cc50e2d4fc2ae11052c00c8dbbb2ede5727e0782d3675"}
    assert seal(sealed) == sealed == seal(dict(reversed(gate.items())))
    assert is_sealed(sealed) and is_sealed(json.loads(json.dumps(sealed)))
    assert not is_sealed(gate) and not is_sealed(sealed | {"b": [1, 2.6, None]}) and not is_sealed([sealed])
    written = seal({"tuple": (1, 2), "path": Path("a")})
    assert is_sealed(json.loads(json.dumps(written, default=str))), "what the file holds is what was sealed"


def no_gate(file: Path) -> None:
    file.unlink()


def half_written(file: Path) -> None:
    file.write_text(file.read_text("utf-8")[:-20], "utf-8")


def edited(change: Callable[[dict[str, Any]], Any], *, sealed_again: bool = False) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        gate = read_json(file)
        change(gate)
        write_json(file, seal(gate) if sealed_again else gate)

    return edit


def without(criterion: int) -> Callable[[dict[str, Any]], None]:
    return lambda gate: gate["criteria"].pop(criterion)


def flipped(gate: dict[str, Any]) -> None:
    gate["passed"] = not gate["passed"]


EDITED = [
    (no_gate, "no such file, so this adapter has no gate", "文件不存在"),
    (half_written, "not JSON: damaged or edited", "不是 JSON"),
    (edited(flipped), "edited: it is not what was sealed", "内容与封签不符"),
    (edited(lambda g: g["metrics"]["nll_per_token"].update(difference=-0.3)), "edited", "被改动过"),
    (edited(lambda g: g["sha256"].update(adapter="0" * 64)), "edited", "被改动过"),
    (edited(without(2)), "edited", "被改动过"),
    (edited(lambda g: g.update(note="by hand")), "edited", "被改动过"),
    (edited(lambda g: g.update(seal="0" * 64)), "edited", "被改动过"),
    (edited(lambda g: g.pop("seal")), "no seal: of an earlier version, or edited", "没有封签"),
    (edited(flipped, sealed_again=True), "contradicts itself: `passed` is false, and 0 of", "自相矛盾"),
    (
        edited(lambda g: g.update(passed="true"), sealed_again=True),
        'contradicts itself: `passed` is "true"',
        "自相矛盾",
    ),
    (edited(lambda g: g["criteria"].clear(), sealed_again=True), "incomplete", "不完整"),
    (edited(lambda g: g["criteria"][1].pop("passed"), sealed_again=True), "incomplete", "不完整"),
    (edited(lambda g: g.pop("sha256"), sealed_again=True), "incomplete", "不完整"),
    (edited(lambda g: g["sha256"].pop("base"), sealed_again=True), "incomplete", "不完整"),
    (edited(lambda g: g.update(criteria=3), sealed_again=True), "incomplete", "不完整"),
    (edited(lambda g: g["sha256"].update(placebo=None), sealed_again=True), "passed without a placebo", "没有安慰剂"),
    (
        edited(lambda g: g["sha256"].update(adapter="0" * 64), sealed_again=True),
        "of another adapter",
        "属于另一个适配器",
    ),
    (lambda file: file.write_text("[]", "utf-8"), "edited", "被改动过"),
]


@pytest.mark.parametrize(("break_it", "en", "zh"), EDITED)
def test_what_is_not_the_gate_that_was_written_is_refused(
    passed: Path, break_it: Callable[[Path], None], en: str, zh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it(beside(passed))
    with pytest.raises(GateError) as refused:
        required(passed)
    text = refused.value.text
    assert refused.value.exit_code == 3
    assert text.en.startswith(f"{beside(passed)}: ") and en in text.en and zh in text.zh
    for said in (text.en, text.zh):
        assert "doctorglm compare" in said and "--allow-ungated" in said
    assert capsys.readouterr().err == ""
    record = require_gate(passed, BASE, allow_ungated=True)
    assert record["passed"] is False and record["allow_ungated"] is True and record["why"] == asdict(text)
    assert capsys.readouterr().err == f"NOT GATED, --allow-ungated: {text.en}\n"


LOOPS = {**GOOD, "repetition": Difference(0.1, 0.06, 0.14, 0.001, 120)}
SHORT = {**LOOPS, "ends_by_itself": Difference(-0.1, -0.14, -0.06, 0.001, 120)}


def test_a_failed_gate_is_refused_with_its_reasons(adapter: Path) -> None:
    write_json(beside(adapter), seal(gate_of(adapter, SHORT)))
    with pytest.raises(
        GateError, match=r"failed: repetition worse .*n = 120\); endings worse .*\. Tune anew"
    ) as refused:
        required(adapter)
    assert "重复率变差" in refused.value.text.zh and "；自行结束率变差" in refused.value.text.zh
    record = require_gate(adapter, BASE, allow_ungated=True)
    assert "repetition worse" in record["why"]["en"] and "seal" not in record


@pytest.mark.parametrize("change", [flipped, without(2), lambda gate: gate["reasons"].clear()])
def test_a_failed_gate_sealed_again_by_hand_contradicts_itself(
    adapter: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    write_json(beside(adapter), seal(gate_of(adapter, LOOPS)))
    edited(change, sealed_again=True)(beside(adapter))
    with pytest.raises(GateError, match=r"contradicts itself|incomplete: not what `doctorglm compare` writes"):
        required(adapter)


def test_another_base_and_another_adapter(passed: Path) -> None:
    with pytest.raises(GateError, match=r"of another base \(sha256 bbbbbbbbbbbb\.\.\., here cccccccccccc\.\.\.\)"):
        required(passed, "c" * 64)
    (passed / "adapter_model.safetensors").write_bytes(b"tuned on")
    with pytest.raises(GateError, match="of another adapter"):
        required(passed)


def test_no_folder_is_no_question_of_the_gate(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        require_gate(tmp_path / "none", BASE, allow_ungated=True)


def test_it_is_said_in_chinese(adapter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    language.choose("zh")
    require_gate(adapter, None, allow_ungated=True)
    said = capsys.readouterr().err
    assert said.startswith("未经门槛（--allow-ungated）：") and "该适配器没有经过门槛" in said


def test_who_talks_with_an_adapter_is_told_how_it_stands(adapter: Path) -> None:
    """And of no flag, since a chat has none."""
    assert str(standing(adapter)).startswith(f"NOT GATED, to be tried out and no more: {beside(adapter)}: no such file")
    write_json(beside(adapter), seal(gate_of(adapter, GOOD | {"repetition": BETTER})))
    assert str(standing(adapter)) == "The tuned model passes the gate."
    write_json(beside(adapter), seal(gate_of(adapter, GOOD | {"nll_per_token": SAME})))
    said = standing(adapter)
    assert "the gate failed: NLL per token" in said.en and said.en.endswith("compare again.")
    assert said.zh.startswith("未经门槛，仅供试用：") and said.zh.endswith("请重新微调并再次比较。")
    (adapter / "adapter_model.safetensors").write_bytes(b"others")
    assert "of another adapter" in standing(adapter).en and "--allow-ungated" not in str(asdict(standing(adapter)))
