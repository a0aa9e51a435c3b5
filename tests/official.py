"""A tiny ChatGLM-6B in the folder that was published: names, shards, types, keys and the files of remote code.

Provenance: the published index of weights and config.json, as `../shared/reference` has them. Nothing of the project's
own writing of weights is used.
"""

import json
from pathlib import Path
from typing import Any

import torch

from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration, ChatGLMTokenizer

_SPECIAL = ("bos", "eos", "mask", "gmask", "pad")
_CODE = {
    "AutoConfig": "configuration_chatglm.ChatGLMConfig",
    "AutoModel": "modeling_chatglm.ChatGLMForConditionalGeneration",
    "AutoModelForSeq2SeqLM": "modeling_chatglm.ChatGLMForConditionalGeneration",
}


def write_official(folder: Path, vocabulary: bytes, shards: int = 8, seed: int = 0, **sizes: int) -> Path:
    """Random weights (norms in float32, the rest in float16) under the official names in `shards` pickles.

    Its Python files raise when they are run.
    """
    folder.mkdir(parents=True)
    (folder / "ice_text.model").write_bytes(vocabulary)
    tokenizer = ChatGLMTokenizer(str(folder / "ice_text.model"))
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in _SPECIAL}
    shape = {"hidden_size": 64, "num_layers": 2, "num_attention_heads": 2, "inner_hidden_size": 256, **sizes}
    config = ChatGLMConfig(vocab_size=len(tokenizer), max_sequence_length=2048, **shape, **ids)
    torch.manual_seed(seed)
    _write_shards(folder, _official(ChatGLMForConditionalGeneration(config), config), shards)
    published = {
        "_name_or_path": "THUDM/chatglm-6b", "architectures": ["ChatGLMModel"], "auto_map": _CODE, **ids,
        "layernorm_epsilon": 1e-05, "max_sequence_length": 2048, "model_type": "chatglm", "position_encoding_2d": True,
        "torch_dtype": "float16", "transformers_version": "4.23.1", "use_cache": True, "vocab_size": len(tokenizer),
        **shape,
    }  # fmt: skip
    _write(folder / "config.json", published)
    pieces = {"bos_token": "<sop>", "eos_token": "<eop>", "end_token": "</s>", "gmask_token": "[gMASK]"}
    pieces |= {"mask_token": "[MASK]", "pad_token": "<pad>", "unk_token": "<unk>", "name_or_path": "THUDM/chatglm-6b"}
    own = {"AutoTokenizer": ["tokenization_chatglm.ChatGLMTokenizer", None]}
    flags = {"remove_space": False, "do_lower_case": False, "num_image_tokens": 0}
    _write(folder / "tokenizer_config.json", pieces | flags | {"tokenizer_class": "ChatGLMTokenizer", "auto_map": own})
    for name in ("configuration", "modeling", "tokenization"):
        (folder / f"{name}_chatglm.py").write_text("raise SystemExit('remote code was run')\n", "utf-8")
    return folder


def _official(model: Any, config: Any) -> dict[str, torch.Tensor]:
    """Every tensor of the published index."""
    state = {
        name: value.detach().float() if "norm" in name else value.detach().half()
        for name, value in model.state_dict().items()
    }
    turned = config.hidden_size // config.num_attention_heads // 2
    frequencies = (1.0 / 10000 ** (torch.arange(0, turned, 2).float() / turned)).half()
    for layer in range(config.num_layers):
        state[f"transformer.layers.{layer}.attention.rotary_emb.inv_freq"] = frequencies.clone()
    state["lm_head.weight"] = state["transformer.word_embeddings.weight"].clone()
    return state


def _write_shards(folder: Path, state: dict[str, torch.Tensor], shards: int) -> None:
    names, places = list(state), {}
    for number in range(shards):
        file = f"pytorch_model-{number + 1:05d}-of-{shards:05d}.bin"
        own = {name: state[name] for name in names[number::shards]}
        torch.save(own, folder / file)
        places |= dict.fromkeys(own, file)
    total = sum(value.nbytes for value in state.values())
    _write(
        folder / "pytorch_model.bin.index.json", {"metadata": {"total_size": total}, "weight_map": dict(places.items())}
    )


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False, indent=2, sort_keys=True), "utf-8")
