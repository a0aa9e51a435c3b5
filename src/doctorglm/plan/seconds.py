"""The time of a run: by a trial on the machine at hand (`plan.timed`), else by its products at the rate of the device.

With a frozen base 4 x (matmul weights without head) x all tokens + 4 x head x supervised tokens; with all weights
trained 6 x both; recomputation adds 2 x. Attention's products are counted apart: a CPU has a rate of its own for them.
Without a trial what stands between products is so many passes over the activations, on a CPU.
Source: LoRA, arXiv 2106.09685; PaLM's appendix B on counting, arXiv 2204.02311.
"""

from dataclasses import dataclass

from doctorglm.plan.calibration import Calibration
from doctorglm.plan.devices import Device
from doctorglm.plan.memory import AS_STORED, Saving, Way, adapted, held, kept_of_layer, trainable, way_of
from doctorglm.plan.probe import Rates
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import Shape
from doctorglm.plan.timed import Timed
from doctorglm.plan.work import Work

_AGAIN = {"none": 0.0, "selective": 1.0, "full": 2.0}
"""FLOPs for each weight and token that recomputation adds."""
_UPDATE = {"adamw": 28.0, "lion": 20.0, "muon": 20.0}
"""Bytes that an update reads and writes for each trained weight."""
_MERGE = 12.0
"""The same for each weight that adapters are merged into, once a step."""


@dataclass(frozen=True, kw_only=True)
class Flops:
    """Of the whole run."""

    products: float
    """With the weights of layers and head."""
    thin: float
    """With adapters."""
    attention: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.products + self.thin + self.attention


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """Of the whole run; loading and saving are not counted."""

    training: float
    validation: float

    @property
    def total(self) -> float:
        """Both."""
        return self.training + self.validation


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Validations of a run, each over the same samples."""

    times: int = 0
    tokens: float = 0.0
    supervised: float = 0.0
    squares: float = 0.0


def flops_of(shape: Shape, settings: PlanSettings, work: Work, way: Way, saving: Saving) -> Flops:
    """What is computed, validations apart."""
    each = 6.0 if settings.method == "full" else 4.0
    products = (each + _AGAIN[saving]) * shape.matrices * work.computed + each * shape.of_head * work.supervised
    if way == "fused":
        # the last layer computes what follows attention where a loss needs it, and nothing lies below the first
        after = sum(
            one.weights for one in shape.linear if one.name not in ("q_proj", "k_proj", "v_proj", "query_key_value")
        )
        products -= 4.0 * after * (work.computed - work.supervised)
    thin = 0.0
    if adapters := adapted(shape, settings):
        weights = shape.layers * settings.lora_rank * sum(one.inputs + one.outputs for one in adapters)
        thin = (4.0 if way == "fused" else 6.0) * weights * work.computed
    columns = work.squares + (work.tokens * settings.prefix_tokens if settings.method == "ptuning" else 0)
    attention = (12.0 + 2 * _AGAIN[saving]) * shape.layers * shape.queries * columns
    return Flops(products=products, thin=thin, attention=attention)


def reading_flops(shape: Shape, tokens: float, supervised: float, squares: float) -> float:
    """What reading without gradients computes."""
    return 2.0 * (shape.matrices * tokens + shape.of_head * supervised) + 4.0 * shape.layers * shape.queries * squares


def seconds_of(
    shape: Shape,
    settings: PlanSettings,
    work: Work,
    validation: Validation,
    device: Device,
    saving: Saving,
    rates: Rates | None,
    constants: Calibration,
    timed: Timed | None = None,
) -> Seconds:
    """How long it takes on a device: by a trial where there was one, else by `rates`, which are those of `probe` for a
    CPU."""
    way = way_of(shape, settings, device)
    flops = flops_of(shape, settings, work, way, saving)
    read = reading_flops(shape, validation.tokens, validation.supervised, validation.squares)
    if timed is not None:
        training = constants.beside_trial * timed.training(flops.total, work.steps)
        return Seconds(training=training, validation=validation.times * timed.reading(read))
    slower = constants.dequantise if held(settings) != AS_STORED else 1.0
    if device.flops is not None:
        rate = device.flops * constants.gpu_efficiency * slower
        # half of a causal row is masked, and left out by the kernels of a GPU
        training = (flops.products + flops.thin + flops.attention / 2) / rate
        return Seconds(training=training, validation=validation.times * read / rate)
    assert rates is not None
    x_products, x_attention, x_passes, x_moved = terms(shape, settings, work, way, saving, device, rates)
    training = x_products / slower / constants.products + x_attention / constants.attention
    training += constants.passes * x_passes + x_moved
    return Seconds(training=training, validation=validation.times * read / rates.mm * _OF_READING)


_OF_READING = 1.5
"""Time of reading without gradients, to that of its products by torch.mm: padding and what is between them."""


def terms(
    shape: Shape, settings: PlanSettings, work: Work, way: Way, saving: Saving, device: Device, rates: Rates
) -> tuple[float, float, float, float]:
    """Seconds of products, of attention at their rate, of one pass over the activations, and of updates."""
    flops = flops_of(shape, settings, work, way, saving)
    rows = max(1.0, work.computed / max(1, work.largest.tokens))
    once = shape.layers * rows * kept_of_layer(shape, settings, work.largest, device, way)
    moved = _UPDATE[settings.optimizer] * trainable(shape, settings)
    if way == "fused":
        moved += _MERGE * shape.layers * sum(one.weights for one in adapted(shape, settings))
    return (
        (flops.products + flops.thin) / rates.product,
        flops.attention / rates.product,
        once / rates.bandwidth,
        work.steps * moved / rates.bandwidth,
    )
