"""A conversation with its identifiers replaced: nothing of them left, nothing else touched, the distances kept."""

import re
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.clinical.deid import TYPES, Span, conversation_key, find_in, replaced

SETS = Path(__file__).parents[3] / "benchmarks/sets/deid"
MARK = re.compile(r"⟦([a-z_]+):([^⟦⟧]+)⟧")


def labelled() -> list[tuple[str, list[Span]]]:
    """The development half's texts with their marks, read by a few lines of this test."""
    records = []
    for line in (SETS / "dev.txt").read_text(encoding="utf-8").splitlines():
        text, spans, at = "", [], 0
        marked = line.replace("\\n", "\n")
        for match in MARK.finditer(marked):
            text += marked[at : match.start()]
            spans.append(Span(len(text), len(text) + len(match[2]), match[1]))
            text, at = text + match[2], match.end()
        records.append((text + marked[at:], spans))
    return records


RECORDS = labelled()


def spanned(marked: str) -> tuple[str, list[Span]]:
    text, spans, at = "", [], 0
    for match in MARK.finditer(marked):
        text += marked[at : match.start()]
        spans.append(Span(len(text), len(text) + len(match[2]), match[1]))
        text, at = text + match[2], match.end()
    return text + marked[at:], spans


def rewritten(*marked: str, mode: str = "surrogates", key: str = "k", dates: str | None = None) -> list[str]:
    texts, spans = zip(*(spanned(one) for one in marked), strict=True)
    return replaced(texts, spans, mode, key, dates=dates)  # type: ignore[arg-type]


def mapped(text: str, spans: list[Span], new: str) -> list[tuple[Span, str]]:
    """Which part of the new text each span has become, found by the text between the spans, which must be the old."""
    between, at = [], 0
    for span in sorted(spans):
        between.append(text[at : span.start])
        at = span.end
    pattern = "(.*?)".join(map(re.escape, [*between, text[at:]]))
    match = re.fullmatch(pattern, new, re.DOTALL)
    assert match, (text, new)
    return list(zip(sorted(spans), match.groups(), strict=True))


def plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


