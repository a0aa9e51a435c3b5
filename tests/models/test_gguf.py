"""GGUF files: the same answers as the weights they were made from, and every way in which one can be wrong."""

import shutil
import struct
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from doctorglm import models
from doctorglm.conversation import Message
from doctorglm.engine import Sampling
from doctorglm.errors import ModelError
from doctorglm.models import gguf_file
from doctorglm.models.adapters import base_fingerprint, save_adapter
from doctorglm.models.gguf_file import read_header
from doctorglm.models.loading import base_folder
from doctorglm.models.local_engine import LocalEngine
from doctorglm.models.weights import weight_files
from doctorglm.tune.adapt import adapt
from doctorglm.tune.settings import TuneSettings

from .ggufs import CHATML, model, tokenizer, write_gguf

TEXTS = ["头疼怎么办？", "Rest, and drink 2 glasses of water.", "咳嗽三天，38.5度 🤧", "<|im_end|>x"]


@pytest.fixture(scope="module")
def tokens(texts: list[str]) -> Any:
    return tokenizer(texts)


@pytest.fixture(scope="module")
def whole(tokens: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", model("qwen2", tokens), tokens)


@pytest.fixture
def file(whole: Path, tmp_path: Path) -> Path:
    return shutil.copy(whole, tmp_path / "tiny.gguf")


def logits(made: Any, tokens: Any) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([made(torch.tensor([tokens.encode(text)])).logits[0] for text in TEXTS])


@pytest.mark.parametrize("family", ["qwen2", "llama"])
@pytest.mark.parametrize("tied", [False, True])
def test_the_same_as_from_safetensors(family: str, tied: bool, tokens: Any, tmp_path: Path) -> None:
    made = model(family, tokens, tied)
    made.save_pretrained(tmp_path / "hf")
    tokens.save_pretrained(tmp_path / "hf")
    write_gguf(tmp_path / "tiny.gguf", made, tokens)
    theirs, their_tokens = models.load(tmp_path / "hf")
    ours, our_tokens = models.load(tmp_path / "tiny.gguf")
    assert type(ours) is type(theirs) and not ours.training
    assert [our_tokens.encode(text) for text in TEXTS] == [their_tokens.encode(text) for text in TEXTS]
    expected = logits(theirs, their_tokens)
    assert expected.std() > 1
    torch.testing.assert_close(logits(ours, our_tokens), expected, rtol=1e-5, atol=1e-5)


def test_packed_weights_are_unpacked(tokens: Any, tmp_path: Path) -> None:
    """Q8_0 by its definition: 32 values share a scale, in 16 bits, of 1/127 of the largest."""
    made = model("qwen2", tokens)
    file = write_gguf(tmp_path / "q8.gguf", made, tokens, packed=gguf.GGMLQuantizationType.Q8_0)
    assert file.stat().st_size < 4 * made.num_parameters() / 2
    ours, _ = models.load(file)
    assert {p.dtype for p in ours.parameters()} == {torch.float32}
    for name, value in made.state_dict().items():
        got = ours.state_dict()[name]
        if value.ndim == 1:
            assert torch.equal(got, value), name
            continue
        blocks = value.reshape(-1, 32).double()
        scale = blocks.abs().amax(1, keepdim=True) / 127
        stored = scale.half().double()
        steps = got.reshape(-1, 32).double() / stored
        assert (steps - steps.round()).abs().max() < 1e-4, name
        # half a step, and what ties and single precision add to it
        assert (steps.round() - blocks / scale).abs().max() < 0.501, name


def test_it_answers_with_its_own_template(file: Path, tokens: Any) -> None:
    ours, our_tokens = models.load(file)
    assert our_tokens.chat_template == CHATML and our_tokens.eos_token == "<|im_end|>"
    engine = LocalEngine(ours, our_tokens, "tiny")
    answer = engine.batch([[Message("user", "头疼怎么办？")]], Sampling(max_new_tokens=12))[0]
    reference = LocalEngine(model("qwen2", tokens), tokens, "reference")
    assert answer.text == reference.batch([[Message("user", "头疼怎么办？")]], Sampling(max_new_tokens=12))[0].text
    assert answer.tokens > 0


def test_no_token_is_added(texts: list[str], tmp_path: Path) -> None:
    """At an id that the model has no row for; text that looks like it stays text."""
    own = tokenizer(texts, ("<|im_start|>", "<|im_end|>"))
    file = write_gguf(tmp_path / "tiny.gguf", model("qwen2", own), own)
    ours, our_tokens = models.load(file)
    assert our_tokens.get_vocab() == own.get_vocab()
    assert our_tokens.encode("<|endoftext|>好") == own.encode("<|endoftext|>好")
    assert (our_tokens.eos_token, our_tokens.chat_template) == ("<|im_end|>", CHATML)
    assert max(our_tokens.encode("<|endoftext|>")) < ours.get_input_embeddings().num_embeddings


def test_a_type_that_was_asked_for(file: Path) -> None:
    assert {p.dtype for p in models.load(file, dtype=torch.bfloat16)[0].parameters()} == {torch.bfloat16}


def test_a_folder_that_holds_one(file: Path, tokens: Any, capfd: pytest.CaptureFixture[str]) -> None:
    folder = file.parent
    # what lies beside it is of another model
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "BertTokenizer", "auto_map": {"AutoTokenizer": ["a.B", null]}}'
    )
    (folder / "generation_config.json").write_text('{"temperature": 9}')
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "nowhere", "peft_type": "LORA"}')
    ours, our_tokens = models.load(folder)
    assert ours.config.model_type == "qwen2" and len(our_tokens) == len(tokens)
    assert ours.config._name_or_path == ours.name_or_path == our_tokens.name_or_path == ""
    assert capfd.readouterr().err == ""
    assert weight_files(folder) == weight_files(file) == [file]
    assert base_folder(str(file)) == file
    shutil.copy(file, folder / "again.GGUF")
    with pytest.raises(ModelError, match=r"2 GGUF files \(again.GGUF, tiny.gguf\). Give the path of one"):
        models.load(folder)


