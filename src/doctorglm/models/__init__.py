"""Models and their tokenizers; importing this room teaches transformers' Auto classes what ChatGLM is."""

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
from doctorglm.models.chatglm2.config import ChatGLM2Config
from doctorglm.models.chatglm2.model import ChatGLM2ForCausalLM
from doctorglm.models.chatglm2.tokenizer import ChatGLM2Tokenizer
from doctorglm.models.loading import load

__all__ = [
    "ChatGLM2Config",
    "ChatGLM2ForCausalLM",
    "ChatGLM2Tokenizer",
    "ChatGLMConfig",
    "ChatGLMForConditionalGeneration",
    "ChatGLMModel",
    "ChatGLMTokenizer",
    "load",
]


class _ByName(PreTrainedConfig):
    """Stands in for ChatGLMConfig with AutoTokenizer, which then finds ChatGLMTokenizer by its name alone.

    Registered under ChatGLMConfig itself, it would give way to a folder's own code once somebody trusts that.
    """

    model_type = "chatglm-tokenizer-by-name"


class _SecondByName(PreTrainedConfig):
    """The same for ChatGLM2Tokenizer."""

    model_type = "chatglm2-tokenizer-by-name"


AutoConfig.register("chatglm", ChatGLMConfig, exist_ok=True)
AutoTokenizer.register(_ByName, slow_tokenizer_class=ChatGLMTokenizer, exist_ok=True)
AutoTokenizer.register(_SecondByName, slow_tokenizer_class=ChatGLM2Tokenizer, exist_ok=True)
# the published auto_map gives AutoModel the class with the head as well
for _auto in (AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM):
    _auto.register(ChatGLMConfig, ChatGLMForConditionalGeneration, exist_ok=True)
    _auto.register(ChatGLM2Config, ChatGLM2ForCausalLM, exist_ok=True)
