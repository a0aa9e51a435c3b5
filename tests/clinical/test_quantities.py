"""Numbers with units; what is expected is worked out by hand."""

import time

import pytest

from doctorglm.clinical.numerals import between, value
from doctorglm.clinical.quantities import quantities


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("十", 10),
        ("两", 2),
        ("半", 0.5),
        ("三十八", 38),
        ("一百二", 120),
        ("一百零五", 105),
        ("一百二十", 120),
        ("三百", 300),
        ("一二〇", 120),
        ("三十七点五", 37.5),
        ("39,4", 39.4),
        ("两半", 2.5),
        ("一千五", 1500),
        ("十百", None),
        ("0.25", 0.25),
    ],
)
def test_value(written: str, number: float | None) -> None:
    assert value(written) == number


def test_between() -> None:
    assert between("三四") == (3, 4) and between("十五六") == (15, 16) and between("两三") == (2, 3)
    assert between("三十") == (30, None) and between("十百") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("发烧38度5", [("temperature", 38.5, None, "°C", "")]),
        ("三十八度半", [("temperature", 38.5, None, "°C", "")]),
        ("最高39,4℃", [("temperature", 39.4, None, "°C", "")]),
        ("體溫３８．５度", [("temperature", 38.5, None, "°C", "")]),
        ("39度以上", [("temperature", 39, None, "°C", ">=")]),
        ("体温37.5～37.8", [("temperature", 37.5, 37.8, "°C", "")]),
        ("101.3°F", [("temperature", 38.5, None, "°C", "")]),
        ("近视200度", []),
        ("血压160/100mmHg", [("systolic", 160, None, "mmHg", ""), ("diastolic", 100, None, "mmHg", "")]),
        ("BP 21.3/13.3 kPa", [("systolic", 159.8, None, "mmHg", ""), ("diastolic", 99.8, None, "mmHg", "")]),
        ("高压170，低压95", [("systolic", 170, None, "mmHg", ""), ("diastolic", 95, None, "mmHg", "")]),
        ("5/6号去的", []),
        ("心率120次/分", [("heart_rate", 120, None, "/min", "")]),
        ("呼吸40次/分", [("respiratory_rate", 40, None, "/min", "")]),
        ("空腹血糖7.1", [("glucose", 7.1, None, "mmol/L", "")]),
        ("血糖 180.16 mg/dl", [("glucose", 10, None, "mmol/L", "")]),
        ("血氧92%", [("oxygen_saturation", 92, None, "%", "")]),
        ("布洛芬400mg", [("dose", 400, None, "mg", "")]),
        ("头孢0.25g tid", [("dose", 250, None, "mg", ""), ("frequency", 3, None, "/d", "")]),
        ("优甲乐50μg", [("dose", 0.05, None, "mg", "")]),
        ("每天3次，每次2片", [("frequency", 3, None, "/d", ""), ("count", 2, None, "片", "")]),
        ("every 8 hours", [("frequency", 3, None, "/d", "")]),
        ("一天拉四五次", [("frequency", 4, 5, "/d", "")]),
        ("超过2周", [("duration", 14, None, "d", ">")]),
        ("咳了三四天", [("duration", 3, 4, "d", "")]),
        ("5-7天", [("duration", 5, 7, "d", "")]),
        ("2016年12月", []),
        ("体重28斤", [("weight", 14, None, "kg", "")]),
        ("5ml", [("volume", 5, None, "mL", "")]),
        ("身高1.2米", [("length", 120, None, "cm", "")]),
    ],
)
def test_quantities(text: str, wanted: list[tuple[object, ...]]) -> None:
    found = quantities(text)
    assert [(q.kind, q.value, q.upper, q.unit, q.comparator) for q in found] == wanted
    assert all(text[q.start : q.end] == q.text for q in found)


@pytest.mark.parametrize("piece", ["1", "三", "38度", "160/", "体温 ", "3到", "1."])
def test_a_near_match_takes_no_longer_than_its_length(piece: str) -> None:
    begun = time.process_time()
    quantities(piece * (200_000 // len(piece)))
    assert time.process_time() - begun < 5
