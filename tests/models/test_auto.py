"""The Auto classes know ChatGLM-6B, and never run a file that a folder brings along."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from doctorglm import models
from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration, ChatGLMTokenizer

AUTO_MAP = {
    "AutoConfig": "configuration_chatglm.ChatGLMConfig",
    "AutoModel": "modeling_chatglm.ChatGLMForConditionalGeneration",
    "AutoModelForCausalLM": "modeling_chatglm.ChatGLMForConditionalGeneration",
    "AutoModelForSeq2SeqLM": "modeling_chatglm.ChatGLMForConditionalGeneration",
}


@pytest.fixture
def trap(folder: Path) -> Path:
    """A folder whose auto_map names modules that leave a mark on the disk when they are imported."""
    for name in ("configuration_chatglm", "modeling_chatglm", "tokenization_chatglm"):
        mark = folder / f"{name}.mark"
        (folder / f"{name}.py").write_text(
            f"open({str(mark)!r}, 'w').close()\n"
            "class ChatGLMConfig: pass\nclass ChatGLMForConditionalGeneration: pass\nclass ChatGLMTokenizer: pass\n"
        )
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": AUTO_MAP}))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    auto = {"auto_map": {"AutoTokenizer": ["tokenization_chatglm.ChatGLMTokenizer", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps({**tokenizer, **auto}))
    return folder


def marks(folder: Path) -> list[str]:
    return [file.name for file in folder.rglob("*.mark")]


def test_the_trap_works(trap: Path) -> None:
    exec((trap / "modeling_chatglm.py").read_text())
    assert marks(trap) == ["modeling_chatglm.mark"]


@pytest.mark.parametrize("trust", [None, False, True])
def test_code_in_the_folder_is_never_run(trap: Path, trust: bool | None) -> None:
    asked = {} if trust is None else {"trust_remote_code": trust}
    assert type(AutoConfig.from_pretrained(trap, **asked)) is ChatGLMConfig
    assert type(AutoTokenizer.from_pretrained(trap, **asked)) is ChatGLMTokenizer
    for auto in (AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM):
        model = auto.from_pretrained(trap, **asked)
        assert type(model) is ChatGLMForConditionalGeneration
        model.generate(torch.tensor([[5, model.config.gmask_token_id, model.config.bos_token_id]]), max_new_tokens=2)
    assert marks(trap) == []


@pytest.mark.parametrize("missing", ["tokenizer_config.json", "tokenizer_class"])
def test_a_folder_that_does_not_name_its_tokenizer(folder: Path, missing: str) -> None:
    file = folder / "tokenizer_config.json"
    if missing == file.name:
        file.unlink()
    else:
        values = json.loads(file.read_text())
        del values["tokenizer_class"]
        file.write_text(json.dumps(values))
    assert type(AutoTokenizer.from_pretrained(folder)) is ChatGLMTokenizer


def test_load_does_not_run_it_either(trap: Path) -> None:
    model, tokenizer = models.load(trap)
    assert type(model) is ChatGLMForConditionalGeneration
    assert type(tokenizer) is ChatGLMTokenizer
    assert marks(trap) == []


def test_saved_again_without_the_names_of_those_files(trap: Path, tmp_path: Path) -> None:
    model, tokenizer = models.load(trap)
    model.save_pretrained(tmp_path / "again")
    tokenizer.save_pretrained(tmp_path / "again")
    for file in (tmp_path / "again").glob("*.json"):
        assert "auto_map" not in file.read_text(), file.name


def test_from_config(new_folder: Callable[..., Path]) -> None:
    config = AutoConfig.from_pretrained(new_folder(num_layers=1))
    model: Any = AutoModelForCausalLM.from_config(config)
    assert len(model.transformer.layers) == 1
