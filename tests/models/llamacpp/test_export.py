"""An exported model in llama.cpp itself: the same ids, the same probabilities, the same end as in transformers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Regex
from tokenizers.models import Unigram
from tokenizers.normalizers import NFKC
from tokenizers.pre_tokenizers import ByteLevel, Split

from doctorglm import models
from doctorglm.conversation import Message
from doctorglm.engine import Sampling
from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.llamacpp import export
from doctorglm.models.llamacpp.export import to_gguf
from doctorglm.models.llamacpp.vocabulary import add_vocabulary
from doctorglm.models.local_engine import LocalEngine
from doctorglm.render import renderer_for

from .bases import NATIVE, OFFICIAL, QUESTIONS, TEXTS, byte_level, write
from .serving import furthest, llama_cpp

CONVERSATIONS = [
    [Message("user", QUESTIONS[0])],
    [Message("user", QUESTIONS[0]), Message("assistant", "多休息。"), Message("user", QUESTIONS[1])],
    [Message("system", "你是医生"), Message("user", QUESTIONS[1])],
]


def plain(messages: list[Message]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]


@pytest.mark.parametrize("family", [*NATIVE, *OFFICIAL])
def test_the_same_as_in_transformers(family: str, tmp_path: Path) -> None:
    base = write(tmp_path / "base", family)
    done = to_gguf(base, tmp_path / "out", "f32")
    assert done["exact"] == done["tensors"] and done["error"] == {"relative": 0.0, "largest": 0.0}
    model, tokenizer = models.load(base)
    renderer = renderer_for(tokenizer)
    with llama_cpp(tmp_path / "out/model.gguf") as served:
        for messages in CONVERSATIONS:
            text = served.prompt(plain(messages))
            ids = renderer.prompt(messages, 250).input_ids
            assert served.ids(text) == ids, text
            theirs = served.logprobs(ids, model.config.vocab_size)
            assert furthest(model, ids, theirs) < 2e-4
            assert max(theirs.values()) - min(theirs.values()) > 3, "the answer is decided"
        for text in TEXTS:
            expected = tokenizer.encode(text, add_special_tokens=False)
            if family in OFFICIAL and "[MASK]" in text:
                continue  # which llama.cpp reads as the special token
            assert served.ids(text) == expected, text


@pytest.mark.parametrize("family", ["qwen2", "glm", "chatglm3"])
def test_every_end_token_ends_an_answer(family: str, tmp_path: Path) -> None:
    """C074, ollama/ollama#8363: a model that never stops; each end is forced here, and llama.cpp must know it."""
    base = write(tmp_path / "base", family)
    done = to_gguf(base, tmp_path / "out", "f32")
    _, tokenizer = models.load(base)
    ends = renderer_for(tokenizer).end_token_ids
    written = (tmp_path / "out/Modelfile").read_text("utf-8")
    assert len(done["stops"]) == len(ends) and all(f'PARAMETER stop "{stop}"' in written for stop in done["stops"])
    with llama_cpp(tmp_path / "out/model.gguf") as served:
        for end in ends:
            assert served.forced(end) == "eos"
        assert served.forced(served.ids("a")[-1]) == "limit"


@pytest.mark.parametrize("family", ["qwen2", "chatglm3"])
def test_padding_side_and_reload(family: str, tmp_path: Path) -> None:
    """C077, hiyouga/LLaMA-Factory#1309: a folder of ours is exported, reloaded and asked in a batch all the same."""
    base = write(tmp_path / "base", family)
    model, tokenizer = models.load(base)
    model.save_pretrained(tmp_path / "again")
    tokenizer.padding_side = "right"
    tokenizer.save_pretrained(tmp_path / "again")
    engine = LocalEngine(*models.load(tmp_path / "again"), name="again")
    asked = [[Message("user", question)] for question in QUESTIONS]
    together = engine.batch(asked, Sampling(max_new_tokens=6))
    assert [a.text for a in together] == [engine.batch([one], Sampling(max_new_tokens=6))[0].text for one in asked]


def reader(file: Path) -> dict[str, Any]:
    return {one.name: one for one in gguf.GGUFReader(file).tensors}


