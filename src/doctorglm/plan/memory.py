"""The memory of a run by part, in bytes: formulas for what the code keeps, constants for what libraries hold beside it.

What a layer keeps for its backward pass is counted in numbers for each token, by the way the layer is computed:
`fused` (`tune.fused`: one function a layer), `beside` (linear layers as one function each, the rest torch's), `dense`
(every weight trained). Tests hold the counts to what the layers really keep.
Shapes: H width, I inner width, O queries, K keys, R rank, V vocabulary, P columns of a prefix, S tokens of a sample.
"""

from dataclasses import dataclass, fields
from typing import Literal

from doctorglm.plan.calibration import Calibration
from doctorglm.plan.devices import GB, Device
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import Linear, Shape
from doctorglm.plan.work import Row

Way = Literal["fused", "beside", "dense"]
Saving = Literal["none", "selective", "full"]

SAVINGS: tuple[Saving, ...] = ("none", "selective", "full")
"""From the fastest to the smallest."""

_LONGEST_BY_PRODUCTS = 256
"""Fused attention keeps its weights (S x S) for samples up to this length; longer ones go through torch's kernel."""
_SLICE = {True: 8e6, False: 1e9}
"""Bytes of logits that a fused head makes at once, on a CPU and on a GPU."""
AS_STORED = "not quantised"
"""How the matrices of a base are held without `qlora`: in 32 bits, or in 16 where a device computes in them."""
_WITH_ROOM = 1.1
"""Of the weights in 32 bits, what must be free on a CPU; with less, half-precision weights stay as they are."""
_QUANTISED = {"int8": 8.0, "int4": 4.0, "nf4": 4.0}
_TILE = 2**27
"""Values of a packed weight that a GPU unpacks at once, as `models.quantized.linear` does."""
_FIRST = {"q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "gate_up_proj", "query_key_value"}
"""Maps whose rows or whose norm's weight are folded in, so that a fused layer has a copy of them."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Bytes at the highest moment of a step. Where a step is one row, gradients are made while activations are given
    back, so that there is one or the other."""

    weights: float
    adapter: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    workspace: float
    """What comes and goes within a step, what libraries hold, and what the allocator cannot give back."""

    @property
    def total(self) -> float:
        """All of it."""
        return float(sum(getattr(self, f.name) for f in fields(self)))

    def in_gb(self) -> dict[str, float]:
        """Every part and `total`, in 10^9 bytes."""
        parts = {f.name: round(getattr(self, f.name) / GB, 4) for f in fields(self)}
        return {**parts, "total": round(self.total / GB, 4)}


def adapted(shape: Shape, settings: PlanSettings) -> list[Linear]:
    """The maps of one layer that get adapters."""
    if settings.method not in ("lora", "qlora"):
        return []
    names = {name.strip() for name in settings.lora_targets.split(",")}
    return [one for one in shape.linear if settings.lora_targets == "all-linear" or one.name in names]


def trainable(shape: Shape, settings: PlanSettings) -> int:
    """How many weights are trained."""
    if settings.method == "full":
        return shape.parameters
    if settings.method == "ptuning":
        width = shape.layers * 2 * shape.keys
        if not settings.prefix_projection:
            return settings.prefix_tokens * width
        first = shape.hidden * settings.prefix_hidden + settings.prefix_hidden
        return settings.prefix_tokens * shape.hidden + first + settings.prefix_hidden * width + width
    return shape.layers * sum(settings.lora_rank * (one.inputs + one.outputs) for one in adapted(shape, settings))


def way_of(shape: Shape, settings: PlanSettings, device: Device) -> Way:
    """How layers are computed, as `tune` chooses it."""
    if settings.method == "full":
        return "dense"
    plain = settings.method == "ptuning" or not settings.lora_dropout
    known = shape.fusable and plain
    if device.is_cpu and settings.packing and settings.fuse and known and not keeps_half(shape, settings, device):
        copied = 0 if settings.method == "qlora" else 4 * 4 * shape.matrices
        return "fused" if copied <= device.memory else "beside"
    return "beside"


def keeps_half(shape: Shape, settings: PlanSettings, device: Device) -> bool:
    """Whether a CPU leaves a frozen base in 16 bits, because it has no memory for 32."""
    wide = device.is_cpu and settings.method in ("lora", "ptuning")
    return wide and 4 * _WITH_ROOM * shape.parameters > device.memory


def memory_of(
    shape: Shape, settings: PlanSettings, row: Row, device: Device, saving: Saving, constants: Calibration
) -> Parts:
    """What training needs at its highest, for `row`, the largest one."""
    way = way_of(shape, settings, device)
    trained = trainable(shape, settings)
    # PEFT's adapters are in 32 bits everywhere; a fused layer keeps the merged ones' copy, scaled and as they are
    merged = way == "fused" and settings.method in ("lora", "qlora")
    adapter = 0.0 if settings.method == "full" else 4.0 * trained * (3 if merged else 1)
    activations = _activations(shape, settings, row, device, way, saving)
    logits, passing = _logits(shape, settings, row, device), _passing(shape, settings, row, device, way)
    gradients = 4.0 * trained
    if not row.others:
        # they are made while activations are given back: the highest is where either begins or ends
        first = activations + logits > gradients
        activations, logits, gradients = (activations, logits, 0.0) if first else (0.0, 0.0, gradients)
    comes_and_goes = activations + logits + passing
    overhead = constants.overhead_gb if device.is_cpu else constants.gpu_overhead_gb
    return Parts(
        weights=weights_of(shape, settings, device) + _copies(shape, settings, way),
        adapter=adapter,
        gradients=gradients,
        optimizer=trained * {"adamw": 8.0, "lion": 4.0, "muon": 4.0}[settings.optimizer],
        activations=activations,
        logits=logits,
        workspace=passing + overhead * GB + constants.fragmentation * comes_and_goes,
    )


def weights_of(shape: Shape, settings: PlanSettings, device: Device) -> float:
    """Bytes of the model's own weights."""
    if settings.method == "full":
        return 4.0 * shape.parameters
    wide = 2.0 if device.half or keeps_half(shape, settings, device) else 4.0
    kind = held(settings)
    if kind == AS_STORED:
        return wide * shape.parameters
    tables = tables_of(shape) if packs_tables(settings) else 0
    packed = _quantised(shape, kind) + tables * _QUANTISED[kind] / 8 + 2.0 * tables / shape.hidden
    return packed + wide * (shape.parameters - shape.matrices - tables)


def held(settings: PlanSettings) -> str:
    """How the matrices of a frozen base are held."""
    return settings.quantization if settings.method == "qlora" else AS_STORED


def packs_tables(settings: PlanSettings) -> bool:
    """Whether the embedding and the head are held as the matrices are."""
    return settings.quantization_embeddings and held(settings) in ("int8", "int4")


def tables_of(shape: Shape) -> int:
    """Weights of the embedding and the head, tied ones once."""
    return shape.of_head if shape.tied else 2 * shape.of_head


def _quantised(shape: Shape, kind: str) -> float:
    """Matrices of layers, with a scale a row in 16 bits, or for NF4 one in 32 bits for each block of 64."""
    scales = shape.matrices * 4.0 / 64 if kind == "nf4" else 2.0 * shape.layers * sum(m.outputs for m in shape.linear)
    return shape.matrices * _QUANTISED[kind] / 8 + scales


def _copies(shape: Shape, settings: PlanSettings, way: Way) -> float:
    """Fused layers have norms and the order of rows folded into a copy, and adapters merged into another; of packed
    weights they have none."""
    if way != "fused" or held(settings) != AS_STORED:
        return 0.0
    merged = {one.name for one in adapted(shape, settings)}
    of_layer = sum(one.weights * ((one.name in _FIRST) + (one.name in merged)) for one in shape.linear)
    return 4.0 * shape.layers * of_layer


def _activations(shape: Shape, settings: PlanSettings, row: Row, device: Device, way: Way, saving: Saving) -> float:
    """Bytes that all layers keep of a row when its way back begins; recomputed layers keep their input alone."""
    of_layer = kept_of_layer(shape, settings, row, device, way)
    inputs = row.tokens * shape.hidden * (2.0 if device.half and way != "dense" else 4.0)
    again = {"none": 0, "selective": (shape.layers + 1) // 2, "full": shape.layers}[saving]
    # a layer that is recomputed has all of it too, for as long as its own way back takes: the highest is the last one's
    last_too = saving == "full" or (saving == "selective" and shape.layers % 2 == 1)
    return of_layer * (shape.layers - again + last_too) + inputs * again


def kept_of_layer(shape: Shape, settings: PlanSettings, row: Row, device: Device, way: Way) -> float:
    """Bytes that one layer keeps of a row for its backward pass."""
    size = 2.0 if device.half and way != "dense" else 4.0
    thin = settings.lora_rank * len(adapted(shape, settings)) if way == "beside" else 0
    places = settings.prefix_tokens if settings.method == "ptuning" else 0
    prefix = 2 * shape.keys * places
    numbers = _fused(shape, row, places) if way == "fused" else _eager(shape, row, device, dense=way == "dense")
    widened = 2 * shape.hidden * row.tokens if size == 2 and not shape.prefix_lm else 0  # RMSNorm computes in 32 bits
    return size * (numbers + thin * row.tokens + prefix + widened)


def _fused(shape: Shape, row: Row, places: int) -> float:
    """Numbers that a fused layer keeps: see `tune.fused.decoder` and `.chatglm`."""
    h, i, o, k = shape.hidden, shape.inner, shape.queries, shape.keys
    mean = row.squares / max(1, row.tokens)
    by_products = mean <= _LONGEST_BY_PRODUCTS
    scores = shape.heads * (mean + places if by_products else 1) + (0 if by_products else o)
    scores += 2 * k * places / max(1.0, mean)  # the prefix stands before each sample's own keys and values
    of_token = 4 * h + 2 * i + 4 * o if shape.prefix_lm else 2 * h + 3 * i + 2 * o + 2 * k
    return row.tokens * (of_token + scores + (o + k if shape.head_norms else 0) + 2)


def _eager(shape: Shape, row: Row, device: Device, *, dense: bool) -> float:
    """Numbers that torch keeps of a layer: the inputs of its products, norms and gates, and attention's."""
    h, i, o, k = shape.hidden, shape.inner, shape.queries, shape.keys
    if shape.prefix_lm:
        # of the mask of the answers' rows, which see the whole sample, about half
        mask = 0.5 * row.squares if device.is_cpu else 0.0
        return row.tokens * (4 * h + 7 * o + 2 * i + shape.heads) + mask
    joined = o if device.is_cpu else 0
    normed = 2 * h if dense else 0
    if shape.head_norms:
        normed += (o + k) * (2 if dense else 1) + shape.heads + shape.key_heads
    return row.tokens * (4 * h + normed + 2 * o + joined + 2 * k + 4 * i + shape.heads + 2)


def _logits(shape: Shape, settings: PlanSettings, row: Row, device: Device) -> float:
    """Logits of supervised tokens: in slices where the head is frozen, else all at once and their gradient."""
    if settings.method == "full":
        return 3 * 4.0 * row.supervised * shape.vocabulary
    rows = min(row.supervised, max(64, int(_SLICE[device.is_cpu] / (4 * shape.vocabulary))))
    hidden = 2 * row.supervised * shape.hidden * (2.0 if device.half else 4.0)
    return 12.0 * rows * shape.vocabulary + hidden


def _passing(shape: Shape, settings: PlanSettings, row: Row, device: Device, way: Way) -> float:
    """What one layer's backward pass needs beside what is kept, and weights that are widened while they are used."""
    size = 2.0 if device.half and way != "dense" else 4.0
    of_layer = size * row.tokens * (3 * shape.inner + 4 * shape.hidden)
    largest = max(one.weights for one in shape.linear)
    if packs_tables(settings):
        largest = max(largest, min(shape.of_head, _TILE))
    if way == "dense":
        # a gradient is made before it is added; of tied weights twice
        return of_layer + 4.0 * max(largest, shape.of_head if shape.tied else 0)
    # a CPU unpacks a tile at a time
    widened = 2 * size * largest if held(settings) != AS_STORED and not device.is_cpu else 0.0
    return of_layer + widened
