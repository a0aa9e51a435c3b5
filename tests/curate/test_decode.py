"""Bytes become text by a proved encoding or not at all."""

import gzip
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.curate.decode import decode, is_binary
from doctorglm.errors import DataError

TEXT = (
    "department,title,ask,answer\n内科,高血压怎么办？,我有高血压，请问医生怎么治疗？,您好，建议低盐饮食，按时吃药。\n"
)


@pytest.mark.parametrize(
    ("codec", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("gb18030", "gb18030"), ("gbk", "gb18030")]
)
def test_the_text_comes_back_and_the_encoding_is_named(codec: str, found: str) -> None:
    decoded = decode(TEXT.encode(codec), "x.csv")
    assert (decoded.text, decoded.encoding) == (TEXT, found)


@pytest.mark.parametrize("outside_gbk", ["䏲", "\ue006", "𠮷"])
def test_characters_outside_gbk_survive(outside_gbk: str) -> None:
    text = TEXT.replace("医生", outside_gbk)
    assert decode(text.encode("gb18030"), "x").text == text


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_utf8_is_always_read_as_itself(text: str) -> None:
    assert decode(b"\xef\xbb\xbf" + text.encode(), "x").text == text


@pytest.mark.parametrize(("first", "second"), [("utf-8", "gb18030"), ("gb18030", "utf-8")])
def test_a_file_of_two_encodings_is_refused_with_the_byte(first: str, second: str) -> None:
    start, rest = TEXT * 100, TEXT * 100
    data = start.encode(first) + rest.encode(second)
    with pytest.raises(DataError, match=r"two encodings.*UTF-8 at byte (\d+)") as caught:
        decode(data, "x.csv")
    offset = int(str(caught.value).split("UTF-8 at byte ")[1].split(",")[0])
    in_utf8 = range(len(start.encode())) if first == "utf-8" else range(len(start.encode(first)), len(data))
    assert offset in in_utf8


def test_utf8_inside_gb18030_is_found_even_where_it_would_decode() -> None:
    data = TEXT.encode("gb18030") + "您好您好您好您好\n".encode()
    assert "鎮ㄥソ" in data.decode("gb18030")
    with pytest.raises(DataError, match="two encodings"):
        decode(data, "x")


@pytest.mark.parametrize("codec", ["big5", "euc_kr", "shift_jis", "cp1251", "latin-1"])
def test_another_encoding_is_refused(codec: str) -> None:
    text = {
        "big5": "您好，高血壓應該怎麼治療？請問醫生，這個藥可以吃嗎？",
        "euc_kr": "안녕하세요, 고혈압은 어떻게 치료합니까? 이 약을 먹어도 됩니까?",
        "shift_jis": "こんにちは、高血圧はどう治療しますか。この薬を飲んでもいいですか。",
        "cp1251": "Здравствуйте, как лечить гипертонию? Можно ли пить это лекарство?",
        "latin-1": "Où avez-vous mal ? J'ai de la fièvre et des nausées, très souvent à l'épaule.",
    }[codec]
    with pytest.raises(DataError, match=r"x\.csv: (unknown encoding|neither UTF-8).*byte \d+"):
        decode((text * 20).encode(codec), "x.csv")


def test_one_wrong_byte_in_gb18030_is_named_and_not_ignored() -> None:
    good = (TEXT * 20).encode("gb18030")
    with pytest.raises(DataError, match=rf"nor GB18030 \(wrong at byte {len(good)}\)"):
        decode(good + b"\xff" + good, "x.csv")


def test_random_bytes_are_refused() -> None:
    with pytest.raises(DataError, match="UTF-8"):
        decode(random.Random(0).randbytes(4000), "x")


@pytest.mark.parametrize(("data", "what"), [(TEXT.encode("utf-16"), "UTF-16"), (b"PK\3\4....", "Excel")])
def test_known_kinds_that_are_not_read_are_named(data: bytes, what: str) -> None:
    with pytest.raises(DataError, match=what):
        decode(data, "x")


def test_gzip_is_unpacked_and_a_damaged_one_refused() -> None:
    packed = gzip.compress(TEXT.encode("gb18030"))
    assert decode(packed, "x").text == TEXT
    for damaged in (packed[:-9], packed[:30] + b"\0\0\0\0" + packed[34:]):
        with pytest.raises(DataError, match="gzip file is damaged"):
            decode(damaged, "x.gz")


def test_binary_is_told_from_text() -> None:
    assert is_binary(b"\x89PNG\r\n" + bytes(100))
    assert not is_binary(TEXT.encode("gb18030"))
    assert not is_binary((TEXT * 20 + "\0").encode())
    assert not is_binary(b"")
