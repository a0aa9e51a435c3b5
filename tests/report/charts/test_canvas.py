"""What the pictures need is said where it is missing."""

import importlib.util
import sys

import pytest

from doctorglm.errors import ConfigError
from doctorglm.report.charts import canvas


@pytest.mark.parametrize("package", ["altair", "vl_convert"])
def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    spec = importlib.util.spec_from_file_location("canvas_without_it", canvas.__file__)
    assert spec is not None and spec.loader is not None
    with pytest.raises(ConfigError, match=rf"{package}.*pip install 'doctorglm\[report\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
