"""A sheet for a reviewer: what is drawn, what can be read back, and what is refused."""

import json
import random
import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from doctorglm.conversation import Conversation, Message
from doctorglm.curate.review import FILE, READ, SIGN, Sheet
from doctorglm.curate.signed import exact_bounds, read_signed, signed_review
from doctorglm.errors import DataError

LONG = "很长的病史。" * 9_000  # over what a cell holds


def talk(number: int, said: str = "我头疼。") -> Conversation:
    return Conversation(
        id=f"x-{number:04d}", messages=(Message("user", said), Message("assistant", f"休息{number}天。"))
    )


def drawn(order: list[int], count: int, seed: int, path: Path) -> dict[str, Any]:
    sheet = Sheet(count, seed)
    for number in order:
        sheet.offer(talk(number))
    return sheet.write(path)


def written(path: Path, said: tuple[str, ...] = ("我头疼。", "我[name]头疼。", "血压138/92。")) -> dict[str, Any]:
    sheet = Sheet(len(said), 0)
    for number, text in enumerate(said):
        sheet.offer(talk(number, text))
    return sheet.write(path)


def filled(
    path: Path, change: Callable[[Any], None] = lambda book: None, *, numbers: tuple[Any, ...] = (0, 2, 0)
) -> None:
    book = openpyxl.load_workbook(path)
    book[SIGN]["B2"], book[SIGN]["B3"] = "审阅人甲", "2026-11-29"
    for row, number in enumerate(numbers, 2):
        book[READ].cell(row, 3, number)
    change(book)
    book.save(path)


def test_the_drawing_depends_on_seed_and_ids_and_not_on_order(tmp_path: Path) -> None:
    numbers = list(range(500))
    first = drawn(numbers, 40, 1, tmp_path / "a.xlsx")
    random.Random(0).shuffle(numbers)
    again = drawn(numbers + numbers[:100], 40, 1, tmp_path / "b.xlsx")
    assert list(first["ids"].items()) == list(again["ids"].items()) and first["records"] == 40
    assert drawn(numbers, 40, 2, tmp_path / "c.xlsx")["ids"] != first["ids"]
    assert len(drawn(numbers[:7], 40, 1, tmp_path / "d.xlsx")["ids"]) == 7


def test_every_conversation_is_drawn_as_often(tmp_path: Path) -> None:
    hits = [0] * 20
    for seed in range(200):
        for identifier in drawn(list(range(20)), 5, seed, tmp_path / "s.xlsx")["ids"]:
            hits[int(identifier[2:])] += 1
    assert sum(hits) == 1000
    assert all(25 <= hit <= 77 for hit in hits), hits  # 50 each, 4 standard deviations


def test_a_signed_sheet_comes_back(tmp_path: Path) -> None:
    asked = written(tmp_path / FILE)
    filled(tmp_path / FILE, numbers=(0, "２", 1.0))
    review = read_signed(tmp_path / FILE, asked["ids"])
    assert (review.records, review.missed, review.conversations_with_a_miss) == (3, 3, 2)
    assert (review.rate, review.missed_per_conversation) == (2 / 3, 1.0)
    assert (review.signed_by, review.date) == ("审阅人甲", "2026-11-29")
    assert review.low < review.rate < review.high
    result = signed_review(tmp_path, {"deid": {"review": asked}})
    assert result and result["high"] == review.high and result["ids"] == asked["ids"] and len(result["sha256"]) == 64
    json.dumps(result)


def test_rows_may_come_in_another_order(tmp_path: Path) -> None:
    asked = written(tmp_path / FILE)

    def turned(book: Any) -> None:
        rows = [[cell.value for cell in row] for row in book[READ].iter_rows(min_row=2)]
        for at, row in enumerate(reversed(rows), 2):
            for column, value in enumerate(row, 1):
                book[READ].cell(at, column).value = value

    filled(tmp_path / FILE, turned)
    assert read_signed(tmp_path / FILE, asked["ids"]).missed == 2


