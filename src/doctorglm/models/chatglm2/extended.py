"""GLM with what official folders of ChatGLM2 and ChatGLM3 may hold besides: packed linear layers, a learned prefix.

transformers' GLM has no part for either. Source: `chatglm2.stored`, `quantized.linear`, `prefix.attention`.
"""

# mypy: allow-subclassing-any
from pathlib import Path
from typing import Any, ClassVar

import transformers
from torch import nn

from doctorglm.errors import ModelError
from doctorglm.models.chatglm2.config import official_values, packed_in, prefix_places
from doctorglm.models.chatglm2.names import NATIVE_PREFIX, to_official
from doctorglm.models.chatglm2.stored import prefix_of
from doctorglm.models.prefix.attention import encoder_of, enter
from doctorglm.models.quantized.formats import OF_BITS
from doctorglm.models.quantized.layers import make_room, quantization_of
from doctorglm.models.quantized.linear import QuantizedLinear
from doctorglm.models.weights import Stored
from doctorglm.models.writing import write_weights
from doctorglm.runs import write_json

FLAT = f"{NATIVE_PREFIX}embedding.weight"
"""The only tensor of a prefix that is loaded."""


class GlmForCausalLM(transformers.GlmForCausalLM):
    """transformers' class with packed layers, a prefix, or both, as its configuration says.

    It has its parent's name, which a config.json gives to what is left of it: unpacked and without prefix it is saved
    as GLM. Otherwise it is saved in the official layout, which has room for both.
    """

    _keep_in_fp32_modules_strict: ClassVar[list[str]] = ["prefix_encoder"]

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        if kind := packed_in(config):
            make_room(self.model.layers, kind)
        if (encoder := prefix_of(config)) is not None:
            enter(self, encoder)

    def _init_weights(self, module: nn.Module) -> None:
        if not isinstance(module, QuantizedLinear):
            super()._init_weights(module)

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> None:
        """As in transformers; with packed layers or a prefix the folder is all that is asked for.

        Raises ModelError for layers in a type that the official layout does not have.
        """
        if quantization_of(self) is None and encoder_of(self) is None:
            super().save_pretrained(save_directory, *args, **kwargs)
            return
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        config = official_values(self.config, str(folder)) | self._besides(folder)
        state = {name: tensor.detach().cpu() for name, tensor in self.state_dict().items()}
        if (encoder := encoder_of(self)) is not None:
            state = {name: tensor for name, tensor in state.items() if not name.startswith(NATIVE_PREFIX)}
            # what a network makes, as everywhere
            state[FLAT] = encoder().detach().cpu()
        stored = {name: Stored(None, tuple(tensor.shape), tensor.dtype) for name, tensor in state.items()}
        write_weights(folder, to_official(stored, self.config), state.__getitem__, lambda *_: None)
        write_json(folder / "config.json", config)
        self.generation_config.save_pretrained(folder)

    def _besides(self, folder: Path) -> dict[str, Any]:
        """What the official config.json says of types, packed layers and a prefix."""
        kind, encoder = quantization_of(self), encoder_of(self)
        bits = next((bits for bits, named in OF_BITS.items() if named == kind), None)
        if kind is not None and bits is None:
            raise ModelError(
                en=f"{folder}: the official layout has no {kind}. Load the model in 16 or 32 bits, int8 or int4, and "
                "save that.",
                zh=f"{folder}：官方格式没有 {kind}。请以 16 位、32 位、int8 或 int4 加载模型后再保存。",
            )
        said = {"torch_dtype": str(self.dtype).removeprefix("torch.")}
        packed = {} if bits is None else {"quantization_bit": bits}
        prefix = {} if encoder is None else {"pre_seq_len": encoder.tokens, "prefix_projection": False}
        return said | packed | prefix


def class_of(glm: Any) -> Any:
    """The class for such a configuration: transformers' own wherever that will do."""
    return GlmForCausalLM if packed_in(glm) or prefix_places(glm) else transformers.GlmForCausalLM
