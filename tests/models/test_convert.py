"""`convert`: every form of every family, value for value and type for type, there and back; whole or not at all."""

import errno
import json
import os
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GlmForCausalLM, Qwen2Config, Qwen2ForCausalLM

from doctorglm import models
from doctorglm.errors import ConfigError, DoctorGLMError, ModelError
from doctorglm.models import ChatGLM2Tokenizer, ChatGLMForConditionalGeneration, convert
from doctorglm.models.chatglm2.names import inverse_frequencies
from doctorglm.models.weights import catalogue, weight_files
from doctorglm.models.writing import Output, write_weights

from .chatglm2.conftest import CONFIG, INV_FREQ, TOKENIZER_CONFIG, random_weights, train_vocabulary, write_official
from .conftest import sample_texts

run = convert.convert
FORMS = ["bin", "bin shards", "safetensors", "safetensors shards"]


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for file in weight_files(folder):
        found |= load_file(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True)
    return found


def as_published(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """16 bits, the norms in 32."""
    return {name: value if "layernorm" in name else value.half() for name, value in weights.items()}


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name].dtype == value.dtype and ours[name].equal(value), name


@pytest.fixture(scope="session")
def second_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return train_vocabulary(sample_texts(), 400, tmp_path_factory.mktemp("second") / "tokenizer.model").read_bytes()


@pytest.fixture
def second(tmp_path: Path, second_vocabulary: bytes) -> Callable[..., Path]:
    """Writes a ChatGLM2 in 16 bits with norms in 32, in the official layout."""

    def make(name: str = "official", form: str = "bin shards", tokenizer: bool = True, **changes: Any) -> Path:
        config = {**CONFIG, "torch_dtype": "float16", **changes}
        folder = write_official(tmp_path / name, as_published(random_weights(config)), config, form)
        if tokenizer:
            (folder / "tokenizer.model").write_bytes(second_vocabulary)
            (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER_CONFIG))
        (folder / "modeling_chatglm.py").write_text("raise SystemExit\n")
        (folder / "MODEL_LICENSE").write_text("made here")
        return folder

    return make


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("changes", [{}, {"multi_query_group_num": 4, "add_qkv_bias": False}, {"rope_ratio": 50}])
def test_there_and_back_is_the_same_to_the_bit(
    second: Callable[..., Path], tmp_path: Path, form: str, changes: dict[str, Any]
) -> None:
    source = second(form=form, **changes)
    there = run(source, tmp_path / "hf", "hf")
    back = run(tmp_path / "hf", tmp_path / "back", "chatglm")
    before, after = tensors_of(source), tensors_of(tmp_path / "back")
    # which nobody reads; it is made anew from its definition
    assert after[INV_FREQ].equal(inverse_frequencies(4).to(after[INV_FREQ].dtype))
    del before[INV_FREQ], after[INV_FREQ]
    same(after, before)
    assert (there["family"], there["to"], back["to"], there["tokenizer"]) == ("chatglm2", "hf", "chatglm", True)
    config = json.loads((tmp_path / "back/config.json").read_text())
    for key in config.keys() & CONFIG.keys() - {"architectures"}:
        assert config[key] == {**CONFIG, "torch_dtype": "float16", **changes}[key], key
    assert config.get("rope_ratio", 1) == changes.get("rope_ratio", 1)
    assert "auto_map" not in config
    ids = torch.tensor([[401, 403, 7, 200, 31]])
    expected = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)(ids).logits
    for name in ("hf", "back"):
        loaded = AutoModelForCausalLM.from_pretrained(tmp_path / name, dtype=torch.float32)
        assert type(loaded) is GlmForCausalLM and loaded(ids).logits.equal(expected)