@pytest.mark.parametrize("mode", ["placeholders", "surrogates"])
@given(index=st.integers(0, len(RECORDS) - 1), key=st.binary(min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_original_is_left_and_nothing_else_is_touched(mode: str, index: int, key: bytes) -> None:
    text, spans = RECORDS[index]
    (new,) = replaced([text], [spans], mode, key)  # type: ignore[arg-type]
    parts = mapped(text, spans, new)
    assert replaced([text], [spans], mode, key) == [new]  # type: ignore[arg-type]
    for span, _ in parts:
        old = plain(text[span.start : span.end])
        elsewhere = plain(
            "".join(text[b.end : a.start] for a, b in zip([*sorted(spans)[1:]], sorted(spans), strict=False))
        )
        if span.type in ("age", "date") or len(old) < 2 or old in elsewhere:
            continue
        ours = [plain(part) for other, part in parts if other.type == span.type]
        assert not any(old == part or (len(old) > 4 and old in part) for part in ours), (span.type, old, ours)


def test_surrogates_are_found_again_with_the_same_types() -> None:
    """A detector that finds the one finds the other, but for two in a hundred."""
    found, lost = 0, []
    for index, (text, _) in enumerate(RECORDS):
        (spans,) = find_in([text])
        if any(a.end == b.start for a, b in pairwise(spans)):
            continue  # nothing says where the one ends in the new text
        (new,) = replaced([text], [spans], "surrogates", f"key {index}")
        (ours,) = find_in([new])
        at = 0
        for span, part in mapped(text, spans, new):
            at = new.index(part, at)
            found += 1
            is_general = span.type == "age" or part in ("某日", "[date]")
            if not is_general and not any(
                s.type == span.type and s.start < at + len(part) and at < s.end for s in ours
            ):
                lost.append((span.type, text[span.start : span.end], part))
            at += len(part)
    assert found > 800
    assert len(lost) < 0.02 * found, lost


def test_placeholders_are_found_by_no_rule() -> None:
    for text, _ in RECORDS:
        (spans,) = find_in([text])
        (new,) = replaced([text], [spans], "placeholders", "key")
        inside = [m.span() for m in re.finditer(r"\[[a-z_]+(?: \d+)?\]", new)]
        (ours,) = find_in([new])
        met = [new[s.start : s.end] for s in ours if any(a < s.end and s.start < b for a, b in inside)]
        assert not met, new


def test_a_person_is_one_placeholder_and_two_are_two() -> None:
    new = rewritten("⟦name:王建国⟧找⟦name:王⟧医生", "⟦name:李丽⟧是⟦name:小李⟧，⟦name:建国⟧不是", mode="placeholders")
    assert new == ["[name 1]找[name 1]医生", "[name 2]是[name 2]，[name 1]不是"]
    assert rewritten("⟦name:王建国⟧的女儿⟦name:王丽⟧问⟦name:王⟧医生", mode="placeholders") == [
        "[name 1]的女儿[name 2]问[name 3]医生"
    ]
    assert rewritten("⟦name:小王⟧和⟦name:老王⟧", mode="placeholders") == ["[name 1]和[name 2]"]
    assert rewritten("⟦name:Maria Gomez⟧, Ms ⟦name:Gomez⟧, Dr ⟦name:Hale⟧", mode="placeholders") == [
        "[name 1], Ms [name 1], Dr [name 2]"
    ]


def test_one_of_a_type_is_as_inspect_writes_it_and_spellings_are_one() -> None:
    assert rewritten(
        "打⟦mobile:164 0000 1234⟧，微信⟦wechat:abc_12⟧", "⟦mobile:+8616400001234⟧", mode="placeholders"
    ) == [
        "打[mobile]，微信[wechat]",
        "[mobile]",
    ]
    assert rewritten("⟦mobile:16400001234⟧或⟦mobile:16400001235⟧", mode="placeholders") == ["[mobile 1]或[mobile 2]"]


def test_names_keep_shape_and_who_is_who() -> None:
    (new,) = rewritten(
        "⟦name:王建国⟧，⟦name:王⟧医生，⟦name:小王⟧，⟦name:建国⟧，⟦name:阿国⟧，⟦name:欧阳锋⟧，⟦name:赫 连 勃⟧"
    )
    full, surname, small, given_name, friend, compound, spaced = (part for part in new.split("，"))
    assert len(full) == 3 and len(given_name) == 2 and len(compound) == 3 and spaced[1] == spaced[3] == " "
    assert surname == full[0] + "医生" and small == "小" + full[0]
    assert given_name == full[1:] and friend == "阿" + full[2]
    assert not set(full + compound) & set("王建国欧阳锋")
    (new,) = rewritten(
        "⟦name:Maria Gomez⟧ and ⟦name:Gomez⟧ and ⟦name:ZHANG Wei⟧ and ⟦name:Zhang⟧ and ⟦name:买买提·艾力⟧"
    )
    maria, gomez, zhang, surname, dotted = new.split(" and ")
    assert maria.split()[1] == gomez != "Gomez" and len(maria.split()) == 2
    assert zhang.split()[0].isupper() and zhang.split()[0].capitalize() == surname
    assert re.fullmatch("[一-鿿]{3}·[一-鿿]{2}", dotted)


def luhn(number: str) -> bool:
    table = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    return sum(table[int(d)] if i % 2 else int(d) for i, d in enumerate(reversed(number))) % 10 == 0


def checked(number: str) -> bool:
    """GB 11643: the weights are the powers of two modulo 11, and the whole is 1 modulo 11."""
    values = [10 if d == "X" else int(d) for d in number]
    return sum(v * pow(2, 17 - i, 11) for i, v in enumerate(values)) % 11 == 1


@given(key=st.binary(min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_numbers_belong_to_nobody_and_are_well_formed(key: bytes) -> None:
    text, spans = spanned(
        "⟦mobile:139-1234-5678⟧|⟦mobile:幺三九一二三四五六七八⟧|⟦id_card:350203194501100009⟧|"
        "⟦bank_card:6228 4861 3177 5346 197⟧|"
        "⟦qq:76510⟧|⟦landline:0371-62345678转803⟧|⟦landline:62345678⟧|⟦plate:豫A·7K2Q9⟧|⟦email:a.b@mail.cn⟧|"
        "⟦url:https://www.x.cn/v?s=7⟧|"
        "⟦landline:+1 (415) 234-5678⟧"
    )
    (new,) = replaced([text], [spans], "surrogates", key)
    mobile, spoken, card, bank, qq, line, local, plate, email, url, foreign = new.split("|")
    prefix = "(140|142|143|154|160|161|163|164|168|169)"
    assert re.fullmatch(prefix + r"-\d{4}-\d{4}", mobile)
    assert spoken.translate(str.maketrans("幺一二三四五六七八九零", "11234567890")) == mobile.replace("-", "")
    assert card[14:17] == "000" and checked(card) and date.fromisoformat(f"{card[6:10]}-{card[10:12]}-{card[12:14]}")
    assert luhn(bank.replace(" ", "")) and bank.startswith("33") and [len(g) for g in bank.split()] == [4, 4, 4, 4, 3]
    assert re.fullmatch(r"9\d\d1\d{6}", qq)
    assert re.fullmatch(r"0(32|36|38)\d-1\d{7}转\d{3}", line) and re.fullmatch(r"1\d{7}", local)
    assert re.fullmatch(r"[藏青宁][STWXYZ]·\d[A-HJ-NP-Z]\d[A-HJ-NP-Z]\d", plate)
    assert re.fullmatch(r"[a-z]\.[a-z]@example\.(com|org|net)", email)
    assert re.fullmatch(r"https://www\.example\.(com|org|net)/[a-z]\?[a-z]=\d", url)
    assert re.fullmatch(r"\+1 \(\d{3}\) 555-01\d\d", foreign)


def test_another_conversation_has_other_surrogates() -> None:
    marked = "⟦name:王建国⟧ ⟦mobile:16400001234⟧ ⟦date:2023-05-12⟧ ⟦wechat:abc_123⟧"
    keys = [conversation_key(b"secret", f"cmd-{i}") for i in range(40)]
    made = [rewritten(marked, key=key.hex()) for key in keys]
    for part in (0, 1, 3):
        assert len({new.split()[part] for (new,) in made}) > 25
    assert len({new.split()[2] for (new,) in made}) > 15
    assert conversation_key(b"secret", "a") == conversation_key(b"secret", "a") != conversation_key(b"other", "a")


def test_the_key_does_not_lead_back_to_a_name() -> None:
    """Names of one shape give one surrogate under one key: nothing of the name went into it but its shape."""
    made = {rewritten(f"⟦name:{name}⟧")[0] for name in ("毛建国", "龙丽华", "白大春")}
    assert len(made) == 1


@pytest.mark.parametrize(
    ("marked", "shape"),
    [
        ("⟦date:2023年5月12日⟧", r"20\d\d年\d{1,2}月\d{1,2}日"),
        ("⟦date:2023-05-12⟧", r"20\d\d-\d\d-\d\d"),
        ("⟦date:2023/5/12⟧", r"20\d\d/\d{1,2}/\d{1,2}"),
        ("⟦date:20230512⟧", r"20\d{6}"),
        ("⟦date:２０２３年５月１２日⟧", r"２０[０-９]{2}年[０-９]{1,2}月[０-９]{1,2}日"),
        (
            "⟦date:二〇二三年五月十二日⟧",
            r"二〇[一二三四五六七八九〇]{2}年[一二三四五六七八九十]+月[一二三四五六七八九十]+日",
        ),
        ("⟦date:五月廿三号⟧", r"[一二三四五六七八九十]{1,2}月[一二三四五六七八九十廿]{1,3}号"),
        ("⟦date:5.12⟧住院", r"\d{1,2}\.\d{1,2}住院"),
        ("⟦date:5月12号⟧", r"\d{1,2}月\d{1,2}号"),
        ("⟦date:23年5月12日⟧", r"2\d年\d{1,2}月\d{1,2}日"),
        ("⟦date:12 May 2023⟧", r"\d{1,2} [A-Z][a-z]+ 20\d\d"),
        ("⟦date:Sept. 3rd, 2023⟧", r"[A-Z][a-z]{2}\. \d{1,2}(st|nd|rd|th), 20\d\d"),
        ("⟦date:05/22/2023⟧", r"\d\d/\d\d/20\d\d"),
        ("⟦date:22/05/2023⟧", r"\d\d/\d\d/20\d\d"),
        ("⟦date:14/3/1985⟧", r"\d{1,2}/\d{1,2}/19\d\d"),
        ("生于⟦date:1985年3月⟧", r"生于19\d\d年\d{1,2}月"),
        ("⟦date:腊月廿三⟧", "某日"),
        ("⟦date:五月初三⟧", "某日"),
        ("⟦date:六月十八⟧", "某日"),  # by either calendar
        ("⟦date:2023年2月30日⟧", "某日"),
        ("on ⟦date:05/06/2023⟧", r"on \[date\]"),  # May or June
        ("生于⟦date:1931年3月2日⟧", "生于某日"),  # over 89
        ("DOB ⟦date:7/31/1931⟧", r"DOB \[date\]"),
        ("⟦date:1950年3月2日⟧出生，⟦date:2045年1月1日⟧来", r"某日出生，20\d\d年\d{1,2}月\d{1,2}日来"),
        ("今年⟦age:93岁⟧", "今年90岁以上"),
        ("今年⟦age:九十三周岁⟧", "今年九十岁以上"),
        ("今年⟦age:93⟧了", "今年90多了"),
        ("a ⟦age:94-year-old⟧ man", "a 90-plus-year-old man"),
        ("⟦age:90岁⟧以上", "90岁以上"),
    ],
)
def test_dates_and_ages_keep_their_spelling(marked: str, shape: str) -> None:
    for key in "abcdefgh":
        (new,) = rewritten(marked, key=key)
        assert re.fullmatch(shape, new), new
        if marked.startswith("⟦date"):
            assert new != spanned(marked)[0]


@given(
    first=st.dates(date(1995, 1, 1), date(2024, 12, 31)),
    second=st.dates(date(1995, 1, 1), date(2024, 12, 31)),
    key=st.binary(min_size=1, max_size=8),
)
@settings(deadline=None)
def test_distances_and_weekdays_stay(first: date, second: date, key: bytes) -> None:
    text, spans = spanned(f"⟦date:{first.isoformat()}⟧ ⟦date:{second.year}年{second.month}月{second.day}日⟧")
    (new,) = replaced([text], [spans], "surrogates", key)
    one, other = new.split()
    moved = [date.fromisoformat(one), date(*map(int, re.findall(r"\d+", other)))]
    assert moved[1] - moved[0] == second - first
    assert moved[0].weekday() == first.weekday()
    assert 35 <= abs((moved[0] - first).days) <= 329


@given(start=st.dates(date(2001, 1, 1), date(2024, 12, 31)), gap=st.integers(1, 60), key=st.binary(min_size=1))
@settings(deadline=None)
def test_a_day_without_its_year_moves_with_the_others(start: date, gap: int, key: bytes) -> None:
    end = date.fromordinal(start.toordinal() + gap)
    text, spans = spanned(f"⟦date:{start.isoformat()}⟧ ⟦date:{end.month}月{end.day}日⟧")
    (new,) = replaced([text], [spans], "surrogates", key)
    one, other = new.split()
    month, day = map(int, re.findall(r"\d+", other))
    moved = date.fromordinal(date.fromisoformat(one).toordinal() + gap)
    assert (moved.month, moved.day) == (month, day)


def test_one_date_says_how_the_others_are_read() -> None:
    (new,) = rewritten("on ⟦date:05/06/2023⟧ and ⟦date:05/22/2023⟧", key="a")
    one, other = (date(int(y), int(m), int(d)) for m, d, y in re.findall(r"(\d\d)/(\d\d)/(\d{4})", new))
    assert (other - one).days == 16


def test_dates_are_masked_or_moved_as_set() -> None:
    marked = "⟦date:2023-05-12⟧⟦name:王⟧"
    assert rewritten(marked, mode="placeholders") == ["[date][name]"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d\[name\]", rewritten(marked, mode="placeholders", dates="shift")[0])
    assert rewritten(marked, dates="mask")[0].startswith("[date]")


def test_places_keep_their_units_and_their_sameness() -> None:
    road, again, ward, house, short, english = rewritten(
        "⟦address:河南省郑州市金水区花园路18号院3号楼⟧",
        "⟦address:花园路18号⟧",
        "⟦hospital:郑大一附院骨科二病区17床⟧",
        "⟦hospital:郑州市第九人民医院⟧",
        "⟦hospital:协和⟧",
        "⟦address:12 Baker Street, London NW1 6XE⟧",
    )
    assert re.fullmatch(r".{2,3}省.{2,3}市.{2,3}区.{2,3}路\d\d号院\d号楼", road) and again[:-1] in road
    assert re.fullmatch(r".{2,3}医院骨科[一-九]病区\d\d床", ward)
    assert re.fullmatch(r".{2,3}人民医院", house) and re.fullmatch(r".{2,3}医院", short)
    assert re.fullmatch(r"\d\d [A-Z][a-z]+ Street, [A-Z][a-z]+ [A-Z]{2}\d \d[A-Z]{2}", english)
    assert not any(
        word in "".join((road, again, ward, house, short)) for word in ("郑", "河南", "花园", "金水", "协和")
    )


def test_every_type_has_both() -> None:
    seen = {span.type for _, spans in RECORDS for span in spans}
    assert seen == set(TYPES)


SIGNS = "王小老阿建国·・ -_.@/#[]()年月日岁初一二十廿零幺路号市省医院床病区AZaz09１Ａ微信QQ\n😀é"


@given(data=st.data(), mode=st.sampled_from(["placeholders", "surrogates"]), dates=st.sampled_from(["shift", "mask"]))
@settings(max_examples=500, deadline=None)
def test_whatever_a_tagger_finds_is_replaced(data: st.DataObject, mode: str, dates: str) -> None:
    """Spans of any type on any text: no error, nothing else touched, and the original gone."""
    texts, spans = [], []
    for _ in range(data.draw(st.integers(1, 3))):
        pieces = data.draw(
            st.lists(st.tuples(st.text(SIGNS, min_size=1, max_size=20), st.sampled_from(TYPES)), max_size=4)
        )
        text, ours = "<", []
        for piece, kind in pieces:
            ours.append(Span(len(text), len(text) + len(piece), kind))
            text += piece + "<>"
        texts.append(text)
        spans.append(ours)
    new = replaced(texts, spans, mode, "k", dates=dates)  # type: ignore[arg-type]
    for text, ours, out in zip(texts, spans, new, strict=True):
        at = 1
        assert out[0] == "<"
        for span in ours:
            end = out.index("<>", at)
            old, part = text[span.start : span.end], out[at:end]
            assert span.type == "age" or part != old or not re.search(r"\w", old), (span.type, old)
            at = end + 2
        assert at == len(out)


def test_different_identifiers_stay_different_and_none_becomes_another_one() -> None:
    records = [str(number) for number in range(70, 82)]
    new = rewritten("|".join(f"⟦mrn:{number}⟧" for number in records))[0].split("|")
    assert len(set(new)) == len(new) and not set(new) & set(records)
    people = [f"{sign}建国" for sign in "李张刘陈杨赵吴周徐孙朱胡郭林罗郑梁谢宋唐许韩冯邓"]
    new = rewritten("|".join(f"⟦name:{name}⟧" for name in people))[0].split("|")
    assert len({name[0] for name in new}) == len(people) and len({name[1:] for name in new}) == 1
    assert not set("".join(new)) & set("".join(people))


def test_dates_move_back_and_on() -> None:
    moved = [date.fromisoformat(rewritten("⟦date:2023-05-12⟧", key=str(key))[0]) for key in range(60)]
    earlier = sum(day < date(2023, 5, 12) for day in moved)
    assert 12 <= earlier <= 48  # 30 and four standard deviations


def test_the_birthday_in_an_identity_number_moves_as_the_dates_do() -> None:
    for key in "abcdef":
        day, card = rewritten("⟦date:1985-03-12⟧ ⟦id_card:110101198503120003⟧", key=key)[0].split()
        assert card[6:14] == day.replace("-", "")
        (old,) = rewritten("⟦id_card:110101193103120005⟧", key=key)
        assert int(old[6:10]) > 1943  # 1931 is not told, and no year near it
        (short,) = rewritten("⟦id_card:110101850312001⟧", key=key)
        assert re.fullmatch(r"\d{6}8[4-6]\d{4}000", short) and short[6:12] != "850312"


def test_a_numeral_is_written_as_it_was() -> None:
    days = [rewritten("⟦date:五月廿三号⟧", key=str(key))[0] for key in range(60)]
    assert any("廿" in day for day in days) and not any("二十" in day for day in days)
    days = [rewritten("⟦date:五月二十三号⟧", key=str(key))[0] for key in range(60)]
    assert any("二十" in day for day in days) and not any("廿" in day for day in days)
