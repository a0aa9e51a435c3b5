"""What a sweep recommends, where `chat` and `serve` find it: of this adapter only, and what was given wins."""

import json
from pathlib import Path
from typing import Any

import pytest

from doctorglm import language
from doctorglm.engine import Sampling
from doctorglm.errors import ConfigError, DataError
from doctorglm.evaluate.sweep.sampling_file import beside, named, recommended, sampling_for, settings_of, write_sampling
from doctorglm.language import Text
from doctorglm.runs import sha256_tree

SWEPT = Sampling(temperature=0.7, top_p=0.9, top_k=40, repetition_penalty=1.1, max_new_tokens=192)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "tuned" / "adapter"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    return folder


def write(adapter: Path, sampling_of: str | None = None) -> Path:
    path = beside(adapter)
    of = sampling_of or sha256_tree(adapter)
    write_sampling(path, SWEPT, sampling_of=of, reason=Text(en="best", zh="最好"), rule={"min_items": 30})
    return path


def test_it_stands_beside_the_adapter_and_changes_no_hash(adapter: Path) -> None:
    before = sha256_tree(adapter)
    path = write(adapter)
    assert path == adapter.parent / "sampling.json"
    assert sha256_tree(adapter) == before
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 40,
        "repetition_penalty": 1.1,
        "sampling_of": before,
        "reason": {"en": "best", "zh": "最好"},
        "rule": {"min_items": 30},
    }


def test_it_is_read_back_without_the_sweeps_own_length(adapter: Path) -> None:
    write(adapter)
    assert recommended(adapter) == Sampling(temperature=0.7, top_p=0.9, top_k=40, repetition_penalty=1.1)
    assert recommended(adapter, sha256_tree(adapter)) == recommended(adapter)


def test_none_without_adapter_or_file(adapter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recommended(None) is None
    assert recommended(adapter) is None
    assert recommended(adapter / "nowhere") is None
    assert capsys.readouterr().err == ""


def test_that_of_another_adapter_is_refused_with_a_note(adapter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(adapter)
    (adapter / "adapter_config.json").write_text("{ }", encoding="utf-8")
    assert recommended(adapter) is None
    assert f"{path} is of another adapter" in capsys.readouterr().err
    assert sampling_for(adapter, {}, "chat") == Sampling()
    capsys.readouterr()
    language.choose("zh")
    assert recommended(adapter) is None
    assert "属于另一个适配器" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"temperature": 0.7, "sampling_of": "a"}'])
def test_a_damaged_file_is_refused_by_name(adapter: Path, content: str) -> None:
    beside(adapter).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"sampling\.json: not"):
        recommended(adapter)


def test_a_value_that_no_sampler_could_follow_is_refused(adapter: Path) -> None:
    path = write(adapter)
    kept = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**kept, "top_p": 7}), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"sampling\.json: top_p=7"):
        recommended(adapter)


def test_what_was_given_wins_and_the_rest_is_said_once(adapter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(adapter)
    assert sampling_for(adapter, {}, "chat") == recommended(adapter)
    assert capsys.readouterr().err == (
        f"sampling as the sweep recommends ({path}): temperature=0.7 top_p=0.9 top_k=40 repetition_penalty=1.1. "
        "KEY=VALUE changes it.\n"
    )
    assert sampling_for(adapter, {"temperature": 0, "max_new_tokens": 8}, "chat") == Sampling(
        temperature=0, max_new_tokens=8, top_p=0.9, top_k=40, repetition_penalty=1.1
    )
    said = capsys.readouterr().err
    assert "top_p=0.9" in said and "temperature" not in said
    given: dict[str, Any] = {**settings_of(Sampling()), "seed": 3}
    assert sampling_for(adapter, given, "chat") == Sampling(seed=3)
    assert capsys.readouterr().err == ""


def test_a_wrong_setting_is_refused_before_anything_is_said(adapter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(adapter)
    with pytest.raises(ConfigError, match="chat: unknown setting `temp`"):
        sampling_for(adapter, {"temp": 1}, "chat")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("sampling", "en", "zh"),
    [
        (Sampling(), "greedy", "贪心解码"),
        (Sampling(top_p=0.5, top_k=3), "greedy", "贪心解码"),
        (Sampling(repetition_penalty=1.1), "greedy, repetition penalty 1.1", "贪心解码、重复惩罚 1.1"),
        (Sampling(temperature=0.95), "temperature 0.95", "温度 0.95"),
        (
            SWEPT,
            "temperature 0.7, top-p 0.9, top-k 40, repetition penalty 1.1",
            "温度 0.7、top-p 0.9、top-k 40、重复惩罚 1.1",
        ),
    ],
)
def test_names(sampling: Sampling, en: str, zh: str) -> None:
    assert named(sampling) == Text(en=en, zh=zh)
