"""Many texts: each sentence once, in order, from the cache where it was made before; what failed is not taken."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doctorglm.translate.cache import Cache
from doctorglm.translate.entry import Entry
from doctorglm.translate.outcome import Outcome, Translator
from doctorglm.translate.student.bulk import Local, Student, StudentSettings, batched
from doctorglm.translate.student.decoding import Batch, Said, Tokens

from .tiny import chinese, english


class Watched:
    """An engine that remembers its batches, and fails or stops where it is told to."""

    def __init__(self, *model: Any) -> None:
        self.local, self.batches = Local(*model), list[Batch]()
        self.failing: Callable[[Tokens], bool] = lambda _: False
        self.after: int | None = None

    def decode(self, batches: Sequence[Batch]) -> Iterator[list[Said]]:
        for batch in batches:
            if self.after is not None and len(self.batches) >= self.after:
                raise KeyboardInterrupt
            self.batches.append(batch)
            (said,) = self.local.decode([batch])
            yield [Said((), "loop") if self.failing(tokens) else one for tokens, one in zip(batch, said, strict=True)]

    @property
    def sentences(self) -> list[Tokens]:
        return [tokens for batch in self.batches for tokens in batch]


def watched(folder: Path, **given: Any) -> tuple[Student, Watched]:
    engines = list[Watched]()

    def make(*model: Any) -> Watched:
        engines.append(Watched(*model))
        return engines[0]

    return Student(folder, engine=make, **given), engines[0]


def test_lines_sentences_and_what_stays(trained: Path) -> None:
    student: Translator = Student(trained)
    text = "Hello! Rest today.\n\n- Water daily\n- 120/80\n* No\n"
    assert student.translate([text, "", " \n", "头痛", "120/80"]) == [
        Outcome("你好!休息今天。\n\n- 喝水每天\n- 120/80\n* 不\n", "student"),
        Outcome("", "empty"),
        Outcome(" \n", "empty"),
        Outcome("头痛", "chinese"),
        Outcome("120/80", "no_words"),
    ]


def test_a_list_keeps_its_lines(trained: Path) -> None:
    """C036: line by line, so that one cannot run into the next."""
    lines = ["Aspirin 100 mg", "Metformin 500 mg"] * 4
    said = Student(trained).translate(["\n".join(lines)])[0].chinese or ""
    assert said.split("\n") == [chinese(line) for line in lines]
    assert said.split("\n")[:2] == ["阿司匹林100毫克", "二甲双胍500毫克"]


def test_a_sign_of_languages_is_put_in_front_and_never_comes_out(of_languages: Path, trained: Path) -> None:
    """C044."""
    student = Student(of_languages)
    assert student.source("I have a fever.") == ">>cmn_Hans<< I have a fever."
    assert student.source(">>cmn_Hans<< I have a fever.") == ">>cmn_Hans<< I have a fever."
    assert student.tokens(student.source("fever"))[0] == ">>cmn_Hans<<"
    assert student.chinese((">>cmn_Hans<<", "发烧", ">>cmn_Hant<<")) == "发烧"
    assert student.chinese((">>", "zho", "<<", "发烧")) == "发烧"  # spelled
    for text in (">>cmn_Hans<< Hello", "Hello"):
        for one in Student(trained), student:
            assert ">>" not in (one.translate([text])[0].chinese or "")
    assert Student(trained).translate([">>cmn_Hans<< Hello"])[0].chinese == "你好"


def test_no_sign_of_the_vocabulary_comes_out(trained: Path) -> None:
    student = Student(trained)
    assert student.chinese(("<term>", "发烧", "<as>", "</term>", "</s>", "<pad>", "<unk>")) == "发烧"


def test_terms_are_written_in_where_the_student_knows_tags(student: Path) -> None:
    glossary = [Entry("angina", ("心绞痛", "狭心症"))]
    assert Student(student, glossary=glossary).source("has angina") == "has <term> angina <as> 心绞痛 </term>"
    assert Student(student).source("has angina") == "has angina"
    (student / "student.json").write_text('{"tags": false}', "utf-8")
    assert Student(student, glossary=glossary).source("has angina") == "has angina"


def test_a_sentence_is_translated_once_wherever_it_stands(trained: Path) -> None:
    student, engine = watched(trained)
    texts = ["Hello. Rest today.", "Rest today. Hello.", "Hello."]
    said = student.translate(texts)
    assert len(engine.sentences) == 2
    assert [one.chinese for one in said] == ["你好。休息今天。", "休息今天。你好。", "你好。"]


def test_order_and_batches_do_not_depend_on_one_another(trained: Path) -> None:
    seed = random.Random(3)
    texts = [english(seed) for _ in range(60)]
    whole, small = watched(trained), watched(trained, settings=StudentSettings(batch_tokens=24, cores=1))
    assert whole[0].translate(texts) == small[0].translate(texts)
    assert len(small[1].batches) > len(whole[1].batches)
    for batch in small[1].batches:
        assert len(batch) == 1 or max(map(len, batch)) * len(batch) <= 24
    lengths = [len(tokens) for tokens in small[1].sentences]
    assert lengths == sorted(lengths, reverse=True)


def test_batches_hold_every_source_once() -> None:
    sources = [(f"s{i}", ("x",) * (1 + i % 7)) for i in range(50)]
    batches = list(batched(sources, 21))
    assert sorted(one for batch in batches for one in batch) == sorted(sources)
    assert all(max(len(t) for _, t in b) * len(b) <= 21 for b in batches)
    assert [len(b) for b in batched([("a", ("x",) * 99), ("b", ("x",))], 21)] == [1, 1]
    assert list(batched([], 21)) == []


def test_what_was_made_before_is_taken_from_the_cache(trained: Path, tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite") as cache:
        first, _ = watched(trained, cache=cache)
        said = first.translate(["Hello. Rest today."])
        again, engine = watched(trained, cache=cache)
        assert again.translate(["Rest today. Hello. Water."])[0].chinese == "休息今天。你好。喝水。"
        assert len(engine.sentences) == 1
        assert again.translate(["Hello. Rest today."]) == said
        other, engine = watched(trained, cache=cache, settings=replace(StudentSettings(), beam=1))
        other.translate(["Hello."])
        assert len(engine.sentences) == 1
        cores, engine = watched(trained, cache=cache, settings=StudentSettings(cores=1))
        cores.translate(["Hello."])
        assert engine.sentences == []


def test_a_run_that_is_stopped_has_its_finished_batches(trained: Path, tmp_path: Path) -> None:
    texts = ["Hello today water.", "Rest today.", "Fever."]
    settings = StudentSettings(batch_tokens=4)
    with Cache(tmp_path / "c.sqlite") as cache:
        student, engine = watched(trained, cache=cache, settings=settings)
        engine.after = 2
        with pytest.raises(KeyboardInterrupt):
            student.translate(texts)
        student, engine = watched(trained, cache=cache, settings=settings)
        assert [one.chinese for one in student.translate(texts)] == [*map(chinese, texts)]
        assert len(engine.sentences) == 1


def test_a_text_with_a_sentence_that_failed_is_rejected_and_known_to_be(trained: Path, tmp_path: Path) -> None:
    with Cache(tmp_path / "c.sqlite") as cache:
        student, engine = watched(trained, cache=cache)
        fever = student.tokens("Fever.")
        engine.failing = lambda tokens: tokens == fever
        wanted = [Outcome(None, "", "loop"), Outcome("你好。", "student")]
        assert student.translate(["Hello. Fever.", "Hello."]) == wanted
        again, engine = watched(trained, cache=cache)
        assert again.translate(["Hello. Fever.", "Hello."]) == wanted and engine.sentences == []


def test_a_source_beyond_the_models_positions_is_not_cut_in_silence(trained: Path) -> None:
    student, engine = watched(trained)
    # the student's vocabulary spells what it does not know: more tokens than its 128 positions, in one sentence
    strange = "msdw" * 90
    assert len(student.tokens(strange)) > 128
    assert student.translate([strange, "Hello."]) == [
        Outcome(None, "", "source_too_long"),
        Outcome("你好。", "student"),
    ]
    assert len(engine.sentences) == 1


def test_progress_grows_to_one(trained: Path) -> None:
    told = list[float]()
    seed = random.Random(4)
    Student(trained, StudentSettings(batch_tokens=40), told=told.append).translate([english(seed) for _ in range(40)])
    assert len(told) > 3 and told == sorted(told) and told[-1] == 1


def test_half_a_character_and_signs_in_a_text(trained: Path) -> None:
    said = Student(trained).translate(["Hello \ud83d.", "</s> Hello <term>", "Hello\x00 no", "\u2028Hello"])
    assert all(one.chinese or one.reason for one in said)