@pytest.mark.parametrize("kind", ["f16", "bf16", "q8_0", "q4_0"])
def test_types_and_what_they_lose(kind: str, tmp_path: Path) -> None:
    """By the definitions of the formats: nearest half or truncated single, or blocks of 32 with one scale."""
    base = write(tmp_path / "base", "qwen2")
    done = to_gguf(base, tmp_path / "out", kind)
    stored = load_file(base / "model.safetensors")
    found = reader(tmp_path / "out/model.gguf")
    weight = stored["model.layers.0.mlp.down_proj.weight"].double().numpy()
    one = found["blk.0.ffn_down.weight"]
    assert one.tensor_type.name == kind.upper()
    got = gguf.quants.dequantize(one.data, one.tensor_type).astype(np.float64).reshape(weight.shape)
    apart = np.abs(got - weight)
    if kind in ("f16", "bf16"):
        expected = stored["model.layers.0.mlp.down_proj.weight"].to(
            getattr(torch, {"f16": "float16"}.get(kind, "bfloat16"))
        )
        assert np.array_equal(got, expected.double().numpy())
    else:
        blocks = np.abs(weight.reshape(-1, 32)).max(1, keepdims=True)
        # half of 1/127, and 1/8 (one end of 4 bits has a step less), with what the scale's own 16 bits add
        assert (apart.reshape(-1, 32) <= blocks * (0.57 / 127 if kind == "q8_0" else 1.01 / 8)).all()
        assert apart.max() > 0
    norms = [tensor for tensor in found.values() if tensor.name.endswith("norm.weight")]
    assert norms and {tensor.tensor_type.name for tensor in norms} == {"F32"}
    square = part = 0.0
    for name, tensor in found.items():
        original = one_of(stored, name).double().numpy()
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float64).reshape(original.shape)
        square, part = square + (original**2).sum(), part + ((values - original) ** 2).sum()
    assert done["error"]["relative"] == pytest.approx((part / square) ** 0.5, rel=1e-4)
    assert 0 < done["exact"] < done["tensors"] and done["type"] == kind
    with llama_cpp(tmp_path / "out/model.gguf") as served:
        ids = served.ids(QUESTIONS[0])
        model, _ = models.load(base)
        limit = {"f16": 0.05, "bf16": 0.4, "q8_0": 0.4, "q4_0": 8}[kind]
        assert 1e-4 < furthest(model, ids, served.logprobs(ids, model.config.vocab_size)) < limit


def one_of(stored: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    names = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
             "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
             "ffn_norm": "post_attention_layernorm"}  # fmt: skip
    outer = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    parts = name.split(".")
    if parts[0] != "blk":
        return stored[f"{outer[parts[0]]}.{parts[1]}"]
    return stored[f"model.layers.{parts[1]}.{names[parts[2]]}.{parts[3]}"]


def test_rows_that_no_block_divides_stay_in_16_bits(tmp_path: Path) -> None:
    base = write(tmp_path / "base", "qwen2", intermediate_size=100)
    to_gguf(base, tmp_path / "out", "q8_0")
    kinds = {name: one.tensor_type.name for name, one in reader(tmp_path / "out/model.gguf").items()}
    assert kinds["blk.0.ffn_down.weight"] == "F16" and kinds["blk.0.ffn_up.weight"] == "Q8_0"
    with llama_cpp(tmp_path / "out/model.gguf") as served:
        assert served.ids("a")


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("llama", {"rope_parameters": {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0,
                                       "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                       "original_max_position_embeddings": 64}}),
        ("llama", {"attention_bias": True, "tie_word_embeddings": True}),
        ("qwen2", {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}}),
        ("qwen3", {"head_dim": 32, "tie_word_embeddings": True}),
        ("glm", {"attention_bias": False}),
        ("chatglm3", {"rope_ratio": 50, "add_qkv_bias": False}),
    ],
)  # fmt: skip
def test_settings_that_llama_cpp_has_a_part_for(family: str, changes: dict[str, Any], tmp_path: Path) -> None:
    base = write(tmp_path / "base", family, **changes)
    to_gguf(base, tmp_path / "out", "f32")
    model, _ = models.load(base)
    with llama_cpp(tmp_path / "out/model.gguf") as served:
        ids = served.ids("".join(TEXTS[:3]))
        assert furthest(model, ids, served.logprobs(ids, model.config.vocab_size)) < 5e-4


def test_tokens_that_were_added(tmp_path: Path) -> None:
    """C070, huggingface/peft#1457: a token and its row of the embedding go together, or it is said what is missing."""
    base = write(tmp_path / "base", "qwen2")
    model, tokenizer = models.load(base)
    tokenizer.add_tokens(["<病人>", "<医生>"] + [f"<检查{i}>" for i in range(6)], special_tokens=True)
    tokenizer.save_pretrained(base)
    with pytest.raises(ModelError, match=r"the tokenizer has 338 tokens, the embedding 336 rows"):
        to_gguf(base, tmp_path / "out", "f32")
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(base)
    to_gguf(base, tmp_path / "out", "f32")
    with llama_cpp(tmp_path / "out/model.gguf") as served:
        text = "<病人>头疼<医生>多休息"
        assert served.ids(text) == tokenizer.encode(text, add_special_tokens=False)
        assert served.ids(text)[0] == tokenizer.convert_tokens_to_ids("<病人>") >= 330


