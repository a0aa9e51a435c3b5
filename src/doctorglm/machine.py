"""`doctorglm doctor`: what this machine is, what it can run, what is missing and how to get it.

GB = 10^9 bytes.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from doctorglm.language import Text

GB = 1e9

CHATGLM_FP16_GB = 13.0
"""ChatGLM-6B for chat in 16 bits, as its README states; its 6.2e9 weights alone are 12.3 GB."""

CHATGLM_FP32_GB = 25.0
"""The same in 32 bits, for CPUs that compute 16 bits slowly: 24.7 GB of weights."""

EMBEDDED_GB = 1.0
"""An upper bound for the embedded model, most of it PyTorch and transformers; the weights are a few MB."""

DEMO_DISK_GB = 1.0
"""An upper bound for what the demo or a small tuning run writes."""

_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts", "/System/Library/Fonts")
_CHINESE_FONTS = ("notosanscjk", "notoserifcjk", "notosanssc", "sourcehan", "wqy", "pingfang", "droidsansfallback")

_BUNDLES = ("all", "dev")
"""Extras that bundle those of the stages, or serve development."""

State = Literal["ok", "note", "missing"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the survey: `missing` where something should be installed or freed, `note` where nothing can be."""

    name: Text
    value: Text
    state: State = "ok"
    remedy: Text | None = None


@dataclass(frozen=True)
class Memory:
    """Bytes of main memory: in all, and what a new process can have."""

    total: float
    available: float


@dataclass(frozen=True)
class Gpu:
    """One accelerator with its bytes of memory."""

    name: str
    total: float
    free: float


def survey(directory: Path = Path()) -> list[Finding]:
    """Everything that `doctorglm doctor` prints, in its order; `directory` is where runs would be written."""
    memory, gpus = main_memory(), _gpus()
    return [
        _python(),
        _torch(gpus),
        _cores(),
        judge_memory(memory),
        *(_gpu(gpu) for gpu in gpus),
        judge_disk(shutil.disk_usage(directory).free),
        *judge_packages(_requirements()),
        _fonts(),
        *judge_models(memory, gpus, embedded=_embedded()),
    ]


