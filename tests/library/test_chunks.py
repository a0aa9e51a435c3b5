"""Chunks: never across sections, of like size, parted at sentences, with nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctorglm.library.chunks import MOST_TOKENS, chunks_of, parted, tokens_in
from doctorglm.library.document import Document, Section

SENTENCE = "痛风急性发作时应当休息并抬高患肢，由医生决定如何用药。"


def test_tokens_of_chinese_and_english() -> None:
    assert tokens_in("痛风") == pytest.approx(1.4)
    assert tokens_in("gout attack") == pytest.approx(2.6)


def test_a_short_section_is_one_chunk() -> None:
    assert parted(SENTENCE) == [SENTENCE]


def test_a_long_section_is_parted_at_sentences_into_parts_of_like_size() -> None:
    parts = parted(SENTENCE * 60)
    sizes = [tokens_in(part) for part in parts]
    assert "".join(parts) == SENTENCE * 60
    assert all(part.endswith("。") for part in parts)
    assert max(sizes) <= MOST_TOKENS and min(sizes) >= MOST_TOKENS / 2


def test_english_is_parted_behind_a_full_stop() -> None:
    parts = parted("Gout is painful. " * 300)
    assert all(part.endswith("painful.") for part in parts) and len(parts) > 1


def test_sections_do_not_share_a_chunk() -> None:
    sections = (Section("病因", "causes", "尿酸高。"), Section("治疗", "treatment", "休息。"))
    chunks = list(chunks_of(Document(id="gout", title="痛风", sections=sections)))
    assert [(c.id, c.section.heading, c.text) for c in chunks] == [
        ("gout#0", "病因", "尿酸高。"),
        ("gout#1", "治疗", "休息。"),
    ]


@given(st.text(alphabet="痛风，。！a b.\n", max_size=4000))
def test_nothing_but_blanks_is_lost_and_no_part_is_too_long(text: str) -> None:
    parts = parted(text, 50)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(tokens_in(part) <= 50 and part.strip() for part in parts)


def test_a_sentence_without_a_mark_is_parted_all_the_same() -> None:
    parts = parted("痛" * 5000)
    assert "".join(parts) == "痛" * 5000 and max(map(tokens_in, parts)) <= MOST_TOKENS
