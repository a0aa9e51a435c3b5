"""Invented identifiers of every type and the phrases that carry them, for benchmarks/deid_injection.py.

Written for that benchmark alone, from lists of its own (sets/injection): neither from the rules nor from what replaces.
Nobody is meant: mobile prefixes without subscribers, identity numbers with the serial 000, places that are invented.
"""

import random
from collections.abc import Callable
from pathlib import Path

import yaml

_TOLD = yaml.safe_load((Path(__file__).parent / "sets/injection/carriers.yaml").read_text(encoding="utf-8"))
_WORDS = {name: words.split() for name, words in _TOLD["words"].items()}


def _n(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def name(chance: random.Random) -> str:
    if chance.random() < 0.05:
        return chance.choice(_WORDS["minority"])
    family = chance.choice(_WORDS["compound"]) if chance.random() < 0.04 else chance.choice(_WORDS["surnames"])
    return family + chance.choice(_WORDS["given"])


def surname(chance: random.Random) -> str:
    return chance.choice(_WORDS["compound"]) if chance.random() < 0.04 else chance.choice(_WORDS["surnames"])


def small(chance: random.Random) -> str:
    return chance.choice("小老") + chance.choice(_WORDS["surnames"])


def mobile(chance: random.Random) -> str:
    head, middle, end = chance.choice(("164", "154", "163", "169", "142", "160")), _n(chance, 4), _n(chance, 4)
    return chance.choice(
        (f"{head}{middle}{end}",) * 4 + (f"{head} {middle} {end}", f"{head}-{middle}-{end}", f"+86 {head}{middle}{end}")
    )


def landline(chance: random.Random) -> str:
    area = chance.choice(("010", "021", "023", "0371", "0512", "0755", "0898"))
    number = "1" + _n(chance, 7 if len(area) == 3 else chance.choice((6, 7)))
    return chance.choice(
        (
            f"{area}-{number}",
            f"{area}{number}",
            f"({area}){number}",
            f"{area} {number}",
            f"{area}-{number}转{_n(chance, 3)}",
        )
    )


def id_card(chance: random.Random) -> str:
    body = chance.choice(("110105", "320102", "410102", "440106", "510107"))
    body += f"{chance.randrange(1940, 2015)}{chance.randrange(1, 13):02d}{chance.randrange(1, 29):02d}000"
    total = sum(int(digit) * (1 << (17 - i)) for i, digit in enumerate(body))
    return body + "0123456789X"[(12 - total % 11) % 11]


def bank_card(chance: random.Random) -> str:
    body = chance.choice(("622848", "621700", "622202", "621226")) + _n(chance, chance.choice((9, 12)))
    doubled = [int(digit) * (2 - i % 2) for i, digit in enumerate(reversed(body))]
    number = body + str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)
    return number if chance.random() < 0.6 else " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def wechat(chance: random.Random) -> str:
    word = "".join(
        chance.choice(("li", "na", "xiao", "yang", "mei", "hao", "feng", "lu", "tian", "dou")) for _ in range(2)
    )
    return chance.choice(
        (
            f"wxid_{_n(chance, 3)}{word}",
            f"{word}{_n(chance, 4)}",
            f"{word}_{_n(chance, 2)}",
            f"{word}-{word[:2]}",
            f"{word}lin",
        )
    )


def qq(chance: random.Random) -> str:
    return chance.choice("123456789") + _n(chance, chance.randrange(6, 10))


def email(chance: random.Random) -> str:
    who = chance.choice(("mei", "hao", "xu.lin", "zhou_min", "tang"))
    return f"{who}{_n(chance, 3)}@{chance.choice(('mail', 'post', 'inbox'))}.example"


def url(chance: random.Random) -> str:
    path = "".join(chance.choice("abcdefghkmnp23456789") for _ in range(6))
    return chance.choice(
        (
            f"https://www.clinic-{path[:3]}.example/{path}",
            f"http://m.report{path[:2]}.example/p?id={path}",
            f"www.{path[:3]}.example.com/{path}",
        )
    )


