"""Which language is in force, and bytes that became text in the wrong way."""

import pytest

from doctorglm import language
from doctorglm.errors import ConfigError, DataError, DoctorGLMError, GateError, ModelError
from doctorglm.language import Text, readable, say


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "ZH_TW"}, "zh"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({}, "en"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "zh_CN.GBK", "LANG": "C"}, "zh"),
        ({"LC_ALL": "", "LC_MESSAGES": "zh_CN", "LANG": "en_US"}, "zh"),
    ],
)
def test_the_first_locale_variable_that_is_set_decides(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    language.choose(None)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language.current() == expected
    assert say(en="en", zh="zh") == expected
    assert str(Text(en="en", zh="zh")) == expected


def test_a_choice_stands_above_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    language.choose("zh")
    assert say(en="yes", zh="是") == "是"
    language.choose(None)
    assert say(en="yes", zh="是") == "yes"


def test_an_error_speaks_the_language_that_is_in_force_when_it_is_shown() -> None:
    error = DataError(en="no file", zh="没有文件")
    assert str(error) == "no file"
    language.choose("zh")
    assert str(error) == "没有文件"


def test_exit_codes_by_class() -> None:
    codes = {kind: kind(en="", zh="").exit_code for kind in (DoctorGLMError, ConfigError, DataError, ModelError)}
    assert set(codes.values()) == {2}
    assert GateError(en="", zh="").exit_code == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("样例.csv", "样例.csv"),
        ("样例.csv".encode().decode("ascii", "surrogateescape"), "样例.csv"),
        ("a" + "样".encode("gbk").decode("utf-8", "surrogateescape"), "a\\xd1\\xf9"),
        ("half \ud800", "half \ud800"),
    ],
)
def test_bytes_that_the_locale_could_not_decode_are_read_as_utf8(text: str, expected: str) -> None:
    assert readable(text) == expected
