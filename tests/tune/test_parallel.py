"""What ended a run of several processes stays, so that nothing that it holds is freed before the process ends."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from doctorglm.errors import DataError
from doctorglm.tune import TuneSettings, parallel


def test_the_error_of_one_of_several_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    error = DataError(en="no data", zh="没有数据")

    def stage(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(parallel, "_KEPT", [])
    monkeypatch.setattr(parallel, "refuse_what_cannot_work", lambda *_: None)
    for name in ("_joined", "_told_to_end", "_one_end"):
        monkeypatch.setattr(parallel, name, lambda *_: nullcontext())
    for processes, kept in ((1, []), (2, [error])):
        monkeypatch.setattr(parallel, "started_by_torchrun", lambda count=processes: count)
        with pytest.raises(DataError, match="no data"):
            parallel.together(stage)("base", Path("data"), Path("out"), TuneSettings())
        assert kept == parallel._KEPT
