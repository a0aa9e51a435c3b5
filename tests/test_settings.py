"""Settings: the nearest name, types that are what they say, overrides."""

import ast
import inspect
import itertools
import textwrap
from dataclasses import field
from typing import Any, Literal

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm import language
from doctorglm.curate import CurateSettings
from doctorglm.engine import Sampling
from doctorglm.errors import ConfigError
from doctorglm.evaluate import EvaluateSettings, GateSettings
from doctorglm.plan import PlanSettings
from doctorglm.settings import STRICT, build, nearest, parse_overrides, plain, scalar
from doctorglm.tune import TuneSettings
from doctorglm.tune.pretrain import PretrainSettings
from doctorglm.tune.search import SearchSettings

ALL: list[type[Any]] = [
    CurateSettings,
    TuneSettings,
    PretrainSettings,
    SearchSettings,
    EvaluateSettings,
    GateSettings,
    PlanSettings,
    Sampling,
]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Shape:
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    epochs: int = Field(default=3, ge=1)
    method: Literal["lora", "full"] = "lora"
    rslora: bool = False
    targets: str = "all"
    names: list[str] = field(default_factory=list)
    limit: int | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Needy:
    base: str


def refused(values: Any, kind: type[Any] = Shape) -> str:
    with pytest.raises(ConfigError) as caught:
        build(kind, values, "tune")
    return str(caught.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("lr", "learning_rate"), ("learning_rte", "learning_rate"), ("epoch", "epochs"), ("rs_lora", "rslora")],
)
def test_an_unknown_setting_names_the_nearest(typed: str, meant: str) -> None:
    assert refused({typed: 1}) == f"tune: unknown setting `{typed}`; did you mean `{meant}`?"
    language.choose("zh")
    assert refused({typed: 1}) == f"tune：没有名为 `{typed}` 的设置；是否要写 `{meant}`？"


def test_an_unknown_setting_near_nothing_lists_all() -> None:
    message = refused({"zzz": 1})
    assert all(name in message for name in plain(Shape()))
    assert "1" in refused({1: 2})


def test_lr_is_the_learning_rate_of_the_real_settings() -> None:
    assert "did you mean `learning_rate`?" in refused({"lr": 0.1}, TuneSettings)
    assert nearest("splts", ["splits", "seed"]) == "splits"
    assert nearest("zzz", ["splits", "seed"]) is None


@pytest.mark.parametrize(
    ("values", "en", "zh"),
    [
        ({"learning_rate": "abc"}, "learning_rate=abc: a number is needed. The default is 0.001.", "应为数字"),
        ({"learning_rate": True}, "learning_rate=true: a number is needed. The default is 0.001.", "应为数字"),
        ({"learning_rate": None}, "learning_rate=None: a number is needed", "应为数字"),
        ({"learning_rate": [1]}, "learning_rate=[1]: a number is needed", "应为数字"),
        ({"learning_rate": float("nan")}, "learning_rate=nan: ", "learning_rate=nan"),
        ({"learning_rate": 0}, "learning_rate=0: it must be above 0", "应大于 0"),
        ({"learning_rate": 2}, "learning_rate=2: it must be at most 1", "不应大于 1"),
        ({"epochs": 0}, "epochs=0: it must be at least 1. The default is 3.", "不应小于 1。默认值是 3。"),
        ({"epochs": 2.5}, "epochs=2.5: a whole number is needed", "应为整数"),
        ({"epochs": "two"}, "epochs=two: a whole number is needed", "应为整数"),
        ({"epochs": False}, "epochs=false: ", "epochs=false"),
        ({"limit": True}, "limit=true: a number is needed", "应为数字"),
        (
            {"method": "qlora"},
            "method=qlora: it must be 'lora' or 'full'. The default is lora.",
            "可选 'lora' or 'full'",
        ),
        ({"rslora": "maybe"}, "rslora=maybe: true or false is needed. The default is false.", "应为 true 或 false"),
        ({"targets": [1]}, "targets=[1]: text is needed", "应为文字"),
        ({"names": "a"}, "names=a: a list is needed, as [a, b]", "应为列表"),
        (5, "settings are KEY: VALUE pairs, not 5", "设置应为若干"),
        ("lr", "settings are KEY: VALUE pairs, not 'lr'", "设置应为若干"),
        ([1], "settings are KEY: VALUE pairs, not [1]", "设置应为若干"),
    ],
)
def test_a_wrong_value_is_named_in_both_languages(values: Any, en: str, zh: str) -> None:
    message = refused(values)
    assert message.startswith("tune: ") and en in message
    language.choose("zh")
    message = refused(values)
    assert zh in message
    assert "Input should" not in message


def test_a_missing_value() -> None:
    assert refused({}, Needy) == "tune: `base` is missing. Give it as base=VALUE."
    language.choose("zh")
    assert refused({}, Needy) == "tune：缺少 `base`。请写 base=值。"


@pytest.mark.parametrize(
    ("values", "name", "value"),
    [
        ({"learning_rate": "1e-3"}, "learning_rate", 0.001),
        ({"learning_rate": 1}, "learning_rate", 1.0),
        ({"epochs": 2.0}, "epochs", 2),
        ({"epochs": "4"}, "epochs", 4),
        ({"rslora": True}, "rslora", True),
        ({"rslora": "yes"}, "rslora", True),
        ({"targets": 2026}, "targets", "2026"),
        ({"limit": None}, "limit", None),
        ({"limit": 7}, "limit", 7),
    ],
)
def test_values_as_people_write_them(values: Any, name: str, value: Any) -> None:
    built = getattr(build(Shape, values, ""), name)
    assert built == value and type(built) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E-3", 0.001),
        ("1.0e-3", 0.001),
        ("0.5", 0.5),
        ("7", 7),
        ("true", True),
        ("null", None),
        ("", None),
        ("lora", "lora"),
        ("[a, b]", ["a", "b"]),
        ("[a, b", "[a, b"),
        ("a: b: c", "a: b: c"),
        ("2026-13-45", "2026-13-45"),
        ("train=0.8,test=0.2", "train=0.8,test=0.2"),
        ("头痛", "头痛"),
    ],
)
def test_a_scalar(text: str, value: Any) -> None:
    found = scalar(text)
    assert found == value and type(found) is type(value)


def test_overrides_are_split_at_the_first_equals_sign() -> None:
    found = parse_overrides(["curate.splits=train=0.8,test=0.2", "tune.learning_rate=1e-3", " epochs =2"])
    assert found == {"curate.splits": "train=0.8,test=0.2", "tune.learning_rate": 0.001, "epochs": 2}


@pytest.mark.parametrize("pair", ["epochs", "=3", " =3", "--epochs"])
def test_what_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(ConfigError, match="is not KEY=VALUE"):
        parse_overrides([pair])


@pytest.mark.parametrize("kind", ALL)
def test_every_default_is_valid_and_survives_a_round_trip(kind: type[Any]) -> None:
    assert build(kind, plain(kind()), "") == kind()


@pytest.mark.parametrize("kind", ALL)
def test_every_field_says_what_it_is(kind: type[Any]) -> None:
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    for statement, following in itertools.zip_longest(body.body, body.body[1:]):
        if isinstance(statement, ast.AnnAssign):
            assert isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant), ast.unparse(statement)
