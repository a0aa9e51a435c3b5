"""Bytes become text by a proved encoding or not at all."""

import io
import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.errors import DataError
from doctorglm.files.encoding import is_binary, prove

TEXT = (
    "department,title,ask,answer\n内科,高血压怎么办？,我有高血压，请问医生怎么治疗？,您好，建议低盐饮食，按时吃药。\n"
)


TRADITIONAL = "您好，高血壓應該怎麼治療？請問醫生，這個藥可以吃嗎？\n"


@dataclass
class Decoded:
    text: str
    encoding: str


def decode(data: bytes, name: str) -> Decoded:
    """The proved codec, and what it makes of the bytes."""
    codec = prove(lambda: io.BytesIO(data), name)
    return Decoded(data.decode(codec), codec)


@pytest.mark.parametrize(
    ("codec", "found"),
    [("utf-8", "utf-8-sig"), ("utf-8-sig", "utf-8-sig"), ("gb18030", "gb18030"), ("gbk", "gb18030")],
)
def test_the_text_comes_back_and_the_encoding_is_named(codec: str, found: str) -> None:
    decoded = decode(TEXT.encode(codec), "x.csv")
    assert (decoded.text, decoded.encoding) == (TEXT, found)


def test_utf8_with_a_nul_is_not_taken_for_utf16() -> None:
    assert decode("00\x00\U0010b000".encode(), "x").text == "00\x00\U0010b000"


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


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(codec: str) -> None:
    assert decode(TEXT.encode(codec), "x") == Decoded(TEXT, codec)


@pytest.mark.parametrize("bom", [b"\xff\xfe", b"\xfe\xff"])
def test_utf16_with_a_mark(bom: bytes) -> None:
    codec = "utf-16-le" if bom[0] == 0xFF else "utf-16-be"
    assert decode(bom + TEXT.encode(codec), "x") == Decoded("\ufeff" + TEXT, codec)
    with pytest.raises(DataError, match=r"x: UTF-16 that is wrong at byte"):
        decode(bom + TEXT.encode(codec) + b"\x00", "x")


def test_big5_is_told_from_gb18030() -> None:
    for text in (TRADITIONAL, TRADITIONAL * 100):
        assert decode(text.encode("big5"), "x") == Decoded(text, "big5hkscs")
        # 您 and 嗎 stand in GB18030 too: a Traditional text may be in either
        assert decode(text.encode("gb18030"), "x") == Decoded(text, "gb18030")


@pytest.mark.parametrize("codec", ["utf-8", "gb18030", "big5", "utf-16-le"])
def test_a_character_across_the_border_of_two_reads(codec: str) -> None:
    for shift in range(4):
        text = "a" * ((1 << 20) - shift) + TRADITIONAL * 10
        assert decode(text.encode(codec), "x").text == text


@pytest.mark.parametrize("codec", ["euc_kr", "shift_jis", "cp1251", "latin-1"])
def test_another_encoding_is_refused(codec: str) -> None:
    text = {
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


def test_binary_is_told_from_text() -> None:
    assert is_binary(b"\x89PNG\r\n" + bytes(100))
    assert not is_binary(TEXT.encode("gb18030"))
    assert not is_binary((TEXT * 20 + "\0").encode())
    assert not is_binary(b"")
    assert not is_binary(TEXT.encode("utf-16"))
