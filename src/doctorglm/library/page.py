"""The page of `library report`: what is covered, what is asked and lacking, where it is from."""

from collections.abc import Mapping, Sequence
from typing import Any

from doctorglm.language import Text
from doctorglm.library.coverage import Asked, Coverage
from doctorglm.library.headings import NAMES
from doctorglm.report.blocks import Block, Figure, Number, Page, Sample, Samples, Table, Verdict
from doctorglm.report.charts.bars import Bar, bars
from doctorglm.report.charts.heat import heat
from doctorglm.report.numbers import number, percent

_MOST_DEPARTMENTS = 24
_MOST_GAPS = 20
_KINDS = {
    "disease": Text(en="diseases", zh="疾病"),
    "drug": Text(en="drugs", zh="药品"),
    "symptom": Text(en="symptoms", zh="症状"),
    "test": Text(en="examinations", zh="检查"),
    "other": Text(en="other pages", zh="其他"),
}
_UNKNOWN = Text(en="not stated", zh="未注明")
HONESTY = Text(
    en="A library informs; it never diagnoses or prescribes. What its entries say is their authors' and was not "
    "reviewed here; the entries that come with DoctorGLM are a demonstration, not reviewed by a clinician. In an "
    "emergency call 120 in China, or your local number, at once.",
    zh="资料库只提供信息，不诊断、不开处方。条目内容由其作者负责，未在此审核；"
    "DoctorGLM 自带的条目仅作示范，未经临床医师审核。如遇急症，请立即拨打 120。",
)


def page_of(record: Mapping[str, Any], covered: Coverage, asked: Asked | None) -> Page:
    """The verdict, then the pictures, then licences."""
    entries, passages = (number(record["counts"][name], 0) for name in ("documents", "chunks"))
    blocks: list[Block | None] = [
        _verdict(record, covered, asked),
        *(_grid(covered, title, group) for title, group in _GROUPS),
        _gaps(asked) if asked else None,
        _examples(asked) if asked else None,
        _licences(covered),
    ]
    return Page(
        title=Text(en="What the library covers", zh="资料库覆盖情况"),
        subtitle=Text(
            en=f"{entries} entries in {passages} passages",
            zh=f"{entries} 个条目，{passages} 个段落",
        ),
        blocks=[block for block in blocks if block is not None],
        honesty=HONESTY,
    )


def _verdict(record: Mapping[str, Any], covered: Coverage, asked: Asked | None) -> Verdict:
    kinds = "、".join(f"{_kind(kind).zh} {n}" for kind, n in covered.kinds.items())
    kinds_en = ", ".join(f"{n} {_kind(kind).en}" for kind, n in covered.kinds.items())
    numbers = [
        Number(
            label=Text(en="Entries", zh="条目"),
            value=number(record["counts"]["documents"], 0),
            note=Text(en=kinds_en, zh=kinds),
        ),
        Number(
            label=Text(en="Sections without a source of their own", zh="没有单独注明出处的章节"),
            value=number(covered.unsourced, 0),
            note=Text(en=f"of {number(covered.sections, 0)}", zh=f"共 {number(covered.sections, 0)} 节"),
        ),
    ]
    if asked is None:
        sentence = Text(en="What these entries cover, by department and section.", zh="各科室、各章节的覆盖情况。")
        return Verdict(passed=None, sentence=sentence, numbers=numbers)
    share = asked.answered / asked.conversations if asked.conversations else 0.0
    numbers.append(
        Number(
            label=Text(en="Questions it would answer", zh="可以作答的问题"),
            value=percent(share),
            note=Text(
                en=f"of {number(asked.conversations, 0)} conversations; at the rest it abstains",
                zh=f"共 {number(asked.conversations, 0)} 段对话；其余不作答",
            ),
        )
    )
    first = asked.gaps[0] if asked.gaps else None
    sentence = Text(
        en=f"Asked most and lacking: {first.name}, {number(first.asked, 0)} times." if first else "No gap was found.",
        zh=f"问得最多而资料库没有的：{first.name}，{number(first.asked, 0)} 次。" if first else "没有发现缺口。",
    )
    return Verdict(passed=None, sentence=sentence, numbers=numbers)


def _kind(kind: str) -> Text:
    return _KINDS.get(kind, _KINDS["other"])


_GROUPS = (
    (
        Text(en="Illnesses: entries by department and section", zh="疾病：各科室、各章节的条目数"),
        ("causes", "symptoms", "diagnosis", "treatment", "prevention", "prognosis", "care"),
    ),
    (
        Text(en="Drugs: entries by department and section", zh="药品：各科室、各章节的条目数"),
        ("uses", "dosage", "precautions", "side_effects", "contraindications", "interactions", "storage"),
    ),
)
_SHORT = {"care": "See a doctor", "contraindications": "Not for whom", "side_effects": "Side effects"}
"""English names that fit a column."""


def _grid(covered: Coverage, title: Text, group: Sequence[str]) -> Figure | None:
    """How many entries of each department have the sections of a group, departments with most entries first."""
    keys = [key for key in group if any(key in cells for cells in covered.cells.values())]
    has_some = [name for name, cells in covered.cells.items() if any(key in cells for key in keys)]
    departments = sorted(has_some, key=lambda name: -covered.departments[name])[:_MOST_DEPARTMENTS]
    if not departments:
        return None
    values = [[float(n) if (n := covered.cells[name].get(key, 0)) else None for key in keys] for name in departments]
    chart = heat(
        [name or _UNKNOWN for name in departments],
        [Text(zh=NAMES[key][0], en=_SHORT.get(key, NAMES[key][1])) for key in keys],
        values,
        Text(en="entries", zh="条目数"),
        row_name=Text(en="department", zh="科室"),
        column_name=Text(en="section", zh="章节"),
        digits=0,
    )
    entries = sum(covered.departments[name] for name in has_some)
    return Figure(title=title, chart=chart, n=Text(en=f"{entries} entries", zh=f"{entries} 个条目"), wide=True)


def _gaps(asked: Asked) -> Figure | None:
    if not asked.gaps:
        return None
    rows = [Bar(label=gap.name, count=gap.asked) for gap in asked.gaps[:_MOST_GAPS]]
    return Figure(
        title=Text(en="Asked often, and no entry is about it", zh="常被问到、但没有条目的疾病和药品"),
        chart=bars(rows, name=Text(en="disease or drug", zh="疾病或药品"), count=Text(en="conversations", zh="对话数")),
        n=Text(en=f"{number(asked.conversations, 0)} conversations", zh=f"{number(asked.conversations, 0)} 段对话"),
    )


def _examples(asked: Asked) -> Samples | None:
    groups = [
        (gap.name, number(gap.asked, 0), [Sample(text=text, place=place) for text, place in gap.examples])
        for gap in asked.gaps[:_MOST_GAPS]
    ]
    if not groups:
        return None
    return Samples(title=Text(en="In patients' words (masked)", zh="患者原话（已脱敏）"), groups=groups)


def _licences(covered: Coverage) -> Table:
    rows = [[licence or _UNKNOWN, number(n, 0)] for licence, n in covered.licences.items()]
    return Table(
        title=Text(en="Licences", zh="许可"),
        columns=[Text(en="licence", zh="许可"), Text(en="entries", zh="条目数")],
        rows=rows,
    )
