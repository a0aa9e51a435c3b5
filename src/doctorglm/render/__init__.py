"""The only place that knows a prompt format: conversations to ids and loss mask, messages to a prompt."""

from doctorglm.render.chatglm import ChatGLMRenderer
from doctorglm.render.renderer import IGNORED, Prompt, Rejection, Renderer, Sample, Tokenizer
from doctorglm.render.template import TemplateRenderer

__all__ = [
    "IGNORED",
    "ChatGLMRenderer",
    "Prompt",
    "Rejection",
    "Renderer",
    "Sample",
    "TemplateRenderer",
    "renderer_for",
]


def renderer_for(tokenizer: Tokenizer) -> Renderer:
    """ChatGLM-6B's format for its tokenizer, the tokenizer's own chat template for every other family."""
    if getattr(tokenizer, "gmask_token_id", None) is not None:
        return ChatGLMRenderer(tokenizer)
    return TemplateRenderer(tokenizer)