def test_a_converted_folder_needs_nothing_of_ours(second: Callable[..., Path], tmp_path: Path) -> None:
    """transformers alone, in a process of its own, loads model and tokenizer, nothing missing or left over."""
    source = second()
    run(source, tmp_path / "hf", "hf")
    ids = AutoTokenizer.from_pretrained(source).encode("头疼[gMASK]</s>")
    code = (
        "import sys; from transformers import AutoModelForCausalLM as A;"
        "from transformers import AutoTokenizer as T; ids = T.from_pretrained(sys.argv[1]).encode('头疼[gMASK]</s>');"
        "m, r = A.from_pretrained(sys.argv[1], output_loading_info=True);"
        "print(type(m).__name__, m.dtype, sum(map(len, r.values())), 'doctorglm' in sys.modules);"
        "print(str(ids) == sys.argv[2])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "hf"), str(ids)],
        capture_output=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.decode().split() == ["GlmForCausalLM", "torch.float16", "0", "False", "True"], (
        done.stderr.decode()
    )


@pytest.mark.parametrize(("named", "expected"), [("THUDM/chatglm2-6b", "chatglm2"), ("THUDM/chatglm3-6b", "chatglm3")])
def test_the_tokenizer_goes_along(second: Callable[..., Path], tmp_path: Path, named: str, expected: str) -> None:
    source = second(_name_or_path=named)
    text = "头疼怎么办？\n[gMASK]sop<|user|>"
    ids = AutoTokenizer.from_pretrained(source).encode(text)
    assert run(source, tmp_path / "hf", "hf")["family"] == expected
    assert run(tmp_path / "hf", tmp_path / "back", "chatglm")["family"] == expected
    for tokenizer in (models.load(tmp_path / "hf")[1], AutoTokenizer.from_pretrained(tmp_path / "back")):
        assert type(tokenizer) is ChatGLM2Tokenizer
        assert (tokenizer.encode(text), tokenizer.chat_format) == (ids, expected)


def test_without_a_tokenizer(second: Callable[..., Path], tmp_path: Path) -> None:
    done = run(second(tokenizer=False), tmp_path / "hf", "hf")
    assert done["tokenizer"] is False
    names = {file.name for file in (tmp_path / "hf").iterdir()}
    assert names == {"MODEL_LICENSE", "config.json", "model.safetensors"}


def test_what_is_left_behind(second: Callable[..., Path], tmp_path: Path) -> None:
    """Files that their owner alone reads, no code, no name of code, and no folder but the one asked for."""
    source = second()
    before = sorted(tmp_path.iterdir())
    run(source, tmp_path / "new" / "hf", "hf")
    made = tmp_path / "new" / "hf"
    names = {"MODEL_LICENSE", "config.json", "model.safetensors", "tokenizer.model", "tokenizer_config.json"}
    assert {file.name for file in made.iterdir()} == {*names, "tokenizer.json"}
    run(made, tmp_path / "new" / "back", "chatglm")
    assert {file.name for file in (tmp_path / "new" / "back").iterdir()} == names
    assert {stat.S_IMODE(file.stat().st_mode) for file in made.iterdir()} == {0o600}
    assert "auto_map" not in "".join(file.read_text() for file in made.glob("*.json"))
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "new"])
    assert sorted(file.name for file in made.parent.iterdir()) == ["back", "hf"]
    config = json.loads((made / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("glm", ["GlmForCausalLM"])
    assert str(tmp_path) not in "".join(file.read_text() for file in made.glob("*.json"))


@pytest.mark.parametrize("form", FORMS)
def test_chatglm_6b(folder: Path, tmp_path: Path, form: str) -> None:
    """The same names in safetensors, the written-out head and the unread table among them, for our own class."""
    state = {name: value if "layernorm" in name else value.half() for name, value in tensors_of(folder).items()}
    state["lm_head.weight"] = state["transformer.word_embeddings.weight"].clone()
    state["transformer.layers.0.attention.rotary_emb.inv_freq"] = torch.ones(4, dtype=torch.float16)
    config = json.loads((folder / "config.json").read_text())
    (folder / "model.safetensors").unlink()
    write_official(folder, state, {**config, "kv_channels": 16, "auto_map": {"AutoConfig": "x.Y"}}, form)
    _without(folder, INV_FREQ, config)
    before = tensors_of(folder)
    done = run(folder, tmp_path / "hf", "hf")
    assert (done["family"], done["tokenizer"]) == ("chatglm-6b", True)
    same(tensors_of(tmp_path / "hf"), before)
    ours, tokenizer = models.load(tmp_path / "hf")
    theirs, same_tokenizer = models.load(folder)
    assert type(ours) is ChatGLMForConditionalGeneration
    ids = tokenizer("头疼怎么办", return_tensors="pt")["input_ids"]
    assert ids.equal(same_tokenizer("头疼怎么办", return_tensors="pt")["input_ids"])
    assert ours(ids).logits.equal(theirs(ids).logits)


def _without(folder: Path, name: str, config: dict[str, Any]) -> None:
    """Takes out of every file what `write_official` adds, and its config's key."""
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoConfig": "x.Y"}}))
    for file in weight_files(folder):
        state = load_file(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True)
        state.pop(name, None)
        save_file(state, file) if file.suffix == ".safetensors" else torch.save(state, file)


def test_another_family_from_pickles(tmp_path: Path) -> None:
    """Also tensors that share memory, that are transposed, and of other types."""
    config = Qwen2Config(vocab_size=40, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                         num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True)  # fmt: skip
    model = Qwen2ForCausalLM(config)
    folder = tmp_path / "qwen"
    config.save_pretrained(folder)
    state = dict(model.state_dict())
    state["model.layers.0.self_attn.o_proj.weight"] = state["model.layers.0.self_attn.o_proj.weight"].t()
    torch.save(state, folder / "pytorch_model.bin")
    (folder / "vocab.json").write_text("{}")
    (folder / "merges.txt").write_text("")
    (folder / "tokenizer_config.json").write_text(json.dumps({"a": 1, "auto_map": {"AutoTokenizer": ["x.Y", None]}}))
    done = run(folder, tmp_path / "hf", "hf")
    assert done["family"] == "qwen2" and done["tokenizer"] is True
    same(tensors_of(tmp_path / "hf"), state)
    assert json.loads((tmp_path / "hf/tokenizer_config.json").read_text()) == {"a": 1}
    loaded, report = AutoModelForCausalLM.from_pretrained(tmp_path / "hf", output_loading_info=True)
    assert type(loaded) is Qwen2ForCausalLM and not any(report.values())


def test_shards_and_their_index(second: Callable[..., Path], tmp_path: Path) -> None:
    source = second()
    done = run(source, tmp_path / "hf", "hf", max_shard_bytes=8_000)
    index = json.loads((tmp_path / "hf/model.safetensors.index.json").read_text())
    shards = sorted((tmp_path / "hf").glob("model-*.safetensors"))
    assert len(shards) > 3 and shards[-1].name == f"model-{len(shards):05d}-of-{len(shards):05d}.safetensors"
    assert done["files"] == [*(s.name for s in shards), "model.safetensors.index.json"]
    assert index["metadata"]["total_size"] == done["bytes"]
    for shard in shards:
        held = catalogue([shard])
        assert {name for name, file in index["weight_map"].items() if file == shard.name} == set(held)
        assert len(held) == 1 or sum(one.size for one in held.values()) <= 8_000
    whole = run(source, tmp_path / "whole", "hf")
    assert whole["files"] == ["model.safetensors"]
    same(tensors_of(tmp_path / "hf"), tensors_of(tmp_path / "whole"))
    models.load(tmp_path / "hf")
    run(tmp_path / "hf", tmp_path / "back", "chatglm", max_shard_bytes=9_000)
    assert set(tensors_of(tmp_path / "back")) == set(tensors_of(source))


def test_types_of_every_width_in_one_file(tmp_path: Path) -> None:
    """Each begins at a multiple of its own width, whatever stands before it."""
    kinds = [torch.int8, torch.float64, torch.bool, torch.bfloat16, torch.float32, torch.uint8, torch.int64]
    made = {f"t{i}": torch.arange(2 * i + 1).to(kind) for i, kind in enumerate(kinds)}
    made |= {"scalar": torch.tensor(2.5), "empty": torch.empty(0, 3, dtype=torch.float16)}
    outputs = [Output(n, tuple(t.shape), t.dtype, lambda read, n=n: read(n)) for n, t in made.items()]  # type: ignore[misc]
    told: list[int] = []
    assert write_weights(tmp_path, outputs, made.__getitem__, lambda n, _: told.append(n)) == ["model.safetensors"]
    same(load_file(tmp_path / "model.safetensors"), made)
    content = (tmp_path / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    del header["__metadata__"]
    assert length % 8 == 0
    assert all(entry["data_offsets"][0] % made[name].dtype.itemsize == 0 for name, entry in header.items())
    assert told[-1] == sum(output.size for output in outputs)


_MEASURED = """
import sys
from pathlib import Path
from doctorglm.models.convert import convert
source, target, to, shard = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
import torch
torch.ones(1000, 1000).half().sum()
def status(key):
    line = next(l for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(key))
    return int(line.split()[1]) * 1024
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
convert(source, target, to, max_shard_bytes=shard)
print(status("VmHWM") - before)
"""


@pytest.mark.parametrize("form", ["bin", "safetensors"])
def test_memory_holds_a_shard_and_never_the_model(tmp_path: Path, form: str) -> None:
    """335 MB in 11 shards of 31 MB: there and back each take less than three shards above the process's own."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs Linux's /proc to measure the peak of a process")
    config = {**CONFIG, "hidden_size": 1024, "kv_channels": 128, "num_attention_heads": 8, "num_layers": 11,
              "ffn_hidden_size": 4096, "padded_vocab_size": 64, "torch_dtype": "float16"}  # fmt: skip
    source, layer = tmp_path / "source", {}
    for name, value in random_weights({**config, "num_layers": 1}).items():
        layer[name] = value.half()
    source.mkdir()
    (source / "config.json").write_text(json.dumps(config))
    where: dict[str, str] = {}
    stem = "pytorch_model" if form == "bin" else "model"
    for i in range(config["num_layers"]):
        part = {n.replace(".layers.0.", f".layers.{i}."): t for n, t in layer.items() if i == 0 or ".layers." in n}
        file = f"{stem}-{i + 1:05d}-of-00011.{form}"
        torch.save(part, source / file) if form == "bin" else save_file(part, source / file)
        where |= dict.fromkeys(part, file)
    (source / f"{stem}.{form}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    largest = max(file.stat().st_size for file in source.glob(f"*.{form}"))
    total = sum(file.stat().st_size for file in source.glob(f"*.{form}"))
    assert total > 300_000_000 > 9 * largest
    for name, start, to in (("hf", source, "hf"), ("back", tmp_path / "hf", "chatglm")):
        arguments = [str(start), str(tmp_path / name), to, "40000000"]
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, *arguments],
            capture_output=True,
            timeout=600,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        # 37 to 44 MB were measured, and twice, on a busy machine, 61
        assert int(done.stdout) < 3 * largest, f"{int(done.stdout) / 1e6:.0f} MB"


# -- what is refused, and what a failure leaves


def refused(kind: type[DoctorGLMError], match: str, source: Path, target: Path, to: Any = "hf") -> None:
    with pytest.raises(kind, match=match) as error:
        run(source, target, to)
    assert error.value.text.en != error.value.text.zh and error.value.exit_code == 2
    assert [file.name for file in target.parent.iterdir() if ".tmp" in file.name] == []


def test_a_target_that_is_there(second: Callable[..., Path], tmp_path: Path) -> None:
    source = second()
    before = {file: file.read_bytes() for file in source.iterdir()}
    refused(ConfigError, "SRC and DST are the same folder", source, source)
    (tmp_path / "x").mkdir()
    refused(ConfigError, "SRC and DST are the same folder", source, tmp_path / "x" / ".." / source.name)
    (tmp_path / "there").mkdir()
    refused(ConfigError, "there exists already; nothing is overwritten", source, tmp_path / "there")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    refused(ConfigError, "dangling exists already", source, tmp_path / "dangling")
    assert {file: file.read_bytes() for file in source.iterdir()} == before


def test_sources_that_cannot_be_read(second: Callable[..., Path], tmp_path: Path) -> None:
    new = tmp_path / "hf"
    refused(ModelError, r"absent/config.json: no such file", tmp_path / "absent", new)
    source = second()
    shard = sorted(source.glob("*.bin"))[1]
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    refused(ModelError, rf"{shard.name}: truncated or damaged", source, new)
    shard.unlink()
    refused(ModelError, rf"1 of 2 shards named in .* are missing: {shard.name}", source, new)
    for file in source.glob("*.bin*"):
        file.unlink()
    refused(ModelError, "no weights", source, new)
    (source / "config.json").write_text(json.dumps({"model_type": "oracle-of-delphi"}))
    refused(ModelError, "unknown model_type 'oracle-of-delphi'", source, new)
    assert not new.exists()


def test_sources_that_do_not_fit(second: Callable[..., Path], tmp_path: Path) -> None:
    new, source = tmp_path / "hf", second()
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "num_layers": 3}))
    refused(ModelError, r"the weights do not fit config.json: 7 missing", source, new)
    (source / "config.json").write_text(json.dumps({**config, "rmsnorm": False}))
    refused(ModelError, r"official/config.json: rmsnorm=False has no counterpart", source, new)
    (source / "config.json").write_text(json.dumps({**config, "quantization_bit": 4}))
    refused(ModelError, r"the weights do not fit config.json: 8 missing .*weight_scale", source, new)
    (source / "config.json").write_text(json.dumps(config))
    (source / "tokenizer.model").write_bytes(b"not a vocabulary")
    refused(ModelError, r"tokenizer.model: not a SentencePiece model", source, new)


def test_the_way_back_is_glms_alone(second: Callable[..., Path], tmp_path: Path) -> None:
    refused(ModelError, r"model_type 'chatglm'; only ChatGLM-6B and a folder", second(), tmp_path / "new", "chatglm")
    run(second("other"), tmp_path / "hf", "hf")
    config = json.loads((tmp_path / "hf/config.json").read_text())
    (tmp_path / "hf/config.json").write_text(json.dumps({**config, "hidden_act": "gelu"}))
    refused(ModelError, r"hidden_act=gelu cannot be said", tmp_path / "hf", tmp_path / "new", "chatglm")
    (tmp_path / "hf/config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}))
    refused(ModelError, r"the weights do not fit config.json", tmp_path / "hf", tmp_path / "new", "chatglm")


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_failure_leaves_nothing(
    second: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, after: int
) -> None:
    """When a shard, the index or the configuration does not fit on the disk, or somebody stops it."""
    source, calls, real = second(), [], os.fsync

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > after:
            raise failure
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(type(failure)):
        run(source, tmp_path / "hf", "hf", max_shard_bytes=20_000)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["official"]
    run(source, tmp_path / "hf", "hf")


def test_what_a_killed_run_left_is_removed(second: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / ".hf.tmp").mkdir()
    (tmp_path / ".hf.tmp" / "model.safetensors").write_bytes(b"half")
    run(second(), tmp_path / "hf", "hf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hf", "official"]


def test_every_file_is_synced_before_the_folder_has_its_name(
    second: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, real = set(), os.fsync

    def fsync(descriptor: int) -> None:
        assert not (tmp_path / "hf" / "x").exists()
        synced.add((os.fstat(descriptor).st_ino, (tmp_path / "hf").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    run(second(), tmp_path / "hf", "hf")
    assert {(file.stat().st_ino, False) for file in (tmp_path / "hf").iterdir()} <= synced
    assert (tmp_path.stat().st_ino, True) in synced, "the new name itself"