def test_what_is_left(tmp_path: Path) -> None:
    base = write(tmp_path / "base", "qwen2")
    (base / "LICENSE").write_text("Theirs, 2023")
    (base / "README.md").write_text("the base's card")
    done = to_gguf(base, tmp_path / "out")
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"model.gguf", "Modelfile", "LICENSE", "run.json"}
    assert {oct(f.stat().st_mode & 0o777) for f in (tmp_path / "out").iterdir()} == {"0o600"}
    assert "Theirs, 2023" in (tmp_path / "out/Modelfile").read_text("utf-8")
    assert done["type"] == "f16" and done["bytes"] == (tmp_path / "out/model.gguf").stat().st_size
    record = json.loads((tmp_path / "out/run.json").read_text("utf-8"))
    assert record["settings"] == {"to": "gguf", "type": "f16", "source": str(base)} and record["error"] == done["error"]
    # our own reader, which tunes and answers from it
    ours, _ = models.load(tmp_path / "out/model.gguf")
    theirs, _ = models.load(base)
    assert torch.equal(ours.lm_head.weight, theirs.lm_head.weight.half().float())


def change(base: Path, **values: Any) -> None:
    file = base / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def no_tokenizer(base: Path) -> None:
    for file in [*base.glob("tokenizer*"), *base.glob("*.jinja")]:
        file.unlink()


def no_template(base: Path) -> None:
    (base / "chat_template.jinja").unlink()


def too_large(base: Path) -> None:
    file = base / "model.safetensors"
    tensors = load_file(file)
    tensors["lm_head.weight"][0, 0] = 1e6
    save_file(tensors, file, metadata={"format": "pt"})


def unknown_tensor(base: Path) -> None:
    file = base / "model.safetensors"
    save_file({**load_file(file), "model.layers.0.mlp.gate.extra": torch.ones(2)}, file, metadata={"format": "pt"})


REFUSED: list[tuple[Callable[[Path], None], str]] = [
    (
        lambda base: change(base, use_sliding_window=True, sliding_window=8),
        "use_sliding_window=True has no counterpart",
    ),
    (lambda base: change(base, hidden_act="gelu"), "hidden_act=gelu has no counterpart"),
    (lambda base: change(base, rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}), "dynamic"),
    (lambda base: change(base, model_type="phi3"), r"model_type 'phi3'. --to gguf takes ChatGLM2, ChatGLM3, GLM-4"),
    (no_tokenizer, "no usable tokenizer"),
    (no_template, "no chat template"),
    (too_large, r"output.weight has values up to 1e\+06, for which F16 has no room. Use --type bf16"),
    (unknown_tensor, "llama.cpp's qwen2 has no such tensor"),
]


@pytest.mark.parametrize(("broken", "message"), REFUSED)
def test_what_is_refused(broken: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    base = write(tmp_path / "base", "qwen2")
    broken(base)
    with pytest.raises(ModelError, match=message):
        to_gguf(base, tmp_path / "out")
    assert [f.name for f in tmp_path.iterdir()] == ["base"]


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("pre_tokenizer", Split(Regex(r"\d|[a-z]+"), "isolated"), "the pre-tokenizer .* is not one that this export"),
        ("pre_tokenizer", ByteLevel(add_prefix_space=True), "the pre-tokenizer"),
        ("normalizer", NFKC(), "the normalizer NFKC is not one"),
        ("model", Unigram([("a", 0.0)]), "a vocabulary of the kind Unigram"),
    ],
)
def test_text_that_llama_cpp_would_cut_otherwise(part: str, value: Any, message: str, tmp_path: Path) -> None:
    tokens = byte_level("qwen2")
    setattr(tokens.backend_tokenizer, part, value)
    with pytest.raises(ModelError, match=message):
        add_vocabulary(gguf.GGUFWriter(None, "qwen2"), tmp_path, tokens, 500, (2,))


def test_chatglm_6b_has_no_architecture(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"llama.cpp has no architecture for ChatGLM-6B"):
        to_gguf(folder, tmp_path / "out")


def test_wrong_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = write(tmp_path / "base", "qwen2")
    with pytest.raises(ConfigError, match="--type q9: it must be f32, f16, bf16, q8_0 or q4_0"):
        to_gguf(base, tmp_path / "out", "q9")
    (tmp_path / "there").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        to_gguf(base, tmp_path / "there")
    with monkeypatch.context() as less:
        less.setattr("shutil.disk_usage", lambda _: type("Disk", (), {"free": 100_000})())
        with pytest.raises(ConfigError, match=r"MB are needed, and 0.1 MB are free"):
            to_gguf(base, tmp_path / "out")
    monkeypatch.setattr(export, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'doctorglm\[gguf\]'"):
        to_gguf(base, tmp_path / "out")
    assert not (tmp_path / "out").exists()
