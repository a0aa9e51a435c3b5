"""Consultations, written here, into which identifiers are put, and files of them as hospitals have them."""

import csv
import io
import itertools
import json
import random
import zipfile
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import openpyxl
import pyarrow
from pyarrow import parquet

from doctorglm.clinical.deid import find

from .identifiers import Planted

Record: TypeAlias = dict[str, Any]

_ZH = {
    "asked": "头疼了三天 胃里反酸一周 膝盖上楼就响 嗓子干痒睡不着 胸口发闷半个月 肩膀抬不起来 眼睛发红流泪 耳朵嗡嗡响 "
    "牙龈老出血 手指早上发僵 小腿夜里抽筋 皮肤起了疹子 腰酸坐不住 咳嗽有白痰 心慌出汗 尿频起夜四次",
    "said": "先量血压并记下来 少吃辛辣油腻 每天步行半小时 按时服药不要自行停药 做一次血常规 两周后到门诊复查 "
    "夜里枕头垫高一些 疼得厉害就热敷 多喝温水 查一下肝肾功能 戒烟限酒 保持大便通畅 避免久坐 做个心电图 "
    "注意保暖 出现发热要尽快就医",
}
_EN = {
    "asked": "my head hurts every morning|my knee cracks on the stairs|I cough at night|my stomach burns after meals|"
    "my back aches when I sit|I feel dizzy on standing|my skin itches|my eyes water|I sleep badly|my gums bleed",
    "said": "Measure your blood pressure twice a day|Eat less salt|Walk for half an hour daily|Take the tablets with "
    "food|Have a blood count done|Come back in two weeks|Drink more water|Avoid spicy meals|Use a warm compress|"
    "Keep a diary of your symptoms|Raise the head of your bed|Stop smoking",
}


class Writer:
    """Writes consultations in one language, each with the next identifiers of an endless round."""

    def __init__(self, language: str, identifiers: Sequence[Planted], seed: int = 0) -> None:
        self.language, self._draw = language, random.Random(seed)
        self._round, self._waiting = itertools.cycle(identifiers), deque[Planted]()

    def next(self) -> Planted:
        """The next identifier."""
        return self._waiting.popleft() if self._waiting else next(self._round)

    def sentence(self) -> str:
        """The next identifier in the sentence that carries it."""
        return self.next().sentence

    def told(self) -> str:
        """The same of one that is no contact: an answer with such a one is taken for an advertisement."""
        while (one := next(self._round)).type in ("mobile", "landline", "wechat", "qq"):
            self._waiting.append(one)
        return one.sentence

    def question(self) -> str:
        """A question with two identifiers."""
        words = _ZH["asked"].split() if self.language == "zh" else _EN["asked"].split("|")
        first, second = self._draw.sample(words, 2)
        told = f"{first}，{second}。" if self.language == "zh" else f"Doctor, {first} and {second}. "
        return f"{told}{self.sentence()}{'' if self.language == 'zh' else ' '}{self.sentence()}"

    def answer(self) -> str:
        """An answer with one."""
        words = _ZH["said"].split() if self.language == "zh" else _EN["said"].split("|")
        told = self._draw.sample(words, 4)
        return f"{'，'.join(told)}。{self.told()}" if self.language == "zh" else f"{'. '.join(told)}. {self.told()}"

    def messages(self) -> Record:
        """A record of messages, with identifiers in every field that is kept."""
        turns = [("user", self.question()), ("assistant", self.answer()), ("user", self.question())]
        return {
            "id": self.next().literal,
            "messages": [{"role": role, "content": text} for role, text in [*turns, ("assistant", self.answer())]],
            "department": self.sentence(),
            "source": self.sentence(),
            "licence": self.sentence(),
            "language": self.sentence(),
            "title": self.sentence(),
            "meta": {"note": self.sentence(), "seen": [self.sentence(), {"by": self.sentence()}], self.sentence(): 1},
        }

    def instruction(self) -> Record:
        """An Alpaca record with a history."""
        return {
            "instruction": self.question(),
            "input": "",
            "output": self.answer(),
            "history": [[self.question(), self.answer()]],
            "电话": self.next().literal,
        }

    def row(self) -> list[str]:
        """A row of a hospital's table, see `COLUMNS`."""
        return [self.next().literal, self.next().literal, "内科", self.sentence(), self.question(), self.answer()]


