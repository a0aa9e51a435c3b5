"""What is taken of a search and what is tried again: ends, caps, loops, characters that are none.

OpenNMT/CTranslate2#1694: 'Hello' becomes 你好 256 times.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import pytest

from doctorglm.translate.student.bulk import Student, StudentSettings
from doctorglm.translate.student.decoding import END, Decoder, DecodingSettings, Said, loops

HELLO = ("▁Hello", END)


@dataclass
class Result:
    hypotheses: list[list[str]]


class Searches:
    """CTranslate2's translator by a script; what each search was asked with."""

    def __init__(self, script: Callable[[list[str], dict[str, Any]], list[str]]) -> None:
        self.script, self.calls = script, list[tuple[int, dict[str, Any]]]()

    def translate_batch(self, batch: Sequence[list[str]], **how: Any) -> list[Result]:
        self.calls.append((len(batch), how))
        return [Result([self.script(source, how)]) for source in batch]


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Decoder, Searches]]:
    def made(script: Callable[..., list[str]], **settings: Any) -> tuple[Decoder, Searches]:
        searches = Searches(script)
        monkeypatch.setattr(ctranslate2, "Translator", lambda *_, **__: searches)
        return Decoder(Path("model"), DecodingSettings(**settings), 100), searches

    return made


def test_what_has_no_end_is_tried_otherwise_and_never_taken(decoder: Any) -> None:
    """C034."""
    one, searches = decoder(lambda _, how: ["你好"] * how["max_decoding_length"])
    assert one.translate((HELLO,)) == [Said((), "cut_off")]
    assert [how["beam_size"] for _, how in searches.calls] == [4, 6, 1]
    # 2 tokens, twice as many and 16 free, and the end
    assert {how["max_decoding_length"] for _, how in searches.calls} == {2 * 2 + 16 + 1}


def test_only_what_failed_is_tried_again_and_the_second_try_may_do(decoder: Any) -> None:
    def script(source: list[str], how: dict[str, Any]) -> list[str]:
        if source == list(HELLO) and "no_repeat_ngram_size" not in how:
            return ["你好"] * 5 + [END]
        return ["你好", END]

    one, searches = decoder(script, beam=2)
    assert one.translate((("▁Hi", END), HELLO)) == [Said(("你好",)), Said(("你好",))]
    assert [number for number, _ in searches.calls] == [2, 1]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([END], "empty"),
        (["发", "<unk>", END], "damaged"),
        (["头", "痛", ",", "头", "痛", ",", "头", "痛", ",", "头", "痛", END], "loop"),
        (["甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸", END], "too_long"),
        (["头", "痛", END], ""),
    ],
)
def test_why_one_is_not_taken(said: list[str], reason: str, decoder: Any) -> None:
    settings = {} if reason != "too_long" else {"length_ratio": 0.5, "length_more": 8}
    one, _ = decoder(lambda *_: said, **settings)
    # in a batch with a longer one, whose cap is higher
    found = one.translate((HELLO, (*"abcdefghijklmnop", END)))[0]
    assert found == Said(() if reason else ("头", "痛"), reason)


def test_a_source_without_its_end_is_refused(decoder: Any) -> None:
    with pytest.raises(ValueError, match="end token"):
        decoder(lambda *_: [END])[0].translate((("▁Hello",),))


def test_every_source_has_its_end(trained: Path) -> None:
    student = Student(trained)
    for text in ("Hello", "", "</s>", "Hello </s>"):
        tokens = student.tokens(student.source(text))
        assert tokens[-1] == END and tokens.count(END) == 1


def test_without_the_end_the_fault_is_there(trained: Path) -> None:
    """The trained student does go on where the end is left out: what the refusal is for."""
    student = Student(trained, StudentSettings(beam=1))
    model = ctranslate2.Translator(str(trained / "ct2-int8"), intra_threads=1)
    whole = student.tokens("Hello")
    with_end, without = (
        model.translate_batch([list(tokens)], beam_size=1, max_decoding_length=100)[0].hypotheses[0]
        for tokens in (whole, whole[:-1])
    )
    assert with_end == ["你好"] and without != with_end


@pytest.mark.parametrize(
    ("chinese", "english"),
    [
        ("你好" * 256, "Hello"),
        ("我头痛，我头痛，我头痛，怎么办？", "My head hurts, what can I do?"),
        ("非常非常非常非常严重", "very bad"),
        ("不要服用阿司匹林。不要服用阿司匹林。不要服用阿司匹林。", "Do not take aspirin."),
    ],
)
def test_a_loop(chinese: str, english: str) -> None:
    assert loops(chinese, english)


@pytest.mark.parametrize(
    ("chinese", "english"),
    [
        ("你好", "Hello"),
        ("血压1000000000", "1000000000"),
        ("不不不不", "no no no no"),
        ("头痛，头痛，头痛，头痛", "headache, headache, headache, headache"),
        ("疼痛……………………", "it hurts..."),
        ("常常感到慢慢地好转", "often feels slowly better"),
        ("早上1片，中午1片，晚上1片", "one in the morning, one at noon, one in the evening"),
    ],
)
def test_no_loop(chinese: str, english: str) -> None:
    assert not loops(chinese, english)


def test_no_translation_is_longer_than_the_model_can_count(decoder: Any) -> None:
    one, searches = decoder(lambda *_: ["好", END])
    one.translate((("x",) * 89 + (END,),))
    assert searches.calls[0][1]["max_decoding_length"] == 100


def test_each_setting_changes_the_search(decoder: Any) -> None:
    for settings, name, value in (
        ({"beam": 2}, "beam_size", 2),
        ({"length_ratio": 3.0}, "max_decoding_length", 3 * 2 + 16 + 1),
        ({"length_more": 5}, "max_decoding_length", 2 * 2 + 5 + 1),
    ):
        one, searches = decoder(lambda *_: ["好", END], **settings)
        one.translate((HELLO,))
        assert searches.calls[0][1][name] == value
        assert searches.calls[0][1]["max_input_length"] == 0  # nothing of a source is cut off
