"""ChatGLM-6B as a transformers model: forward, loss and `generate`, without code from the checkpoint.

Shapes: B rows, S columns given now, T columns with the cache, H hidden, V vocabulary.
Source: https://huggingface.co/THUDM/chatglm-6b, its behaviour re-implemented.
"""

# mypy: allow-subclassing-any

from collections.abc import Callable
from dataclasses import fields
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from doctorglm.models.chatglm.attention import ChatGLMBlock
from doctorglm.models.chatglm.config import ChatGLMConfig
from doctorglm.models.chatglm.positions import layout, packed_layout, rotation
from doctorglm.models.chatglm.table import embedding_of, head_of, tie_packed
from doctorglm.models.documents import current
from doctorglm.models.prefix.encoder import KeyValue, PrefixEncoder, Shape
from doctorglm.models.quantized.embedding import QuantizedEmbedding, share, shared
from doctorglm.models.quantized.formats import OF_BITS
from doctorglm.models.quantized.layers import make_room
from doctorglm.models.quantized.linear import QuantizedLinear

_CACHE_FIELD = "cache" if "cache" in {f.name for f in fields(BaseModelOutputWithPast)} else "past_key_values"
"""transformers renamed the cache between 5.17 and 5.24; both names are taken, and the installed one is returned."""


class ChatGLMPreTrainedModel(PreTrainedModel):
    """What both classes share: names, initial weights, what a checkpoint may hold too much."""

    config_class = ChatGLMConfig
    base_model_prefix = "transformer"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["ChatGLMBlock"]
    _supports_sdpa = True
    _supports_attention_backend = True
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"rotary_emb\.inv_freq$"]
    _skip_keys_device_placement: ClassVar[list[str]] = ["past_key_values", "cache"]
    _keep_in_fp32_modules_strict: ClassVar[list[str]] = ["prefix_encoder"]

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether layers are recomputed; PEFT asks by this name, at which newer versions of transformers warn."""
        return any(getattr(module, "gradient_checkpointing", False) for module in self.modules())

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        packed = isinstance(module, QuantizedLinear | QuantizedEmbedding)
        if isinstance(module, nn.Linear | nn.Embedding) and not packed:
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
        if isinstance(module, nn.Linear | nn.LayerNorm) and module.bias is not None:
            nn.init.zeros_(module.bias)


def prefix_shape(config: ChatGLMConfig) -> Shape:
    """What a prefix must be like for a model of this configuration."""
    return Shape(config.num_layers, config.num_attention_heads, config.hidden_size // config.num_attention_heads)


def prefix_of(config: ChatGLMConfig) -> PrefixEncoder | None:
    """The prefix that `pre_seq_len` asks for; its network, with `prefix_projection`, is as wide as the model."""
    if not config.pre_seq_len:
        return None
    network = (config.hidden_size, config.hidden_size) if config.prefix_projection else None
    return PrefixEncoder(config.pre_seq_len, prefix_shape(config), network, config.prefix_dropout)


class ChatGLMModel(ChatGLMPreTrainedModel):
    """The transformer without its head."""

    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__(config)
        self.word_embeddings = embedding_of(config)
        self.layers = nn.ModuleList(ChatGLMBlock(config, i) for i in range(config.num_layers))
        if config.quantization_bit:
            make_room(self.layers, OF_BITS[config.quantization_bit])
        self.final_layernorm = nn.LayerNorm(config.hidden_size, config.layernorm_epsilon)
        self.gradient_checkpointing = False
        self.prefix_encoder: PrefixEncoder | None = prefix_of(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Embedding:
        """The token embeddings."""
        return self.word_embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replaces the token embeddings."""
        self.word_embeddings = value

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        cache: Cache | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **_: Any,
    ) -> BaseModelOutputWithPast:
        """`last_hidden_state` [B,S,H] after the final LayerNorm.

        `attention_mask` is [B,T] with 1 at tokens and 0 at padding on either side, or the published [B,1,S,T] with
        True where attention is *blocked*. `position_ids` is [B,2,S] (or [B,S] in a model with one position); left out,
        it is made from the ids, and in a cached step it continues. Within `documents.packed` both are made from the
        ids of each document, whatever is given. Raises ModelError for a row (or a document) without `<sop>`.
        """
        cache = self._cache(cache if cache is not None else past_key_values, use_cache)
        hidden_BSH = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        documents, packed, mask = current(), None, None
        if documents is None:
            positions, mask = layout(self.config, input_ids, hidden_BSH, attention_mask, position_ids, cache)
        else:
            positions, prompts = packed_layout(self.config, input_ids, documents)
            packed = documents, prompts
        cos, sin = rotation(self.config, positions, hidden_BSH.dtype)

        learned: list[KeyValue] | list[None] = [None] * len(self.layers)
        if self.prefix_encoder is not None:
            learned = self.prefix_encoder.key_values(hidden_BSH.dtype)

        wants_weights = self._option("output_attentions", output_attentions)
        wants_states = self._option("output_hidden_states", output_hidden_states)
        states = []
        all_weights = []
        for layer, of_layer in zip(self.layers, learned, strict=True):
            if wants_states:
                states.append(hidden_BSH)
            hidden_BSH, weights = layer(
                hidden_BSH, cos, sin, mask, cache=cache, want_weights=wants_weights, packed=packed, learned=of_layer
            )
            all_weights.append(weights)
        hidden_BSH = self.final_layernorm(hidden_BSH)
        return BaseModelOutputWithPast(
            last_hidden_state=hidden_BSH,
            hidden_states=(*states, hidden_BSH) if wants_states else None,
            attentions=tuple(all_weights) if wants_weights else None,
            **{_CACHE_FIELD: cache},
        )

    def _cache(self, cache: Cache | None, use_cache: bool | None) -> Cache | None:
        if self.gradient_checkpointing and self.training and torch.is_grad_enabled():
            return None
        if use_cache is None:
            use_cache = self.config.use_cache and not self.training
        return DynamicCache(config=self.config) if use_cache and cache is None else cache

    def _option(self, name: str, value: bool | None) -> bool:
        return bool(getattr(self.config, name) if value is None else value)


