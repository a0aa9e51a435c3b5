"""From a MODEL, as every command takes it, to what is measured, and to what identifies it."""

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from doctorglm import models
from doctorglm.engine.address import is_address
from doctorglm.evaluate.answering import Subject
from doctorglm.models.adapters import base_fingerprint
from doctorglm.models.loading import base_folder, best_device, best_dtype
from doctorglm.models.local_engine import LocalEngine
from doctorglm.models.opening import open_engine
from doctorglm.models.quantized.formats import Quantization
from doctorglm.models.quantized.layers import quantization_of
from doctorglm.runs import sha256_tree


def identity_of(model: str, adapter: Path | None) -> dict[str, str]:
    """`base` and, where there is one, `adapter`: sha256 of the weights; of a server, of its address and model."""
    if is_address(model):
        return {"base": hashlib.sha256(model.encode()).hexdigest()}
    found = {"base": base_fingerprint(base_folder(model))}
    return found if adapter is None else {**found, "adapter": sha256_tree(adapter)}


def subject_of(
    model: str,
    adapter: Path | None,
    *,
    allow_remote: bool = False,
    quantization: Quantization | Literal["none"] | None = None,
) -> Subject:
    """The model with its adapter, or the server; raises as `models.opening.open_engine`."""
    identity = {"version": version("doctorglm"), **identity_of(model, adapter)}
    if is_address(model):
        engine = open_engine(model, adapter, allow_remote=allow_remote, quantization=quantization)
        return Subject(engine=engine, identity={**identity, "dtype": "server"})
    dtype = best_dtype(best_device())
    loaded, tokenizer = models.load(model, adapter, dtype, quantization=quantization, lean=True)
    local = LocalEngine(loaded, tokenizer, name=model)
    # a plain model is known by the name that its kept items have had so far
    kind = quantization_of(loaded)
    identity |= {"dtype": str(dtype), **({"quantization": kind} if kind else {})}
    return Subject(engine=local, identity=identity, model=loaded, tokenizer=tokenizer)
