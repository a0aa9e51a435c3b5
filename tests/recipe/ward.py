"""A ward's consultations, made here: of what ails somebody, and of nothing else, depends what is answered.

So that something can be learned which a placebo, whose answers are exchanged among the questions, cannot know.
"""

import random
import tempfile
from functools import cache
from pathlib import Path

from doctorglm.models.chatglm.vocabulary import train_sentencepiece

_AILMENTS = (
    ("胃痛反酸嗳气腹胀恶心烧心早饱打嗝隐痛食少", "胃炎胃镜饮食清淡少量多餐碱片戒烟温水忌辣"),
    ("咳嗽咳痰气喘胸闷咽痒流涕鼻塞低热痰黄声哑", "肺炎拍片支管雾化通风多饮戒烟休息复诊化痰"),
    ("腰酸腰痛腿麻坐骨弯腰久坐僵硬扭伤翻身背痛", "腰椎磁共理疗硬床热敷锻炼护腰牵引卧床康复"),
    ("尿频尿急尿痛夜尿尿黄腰胀小腹尿少泡沫浑浊", "膀胱尿检多饮憋尿卫生培养抗菌肾脏超声忌酒"),
    ("心慌胸痛头晕乏力气短水肿盗汗失眠早搏心悸", "心脏电图动态血压低盐散步情绪冠脉超声门诊"),
    ("皮疹瘙痒红斑脱屑水疱干燥起皮风团肿胀抓痕", "湿疹过敏润肤外用忌口棉衣日晒抓挠皮科脱敏"),
)
"""What is complained of, and what is said about it, in words of two characters."""
_ASKED = ("怎么办", "严重吗", "要紧吗", "查什么")
_ADVISED = ("建议", "可以", "需要", "应当")


def rows(count: int, seed: int = 0) -> list[tuple[str, str, str]]:
    """(department, question, answer), no two alike."""
    draw = random.Random(seed)
    made: dict[tuple[str, str, str], None] = {}
    while len(made) < count:
        asked, answered = (_words(text) for text in draw.choice(_AILMENTS))
        question = "".join(draw.sample(asked, 5)) + draw.choice(_ASKED) + "？"
        answer = draw.choice(_ADVISED) + "".join(draw.sample(answered, 6)) + "。"
        made[(draw.choice(("内科", "外科")), question, answer)] = None
    return list(made)


def write_csv(path: Path, count: int, seed: int = 0) -> Path:
    """The rows as a hospital's system exports them: GB18030, Chinese column names, Windows' ends of lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["科室,患者提问,医生回答", *(",".join(row) for row in rows(count, seed))]
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode("gb18030"))
    return path


@cache
def vocabulary() -> bytes:
    """A SentencePiece model of these words, with a piece for every byte."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "ice_text.model"
        texts = ["".join(row[1:]) for row in rows(300, seed=9)]
        train_sentencepiece(texts, 640, file, character_coverage=1.0, threads=1)
        return file.read_bytes()


def _words(text: str) -> list[str]:
    return [text[i : i + 2] for i in range(0, len(text), 2)]
