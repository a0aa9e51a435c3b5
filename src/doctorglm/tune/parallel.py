"""`torchrun ... -m doctorglm tune`: several processes begin one run, what cannot work is refused first, and one that
ends ends all.

Process 0 alone writes and speaks; the others say what went wrong in them alone. torchrun notices a process that has
ended and ends the others, and each notices it itself when it waits for that one; either way the run goes on from its
last checkpoint when the same command is given again.
Source: https://docs.pytorch.org/docs/stable/elastic/run.html
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist

from doctorglm.errors import ConfigError, DataError, DoctorGLMError
from doctorglm.language import Text
from doctorglm.models.loading import base_folder, stored_quantization
from doctorglm.runs import Run, note
from doctorglm.tune.digest import digest
from doctorglm.tune.ranks import Several, ranks, started_by_torchrun, work_in
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.sharded import Sharded

LONGEST_WAIT = timedelta(hours=1)
"""For another process that is alive; process 0 may generate what is replayed while the others wait."""

_SECONDS_FOR_THE_FIRST = 3.0
"""In which process 0 says whether it has met the same error."""

_LOST = ("gloo", "NCCL", "Connection closed by peer", "Connection reset by peer", "Broken pipe", "Socket", "TCPStore")
"""In what torch says when another process has ended."""


_KEPT: list[BaseException] = []
"""What ended a run of several processes. While it is alive so are its frames and the model that they hold: freeing
DDP's reducer ends gloo's thread and waits for it with the interpreter locked, which that thread may want first (torch
2.13). `__main__` ends such a process without freeing anything."""


class Stage(Protocol):
    """`tune.stage.tune`."""

    def __call__(self, base: str, data: Path, out: Path, settings: TuneSettings, *, name: Text | None = None) -> Run:
        """See there."""
        ...


class EndedError(DoctorGLMError):
    """Another process of the run has ended before its time."""

    exit_code = 130


def together(stage: Stage) -> Stage:
    """The stage, in all processes that torchrun has started; those but the first end with it, by SystemExit."""

    @wraps(stage)
    def in_all(base: str, data: Path, out: Path, settings: TuneSettings, *, name: Text | None = None) -> Run:
        count = started_by_torchrun()
        refuse_what_cannot_work(base, settings, count)
        if count == 1:
            return stage(base, data, out, settings, name=name)
        try:
            with _joined(settings) as team, _told_to_end(team, out), _one_end(team, out):
                run = stage(base, data, out, settings, name=name)
        except BaseException as error:
            _KEPT.append(error)
            raise
        if not team.first:
            raise SystemExit(0)
        return run

    return in_all


def refuse_several(what: str) -> None:
    """Raises ConfigError where torchrun has started several processes of something that runs in one."""
    if (count := started_by_torchrun()) > 1:
        raise ConfigError(
            en=f"{what} runs in one process, and torchrun has started {count}. Start it without torchrun; only `tune` "
            "is shared out.",
            zh=f"{what} 只在单个进程中运行，而 torchrun 启动了 {count} 个。请不用 torchrun 启动；"
            "只有 tune 支持多进程。",
        )


def refuse_what_cannot_work(base: str, settings: TuneSettings, count: int) -> None:
    """Raises ConfigError before anything is loaded, by settings, config.json and the number of processes."""
    if settings.sharding == "none":
        return
    packed = settings.quantization if settings.method == "qlora" else stored_quantization(base_folder(base))
    if count == 1:
        raise _refused(
            en="there is one process. Start it by torchrun --nproc-per-node N -m doctorglm tune ..., or leave it out",
            zh="只有一个进程。请用 torchrun --nproc-per-node N -m doctorglm tune ... 启动，或去掉该设置",
        )
    if packed is not None:
        raise _refused(
            en=f"a base in {packed} is packed, and FSDP2 cannot part packed weights. Use sharding=none: each process "
            "then has the packed base",
            zh=f"基座为 {packed} 打包权重，FSDP2 无法切分。请用 sharding=none，每个进程各有一份打包的基座",
        )
    if settings.optimizer == "muon":
        raise _refused(
            en="optimizer=muon turns whole matrices, of which each process has a part. Use adamw or lion, or "
            "sharding=none",
            zh="optimizer=muon 需要完整的矩阵，而每个进程只有一部分。请用 adamw 或 lion，或 sharding=none",
        )
    if settings.compile:
        raise _refused(
            en="compile=true is for layers that stay whole. Leave compile out, or use sharding=none",
            zh="compile=true 只适用于完整的层。请去掉 compile，或用 sharding=none",
        )


def _refused(*, en: str, zh: str) -> ConfigError:
    return ConfigError(en=f"sharding=full: {en}.", zh=f"sharding=full：{zh}。")


class Followed(Run):
    """What the other processes have in place of process 0's run: it knows what is run, and writes nothing."""

    def __init__(self, identity: Mapping[str, Any], finished: bool) -> None:
        self.record = {"status": "finished" if finished else "running"}
        self._known = dict(identity)

    @property
    def identity(self) -> dict[str, Any]:
        """As process 0 has it."""
        return self._known

    def finish(self, **_: Any) -> None:
        """Nothing."""


