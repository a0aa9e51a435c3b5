"""Departments under their usual name; what is unknown stays as it is."""

from importlib import resources

import pytest

from doctorglm.curate.departments import _names, canonical


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("心内科", "心血管内科"),
        ("心血管内科", "心血管内科"),
        ("心血管科", "心血管内科"),
        (" Cardiology ", "心血管内科"),
        ("内科/心内科", "心血管内科"),
        ("内科>消化科", "消化内科"),
        ("内科-肾病科", "肾内科"),
        ("Internal Medicine", "内科"),
        ("ＥＮＴ", "耳鼻喉科"),
        ("普通内科", "内科"),
        ("传染病科", "感染科"),
        ("内科/某某科", "内科"),
        ("家居健康", "家居健康"),
        ("某某科/别的", "某某科/别的"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_usual_names(name: str, usual: str) -> None:
    assert canonical(name) == usual


def test_a_usual_name_is_its_own_and_no_name_is_listed_twice() -> None:
    assert all(canonical(name) == name for name in _names().values())
    text = resources.files("doctorglm.curate").joinpath("department_words.txt").read_text(encoding="utf-8")
    words = [word for line in text.splitlines() if not line.startswith("#") for word in line.split()]
    assert len(words) == len(set(words)) == len(_names())
