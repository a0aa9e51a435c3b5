"""`open_engine`: which engine a MODEL is."""

import sys
from pathlib import Path

import pytest

from doctorglm.clinical.masking import masked_together
from doctorglm.conversation import Message
from doctorglm.engine import Sampling
from doctorglm.engine.http import HttpEngine
from doctorglm.engine.requests import HttpSettings
from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.local_engine import LocalEngine, ends_in_loop
from doctorglm.models.opening import open_engine

SERVER = "http://127.0.0.1:9/v1#tiny"


def test_a_folder(folder: Path) -> None:
    engine = open_engine(str(folder))
    assert isinstance(engine, LocalEngine) and engine.name == str(folder)
    assert engine.batch([[Message("user", "头疼")]], Sampling(max_new_tokens=2))[0].tokens > 0


def test_an_adapter_that_is_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not an adapter"):
        open_engine(str(folder), tmp_path)


def test_a_server() -> None:
    engine = open_engine(SERVER, settings=HttpSettings(concurrency=3))
    assert isinstance(engine, HttpEngine) and engine.name == "tiny"
    assert engine.settings.concurrency == 3
    assert engine._loops is ends_in_loop
    engine.close()


def test_a_server_elsewhere() -> None:
    with pytest.raises(ConfigError, match="--allow-remote"):
        open_engine("https://api.example.com/v1#m")
    engine = open_engine("https://api.example.com/v1#m", allow_remote=True)
    assert isinstance(engine, HttpEngine) and engine._mask is masked_together
    engine.close()


def test_a_server_has_its_own_adapter(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a server chooses its own adapter"):
        open_engine(SERVER, tmp_path)


def test_without_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "doctorglm.engine.http")
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ConfigError, match=r"openai is not installed.*pip install 'doctorglm\[evaluate\]'"):
        open_engine(SERVER)