def refuse_different(settings: Mapping[str, Any], inputs: Mapping[str, str]) -> None:
    """Raises DataError in all processes when they were given different settings or inputs (name -> sha256)."""
    if len(set(ranks().gathered(digest([settings, inputs])))) > 1:
        raise DataError(
            en="the processes of this run were given different bases, data or settings. Give all of them the same "
            "command, and every machine the same files.",
            zh="本次运行的各进程得到的基座、数据或设置不同。请让所有进程使用同一命令，每台机器使用相同的文件。",
        )


def opened_together(opened: Callable[[], Run]) -> Run:
    """The run, which process 0 opens."""
    team = ranks()
    own = opened() if team.first else None
    identity, finished = team.from_first(lambda: (own.identity, own.finished) if own else ({}, False))
    return own or Followed(identity, finished)


@contextmanager
def _joined(settings: TuneSettings) -> Iterator[Several]:
    """The team, while torch connects its processes; all but the first are silent."""
    device = _own_device()
    backend = "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, timeout=LONGEST_WAIT)
    kind = Several if settings.sharding == "none" else Sharded
    team = kind(dist.get_rank(), dist.get_world_size(), device=device)
    work_in(team)
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            if team.first:
                yield team
            else:
                with redirect_stdout(nowhere), redirect_stderr(nowhere):
                    yield team
    finally:
        work_in(None)
        with suppress(Exception):  # what is left of the connection, perhaps of one that was lost
            dist.destroy_process_group()


def _own_device() -> torch.device:
    """This process's GPU, by its number on the machine; raises ConfigError when there are fewer GPUs than processes."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    place, here = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if place >= here:
        raise ConfigError(
            en=f"process {place} of this machine has no GPU: {here} are there. Start --nproc-per-node {here}.",
            zh=f"本机第 {place} 个进程没有 GPU：共有 {here} 块。请用 --nproc-per-node {here} 启动。",
        )
    torch.cuda.set_device(place)
    return torch.device("cuda", place)


@contextmanager
def _one_end(team: Several, out: Path) -> Iterator[None]:
    """An error ends every process, and is said once: by process 0, or by the one that alone has met it."""
    try:
        yield
    except DoctorGLMError:
        if team.first:
            _tell("itself")
        elif _asked() == "itself":
            raise SystemExit(DoctorGLMError.exit_code) from None
        raise
    except KeyboardInterrupt:
        if not team.first:
            raise SystemExit(EndedError.exit_code) from None
        raise
    except Exception as error:
        if not _is_of_another(error):
            raise
        if not team.first:
            raise SystemExit(EndedError.exit_code) from None
        _tell("another")
        raise _ended(team, out) from error


def _tell(cause: str) -> None:
    with suppress(Exception):
        _store().set("doctorglm ended", cause)


def _asked() -> str:
    """What process 0 has said of its own end, in the seconds that it is given; "" for nothing."""
    try:
        _store().wait(["doctorglm ended"], timedelta(seconds=_SECONDS_FOR_THE_FIRST))
        return bytes(_store().get("doctorglm ended")).decode()
    except Exception:  # torch raises several kinds, when it has waited long enough and when the store has gone
        return ""


def _store() -> Any:
    from torch.distributed.distributed_c10d import _get_default_store

    return _get_default_store()


def _is_of_another(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that another process cannot be reached."""
    while error is not None:
        if isinstance(error, dist.DistError) or any(sign in str(error) for sign in _LOST):
            return True
        error = error.__cause__ or error.__context__
    return False


def _ended(team: Several, out: Path) -> EndedError:
    newest = max((int(p.stem.rpartition("-")[2]) for p in (out / "checkpoints").glob("step-*.pt")), default=0)
    after = Text(
        en=f"goes on after step {newest}, whose checkpoint is whole" if newest else "begins at step 1",
        zh=f"从第 {newest} 步之后继续，该步的检查点完好" if newest else "从第 1 步开始",
    )
    return EndedError(
        en=f"{out}: another of the {team.count} processes of this run has ended before its time, or all were told to "
        f"end. Nothing is half-written. Give the same command again; it {after.en}.",
        zh=f"{out}：本次运行的 {team.count} 个进程中有一个提前结束，或全部被要求结束。没有写了一半的文件。"
        f"请再次运行同一命令；它会{after.zh}。",
    )


@contextmanager
def _told_to_end(team: Several, out: Path) -> Iterator[None]:
    """Within it SIGTERM, which torchrun sends when a process has ended, ends this one with a word.

    A thread waits for it, since the process itself may be waiting within torch, where no Python code runs.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    ending = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    woken = signal.set_wakeup_fd(writer)

    def wait() -> None:
        while not ending.is_set():
            came = os.read(reader, 1)
            if came == bytes([signal.SIGINT]):  # the process itself answers Ctrl-C, and has a checkpoint to write
                ending.set()
            if came == bytes([signal.SIGTERM]) and not ending.is_set():
                if team.first:
                    note(en=_ended(team, out).text.en, zh=_ended(team, out).text.zh)
                    sys.stderr.flush()
                os._exit(128 + signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
    try:
        yield
    finally:
        ending.set()
        signal.set_wakeup_fd(woken)
        signal.signal(signal.SIGTERM, before)
        os.write(writer, b"\0")