def test_the_file_is_private_and_runs_no_formula(tmp_path: Path) -> None:
    sheet = Sheet(3, 0)
    sheet.offer(Conversation(id="=1+1", messages=(Message("user", "=SUM(A1)\x01\ud800"),)))
    sheet.offer(Conversation(id="y-1", messages=(Message("user", LONG),)))
    asked = sheet.write(tmp_path / FILE)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == [FILE]
    rows = list(openpyxl.load_workbook(tmp_path / FILE)[READ].iter_rows(min_row=2))
    assert {cell.data_type for row in rows for cell in row if cell.value} == {"s"}
    long = next(row for row in rows if row[0].value == "y-1")
    assert "".join(cell.value for cell in (long[1], *long[4:]) if cell.value) == "user: " + LONG
    assert all(len(cell.value or "") < 32_767 for row in rows for cell in row)
    filled(tmp_path / FILE, numbers=(0, 0))
    assert read_signed(tmp_path / FILE, asked["ids"]).records == 2


def sign(at: str, value: Any) -> Callable[[Any], None]:
    return lambda book: book[SIGN].__setitem__(at, value)


def put(at: str, value: Any) -> Callable[[Any], None]:
    return lambda book: book[READ].__setitem__(at, value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (sign("B2", None), "reviewer's name is missing"),
        (sign("B3", " "), "date, as YYYY-MM-DD is missing"),
        (sign("B3", "2026-13-01"), "date, as YYYY-MM-DD is missing"),
        (put("C3", None), "row 3 .*: no number"),
        (put("C4", "张三漏了"), "row 4 .*not a whole number"),
        (put("C4", -1), "row 4 .*not a whole number"),
        (put("C4", 1.5), "row 4 .*not a whole number"),
        (put("A2", "x-9999"), "row 2 .*twice, or not of this run"),
        (put("B3", "user: 我好了。"), "row 3 .*text is not the one"),
        (lambda book: book[READ].delete_rows(3), "1 of 3 rows are missing"),
        (lambda book: book[READ].append([book[READ]["A2"].value, book[READ]["B2"].value, 0]), "row 5 .*there twice"),
        (lambda book: book.remove(book[READ]), "is missing. Use the workbook"),
    ],
)
def test_what_is_not_whole_is_refused(tmp_path: Path, change: Callable[[Any], None], says: str) -> None:
    asked = written(tmp_path / FILE)
    filled(tmp_path / FILE, change)
    with pytest.raises(DataError, match=says) as error:
        read_signed(tmp_path / FILE, asked["ids"])
    assert error.value.text.zh and error.value.text.zh != error.value.text.en
    assert "张三" not in error.value.text.zh + error.value.text.en


@pytest.mark.parametrize("value", ["2026-11-09", "2026/11/9", "2026年11月9日", "2026.11.9", date(2026, 11, 9)])
def test_a_date_as_people_write_it(tmp_path: Path, value: Any) -> None:
    asked = written(tmp_path / FILE)
    filled(tmp_path / FILE, sign("B3", value))
    assert read_signed(tmp_path / FILE, asked["ids"]).date == "2026-11-09"


def test_an_unsigned_sheet_is_named_and_a_half_signed_one_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = written(tmp_path / FILE)
    record = {"deid": {"review": asked}}
    assert signed_review(tmp_path, record) is None
    assert "not signed yet" in capsys.readouterr().err
    assert signed_review(tmp_path, {}) is None and signed_review(tmp_path, {"deid": None}) is None
    assert not capsys.readouterr().err
    filled(tmp_path / FILE, numbers=(0,))
    with pytest.raises(DataError, match="row 3"):
        signed_review(tmp_path, record)
    (tmp_path / FILE).write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(DataError, match="not a workbook"):
        signed_review(tmp_path, record)
    (tmp_path / FILE).unlink()
    assert signed_review(tmp_path, record) is None
    assert "is gone" in capsys.readouterr().err


def test_the_bounds_are_exact() -> None:
    beta = pytest.importorskip("scipy.stats", reason="needs scipy, of doctorglm[evaluate]").beta
    for count, n in [(0, 300), (1, 300), (7, 300), (299, 300), (300, 300), (2, 3), (0, 1), (150, 2000)]:
        low, high = exact_bounds(count, n)
        assert low == pytest.approx(beta.ppf(0.05, count, n - count + 1) if count else 0, abs=1e-9)
        assert high == pytest.approx(beta.ppf(0.95, count + 1, n - count) if count < n else 1, abs=1e-9)
    assert exact_bounds(0, 300)[1] == pytest.approx(1 - 0.05 ** (1 / 300))
