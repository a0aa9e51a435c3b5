"""What a text speaks of under a chart's names, and what entries write for what patients say."""

from doctorglm.library.concepts import concept, concepts_in
from doctorglm.library.spoken import written


def test_what_patients_and_charts_say_is_one_concept() -> None:
    assert concepts_in("拉肚子") == concepts_in("腹泻") == [concept("稀便")]


def test_english_words_stand_alone() -> None:
    assert concepts_in("a fever") == [concept("发烧")] and concepts_in("feverfew") == []


def test_what_is_written_for_what_is_said() -> None:
    assert written("大姨妈来了肚脐眼疼") == ["月经", "脐周", "腹部"]
    assert written("失眠") == ["入睡困难"], "a word is not written for itself"
