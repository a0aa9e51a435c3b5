"""Where a prefix begins: with the keys and values of real text, or at random.

With real text the untrained model is its base that has read the text; random keys and values blur every layer until
they are unlearned. Source: arXiv 2101.00190, section 7.4 (real words beat random ones).
"""

from typing import Any

import torch

from doctorglm.errors import ModelError
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration
from doctorglm.models.prefix.attention import shape_of
from doctorglm.models.prefix.encoder import KeyValue, PrefixEncoder, joined
from doctorglm.models.prefix.turning import turned

TEXT = (
    "下面是医生与患者的对话。医生先问清症状、持续时间、既往病史、过敏史和正在服用的药物，再说明可能的原因，"
    "给出检查、用药和生活上的建议，并提醒哪些情况应当立即就医。医生不编造检查结果，不夸大疗效，遇到不确定的地方会直接说明。"
    "回答用语通俗、语气温和，先回应患者的担心，再逐条解释。剂量写清单位和次数，孕妇、儿童和老人用药要特别小心。"
    "出现胸痛、呼吸困难、意识不清、大量出血或高热不退时，应马上拨打急救电话或到最近的急诊科。"
)
"""What a doctor's model may well have read before a conversation; written for this purpose."""


def begin_with_text(encoder: PrefixEncoder, model: Any, tokenizer: Any) -> None:
    """Sets the encoder to what `model`, still without prefix, makes of `TEXT`, repeated or cut to the prefix's length.

    Keys stand where the text would stand directly before a conversation. A network is solved for: its last layer
    becomes the smallest that gives the same keys and values, exactly where it has as many units as there are places.
    Raises ModelError for a model that keeps less of a text than that, and as `turned`.
    """
    target_PW = joined(turned(model, _read(encoder, model, tokenizer), -encoder.tokens))
    with torch.no_grad():
        if encoder.trans is None:
            encoder.embedding.weight.copy_(target_PW)
            return
        network: Any = encoder.trans
        first, tanh, last = network
        hidden_PC = tanh(first(encoder.embedding.weight)).double()
        last.bias.zero_()
        last.weight.copy_((torch.linalg.pinv(hidden_PC) @ target_PW.to(hidden_PC)).T)


def _read(encoder: PrefixEncoder, model: Any, tokenizer: Any) -> list[KeyValue]:
    """Of each layer the key and value [M,P,D] of the text's first P tokens, at positions 0 to P-1."""
    ids = torch.tensor([text_ids(tokenizer, encoder.tokens, model)], device=model.device)
    with torch.no_grad():
        outputs = model(input_ids=ids, use_cache=True)
    cache = outputs.get("cache") or outputs.get("past_key_values")
    kept = [(layer.keys[0, :, : encoder.tokens], layer.values[0, :, : encoder.tokens]) for layer in cache.layers]
    if len(kept) != encoder.shape.layers or any(key.shape[1] != encoder.tokens for key, _ in kept):
        raise ModelError(
            en=f"{type(model).__name__} keeps fewer than {encoder.tokens} tokens of a text in some layer. "
            "Set prefix_init=random, or a smaller prefix_tokens.",
            zh=f"{type(model).__name__} 的某些层保留的文本少于 {encoder.tokens} 个 token。"
            "请设 prefix_init=random，或调小 prefix_tokens。",
        )
    return kept


def text_ids(tokenizer: Any, places: int, model: Any) -> list[int]:
    """The text as exactly `places` tokens, with what a tokenizer puts before every text; ChatGLM-6B's have their
    `[gMASK] <sop>` behind them, without which it reads nothing."""
    chatglm = isinstance(model, ChatGLMForConditionalGeneration)
    text = TEXT
    while len(ids := list(tokenizer(text, add_special_tokens=not chatglm)["input_ids"])) < places:
        text += TEXT
    end = [model.config.gmask_token_id, model.config.bos_token_id] if chatglm else []
    return [*ids[:places], *end]


def shaped_for(
    model: Any, tokens: int, projection: tuple[int, int] | None = None, dropout: float = 0.0
) -> PrefixEncoder:
    """An encoder for `model`, on its device, of torch's random numbers, as the published code and PEFT begin.

    Raises ConfigError for a model that can have none.
    """
    return PrefixEncoder(tokens, shape_of(model), projection, dropout).to(model.device)