class ChatGLMForConditionalGeneration(ChatGLMPreTrainedModel, GenerationMixin):
    """The transformer with its language-model head, tied to the embeddings unless the config says otherwise."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {"lm_head.weight": "transformer.word_embeddings.weight"}

    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__(config)
        self.transformer = ChatGLMModel(config)
        self.lm_head = head_of(config)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        """The head."""
        return self.lm_head

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        """Replaces the head."""
        self.lm_head = new_embeddings

    def get_expanded_tied_weights_keys(self, all_submodels: bool = False) -> Any:
        """What transformers ties: parameters; packed rows are buffers, and are tied by `tie_weights` itself."""
        return {} if self.config.quantization_embeddings else super().get_expanded_tied_weights_keys(all_submodels)

    def tie_weights(self, missing_keys: set[str] | None = None, recompute_mapping: bool = True) -> None:
        """Ties the head to the embedding where the config says so."""
        table, head = self.transformer.word_embeddings, self.lm_head
        if isinstance(table, QuantizedEmbedding) and isinstance(head, QuantizedLinear):
            tie_packed(self.config, table, head, missing_keys)
        else:
            super().tie_weights(missing_keys=missing_keys, recompute_mapping=recompute_mapping)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        table: Any = self.transformer.word_embeddings
        tied = shared(table, self.lm_head)
        super()._apply(fn, recurse)
        if tied:  # a buffer that is moved becomes another tensor, in each of the two
            share(table, self.lm_head)
        return self

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        cache: Cache | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        num_items_in_batch: int | torch.Tensor | None = None,
        return_dict: bool | None = None,
        **_: Any,
    ) -> Any:
        """Logits [B,S,V], or of the last `logits_to_keep` columns; with `labels` [B,S] the mean loss in nats.

        Labels are unshifted and -100 is ignored; `num_items_in_batch` is what the sum is divided by instead of their
        number, where a batch is only a part of a step. The other arguments are those of `ChatGLMModel.forward`.
        """
        outputs = self.transformer(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            cache=cache if cache is not None else past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
        )
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(outputs.last_hidden_state[:, kept])
        loss = None
        if labels is not None:
            shifted = logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten()
            loss = F.cross_entropy(*shifted, reduction="mean" if num_items_in_batch is None else "sum")
            loss = loss if num_items_in_batch is None else loss / num_items_in_batch
        result = CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            **{_CACHE_FIELD: getattr(outputs, _CACHE_FIELD)},
        )
        return result if return_dict is not False else result.to_tuple()

    @torch.no_grad()
    def generate(self, inputs: torch.Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
        """As in transformers; prompts may be padded on either side, and come back as they were given.

        A row that has ended is filled with `pad_token_id`.
        """
        if kwargs.get("prefill_chunk_size") is not None:
            raise ValueError("prefill_chunk_size: what stands before <sop> sees all of it, so it is read in one piece")
        ids_BS = inputs if inputs is not None else kwargs.get("input_ids")
        real_BS = kwargs.get("attention_mask")
        if real_BS is None and ids_BS is not None and self.generation_config.pad_token_id is not None:
            real_BS = (ids_BS != self.generation_config.pad_token_id).long()
        if ids_BS is None or real_BS is None or bool((real_BS[:, 1:] >= real_BS[:, :-1]).all()):
            return super().generate(inputs, *args, **kwargs)

        # an answer follows its prompt: padding goes to the left while it is written
        order_BS = real_BS.long().argsort(dim=1, stable=True)
        kwargs = {name: value for name, value in kwargs.items() if name not in ("input_ids", "position_ids")}
        kwargs["attention_mask"] = real_BS.gather(1, order_BS)
        result = super().generate(ids_BS.gather(1, order_BS), *args, **kwargs)
        sequences = result if isinstance(result, torch.Tensor) else result.sequences
        sequences[:, : ids_BS.shape[1]] = ids_BS.repeat_interleave(len(sequences) // len(ids_BS), 0)
        return result

    def prepare_inputs_for_generation(
        self,
        input_ids: torch.Tensor,
        next_sequence_length: int | None = None,
        cache: Cache | None = None,
        past_key_values: Cache | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        is_first_iteration: bool | None = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The arguments of one step of `generate`; after the prompt the model finds the positions itself."""
        new_ids = input_ids if next_sequence_length is None else input_ids[:, -next_sequence_length:]
        passed = ("use_cache", "output_attentions", "output_hidden_states", "logits_to_keep")
        return {
            "input_ids": new_ids.contiguous(),
            "attention_mask": attention_mask,
            "position_ids": position_ids if is_first_iteration else None,
            _CACHE_FIELD: cache if cache is not None else past_key_values,
            **{name: kwargs[name] for name in passed if name in kwargs},
        }

    def _prepare_position_ids_for_generation(self, *_: Any, **__: Any) -> None:
        """Nothing: transformers would hand over one position per token, which is silently wrong here."""

    def _expand_inputs_for_generation(self, expand_size: int = 1, *args: Any, **kwargs: Any) -> Any:
        """Repeats the rows for beams; transformers takes [B,2,S] position ids for [2,B,S]."""
        positions = kwargs.pop("position_ids", None)
        ids, kwargs = super()._expand_inputs_for_generation(expand_size, *args, **kwargs)
        if positions is not None:
            kwargs["position_ids"] = positions.repeat_interleave(expand_size, 0)
        return ids, kwargs
