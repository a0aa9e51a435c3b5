"""The benchmark at full size, run whole on a tiny model; its figures mean nothing here, its parts must work."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import tables
import torch
from transformers import AutoModelForCausalLM

import full_size
from doctorglm import models


def options(folder: Path) -> tuple[Namespace, Any]:
    sizes = ["--prompt", "24", "--tokens", "4", "--dialogues", "3", "--batch-tokens", "300"]
    made: tuple[Namespace, Any] = full_size.parsed(["--folder", str(folder), "--tiny", *sizes])
    return made


def test_all_of_it_runs(tmp_path: Path) -> None:
    result = full_size.measured(*options(tmp_path / "base"))
    assert json.loads(json.dumps(result)) == result
    assert result["generate"]["weights_in"] == result["lora"]["weights_in"] == "float16"
    assert result["lora"]["packed"] and len(result["lora"]["steps"]) >= 2
    assert result["of_the_limit"].keys() == {"decode", "prompt", "lora"}
    assert all(share > 0 for share in result["of_the_limit"].values())
    assert [tile["tile_bytes"] for tile in result["limits"][0]["tiles"]] == full_size.TILES
    table = tables._full_size(result)
    assert "prompt of 24 tokens" in table and f"{100 * result['of_the_limit']['lora']:.0f} % |" in table


def test_the_folder_is_one_that_users_have(tmp_path: Path, shared: Path) -> None:
    """The official names; a head that is the embedding; shards; the same weights by transformers and by us."""
    folder = tmp_path / "base"
    _, sizes = options(folder)
    full_size.write_base(folder, sizes, published=False)
    index = json.loads((folder / "model.safetensors.index.json").read_text("utf-8"))["weight_map"]
    official = json.loads((shared / "reference/chatglm-6b.index.json").read_text("utf-8"))["weight_map"]
    named = {name for name in official if ".layers." not in name or ".layers.0." in name or ".layers.1." in name}
    assert set(index) == {name for name in named if not name.endswith("inv_freq")}
    assert len(set(index.values())) > 2
    ours, theirs = models.load(folder)[0].state_dict(), AutoModelForCausalLM.from_pretrained(folder).state_dict()
    assert all(torch.equal(ours[name].half(), theirs[name].half()) for name in theirs)
    assert 0.01 < float(ours["transformer.layers.1.mlp.dense_h_to_4h.weight"].std()) < 0.03


def test_a_complete_folder_is_used_again_and_another_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    _, sizes = options(folder)
    full_size.write_base(folder, sizes, published=False)
    written = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    full_size.write_base(folder, sizes, published=False)
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == written
    (folder / "random_base.json").unlink()  # as after a run that was stopped
    full_size.write_base(folder, sizes, published=False)
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} != written


def test_a_disk_that_is_too_small_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: Namespace(free=10**9))
    with pytest.raises(SystemExit, match="Not enough disk"):
        full_size.write_base(tmp_path / "base", full_size.TINY, published=False)
    assert "GB to write, 1.0 GB of disk are free" in capsys.readouterr().err
    assert not list((tmp_path / "base").iterdir())