def test_weights_of_the_usual_kind_come_first(file: Path, tokens: Any) -> None:
    made = model("llama", tokens)
    made.save_pretrained(file.parent)
    tokens.save_pretrained(file.parent)
    assert models.load(file.parent)[0].config.model_type == "llama"


def test_its_fingerprint_is_of_its_content(file: Path, tokens: Any, tmp_path: Path) -> None:
    first = base_fingerprint(file)
    assert base_fingerprint(file.parent) == first
    (file.parent / "tokenizer.json").write_text("{}")
    moved = file.rename(tmp_path / "renamed.gguf")
    assert base_fingerprint(moved) == first
    with moved.open("r+b") as written:
        written.seek(-4, 2)
        written.write(b"\0\0\0\1")
    assert base_fingerprint(moved) != first


def test_an_adapter_for_it(file: Path, tokens: Any, tmp_path: Path) -> None:
    base, _ = models.load(file)
    before = logits(base, tokens)
    adapted = adapt(base, TuneSettings(lora_rank=2))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    save_adapter(adapted, tmp_path / "adapter", base_fingerprint(file))
    expected = logits(adapted, tokens)
    assert not torch.allclose(expected, before, atol=1e-2)
    again, _ = models.load(file, adapter=tmp_path / "adapter")
    torch.testing.assert_close(logits(again, tokens), expected)
    other = write_gguf(tmp_path / "other.gguf", model("llama", tokens), tokens)
    with pytest.raises(ModelError, match="made for another base"):
        models.load(other, adapter=tmp_path / "adapter")


def test_saved_it_is_a_model_like_any_other(file: Path, tokens: Any, tmp_path: Path) -> None:
    from doctorglm.models.saving import save_model

    ours, our_tokens = models.load(file, frozen=False)
    save_model(ours, our_tokens, tmp_path / "saved")
    again, same_tokens = models.load(tmp_path / "saved")
    assert not hasattr(again.config, "quantization_config")
    torch.testing.assert_close(logits(again, same_tokens), logits(ours, our_tokens))


