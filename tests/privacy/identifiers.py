"""Invented identifiers of every type in sentences that carry them, for the tests beside: each literal is unique.

Nobody is meant: mobile prefixes without subscribers, identity numbers with the serial 000, invented places and names.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

TYPES = (
    "name", "mobile", "landline", "id_card", "bank_card", "wechat", "qq", "email", "url", "address", "hospital",
    "mrn", "plate", "date", "age",
)  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """An identifier, and a sentence that holds it once."""

    type: str
    literal: str
    sentence: str


def planted(language: str, seed: int = 0) -> list[Planted]:
    """Identifiers of all types in sentences of this language, `zh` or `en`, in an order that mixes the types."""
    draw = random.Random(f"{language} {seed}")
    of_type = {kind: list(_made(kind, language, draw)) for kind in TYPES}
    mixed = itertools.zip_longest(*of_type.values())
    return [one for some in mixed for one in some if one is not None]


def _made(kind: str, language: str, draw: random.Random) -> Iterator[Planted]:
    sentences = itertools.cycle(_SENTENCES[language][kind])
    told: set[str] = set()
    for literal in _LITERALS[kind](language, draw):
        if len(told) == _EACH[language]:
            return
        if literal not in told:
            told.add(literal)
            yield Planted(kind, literal, next(sentences).format(literal))


_EACH = {"zh": 24, "en": 14}
"""Of each type."""


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choice("0123456789") for _ in range(count))


def _names(language: str, draw: random.Random) -> Iterator[str]:
    family, given = (_FAMILY_EN, _GIVEN_EN) if language == "en" else (_FAMILY, _GIVEN)
    pairs = list(zip(draw.sample(family, len(family)), draw.sample(given, len(given)), strict=False))
    yield from (f"{g} {f}" if language == "en" else f + g for f, g in pairs)


_FAMILY = [
    "王",
    "李",
    "张",
    "刘",
    "陈",
    "杨",
    "赵",
    "黄",
    "周",
    "吴",
    "徐",
    "孙",
    "胡",
    "朱",
    "高",
    "林",
    "何",
    "郭",
    "马",
    "罗",
    "梁",
    "宋",
    "郑",
    "谢",
    "韩",
    "唐",
    "冯",
    "董",
]
_GIVEN = [
    "秀兰",
    "建国",
    "志强",
    "桂英",
    "玉梅",
    "海燕",
    "丽娟",
    "春梅",
    "国庆",
    "文斌",
    "俊杰",
    "子轩",
    "梓涵",
    "欣怡",
    "浩然",
    "雨桐",
    "思远",
    "晓东",
    "雅婷",
    "嘉豪",
    "佳琪",
    "淑珍",
    "爱华",
    "立新",
    "卫东",
    "福生",
    "凤英",
    "德华",
]
_FAMILY_EN = ["Whitfield", "Hargrove", "Okafor", "Lindqvist", "Pemberton", "Castellano", "Brennan", "Thackeray"]
_FAMILY_EN += ["Delacroix", "Novak", "Haldane", "Fairbanks", "Winslow", "Abernathy", "Kowalczyk"]
_GIVEN_EN = [
    "Sarah",
    "Martin",
    "Helen",
    "George",
    "Alice",
    "Victor",
    "Laura",
    "Peter",
    "Irene",
    "Walter",
    "Diana",
    "Hugo",
    "Nora",
    "Felix",
    "Clara",
]


def _mobiles(language: str, draw: random.Random) -> Iterator[str]:
    forms = ("{}{}{}", "{} {} {}", "{}-{}-{}", "+86 {}{}{}") if language == "zh" else ("{}{}{}", "+86 {} {} {}")
    for form in itertools.cycle(forms):
        head = draw.choice(("164", "154", "163", "169", "142", "160"))
        yield form.format(head, _digits(draw, 4), _digits(draw, 4))


def _landlines(language: str, draw: random.Random) -> Iterator[str]:
    if language == "en":
        while True:
            yield f"{draw.choice(('415', '212', '617'))}-555-{_digits(draw, 4)}"
    for area in itertools.cycle(("010", "021", "0371", "0512", "0755")):
        yield f"{area}-{draw.choice('678')}{_digits(draw, 7 if len(area) == 3 else 6)}"


def _id_cards(language: str, draw: random.Random) -> Iterator[str]:
    while True:
        body = draw.choice(("110105", "320102", "410102", "440106", "510107"))
        body += f"{draw.randrange(1940, 2015)}{draw.randrange(1, 13):02d}{draw.randrange(1, 29):02d}000"
        total = sum(int(digit) * (1 << (17 - i)) for i, digit in enumerate(body))
        yield body + "0123456789X"[(12 - total % 11) % 11]


def _bank_cards(language: str, draw: random.Random) -> Iterator[str]:
    for spaced in itertools.cycle((False, True)):
        body = draw.choice(("622848", "621700", "622202", "621226")) + _digits(draw, 12)
        doubled = [int(digit) * (2 - i % 2) for i, digit in enumerate(reversed(body))]
        number = body + str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)
        yield " ".join(number[i : i + 4] for i in range(0, len(number), 4)) if spaced else number


def _wechats(language: str, draw: random.Random) -> Iterator[str]:
    for form in itertools.cycle(("{1}_{0}", "{1}{0}") if language == "en" else ("wxid_{0}{1}", "{1}_{0}", "{1}{0}")):
        word = "".join(draw.sample(("tian", "xiao", "yang", "feng", "dou", "lan", "hao"), 2))
        yield form.format(_digits(draw, 4), word)


def _qqs(language: str, draw: random.Random) -> Iterator[str]:
    while True:
        yield draw.choice("123456789") + _digits(draw, 9)


def _emails(language: str, draw: random.Random) -> Iterator[str]:
    while True:
        who = draw.choice(("mei", "xu.lin", "zhou_min", "tang"))
        yield f"{who}{_digits(draw, 4)}@{draw.choice(('mail', 'post', 'inbox'))}.example"


def _urls(language: str, draw: random.Random) -> Iterator[str]:
    for form in itertools.cycle(("https://www.clinic-{0}.example/{0}", "http://m.report{0}.example/p?id={0}")):
        yield form.format("".join(draw.choice("abcdefghkmnp23456789") for _ in range(6)))


def _addresses(language: str, draw: random.Random) -> Iterator[str]:
    roads = ["解放", "人民", "建设", "中山", "胜利", "文化", "滨河", "学府", "迎宾", "长江"]
    streets = ["Oakwood", "Maple", "Harrow", "Chestnut", "Linden", "Barrow", "Sycamore"]
    while True:
        if language == "en":
            yield f"{draw.randrange(100, 9999)} {draw.choice(streets)} {draw.choice(('Street', 'Avenue', 'Road'))}"
        else:
            city = draw.choice(["汉宁", "江阳", "临洲", "青河", "东泉"])
            yield f"{city}市{draw.choice(roads)}路{draw.randrange(10, 400)}号{draw.randrange(2, 30)}号楼"


def _hospitals(language: str, draw: random.Random) -> Iterator[str]:
    if language == "en":
        words = draw.sample(["Ternbay", "Millbrook", "Eastmoor", "Gorsefield", "Redcliffe", "Ashdown", "Larkhill"], 7)
        yield from (f"{word} {kind}" for word in words for kind in ("General Hospital", "Medical Center"))
    cities = draw.sample(
        [
            "汉宁",
            "江阳",
            "临洲",
            "青河",
            "东泉",
            "平川",
            "南洛",
            "安源",
            "石门",
            "永定",
            "海陵",
            "龙泉",
            "柏乡",
            "清苑",
        ],
        14,
    )
    yield from (f"{city}市{kind}" for city in cities for kind in ("第三人民医院", "妇幼保健院"))


def _mrns(language: str, draw: random.Random) -> Iterator[str]:
    for head in itertools.cycle(("", "ZY", "H", "20")):
        yield head + _digits(draw, 10)


def _plates(language: str, draw: random.Random) -> Iterator[str]:
    while True:
        yield f"{draw.choice('京沪粤苏浙鲁豫川鄂湘')}{draw.choice('ABCDEF')}{draw.choice('GHJKLM')}{_digits(draw, 4)}"


def _dates(language: str, draw: random.Random) -> Iterator[str]:
    months = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ]
    forms = ("{0}年{1}月{2}日", "{0}-{1:02d}-{2:02d}", "{0}年{1}月{2}号")
    for form in itertools.cycle(("{3} {2}, {0}", "{2} {3} {0}") if language == "en" else forms):
        year, month, day = draw.randrange(1948, 2025), draw.randrange(1, 13), draw.randrange(1, 29)
        yield form.format(year, month, day, months[month - 1])


def _ages(language: str, draw: random.Random) -> Iterator[str]:
    tens = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    if language == "en":
        yield from (f"{years} years old" for years in draw.sample(range(91, 108), 7))
        yield from (f"ninety-{unit} years old" for unit in tens)
    yield from (f"{years}{unit}" for unit in ("周岁", "虚岁") for years in draw.sample(range(91, 108), 12))
    yield from (f"九十{unit}周岁" for unit in "一二三四五六七八九")


_LITERALS = {
    "name": _names, "mobile": _mobiles, "landline": _landlines, "id_card": _id_cards, "bank_card": _bank_cards,
    "wechat": _wechats, "qq": _qqs, "email": _emails, "url": _urls, "address": _addresses, "hospital": _hospitals,
    "mrn": _mrns, "plate": _plates, "date": _dates, "age": _ages,
}  # fmt: skip

_SENTENCES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "zh": {
        "name": ("我叫{}，想咨询一下。", "患者{}，近来睡眠不好。", "姓名：{}，来复诊。", "我爱人{}也有这个病。"),
        "mobile": ("我的手机号是{}，请回电。", "手机：{}，有事请联系家属。"),
        "landline": ("家里电话是{}，白天有人。", "固定电话：{}，请打这个。"),
        "id_card": ("身份证号是{}，已经登记过。", "身份证：{}，请核对。"),
        "bank_card": ("退费请退到银行卡{}上。", "银行卡号：{}，是我本人的。"),
        "wechat": ("我的微信号是{}，方便联系。", "微信：{}，片子发过去了。"),
        "qq": ("我的QQ号是{}，平时在线。", "QQ：{}，可以把报告发给我。"),
        "email": ("报告请发到{}，谢谢。", "邮箱是{}，请查收。"),
        "url": ("检查单在 {} 可以看到。", "我把片子放在 {} 里了。"),
        "address": ("我家住在{}，离得远。", "住址：{}，行动不便。"),
        "hospital": ("之前在{}看过。", "上个月在{}做了检查。"),
        "mrn": ("住院号：{}，可以查到。", "病历号是{}，请调阅。"),
        "plate": ("我的车牌号是{}，停在门口。", "车牌：{}，救护时碰过。"),
        "date": ("我是{}做的手术。", "入院日期：{}，后来好转。"),
        "age": ("我奶奶今年{}，吃得下饭。", "老人{}，走路不稳。"),
    },
    "en": {
        "name": ("My name is {}.", "The patient's name is {}."),
        "mobile": ("My mobile number is {}.", "Please call my cell phone {}."),
        "landline": ("My home phone is {}.", "You can reach me by telephone at {}."),
        "id_card": ("My ID number is {}.", "The identity card is {}."),
        "bank_card": ("My bank card number is {}.", "Please refund to card {}."),
        "wechat": ("My WeChat is {}.", "WeChat ID: {}."),
        "qq": ("My QQ is {}.", "QQ: {}."),
        "email": ("Please write to {} about it.", "My email is {} if needed."),
        "url": ("The scan is at {} for you.", "I put the report on {} today."),
        "address": ("I live at {}.", "My address is {}."),
        "hospital": ("I was seen at {}.", "They treated me at {}."),
        "mrn": ("My medical record number is {}.", "MRN: {}."),
        "plate": ("My car is {}.", "The plate is {}."),
        "date": ("I had surgery on {}.", "I was admitted on {}."),
        "age": ("My grandmother is {}.", "She is {}."),
    },
}
