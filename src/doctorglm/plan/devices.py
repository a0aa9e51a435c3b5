"""The devices that a run is planned for: cards by their data sheets, this machine by measuring it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from pydantic import Field
from pydantic.dataclasses import dataclass as checked

from doctorglm import machine
from doctorglm.errors import ConfigError, DataError
from doctorglm.language import Text
from doctorglm.settings import STRICT, build, nearest, yaml_problem

CPU = "cpu"
GB = 1e9
_LIKE = 0.15
"""By which the memory that a card has and that of its name may differ: 80 GB, or 80 GiB, or less what is reserved."""

Held = Literal["bfloat16", "float32"]


@checked(frozen=True, kw_only=True, config=STRICT)
class Entry:
    """A device as a file of devices describes it."""

    memory_gb: float | None = Field(default=None, gt=0)
    """10^9 bytes; nothing for `cpu`, which is looked at."""
    tflops: float | None = Field(default=None, gt=0)
    """Dense, in the type that weights are held in; nothing for `cpu`, which is measured."""
    weights: Held = "bfloat16"
    """What frozen weights are held in."""
    bandwidth: float | None = Field(default=None, gt=0)
    """GB/s."""
    usd_per_hour: float | None = Field(default=None, ge=0)
    """What an hour costs; nothing where that is not known."""
    price: str = "of the user's own file"
    """Where the price is from, with its date, or that it is assumed."""
    specification: str = ""
    """Where the rest is from."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """One device, with what a plan needs of it."""

    name: str
    memory: float
    """Bytes that a run can have."""
    half: bool
    """Whether frozen weights are held in 16 bits."""
    flops: float | None
    """Dense products a second; None for a CPU, whose rate depends on the shapes and is measured with them."""
    usd_per_hour: float | None
    price: str

    @property
    def is_cpu(self) -> bool:
        """Whether it is this machine's processor."""
        return self.flops is None


def devices(file: str = "") -> dict[str, Entry]:
    """Every device by name, those of the user's file first where names are the same.

    Raises DataError for a file that is missing or no YAML, ConfigError for what it says of a device.
    """
    return {**_shipped(), **(_read(Path(file)) if file else {})}


def device_of(name: str, file: str = "") -> Device:
    """The device of a name, small letters or large; raises ConfigError with the nearest name for one that is none."""
    found = devices(file)
    by_letters = {known.lower(): known for known in found}
    if name.lower() not in by_letters:
        raise _unknown(name, found)
    called = by_letters[name.lower()]
    return made(called, found[called])


def made(name: str, entry: Entry) -> Device:
    """The device that an entry describes; this machine's memory is what is available now."""
    if name == CPU:
        memory = entry.memory_gb * GB if entry.memory_gb else machine.main_memory().available
        return Device(
            name=name, memory=memory, half=False, flops=None, usd_per_hour=entry.usd_per_hour, price=entry.price
        )
    if entry.memory_gb is None or entry.tflops is None:
        raise ConfigError(
            en=f"{name}: memory_gb and tflops are needed. Add them to your file of devices.",
            zh=f"{name}：需要 memory_gb 和 tflops。请在设备文件中补上。",
        )
    return Device(
        name=name,
        memory=entry.memory_gb * GB,
        half=entry.weights == "bfloat16",
        flops=entry.tflops * 1e12,
        usd_per_hour=entry.usd_per_hour,
        price=entry.price,
    )


def this_device(device: torch.device, *, half: bool) -> Device:
    """What a run that has begun is on, with the memory that is free now; its price is not asked for."""
    if device.type == "cpu":
        return made(CPU, Entry())
    free, _ = torch.cuda.mem_get_info(device)
    called = torch.cuda.get_device_name(device)
    like = [e for n, e in _shipped().items() if n.partition("-")[0] in called and e.tflops]
    flops = like[0].tflops * 1e12 if like and like[0].tflops else 1e14
    return Device(name=called, memory=float(free), half=half, flops=flops, usd_per_hour=None, price="")


def at_hand(device: Device) -> torch.device | None:
    """Where on this machine the device is; None for a card that torch does not see."""
    if device.is_cpu:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        return None
    called, own = device.name.rpartition("-")[0].replace("-", " "), torch.device("cuda", torch.cuda.current_device())
    like = abs(torch.cuda.mem_get_info(own)[1] / device.memory - 1) < _LIKE
    return own if called and called in torch.cuda.get_device_name(own) and like else None


@cache
def _shipped() -> Mapping[str, Entry]:
    text = resources.files("doctorglm.plan").joinpath("devices.yaml").read_text(encoding="utf-8")
    return {name: build(Entry, values, name) for name, values in yaml.safe_load(text).items()}


def _read(path: Path) -> dict[str, Entry]:
    try:
        loaded: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            en=f"devices={path}: cannot be read ({error.strerror}). Give a YAML file such as docs/plan.md shows.",
            zh=f"devices={path}：无法读取（{error.strerror}）。请给出 docs/plan.md 所示的 YAML 文件。",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = yaml_problem(error)
        raise DataError(
            en=f"{path}: not YAML ({problem}). Mend the line.", zh=f"{path}：不是 YAML（{problem}）。请修正该行。"
        ) from None
    if not isinstance(loaded, Mapping):
        raise DataError(
            en=f"{path}: a device's name and what it has are needed, one after the other. See docs/plan.md.",
            zh=f"{path}：应逐个写出设备名称及其参数。见 docs/plan.md。",
        )
    return {str(name): build(Entry, values, f"{path}: {name}") for name, values in loaded.items()}


def _unknown(name: str, known: Mapping[str, Entry]) -> ConfigError:
    near = nearest(name.upper(), known) or next((n for n in known if n.partition("-")[0].lower() in name.lower()), None)
    hint = Text(en=f"; did you mean `{near}`?", zh=f"；是否要写 `{near}`？") if near else Text(en=".", zh="。")
    names = ", ".join(known)
    return ConfigError(
        en=f"--device {name}: not known{hint.en} There are {names}; others can be given in devices=FILE.",
        zh=f"--device {name}：未知设备{hint.zh}现有：{names}；其他设备可用 devices=FILE 给出。",
    )
