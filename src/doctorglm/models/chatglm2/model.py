"""What the Auto classes load an official ChatGLM2 or ChatGLM3 folder with: the result is transformers' GlmForCausalLM.

No code from the folder is run. Tensors are mapped from their files and handed over under GLM's names. Of a folder with
packed layers or a prefix it is a class of ours, which is that one and has parts for both (`chatglm2.extended`).
"""

# mypy: allow-subclassing-any
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, GlmForCausalLM

from doctorglm.errors import ModelError
from doctorglm.models.chatglm2.config import ChatGLM2Config
from doctorglm.models.chatglm2.extended import FLAT, class_of
from doctorglm.models.chatglm2.names import to_native
from doctorglm.models.chatglm2.stored import fitting_checkpoint, flat_prefix


class ChatGLM2ForCausalLM(GlmForCausalLM):
    """Never built itself; `from_pretrained` gives a GlmForCausalLM, transformers' or that of `extended`."""

    config_class = ChatGLM2Config

    @classmethod
    def from_pretrained(cls, folder: Any, *args: Any, config: ChatGLM2Config | None = None, **kwargs: Any) -> Any:
        """As in transformers, from a folder in the official layout.

        Raises ModelError for a name that is no folder, and for weights that do not fit config.json.
        """
        path = Path(folder) / (kwargs.pop("subfolder", None) or "")
        if not path.is_dir():
            raise ModelError(
                en=f"{path}: no such folder. ChatGLM2 and ChatGLM3 are loaded from a folder; download the model first.",
                zh=f"{path}：文件夹不存在。ChatGLM2 和 ChatGLM3 需从本地目录加载，请先下载模型。",
            )
        if config is None:
            config = ChatGLM2Config.from_pretrained(path)
        glm = config.native()
        if (path / "generation_config.json").is_file():
            kwargs.setdefault("generation_config", GenerationConfig.from_pretrained(path))
        state = native_state(path, glm)
        loaded = class_of(glm).from_pretrained(None, *args, config=glm, state_dict=state, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.name_or_path = model.config._name_or_path = str(folder)
        return loaded

    @classmethod
    def _from_config(cls, config: ChatGLM2Config, **kwargs: Any) -> Any:
        glm = config.native()
        return class_of(glm)._from_config(glm, **kwargs)


def native_state(folder: Path, glm: Any) -> dict[str, torch.Tensor]:
    """GLM's name -> tensor, mapped from the folder's files; raises ModelError when they do not fit `glm`."""
    checkpoint = fitting_checkpoint(folder, glm, open_files=1_000)
    state = {output.name: output.make(checkpoint.read) for output in to_native(checkpoint.stored, glm)}
    prefix = flat_prefix(glm, checkpoint.read)
    return state if prefix is None else state | {FLAT: prefix}
