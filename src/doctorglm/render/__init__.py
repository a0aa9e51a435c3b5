"""The only place that knows a prompt format: conversations to ids and loss mask, messages to a prompt."""

from doctorglm.render.chatglm import ChatGLMRenderer
from doctorglm.render.chatglm2 import ChatGLM2Renderer
from doctorglm.render.chatglm3 import ChatGLM3Renderer
from doctorglm.render.renderer import IGNORED, Prompt, Rejection, Renderer, Sample, Tokenizer
from doctorglm.render.template import TemplateRenderer

__all__ = [
    "IGNORED",
    "ChatGLM2Renderer",
    "ChatGLM3Renderer",
    "ChatGLMRenderer",
    "Prompt",
    "Rejection",
    "Renderer",
    "Sample",
    "TemplateRenderer",
    "renderer_for",
]


def renderer_for(tokenizer: Tokenizer) -> Renderer:
    """ChatGLM's format for its three tokenizers, the tokenizer's own chat template for every other family.

    ChatGLM2 and ChatGLM3 share a vocabulary; their tokenizer's `chat_format` tells them apart.
    """
    # of a `tokenizer.json` that stands for theirs transformers keeps it among what the tokenizer was made with
    chat_format = getattr(tokenizer, "chat_format", None) or getattr(tokenizer, "init_kwargs", {}).get("chat_format")
    if chat_format == "chatglm3":
        return ChatGLM3Renderer(tokenizer)
    if chat_format == "chatglm2":
        return ChatGLM2Renderer(tokenizer)
    if getattr(tokenizer, "gmask_token_id", None) is not None:
        return ChatGLMRenderer(tokenizer)
    return TemplateRenderer(tokenizer)
