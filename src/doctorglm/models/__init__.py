"""Models and their tokenizers; importing this room teaches transformers' Auto classes what ChatGLM-6B is."""

# mypy: allow-subclassing-any
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedConfig,
)

from doctorglm.models.chatglm.config import ChatGLMConfig
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration, ChatGLMModel
from doctorglm.models.chatglm.tokenizer import ChatGLMTokenizer
from doctorglm.models.loading import load

__all__ = ["ChatGLMConfig", "ChatGLMForConditionalGeneration", "ChatGLMModel", "ChatGLMTokenizer", "load"]


class _ByName(PreTrainedConfig):
    """Stands in for ChatGLMConfig with AutoTokenizer, which then finds ChatGLMTokenizer by its name alone.

    Registered under ChatGLMConfig itself, it would give way to a folder's own code once somebody trusts that.
    """

    model_type = "chatglm-tokenizer-by-name"


AutoConfig.register("chatglm", ChatGLMConfig, exist_ok=True)
AutoTokenizer.register(_ByName, slow_tokenizer_class=ChatGLMTokenizer, exist_ok=True)
# the published auto_map gives AutoModel the class with the head as well
for _auto in (AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM):
    _auto.register(ChatGLMConfig, ChatGLMForConditionalGeneration, exist_ok=True)