COLUMNS = ["病历号", "姓名", "department", "title", "ask", "answer"]


def noted(writer: Writer) -> Record:
    """A record that notes bare identifiers under what a hospital calls them."""
    by_type: dict[str, str] = {}
    while len(by_type) < len(NOTED):
        one = writer.next()
        if one.type in NOTED:
            by_type[one.type] = one.literal
    meta: Record = {NOTED[kind]: literal for kind, literal in by_type.items()}
    department = f"内科 {by_type['name']}"
    return {
        **writer.messages(),
        "id": by_type["mrn"],
        "department": department if find(department) else "内科",
        "meta": {**meta, "all": [{key: [value]} for key, value in meta.items()]},
    }


NOTED = {
    "name": "患者姓名", "mobile": "手机", "landline": "电话", "id_card": "身份证号", "bank_card": "银行卡号",
    "wechat": "微信", "qq": "QQ", "email": "邮箱", "url": "网址", "address": "住址", "hospital": "医院",
    "mrn": "住院号", "plate": "车牌", "date": "出生日期", "age": "年龄",
}  # fmt: skip


def rejected(writer: Writer) -> Iterator[tuple[str, Record]]:
    """(reason, record): a record with identifiers for every reason for which one is rejected by itself."""
    q, a, s = writer.question, writer.answer, writer.told
    for reason, asked, said in (
        ("no_answer", q(), "。。。"),
        ("no_question", "？？", a()),
        ("short_answer", q(), "好"),
        ("too_long", q(), a() + "".join(f"第{i}天再量一次血压并记下来。" for i in range(2000))),
        ("cut_off", q(), a() + s()[:-1] + "，而且"),
        ("cut_off", q(), a() + "请到这里复诊并告诉他" + s()[:-2]),
        ("replacement_character", q(), s() + "\ufffd" + s()),
        ("nul_character", q() + "\0" + s(), a()),
        ("mojibake", q(), s() + "锟斤拷锟斤拷" + s()),
        ("loop", q(), s() * 4),
        ("language", q(), "Это очень опасно, обратитесь к врачу немедленно. " * 3 + s()),
        ("cure_claim", q(), f"{s()}祖传秘方，包治百病，{s()}"),
        ("advertisement", q(), f"{s()}请加我微信详谈，{s()}"),
        ("secret", q() + "密码是abc12345。" + s(), a()),
        ("machine_spun", q(), f"要积极救治，留意歇息，不定期复检，消化身体营养。{s()}"),
        ("exchanged_roles", f"建议您到医院检查，注意休息。{s()}", f"医生您好，我头痛三天了，{s()}该怎么办？"),
    ):
        yield reason, {"instruction": asked, "output": said}
    echo = f"{s()}{s()}高血压应该怎么办呢"
    yield "echo", {"instruction": echo + "？", "output": echo + "。"}
    yield "unknown_role", {"messages": [{"role": s(), "content": q()}, {"role": "assistant", "content": a()}]}
    yield "not_text", {"messages": [{"role": "user", "content": {s(): s()}}, {"role": "assistant", "content": a()}]}
    yield "bad_history", {"instruction": q(), "output": a(), "history": [s(), [s()]]}
    yield "unknown_keys", {s(): s(), writer.next().literal: q()}
    roles = ("user", "system", "assistant")
    yield "roles", {"messages": [{"role": role, "content": q()} for role in roles]}
    same = {"instruction": q(), "output": a()}
    yield "", same
    yield "duplicate", {**same, "instruction": same["instruction"] + "！"}


