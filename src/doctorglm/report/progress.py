"""One line per stage on stderr while it runs: name, bar, note and time left; plain lines when not a terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from doctorglm.language import Text

_PLAIN_EVERY_S = 20.0


class Line(Protocol):
    """A stage's line."""

    def update(self, done: float, note: str = "") -> None:
        """Sets how much is done, and a short remark such as the loss."""


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def update(self, done: float, note: str = "") -> None:
        self._progress.update(self._task, completed=done, note=note)


class _Plain:
    def __init__(self, console: Console, name: str, total: float) -> None:
        self._console, self._name, self._total = console, name, max(total, 1)
        self._last = time.monotonic()

    def update(self, done: float, note: str = "") -> None:
        if time.monotonic() - self._last >= _PLAIN_EVERY_S or done >= self._total:
            self._last = time.monotonic()
            self._console.print(f"{self._name} {100 * done / self._total:.0f}% {note}", highlight=False, markup=False)


@contextmanager
def progress_line(name: Text, total: float) -> Iterator[Line]:
    """Shows a stage while the block runs; `total` is in the unit that `update` is called with."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Plain(console, str(name), total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress, progress.add_task(str(name), total=total, note=""))
