"""Settings of curation from text, and what is wrong with wrong ones."""

import pytest

from doctorglm.curate.settings import CurateSettings, parse_splits
from doctorglm.errors import ConfigError
from doctorglm.settings import build, parse_overrides


def test_splits_from_text_and_from_a_mapping() -> None:
    text = "pretrain=0.40, train=0.405,valid=0.045,test=0.15"
    expected = {"pretrain": 0.40, "train": 0.405, "valid": 0.045, "test": 0.15}
    assert parse_splits(text) == parse_splits(expected) == expected
    assert build(CurateSettings, parse_overrides([f"splits={text}"]), "curate").splits == expected
    assert list(build(CurateSettings, {}, "curate").splits) == ["train", "valid", "test"]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("train=0.8,test=0.1", "add up to 0.9"),
        ("train=0.5,train=0.5", "its own name"),
        ("rejected=1", "its own name"),
        ("../x=1", "its own name"),
        ("=1", "its own name"),
        ("train", "not a share"),
        ("train=most,test=0.1", "train='most'"),
        ("train=1.5,test=-0.5", "train='1.5'"),
        ({"train": float("nan")}, "not a share"),
        ({"train": True, "test": 0}, "not a share"),
        (7, "not a share"),
    ],
)
def test_wrong_splits(value: object, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        build(CurateSettings, {"splits": value}, "curate")


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean `near_duplicate_threshold`"):
        build(CurateSettings, {"near_duplicates_treshold": 0.5}, "curate")


@pytest.mark.parametrize("pair", ["limit=0", "near_duplicate_threshold=0", "near_duplicate_threshold=1.1", "seed=x"])
def test_values_out_of_range(pair: str) -> None:
    with pytest.raises(ConfigError, match=pair.split("=")[0]):
        build(CurateSettings, parse_overrides([pair]), "curate")


@pytest.mark.parametrize("value", ["a,b", " a , b,", ["a", "b"]])
def test_names_come_from_the_command_line_or_from_a_recipe(value: object) -> None:
    settings = build(CurateSettings, {"only": value, "held_out": value}, "curate")
    assert settings.only == settings.held_out == ["a", "b"]


def test_held_out_takes_the_place_of_the_test_part() -> None:
    settings = build(CurateSettings, {"splits": "train=0.6,valid=0.2,test=0.2", "held_out": "a"}, "curate")
    assert settings.shares == {"train": pytest.approx(0.75), "valid": pytest.approx(0.25)}
    assert settings.parts == ["train", "valid", "test"]
