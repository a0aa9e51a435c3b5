"""From a MODEL, as every command takes it, to the engine that answers: weights on this machine, or a server."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from doctorglm.clinical.masking import masked_together
from doctorglm.engine import Engine
from doctorglm.engine.address import is_address
from doctorglm.engine.requests import HttpSettings, Mask
from doctorglm.errors import ConfigError
from doctorglm.models.loading import base_folder, load, load_tokenizer
from doctorglm.models.local_engine import LocalEngine, count_tokens, ends_in_loop
from doctorglm.models.quantized.formats import Quantization


def open_engine(
    model: str,
    adapter: Path | None = None,
    *,
    allow_remote: bool = False,
    mask: Mask = masked_together,
    settings: HttpSettings | None = None,
    dtype: torch.dtype | None = None,
    quantization: Quantization | Literal["none"] | None = None,
) -> Engine:
    """The engine of a folder, a .gguf file, "embedded", or `http(s)://HOST[:PORT]/v1#NAME`.

    A server elsewhere needs `allow_remote` and is sent what `mask` leaves.
    Raises ConfigError for an address that is none, is not allowed, or has an adapter or quantisation; ModelError as
    `models.load`.
    """
    if not is_address(model):
        return LocalEngine(*load(model, adapter, dtype, quantization=quantization, lean=True), name=model)
    refuse_quantized_server(quantization)
    if adapter is not None:
        raise ConfigError(
            en=f"--adapter {adapter}: a server chooses its own adapter. Start it with the adapter, and leave the flag "
            "out.",
            zh=f"--adapter {adapter}：适配器由服务器自行加载。请在启动服务器时指定，并去掉该参数。",
        )
    try:
        from doctorglm.engine.http import HttpEngine  # half a second, and an extra
    except ModuleNotFoundError as error:
        raise ConfigError(
            en=f"{error.name} is not installed, which asks servers. Run pip install 'doctorglm[evaluate]'.",
            zh=f"没有安装访问服务器所需的 {error.name}。请运行 pip install 'doctorglm[evaluate]'。",
        ) from None
    return HttpEngine(model, allow_remote=allow_remote, mask=mask, loops=ends_in_loop, settings=settings)


def token_counter(model: str) -> Callable[[str], int]:
    """Counts a text's tokens as a model on this machine does; raises ModelError as `load_tokenizer`."""
    return partial(count_tokens, load_tokenizer(base_folder(model)))


def refuse_quantized_server(quantization: str | None) -> None:
    """Raises ConfigError for a quantisation that a server would have to be told of."""
    if quantization not in (None, "none"):
        raise ConfigError(
            en=f"--quantization {quantization}: a server has loaded its weights already. Start it with quantised "
            "weights, and leave the flag out.",
            zh=f"--quantization {quantization}：服务器的权重已经加载。请在启动服务器时使用量化权重，并去掉该参数。",
        )