def write_lines(path: Path, records: Sequence[Any]) -> Path:
    """JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")
    return path


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = COLUMNS) -> str:
    """A table with commas."""
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows] if header else rows)
    return out.getvalue()


def write_sources(folder: Path, zh: Writer, en: Writer) -> None:
    """A folder as a hospital may have it: every kind of file, names of patients in the names of files."""
    folder.mkdir(parents=True)
    for writer, count in ((zh, 30), (en, 20)):
        write_lines(folder / f"messages-{writer.language}.jsonl", [writer.messages() for _ in range(count)])
        write_lines(folder / f"alpaca-{writer.language}.json", [writer.instruction() for _ in range(count)])
    write_lines(folder / "noted.jsonl", [noted(zh) for _ in range(12)])
    write_lines(folder / "rejected.json", [record for _, record in rejected(zh)])
    (folder / "gb18030.csv").write_bytes(table([zh.row() for _ in range(20)]).encode("gb18030"))
    (folder / "utf16.csv").write_bytes(table([en.row() for _ in range(6)]).encode("utf-16"))
    (folder / "ragged.csv").write_text(
        table([zh.row(), [*zh.row(), zh.sentence(), "x"], zh.row()[:3], zh.row()]), "utf-8"
    )
    (folder / "headless.csv").write_text(table([zh.row() for _ in range(3)], ()), "utf-8")
    (folder / "notes.txt").write_text(f"{zh.sentence()}\n{zh.sentence()}\n", "utf-8")
    (folder / f"{zh.next().literal.replace('/', ' ')} 记录.json").write_text(json.dumps([zh.instruction()]), "utf-8")
    book = openpyxl.Workbook()
    for row in (COLUMNS, *(zh.row() for _ in range(6))):
        book.active.append(row)
    book.save(folder / "hospital.xlsx")
    columns = zip(*(zh.row() for _ in range(6)), strict=True)
    parquet.write_table(pyarrow.table(dict(zip(COLUMNS, map(list, columns), strict=True))), folder / "hospital.parquet")
    for name in (zh.sentence(), en.sentence()):
        with zipfile.ZipFile(folder / f"{name.replace('/', ' ')[:40]}.zip", "w") as archive:
            archive.writestr(f"{name.replace('/', ' ')}.json", json.dumps([zh.instruction(), en.instruction()]))


def write_workbook(path: Path, zh: Writer) -> Path:
    """A workbook in which a telephone stands in a cell that is formatted as a day."""
    book = openpyxl.Workbook()
    for row in (COLUMNS, *(zh.row() for _ in range(5))):
        book.active.append(row)
    while (one := zh.next()).type != "mobile" or not one.literal.isdigit():
        continue
    for cell in book.active["B"][1:]:
        cell.value, cell.number_format = int(one.literal), "yyyy-mm-dd"
    book.save(path)
    return path


def write_damaged(folder: Path, zh: Writer) -> None:
    """Files of which each is damaged in a way of its own, beside what identifies somebody."""
    folder.mkdir(parents=True)
    good = json.dumps(zh.instruction(), ensure_ascii=False)
    (folder / "cut.jsonl").write_text(f"{good}\n{good[: len(good) // 2]}", "utf-8")
    (folder / "comma.json").write_text(f"[{good},]", "utf-8")
    (folder / "joined.jsonl").write_text(f"{good}{good}\n", "utf-8")
    (folder / "bare.jsonl").write_text(f"{good}\n{zh.sentence()}\n", "utf-8")
    (folder / "two.csv").write_bytes(table([zh.row()]).encode() + table([zh.row()], ()).encode("gb18030"))
    (folder / "literals.txt").write_text(f"train@[{{'dialog': ['{zh.sentence()}', {zh.sentence()}]}}", "utf-8")
    with zipfile.ZipFile(folder / "outside.zip", "w") as archive:
        archive.writestr(f"../{zh.sentence().replace('/', ' ')}", good)
    with zipfile.ZipFile(folder / "wrong.zip", "w") as archive:
        archive.writestr(f"{zh.sentence().replace('/', ' ')}.json", good)
    data = (folder / "wrong.zip").read_bytes()
    (folder / "wrong.zip").write_bytes(data.replace(b"instruction", b"instructiom"))
    book = openpyxl.Workbook()
    book.active.append([zh.sentence(), zh.sentence()])
    book.save(folder / "whole.xlsx")
    with zipfile.ZipFile(folder / "whole.xlsx") as whole, zipfile.ZipFile(folder / "bad.xlsx", "w") as bad:
        for member in whole.namelist():
            text = whole.read(member)
            bad.writestr(
                member, text.replace(b"</row>", f"<c r='A9' t='n'><v>{zh.next().literal}</v></c></row>".encode())
            )
    (folder / "whole.xlsx").unlink()