def main_memory(proc: Path = Path("/proc/meminfo"), cgroup: Path = Path("/sys/fs/cgroup")) -> Memory:
    """The machine's memory, or the container's where that is less."""
    try:
        lines = dict(line.split(":", 1) for line in proc.read_text(encoding="ascii").splitlines())
        total, available = (float(lines[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    except FileNotFoundError:
        # not Linux: what is free is not known without more packages
        total = available = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    try:
        limit = float((cgroup / "memory.max").read_text(encoding="ascii"))
        used = float((cgroup / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return Memory(total, available)
    return Memory(min(total, limit), min(available, max(0.0, limit - used)))


def judge_memory(memory: Memory) -> Finding:
    """Whether the embedded model and the demo fit."""
    total, free = memory.total / GB, memory.available / GB
    return _judge(
        Text(en="memory", zh="内存"),
        Text(en=f"{total:.1f} GB, {free:.1f} GB free", zh=f"{total:.1f} GB，可用 {free:.1f} GB"),
        free >= EMBEDDED_GB,
        Text(
            en=f"the demo needs {EMBEDDED_GB:g} GB free; close other programs",
            zh=f"演示需要 {EMBEDDED_GB:g} GB 可用内存，请关闭其他程序",
        ),
    )


def judge_disk(free: float) -> Finding:
    """Whether a run can be written here."""
    return _judge(
        Text(en="disk, here", zh="当前目录所在磁盘"),
        Text(en=f"{free / GB:.1f} GB free", zh=f"可用 {free / GB:.1f} GB"),
        free >= DEMO_DISK_GB * GB,
        Text(
            en=f"a run needs about {DEMO_DISK_GB:g} GB; free some space or give --out on another disk",
            zh=f"一次运行约需 {DEMO_DISK_GB:g} GB，请清理磁盘或用 --out 指定其他磁盘",
        ),
    )


def _judge(name: Text, value: Text, enough: bool, remedy: Text) -> Finding:
    return (
        Finding(name=name, value=value) if enough else Finding(name=name, value=value, state="missing", remedy=remedy)
    )


def judge_packages(requirements: Iterable[str]) -> list[Finding]:
    """One finding for the core packages and one for each stage's extra, from the lines of the package's metadata."""
    groups: dict[str, list[Requirement]] = {}
    for requirement in map(Requirement, requirements):
        extra = _extra(requirement)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            groups.setdefault(extra, []).append(requirement)
    return [_group(extra, found) for extra, found in groups.items() if extra not in _BUNDLES]


def judge_models(memory: Memory, gpus: Iterable[Gpu], *, embedded: bool) -> list[Finding]:
    """Which models this machine can chat with, by free memory."""
    largest = max((gpu.free for gpu in gpus), default=0.0)
    return [
        _judge(
            Text(en="embedded model", zh="内置模型"),
            Text(en="there", zh="已安装") if embedded else Text(en="not installed", zh="未安装"),
            embedded,
            Text(
                en="install the released wheel, or pretrain it with recipes/",
                zh="请安装发布的 wheel，或用 recipes/ 预训练",
            ),
        ),
        _fits("ChatGLM-6B, fp16", CHATGLM_FP16_GB, memory, largest),
        _fits("ChatGLM-6B, fp32", CHATGLM_FP32_GB, memory, largest),
    ]


def _fits(model: str, needed_gb: float, memory: Memory, gpu_free: float) -> Finding:
    name = Text(en=model, zh=model)
    if gpu_free >= needed_gb * GB:
        return Finding(
            name=name, value=Text(en=f"fits the GPU ({needed_gb:g} GB)", zh=f"GPU 可运行（{needed_gb:g} GB）")
        )
    if memory.available >= needed_gb * GB:
        return Finding(
            name=name, value=Text(en=f"fits the CPU ({needed_gb:g} GB)", zh=f"CPU 可运行（{needed_gb:g} GB）")
        )
    free = max(memory.available, gpu_free) / GB
    return Finding(
        name=name,
        value=Text(
            en=f"does not fit: needs {needed_gb:g} GB, {free:.1f} GB free",
            zh=f"放不下：需要 {needed_gb:g} GB，可用 {free:.1f} GB",
        ),
        state="note",
    )


def _python() -> Finding:
    version = platform.python_version()
    return Finding(name=Text(en="Python", zh="Python"), value=Text(en=version, zh=version))


def _torch(gpus: list[Gpu]) -> Finding:
    name = Text(en="PyTorch", zh="PyTorch")
    try:
        import torch  # a broken PyTorch is a finding, not a crash
    except (ImportError, OSError) as error:
        return Finding(
            name=name,
            value=Text(en=f"cannot be imported: {error}", zh=f"无法导入：{error}"),
            state="missing",
            remedy=Text(en="pip install --force-reinstall torch", zh="pip install --force-reinstall torch"),
        )
    value = Text(en=torch.__version__, zh=torch.__version__)
    if not gpus and shutil.which("nvidia-smi"):
        return Finding(
            name=name,
            value=value,
            state="missing",
            remedy=Text(
                en="there is an NVIDIA driver, but PyTorch sees no GPU: install a CUDA build that suits the driver "
                "(https://pytorch.org/get-started/locally)",
                zh="检测到 NVIDIA 驱动，但 PyTorch 看不到 GPU：请安装与驱动匹配的 CUDA 版本"
                "（https://pytorch.org/get-started/locally）",
            ),
        )
    return Finding(name=name, value=value if gpus else Text(en=f"{value.en}, CPU only", zh=f"{value.zh}，仅 CPU"))


def _gpus() -> list[Gpu]:
    try:
        import torch
    except (ImportError, OSError):
        return []
    found = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        found.append(Gpu(torch.cuda.get_device_name(index), total, free))
    return found


def _gpu(gpu: Gpu) -> Finding:
    return Finding(
        name=Text(en="GPU", zh="GPU"),
        value=Text(
            en=f"{gpu.name}, {gpu.total / GB:.1f} GB, {gpu.free / GB:.1f} GB free",
            zh=f"{gpu.name}，{gpu.total / GB:.1f} GB，可用 {gpu.free / GB:.1f} GB",
        ),
    )


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    value = Text(en=f"{usable} usable, {platform.machine()}", zh=f"可用 {usable} 个，{platform.machine()}")
    return Finding(name=Text(en="CPU cores", zh="CPU 核"), value=value)


def _requirements() -> list[str]:
    try:
        return metadata.requires("doctorglm") or []
    except metadata.PackageNotFoundError:
        return []


def _extra(requirement: Requirement) -> str:
    """The extra that asks for a requirement; the empty name for the core."""
    asked = re.search(r'extra == "([^"]+)"', str(requirement.marker))
    return asked[1] if asked else ""


def _group(extra: str, requirements: list[Requirement]) -> Finding:
    have: list[str] = []
    lack: list[str] = []
    for requirement in requirements:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            lack.append(f"{requirement.name}{requirement.specifier}")
            continue
        suits = requirement.specifier.contains(version, prereleases=True)
        (have if suits else lack).append(
            f"{requirement.name} {version}" + ("" if suits else f" (needs {requirement.specifier})")
        )
    name = Text(en=f"for {extra}", zh=f"{extra} 所需") if extra else Text(en="packages", zh="软件包")
    target = f'pip install "doctorglm[{extra}]"' if extra else "pip install doctorglm"
    if lack:
        value = Text(en=f"missing: {', '.join(lack)}", zh=f"缺少：{'、'.join(lack)}")
        return Finding(name=name, value=value, state="missing", remedy=Text(en=target, zh=target))
    return Finding(name=name, value=Text(en=", ".join(have), zh="、".join(have)))


def _fonts() -> Finding:
    name = Text(en="Chinese font", zh="中文字体")
    font = chinese_font([Path(folder).expanduser() for folder in _FONTS])
    if font:
        return Finding(name=name, value=Text(en=font, zh=font))
    return Finding(
        name=name,
        value=Text(
            en="none found; reports need one on the reader's machine", zh="未找到；阅读报告的电脑上需要中文字体"
        ),
        state="note",
        remedy=Text(en="for example: apt install fonts-noto-cjk", zh="例如：apt install fonts-noto-cjk"),
    )


def chinese_font(folders: Iterable[Path]) -> str | None:
    """The name of a font that has Chinese characters: as fontconfig says, else by file name in `folders`."""
    if shutil.which("fc-list"):
        listed = subprocess.run(
            ["fc-list", ":lang=zh", "family"], capture_output=True, text=True, timeout=30, check=False
        ).stdout.splitlines()
        if listed:
            return min(listed).split(",")[0]
    files = (file for folder in folders if folder.is_dir() for file in folder.rglob("*.[ot]t[fc]"))
    return next((f.stem for f in sorted(files) if f.stem.lower().replace("-", "").startswith(_CHINESE_FONTS)), None)


def _embedded() -> bool:
    return (Path(__file__).parent / "models" / "embedded" / "config.json").is_file()
