"""The cache of answers and accounts: by content, in one transaction, shared."""

import sqlite3
import stat
from pathlib import Path

import pytest

from doctorglm.errors import DataError
from doctorglm.translate.cache import Cache, Known, Spent, key_of

ROWS = [("angina", ("心绞痛",))]


def test_each_part_of_a_key_counts() -> None:
    keys = {
        key_of("a", "1", ROWS, "text"),
        key_of("b", "1", ROWS, "text"),
        key_of("a", "2", ROWS, "text"),
        key_of("a", "1", [], "text"),
        key_of("a", "1", ROWS, "text "),
        key_of("a", "1", ROWS, "\ud800"),
    }
    assert len(keys) == 6 and key_of("a", "1", ROWS, "text") in keys


def test_answers_outlive_the_process(tmp_path: Path) -> None:
    with Cache(tmp_path / "new" / "c.sqlite") as cache:
        number = cache.reserve("run", 0.5, None)
        assert number is not None
        cache.settle(number, 0.2, {"a": Known("甲", 1), "b": Known(None, 1, "echoed")})
    assert stat.S_IMODE((tmp_path / "new" / "c.sqlite").stat().st_mode) == 0o600
    with Cache(tmp_path / "new" / "c.sqlite") as cache:
        assert cache.known(["a", "b", "c"]) == {"a": Known("甲", 1), "b": Known(None, 1, "echoed")}
        assert cache.spent("run") == Spent(0.2, 1, 0) and cache.spent("other") == Spent(0.0, 0, 0)


def test_a_chinese_text_is_not_lost_to_a_later_fault(cache: Cache) -> None:
    for said in (Known(None, 1, "empty"), Known("甲", 2), Known(None, 3, "echoed")):
        cache.settle(cache.reserve("", 0, None) or 0, None, {"a": said})
    assert cache.known(["a"]) == {"a": Known("甲", 2)}


def test_many_keys(cache: Cache) -> None:
    cache.settle(1, None, {str(n): Known(str(n), 1) for n in range(1203)})
    assert len(cache.known(str(n) for n in range(1300))) == 1203


def test_what_is_reserved_counts_until_it_is_settled_and_stays_where_the_price_is_unknown(cache: Cache) -> None:
    first = cache.reserve("run", 0.6, 1.0)
    assert first == 1 and cache.reserve("run", 0.6, 1.0) is None
    assert cache.reserve("another", 0.6, 1.0) == 2
    cache.settle(first, 0.1, {})
    second = cache.reserve("run", 0.6, 1.0)
    assert second == 3 and cache.spent("run") == Spent(pytest.approx(0.7), 2, 1)
    cache.settle(second, None, {})
    assert cache.spent("run") == Spent(pytest.approx(0.7), 2, 0)


def test_a_transaction_that_fails_keeps_neither_price_nor_answer(cache: Cache) -> None:
    number = cache.reserve("run", 0.5, None)
    assert number is not None
    with pytest.raises(sqlite3.Error):
        cache.settle(number, 0.1, {"a": Known("甲", 1), "b": Known("乙", 1, None)})  # type: ignore[arg-type]
    assert cache.known(["a"]) == {} and cache.spent("run") == Spent(0.5, 1, 1)


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite") as one, Cache(tmp_path / "c.sqlite") as other:
        assert [one.reserve("run", 0.4, 1.0), other.reserve("run", 0.4, 1.0), one.reserve("run", 0.4, 1.0)] == [
            1,
            2,
            None,
        ]
        other.settle(2, 0.1, {"a": Known("甲", 1)})
        assert one.known(["a"]) == {"a": Known("甲", 1)}


@pytest.mark.parametrize("what", [b"no database at all" * 100, "another"])
def test_another_file_is_refused(what: bytes | str, tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    if isinstance(what, bytes):
        path.write_bytes(what)
    else:
        data = sqlite3.connect(path)
        data.execute("CREATE TABLE answers (question TEXT)")
        data.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="not a cache"):
        Cache(path)
    if isinstance(what, bytes):
        assert path.read_bytes() == before
