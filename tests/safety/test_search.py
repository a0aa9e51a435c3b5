"""Quick searches find what a plain search finds, and look at no more than grows with the text."""

import random
import re

import pytest

from doctorglm.conversation import Message
from doctorglm.safety.guards import amounts, patient, personal_data
from doctorglm.safety.search import Anchored, Words
from doctorglm.safety.triage import triage, vitals

_PIECES = """
宝宝 宝贝 娃 孩子 婴儿 新生儿 刚出生 出生 女儿 bb 才 刚 满 了 大 的 大概 三 十二 二十 半 0 3 12 30 38 39.5 95 130
１ 天 周 月 个 个月 岁 月龄 weeks old months -old years yo aged she's newborn 怀孕 孕 大肚子 pregnant waters 奶奶 gran
烧 体温 度 ℃ 三十九度 101.2f 血氧 spo2 % on 换 血压 压 bp 高压 / 血糖 sugar reading hi lo 机器 显示 心率 hr 呼吸 次 下
一分钟 片 粒 百 几百 tablets mg g 毫克 万单位 每日 每 隔 日 次/日 qd q 8 h 早晚各 once times day daily every hours 连 服
for 疗 哺乳 nursing 过敏 肾病 renal 肝炎 cirrhosis 电话 微信 京a 单元 小区 @ qq 姓名 我是 医生 mr dr ， 。 , . 男 疗程
nana 3天大 宝宝二十天 娃三周了 三个月大 38.5度 血氧95 140/90 血糖3.5 心率130 呼吸30次 二十片 每次2片 每日三次 连服7天
"""
PIECES = [*_PIECES.split(), "\n", " "]
ANCHORED = [
    *[(f"vitals.{name}", value) for name, value in vars(vitals).items() if isinstance(value, Anchored)],
    *[(f"vitals._BABY[{i}]", value) for i, value in enumerate(vitals._BABY)],
    *[
        (f"{module.__name__.rpartition('.')[2]}.{name}", value)
        for module in (amounts, patient, personal_data)
        for name, value in vars(module).items()
        if isinstance(value, Anchored)
    ],
]


@pytest.mark.parametrize(("name", "anchored"), ANCHORED, ids=[name for name, _ in ANCHORED])
def test_the_first_characters_are_all_that_there_are(name: str, anchored: Anchored) -> None:
    drawn = random.Random(name)
    some = 0
    for _ in range(2000):
        text = "".join(drawn.choice([piece, piece, piece + " "]) for piece in drawn.choices(PIECES, k=8))
        text += "嗯" * 100  # so that it is not dense
        plain = [match.span() for match in anchored.pattern.finditer(text)]
        assert [match.span() for match in anchored.finditer(text)] == plain
        some += bool(plain)
    assert some > 0


def test_a_dense_text_is_found_the_same() -> None:
    anchored = Anchored("ab", "(?<!x)ab?|^c")
    for text in ("abab", "caab", "xab", "c" * 50 + "xaab", ""):
        assert [m.span() for m in anchored.finditer(text)] == [m.span() for m in re.finditer("(?<!x)ab?|^c", text)]
    assert anchored.search("zzzzzzzzzzzzzb") is None


def test_words_are_found_in_one_pass() -> None:
    assert sorted(Words(["胸", "胸口", "口"]).places("胸口")) == [(0, 0, 1), (1, 0, 2), (2, 1, 2)]
    assert Words(["胸", "胸口", "口"], longest=True).places("胸口胸") == [(1, 0, 2), (0, 2, 3)]
    assert Words(["口"]).places("\ud800口") == [(0, 1, 2)]


def test_half_a_character_hides_nothing() -> None:
    assert triage([Message("user", "\ud800我爸倒在地上没呼吸了")]).emergency


class Counted:
    """A pattern that counts the places at which it is tried."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self.tried = 0

    def match(self, text: str, at: int) -> re.Match[str] | None:
        """As the pattern's."""
        self.tried += 1
        return self._pattern.match(text, at)


def test_no_other_place_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    anchored = Anchored("ab", "ab|b")
    counted = Counted(anchored.pattern)
    monkeypatch.setattr(anchored, "pattern", counted)
    assert [m.span() for m in anchored.finditer("z" * 20 + "ab" + "z" * 20 + "a")] == [(20, 22)]
    assert counted.tried == 3  # the beginning, the match, the last a; not the b within the match
