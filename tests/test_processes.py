"""Work in other processes: its order, how much is in hand, errors, and how the processes end."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doctorglm.errors import DataError
from doctorglm.processes import spread


def _half(number: int) -> tuple[int, float]:
    return os.getpid(), number / 2


def _refuse(number: int) -> int:
    if number == 5:
        raise DataError(en=f"{number} is wrong. Take another.", zh=f"{number} 不对，请换一个。")
    return number


def test_results_come_in_the_order_of_the_items_from_another_process() -> None:
    with spread(1) as over:
        done = list(over.map(_half, range(40)))
    assert [result for _, result in done] == [number / 2 for number in range(40)]
    assert os.getpid() not in {pid for pid, _ in done}


@pytest.mark.parametrize(("count", "items"), [(0, 40), (2, 2)])
def test_without_another_process_and_for_little_work_it_is_done_here(count: int, items: int) -> None:
    with spread(count) as over:
        assert {pid for pid, _ in over.map(_half, range(items))} == {os.getpid()}


def test_an_error_keeps_what_it_says_in_both_languages() -> None:
    with spread(1) as over, pytest.raises(DataError) as raised:
        list(over.map(_refuse, range(40)))
    assert (raised.value.text.en, raised.value.text.zh) == ("5 is wrong. Take another.", "5 不对，请换一个。")


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    program = f"""
import time
from pathlib import Path
from doctorglm.processes import spread
from tests_of_workers import name_yourself
if __name__ == "__main__":
    with spread(2) as over:
        list(over.map(name_yourself, [Path({str(tmp_path)!r})] * 8))
        time.sleep(600)
"""
    (tmp_path / "tests_of_workers.py").write_text(
        "import os, time\ndef name_yourself(folder):\n    (folder / f'{os.getpid()}.pid').touch(); time.sleep(0.2)\n"
    )
    (tmp_path / "main.py").write_text(program, "utf-8")
    process = subprocess.Popen([sys.executable, str(tmp_path / "main.py")], cwd=tmp_path)
    _wait(lambda: len(list(tmp_path.glob("*.pid"))) >= 2)
    process.kill()
    process.wait()
    others = {int(path.stem) for path in tmp_path.glob("*.pid")} - {process.pid}
    assert len(others) == 2
    _wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in others))


def test_no_more_items_are_read_than_are_worked_on() -> None:
    read = 0

    def items() -> Any:
        nonlocal read
        for item in range(50):
            read += 1
            yield item

    with spread(2) as over:
        for result in over.map(abs, items()):
            assert read <= result + 8
    assert read == 50


def _wait(until: Callable[[], bool], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < end
        time.sleep(0.05)