def address(chance: random.Random) -> str:
    door = f"{chance.randrange(1, 30)}号楼{chance.randrange(1, 5)}单元{chance.randrange(101, 2909)}"
    home = chance.choice(_WORDS["estates"]) + door
    road = f"{chance.choice(_WORDS['roads'])}{chance.choice(('路', '街', '大道', '东路'))}{chance.randrange(1, 400)}号"
    city, county = f"{chance.choice(_WORDS['cities'])}市", f"{chance.choice(_WORDS['counties'])}县"
    town = f"{county}{chance.choice(('城关', '河口', '石桥', '白马'))}镇"
    village = f"{town}{chance.choice(_WORDS['villages'])}{chance.randrange(1, 12)}组"
    return chance.choice((city + road, road + home, city + home, city + road + home, village))


def hospital(chance: random.Random) -> str:
    bed = f"{chance.choice('一二三东南')}病区{chance.randrange(1, 60)}床"
    ward = chance.choice(_WORDS["departments"]) + bed
    city = chance.choice(_WORDS["cities"])
    house = chance.choice(
        (
            f"{city}市人民医院",
            f"{city}市第{chance.choice('一二三四五')}人民医院",
            f"{city}市中医院",
            f"{city}妇幼保健院",
            f"{city}大学附属医院",
            f"{chance.choice(_WORDS['counties'])}县中医院",
            f"{city}康复医院",
        )
    )
    return ward if chance.random() < 0.3 else house


def mrn(chance: random.Random) -> str:
    return chance.choice(
        (
            _n(chance, 8),
            f"{chance.choice('ABCDHKMZ')}{_n(chance, 7)}",
            f"20{_n(chance, 2)}{_n(chance, 7)}",
            f"{chance.choice(('CT', 'MR', 'BL', 'ZY'))}{_n(chance, 8)}",
            f"{_n(chance, 4)}-{_n(chance, 5)}",
        )
    )


def plate(chance: random.Random) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    number = "".join(chance.choice("0123456789" if i != 1 else letters) for i in range(5))
    green = chance.choice("DF") + _n(chance, 5)
    return (
        chance.choice("京沪粤苏浙鲁豫川鄂湘")
        + chance.choice("ABCDEF")
        + chance.choice(("", "·"))
        + chance.choice((number, number, green))
    )


def day(chance: random.Random) -> str:
    year, month, date = chance.randrange(1950, 2026), chance.randrange(1, 13), chance.randrange(1, 29)
    return chance.choice(
        (
            f"{year}年{month}月{date}日",
            f"{year}年{month}月{date}日",
            f"{year}-{month:02d}-{date:02d}",
            f"{year}.{month}.{date}",
            f"{year}/{month}/{date}",
            f"{month}月{date}日",
            f"{month}月{date}号",
        )
    )


def age(chance: random.Random) -> str:
    years = chance.randrange(90, 105)
    tens = "九十" + "一二三四五六七八九"[years % 9]
    return chance.choice((f"{years}岁", f"{years}岁", f"{years}周岁", f"{tens}岁", f"{years}岁高龄"[:-2]))


Generator = Callable[[random.Random], str]

_GENERATORS: dict[str, tuple[Generator, ...]] = {
    "name": (name, surname, small),
    "mobile": (mobile,),
    "landline": (landline,),
    "id_card": (id_card,),
    "bank_card": (bank_card,),
    "wechat": (wechat,),
    "qq": (qq,),
    "email": (email,),
    "url": (url,),
    "address": (address,),
    "hospital": (hospital,),
    "mrn": (mrn,),
    "plate": (plate,),
    "date": (day,),
    "age": (age,),
}
CARRIERS: dict[str, tuple[tuple[Generator, list[str]], ...]] = {
    kind: tuple((made, _TOLD["phrases"][made.__name__]) for made in generators)
    for kind, generators in _GENERATORS.items()
}
"""Type -> (generator, phrases): what a patient or a relative may write, the identifier at `{}`."""