def test_the_header_tells_where_the_file_ends(file: Path) -> None:
    """By gguf's own reader."""
    header = read_header(file)
    theirs = gguf.GGUFReader(file)
    assert header.architecture == "qwen2" and header.parts == 1
    assert header.end == max(int(t.data_offset) + int(t.n_bytes) for t in theirs.tensors)
    assert header.end <= file.stat().st_size


@pytest.mark.parametrize("kept", [0.999, 0.9, 0.5, 0.2, 0.05, 0.001])
def test_a_truncated_file(file: Path, kept: float) -> None:
    data = file.read_bytes()[: read_header(file).end]
    file.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ModelError, match=r"tiny.gguf: truncated or damaged"):
        models.load(file)


@pytest.mark.parametrize(
    "content", [b"", b"<html>not found</html>", b"version https://git-lfs.github.com/spec/v1\n", b"FUGG" * 99]
)
def test_a_file_that_is_none(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"tiny.gguf: not a GGUF file"):
        models.load(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent.gguf: no such file"):
        models.load(tmp_path / "absent.gguf")


@pytest.mark.parametrize("version", [1, 4, 3 << 24])
def test_another_version(file: Path, version: int) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:4] + struct.pack("<I", version) + data[8:])
    with pytest.raises(ModelError, match=f"GGUF version {version}; 2 and 3, little-endian, can be read"):
        models.load(file)


def test_an_architecture_that_transformers_does_not_know(tokens: Any, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "new.gguf", model("qwen2", tokens), tokens, architecture="qwen99")
    with pytest.raises(ModelError, match=r"architecture qwen99, which cannot be loaded here \(.*not supported"):
        models.load(file)


@pytest.mark.parametrize("name", ["blk.1.ffn_up.weight", "output_norm.weight", "token_embd.weight"])
def test_a_tensor_that_is_missing(name: str, tokens: Any, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", model("qwen2", tokens), tokens, without=(name,))
    with pytest.raises(ModelError, match=r"tiny.gguf: \d+ tensors of a qwen2 are missing"):
        models.load(file)


def test_one_part_of_a_model(tokens: Any, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "m-00001-of-00003.gguf", model("qwen2", tokens), tokens, parts=3)
    with pytest.raises(ModelError, match="one of 3 parts of a model"):
        models.load(file)


def test_a_type_that_nobody_knows(file: Path) -> None:
    data = file.read_bytes()
    name = b"blk.0.ffn_up.weight"
    place = data.index(struct.pack("<Q", len(name)) + name) + 8 + len(name) + 4 + 2 * 8
    file.write_bytes(data[:place] + struct.pack("<I", 999) + data[place + 4 :])
    with pytest.raises(ModelError, match=r"blk.0.ffn_up.weight is packed as type 999"):
        models.load(file)


def test_without_the_package(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_file, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'doctorglm\[gguf\]'"):
        models.load(file)


def test_without_a_template(tokens: Any, tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "base.gguf", model("qwen2", tokens), tokens, template=False)
    with pytest.raises(ModelError, match="no chat template"):
        LocalEngine(*models.load(file), name="base")


def test_it_is_not_converted(file: Path) -> None:
    from doctorglm.models.weights import catalogue

    with pytest.raises(ModelError, match="a GGUF answers and is tuned, but is not converted"):
        catalogue([file])


def test_random_damage_to_the_header(file: Path) -> None:
    """Bytes turned around: a ModelError, or a header that still can be one."""
    data = file.read_bytes()
    draw = np.random.default_rng(5)
    failed = 0
    for _ in range(300):
        damaged = bytearray(data)
        for place in draw.integers(4, 9000, 3):
            damaged[place] ^= int(draw.integers(1, 256))
        file.write_bytes(damaged)
        try:
            assert read_header(file).end <= len(damaged)
        except ModelError:
            failed += 1
    assert failed > 30
