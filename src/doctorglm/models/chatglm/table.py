"""ChatGLM-6B's embedding and head, plain or packed (`quantization_embeddings`), and how packed ones are tied.

transformers ties parameters by their names; packed rows are buffers, which it does not know how to tie.
"""

from torch import nn

from doctorglm.models.chatglm.config import ChatGLMConfig
from doctorglm.models.quantized.embedding import QuantizedEmbedding, equal, share
from doctorglm.models.quantized.formats import OF_BITS
from doctorglm.models.quantized.linear import QuantizedLinear

_HEAD = ("lm_head.weight", "lm_head.weight_scale")


def embedding_of(config: ChatGLMConfig) -> nn.Embedding:
    """The token embeddings, without their values."""
    if config.quantization_bit and config.quantization_embeddings:
        return QuantizedEmbedding(config.vocab_size, config.hidden_size, OF_BITS[config.quantization_bit])
    return nn.Embedding(config.vocab_size, config.hidden_size)


def head_of(config: ChatGLMConfig) -> nn.Linear:
    """The head, without its values."""
    if config.quantization_bit and config.quantization_embeddings:
        return QuantizedLinear(config.hidden_size, config.vocab_size, OF_BITS[config.quantization_bit], bias=False)
    return nn.Linear(config.hidden_size, config.vocab_size, bias=False)


def tie_packed(
    config: ChatGLMConfig, table: QuantizedEmbedding, head: QuantizedLinear, missing_keys: set[str] | None
) -> None:
    """Gives the head the embedding's packed rows where the config ties them.

    `missing_keys` are the names that a checkpoint did not have, and lose the head's; None: nothing was read. As in
    transformers, a head that was read and differs from the embedding stays as it is; the config then says so.
    """
    if not config.tie_word_embeddings:
        return
    read = missing_keys is not None and not missing_keys.intersection(_HEAD)
    if read and not equal(table, head):
        config.tie_word_embeddings = False
        return
    share(table, head)
    if missing_keys is not None:
        missing_keys.difference_update(_HEAD)
